//! Working memory that a thread keeps between blocks of work: fresh memory would cost more than what is computed in it.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::simd::Aligned;

/// Pieces that a thread keeps.
const KEPT_LIMIT: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
}

/// Memory on loan; it returns to the thread that drops it.
pub(super) struct Scratch(Aligned);

impl Scratch {
    /// `length` floats of no particular value.
    pub fn new(length: usize) -> Self {
        let mut memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        memory.resize(length);
        Self(memory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.0);
        FREE.with_borrow_mut(|free| {
            if free.len() < KEPT_LIMIT {
                free.push(memory);
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];
    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Scratch {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}
