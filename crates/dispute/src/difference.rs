//! What a search finds, and why it finds nothing.

use samebit_commit::{Digest, Kind, SequenceError};
use std::fmt;

/// One of the two sequences that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The first one.
    A,
    /// The second one.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// Its place in a pair.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The other one.
    pub const fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Side::A => "a",
            Side::B => "b",
        })
    }
}

/// A leaf of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The sequence's kind.
    pub kind: Kind,
    /// The leaf's index.
    pub leaf: u64,
}

/// The leaves to enter one after the other, from the outermost sequence inwards; empty for the outermost itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Place>);

impl Path {
    /// The places, outermost first.
    pub fn places(&self) -> &[Place] {
        &self.0
    }

    /// The leaf on this path in the innermost sequence of this kind, if it passes one.
    pub fn leaf(&self, kind: Kind) -> Option<u64> {
        self.0.iter().rev().find(|place| place.kind == kind).map(|place| place.leaf)
    }

    pub(crate) fn push(&mut self, place: Place) {
        self.0.push(place);
    }
}

impl From<Vec<Place>> for Path {
    fn from(places: Vec<Place>) -> Self {
        Self(places)
    }
}

impl fmt::Display for Path {
    /// `segment 3, part 0, step 7, …`; `the whole` for the empty path.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("the whole");
        }
        for (depth, place) in self.0.iter().enumerate() {
            let comma = if depth == 0 { "" } else { ", " };
            write!(formatter, "{comma}{} {}", place.kind.leaf_name(), place.leaf)?;
        }
        Ok(())
    }
}

/// The first difference between two sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is none: the roots are equal.
    Equal,
    /// Everything before this leaf is equal, and this leaf is not. It is the deepest place that both sides can enter.
    At {
        /// The way to the leaf, the leaf included.
        path: Path,
    },
    /// One sequence is the beginning of the other.
    Length {
        /// The way to the sequences.
        path: Path,
        /// What they are sequences of.
        kind: Kind,
        /// The number of leaves of side A.
        a: u64,
        /// The number of leaves of side B.
        b: u64,
    },
    /// The sequences are of different kinds.
    Kind {
        /// The way to the sequences.
        path: Path,
        /// The kind of side A.
        a: Kind,
        /// The kind of side B.
        b: Kind,
    },
    /// The names differ although no leaf does: something that a name covers besides the leaves (dtype, element
    /// count) is different.
    Name {
        /// The way to the sequences.
        path: Path,
        /// What they are sequences of.
        kind: Kind,
    },
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The first difference.
    pub difference: Difference,
    /// How many digests each side opened, roots included; where lengths differ, the larger number.
    pub opened: u64,
}

/// Why a search has no result.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// One side did not answer, or its answers contradict each other.
    #[error(transparent)]
    Side(#[from] SideError),
    /// Both sides can be entered deeper than any run goes.
    #[error("the sequences nest deeper than {limit} at {path}")]
    TooDeep {
        /// The deepest place reached.
        path: Path,
        /// The limit.
        limit: usize,
    },
}

/// One side did not answer, or its answers contradict each other.
#[derive(Debug, thiserror::Error)]
#[error("side {side}, {kind} at {path}: {fault}")]
pub struct SideError {
    /// Whose fault it is.
    pub side: Side,
    /// The way to the sequence that was asked.
    pub path: Path,
    /// Its kind.
    pub kind: Kind,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a side.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It has no answer.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// Its answer is no opening of what it said before.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A contradiction between two answers of one side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The leaves lead to another name.
    #[error("the leaves lead to the name {found}, the name given is {claimed}")]
    Name {
        /// What the leaves give.
        found: Digest,
        /// What was claimed.
        claimed: Digest,
    },
    /// The nodes below a node lead to another digest.
    #[error("what lies below node {index} of level {level} leads to {found}, the digest given is {claimed}")]
    Node {
        /// The node's level.
        level: u32,
        /// The node's index.
        index: u64,
        /// What the nodes below it give.
        found: Digest,
        /// What was claimed.
        claimed: Digest,
    },
    /// The sequence entered at a leaf has another name than the leaf.
    #[error("leaf {leaf} names {claimed}, but leads to {found}")]
    Entered {
        /// The leaf.
        leaf: u64,
        /// The name of the sequence entered.
        found: Digest,
        /// The leaf's digest.
        claimed: Digest,
    },
    /// A kind of two parts has another number of them.
    #[error("it has two parts, not {found}")]
    Parts {
        /// How many were claimed.
        found: u64,
    },
}
