//! Trees over digests (commitment.md §2).
//!
//! ```text
//! level 2              top = inner(n0, n1)
//! level 1        n0 = inner(l0, l1)      n1 = inner(l2, 0…0)
//! level 0      l0         l1           l2        (absent)
//! ```
//!
//! The shape follows from the number of leaves, which a list root names: a verifier knows how many siblings an
//! opening has and refuses every other number.

mod batch;
mod opening;
pub(crate) use opening::same_root;
mod stream;
mod tree;

pub use batch::BatchOpening;
pub use opening::{Opening, OpeningError};
pub use stream::{Stream, top, top_by};
pub use tree::Tree;

use crate::{Digest, Tag, hash};

/// The greatest height of a tree: leaf counts are u64.
pub const HEIGHT_LIMIT: u32 = 64;

/// The digest of a node with these halves; absent if both are.
pub fn inner(left: Digest, right: Digest) -> Digest {
    if left == Digest::ZERO && right == Digest::ZERO {
        return Digest::ZERO;
    }
    hash(Tag::Inner, &[left.as_ref(), right.as_ref()])
}

/// How many levels a tree over `count` leaves has above them: ⌈log2 count⌉, and 0 for none.
pub const fn height(count: u64) -> u32 {
    match count {
        0 | 1 => 0,
        _ => u64::BITS - (count - 1).leading_zeros(),
    }
}

/// How many nodes of `level` are present in a tree over `count` leaves.
pub const fn width(count: u64, level: u32) -> u64 {
    match level {
        0 => count,
        1..64 => (count >> level) + (count << (64 - level) != 0) as u64,
        _ => (count != 0) as u64,
    }
}

/// The name of a list: its count and its top.
pub fn list_root(count: u64, top: Digest) -> Digest {
    hash(Tag::List, &[&count.to_be_bytes(), top.as_ref()])
}

/// The name of the list of these leaves.
pub fn list_root_of(leaves: &[Digest]) -> Digest {
    list_root(leaves.len() as u64, top(leaves))
}

#[cfg(test)]
mod tests;
