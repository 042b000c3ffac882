//! The opening of one leaf.
//!
//! ```text
//!           top
//!       n0       n1          opening of l1:  siblings [ l0 (level 0), n1 (level 1) ]
//!     l0  l1   l2            opening of l2:  siblings [ n0 (level 1) ], for l3 is absent
//! ```
//!
//! An opening is a batch opening of one leaf, byte for byte as far as the siblings go.

use super::{HEIGHT_LIMIT, height, inner, list_root, width};
use crate::{Canonical, DecodeError, Decoder, Digest, Encoder};

/// Why an opening does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpeningError {
    /// The leaf is beyond the end.
    #[error("leaf {index} is beyond the end of {count} leaves")]
    Index {
        /// The leaf asked for.
        index: u64,
        /// How many leaves there are.
        count: u64,
    },
    /// The number of siblings is not the one that count and indices give.
    #[error("the opening has {found} siblings, {expected} are needed")]
    Siblings {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// The leaves of a batch do not rise.
    #[error("leaf {next} follows leaf {previous}; hint: a batch names each leaf once, in rising order")]
    Order {
        /// A leaf of the batch.
        previous: u64,
        /// The one after it.
        next: u64,
    },
    /// A batch without leaves shows nothing.
    #[error("a batch of no leaves shows nothing")]
    Empty,
    /// The leaf and its siblings lead to another root.
    #[error("the opening leads to {found}, the root is {expected}")]
    Root {
        /// Where the opening leads.
        found: Digest,
        /// The root it was checked against.
        expected: Digest,
    },
    /// A page has the wrong number of words.
    #[error("the opened page has {found} words, this one has {expected}")]
    PageLength {
        /// How many words were given.
        found: usize,
        /// How many the page has.
        expected: usize,
    },
}

/// Fails unless `found` is the `expected` root.
pub(crate) fn same_root(found: Digest, expected: Digest) -> Result<(), OpeningError> {
    if found == expected { Ok(()) } else { Err(OpeningError::Root { found, expected }) }
}

/// The siblings of a leaf and of the nodes above it, from level 0 up, without those that the count says are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The siblings, from level 0 up.
    pub siblings: Vec<Digest>,
}

impl Opening {
    /// The top to which `leaf`, as leaf `index` of `count`, leads.
    ///
    /// # Errors
    /// [`OpeningError::Index`], [`OpeningError::Siblings`].
    pub fn top(&self, count: u64, index: u64, leaf: Digest) -> Result<Digest, OpeningError> {
        if index >= count {
            return Err(OpeningError::Index { index, count });
        }
        let expected = Self::length(count, index);
        if self.siblings.len() != expected {
            return Err(OpeningError::Siblings { found: self.siblings.len(), expected });
        }
        let mut siblings = self.siblings.iter().copied();
        let mut node = leaf;
        for level in 0..height(count) {
            let own = index >> level;
            let present = own ^ 1 < width(count, level);
            let sibling =
                if present { siblings.next().expect("their number was checked") } else { Digest::ZERO };
            node = if own & 1 == 0 { inner(node, sibling) } else { inner(sibling, node) };
        }
        Ok(node)
    }

    /// How many siblings the opening of leaf `index` of `count` has.
    pub fn length(count: u64, index: u64) -> usize {
        (0..height(count)).filter(|&level| (index >> level) ^ 1 < width(count, level)).count()
    }

    /// Checks that `leaf` is leaf `index` of the list of `count` leaves with this root.
    ///
    /// # Errors
    /// Those of [`Opening::top`], and [`OpeningError::Root`].
    pub fn verify(&self, root: Digest, count: u64, index: u64, leaf: Digest) -> Result<(), OpeningError> {
        same_root(list_root(count, self.top(count, index, leaf)?), root)
    }
}

impl Canonical for Opening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.short_list(&self.siblings, |encoder, sibling| sibling.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let siblings = decoder.short_list("siblings", HEIGHT_LIMIT as u8, Digest::decode)?;
        Ok(Self { siblings })
    }
}
