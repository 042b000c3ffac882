//! What the side on turn shows (dispute.md §4). "Own" is the side on turn, "other" its opponent.

use crate::limits::LANES;
use samebit_commit::Digest;

/// A move. Which one a stage takes:
///
/// ```text
/// Descend        Steps Parts Trace State Head Pages TotalsHead Totals RowHead
/// Point          Page
/// Unfold         Element of a fold or composite
/// ShowLanes      Lanes
/// CompareLanes   LanesShown
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Move {
    /// Goes down a tree.
    Descend(Descent),
    /// Points at an element in which two pages differ.
    Point {
        /// The element's place in the page.
        offset: u8,
        /// The words of the own page.
        own: Vec<u32>,
        /// The words of the other's page.
        other: Vec<u32>,
    },
    /// Says what an element is made of, and commits to it.
    Unfold {
        /// Shows the node's structure, for [`crate::Referee::structure`].
        witness: Vec<u8>,
        /// Totals or row; none for a fold of one block.
        commitment: Option<Commitment>,
        /// The first level of the committed tree that is shown; empty where it has but one leaf.
        nodes: Vec<Digest>,
    },
    /// Shows the lanes of a fold's only block.
    ShowLanes([u32; LANES]),
    /// Gives both sides' lanes.
    CompareLanes {
        /// The own ones.
        own: [u32; LANES],
        /// The other's, as it has shown them.
        other: [u32; LANES],
    },
}

/// A way down a tree. Which parts it has follows from the position: on entry `parts`, `head` or `commitment`; then `choice` if the other has
/// shown something; then, where that leads, `nodes` above level 0, and at a leaf `parts` (a step), `head` (a node), nothing (an entry of a state),
/// `words` (a page), or `before` (a total after the first block) and `words` (a total of a sum or maximum).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Descent {
    /// Trace and state of the own step.
    pub parts: Option<Parts>,
    /// The own tensor.
    pub head: Option<Head>,
    /// The own totals or row.
    pub commitment: Option<Commitment>,
    /// The first difference in what the other has shown.
    pub choice: Option<Choice>,
    /// The nodes below the own node, `depth(level)` levels down; totals as numbers. Those absent by the count are left out.
    pub nodes: Vec<Digest>,
    /// The own words: of the page, or the lanes of the block.
    pub words: Vec<u32>,
    /// The total before the block.
    pub before: Option<Before>,
}

/// Tops of a step's trace and of the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts {
    /// Top of the tree over the nodes' outputs.
    pub trace_top: Digest,
    /// Top of the tree over the state's entries.
    pub state_top: Digest,
}

/// What a tensor's root is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    /// Its dtype; a claim may name one that does not exist.
    pub dtype: u8,
    /// Its elements.
    pub elements: u64,
    /// Top of the tree over its pages.
    pub top: Digest,
}

/// What no root of the claim binds: the totals of an element, or the row of a composite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment {
    /// Top of the tree.
    pub top: Digest,
    /// The siblings of the last total, which is the element's word; none for a row.
    pub siblings: Vec<Digest>,
}

/// The first difference in what the other has shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    /// Which of the 2^shown children of the node.
    pub child: u64,
    /// The own child; a total as a number.
    pub own: Digest,
    /// The other's child; a total as a number.
    pub other: Digest,
    /// By level upwards: a left sibling once, for it is the same on both sides; a right one twice, the own one first. Those absent by the count are
    /// left out.
    pub siblings: Vec<Digest>,
}

/// The total before a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Before {
    /// The total.
    pub word: u32,
    /// Its siblings in the own totals.
    pub siblings: Vec<Digest>,
}
