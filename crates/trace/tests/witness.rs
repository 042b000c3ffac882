//! Witnesses of every node of a training step: made from a replay, checked alone, and refused when anything in them is changed.

mod common;

use common::{World, said, worlds};
use samebit_commit::{BatchOpening, Canonical, Digest, Sequence, sequence, steps, tensor};
use samebit_graph::node::{DType, Kind, Node};
use samebit_trace::witness::{Place, TensorOpening, Witness, WitnessError, check, redo};
use samebit_trace::{Claims, Element, Inside, Replay, TraceError};
use std::collections::BTreeSet;

const STEP: u64 = 1;

fn last_block(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => fold.extent.div_ceil(256) - 1,
        _ => 0,
    }
}

/// The pieces of an element that are looked at: the first and the last block; of every node of a body.
fn pieces(node: &Node) -> Vec<(Option<Inside>, u64)> {
    let blocks = |inside, node: &Node| [0, last_block(node)].map(|block| (inside, block));
    match &node.kind {
        Kind::State(_) | Kind::Table(_) => Vec::new(),
        Kind::Composite { body, .. } => (0u32..)
            .zip(body)
            .flat_map(|(at, node)| blocks(Some(Inside { node: at, element: node.len() * 2 / 3 }), node))
            .collect(),
        _ => blocks(None, node).to_vec(),
    }
}

/// What a replay says of one element of every node that is computed.
fn elements<'a>(world: &'a World, replay: &'a Replay<'a>) -> impl Iterator<Item = (&'a Node, Element)> {
    let nodes = (0..).zip(&world.job.program.nodes).filter(|(_, node)| !pieces(node).is_empty());
    nodes.map(|(id, node)| (node, replay.element(STEP, id, node.len() * 2 / 3).expect("an element")))
}

#[test]
fn every_node_is_redone_from_its_witness() {
    let (mut blocks, mut composites) = (0, BTreeSet::new());
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            for (inside, block) in pieces(node) {
                let how = format!("{}: {} {inside:?}, block {block}", world.name, node.op);
                let (place, witness) =
                    element.witness(inside, block).unwrap_or_else(|e| panic!("{how}: {e}"));
                assert_eq!(redo(&place, &witness), Ok(said(&element, inside, block)), "{how}");
                let read = (Place::from_bytes(&place.to_bytes()), Witness::from_bytes(&witness.to_bytes()));
                assert_eq!(read, (Ok(place), Ok(witness)), "{how}");
                blocks = blocks.max(block);
                composites.extend(inside.map(|_| node.op.clone()));
            }
        }
    }
    assert!(blocks > 1 && composites.len() > 1, "{blocks} blocks, {composites:?}");
}

#[test]
fn totals_and_rows_are_named_as_specified() {
    let (mut folds, mut rows) = (0, 0);
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            let is_fold = matches!(node.kind, Kind::Fold(_));
            assert_eq!(element.totals(None).is_some(), is_fold, "{}", node.op);
            if let (Some(words), Some(totals)) = (element.totals_words(None), element.totals(None)) {
                assert_eq!((totals.kind(), totals.len()), (sequence::Kind::Totals, last_block(node) + 1));
                assert_eq!(
                    (totals.name(), words.last()),
                    (steps::totals_root(&words), Some(&element.claimed()))
                );
                folds += 1;
            }
            let Kind::Composite { body, row_length } = &node.kind else {
                assert!(element.row().is_none(), "{}", node.op);
                continue;
            };
            let (row, words) = (element.row().expect("a row"), element.row_words().expect("a row"));
            let roots: Vec<Digest> =
                body.iter().zip(words).map(|(node, words)| tensor::root_of(node.dtype, words)).collect();
            assert_eq!(row.root().expect("a name"), steps::trace_root(&roots));
            let at = (node.len() * 2 / 3 % row_length) as usize;
            assert_eq!(words.last().expect("a node")[at], element.claimed(), "{}", node.op);
            rows += 1;
        }
    }
    assert!(folds > 20 && rows > 5, "{folds} folds, {rows} rows");
}

#[test]
fn a_side_is_judged_by_its_own_inputs() {
    let [world, _] = worlds();
    let nodes = &world.job.program.nodes;
    let product = nodes.iter().position(|node| node.op == "linear").expect("a product");
    let input = nodes[product].reads()[0];
    let fault = samebit_trace::Fault::Value { step: STEP, node: input, element: 0, ulps: 1 << 22 };
    let (honest, liar) = (world.replay(&[]), world.replay(&[fault]));
    let [honest, liar] =
        [&honest, &liar].map(|side| side.element(STEP, product as u32, 0).expect("an element"));
    assert_ne!(honest.claimed(), liar.claimed(), "the lie was told before");
    let (place, witness) = liar.witness(None, 0).expect("a piece");
    assert_eq!(redo(&place, &witness), Ok(liar.claimed()), "and this follows from it");
    assert_ne!(place.trace, honest.witness(None, 0).expect("a piece").0.trace);
}

/// A witness with one thing in it changed, and what that is.
type Changed = (String, Witness);

/// Which tensors of a witness, and their opening.
type Side = (fn(&mut Witness) -> &mut Vec<TensorOpening>, fn(&mut Witness) -> &mut BatchOpening);

const SIDES: [Side; 2] = [
    (|witness| &mut witness.outer, |witness| &mut witness.outer_opening),
    (|witness| &mut witness.body, |witness| &mut witness.body_opening),
];

fn changed(witness: &Witness, what: String, change: impl FnOnce(&mut Witness)) -> Changed {
    let mut changed = witness.clone();
    change(&mut changed);
    (what, changed)
}

/// Changes of the node and its opening. Every one must be refused.
fn changes_of_the_node(witness: &Witness) -> Vec<Changed> {
    let one = |what: &str, change: fn(&mut Witness)| changed(witness, format!("node: {what}"), change);
    vec![
        one("first byte", |witness| witness.node[0] ^= 1),
        one("last byte", |witness| *witness.node.last_mut().expect("bytes") ^= 1),
        one("cut off", |witness| witness.node.truncate(witness.node.len() - 1)),
        one("longer", |witness| witness.node.push(0)),
        one("a sibling", |witness| witness.node_opening.siblings[0].0[31] ^= 1),
        one("a sibling less", |witness| witness.node_opening.siblings.truncate(1)),
        one("a sibling more", |witness| witness.node_opening.siblings.push(Digest::ZERO)),
    ]
}

/// Changes of the tensors and their opening. Every one must be refused.
fn changes_of_tensors(witness: &Witness, (tensors, opening): Side) -> Vec<Changed> {
    let mut copy = witness.clone();
    let (held, siblings) = (tensors(&mut copy).clone(), opening(&mut copy).siblings.len());
    let sibling = |at: usize| {
        changed(witness, format!("sibling {at}"), |witness| opening(witness).siblings[at].0[0] ^= 0x80)
    };
    let more =
        || changed(witness, "a sibling more".into(), |witness| opening(witness).siblings.push(Digest::ZERO));
    let of_tensor = (0..held.len()).flat_map(|at| {
        let changes = changes_of_a_tensor(&held[at]).into_iter();
        let replaced = changes
            .map(move |(what, tensor)| changed(witness, what, |witness| tensors(witness)[at] = tensor));
        replaced.chain([changed(witness, format!("tensor {at} not opened"), |witness| {
            drop(tensors(witness).remove(at))
        })])
    });
    (0..siblings).map(sibling).chain((!held.is_empty()).then(more)).chain(of_tensor).collect()
}

fn changes_of_a_tensor(tensor: &TensorOpening) -> Vec<(String, TensorOpening)> {
    let one = |what: String, change: &dyn Fn(&mut TensorOpening)| {
        let mut changed = tensor.clone();
        change(&mut changed);
        (format!("tensor {}: {what}", tensor.node), changed)
    };
    let other = if tensor.dtype == DType::F32 { DType::U32 } else { DType::F32 };
    let mut all = vec![
        one("a word more".into(), &|tensor| tensor.words.push(0)),
        one("a word less".into(), &|tensor| tensor.words.truncate(tensor.words.len() - 1)),
        one("another node".into(), &|tensor| tensor.node ^= 1),
        one("another count".into(), &|tensor| tensor.count += 1),
        one("another page".into(), &|tensor| tensor.pages[0] += 1),
        one("no page".into(), &|tensor| tensor.pages.clear()),
        one("another dtype".into(), &|tensor| tensor.dtype = other),
    ];
    let word = |at: usize| one(format!("word {at}"), &|tensor| tensor.words[at] ^= 1 << (at % 32));
    all.extend((0..tensor.words.len()).map(word));
    let sibling = |at: usize| one(format!("sibling {at}"), &|tensor| tensor.opening.siblings[at].0[7] ^= 2);
    all.extend((0..tensor.opening.siblings.len()).map(sibling));
    all
}

#[test]
fn a_changed_witness_is_refused() {
    let mut seen = BTreeSet::new();
    let (mut refused, mut reasons) = (0, BTreeSet::new());
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            if !seen.insert(node.op.clone()) {
                continue;
            }
            for (inside, block) in pieces(node) {
                let (place, witness) = element.witness(inside, block).expect("a piece");
                let sides = SIDES.into_iter().flat_map(|side| changes_of_tensors(&witness, side));
                for (what, changed) in changes_of_the_node(&witness).into_iter().chain(sides) {
                    let answer = redo(&place, &changed);
                    let Err(error) = answer else { panic!("{}: {what} gives {answer:?}", node.op) };
                    reasons.insert(error.to_string().split(' ').next().unwrap_or_default().to_owned());
                    refused += 1;
                }
                let word = said(&element, inside, block);
                let wrong = Err(WitnessError::Wrong { claimed: word ^ 1, computed: word });
                assert_eq!(check(&place, &witness, word ^ 1), wrong);
                assert_eq!(check(&place, &witness, word), Ok(()));
            }
        }
    }
    println!("{refused} changes refused");
    assert!(refused > 10_000 && reasons.len() > 3, "{refused}: {reasons:?}");
}

#[test]
fn a_place_that_is_not_there_is_refused() {
    let [world, _] = worlds();
    let replay = world.replay(&[]);
    let composite = elements(&world, &replay).find(|(node, _)| matches!(node.kind, Kind::Composite { .. }));
    let (node, element) = composite.expect("a composite");
    let Kind::Composite { body, .. } = &node.kind else { panic!("a composite") };
    let inside = |node, element| Some(Inside { node, element });
    let none = [
        (None, 0),
        (inside(body.len() as u32, 0), 0),
        (inside(0, body[0].len()), 0),
        (inside(0, 0), last_block(&body[0]) + 1),
    ];
    for (inside, block) in none {
        assert!(
            matches!(element.witness(inside, block), Err(TraceError::NoPiece { .. })),
            "{inside:?} {block}"
        );
    }
    let nodes = world.job.program.nodes.len() as u32;
    for (step, node, at) in [(STEP, nodes, 0), (STEP, 0, u64::MAX), (2, 0, 0)] {
        assert!(matches!(replay.element(step, node, at), Err(TraceError::NoElement { .. })));
    }

    let (place, witness) = element.witness(inside(0, 0), 0).expect("a piece");
    let changed: [fn(&mut Place); 11] = [
        |place| place.nodes.0[0] ^= 1,
        |place| place.trace.0[0] ^= 1,
        |place| place.node_count += 1,
        |place| place.node_count = u64::MAX,
        |place| place.node ^= 1,
        |place| place.node = u32::MAX,
        |place| place.body_node = u32::MAX,
        |place| place.row = u64::MAX,
        |place| place.element = u64::MAX,
        |place| place.block = 1,
        |place| place.block = u64::MAX,
    ];
    for (at, change) in changed.iter().enumerate() {
        let mut changed = place.clone();
        change(&mut changed);
        assert!(redo(&changed, &witness).is_err(), "change {at}");
    }
    let (mut whole, witness) = (place, witness);
    whole.body_node = body.len() as u32 - 1;
    assert_ne!(redo(&whole, &witness), Ok(element.claimed()), "another piece needs another witness");
}

#[test]
fn hostile_bytes_never_pass_for_another_answer() {
    let [world, _] = worlds();
    let replay = world.replay(&[]);
    let mut random = samebit_num::philox::Stream { seed: 5, stream: 0, step: 0 };
    for (node, element) in elements(&world, &replay).step_by(9) {
        let (inside, block) = pieces(node)[0];
        let (place, witness) = element.witness(inside, block).expect("a piece");
        let (bytes, word) = (witness.to_bytes(), said(&element, inside, block));
        random.step += 1;
        for at in 0..200 {
            let [position, bit, cut, _] = random.words(at);
            let mut changed = bytes.clone();
            changed[position as usize % bytes.len()] ^= 1 << (bit % 8);
            if let Ok(witness) = Witness::from_bytes(&changed) {
                let answer = redo(&place, &witness);
                assert!(answer == Ok(word) || answer.is_err(), "{}: {answer:?}", node.op);
            }
            assert!(Witness::from_bytes(&bytes[..cut as usize % bytes.len()]).is_err());
        }
    }
}
