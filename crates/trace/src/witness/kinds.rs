//! Where a piece is, and what kinds of pieces there are.

use samebit_commit::{Digest, Encoder, Tag, hash};
use samebit_graph::node::NodeId;

/// One of the two claims of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// The older claim.
    A = 0,
    /// The younger claim.
    B = 1,
}

/// What is redone; the numbers are those of the contract's `JudgeKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Leaf {
    /// Whether the job had ended before the step: 0 if so, 1 if not.
    Ended = 0,
    /// An entry of the state after the step.
    Sink = 1,
    /// The output root of a node that is a state or a table.
    Source = 2,
    /// dtype · 2^64 + element count of a node.
    Shape = 3,
    /// An element of a map.
    Map = 4,
    /// The total after one block of a product.
    Block = 5,
    /// One lane of one block of a sum or maximum.
    Lane = 6,
    /// The total after one block of a sum or maximum, from the total before and the lanes.
    LaneFold = 7,
    /// An element of a composite, from its row's last body node.
    RowEnd = 8,
    /// The state root after the segment's last step.
    SegmentEnd = 9,
    /// Whether the node breaks a rule that keeps the referee from redoing it.
    Malformed = 10,
}

impl Leaf {
    /// Every kind, by number.
    pub const ALL: [Leaf; 11] = [
        Leaf::Ended,
        Leaf::Sink,
        Leaf::Source,
        Leaf::Shape,
        Leaf::Map,
        Leaf::Block,
        Leaf::Lane,
        Leaf::LaneFold,
        Leaf::RowEnd,
        Leaf::SegmentEnd,
        Leaf::Malformed,
    ];
}

/// A piece of arithmetic of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// The element of a map.
    Map,
    /// The total after this block of a product.
    Block(u64),
    /// This lane of this block of a sum or maximum.
    Lane(u64, u8),
}

impl Piece {
    /// The kind of leaf.
    pub fn leaf(self) -> Leaf {
        match self {
            Piece::Map => Leaf::Map,
            Piece::Block(_) => Leaf::Block,
            Piece::Lane(..) => Leaf::Lane,
        }
    }

    /// The block of a fold; 0 of a map.
    pub fn block(self) -> u64 {
        match self {
            Piece::Map => 0,
            Piece::Block(block) | Piece::Lane(block, _) => block,
        }
    }
}

/// What question, position and claims of a game say of the place; what is not fixed there is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// List root of the program's nodes.
    pub nodes: Digest,
    /// List root of the program's declarations of states.
    pub states: Digest,
    /// List root of the program's sinks.
    pub sinks: Digest,
    /// List root of the tables' roots.
    pub tables: Digest,
    /// State root before the segment.
    pub start: Digest,
    /// Nodes of the program.
    pub node_count: u64,
    /// States of the program.
    pub state_count: u64,
    /// Tables of the program.
    pub table_count: u64,
    /// The node whose only element is the loss.
    pub loss: NodeId,
    /// Number of the segment's first step in the job.
    pub first_step: u64,
    /// Steps of the segment.
    pub step_count: u64,
    /// The roots of the claims of a and b; their steps before `step` are the same.
    pub claims: [Digest; 2],
    /// The step's index in the segment.
    pub step: u64,
    /// Trace roots of a and b; outputs before `node` are the same.
    pub traces: [Digest; 2],
    /// The node; for [`Leaf::Sink`] the entry of the state.
    pub node: NodeId,
    /// The element, flat in the node's output.
    pub element: u64,
    /// Within a composite's row, not 0: list roots of the row's outputs; those before `body_node` are the same.
    pub rows: [Digest; 2],
    /// Within a row: the body's node.
    pub body_node: u32,
    /// Within a row: the element, flat in that node's output.
    pub body_element: u64,
    /// The block of a fold.
    pub block: u64,
    /// The total before the block; not looked at for block 0.
    pub total: u32,
    /// The lane of the block.
    pub lane: u8,
    /// [`Place::lanes_hash`] of the lanes that are agreed on.
    pub lanes: Digest,
}

impl Place {
    /// Whether the place is within a composite's row.
    pub fn is_in_row(&self) -> bool {
        self.rows[0] != Digest::ZERO
    }

    /// The name of a block's lanes: each a 32-byte word.
    pub fn lanes_hash(lanes: &[u32; 16]) -> Digest {
        let mut encoder = Encoder::new();
        for lane in lanes {
            encoder.raw(&[0; 28]);
            encoder.u32(*lane);
        }
        hash(Tag::Position, &[encoder.as_bytes()])
    }
}
