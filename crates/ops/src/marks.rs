//! Marks: proof that tests went where it is difficult.
//!
//! Fast paths call [`mark`] where a case of theirs is rare and dangerous (a tile at an edge, a block that straddles two
//! launches); tests ask [`is_marked`] whether they hit it. Without debug assertions a mark is nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static MARKS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Notes that the case `name` was met in this process.
#[inline]
pub fn mark(name: &'static str) {
    if cfg!(debug_assertions) {
        MARKS.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

/// Whether the case was met since the process started; always false without debug assertions.
#[must_use]
pub fn is_marked(name: &str) -> bool {
    MARKS.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays() {
        assert!(!is_marked("marks: a test of their own"));
        mark("marks: a test of their own");
        assert_eq!(is_marked("marks: a test of their own"), cfg!(debug_assertions));
    }
}
