//! Leaves in memory.

use super::{Kind, Sequence, SequenceError};
use crate::{Digest, Tree, state, steps, tensor};

/// In an `impl Sequence`: all but the way down is that of the [`Leaves`] in this field.
#[macro_export]
macro_rules! named_by_leaves {
    ($leaves:ident) => {
        fn kind(&self) -> $crate::Kind {
            $crate::Sequence::kind(&self.$leaves)
        }

        fn len(&self) -> u64 {
            $crate::Sequence::len(&self.$leaves)
        }

        fn root(&self) -> Result<$crate::Digest, $crate::SequenceError> {
            $crate::Sequence::root(&self.$leaves)
        }

        fn node(&self, level: u32, index: u64) -> Result<$crate::Digest, $crate::SequenceError> {
            $crate::Sequence::node(&self.$leaves, level, index)
        }
    };
}

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

    /// The tensor of a state's entry; its name is the entry's digest.
    pub fn entry(entry: &state::Entry) -> Self {
        Self { kind: Kind::Entry, root: entry.leaf(), tree: Tree::new(vec![entry.root]) }
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
    use crate::{Tag, hash, merkle, tensor::DType};

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
