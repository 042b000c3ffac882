//! The toy's referee: it redoes one piece from inputs that are opened against the roots of the place, and looks at nothing else.
//!
//! ```text
//! step       side u8, state u64 count, top …     which claim a step is opened against, its parts and siblings
//! tensors    side u8, list of (words, siblings)  the inputs of the node, in order, opened against that side's trace or row
//! ```

use super::job::{Input, Job, Node, Read, Run, fold_lanes};
use crate::limits::LANES;
use crate::message::Opened;
use crate::position::Position;
use crate::referee::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth};
use crate::words::{lanes_digest, number, word_of};
use samebit_commit::{
    Canonical, DType, DecodeError, Decoder, Digest, Encoder, Opening, OpeningError,
    merkle::{height, inner},
    steps, tensor,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The slot of the operand that a product's block may keep: its second factor's root.
pub(super) const SLOT: u8 = 1;
/// The most words of a tensor.
const WORDS_LIMIT: u32 = 1 << 13;

/// Redoes what a [`Job`] computes.
#[derive(Clone, Debug)]
pub struct ToyReferee {
    /// The job.
    pub job: Arc<Job>,
}

impl From<DecodeError> for RefereeError {
    fn from(error: DecodeError) -> Self {
        RefereeError(error.to_string())
    }
}

impl From<OpeningError> for RefereeError {
    fn from(error: OpeningError) -> Self {
        RefereeError(error.to_string())
    }
}

fn refuse<T>(why: &str) -> Result<T, RefereeError> {
    Err(RefereeError(why.to_owned()))
}

/// A step opened against a claim.
#[derive(Clone, Debug)]
pub(super) struct StepOpening {
    pub(super) side: u8,
    pub(super) opened: Opened,
    /// State root and trace root; `None` for an absent leaf.
    pub(super) parts: Option<[Digest; 2]>,
    pub(super) siblings: Opening,
}

/// A tensor's words and its siblings in a list of outputs.
#[derive(Clone, Debug)]
pub(super) struct TensorOpening {
    pub(super) words: Vec<u32>,
    pub(super) siblings: Opening,
}

/// Inputs of a node: of the trace, and of the row.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    pub(super) side: u8,
    pub(super) tensors: Vec<TensorOpening>,
}

impl Canonical for StepOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(self.side);
        self.opened.state.encode(encoder);
        encoder.u64(self.opened.count);
        self.opened.steps_top.encode(encoder);
        encoder
            .list(self.parts.as_ref().map_or(&[][..], |parts| parts), |encoder, part| part.encode(encoder));
        self.siblings.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let side = decoder.u8("side")?;
        let state = Digest::decode(decoder)?;
        let count = decoder.u64("count")?;
        let opened = Opened { state, count, steps_top: Digest::decode(decoder)? };
        let parts = decoder.list("parts", 2, Digest::decode)?;
        let parts = <[Digest; 2]>::try_from(parts).ok();
        Ok(StepOpening { side, opened, parts, siblings: Opening::decode(decoder)? })
    }
}

impl Canonical for TensorOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.list(&self.words, |encoder, word| encoder.u32(*word));
        self.siblings.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let words = decoder.list("words", WORDS_LIMIT, |decoder| decoder.u32("word"))?;
        Ok(TensorOpening { words, siblings: Opening::decode(decoder)? })
    }
}

impl Canonical for Inputs {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(self.side);
        encoder.list(&self.tensors, |encoder, tensor| tensor.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let side = decoder.u8("side")?;
        Ok(Inputs { side, tensors: decoder.list("tensors", 16, TensorOpening::decode)? })
    }
}

/// Inputs that were opened.
struct Shown {
    words: BTreeMap<Input, (u64, Vec<u32>)>,
}

impl Read for Shown {
    fn word(&self, input: Input, index: u64) -> u32 {
        let Some((declared, words)) = self.words.get(&input) else { return 0 };
        words.get((index % declared) as usize).copied().unwrap_or(0)
    }
}

fn pick(side: u8, pair: [Digest; 2]) -> Result<Digest, RefereeError> {
    pair.get(usize::from(side)).copied().ok_or(RefereeError("there are two sides".to_owned()))
}

impl ToyReferee {
    /// The node at the place, with the body node's number if it is within a row.
    fn node(&self, position: &Position) -> Result<&Node, RefereeError> {
        let body_node = position.in_row().then_some(position.body_node);
        self.job.node(position.node, body_node).ok_or(RefereeError("there is no such node".to_owned()))
    }

    fn run(&self, case: Case<'_>) -> Run {
        let position = case.position;
        let row = match self.job.node(position.node, None).map(Node::structure) {
            Some(Structure::Composite { row_length, .. }) => position.element / row_length,
            _ => 0,
        };
        Run { step: case.question.first_step + position.step, row }
    }

    /// A tensor of a trace or row.
    fn tensor(
        &self,
        position: &Position,
        side: u8,
        input: Input,
        tensor: &TensorOpening,
    ) -> Result<(u64, Vec<u32>), RefereeError> {
        let (node, count, root, index) = match input {
            Input::Outer(node) => {
                (self.job.node(node, None), self.job.nodes.len(), pick(side, position.traces)?, node)
            }
            Input::Body(node) => {
                let Some(Structure::Composite { body_nodes, .. }) =
                    self.job.node(position.node, None).map(Node::structure)
                else {
                    return refuse("there is no body here");
                };
                let count = body_nodes as usize;
                (self.job.node(position.node, Some(node)), count, pick(side, position.rows)?, node)
            }
        };
        let Some(node) = node else { return refuse("there is no such input") };
        let leaf = tensor::root_of(node.dtype, &tensor.words);
        tensor.siblings.verify(root, count as u64, index.into(), leaf)?;
        Ok((node.elements, tensor.words.clone()))
    }

    fn inputs(&self, case: Case<'_>, node: &Node, witness: &[u8]) -> Result<Shown, RefereeError> {
        let given = Inputs::from_bytes(witness)?;
        let inputs = node.inputs();
        if inputs.len() != given.tensors.len() {
            return refuse("every input is opened, and nothing else");
        }
        let mut words = BTreeMap::new();
        for (input, tensor) in inputs.into_iter().zip(&given.tensors) {
            words.insert(input, self.tensor(case.position, given.side, input, tensor)?);
        }
        Ok(Shown { words })
    }

    /// A step of one of the claims: its state root and trace root, `None` if its leaf is absent.
    fn step(
        &self,
        case: Case<'_>,
        index: u64,
        given: &StepOpening,
    ) -> Result<Option<[Digest; 2]>, RefereeError> {
        let root = pick(given.side, case.roots)?;
        if given.opened.root() != root {
            return refuse("the claim's parts lead to another root");
        }
        let leaf = given.parts.map_or(Digest::ZERO, |[state, trace]| steps::step(state, trace));
        if given.siblings.top(given.opened.count, index, leaf)? != given.opened.steps_top {
            return refuse("the step leads to another top");
        }
        Ok(given.parts)
    }

    /// A step in the tree over all steps of the question: a claim's own count may be another than its tree's, and decides nothing.
    fn padded_step(
        &self,
        case: Case<'_>,
        index: u64,
        given: &StepOpening,
    ) -> Result<Option<[Digest; 2]>, RefereeError> {
        let root = pick(given.side, case.roots)?;
        let count = case.question.step_count;
        if given.opened.root() != root || given.opened.count > count {
            return refuse("the claim's parts lead to another root");
        }
        let leaf = given.parts.map_or(Digest::ZERO, |[state, trace]| steps::step(state, trace));
        let missing = height(count) - height(given.opened.count);
        let padded = (0..missing).fold(given.opened.steps_top, |top, _| inner(top, Digest::ZERO));
        if given.siblings.top(count, index, leaf)? != padded {
            return refuse("the step leads to another top");
        }
        Ok(given.parts)
    }

    fn ended(&self, case: Case<'_>, witness: &[u8]) -> Result<Digest, RefereeError> {
        let Some(before) = case.position.step.checked_sub(1) else { return Ok(number(1)) };
        let mut decoder = Decoder::new(witness);
        let step = StepOpening::decode(&mut decoder)?;
        let Some([_, trace]) = self.padded_step(case, before, &step)? else { return Ok(number(0)) };
        let loss = TensorOpening::decode(&mut decoder)?;
        decoder.finish()?;
        let leaf = tensor::root_of(DType::F32, &loss.words);
        loss.siblings.verify(trace, self.job.nodes.len() as u64, self.job.loss().into(), leaf)?;
        let is_finite = loss.words.first().is_some_and(|word| word & 0x7f80_0000 != 0x7f80_0000);
        Ok(number(is_finite.into()))
    }

    fn sink(&self, case: Case<'_>, witness: &[u8]) -> Result<Digest, RefereeError> {
        let mut decoder = Decoder::new(witness);
        let side = decoder.u8("side")?;
        let root = Digest::decode(&mut decoder)?;
        let siblings = Opening::decode(&mut decoder)?;
        decoder.finish()?;
        let entry = case.position.node;
        let Some(&sink) = self.job.sinks.get(entry as usize) else { return refuse("there is no such state") };
        let trace = pick(side, case.position.traces)?;
        siblings.verify(trace, self.job.nodes.len() as u64, sink.into(), root)?;
        Ok(self.job.entry(entry, root).leaf())
    }

    fn source(&self, case: Case<'_>, witness: &[u8]) -> Result<Digest, RefereeError> {
        use super::job::Kind;
        let entry = match self.node(case.position)?.kind {
            Kind::Table(table) => return Ok(self.job.table_roots()[table as usize]),
            Kind::State(entry) => entry,
            _ => return refuse("the node is computed"),
        };
        let mut decoder = Decoder::new(witness);
        let root = Digest::decode(&mut decoder)?;
        let siblings = Opening::decode(&mut decoder)?;
        let state = match case.position.step.checked_sub(1) {
            None => case.question.start,
            Some(before) => {
                let step = StepOpening::decode(&mut decoder)?;
                match self.step(case, before, &step)? {
                    Some([state, _]) => state,
                    None => return refuse("the step before is absent"),
                }
            }
        };
        decoder.finish()?;
        let leaf = self.job.entry(entry, root).leaf();
        siblings.verify(state, self.job.sinks.len() as u64, entry.into(), leaf)?;
        Ok(root)
    }

    fn row_end(&self, case: Case<'_>, witness: &[u8]) -> Result<Digest, RefereeError> {
        let given = Inputs::from_bytes(witness)?;
        let Some(Structure::Composite { row_length, body_nodes }) =
            self.job.node(case.position.node, None).map(Node::structure)
        else {
            return refuse("there is no row");
        };
        let [tensor] = given.tensors.as_slice() else { return refuse("one tensor is needed") };
        let last = Input::Body(body_nodes - 1);
        let (_, words) = self.tensor(case.position, given.side, last, tensor)?;
        let at = (case.position.element % row_length) as usize;
        Ok(number(words.get(at).copied().unwrap_or(0).into()))
    }

    fn lane_fold(&self, case: Case<'_>, witness: &[u8]) -> Result<Digest, RefereeError> {
        let mut decoder = Decoder::new(witness);
        let lanes = decoder.list("lanes", LANES as u32, |decoder| decoder.u32("lane"))?;
        decoder.finish()?;
        let Ok(lanes) = <[u32; LANES]>::try_from(lanes) else { return refuse("there are 16 lanes") };
        if lanes_digest(&lanes) != case.position.lanes {
            return refuse("these are not the lanes");
        }
        Ok(number(fold_lanes(case.position.total, &lanes).into()))
    }
}

impl Referee for ToyReferee {
    fn structure(&self, case: Case<'_>, _witness: &[u8]) -> Result<Structure, RefereeError> {
        Ok(self.node(case.position)?.structure())
    }

    fn truth(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        witness: &[u8],
        kept: &[Kept],
    ) -> Result<Truth, RefereeError> {
        let position = case.position;
        if position.stage.has_node() && self.job.malformed == Some(position.node) {
            return Ok(Truth::Malformed);
        }
        let (run, element) = (self.run(case), position.element_index());
        let word = |word: u32| Ok(number(word.into()));
        let value = match kind {
            JudgeKind::Ended => self.ended(case, witness),
            JudgeKind::Sink => self.sink(case, witness),
            JudgeKind::Source => self.source(case, witness),
            JudgeKind::Shape => {
                let node = self.node(position)?;
                Ok(number(u128::from(node.dtype as u8) << 64 | u128::from(node.elements)))
            }
            JudgeKind::Map => {
                let node = self.node(position)?;
                if node.structure() != Structure::Map {
                    return refuse("the node is no map");
                }
                word(node.map(&self.inputs(case, node, witness)?, run, element))
            }
            JudgeKind::Block => {
                let node = self.node(position)?;
                if let [(SLOT, words)] = kept {
                    let total = words[..].try_into().ok().and_then(|word| word_of(Digest(word)));
                    return total.map_or_else(
                        || refuse("what was kept is no word"),
                        |total| Ok(Truth::Value(number(total.into()))),
                    );
                }
                let shown = self.inputs(case, node, witness)?;
                word(node.block(&shown, run, element, position.block, position.total))
            }
            JudgeKind::Lane => {
                let node = self.node(position)?;
                let shown = self.inputs(case, node, witness)?;
                word(node.lanes(&shown, run, element, position.block)[usize::from(position.lane) % LANES])
            }
            JudgeKind::LaneFold => self.lane_fold(case, witness),
            JudgeKind::RowEnd => self.row_end(case, witness),
            JudgeKind::SegmentEnd => {
                let step = StepOpening::from_bytes(witness)?;
                match self.step(case, position.step, &step)? {
                    Some([state, _]) => Ok(state),
                    None => refuse("the last step is absent"),
                }
            }
            JudgeKind::Malformed => Ok(number(0)),
        }?;
        Ok(Truth::Value(value))
    }

    /// A product's block is small enough for one message; kept, it is redone before the judgement.
    fn operand(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        slot: u8,
        witness: &[u8],
    ) -> Result<Vec<u8>, RefereeError> {
        if kind != JudgeKind::Block || slot != SLOT {
            return refuse("there is no such operand");
        }
        match self.truth(case, kind, witness, &[])? {
            Truth::Value(value) => Ok(value.0.to_vec()),
            Truth::Malformed => refuse("the node is malformed"),
        }
    }
}
