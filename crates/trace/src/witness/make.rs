//! Making witnesses from what one side of a game has: the piece is computed once, and what it read is opened.

use super::arithmetic;
use super::judge::{Kept, PREDICATE_SLOT, encode_piece};
use super::kinds::{Leaf, Piece, Place, Side};
use super::openings::{NodeOpening, StepOpening, TENSOR_LIMIT, TensorOpening, Tensors};
use super::rules::{Known, Rule, broken};
use crate::element::{Body, Element, Held, Inside};
use crate::{Claims, TraceError};
use samebit_commit::merkle::{height, inner, width};
use samebit_commit::{BatchOpening, Canonical, Digest, Encoder, Opening, Tree, state, steps, tensor};
use samebit_graph::Program;
use samebit_graph::gas;
use samebit_graph::interpret::{Frame, Source};
use samebit_graph::node::{DType, Input, Kind, Node, NodeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// All that proves a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its kind.
    pub leaf: Leaf,
    /// Operands to be kept before, each in a message of its own: the slot, and its witness. They are too large for one message together.
    pub keeps: Vec<(u8, Vec<u8>)>,
    /// The witness of the leaf itself.
    pub witness: Vec<u8>,
}

/// The proof of a piece of an element; see [`Element::witness`].
pub(crate) fn make(
    element: &Element,
    side: Side,
    inside: Option<Inside>,
    piece: Piece,
) -> Result<Proof, TraceError> {
    let no_piece = || TraceError::NoPiece { node: element.node, inside, block: piece.block() };
    let computed = element.piece(inside).ok_or_else(no_piece)?;
    let row = element.row_words().unwrap_or_default();
    let reading = Reading { element, row, node: computed.node, at: computed.element, number: computed.row };
    let opener = Opener::new(element, side, row);
    let (mut kept, mut keeps): (Vec<Kept>, Vec<_>) = Default::default();
    let node_bytes = opener.node.bytes.len() as u64;
    for slot in gas::kept(computed.node, node_bytes) {
        let mut words = None;
        let pages = reading.pages(|read| read == slot, |of| words = of.operand(piece, slot).ok());
        kept.push((slot, words.ok_or_else(no_piece)?));
        keeps.push((slot, opener.open(&pages)));
    }
    let is_block = matches!(piece, Piece::Block(_));
    let reads = |slot: u8| is_block || kept.iter().all(|(held, _)| *held != slot);
    let mut word = None;
    let pages = reading.pages(reads, |of| word = of.word(piece, 0, &kept).ok());
    word.ok_or_else(no_piece)?;
    Ok(Proof { leaf: piece.leaf(), keeps, witness: opener.open(&pages) })
}

/// The lanes of a block of a sum or maximum; `None` if there is no such block.
pub(crate) fn lanes(element: &Element, inside: Option<Inside>, block: u64) -> Option<[u32; 16]> {
    let computed = element.piece(inside)?;
    let row = element.row_words().unwrap_or_default();
    let (outer, body) = (Held(&element.words), Body(row));
    let frame = Frame { outer: &outer, body: &body, row: computed.row, step: element.step };
    arithmetic::Element { node: computed.node, element: computed.element, frame }.lanes(block).ok()
}

/// The place of a piece, as if both sides said what this one says; for who has no position of a game.
pub(crate) fn place(element: &Element, inside: Option<Inside>, piece: Piece) -> Option<Place> {
    let program = &element.program;
    let totals = element.totals_words(inside);
    let before = (piece.block() as usize).checked_sub(1);
    let row = element.row_words().map(|row| {
        let (body, ..) = element.composite().expect("it has a row");
        steps::trace_root(&row_roots(body, row))
    });
    let trace = steps::trace_root(&element.trace);
    let lane = if let Piece::Lane(_, lane) = piece { lane } else { 0 };
    let lanes = lanes(element, inside, piece.block()).map_or(Digest::ZERO, |lanes| Place::lanes_hash(&lanes));
    Some(Place {
        nodes: program.node_tree().root(),
        states: program.state_tree().root(),
        sinks: program.sink_tree().root(),
        node_count: program.nodes.len() as u64,
        state_count: program.states.len() as u64,
        table_count: program.tables.len() as u64,
        loss: program.loss,
        step: element.step,
        traces: [trace; 2],
        node: element.node,
        element: element.element,
        rows: [row.unwrap_or_default(); 2],
        body_node: inside.map_or(0, |inside| inside.node),
        body_element: inside.map_or(0, |inside| inside.element),
        block: piece.block(),
        total: match before {
            None => 0,
            Some(before) => *totals?.get(before)?,
        },
        lane,
        lanes,
        ..Place::default()
    })
}

/// The witness of [`Leaf::LaneFold`] with these lanes.
pub(crate) fn lane_fold(program: &Program, node: NodeId, lanes: &[u32; 16]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    open_node(program, node).encode(&mut encoder);
    lanes.iter().for_each(|lane| encoder.u32(*lane));
    encoder.into_bytes()
}

fn row_roots(body: &[Node], row: &[Vec<u32>]) -> Vec<Digest> {
    body.iter().zip(row).map(|(node, words)| tensor::root_of(node.dtype, words)).collect()
}

/// Pages read, by node; a tensor without a page is needed all the same.
type Pages = BTreeMap<NodeId, BTreeSet<u64>>;

/// Runs a piece and notes which pages it reads.
struct Reading<'a> {
    element: &'a Element,
    row: &'a [Vec<u32>],
    node: &'a Node,
    at: u64,
    number: u64,
}

impl Reading<'_> {
    /// The pages, of the trace and of the row, that an evaluation reads. The tensor of every input for which `reads` holds is among them, even if
    /// a predicate cuts all terms.
    fn pages(
        &self,
        reads: impl Fn(u8) -> bool,
        evaluate: impl FnOnce(&arithmetic::Element<'_>),
    ) -> [Pages; 2] {
        let (held, body) = (Held(&self.element.words), Body(self.row));
        let (outer, body) = (Noting::new(&held), Noting::new(&body));
        let frame = Frame { outer: &outer, body: &body, row: self.number, step: self.element.step };
        evaluate(&arithmetic::Element { node: self.node, element: self.at, frame });
        let mut pages = [outer.pages.into_inner(), body.pages.into_inner()];
        for (_, input) in (0u8..).zip(self.node.inputs()).filter(|(slot, _)| reads(*slot)) {
            match input {
                Input::Outer(node, _) => pages[0].entry(*node).or_default(),
                Input::Body(node, _) => pages[1].entry(*node).or_default(),
                Input::Value(_) => continue,
            };
        }
        // Any page shows where the end of a tensor is.
        for needed in pages.iter_mut().flat_map(BTreeMap::values_mut).filter(|needed| needed.is_empty()) {
            needed.insert(0);
        }
        pages
    }
}

/// Notes which pages are read.
struct Noting<'a> {
    source: &'a dyn Source<u32>,
    pages: RefCell<Pages>,
}

impl<'a> Noting<'a> {
    fn new(source: &'a dyn Source<u32>) -> Self {
        Noting { source, pages: RefCell::default() }
    }
}

impl Source<u32> for Noting<'_> {
    fn element(&self, node: NodeId, index: u64) -> Option<u32> {
        let word = self.source.element(node, index);
        let page = word.is_some().then_some(index / tensor::PAGE_WORDS as u64);
        self.pages.borrow_mut().entry(node).or_default().extend(page);
        word
    }
}

/// Opens what a piece of an element reads.
struct Opener<'a> {
    element: &'a Element,
    side: Side,
    row: &'a [Vec<u32>],
    node: NodeOpening,
    trace: Tree,
    row_trace: Tree,
}

impl<'a> Opener<'a> {
    fn new(element: &'a Element, side: Side, row: &'a [Vec<u32>]) -> Opener<'a> {
        let body = element.composite().map_or(&[][..], |(body, ..)| body);
        Opener {
            element,
            side,
            row,
            node: open_node(&element.program, element.node),
            trace: Tree::new(element.trace.clone()),
            row_trace: Tree::new(row_roots(body, row)),
        }
    }

    fn open(&self, [outer, body]: &[Pages; 2]) -> Vec<u8> {
        let program = &self.element.program;
        let outer_of = |node: NodeId| (program.nodes[node as usize].dtype, &self.element.words[&node][..]);
        let nodes = self.element.composite().map_or(&[][..], |(body, ..)| body);
        let body_of = |node: NodeId| (nodes[node as usize].dtype, &self.row[node as usize][..]);
        let outer = open_tensors(outer, &self.trace, outer_of);
        let body = open_tensors(body, &self.row_trace, body_of);
        encode_piece(self.side, &self.node, &outer, &body)
    }
}

/// The nodes that a node reads and whose dtypes a witness shows beside it.
fn typed(program: &Program, node: NodeId) -> Vec<NodeId> {
    let reads = program.nodes[node as usize].reads().into_iter();
    reads.filter(|read| *read < node).take(TENSOR_LIMIT as usize).collect()
}

fn open_node(program: &Program, node: NodeId) -> NodeOpening {
    let opening = program.node_tree().open(node.into()).expect("the node is in the program");
    NodeOpening { bytes: program.nodes[node as usize].to_bytes(), opening }
}

fn open_tensors<'a>(read: &Pages, outputs: &Tree, of: impl Fn(NodeId) -> (DType, &'a [u32])) -> Tensors {
    if read.is_empty() {
        return Tensors::default();
    }
    let nodes: Vec<u64> = read.keys().map(|node| u64::from(*node)).collect();
    let siblings = outputs.open_batch(&nodes).expect("nodes in order, inside the list").siblings;
    let open = |(node, pages): (&NodeId, &BTreeSet<u64>)| {
        let (dtype, words) = of(*node);
        open_tensor(*node, dtype, words, pages)
    };
    Tensors { tensors: read.iter().map(open).collect(), siblings }
}

fn open_tensor(node: NodeId, dtype: DType, words: &[u32], pages: &BTreeSet<u64>) -> TensorOpening {
    let pages: Vec<u64> = pages.iter().copied().collect();
    let tree = Tree::new(tensor::page_digests(words));
    let opening: BatchOpening = tree.open_batch(&pages).expect("pages in order, inside the tensor");
    let count = words.len() as u64;
    let page = |page: &u64| {
        let start = *page as usize * tensor::PAGE_WORDS;
        &words[start..start + tensor::page_length(count, *page)]
    };
    let words = pages.iter().flat_map(page).copied().collect();
    TensorOpening { node, dtype, count, pages, words, opening }
}

/// Makes the witnesses of leaves that are no arithmetic, from one side's view of a segment. Steps are counted from the segment's first.
pub struct Maker<'a> {
    /// Which side it is.
    pub side: Side,
    /// What it holds.
    pub claims: &'a dyn Claims,
    /// The entries of the state before the segment.
    pub start: &'a [state::Entry],
    /// The roots of the tables.
    pub tables: &'a [Digest],
}

impl Maker<'_> {
    /// The node's bytes, opened: the witness of a structure and of [`Leaf::Shape`].
    pub fn node(&self, node: NodeId) -> Vec<u8> {
        open_node(&self.claims.program(), node).to_bytes()
    }

    /// The witness of [`Leaf::Ended`] at `step` of a segment of `step_count` steps.
    ///
    /// # Errors
    /// Those of the claims.
    pub fn ended(&self, step: u64, step_count: u64) -> Result<Vec<u8>, TraceError> {
        let mut encoder = Encoder::new();
        let Some(before) = step.checked_sub(1) else { return Ok(encoder.into_bytes()) };
        let opening = self.step(before)?;
        opening.encode(&mut encoder);
        if opening.step.is_some() {
            let trace = self.claims.roots()?.step(self.first() + before);
            encoder.raw(&trace.outcome.loss.to_le_bytes());
            let loss = self.claims.program().loss;
            open(&Tree::new(trace.nodes.clone()), loss.into()).encode(&mut encoder);
        } else {
            let tree = crate::claims::leaves(self.claims).expect("the roots are at hand").tree();
            open_absent(tree, step_count, before).encode(&mut encoder);
        }
        Ok(encoder.into_bytes())
    }

    /// The witness of [`Leaf::Sink`]: entry `state` after `step`.
    ///
    /// # Errors
    /// Those of the claims.
    pub fn sink(&self, step: u64, state: u32) -> Result<Vec<u8>, TraceError> {
        let program = self.claims.program();
        let trace = self.claims.roots()?.step(self.first() + step);
        let sink = program.sinks[state as usize];
        let mut encoder = Encoder::new();
        encoder.bytes(&program.states[state as usize].to_bytes());
        open(&program.state_tree(), state.into()).encode(&mut encoder);
        encoder.u32(sink);
        open(&program.sink_tree(), state.into()).encode(&mut encoder);
        trace.nodes[sink as usize].encode(&mut encoder);
        open(&Tree::new(trace.nodes.clone()), sink.into()).encode(&mut encoder);
        Ok(encoder.into_bytes())
    }

    /// The witness of [`Leaf::Source`] for a state or table node in `step`; `None` for another node.
    ///
    /// # Errors
    /// Those of the claims.
    pub fn source(&self, step: u64, node: NodeId) -> Result<Option<Vec<u8>>, TraceError> {
        let program = self.claims.program();
        let mut encoder = Encoder::new();
        open_node(&program, node).encode(&mut encoder);
        match program.nodes[node as usize].kind {
            Kind::Table(table) => {
                self.tables[table as usize].encode(&mut encoder);
                open(&Tree::new(self.tables.to_vec()), table.into()).encode(&mut encoder);
            }
            Kind::State(position) => {
                let entries = match step.checked_sub(1) {
                    None => self.start,
                    Some(before) => {
                        self.step(before)?.encode(&mut encoder);
                        &self.claims.roots()?.step(self.first() + before).state[..]
                    }
                };
                encoder.bytes(&entries[position as usize].to_bytes());
                open(&state::tree(entries), position.into()).encode(&mut encoder);
            }
            _ => return Ok(None),
        }
        Ok(Some(encoder.into_bytes()))
    }

    /// The witness of [`Leaf::LaneFold`] with these lanes.
    pub fn lane_fold(&self, node: NodeId, lanes: &[u32; 16]) -> Vec<u8> {
        lane_fold(&self.claims.program(), node, lanes)
    }

    /// The witness of [`Leaf::RowEnd`] for an element of a composite; `None` for another node.
    pub fn row_end(&self, element: &Element) -> Option<Vec<u8>> {
        let (body, row_length, _) = element.composite()?;
        let row = element.row_words()?;
        let last = body.len() as NodeId - 1;
        let page = element.element % row_length / tensor::PAGE_WORDS as u64;
        let read = BTreeMap::from([(last, BTreeSet::from([page]))]);
        let of = |node: NodeId| (body[node as usize].dtype, &row[node as usize][..]);
        let mut encoder = Encoder::new();
        open_node(&element.program, element.node).encode(&mut encoder);
        open_tensors(&read, &Tree::new(row_roots(body, row)), of).encode(&mut encoder);
        Some(encoder.into_bytes())
    }

    /// The witness of [`Leaf::SegmentEnd`].
    ///
    /// # Errors
    /// Those of the claims.
    pub fn segment_end(&self) -> Result<Vec<u8>, TraceError> {
        let mut encoder = Encoder::new();
        let range = self.claims.range();
        self.step(range.end - range.start - 1)?.encode(&mut encoder);
        Ok(encoder.into_bytes())
    }

    /// The rule that the node breaks, as [`Maker::malformed`] shows it; `None` if none.
    pub fn breaks(&self, node: NodeId) -> Option<Rule> {
        let program = self.claims.program();
        let dtype = |read: &NodeId| (*read, program.nodes[*read as usize].dtype);
        let known = Known {
            node,
            states: program.states.len() as u64,
            tables: program.tables.len() as u64,
            dtypes: typed(&program, node).iter().map(dtype).collect(),
        };
        broken(&program.nodes[node as usize].to_bytes(), &known)
    }

    /// The witness of [`Leaf::Malformed`], with the nodes that the node reads if they fit.
    pub fn malformed(&self, node: NodeId) -> Vec<u8> {
        let program = self.claims.program();
        let mut encoder = Encoder::new();
        open_node(&program, node).encode(&mut encoder);
        encoder.list(&typed(&program, node), |encoder, read| {
            encoder.u32(*read);
            open_node(&program, *read).encode(encoder);
        });
        encoder.into_bytes()
    }

    fn first(&self) -> u64 {
        self.claims.range().start
    }

    /// A step of the side's claim; without the step if the claim ends before it.
    fn step(&self, index: u64) -> Result<StepOpening, TraceError> {
        let (roots, range) = (self.claims.roots()?, self.claims.range());
        let root_of = |step: u64| {
            let trace = roots.step(range.start + step);
            (state::root(&trace.state), steps::trace_root(&trace.nodes))
        };
        let tree = crate::claims::leaves(self.claims).expect("the roots are at hand").tree();
        let count = tree.count();
        let step = (index < count).then(|| {
            let (state, trace) = root_of(index);
            (state, trace, open(tree, index))
        });
        Ok(StepOpening { side: self.side, end: root_of(count - 1).0, count, top: tree.top(), step })
    }
}

/// The siblings of leaf `index`, which is absent, in this tree as the beginning of one over `count` leaves.
fn open_absent(tree: &Tree, count: u64, index: u64) -> Opening {
    let node = |level: u32, index: u64| match level.checked_sub(tree.height()) {
        None | Some(0) => tree.node(level, index),
        Some(above) if index == 0 => (0..above).fold(tree.top(), |top, _| inner(top, Digest::ZERO)),
        Some(_) => Digest::ZERO,
    };
    let sibling = |level: u32| {
        let sibling = (index >> level) ^ 1;
        (sibling < width(count, level)).then(|| node(level, sibling))
    };
    Opening { siblings: (0..height(count)).filter_map(sibling).collect() }
}

fn open(tree: &Tree, index: u64) -> Opening {
    tree.open(index).expect("inside the list")
}

const _: () = assert!(PREDICATE_SLOT == gas::PREDICATE_SLOT);
