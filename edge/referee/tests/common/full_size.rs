//! Disputes at full size: 1,024 steps of 8,192 nodes, 4,096 states, tensors of 2^28 elements, folds over 4,096 terms. What a game looks at is real;
//! beside it all digests are made up, without a zero byte. The path goes left wherever it can, where a choice has the most siblings.
#![allow(dead_code)]

use super::common::Random;
use super::sparse::{Sparse, made_up};
use samebit_commit::tensor::page_digest;
use samebit_commit::{
    BatchOpening, Canonical, DType, Digest, Encoder, Kind as Tree, Opening, Sequence, SequenceError, Tag,
    hash, state, steps,
};
use samebit_dispute::limits::LANES;
use samebit_dispute::{
    Case, Evidence, Header, JudgeKind, Kept, Output, Position, Question, Referee, RefereeError, Side, Story,
    Structure, Truth, number,
};
use samebit_graph::Declaration;
use samebit_graph::gas::{PREDICATE_SLOT, kept};
use samebit_graph::index::{Index, Point, coords_of};
use samebit_graph::node::{Fold, FoldKind, Input, Kind, Node};
use samebit_num::{Binary32, Soft, fold, run};
use samebit_trace::witness::{NodeOpening, TensorOpening, Tensors};
use std::collections::BTreeMap;

pub const STEPS: u64 = 1 << 10;
pub const NODES: u64 = 1 << 13;
pub const STATES: u64 = 1 << 12;
pub const ELEMENTS: u64 = 1 << 28;
pub const TERMS: u64 = 1 << 12;
/// The disputed place: left at almost every level of every tree.
pub const STEP: u64 = 1 << 9;
pub const NODE: u32 = 1 << 12;
pub const ELEMENT: u64 = (1 << 27) + 255;
pub const BLOCK: u64 = 8;
/// The disputed entry of a state.
pub const ENTRY: u32 = 1 << 11;
const LANE: usize = 3;

/// A tensor of which one page is looked at.
#[derive(Clone)]
struct Paged {
    elements: u64,
    seed: u64,
    page: u64,
}

impl Paged {
    /// The words of its page: no byte is zero.
    fn words(&self) -> Vec<u32> {
        let mut random = Random(self.seed << 40 ^ self.page);
        (0..256).map(|_| random.value() | 0x0001_0101).collect()
    }

    fn sparse(&self) -> Sparse {
        Sparse::tensor(self.elements, self.seed).with_leaf(self.page, page_digest(&self.words()))
    }

    fn opening(&self, node: u32) -> TensorOpening {
        TensorOpening {
            node,
            dtype: DType::F32,
            count: self.elements,
            pages: vec![self.page],
            words: self.words(),
            opening: BatchOpening { siblings: self.sparse().siblings(&[self.page]) },
        }
    }
}

/// What a side says of an output.
#[derive(Clone)]
pub struct Told {
    structure: Structure,
    elements: u64,
    page: Vec<u32>,
    totals: Vec<u32>,
    lanes: [u32; LANES],
}

impl Told {
    fn new(structure: Structure, elements: u64) -> Told {
        Told { structure, elements, page: Vec::new(), totals: Vec::new(), lanes: [0; LANES] }
    }

    /// The page of the element, which is `word`.
    fn with_page(mut self, element: u64, seed: u64, word: u32) -> Told {
        let whole = Paged { elements: self.elements, seed, page: element / 256 };
        self.page = whole.words();
        self.page.truncate(self.elements.min(256) as usize);
        self.page[(element % 256) as usize] = word;
        self
    }

    fn tensor(&self, element: u64, seed: u64) -> Sparse {
        Sparse::tensor(self.elements, seed).with_leaf(element / 256, page_digest(&self.page))
    }
}

/// What a leaf reads, by (whether of the body, node).
type Read = BTreeMap<(bool, u32), Paged>;

/// One side.
pub struct Tale {
    steps: Sparse,
    end: Digest,
    outer: Told,
    inner: Option<(Told, Sparse)>,
    node: Vec<u8>,
    /// What the witness has after its side, and those of the operands to keep.
    witness: Vec<u8>,
    kept: Vec<(u8, Vec<u8>)>,
    is_sided: bool,
}

impl Tale {
    fn told(&self, output: Output) -> &Told {
        match (&output.inside, &self.inner) {
            (Some(_), Some((told, _))) => told,
            _ => &self.outer,
        }
    }
}

impl Story for Tale {
    fn end(&self) -> Result<Digest, SequenceError> {
        Ok(self.end)
    }
    fn steps(&self) -> &dyn Sequence {
        &self.steps
    }
    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError> {
        Ok((DType::F32 as u8, self.told(output).elements))
    }
    fn page(&self, output: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        Ok(self.told(output).page.clone())
    }
    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        Ok((self.told(output).structure, self.node.clone()))
    }
    fn totals(&self, output: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        Ok(self.told(output).totals.clone())
    }
    fn lanes(&self, output: Output, _: u64, _: u64) -> Result<[u32; LANES], SequenceError> {
        Ok(self.told(output).lanes)
    }
    fn row(&self, _: u64, _: u32, _: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        let row = self.inner.as_ref().map(|(_, row)| Box::new(row.clone()) as Box<dyn Sequence>);
        row.ok_or_else(|| SequenceError::Unavailable { what: "a row".to_owned() })
    }
    fn evidence(
        &self,
        _: &Question,
        _: &Position,
        side: Side,
        _: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        let sided = |bytes: &[u8]| match self.is_sided {
            true => [&[side as u8], bytes].concat(),
            false => bytes.to_vec(),
        };
        let kept = self.kept.iter().map(|(slot, bytes)| (*slot, sided(bytes))).collect();
        Ok(Evidence { witness: sided(&self.witness), kept })
    }
}

/// Stands for the referee in the Rust twin, which is asked along: what is true is known.
pub struct Known {
    outer: Structure,
    inner: Option<Structure>,
    truth: Digest,
}

impl Referee for Known {
    fn structure(&self, case: Case<'_>, _: &[u8]) -> Result<Structure, RefereeError> {
        Ok(self.inner.filter(|_| case.position.in_row()).unwrap_or(self.outer))
    }
    fn truth(&self, _: Case<'_>, _: JudgeKind, _: &[u8], _: &[Kept]) -> Result<Truth, RefereeError> {
        Ok(Truth::Value(self.truth))
    }
    fn operand(&self, _: Case<'_>, _: JudgeKind, _: u8, _: &[u8]) -> Result<Vec<u8>, RefereeError> {
        Ok(vec![0])
    }
}

/// A dispute: the honest side a, its liar b.
pub struct Dispute {
    pub tales: [Tale; 2],
    pub known: Known,
    pub question: Question,
    pub header: Header,
}

/// Where a node is evaluated.
struct At {
    coords: Vec<u64>,
    row: u64,
}

impl At {
    fn flat(&self, index: &Index, fold: u64) -> u64 {
        let point = Point { coords: &self.coords, fold, row: self.row, step: STEP };
        index.eval(&point, &|_, _| panic!("no integers are read"))
    }

    /// What an input reads at a term.
    fn read(
        &self,
        input: &Input,
        fold: u64,
        elements: impl Fn(bool, u32) -> u64,
    ) -> ((bool, u32), Paged, usize) {
        let (in_body, node) = match input {
            Input::Outer(node, _) => (false, *node),
            Input::Body(node, _) => (true, *node),
            Input::Value(_) => panic!("no values are read"),
        };
        let flat = self.flat(input.index(), fold);
        let seed = 100 + u64::from(node) + if in_body { 50_000 } else { 0 };
        let paged = Paged { elements: elements(in_body, node), seed, page: flat / 256 };
        ((in_body, node), paged, (flat % 256) as usize)
    }
}

/// Totals and, of the disputed block, the lanes; a liar's are false from that block on.
fn totals(held: &Fold, at: &At, elements: &dyn Fn(bool, u32) -> u64, lies: bool) -> (Vec<u32>, [u32; LANES]) {
    let (soft, mut total, mut lanes, mut all) = (&mut Soft, 0, [0; LANES], Vec::new());
    for block in 0..held.extent.div_ceil(256) {
        let inputs: Vec<(Vec<u32>, usize)> = held
            .inputs
            .iter()
            .map(|input| {
                let (_, paged, offset) = at.read(input, block * 256, elements);
                (paged.words(), offset)
            })
            .collect();
        let word = |input: usize, k: usize| Binary32(inputs[input].0[inputs[input].1 + k]);
        let (kind, result) = match held.kind {
            FoldKind::Product(numerics) => {
                let factors = (0..256).map(|k| Some((word(0, k), word(1, k))));
                (fold::Kind::Product, numerics.block(soft, factors))
            }
            _ => {
                let of = |lane: usize| (0..256).map(move |k| (k % 16 == lane).then(|| word(0, k)));
                let each: [Binary32; LANES] = std::array::from_fn(|lane| fold::sum_block(soft, of(lane)));
                if block == BLOCK {
                    lanes = each.map(|lane| lane.0);
                }
                (fold::Kind::Sum, fold::fold_lanes(soft, each))
            }
        };
        total = kind.join(soft, Binary32(total), result).0;
        if lies && block == BLOCK {
            total ^= 0x0040_0000;
            lanes[LANE] ^= 0x0040_0000;
        }
        all.push(total);
    }
    (all, lanes)
}

fn told(
    node: &Node,
    at: &At,
    elements: &dyn Fn(bool, u32) -> u64,
    element: u64,
    seed: u64,
    lies: bool,
) -> Told {
    match &node.kind {
        Kind::Fold(held) => {
            let blocks = held.extent.div_ceil(256);
            let structure = match held.kind {
                FoldKind::Product(_) => Structure::Product { blocks },
                _ => Structure::Lanes { blocks },
            };
            let (totals, lanes) = totals(held, at, elements, lies);
            let word = totals[totals.len() - 1];
            Told { totals, lanes, ..Told::new(structure, node.len()).with_page(element, seed, word) }
        }
        Kind::Map { inputs, code } => {
            let word = |input: &Input| {
                let (_, paged, offset) = at.read(input, 0, elements);
                paged.words()[offset]
            };
            let words: Vec<u32> = inputs.iter().map(word).collect();
            let value = run(code, &words, &mut Soft) ^ if lies { 1 } else { 0 };
            Told::new(Structure::Map, node.len()).with_page(element, seed, value)
        }
        _ => panic!("a map or a fold"),
    }
}

/// What the inputs in these slots read of the disputed block.
fn read(node: &Node, at: &At, elements: &dyn Fn(bool, u32) -> u64, wanted: impl Fn(u8) -> bool) -> Read {
    let fold = if matches!(node.kind, Kind::Fold(_)) { BLOCK * 256 } else { 0 };
    let inputs = (0u8..).zip(node.inputs()).filter(|(slot, _)| wanted(*slot));
    inputs
        .map(|(_, input)| {
            let (place, paged, _) = at.read(input, fold, elements);
            (place, paged)
        })
        .collect()
}

/// What both sides of a dispute about an element have in common.
struct Scene {
    node: Node,
    element: u64,
    /// A node of the composite's body, and an element of it.
    inner: Option<(usize, u64)>,
    states: Sparse,
    sinks: Sparse,
}

impl Scene {
    fn disputed(&self) -> (&Node, u64) {
        match (self.inner, &self.node.kind) {
            (Some((at, element)), Kind::Composite { body, .. }) => (&body[at], element),
            _ => (&self.node, self.element),
        }
    }

    fn at(&self) -> At {
        let (node, element) = self.disputed();
        let mut coords = Vec::new();
        coords_of(element, &node.shape, &mut coords);
        let row = match &self.node.kind {
            Kind::Composite { row_length, .. } => self.element / row_length,
            _ => 0,
        };
        At { coords, row }
    }

    fn nodes(&self) -> Sparse {
        Sparse::list(Tree::List, NODES, 16).with_leaf(NODE.into(), self.node.digest())
    }

    fn opened(&self) -> Vec<u8> {
        let siblings = self.nodes().siblings(&[NODE.into()]);
        NodeOpening { bytes: self.node.to_bytes(), opening: Opening { siblings } }.to_bytes()
    }

    fn side(&self, lies: bool) -> (Tale, Digest) {
        let (node, element) = self.disputed();
        let at = self.at();
        let body = match &self.node.kind {
            Kind::Composite { body, .. } => &body[..],
            _ => &[],
        };
        let elements = |in_body: bool, node: u32| if in_body { body[node as usize].len() } else { ELEMENTS };
        let told = told(node, &at, &elements, element, 10, lies);
        let bytes = self.node.to_bytes().len() as u64;
        let slots = kept(node, bytes);
        let all = read(node, &at, &elements, |_| true);
        let row = |read: &Read| {
            let mut row = Sparse::list(Tree::Row, body.len() as u64, 19);
            for ((in_body, node), paged) in read {
                row = if *in_body { row.with(u64::from(*node), paged.sparse()) } else { row };
            }
            row
        };
        let (outer, inner) = match self.inner {
            Some((position, _)) => {
                let Kind::Composite { row_length, body } = &self.node.kind else { panic!("a composite") };
                let structure =
                    Structure::Composite { row_length: *row_length, body_nodes: body.len() as u32 };
                let word = told.page[(element % 256) as usize] ^ u32::from(lies);
                let outer = Told::new(structure, self.node.len()).with_page(self.element, 21, word);
                let row = row(&all).with(position as u64, told.tensor(element, 10));
                (outer, Some((told.clone(), row)))
            }
            None => (told.clone(), None),
        };
        let mut trace = Sparse::list(Tree::Trace, NODES, 13);
        for ((in_body, node), paged) in &all {
            trace = if *in_body { trace } else { trace.with(u64::from(*node), paged.sparse()) };
        }
        let seed = if self.inner.is_some() { 21 } else { 10 };
        let trace = trace.with(NODE.into(), outer.tensor(self.element, seed));
        let open = |wanted: &dyn Fn(u8) -> bool| {
            let read = read(node, &at, &elements, wanted);
            let of = |body: bool, list: &Sparse| {
                let tensors = read.iter().filter(|((in_body, _), _)| *in_body == body);
                let tensors: Vec<_> = tensors.map(|((_, node), paged)| paged.opening(*node)).collect();
                let nodes: Vec<u64> = tensors.iter().map(|tensor| tensor.node.into()).collect();
                let siblings = if nodes.is_empty() { Vec::new() } else { list.siblings(&nodes) };
                Tensors { tensors, siblings }
            };
            let none = Sparse::list(Tree::Row, 1, 0);
            let row = inner.as_ref().map_or(&none, |(_, row)| row);
            let mut encoder = Encoder::new();
            encoder.raw(&self.opened());
            of(false, &trace).encode(&mut encoder);
            of(true, row).encode(&mut encoder);
            encoder.into_bytes()
        };
        let is_block = matches!(&node.kind, Kind::Fold(fold) if fold.kind.is_product());
        let witness = open(&|slot| is_block || !slots.contains(&slot));
        let keep = |slot: &u8| (*slot, open(&|read| *slot != PREDICATE_SLOT && read == *slot));
        let kept = slots.iter().map(keep).collect();
        let value = match &node.kind {
            Kind::Map { .. } => told.page[(element % 256) as usize],
            _ if is_block => told.totals[BLOCK as usize],
            _ => told.lanes[LANE],
        };
        let state = Sparse::list(Tree::State, STATES, 14 + u64::from(lies));
        let steps = Sparse::list(Tree::Steps, STEPS, 17).with(STEP, Sparse::step(trace, state));
        let node = self.opened();
        let end = made_up(&[18, u64::from(lies)]);
        (Tale { steps, end, outer, inner, node, witness, kept, is_sided: true }, number(value.into()))
    }

    fn dispute(&self) -> Dispute {
        let ((honest, truth), (liar, _)) = (self.side(false), self.side(true));
        let inner = honest.inner.as_ref().map(|(told, _)| told.structure);
        let known = Known { outer: honest.outer.structure, inner, truth };
        self.asked(known, [honest, liar])
    }

    fn asked(&self, known: Known, tales: [Tale; 2]) -> Dispute {
        let nodes = self.nodes();
        let header = Header {
            version: 1,
            table_declarations: made_up(&[20]),
            grad_norm: 8191,
            initial: made_up(&[21]),
            steps: STEPS,
            segment_steps: STEPS,
            profile: "f32".to_owned(),
            nodes_top: nodes.top(),
            states_top: self.states.top(),
            sinks_top: self.sinks.top(),
            tables_top: made_up(&[24]),
        };
        let mut question = Question {
            job: Digest::ZERO,
            nodes: nodes.name(),
            states: self.states.name(),
            sinks: self.sinks.name(),
            tables: samebit_commit::merkle::list_root(4, header.tables_top),
            start: header.initial,
            node_count: NODES,
            state_count: STATES,
            table_count: 4,
            loss: 8190,
            first_step: 0,
            step_count: STEPS,
            bond: samebit_dispute::Amount(1_000_000_000_000_000_001),
            entry_seconds: samebit_dispute::Seconds(86_400),
            clock_seconds: samebit_dispute::Seconds(86_400),
            extension_seconds: samebit_dispute::Seconds(600),
            asker: samebit_dispute::Owner::default(),
            nonce: samebit_commit::Digest::ZERO,
        };
        question.job = header.job(&question);
        Dispute { tales, known, question, header }
    }
}

fn scene(node: Node, element: u64, inner: Option<(usize, u64)>) -> Scene {
    let list = |seed| Sparse::list(Tree::List, STATES, seed);
    Scene { node, element, inner, states: list(22), sinks: list(23) }
}

/// About an element of a map, or a block or lane of a fold.
pub fn about(node: Node) -> Dispute {
    scene(node, ELEMENT, None).dispute()
}

/// About an element of node `inner` of the body of a composite, in the row of its element `element`.
pub fn within(node: Node, element: u64, inner: (usize, u64)) -> Dispute {
    scene(node, element, Some(inner)).dispute()
}

/// A state's declaration with the longest name and shape that there may be.
fn declared() -> Declaration {
    Declaration { name: "n".repeat(256), dtype: DType::F32, shape: vec![1 << 8, 1 << 8, 1 << 8, 2, 2, 4] }
}

fn entry(root: Digest) -> state::Entry {
    let Declaration { name, dtype, shape } = declared();
    state::Entry { name, dtype, shape, root }
}

/// A tensor that nobody looks into.
fn unseen(seed: u64) -> Sparse {
    Sparse::tensor(ELEMENTS, seed)
}

/// About the output of a node that is a state.
pub fn source() -> Dispute {
    let node =
        Node { op: "state".to_owned(), dtype: DType::F32, shape: declared().shape, kind: Kind::State(ENTRY) };
    let scene = scene(node, ELEMENT, None);
    let entry = entry(unseen(30).name());
    let state = Sparse::list(Tree::State, STATES, 25).with_leaf(ENTRY.into(), entry.leaf());
    let before = [state.name(), made_up(&[26])];
    let tale = |lies: bool| {
        let trace = Sparse::list(Tree::Trace, NODES, 13).with(NODE.into(), unseen(30 + u64::from(lies)));
        let step = Sparse::step(trace, Sparse::list(Tree::State, STATES, 14));
        let steps = Sparse::list(Tree::Steps, STEPS, 17).with(STEP, step);
        let steps = steps.with_leaf(STEP - 1, steps::step(before[0], before[1]));
        let end = made_up(&[18, u64::from(lies)]);
        let mut encoder = Encoder::new();
        encoder.raw(&scene.opened());
        encoder.u8(u8::from(lies));
        end.encode(&mut encoder);
        encoder.u64(STEPS);
        [steps.top(), before[0], before[1]].iter().for_each(|digest| digest.encode(&mut encoder));
        Opening { siblings: steps.siblings(&[STEP - 1]) }.encode(&mut encoder);
        encoder.bytes(&entry.to_bytes());
        Opening { siblings: state.siblings(&[ENTRY.into()]) }.encode(&mut encoder);
        let outer = Told::new(Structure::Source, ELEMENTS);
        let (node, witness) = (scene.opened(), encoder.into_bytes());
        Tale { steps, end, outer, inner: None, node, witness, kept: Vec::new(), is_sided: false }
    };
    let known = Known { outer: Structure::Source, inner: None, truth: unseen(30).name() };
    scene.asked(known, [tale(false), tale(true)])
}

/// About an entry of the state after a step.
pub fn sink() -> Dispute {
    let node =
        Node { op: "state".to_owned(), dtype: DType::F32, shape: declared().shape, kind: Kind::State(ENTRY) };
    let bytes = declared().to_bytes();
    let mut scene = scene(node, ELEMENT, None);
    scene.states = scene.states.with_leaf(ENTRY.into(), hash(Tag::Declaration, &[&bytes]));
    scene.sinks = scene.sinks.with_leaf(ENTRY.into(), steps::total(NODE));
    let output = unseen(30).name();
    let truth = entry(output).leaf();
    let tale = |lies: bool| {
        let trace = Sparse::list(Tree::Trace, NODES, 13).with(NODE.into(), unseen(30));
        let leaf = if lies { entry(unseen(31).name()).leaf() } else { truth };
        let state = Sparse::list(Tree::State, STATES, 14).with_leaf(ENTRY.into(), leaf);
        let mut encoder = Encoder::new();
        encoder.bytes(&bytes);
        Opening { siblings: scene.states.siblings(&[ENTRY.into()]) }.encode(&mut encoder);
        encoder.u32(NODE);
        Opening { siblings: scene.sinks.siblings(&[ENTRY.into()]) }.encode(&mut encoder);
        output.encode(&mut encoder);
        Opening { siblings: trace.siblings(&[NODE.into()]) }.encode(&mut encoder);
        let steps = Sparse::list(Tree::Steps, STEPS, 17).with(STEP, Sparse::step(trace, state));
        let (node, witness) = (scene.opened(), encoder.into_bytes());
        let (end, outer) = (made_up(&[18, u64::from(lies)]), Told::new(Structure::Source, ELEMENTS));
        Tale { steps, end, outer, inner: None, node, witness, kept: Vec::new(), is_sided: false }
    };
    let known = Known { outer: Structure::Source, inner: None, truth };
    let tales = [tale(false), tale(true)];
    scene.asked(known, tales)
}
