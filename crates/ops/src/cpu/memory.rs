//! The memory of [`super::Cpu`]: words at a cache line, seen as integers or as floats.

use bytemuck::{cast_slice, cast_slice_mut};

use crate::backend::{BackendError, Buffer, View};
use crate::simd::Aligned;

/// Words of a buffer.
pub(super) struct Memory(Aligned);

impl Memory {
    /// Zeros, which the system gives when they are first touched.
    pub fn allocate(backend: &'static str, words: usize) -> Result<Self, BackendError> {
        // Aligned memory cannot say that there is none; this can.
        let probe = Vec::<f32>::new().try_reserve_exact(words.saturating_add(1));
        probe.map_err(|_| BackendError::OutOfMemory { backend, words })?;
        Ok(Self(Aligned::zeros(words)))
    }

    pub fn words(&self) -> &[u32] {
        cast_slice(&self.0)
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        cast_slice_mut(&mut self.0)
    }

    /// The memory of a buffer. Panics if another backend made it.
    pub fn of(buffer: &Buffer) -> &Self {
        buffer.0.downcast_ref().expect("the buffer is of this backend")
    }

    /// The memory of a buffer. Panics if another backend made it.
    pub fn of_mut(buffer: &mut Buffer) -> &mut Self {
        buffer.0.downcast_mut().expect("the buffer is of this backend")
    }
}

/// The first `length` floats of an input. Panics if there are fewer.
pub(super) fn floats<'a>(view: &View<'a>, length: usize) -> &'a [f32] {
    &Memory::of(view.buffer).0[..length]
}

/// All floats of an input.
pub(super) fn all_floats<'a>(view: &View<'a>) -> &'a [f32] {
    &Memory::of(view.buffer).0
}

/// The first `length` floats of an output. Panics if there are fewer.
pub(super) fn floats_mut(buffer: &mut Buffer, length: usize) -> &mut [f32] {
    &mut Memory::of_mut(buffer).0[..length]
}
