//! Anything that is committed once and opened anywhere: the one thing that a dispute knows.
//!
//! A sequence has leaves, a tree over them and a name that binds them. A leaf may itself be the name of a sequence
//! one level down, so a whole run is searched by looking at digests alone:
//!
//! ```text
//! Run      leaf: segment          enter → Segment   two leaves: its steps, then the state after it
//! Steps    leaf: step             enter → Step      two leaves: its trace, then the state after it
//! Trace    leaf: tensor root      enter → Tensor    leaf: page        enter → Page    leaf: one word
//! State    leaf: state entry      enter → Tensor
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

use crate::{Digest, Tree, merkle, steps, tensor};
use std::{error::Error, fmt};

/// What a sequence is a sequence of; for reports and for telling unlike things apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The segments of a run.
    Run,
    /// A segment: its steps (leaf 0) and the state after it (leaf 1).
    Segment,
    /// The steps of a segment.
    Steps,
    /// A step: its trace (leaf 0) and the state after it (leaf 1).
    Step,
    /// The output roots of the nodes of a step.
    Trace,
    /// The output roots of the body nodes of one row of a composite.
    Row,
    /// The entries of a state.
    State,
    /// The pages of a tensor.
    Tensor,
    /// The words of a page.
    Page,
    /// The running totals of one element of a fold.
    Totals,
    /// A list of anything else.
    List,
}

impl Kind {
    /// The word for one leaf, in messages.
    pub const fn leaf_name(self) -> &'static str {
        match self {
            Kind::Run => "segment",
            Kind::Segment | Kind::Step => "part",
            Kind::Steps => "step",
            Kind::Trace | Kind::Row => "node",
            Kind::State => "tensor",
            Kind::Tensor => "page",
            Kind::Page => "element",
            Kind::Totals => "block",
            Kind::List => "item",
        }
    }

    /// The name that these leaves have under their tree's `top`, where the kind alone says how it is made.
    ///
    /// `None` for tensors (dtype and element count are not known here), pages (the words are not known here) and
    /// pairs ([`Kind::name_of_pair`]).
    pub fn name(self, count: u64, top: Digest) -> Option<Digest> {
        match self {
            Kind::Run | Kind::Steps | Kind::Trace | Kind::Row | Kind::State | Kind::Totals | Kind::List => {
                Some(merkle::list_root(count, top))
            }
            Kind::Segment | Kind::Step | Kind::Tensor | Kind::Page => None,
        }
    }

    /// The name of two parts, if the kind is one of two parts (a step, a segment).
    pub fn name_of_pair(self, first: Digest, second: Digest) -> Option<Digest> {
        match self {
            Kind::Step => Some(steps::step(second, first)),
            Kind::Segment => Some(steps::segment(second, first)),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Kind::Run => "run",
            Kind::Segment => "segment",
            Kind::Steps => "steps",
            Kind::Step => "step",
            Kind::Trace => "trace",
            Kind::Row => "row",
            Kind::State => "state",
            Kind::Tensor => "tensor",
            Kind::Page => "page",
            Kind::Totals => "totals",
            Kind::List => "list",
        })
    }
}

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

/// The base of most sequences: leaves in memory with their tree, and no way down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves {
    kind: Kind,
    root: Digest,
    tree: Tree,
}

impl Leaves {
    /// A list of this kind; its name is the list root.
    pub fn list(kind: Kind, leaves: Vec<Digest>) -> Self {
        let tree = Tree::new(leaves);
        Self { kind, root: tree.root(), tree }
    }

    /// The pages of a tensor of `count` elements; its name is the tensor root.
    ///
    /// # Panics
    /// If there are not as many pages as `count` elements fill.
    pub fn tensor(dtype: tensor::DType, count: u64, pages: Vec<Digest>) -> Self {
        assert_eq!(pages.len() as u64, tensor::page_count(count), "pages of a tensor of {count} elements");
        let tree = Tree::new(pages);
        Self { kind: Kind::Tensor, root: tensor::root(dtype, count, tree.top()), tree }
    }

    /// The words of a page (leaf i is `total(word i)`); its name is the page's digest.
    pub fn page(words: &[u32]) -> Self {
        let tree = Tree::new(words.iter().map(|&word| steps::total(word)).collect());
        Self { kind: Kind::Page, root: tensor::page_digest(words), tree }
    }

    /// The parts of a step: its trace, then the state after it; its name is the step's digest.
    pub fn step(trace_root: Digest, state_root: Digest) -> Self {
        let tree = Tree::new(vec![trace_root, state_root]);
        Self { kind: Kind::Step, root: steps::step(state_root, trace_root), tree }
    }

    /// The parts of a segment: its steps, then the state after it; its name is the segment's digest.
    pub fn segment(steps_root: Digest, state_root: Digest) -> Self {
        let tree = Tree::new(vec![steps_root, state_root]);
        Self { kind: Kind::Segment, root: steps::segment(state_root, steps_root), tree }
    }

    /// The tree over the leaves.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The name of the sequence.
    pub fn name(&self) -> Digest {
        self.root
    }
}

impl Sequence for Leaves {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn len(&self) -> u64 {
        self.tree.count()
    }

    fn root(&self) -> Result<Digest, SequenceError> {
        Ok(self.root)
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        SequenceError::check_range(self.kind, self.len(), level, index)?;
        Ok(self.tree.node(level, index))
    }

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        if leaf >= self.len() {
            return Err(SequenceError::OutOfRange {
                kind: self.kind,
                level: 0,
                index: leaf,
                count: self.len(),
            });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tag, hash, tensor::DType};

    #[test]
    fn leaves_are_named_by_their_kind() {
        let digests: Vec<Digest> = (0u8..3).map(|byte| hash(Tag::Page, &[&[byte]])).collect();
        let list = Leaves::list(Kind::Trace, digests.clone());
        assert_eq!(list.name(), merkle::list_root_of(&digests));
        assert_eq!(Kind::Trace.name(3, list.tree().top()), Some(list.name()));

        let words: Vec<u32> = (0..600).collect();
        let pages = Leaves::tensor(DType::U32, 600, tensor::page_digests(&words));
        assert_eq!((pages.name(), pages.len()), (tensor::root_of(DType::U32, &words), 3));

        let page = Leaves::page(&words[512..]);
        assert_eq!((page.name(), page.len()), (pages.tree().node(0, 2), 88));

        let (trace, state) = (digests[0], digests[1]);
        assert_eq!(Leaves::step(trace, state).name(), steps::step(state, trace));
        assert_eq!(Leaves::segment(trace, state).name(), steps::segment(state, trace));
        assert_eq!(Leaves::step(trace, state).tree().leaves(), [trace, state]);
    }

    #[test]
    fn questions_outside_are_errors() {
        let list = Leaves::list(Kind::List, vec![Digest([1; 32]); 5]);
        assert_eq!(list.node(0, 7).expect("absent, but inside the padded tree"), Digest::ZERO);
        assert_eq!(list.node(3, 0).expect("the top"), list.tree().top());
        for (level, index) in [(0, 8), (1, 4), (3, 1), (4, 0), (64, 0), (u32::MAX, u64::MAX)] {
            assert!(
                matches!(list.node(level, index), Err(SequenceError::OutOfRange { .. })),
                "{level} {index}"
            );
        }
        assert!(list.enter(4).expect("inside").is_none());
        assert!(matches!(list.enter(5), Err(SequenceError::OutOfRange { .. })));
        let empty = Leaves::list(Kind::List, vec![]);
        assert_eq!(empty.node(0, 0).expect("the absent top"), Digest::ZERO);
        assert!(empty.is_empty());
        assert!(SequenceError::check_range(Kind::List, u64::MAX, 0, u64::MAX).is_ok());
    }

    #[test]
    fn errors_of_implementers_surface() {
        let error = SequenceError::source(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "disk on fire");
    }
}
