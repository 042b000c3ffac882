//! The opening of several leaves at once.
//!
//! Going up level by level, a node whose neighbour is known, or absent by the count, needs no sibling; the siblings
//! that remain are listed by level, then by index:
//!
//! ```text
//!             top
//!        n0        n1            opening of l0 and l3:  siblings [ l1, l2 ]
//!      l0  l1    l2  l3
//! ```

use super::{
    HEIGHT_LIMIT, Tree, height, inner, list_root,
    opening::{OpeningError, same_root},
    width,
};
use crate::{Canonical, DecodeError, Decoder, Digest, Encoder};

/// The most siblings that a decoder takes: 2^16 leaves, each at the greatest height.
const SIBLING_LIMIT: u32 = HEIGHT_LIMIT << 16;

/// The siblings that several leaves need besides each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOpening {
    /// The siblings, by level and then by index.
    pub siblings: Vec<Digest>,
}

impl BatchOpening {
    pub(super) fn of(tree: &Tree, indices: &[u64]) -> Result<Self, OpeningError> {
        let leaves: Vec<(u64, Digest)> = indices.iter().map(|&index| (index, tree.node(0, index))).collect();
        let mut siblings = Vec::new();
        climb(tree.count(), &leaves, |level, index| {
            let sibling = tree.node(level, index);
            siblings.push(sibling);
            Some(sibling)
        })?;
        Ok(Self { siblings })
    }

    /// The top to which `leaves` (index and digest, rising) lead in a tree over `count` leaves.
    ///
    /// # Errors
    /// [`OpeningError::Empty`], [`OpeningError::Order`], [`OpeningError::Index`], [`OpeningError::Siblings`].
    pub fn top(&self, count: u64, leaves: &[(u64, Digest)]) -> Result<Digest, OpeningError> {
        let mut taken = 0;
        let top = climb(count, leaves, |_, _| {
            taken += 1;
            self.siblings.get(taken - 1).copied()
        })?;
        match top {
            Some(top) if taken == self.siblings.len() => Ok(top),
            _ => Err(OpeningError::Siblings { found: self.siblings.len(), expected: taken }),
        }
    }

    /// Checks that `leaves` are leaves of the list of `count` leaves with this root.
    ///
    /// # Errors
    /// Those of [`BatchOpening::top`], and [`OpeningError::Root`].
    pub fn verify(&self, root: Digest, count: u64, leaves: &[(u64, Digest)]) -> Result<(), OpeningError> {
        same_root(list_root(count, self.top(count, leaves)?), root)
    }
}

/// Refuses batches that are empty, unordered or beyond the end.
fn check(count: u64, leaves: &[(u64, Digest)]) -> Result<(), OpeningError> {
    let last = leaves.last().ok_or(OpeningError::Empty)?.0;
    for pair in leaves.windows(2) {
        let (previous, next) = (pair[0].0, pair[1].0);
        if previous >= next {
            return Err(OpeningError::Order { previous, next });
        }
    }
    if last >= count {
        return Err(OpeningError::Index { index: last, count });
    }
    Ok(())
}

/// Goes from `leaves` to the top, asking `sibling(level, index)` for what they do not give.
///
/// Counts on when a sibling is missing, so that the caller learns how many were needed; the result is then `None`.
fn climb(
    count: u64,
    leaves: &[(u64, Digest)],
    mut sibling: impl FnMut(u32, u64) -> Option<Digest>,
) -> Result<Option<Digest>, OpeningError> {
    check(count, leaves)?;
    let mut complete = true;
    let mut nodes = leaves.to_vec();
    for level in 0..height(count) {
        let mut above = Vec::with_capacity(nodes.len());
        let mut rest = nodes.as_slice();
        while let [(index, node), tail @ ..] = rest {
            rest = tail;
            let other = match tail {
                [(next, neighbour), tail @ ..] if *next == index ^ 1 => {
                    rest = tail;
                    *neighbour
                }
                _ if index ^ 1 >= width(count, level) => Digest::ZERO,
                _ => sibling(level, index ^ 1).unwrap_or_else(|| {
                    complete = false;
                    Digest::ZERO
                }),
            };
            let (left, right) = if index & 1 == 0 { (*node, other) } else { (other, *node) };
            above.push((index >> 1, inner(left, right)));
        }
        nodes = above;
    }
    assert_eq!(nodes.len(), 1, "a tree has one top");
    Ok(complete.then_some(nodes[0].1))
}

impl Canonical for BatchOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.list(&self.siblings, |encoder, sibling| sibling.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let siblings = decoder.list("siblings", SIBLING_LIMIT, Digest::decode)?;
        Ok(Self { siblings })
    }
}
