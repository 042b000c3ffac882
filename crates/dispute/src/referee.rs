//! Who redoes the piece of arithmetic at which a game ends (dispute.md §5), and what its answer means.

use crate::difference::Side;
use crate::position::{Position, Stage};
use crate::question::Question;
use crate::words;
use samebit_commit::Digest;
use std::fmt;

/// What is redone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum JudgeKind {
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

impl JudgeKind {
    /// Every kind, by number.
    pub const ALL: [JudgeKind; 11] = [
        JudgeKind::Ended,
        JudgeKind::Sink,
        JudgeKind::Source,
        JudgeKind::Shape,
        JudgeKind::Map,
        JudgeKind::Block,
        JudgeKind::Lane,
        JudgeKind::LaneFold,
        JudgeKind::RowEnd,
        JudgeKind::SegmentEnd,
        JudgeKind::Malformed,
    ];

    /// Whether it may be asked for at this position.
    pub fn is_allowed(self, position: &Position) -> bool {
        let stage = position.stage;
        match self {
            JudgeKind::Ended => stage == Stage::Ended,
            JudgeKind::Sink => stage == Stage::Sink,
            JudgeKind::Source => {
                let no_row = position.rows.iter().all(|&row| row == Digest::ZERO);
                matches!(stage as u8, 4..=9 | 11..=15) && no_row
            }
            JudgeKind::Shape => stage == Stage::Shape,
            JudgeKind::Map => stage == Stage::Element,
            JudgeKind::Block => stage == Stage::Block,
            JudgeKind::Lane => stage == Stage::Lane,
            JudgeKind::LaneFold => stage == Stage::LaneFold,
            JudgeKind::RowEnd => stage == Stage::RowEnd,
            JudgeKind::SegmentEnd => stage == Stage::SegmentEnd,
            JudgeKind::Malformed => stage.has_node(),
        }
    }

    /// What the sides say the value is, where the kind is allowed.
    pub fn values(self, position: &Position) -> [Digest; 2] {
        let numbers = |pair: [u32; 2]| pair.map(|word| words::number(word.into()));
        match self {
            JudgeKind::Source => position.nodes,
            JudgeKind::Map => numbers(position.element_words()),
            JudgeKind::RowEnd => numbers(position.words),
            _ => position.held,
        }
    }
}

impl fmt::Display for JudgeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// What an element of a node is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// A state or table.
    Source,
    /// A map.
    Map,
    /// A product.
    Product {
        /// Blocks of 256 terms, at least 1.
        blocks: u64,
    },
    /// A sum or a maximum.
    Lanes {
        /// Blocks of 256 terms, at least 1.
        blocks: u64,
    },
    /// A composite.
    Composite {
        /// Elements of a row.
        row_length: u64,
        /// Nodes of its body, at least 1.
        body_nodes: u32,
    },
}

/// The referee's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// The true value: a digest, or a number as a 32-byte word.
    Value(Digest),
    /// The job breaks a rule that keeps the referee from redoing it.
    Malformed,
}

/// Who is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The claim of this side is false.
    False(Side),
    /// Both claims are false.
    BothFalse,
    /// The job is malformed: there is no answer.
    Void,
}

impl Verdict {
    /// The verdict on two values, which differ; `None` if both are the truth.
    pub fn of(truth: Truth, values: [Digest; 2]) -> Option<Verdict> {
        let Truth::Value(truth) = truth else { return Some(Verdict::Void) };
        match values.map(|value| value != truth) {
            [true, true] => Some(Verdict::BothFalse),
            [true, false] => Some(Verdict::False(Side::A)),
            [false, true] => Some(Verdict::False(Side::B)),
            [false, false] => None,
        }
    }
}

/// Why a referee does not answer: the witness does not lead to the roots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RefereeError(pub String);

/// What a referee looks at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The question.
    pub question: &'a Question,
    /// A position of a game about it.
    pub position: &'a Position,
    /// The roots of claims a and b; all steps before the position's are the same in both.
    pub roots: [Digest; 2],
}

/// Bytes that a referee has worked out earlier in the same position, by slot.
pub type Kept = (u8, Vec<u8>);

/// Redoes a piece of arithmetic. The answers depend on the place alone: a witness that does not lead to its roots is refused, and none changes
/// an answer.
pub trait Referee {
    /// What an element of the node at the place is made of; within a row, of the body's node.
    ///
    /// # Errors
    /// [`RefereeError`] if the witness does not show the node.
    fn structure(&self, case: Case<'_>, witness: &[u8]) -> Result<Structure, RefereeError>;

    /// The true value at the place. Asked for [`JudgeKind::Malformed`], [`Truth::Value`] says that it is not.
    ///
    /// # Errors
    /// [`RefereeError`] if the witness does not show what is needed.
    fn truth(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        witness: &[u8],
        kept: &[Kept],
    ) -> Result<Truth, RefereeError>;

    /// One operand of a leaf that is too large for one message.
    ///
    /// # Errors
    /// [`RefereeError`] if there is none, or the witness does not show it.
    fn operand(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        slot: u8,
        witness: &[u8],
    ) -> Result<Vec<u8>, RefereeError> {
        let _ = (case, witness);
        Err(RefereeError(format!("{kind} has no operand {slot}")))
    }
}
