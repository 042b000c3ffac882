//! Reading a witness and answering from it alone; the contract `Step` and `Ledger` in Rust.

use super::arithmetic::{Element, fold_lanes};
use super::kinds::{Leaf, Piece, Place, Side};
use super::openings::{
    NodeOpening, StepOpening, TENSOR_LIMIT, TensorOpening, Tensors, WITNESS_LIMIT, WitnessError, read_side,
    within,
};
use super::rules::{Known, Rule, broken, walk};
use samebit_commit::{
    Canonical, Decoder, Digest, Encoder, Opening, Tag, hash, steps,
    tensor::{self, PAGE_WORDS},
};
use samebit_graph::interpret::{Frame, Source};
use samebit_graph::limits::{BLOCK, NODE_LIMIT};
use samebit_graph::node::{DType, FoldKind, Input, Kind, Node, NodeId};
use std::cell::Cell;
use std::collections::BTreeSet;

/// What was kept of an operand: its slot, and what [`operand`] gave.
pub type Kept = (u8, Vec<u8>);

/// The slot of a fold's predicate; an input's slot is its number.
pub const PREDICATE_SLOT: u8 = 255;

/// What an element of a node is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// A state or table.
    Source,
    /// A map.
    Map,
    /// A product of so many blocks.
    Product {
        /// ⌈extent / 256⌉.
        blocks: u64,
    },
    /// A sum or maximum of so many blocks.
    Lanes {
        /// ⌈extent / 256⌉.
        blocks: u64,
    },
    /// A composite.
    Composite {
        /// Elements of a row.
        row_length: u64,
        /// Nodes of its body.
        body_nodes: u32,
    },
}

/// The referee's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// The true value: a digest, or a number as a 32-byte word.
    Value(Digest),
    /// The node breaks this rule.
    Malformed(Rule),
}

/// The true value at the place. Asked for [`Leaf::Malformed`], the value 0 says that the node is not.
///
/// # Errors
/// A witness that does not lead to the roots of the place, or lacks what the piece reads; a place that the program has not.
pub fn truth(place: &Place, leaf: Leaf, witness: &[u8], kept: &[Kept]) -> Result<Truth, WitnessError> {
    let mut decoder = open(witness)?;
    let value = match leaf {
        Leaf::Ended => number(ended(place, &mut decoder)?),
        Leaf::Sink => sink(place, &mut decoder)?,
        Leaf::Source => source(place, &mut decoder)?,
        Leaf::Shape => shape(place, &mut decoder)?,
        Leaf::RowEnd => number(row_end(place, &mut decoder)?.into()),
        Leaf::SegmentEnd => segment_end(place, &mut decoder)?,
        Leaf::LaneFold => number(lane_fold(place, &mut decoder)?.into()),
        Leaf::Map | Leaf::Block | Leaf::Lane => {
            let opened = OpenedPiece::read(place, &mut decoder)?;
            let piece = piece(place, leaf)?;
            number(opened.judge(place, piece, kept)?.into())
        }
        Leaf::Malformed => {
            let rule = malformed(place, &mut decoder)?;
            decoder.finish()?;
            return Ok(rule.map_or(Truth::Value(Digest::ZERO), Truth::Malformed));
        }
    };
    decoder.finish()?;
    Ok(Truth::Value(value))
}

/// One operand of a leaf, so that a leaf that reads several large tensors can be proved in several messages.
///
/// # Errors
/// As [`truth`], and [`WitnessError::Operand`] for a slot that the leaf has not.
pub fn operand(place: &Place, leaf: Leaf, slot: u8, witness: &[u8]) -> Result<Vec<u8>, WitnessError> {
    let mut decoder = open(witness)?;
    let opened = OpenedPiece::read(place, &mut decoder)?;
    decoder.finish()?;
    opened.operand(place, piece(place, leaf)?, slot)
}

/// What an element of the node at the place is made of; within a row, of the body's node.
///
/// # Errors
/// A witness that does not show the node.
pub fn structure(place: &Place, witness: &[u8]) -> Result<Structure, WitnessError> {
    let mut decoder = open(witness)?;
    let node = inner_node(place, &mut decoder)?;
    decoder.finish()?;
    Ok(match &node.kind {
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
    })
}

fn open(witness: &[u8]) -> Result<Decoder<'_>, WitnessError> {
    match witness.len() {
        length if length > WITNESS_LIMIT => Err(WitnessError::TooLong { length }),
        _ => Ok(Decoder::new(witness)),
    }
}

/// A number as a 32-byte word.
pub(super) fn number(number: u128) -> Digest {
    let mut digest = Digest::ZERO;
    digest.0[16..].copy_from_slice(&number.to_be_bytes());
    digest
}

fn piece(place: &Place, leaf: Leaf) -> Result<Piece, WitnessError> {
    match leaf {
        Leaf::Map => Ok(Piece::Map),
        Leaf::Block => Ok(Piece::Block(place.block)),
        Leaf::Lane => Ok(Piece::Lane(place.block, place.lane)),
        _ => Err(WitnessError::OtherKind { op: format!("{leaf:?}") }),
    }
}

/// The node at the place.
fn open_node(place: &Place, decoder: &mut Decoder<'_>) -> Result<Node, WitnessError> {
    within("number of nodes", place.node_count, NODE_LIMIT as u64 + 1)?;
    let opening = NodeOpening::decode(decoder)?;
    opening.check(place, place.node)?;
    decode_node(place, &opening.bytes)
}

/// A node from its bytes. They do not repeat the types of what it reads: those follow from how it is used.
fn decode_node(place: &Place, bytes: &[u8]) -> Result<Node, WitnessError> {
    let inferred = walk(bytes, &known(place)).map_err(|rule| WitnessError::Malformed { rule })?;
    let mut types = vec![DType::F32; place.node as usize];
    inferred.into_iter().for_each(|(node, dtype)| types[node as usize] = dtype);
    let mut decoder = Decoder::new(bytes);
    let node = Node::decode(&mut decoder, &types)?;
    decoder.finish()?;
    Ok(node)
}

fn known(place: &Place) -> Known {
    Known { node: place.node, states: place.state_count, tables: place.table_count, ..Known::default() }
}

/// The node at the place, of the program or, within a row, of the body.
fn inner_node(place: &Place, decoder: &mut Decoder<'_>) -> Result<Node, WitnessError> {
    let node = open_node(place, decoder)?;
    if !place.is_in_row() {
        return Ok(node);
    }
    let (_, mut body) = composite(node)?;
    within("body node", place.body_node.into(), body.len() as u64)?;
    Ok(body.swap_remove(place.body_node as usize))
}

fn composite(node: Node) -> Result<(u64, Vec<Node>), WitnessError> {
    match node.kind {
        Kind::Composite { row_length, body } => Ok((row_length, body)),
        _ => Err(WitnessError::OtherKind { op: node.op }),
    }
}

fn ended(place: &Place, decoder: &mut Decoder<'_>) -> Result<u128, WitnessError> {
    if place.step == 0 {
        return Ok(1);
    }
    let opening = StepOpening::read(decoder, place, |_| place.step - 1)?;
    let Some((_, trace, _)) = opening.step else {
        opening.check_absent(decoder, place.step_count, place.step - 1)?;
        return Ok(0);
    };
    let word = decoder.u32("loss")?.swap_bytes();
    let leaf = tensor::root_of(DType::F32, &[word]);
    let siblings = Opening::decode(decoder)?;
    let opened = siblings.verify(trace, place.node_count, place.loss.into(), leaf);
    opened.map_err(WitnessError::opening("loss"))?;
    Ok(u128::from(word & 0x7f80_0000 != 0x7f80_0000))
}

fn sink(place: &Place, decoder: &mut Decoder<'_>) -> Result<Digest, WitnessError> {
    let state = u64::from(place.node);
    let check = |what, root, count, index, leaf, decoder: &mut Decoder<'_>| {
        let opened = Opening::decode(decoder)?.verify(root, count, index, leaf);
        opened.map_err(WitnessError::opening(what))
    };
    let declaration = decoder.bytes("declaration", WITNESS_LIMIT as u32)?;
    let leaf = hash(Tag::Declaration, &[declaration]);
    check("declaration", place.states, place.state_count, state, leaf, decoder)?;
    let sink = decoder.u32("sink")?;
    check("sink", place.sinks, place.state_count, state, steps::total(sink), decoder)?;
    let root = Digest::decode(decoder)?;
    check("output", place.traces[0], place.node_count, sink.into(), root, decoder)?;
    Ok(hash(Tag::StateEntry, &[declaration, root.as_ref()]))
}

fn source(place: &Place, decoder: &mut Decoder<'_>) -> Result<Digest, WitnessError> {
    let node = open_node(place, decoder)?;
    let (state, index) = match node.kind {
        Kind::State(index) if place.step == 0 => (place.start, index),
        Kind::State(index) => {
            let opening = StepOpening::read(decoder, place, |_| place.step - 1)?;
            let missing =
                WitnessError::BeyondEnd { what: "step", index: place.step - 1, count: opening.count };
            (opening.step.ok_or(missing)?.0, index)
        }
        Kind::Table(index) => {
            let root = Digest::decode(decoder)?;
            let opened =
                Opening::decode(decoder)?.verify(place.tables, place.table_count, index.into(), root);
            return opened.map(|()| root).map_err(WitnessError::opening("table"));
        }
        _ => return Err(WitnessError::OtherKind { op: node.op }),
    };
    let entry = decoder.bytes("entry", WITNESS_LIMIT as u32)?;
    let leaf = hash(Tag::StateEntry, &[entry]);
    let opened = Opening::decode(decoder)?.verify(state, place.state_count, index.into(), leaf);
    opened.map_err(WitnessError::opening("entry"))?;
    let root = entry.last_chunk().ok_or(WitnessError::BeyondEnd { what: "root", index: 31, count: 0 })?;
    Ok(Digest(*root))
}

fn shape(place: &Place, decoder: &mut Decoder<'_>) -> Result<Digest, WitnessError> {
    let node = inner_node(place, decoder)?;
    Ok(number(u128::from(node.dtype as u8) << 64 | u128::from(node.len())))
}

fn row_end(place: &Place, decoder: &mut Decoder<'_>) -> Result<u32, WitnessError> {
    let (row_length, body) = composite(open_node(place, decoder)?)?;
    let row = Tensors::decode(decoder)?;
    let count = body.len() as u64;
    row.check("row", place.rows[0], count, count)?;
    let opened = Opened::new(&row.tensors);
    let last = count as NodeId - 1;
    opened.require(last);
    let word = opened.element(last, place.element % row_length).unwrap_or(0);
    opened.finish(true)?;
    Ok(word)
}

fn segment_end(place: &Place, decoder: &mut Decoder<'_>) -> Result<Digest, WitnessError> {
    let opening = StepOpening::read(decoder, place, |count| count - 1)?;
    Ok(opening.step.expect("the last step is one of the claim").0)
}

fn lane_fold(place: &Place, decoder: &mut Decoder<'_>) -> Result<u32, WitnessError> {
    let node = inner_node(place, decoder)?;
    let mut lanes = [0; 16];
    for lane in &mut lanes {
        *lane = decoder.u32("lane")?;
    }
    let (found, expected) = (Place::lanes_hash(&lanes), place.lanes);
    if found != expected {
        return Err(WitnessError::Differs { what: "lanes", found, expected });
    }
    fold_lanes(&node, place.block, place.total, &lanes)
}

/// The rule that the node at the place breaks. Dtypes of nodes that it reads may be shown by opening those nodes.
fn malformed(place: &Place, decoder: &mut Decoder<'_>) -> Result<Option<Rule>, WitnessError> {
    let opening = NodeOpening::decode(decoder)?;
    opening.check(place, place.node)?;
    let mut known = known(place);
    let others = decoder.list("nodes read", TENSOR_LIMIT, |decoder| {
        Ok((decoder.u32("node")?, NodeOpening::decode(decoder)?))
    })?;
    for (node, other) in others {
        other.check(place, node)?;
        let name = u16::from_be_bytes([byte(&other, 0), byte(&other, 1)]);
        let dtype = if byte(&other, 2 + usize::from(name)) == 0 { DType::F32 } else { DType::U32 };
        known.dtypes.entry(node).or_insert(dtype);
    }
    Ok(broken(&opening.bytes, &known))
}

/// A byte of a node; 0 beyond its end.
fn byte(node: &NodeOpening, position: usize) -> u8 {
    node.bytes.get(position).copied().unwrap_or(0)
}

/// The witness of a map's element, a product's block or a lane: side u8, node, tensors of the trace, tensors of the row.
pub(super) struct OpenedPiece {
    node: Node,
    element: u64,
    row: u64,
    outer: Tensors,
    body: Tensors,
}

impl OpenedPiece {
    fn read(place: &Place, decoder: &mut Decoder<'_>) -> Result<OpenedPiece, WitnessError> {
        let side = read_side(decoder)? as usize;
        let mut node = open_node(place, decoder)?;
        let outer = Tensors::decode(decoder)?;
        outer.check("outputs", place.traces[side], place.node_count, place.node.into())?;
        let body = Tensors::decode(decoder)?;
        let (mut element, mut row, mut count) = (place.element, 0, 0);
        if place.is_in_row() {
            let (row_length, mut nodes) = composite(node)?;
            count = nodes.len() as u64;
            within("body node", place.body_node.into(), count)?;
            node = nodes.swap_remove(place.body_node as usize);
            (element, row) = (place.body_element, place.element / row_length);
        }
        body.check("row", place.rows[side], count, place.body_node.into())?;
        Ok(OpenedPiece { node, element, row, outer, body })
    }

    fn judge(&self, place: &Place, piece: Piece, kept: &[Kept]) -> Result<u32, WitnessError> {
        let kept_slots: BTreeSet<u8> = kept.iter().map(|(slot, _)| *slot).collect();
        let keeps = |slot: u8| kept_slots.contains(&slot) && !matches!(piece, Piece::Block(_));
        self.evaluate(place, |slot| !keeps(slot), |element| element.word(piece, place.total, kept))
    }

    fn operand(&self, place: &Place, piece: Piece, slot: u8) -> Result<Vec<u8>, WitnessError> {
        self.evaluate(place, |read| read == slot, |element| element.operand(piece, slot))
    }

    /// Evaluates, and refuses if something that is read was not opened. Of the inputs for which `reads` holds the tensor must be opened even if no
    /// element of it is read.
    fn evaluate<T>(
        &self,
        place: &Place,
        reads: impl Fn(u8) -> bool,
        evaluation: impl FnOnce(&Element<'_>) -> Result<T, WitnessError>,
    ) -> Result<T, WitnessError> {
        let (outer, body) = (Opened::new(&self.outer.tensors), Opened::new(&self.body.tensors));
        for (_, input) in (0u8..).zip(self.node.inputs()).filter(|(slot, _)| reads(*slot)) {
            match input {
                Input::Outer(node, _) => outer.require(*node),
                Input::Body(node, _) => body.require(*node),
                Input::Value(_) => {}
            }
        }
        let step = place.first_step.wrapping_add(place.step);
        let frame = Frame { outer: &outer, body: &body, row: self.row, step };
        let result = evaluation(&Element { node: &self.node, element: self.element, frame })?;
        outer.finish(false)?;
        body.finish(true)?;
        Ok(result)
    }
}

/// Opened tensors as what a node reads. A source cannot fail, so what is missing is noted and reads as nothing.
struct Opened<'a> {
    tensors: &'a [TensorOpening],
    missing: Cell<Option<(NodeId, u64)>>,
}

impl<'a> Opened<'a> {
    fn new(tensors: &'a [TensorOpening]) -> Self {
        Opened { tensors, missing: Cell::new(None) }
    }

    fn find(&self, node: NodeId) -> Option<&'a TensorOpening> {
        let found = self.tensors.binary_search_by_key(&node, |tensor| tensor.node).ok();
        found.map(|position| &self.tensors[position])
    }

    fn note(&self, node: NodeId, element: u64) {
        self.missing.set(self.missing.get().or(Some((node, element))));
    }

    fn require(&self, node: NodeId) {
        if self.find(node).is_none() {
            self.note(node, u64::MAX);
        }
    }

    fn finish(&self, in_body: bool) -> Result<(), WitnessError> {
        match self.missing.get() {
            None => Ok(()),
            Some((node, element)) => Err(WitnessError::NotOpened { in_body, node, element }),
        }
    }
}

impl Source<u32> for Opened<'_> {
    fn element(&self, node: NodeId, index: u64) -> Option<u32> {
        let Some(tensor) = self.find(node) else {
            self.note(node, index);
            return None;
        };
        if index >= tensor.count {
            return None;
        }
        let Ok(page) = tensor.pages.binary_search(&(index / PAGE_WORDS as u64)) else {
            self.note(node, index);
            return None;
        };
        // Only the last page may be short, so every page starts at a multiple of its whole length.
        Some(tensor.words[page * PAGE_WORDS + index as usize % PAGE_WORDS])
    }
}

/// The bytes of a piece's witness.
pub(super) fn encode_piece(side: Side, node: &NodeOpening, outer: &Tensors, body: &Tensors) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.u8(side as u8);
    node.encode(&mut encoder);
    outer.encode(&mut encoder);
    body.encode(&mut encoder);
    encoder.into_bytes()
}
