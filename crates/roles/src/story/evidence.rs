//! What shows the referee all that it reads: witnesses of `trace` for the questions of `dispute`.

use super::{Segment, unavailable};
use samebit_commit::SequenceError;
use samebit_dispute::limits::LANES;
use samebit_dispute::{Evidence, JudgeKind, Output, Position, Question, Side, Structure};
use samebit_graph::limits::BLOCK;
use samebit_graph::node::{FoldKind, Kind};
use samebit_trace::witness::{self, Maker, Piece, Proof};
use samebit_trace::{Claims, TraceError};

fn side_of(side: Side) -> witness::Side {
    match side {
        Side::A => witness::Side::A,
        Side::B => witness::Side::B,
    }
}

impl<C: Claims> Segment<C> {
    pub(super) fn maker(&self, side: Side) -> Maker<'_> {
        Maker { side: side_of(side), claims: &self.claims, start: &self.start, tables: &self.tables }
    }

    pub(super) fn structure_of(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        let structure = match &self.node(output)?.kind {
            Kind::State(_) | Kind::Table(_) => Structure::Source,
            Kind::Map { .. } => Structure::Map,
            Kind::Fold(fold) => {
                let blocks = fold.extent.div_ceil(BLOCK);
                match fold.kind {
                    FoldKind::Product(_) => Structure::Product { blocks },
                    FoldKind::Sum | FoldKind::Max => Structure::Lanes { blocks },
                }
            }
            Kind::Composite { row_length, body } => {
                Structure::Composite { row_length: *row_length, body_nodes: body.len() as u32 }
            }
        };
        // The node is the job's: whose side shows it makes no difference.
        Ok((structure, self.maker(Side::A).node(output.node)))
    }

    pub(super) fn lanes_of(
        &self,
        output: Output,
        element: u64,
        block: u64,
    ) -> Result<[u32; LANES], SequenceError> {
        let (held, inside) = self.place(output, element)?;
        let lanes = held.lanes(inside, block);
        lanes.ok_or_else(|| unavailable(format!("lanes of block {block} of element {element} of {output:?}")))
    }

    pub(super) fn evidence_of(
        &self,
        question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        let maker = self.maker(side);
        let (step, node) = (position.step, position.node);
        let made = |witness: Result<Vec<u8>, TraceError>| {
            witness.map(|witness| Evidence { witness, kept: Vec::new() }).map_err(SequenceError::source)
        };
        match kind {
            JudgeKind::Ended => made(maker.ended(step, question.step_count)),
            JudgeKind::Sink if (node as usize) < self.program.sinks.len() => made(maker.sink(step, node)),
            JudgeKind::Source => {
                let witness = maker.source(step, node).map_err(SequenceError::source)?;
                made(Ok(witness.ok_or_else(|| unavailable(format!("the source of node {node}")))?))
            }
            JudgeKind::Shape => made(Ok(maker.node(node))),
            JudgeKind::Map => self.piece(position, side, Piece::Map),
            JudgeKind::Block => self.piece(position, side, Piece::Block(position.block)),
            JudgeKind::Lane => self.piece(position, side, Piece::Lane(position.block, position.lane)),
            JudgeKind::LaneFold => {
                let lanes = self.lanes_of(Output::of(position), position.element_index(), position.block)?;
                made(Ok(maker.lane_fold(node, &lanes)))
            }
            JudgeKind::RowEnd => {
                let element = self.element(step, node, position.element).map_err(SequenceError::source)?;
                let witness = maker.row_end(&element);
                made(Ok(witness.ok_or_else(|| unavailable(format!("the row of node {node}")))?))
            }
            JudgeKind::SegmentEnd => made(maker.segment_end()),
            JudgeKind::Malformed => made(Ok(maker.malformed(node))),
            JudgeKind::Sink => Err(unavailable(format!("entry {node} of the state"))),
        }
    }

    fn piece(&self, position: &Position, side: Side, piece: Piece) -> Result<Evidence, SequenceError> {
        let (held, inside) = self.place(Output::of(position), position.element_index())?;
        let proof = held.witness(side_of(side), inside, piece).map_err(SequenceError::source)?;
        let Proof { keeps, witness, .. } = proof;
        Ok(Evidence { witness, kept: keeps })
    }
}
