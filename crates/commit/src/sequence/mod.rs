//! Anything that is committed once and opened anywhere: the one thing that a dispute knows.
//!
//! A sequence has leaves, a tree over them and a name that binds them. A leaf may itself be the name of a sequence
//! one level down, so a whole run is searched by looking at digests alone:
//!
//! ```text
//! Run      leaf: state root       enter → State     after each segment
//! Steps    leaf: step             enter → Step      two leaves: its trace, then the state after it
//! Trace    leaf: tensor root      enter → Tensor    leaf: page        enter → Page    leaf: one word
//! State    leaf: state entry      enter → Entry     one leaf: its tensor root
//! ```
//!
//! Where a digest names two things, the cause comes before the effect, so that the first difference is the cause.
//!
//! Whoever implements [`Sequence`] keeps these promises; a search checks those that it can see and blames the side
//! that breaks them:
//!
//! 1. `node(l+1, i)` is `inner(node(l, 2i), node(l, 2i+1))`, absent nodes are zero, `root` follows from the top.
//! 2. `enter(i)`, if it leads anywhere, leads to a sequence whose `root` is `node(0, i)`.
//! 3. The same question has the same answer.

mod kind;
mod leaves;

pub use kind::Kind;
pub use leaves::Leaves;

use crate::{Digest, merkle};
use std::error::Error;

/// Why a sequence has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The question is about something that is not there.
    #[error("a {kind} of {count} leaves has no node {index} at level {level}")]
    OutOfRange {
        /// The sequence asked.
        kind: Kind,
        /// The level asked for, 0 for a leaf.
        level: u32,
        /// The index asked for.
        index: u64,
        /// How many leaves there are.
        count: u64,
    },
    /// The data behind the answer is not at hand.
    #[error("{what} is not available")]
    Unavailable {
        /// What is missing.
        what: String,
    },
    /// Getting the answer failed: a file, a peer, a replay.
    #[error(transparent)]
    Source(Box<dyn Error + Send + Sync>),
}

impl SequenceError {
    /// An implementer's own error.
    pub fn source(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        SequenceError::Source(error.into())
    }

    /// Fails unless `level` and `index` are inside a padded tree over `count` leaves.
    ///
    /// # Errors
    /// [`SequenceError::OutOfRange`].
    pub fn check_range(kind: Kind, count: u64, level: u32, index: u64) -> Result<(), SequenceError> {
        let height = merkle::height(count);
        let inside = level <= height && (height - level == 64 || index >> (height - level) == 0);
        if inside { Ok(()) } else { Err(SequenceError::OutOfRange { kind, level, index, count }) }
    }
}

/// A committed sequence; see the module for its promises.
pub trait Sequence {
    /// What it is a sequence of.
    fn kind(&self) -> Kind;

    /// The number of leaves.
    fn len(&self) -> u64;

    /// Whether there are no leaves.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest that names the sequence: a list root, or the digest of the tensor, page, step or segment.
    ///
    /// # Errors
    /// What kept the implementer from answering.
    fn root(&self) -> Result<Digest, SequenceError>;

    /// The digest of node `index` of `level` of the tree over the leaves; level 0 are the leaves, an absent node is
    /// zero.
    ///
    /// # Errors
    /// [`SequenceError::OutOfRange`] outside the tree, or what kept the implementer from answering.
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError>;

    /// The sequence that leaf `leaf` names, one level down; `None` at the bottom.
    ///
    /// # Errors
    /// [`SequenceError::OutOfRange`] beyond the last leaf, or what kept the implementer from answering.
    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Sequence + ?Sized> Sequence for $pointer {
            fn kind(&self) -> Kind {
                (**self).kind()
            }
            fn len(&self) -> u64 {
                (**self).len()
            }
            fn root(&self) -> Result<Digest, SequenceError> {
                (**self).root()
            }
            fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
                (**self).node(level, index)
            }
            fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
                (**self).enter(leaf)
            }
        }
    )*};
}

forward!(&S, Box<S>, std::rc::Rc<S>, std::sync::Arc<S>);
