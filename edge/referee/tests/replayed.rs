//! Witnesses made from the replay of a stored run, judged by `Step` and by its Rust twin: every operator of a training step, every node of every
//! composite's body, every kind of leaf; and lies that both refute.
mod common;

use common::Random;
use samebit_commit::{Digest, steps, tensor};
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_graph::node::{FoldKind, Kind, Node, NodeId};
use samebit_referee::{EvmError, Judgement, Referee};
use samebit_trace::witness::{
    Leaf, Maker, Piece, Place, Proof, Side, Structure, Truth, operand, structure, truth,
};
use samebit_trace::{Claims, Element, Fault, Folder, Inside, Job, Receipt, Replay, RunRecord, Runner};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const STEP: u64 = 1;

struct Stored {
    job: Job,
    states: Vec<Vec<u32>>,
    folder: Folder,
    _temporary: tempfile::TempDir,
}

impl Stored {
    fn new((program, states, tables): Fixture) -> Stored {
        let job = Job::new(program, tables, &states, STEP + 1, STEP + 1);
        let temporary = tempfile::TempDir::new().expect("a folder");
        let folder = Folder::at(temporary.path());
        folder.create(&job, &states, &RunRecord::default(), &Receipt::new(&job, "test")).expect("files");
        Stored { job, states, folder, _temporary: temporary }
    }

    fn replay(&self, faults: Vec<Fault>) -> Replay<'_> {
        let backend = Arc::new(samebit_ops::Cpu::detect());
        let runner = Runner::new(self.job.clone(), backend, &Settings::default(), faults).expect("a runner");
        Replay::new(&self.folder, 0..STEP + 1, runner)
    }

    /// The last node of every operator.
    fn nodes(&self) -> BTreeMap<&str, (NodeId, &Node)> {
        (0..).zip(&self.job.program.nodes).map(|(id, node)| (node.op.as_str(), (id, node))).collect()
    }

    /// Roots of the first state.
    fn roots(&self) -> Vec<Digest> {
        let states = self.job.program.states.iter().zip(&self.states);
        states.map(|(state, words)| tensor::root_of(state.dtype, words)).collect()
    }

    /// The last computed node of every operator.
    fn operators(&self) -> BTreeMap<&str, (NodeId, &Node)> {
        let nodes = (0..).zip(&self.job.program.nodes);
        let computed = nodes.filter(|(_, node)| !matches!(node.kind, Kind::State(_) | Kind::Table(_)));
        computed.map(|(id, node)| (node.op.as_str(), (id, node))).collect()
    }
}

fn fixtures() -> [Stored; 2] {
    let dims = Dims { steps: STEP + 1, layers: 1, hidden: 300, ..Dims::default() };
    [Stored::new(gpt(Dims { dropout: 0.1, ..dims })), Stored::new(llama(dims))]
}

/// The pieces of an element of a node: the first and last block, and of a sum or maximum lanes at both ends.
fn pieces(node: &Node) -> Vec<Piece> {
    match &node.kind {
        Kind::Map { .. } => vec![Piece::Map],
        Kind::Fold(fold) => {
            let blocks = BTreeSet::from([0, fold.extent.div_ceil(256) - 1]);
            let lanes = |block: u64| [0, 7, 15].map(|lane| Piece::Lane(block, lane));
            match fold.kind {
                FoldKind::Product(_) => blocks.into_iter().map(Piece::Block).collect(),
                FoldKind::Sum | FoldKind::Max => blocks.into_iter().flat_map(lanes).collect(),
            }
        }
        _ => Vec::new(),
    }
}

/// Both referees, asked the same.
struct Both {
    contract: Referee,
    asked: u64,
    kept: u64,
    most: u64,
}

impl Both {
    fn new() -> Both {
        Both { contract: Referee::new().expect("the referee deploys"), asked: 0, kept: 0, most: 0 }
    }

    fn value(&mut self, place: &Place, leaf: Leaf, witness: &[u8]) -> Digest {
        let here = truth(place, leaf, witness, &[]).unwrap_or_else(|error| panic!("{leaf:?}: {error}"));
        let there =
            self.contract.truth(place, leaf, witness, &[]).unwrap_or_else(|e| panic!("{leaf:?}: {e}"));
        self.asked += 1;
        self.most = self.most.max(there.gas);
        let Truth::Value(value) = here else { panic!("{leaf:?}: {here:?}") };
        assert_eq!(there.value, Judgement::Value(value), "{leaf:?}");
        value
    }

    /// What both say from this witness, if anything: the contract must refuse by a custom error when the twin does.
    fn truth(&mut self, place: &Place, leaf: Leaf, witness: &[u8]) -> Option<Truth> {
        match (truth(place, leaf, witness, &[]), self.contract.truth(place, leaf, witness, &[])) {
            (Ok(here), Ok(there)) => {
                let said = match here {
                    Truth::Value(value) => Judgement::Value(value),
                    Truth::Malformed(rule) => Judgement::Malformed(rule as u8),
                };
                assert_eq!(there.value, said, "{leaf:?}");
                Some(here)
            }
            (Err(_), Err(EvmError::Reverted(data))) => {
                assert!(data.len() >= 4 && data[..4] != [0x4e, 0x48, 0x7b, 0x71], "{leaf:?}: {data}");
                None
            }
            (here, there) => panic!("{leaf:?} at {place:?}: {here:?}, the contract {there:?}"),
        }
    }

    /// The word of a piece, all operands opened, and again with operands kept.
    fn word(&mut self, place: &Place, proof: &Proof) -> u32 {
        let mut kept = Vec::new();
        for (slot, witness) in &proof.keeps {
            let words = operand(place, proof.leaf, *slot, witness).expect("an operand");
            let there = self.contract.operand(place, proof.leaf, *slot, witness).expect("an operand");
            assert_eq!(there.value, words);
            self.most = self.most.max(there.gas);
            kept.push((*slot, words));
            self.kept += 1;
        }
        let here = truth(place, proof.leaf, &proof.witness, &kept).expect("an answer");
        let there = self.contract.truth(place, proof.leaf, &proof.witness, &kept).expect("an answer");
        self.asked += 1;
        self.most = self.most.max(there.gas);
        let Truth::Value(value) = here else { panic!("{here:?}") };
        assert_eq!(there.value, Judgement::Value(value));
        word(value)
    }
}

fn word(value: Digest) -> u32 {
    assert_eq!(value.0[..28], [0; 28]);
    u32::from_be_bytes(value.0[28..].try_into().expect("4 bytes"))
}

/// Redoes the element: every piece from its witness, and the lanes folded; the words of its blocks, or the one of a map.
fn agree(both: &mut Both, element: &Element, inside: Option<Inside>, node: &Node) {
    let totals = element.totals_words(inside);
    for piece in pieces(node) {
        let place = element.place(inside, piece).expect("a piece");
        let proof = element.witness(Side::B, inside, piece).expect("a piece");
        let found = both.word(&place, &proof);
        let Piece::Lane(block, lane) = piece else {
            let said = match (&totals, inside) {
                (Some(totals), _) => totals[piece.block() as usize],
                (None, Some(inside)) => {
                    element.row_words().expect("a row")[inside.node as usize][inside.element as usize]
                }
                (None, None) => element.claimed(),
            };
            assert_eq!(found, said, "{}: {piece:?}", node.op);
            continue;
        };
        let lanes = element.lanes(inside, block).expect("lanes");
        assert_eq!(found, lanes[usize::from(lane)], "{}: {piece:?}", node.op);
        let total = both.value(&place, Leaf::LaneFold, &element.lane_fold_witness(&lanes));
        assert_eq!(word(total), totals.as_ref().expect("a fold")[block as usize], "{}", node.op);
    }
}

#[test]
fn every_operator_is_redone_from_a_replay() {
    let mut both = Both::new();
    for stored in fixtures() {
        let replay = stored.replay(Vec::new());
        let maker = Maker { side: Side::B, claims: &replay, start: &[], tables: &[] };
        for (op, (id, node)) in stored.operators() {
            let element = replay.element(STEP, id, node.len() * 2 / 3).expect("an element");
            agree(&mut both, &element, None, node);
            let Kind::Composite { body, row_length } = &node.kind else { continue };
            for (inner, node) in (0u32..).zip(body) {
                let inside = Inside { node: inner, element: node.len() * 2 / 3 };
                agree(&mut both, &element, Some(inside), node);
            }
            let last = body.len() as u32 - 1;
            let inside = Inside { node: last, element: node.len() * 2 / 3 % row_length };
            let place = element.place(Some(inside), Piece::Map).expect("a row");
            let found = both.value(&place, Leaf::RowEnd, &maker.row_end(&element).expect("a row"));
            assert_eq!(word(found), element.claimed(), "{op}");
        }
    }
    println!("{} leaves, {} kept operands, at most {} gas", both.asked, both.kept, both.most);
    assert!(both.asked > 200, "{} pieces", both.asked);
}

/// The place of a leaf of a whole step, as both sides see it.
fn place_of(stored: &Stored, replay: &Replay<'_>, step: u64) -> Place {
    let program = &stored.job.program;
    let roots = replay.roots().expect("roots");
    let trace = steps::trace_root(&roots.step(step).nodes);
    let states: Vec<Digest> =
        (0..=STEP).map(|step| samebit_commit::state::root(&roots.step(step).state)).collect();
    let leaves: Vec<Digest> = (0..=STEP)
        .map(|step| steps::step(states[step as usize], steps::trace_root(&roots.step(step).nodes)))
        .collect();
    let claim = steps::segment(states[STEP as usize], steps::steps_root(&leaves));
    Place {
        nodes: program.node_tree().root(),
        states: program.state_tree().root(),
        sinks: program.sink_tree().root(),
        tables: stored.job.spec.table_tree().root(),
        start: stored.job.spec.initial_state,
        node_count: program.nodes.len() as u64,
        state_count: program.states.len() as u64,
        table_count: program.tables.len() as u64,
        loss: program.loss,
        step_count: STEP + 1,
        claims: [claim; 2],
        step,
        traces: [trace; 2],
        ..Place::default()
    }
}

#[test]
fn what_needs_no_arithmetic_is_opened() {
    let mut both = Both::new();
    for stored in fixtures() {
        let program = stored.job.program.clone();
        let replay = stored.replay(Vec::new());
        let start = samebit_trace::entries(&program, &stored.roots());
        let maker = Maker { side: Side::A, claims: &replay, start: &start, tables: &stored.job.spec.tables };
        for step in 0..=STEP {
            let base = place_of(&stored, &replay, step);
            let trace = replay.roots().expect("roots").step(step);
            let ended = both.value(&base, Leaf::Ended, &maker.ended(step, STEP + 1).expect("roots"));
            assert_eq!(ended.0[31], 1, "the loss was finite");
            for state in 0..program.states.len() as u32 {
                let place = Place { node: state, ..base.clone() };
                let found = both.value(&place, Leaf::Sink, &maker.sink(step, state).expect("roots"));
                assert_eq!(found, trace.state[state as usize].leaf());
            }
            for (id, node) in (0..).zip(&program.nodes) {
                let place = Place { node: id, ..base.clone() };
                let opened = maker.node(id);
                assert_eq!(
                    both.contract.structure(&place, &opened).expect("a structure").value,
                    structure(&place, &opened).expect("a structure")
                );
                let found = both.value(&place, Leaf::Shape, &opened);
                assert_eq!(u64::from_be_bytes(found.0[24..].try_into().expect("8 bytes")), node.len());
                assert_eq!(found.0[23], node.dtype as u8);
                let malformed = both.value(&place, Leaf::Malformed, &maker.malformed(id));
                assert_eq!(malformed, Digest::ZERO, "node {id}: {} is well formed", node.op);
                if let Some(witness) = maker.source(step, id).expect("roots") {
                    assert_eq!(both.value(&place, Leaf::Source, &witness), trace.nodes[id as usize]);
                    assert_eq!(structure(&place, &opened), Ok(Structure::Source));
                }
            }
        }
        let base = place_of(&stored, &replay, STEP);
        let end = both.value(&base, Leaf::SegmentEnd, &maker.segment_end().expect("roots"));
        assert_eq!(end, samebit_commit::state::root(&replay.roots().expect("roots").step(STEP).state));
    }
    println!("{} leaves, at most {} gas", both.asked, both.most);
}

/// A leaf with its witness.
type Shown = (Place, Leaf, Vec<u8>);

/// Leaves that need no arithmetic, and a fold of lanes: of each kind a few, at the first step and after it.
fn shown(stored: &Stored) -> Vec<Shown> {
    let program = stored.job.program.clone();
    let replay = stored.replay(Vec::new());
    let start = samebit_trace::entries(&program, &stored.roots());
    let maker = Maker { side: Side::A, claims: &replay, start: &start, tables: &stored.job.spec.tables };
    let mut shown = Vec::new();
    for step in 0..=STEP {
        let base = place_of(stored, &replay, step);
        let at = |node: NodeId| Place { node, ..base.clone() };
        shown.push((base.clone(), Leaf::Ended, maker.ended(step, STEP + 1).expect("roots")));
        for state in [0, program.states.len() as u32 - 1] {
            shown.push((at(state), Leaf::Sink, maker.sink(step, state).expect("roots")));
        }
        for (_, (id, node)) in stored.nodes() {
            shown.push((at(id), Leaf::Shape, maker.node(id)));
            shown.push((at(id), Leaf::Malformed, maker.malformed(id)));
            if let Some(witness) = maker.source(step, id).expect("roots") {
                shown.push((at(id), Leaf::Source, witness));
                continue;
            }
            let element = replay.element(step, id, node.len() / 2).expect("an element");
            if let Some(witness) = maker.row_end(&element) {
                let place = element.place(Some(Inside { node: 0, element: 0 }), Piece::Map);
                shown.push((place.expect("a row"), Leaf::RowEnd, witness));
            }
            if let Some(lanes) = element.lanes(None, 0) {
                let place = element.place(None, Piece::Lane(0, 0)).expect("a fold");
                shown.push((place, Leaf::LaneFold, element.lane_fold_witness(&lanes)));
            }
        }
    }
    let last = place_of(stored, &replay, STEP);
    shown.push((last, Leaf::SegmentEnd, maker.segment_end().expect("roots")));
    shown
}

/// Changed witnesses of each leaf.
const CHANGED: usize = if cfg!(feature = "slow") { 3_000 } else { 100 };

#[test]
fn no_changed_witness_of_a_stored_run_is_accepted_as_another_answer() {
    let (mut both, mut random) = (Both::new(), Random(41));
    let mut seen: BTreeMap<Leaf, [u64; 2]> = BTreeMap::new();
    for stored in fixtures() {
        for (place, leaf, witness) in shown(&stored) {
            let expected = both.truth(&place, leaf, &witness).expect("a good witness");
            for _ in 0..CHANGED {
                let changed = random.spoil(&witness);
                let said = both.truth(&place, leaf, &changed);
                assert!(said.is_none_or(|said| said == expected), "{leaf:?}: {said:?} from {changed:02x?}");
                seen.entry(leaf).or_default()[usize::from(said.is_none())] += 1;
                // Elsewhere the answer may be another, but it is one, or a refusal, and the same.
                let place = elsewhere(&place, &mut random);
                both.truth(&place, leaf, &witness);
            }
        }
    }
    println!("the same answer, and refusals: {seen:?}");
    let kinds: Vec<Leaf> = seen.keys().copied().collect();
    use Leaf::{Ended, LaneFold, Malformed, RowEnd, SegmentEnd, Shape, Sink, Source};
    assert_eq!(kinds, [Ended, Sink, Source, Shape, LaneFold, RowEnd, SegmentEnd, Malformed]);
}

/// A place that differs in one number.
fn elsewhere(place: &Place, random: &mut Random) -> Place {
    let mut place = place.clone();
    let number = [0, 1, random.below(300), random.word()][random.below(4) as usize];
    match random.below(9) {
        0 => place.step = number,
        1 => place.node = number as u32,
        2 => place.element = number,
        3 => place.body_node = number as u32,
        4 => place.body_element = number,
        5 => place.block = number,
        6 => place.lane = number as u8,
        7 => place.total = number as u32,
        _ => place.step_count = (number % (1 << 32)).max(1),
    }
    place
}

#[test]
fn the_referee_refutes_a_lie() {
    let mut both = Both::new();
    let [stored, _] = fixtures();
    let honest = stored.replay(Vec::new());
    for (op, (node, held)) in stored.operators() {
        let at = held.len() / 2;
        let liar = stored.replay(vec![Fault::Value { step: STEP, node, element: at, ulps: 1 }]);
        let [honest, liar] = [&honest, &liar].map(|side| side.element(STEP, node, at).expect("an element"));
        // The row that a side committed to is the output of the last node of its body.
        let (inside, computed) = match &held.kind {
            Kind::Composite { row_length, body } => {
                let last = body.len() - 1;
                (Some(Inside { node: last as u32, element: at % row_length }), &body[last])
            }
            _ => (None, held),
        };
        let piece = *pieces(computed).last().expect("a piece");
        let place = liar.place(inside, piece).expect("a piece");
        let proof = liar.witness(Side::A, inside, piece).expect("a piece");
        let mut found = both.word(&place, &proof);
        if let Piece::Lane(block, _) = piece {
            let lanes = liar.lanes(inside, block).expect("lanes");
            found = word(both.value(&place, Leaf::LaneFold, &liar.lane_fold_witness(&lanes)));
        }
        assert_eq!(found, honest.claimed(), "{op}");
        assert_ne!(found, liar.claimed(), "{op}");
    }
}
