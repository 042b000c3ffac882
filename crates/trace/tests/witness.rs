//! Witnesses of every node of a training step: made from a replay, judged alone, and refused when anything in them is changed.

mod common;

use common::{World, judge, said, word, worlds};
use samebit_commit::{Digest, Sequence, sequence, steps, tensor};
use samebit_graph::node::{Kind, Node};
use samebit_trace::witness::{Kept, Leaf, Piece, Place, Proof, Rule, Side, operand, truth};
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
fn every_node_is_redone_from_its_witnesses() {
    let (mut blocks, mut composites) = (0, BTreeSet::new());
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            for (inside, block) in pieces(node) {
                let how = format!("{}: {} {inside:?}, block {block}", world.name, node.op);
                assert_eq!(judge(&element, inside, block), said(&element, inside, block), "{how}");
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
    assert_eq!(judge(&liar, None, 0), liar.claimed(), "and this follows from it");
    let [one, other] = [&liar, &honest].map(|side| side.place(None, Piece::Block(0)).expect("a piece"));
    assert_ne!(one.traces, other.traces);
}

/// A piece with its proof, its kept operands and the true word.
struct Case {
    place: Place,
    proof: Proof,
    kept: Vec<Kept>,
    word: u32,
}

/// A piece of an element that the node has.
fn case(element: &Element, inside: Option<Inside>, block: u64) -> Case {
    let all = [Piece::Map, Piece::Block(block), Piece::Lane(block, 3)];
    let found =
        all.into_iter().find_map(|piece| Some((piece, element.witness(Side::B, inside, piece).ok()?)));
    let (piece, proof) = found.expect("a piece");
    let place = element.place(inside, piece).expect("a piece");
    let keep = |(slot, witness): &(u8, Vec<u8>)| {
        (*slot, operand(&place, proof.leaf, *slot, witness).expect("an operand"))
    };
    let kept: Vec<Kept> = proof.keeps.iter().map(keep).collect();
    let word = word(truth(&place, proof.leaf, &proof.witness, &kept));
    Case { place, proof, kept, word }
}

impl Case {
    fn judge(&self, place: &Place, witness: &[u8]) -> Option<u32> {
        let answer = truth(place, self.proof.leaf, witness, &self.kept).ok()?;
        Some(word(Ok(answer)))
    }
}

#[test]
fn a_changed_witness_is_refused() {
    let mut seen = BTreeSet::new();
    let mut refused = 0;
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            if !seen.insert(node.op.clone()) {
                continue;
            }
            for (inside, block) in pieces(node) {
                let case = case(&element, inside, block);
                let bytes = &case.proof.witness;
                // Every byte is the side, hashed, or a count of what is hashed.
                for at in (1..bytes.len()).step_by(5) {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << (at % 8);
                    let answer = case.judge(&case.place, &changed);
                    assert_eq!(answer, None, "{}: byte {at} of {}", node.op, bytes.len());
                    refused += 1;
                }
                assert!(case.judge(&case.place, &bytes[..bytes.len() - 1]).is_none());
                assert!(case.judge(&case.place, &[&bytes[..], &[0]].concat()).is_none());
            }
        }
    }
    println!("{refused} changes refused");
    assert!(refused > 50_000, "{refused}");
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
        (None, Piece::Map),
        (inside(body.len() as u32, 0), Piece::Map),
        (inside(0, body[0].len()), Piece::Block(0)),
        (inside(0, 0), Piece::Block(last_block(&body[0]) + 1)),
        (inside(0, 0), Piece::Lane(0, 16)),
    ];
    for (inside, piece) in none {
        let made = element.witness(Side::A, inside, piece);
        assert!(matches!(made, Err(TraceError::NoPiece { .. })), "{inside:?} {piece:?}");
    }
    let nodes = world.job.program.nodes.len() as u32;
    for (step, node, at) in [(STEP, nodes, 0), (STEP, 0, u64::MAX), (2, 0, 0)] {
        assert!(matches!(replay.element(step, node, at), Err(TraceError::NoElement { .. })));
    }

    let case = case(&element, inside(0, 0), 0);
    let changed: [fn(&mut Place); 12] = [
        |place| place.nodes.0[0] ^= 1,
        |place| place.traces[1].0[0] ^= 1,
        |place| place.node_count += 1,
        |place| place.node_count = u64::MAX,
        |place| place.node ^= 1,
        |place| place.node = u32::MAX,
        |place| place.body_node = u32::MAX,
        |place| place.rows = [Digest::ZERO; 2],
        |place| place.body_element = u64::MAX,
        |place| place.block = 1,
        |place| place.block = u64::MAX,
        |place| place.body_node = 1,
    ];
    for (at, change) in changed.iter().enumerate() {
        let mut changed = case.place.clone();
        change(&mut changed);
        assert_eq!(case.judge(&changed, &case.proof.witness), None, "change {at}");
    }
    let mut other_side = case.place.clone();
    other_side.traces[0].0[0] ^= 1;
    assert_eq!(
        case.judge(&other_side, &case.proof.witness),
        Some(case.word),
        "the side that it names counts"
    );
}

#[test]
fn kept_operands_give_the_same_word() {
    let mut kept = 0;
    for world in worlds() {
        let replay = world.replay(&[]);
        for (node, element) in elements(&world, &replay) {
            let (inputs, piece) = match &node.kind {
                Kind::Map { inputs, .. } => (inputs.len(), Piece::Map),
                Kind::Fold(fold) if !fold.kind.is_product() => (fold.inputs.len(), Piece::Lane(0, 5)),
                _ => continue,
            };
            let proof = element.witness(Side::A, None, piece).expect("a piece");
            let place = element.place(None, piece).expect("a piece");
            if !proof.keeps.is_empty() {
                continue;
            }
            for slot in 0..inputs as u8 {
                let words = operand(&place, proof.leaf, slot, &proof.witness).expect("an operand");
                let again = truth(&place, proof.leaf, &proof.witness, &[(slot, words.clone())]);
                assert_eq!(again, truth(&place, proof.leaf, &proof.witness, &[]), "{} {slot}", node.op);
                let short = truth(&place, proof.leaf, &proof.witness, &[(slot, Vec::new())]);
                assert!(short.is_err(), "{}: words are missing", node.op);
                kept += 1;
            }
            assert!(operand(&place, proof.leaf, inputs as u8, &proof.witness).is_err());
        }
    }
    assert!(kept > 100, "{kept} operands");
}

#[test]
fn nodes_of_legal_programs_break_no_rule_and_damaged_ones_do() {
    let mut rules = BTreeSet::new();
    for world in worlds() {
        let program = &world.job.program;
        for (id, node) in (0..).zip(&program.nodes) {
            let known = samebit_trace::witness::Known {
                node: id,
                states: program.states.len() as u64,
                tables: program.tables.len() as u64,
                dtypes: (0..id).map(|node| (node, program.nodes[node as usize].dtype)).collect(),
            };
            let bytes = node.to_bytes();
            let broken = |bytes: &[u8]| samebit_trace::witness::broken(bytes, &known);
            assert_eq!(broken(&bytes), None, "{}", node.op);
            assert_eq!(broken(&bytes[..bytes.len() - 1]), Some(Rule::Bytes));
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 0x80;
                rules.extend(broken(&changed));
            }
        }
    }
    assert!(rules.len() >= 5, "{rules:?}");
}

#[test]
fn every_leaf_has_its_number() {
    for (number, leaf) in Leaf::ALL.into_iter().enumerate() {
        assert_eq!(leaf as usize, number);
    }
}

/// The kinds of leaf that a node's elements end in: a node without one could not be disputed.
fn leaves_of(node: &Node) -> BTreeSet<Leaf> {
    match &node.kind {
        Kind::State(_) | Kind::Table(_) => BTreeSet::from([Leaf::Source]),
        Kind::Map { .. } => BTreeSet::from([Leaf::Map]),
        Kind::Fold(fold) if fold.kind.is_product() => BTreeSet::from([Leaf::Block]),
        Kind::Fold(_) => BTreeSet::from([Leaf::Lane, Leaf::LaneFold]),
        Kind::Composite { body, .. } => body.iter().flat_map(leaves_of).chain([Leaf::RowEnd]).collect(),
    }
}

/// The programs of the tests above have every kind of leaf that a node can end in, and each is within its limit of gas.
#[test]
fn every_kind_of_node_has_a_leaf() {
    let mut leaves = BTreeSet::new();
    for world in worlds() {
        for node in &world.job.program.nodes {
            leaves.extend(leaves_of(node));
            let gas = samebit_graph::gas::leaf(node, node.to_bytes().len() as u64);
            assert!(gas <= samebit_graph::gas::limit(node), "{}: {gas}", node.op);
        }
    }
    let all = [Leaf::Source, Leaf::Map, Leaf::Block, Leaf::Lane, Leaf::LaneFold, Leaf::RowEnd];
    assert_eq!(leaves, BTreeSet::from(all));
}
