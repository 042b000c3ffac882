//! Nested vectors as sequences, and sides that count, fail or lie about one digest.

use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, Tag, hash, merkle};
use std::cell::Cell;

/// A number, or a list of toys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Toy {
    Number(u64),
    List(Vec<Toy>),
}

impl Toy {
    /// A list of `outer` lists of `inner` numbers.
    pub(super) fn nested(outer: u64, inner: u64) -> Toy {
        let number = |i, j| Toy::Number(i * 100 + j);
        Toy::List((0..outer).map(|i| Toy::List((0..inner).map(|j| number(i, j)).collect())).collect())
    }

    pub(super) fn flat(numbers: impl IntoIterator<Item = u64>) -> Toy {
        Toy::List(numbers.into_iter().map(Toy::Number).collect())
    }

    /// The item reached by these indices.
    pub(super) fn at(&mut self, path: &[u64]) -> &mut Toy {
        path.iter().fold(self, |toy, &index| match toy {
            Toy::List(items) => &mut items[index as usize],
            Toy::Number(_) => panic!("a number has no items"),
        })
    }

    fn digest(&self) -> Digest {
        match self {
            Toy::Number(number) => hash(Tag::Total, &[&number.to_be_bytes()]),
            Toy::List(items) => merkle::list_root_of(&items.iter().map(Toy::digest).collect::<Vec<_>>()),
        }
    }

    /// The sequence of this list; every root is computed from the items, as a careful liar would.
    pub(super) fn sequence(&self) -> ToySequence<'_> {
        let Toy::List(items) = self else { panic!("a number is no sequence") };
        ToySequence { items, leaves: Leaves::list(Kind::List, items.iter().map(Toy::digest).collect()) }
    }
}

pub(super) struct ToySequence<'a> {
    items: &'a [Toy],
    leaves: Leaves,
}

impl Sequence for ToySequence<'_> {
    fn kind(&self) -> Kind {
        self.leaves.kind()
    }
    fn len(&self) -> u64 {
        self.leaves.len()
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        self.leaves.root()
    }
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.leaves.node(level, index)
    }
    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        self.leaves.enter(leaf)?;
        Ok(match &self.items[leaf as usize] {
            Toy::Number(_) => None,
            list => Some(Box::new(list.sequence())),
        })
    }
}

/// What a spoilt side does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spoil {
    Nothing,
    /// Answers another digest for one node.
    Node(u32, u64),
    /// Answers another root.
    Root,
    /// Has no answer for one node.
    Lose(u32, u64),
    /// Has no answer for any root.
    LoseRoot,
    /// Cannot enter.
    Locked,
}

/// A sequence that counts the digests it gives, and may be spoilt.
pub(super) struct Spoilt<S> {
    pub(super) sequence: S,
    pub(super) spoil: Spoil,
    pub(super) given: Cell<u64>,
}

impl<S: Sequence> Spoilt<S> {
    pub(super) fn new(sequence: S, spoil: Spoil) -> Self {
        Self { sequence, spoil, given: Cell::new(0) }
    }
}

fn lost() -> SequenceError {
    SequenceError::Unavailable { what: "the toy".to_owned() }
}

fn changed(digest: Digest) -> Digest {
    hash(Tag::Spec, &[digest.as_ref()])
}

impl<S: Sequence> Sequence for Spoilt<S> {
    fn kind(&self) -> Kind {
        self.sequence.kind()
    }
    fn len(&self) -> u64 {
        self.sequence.len()
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        self.given.set(self.given.get() + 1);
        match self.spoil {
            Spoil::Root => self.sequence.root().map(changed),
            Spoil::LoseRoot => Err(lost()),
            _ => self.sequence.root(),
        }
    }
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.given.set(self.given.get() + 1);
        match self.spoil {
            Spoil::Node(l, i) if (l, i) == (level, index) => self.sequence.node(level, index).map(changed),
            Spoil::Lose(l, i) if (l, i) == (level, index) => Err(lost()),
            _ => self.sequence.node(level, index),
        }
    }
    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        match self.spoil {
            Spoil::Locked => Err(lost()),
            _ => self.sequence.enter(leaf),
        }
    }
}

/// As many equal leaves as one likes, one of them different; no memory.
pub(super) struct Vast {
    pub(super) count: u64,
    pub(super) odd: Option<u64>,
}

impl Vast {
    fn subtree(&self, level: u32, index: u64) -> Digest {
        let (start, end) = (u128::from(index) << level, (u128::from(index) + 1) << level);
        let holds_odd = self.odd.is_some_and(|odd| (start..end).contains(&u128::from(odd)));
        let whole = end <= u128::from(self.count);
        if start >= u128::from(self.count) {
            Digest::ZERO
        } else if level == 0 {
            Digest([if holds_odd { 2 } else { 1 }; 32])
        } else if whole && !holds_odd {
            let half = self.subtree(level - 1, 2 * index);
            merkle::inner(half, half)
        } else {
            merkle::inner(self.subtree(level - 1, 2 * index), self.subtree(level - 1, 2 * index + 1))
        }
    }
}

impl Sequence for Vast {
    fn kind(&self) -> Kind {
        Kind::List
    }
    fn len(&self) -> u64 {
        self.count
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        Ok(merkle::list_root(self.count, self.subtree(merkle::height(self.count), 0)))
    }
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        SequenceError::check_range(Kind::List, self.count, level, index)?;
        Ok(self.subtree(level, index))
    }
    fn enter(&self, _leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        Ok(None)
    }
}
