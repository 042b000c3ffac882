//! Witnesses, as the referee reads them, and the traces that they are made of.
//!
//! Input: kind u8. 0 … 3: a canonical value. Else: leaf u8 · place (see [`place`]) · what was kept (short list of slot u8 and bytes) · witness.
//! What a place says by digests follows from the witness, so that openings lead where they should.

use super::canonical;
use samebit_commit::merkle::list_root;
use samebit_commit::{BatchOpening, Canonical, DecodeError, Decoder, Digest, Tag, hash, tensor};
use samebit_trace::StepTrace;
use samebit_trace::witness::{
    Kept, Leaf, NodeOpening, PREDICATE_SLOT, Place, TensorOpening, Tensors, Truth, WitnessError, operand,
    structure, truth,
};

/// Operands that are kept.
const KEPT: u8 = 8;

pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        0 => step_trace(rest),
        1 => drop(canonical::<NodeOpening>(rest)),
        2 => drop(canonical::<Tensors>(rest)),
        3 => drop(canonical::<TensorOpening>(rest)),
        _ => judge(rest).unwrap_or(()),
    }
}

fn step_trace(bytes: &[u8]) {
    if let Ok(trace) = StepTrace::from_bytes(bytes) {
        assert!(trace.to_bytes() == bytes, "a step's trace has two encodings");
    }
}

fn judge(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let leaf = Leaf::ALL[usize::from(decoder.u8("leaf")?) % Leaf::ALL.len()];
    let mut place = place(&mut decoder)?;
    let kept: Vec<Kept> = decoder.short_list("kept", KEPT, |decoder| {
        Ok((decoder.u8("slot")?, decoder.bytes("operand", 1 << 12)?.to_vec()))
    })?;
    let witness = &bytes[decoder.position()..];
    let node = match leaf {
        Leaf::Map | Leaf::Block | Leaf::Lane => lead_to_piece(&mut place, witness),
        Leaf::RowEnd => lead_to_row(&mut place, witness),
        Leaf::LaneFold => lead_to_lanes(&mut place, witness),
        _ => lead_to_node(&mut place, &mut Decoder::new(witness)),
    };
    let answer = truth(&place, leaf, witness, &kept);
    assert_eq!(answer, truth(&place, leaf, witness, &kept), "an answer is one");
    for slot in (0..KEPT).chain([PREDICATE_SLOT]) {
        let kept = operand(&place, leaf, slot, witness);
        assert!(kept.map_or(0, |kept| kept.len()) <= 1 << 12, "slot {slot}");
    }
    if let Ok(node) = node {
        is_read_or_malformed(&place, &node);
    }
    Ok(())
}

/// A node that breaks no rule and is in its one encoding can be read, so that the referee can go on below it; one that breaks a rule cannot. What the
/// contracts do with one in another encoding is theirs alone: no program has it.
fn is_read_or_malformed(place: &Place, node: &NodeOpening) {
    let rule = truth(place, Leaf::Malformed, &[&node.to_bytes()[..], &[0; 4]].concat(), &[]);
    let Ok(rule) = rule else { return };
    let read = structure(&Place { rows: [Digest::ZERO; 2], ..place.clone() }, &node.to_bytes());
    match rule {
        Truth::Value(_) => {
            let is_read = matches!(read, Ok(_) | Err(WitnessError::Bytes(DecodeError::Refused { .. })));
            assert!(is_read, "no rule is broken, but {read:?}");
        }
        Truth::Malformed(rule) => assert_eq!(read, Err(WitnessError::Malformed { rule })),
    }
}

/// Input: counts of nodes, states and tables, loss, node and body's node (u16 each) · in a row u8 · first step, steps, step, element, body's
/// element, block (u64 each) · total u32 · lane u8.
fn place(decoder: &mut Decoder<'_>) -> Result<Place, DecodeError> {
    let mut short = || decoder.u16("count").map(u64::from);
    let [node_count, state_count, table_count, loss, node, body_node] =
        [short()?, short()?, short()?, short()?, short()?, short()?];
    let row = if decoder.u8("in a row")? == 0 { Digest::ZERO } else { Digest([1; 32]) };
    let mut long = || decoder.u64("number");
    let [first_step, step_count, step, element, body_element, block] =
        [long()?, long()?, long()?, long()?, long()?, long()?];
    let (total, lane) = (decoder.u32("total")?, decoder.u8("lane")? % 16);
    let (loss, node, body_node) = (loss as u32, node as u32, body_node as u32);
    let numbers = Place { node_count, state_count, table_count, loss, node, body_node, ..Place::default() };
    let within = Place { first_step, step_count, step, element, body_element, block, total, lane, ..numbers };
    Ok(Place { rows: [row; 2], ..within })
}

/// Reads the node that a witness begins with, and makes the place the one that it leads to.
fn lead_to_node(place: &mut Place, witness: &mut Decoder<'_>) -> Result<NodeOpening, DecodeError> {
    let node = NodeOpening::decode(witness)?;
    let leaf = hash(Tag::Node, &[&node.bytes]);
    if let Ok(top) = node.opening.top(place.node_count, place.node.into(), leaf) {
        place.nodes = list_root(place.node_count, top);
    }
    Ok(node)
}

fn lead_to_piece(place: &mut Place, witness: &[u8]) -> Result<NodeOpening, DecodeError> {
    let mut decoder = Decoder::new(witness);
    decoder.u8("side")?;
    let node = lead_to_node(place, &mut decoder)?;
    let (outer, body) = (Tensors::decode(&mut decoder)?, Tensors::decode(&mut decoder)?);
    let count = place.node_count;
    outputs(&outer, count).into_iter().for_each(|root| place.traces = [root; 2]);
    if place.rows[0] != Digest::ZERO {
        // Of how many nodes the body is made is said by the node; small ones are tried.
        let mut bodies = (1..=64).filter_map(|count| outputs(&body, count));
        let nodes = u64::from(body_count(&node).unwrap_or(1));
        outputs(&body, nodes).or(bodies.next_back()).into_iter().for_each(|root| place.rows = [root; 2]);
    }
    Ok(node)
}

fn lead_to_row(place: &mut Place, witness: &[u8]) -> Result<NodeOpening, DecodeError> {
    let mut decoder = Decoder::new(witness);
    let node = lead_to_node(place, &mut decoder)?;
    let row = Tensors::decode(&mut decoder)?;
    outputs(&row, body_count(&node).unwrap_or(1).into()).into_iter().for_each(|root| place.rows = [root; 2]);
    Ok(node)
}

fn lead_to_lanes(place: &mut Place, witness: &[u8]) -> Result<NodeOpening, DecodeError> {
    let mut decoder = Decoder::new(witness);
    let node = lead_to_node(place, &mut decoder)?;
    let mut lanes = [0; 16];
    for lane in &mut lanes {
        *lane = decoder.u32("lane")?;
    }
    place.lanes = Place::lanes_hash(&lanes);
    Ok(node)
}

/// Nodes of a composite's body: the count stands after its name, dtype, shape, tag and row length.
fn body_count(node: &NodeOpening) -> Option<u32> {
    let mut decoder = Decoder::new(&node.bytes);
    decoder.string("operator", u16::MAX).ok()?;
    decoder.u8("dtype").ok()?;
    decoder.short_list("shape", u8::MAX, |decoder| decoder.u64("extent")).ok()?;
    (decoder.u8("node").ok()? == 4).then_some(())?;
    decoder.u64("row length").ok()?;
    decoder.u32("body").ok()
}

/// The list root of outputs, of which these are opened.
fn outputs(tensors: &Tensors, count: u64) -> Option<Digest> {
    let leaves: Option<Vec<_>> =
        tensors.tensors.iter().map(|tensor| Some((tensor.node.into(), root(tensor)?))).collect();
    let opening = BatchOpening { siblings: tensors.siblings.clone() };
    Some(list_root(count, opening.top(count, &leaves?).ok()?))
}

fn root(opened: &TensorOpening) -> Option<Digest> {
    let mut left = &opened.words[..];
    let mut leaves = Vec::new();
    for page in &opened.pages {
        let (words, rest) = left.split_at_checked(tensor::page_length(opened.count, *page))?;
        leaves.push((*page, tensor::page_digest(words)));
        left = rest;
    }
    let top = opened.opening.top(tensor::page_count(opened.count), &leaves).ok()?;
    Some(tensor::root(opened.dtype, opened.count, top))
}
