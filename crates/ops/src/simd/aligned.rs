//! Memory for packed operands.

/// Floats that start at a cache line, so that no vector load straddles two.
#[derive(Debug, Default)]
pub struct Aligned {
    storage: Vec<f32>,
    start: usize,
    length: usize,
}

impl Aligned {
    /// Bytes of a cache line.
    const LINE_BYTES: usize = 64;
    const LINE: usize = Self::LINE_BYTES / size_of::<f32>();

    /// `length` zeros.
    #[must_use]
    pub fn zeros(length: usize) -> Self {
        let storage = vec![0.0; length + Self::LINE];
        let start = Self::first_line(&storage);
        Self { storage, start, length }
    }

    /// Makes the length `length`; what the memory holds afterwards is not specified. Allocates only to grow.
    pub fn resize(&mut self, length: usize) {
        if self.storage.len() < length + Self::LINE {
            *self = Self::zeros(length);
        }
        self.length = length;
    }

    /// Floats before the first line of `storage`.
    fn first_line(storage: &[f32]) -> usize {
        let into_line = storage.as_ptr().addr() % Self::LINE_BYTES;
        (Self::LINE_BYTES - into_line) % Self::LINE_BYTES / size_of::<f32>()
    }
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    #[inline]
    fn deref(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.length]
    }
}

impl std::ops::DerefMut for Aligned {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.length]
    }
}
