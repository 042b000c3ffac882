//! One side's data: what an honest player needs to play.

use crate::difference::Side;
use crate::limits::LANES;
use crate::message::Opened;
use crate::position::Position;
use crate::question::Question;
use crate::referee::{JudgeKind, Structure};
use samebit_commit::{Digest, Sequence, SequenceError, merkle::height};

/// A node's output: of the program, or of a composite's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Output {
    /// Index of the step in the segment.
    pub step: u64,
    /// The node of the program.
    pub node: u32,
    /// For a composite's body: where in it.
    pub inside: Option<Inside>,
}

/// A node of a composite's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inside {
    /// The element of the composite, flat, in whose row the body is run.
    pub element: u64,
    /// The node of the body.
    pub body_node: u32,
}

impl Output {
    /// The output that a position with a node is about.
    pub fn of(position: &Position) -> Output {
        let inside =
            position.in_row().then_some(Inside { element: position.element, body_node: position.body_node });
        Output { step: position.step, node: position.node, inside }
    }
}

/// What a judging message carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    /// What the message shows.
    pub witness: Vec<u8>,
    /// Operands to keep before it, each with its own witness; empty where one message is enough.
    pub kept: Vec<(u8, Vec<u8>)>,
}

/// One side's data of a segment, as it claims it.
pub trait Story {
    /// State root after the segment.
    ///
    /// # Errors
    /// What kept the implementer from answering; so everywhere in this trait.
    fn end(&self) -> Result<Digest, SequenceError>;

    /// The steps ([`samebit_commit::Kind::Steps`]); a step is entered to its trace (leaf 0) and state (leaf 1), a trace to its tensors.
    fn steps(&self) -> &dyn Sequence;

    /// dtype and element count of an output.
    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError>;

    /// The words of a page of an output.
    fn page(&self, output: Output, page: u64) -> Result<Vec<u32>, SequenceError>;

    /// What an element of an output is made of, with the witness that shows it to the referee.
    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError>;

    /// The running totals 1 … of an element of a fold; the last one is the element's word.
    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError>;

    /// The lanes of a block of an element of a sum or maximum.
    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError>;

    /// The body's outputs ([`samebit_commit::Kind::Row`]) in the row of an element of a composite.
    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError>;

    /// What shows the referee all that it needs to answer `kind` at the position, in which this story is that of `side`.
    fn evidence(
        &self,
        question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError>;

    /// What shows the referee that the node is malformed; `None` if it is not.
    fn malformed(&self, _output: Output) -> Result<Option<Vec<u8>>, SequenceError> {
        Ok(None)
    }

    /// The root to claim.
    fn opened(&self) -> Result<Opened, SequenceError> {
        let steps = self.steps();
        let steps_top = steps.node(height(steps.len()), 0)?;
        Ok(Opened { state: self.end()?, count: steps.len(), steps_top })
    }
}

impl<S: Story + ?Sized> Story for &S {
    fn end(&self) -> Result<Digest, SequenceError> {
        (**self).end()
    }
    fn steps(&self) -> &dyn Sequence {
        (**self).steps()
    }
    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError> {
        (**self).shape(output)
    }
    fn page(&self, output: Output, page: u64) -> Result<Vec<u32>, SequenceError> {
        (**self).page(output, page)
    }
    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        (**self).structure(output)
    }
    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError> {
        (**self).totals(output, element)
    }
    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError> {
        (**self).lanes(output, element, block)
    }
    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        (**self).row(step, node, element)
    }
    fn evidence(
        &self,
        question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        (**self).evidence(question, position, side, kind)
    }
    fn malformed(&self, output: Output) -> Result<Option<Vec<u8>>, SequenceError> {
        (**self).malformed(output)
    }
    fn opened(&self) -> Result<Opened, SequenceError> {
        (**self).opened()
    }
}
