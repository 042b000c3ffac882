//! Nodes whose bytes are damaged: `Rules` in Solidity and its Rust twin name the same rule, nothing panics or runs out of gas, and a good node never
//! looks malformed.
mod common;

use common::Random;
use samebit_commit::merkle::list_root;
use samebit_commit::{Canonical, Encoder, Tag, hash};
use samebit_graph::Program;
use samebit_graph::fixtures::{self, Dims};
use samebit_referee::{EvmError, Judgement, Referee};
use samebit_trace::witness::{Leaf, NodeOpening, Place, Rule, Truth, truth};
use std::collections::BTreeMap;

const CASES: usize = if cfg!(feature = "slow") { 100_000 } else { 3_000 };

fn programs() -> [Program; 2] {
    let dims = Dims { layers: 1, ..Dims::default() };
    [fixtures::gpt(Dims { dropout: 0.1, ..dims }).0, fixtures::llama(dims).0]
}

/// The program with other bytes for node `id`: the place, and the node opened.
fn replaced(program: &Program, id: u32, bytes: Vec<u8>) -> (Place, NodeOpening) {
    let tree = program.node_tree();
    let opening = tree.open(id.into()).expect("it is inside");
    let leaf = hash(Tag::Node, &[&bytes]);
    let top = opening.top(tree.count(), id.into(), leaf).expect("the siblings fit");
    let place = Place {
        nodes: list_root(tree.count(), top),
        node_count: tree.count(),
        state_count: program.states.len() as u64,
        table_count: program.tables.len() as u64,
        node: id,
        ..Place::default()
    };
    (place, NodeOpening { bytes, opening })
}

/// Damage that keeps most of the structure: a byte, a number, a repeated or missing part.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    match random.below(7) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[at] = random.below(12) as u8,
        3 => bytes[at] = 255,
        4 => bytes.truncate(at),
        5 => {
            bytes.remove(at);
        }
        _ => {
            let end = (at + 1 + random.below(32) as usize).min(bytes.len());
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

fn encoded(encode: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encode(&mut encoder);
    encoder.into_bytes()
}

fn rule(referee: &mut Referee, place: &Place, node: &NodeOpening) -> Option<Rule> {
    let witness = encoded(|encoder| {
        node.encode(encoder);
        encoder.u32(0);
    });
    let here = truth(place, Leaf::Malformed, &witness, &[]).expect("an answer");
    let there = referee.truth(place, Leaf::Malformed, &witness, &[]).expect("never a refusal").value;
    match here {
        Truth::Malformed(rule) => {
            assert_eq!(there, Judgement::Malformed(rule as u8));
            Some(rule)
        }
        Truth::Value(value) => {
            assert_eq!(there, Judgement::Value(value));
            None
        }
    }
}

/// Every other question about the node is answered or refused by a custom error.
fn ask_all(referee: &mut Referee, place: &Place, node: &NodeOpening) {
    let alone = node.to_bytes();
    let piece = encoded(|encoder| {
        encoder.u8(0);
        node.encode(encoder);
        // Neither tensors of the trace nor of the row.
        (0..4).for_each(|_| encoder.u32(0));
    });
    let lanes = encoded(|encoder| {
        node.encode(encoder);
        (0..16).for_each(|_| encoder.u32(0x3f80_0000));
    });
    let lanes_place = Place { lanes: Place::lanes_hash(&[0x3f80_0000; 16]), ..place.clone() };
    let check = |what: &str, error: Option<EvmError>| match error {
        None => {}
        Some(EvmError::Reverted(data)) => {
            assert!(data.len() >= 4 && data[..4] != [0x4e, 0x48, 0x7b, 0x71], "{what}: {data}");
        }
        Some(other) => panic!("{what}: {other}"),
    };
    check("structure", referee.structure(place, &alone).err());
    check("shape", referee.truth(place, Leaf::Shape, &alone, &[]).err());
    check("lane fold", referee.truth(&lanes_place, Leaf::LaneFold, &lanes, &[]).err());
    for leaf in [Leaf::Map, Leaf::Block, Leaf::Lane] {
        check("piece", referee.truth(place, leaf, &piece, &[]).err());
        check("operand", referee.operand(place, leaf, 0, &piece).err());
        check("predicate", referee.operand(place, leaf, 255, &piece).err());
    }
}

#[test]
fn damaged_nodes_break_the_same_rule_in_both_languages() {
    let mut referee = Referee::new().expect("the referee deploys");
    let mut random = Random(23);
    let mut rules: BTreeMap<Option<Rule>, usize> = BTreeMap::new();
    let programs = programs();
    for case in 0..CASES {
        let program = &programs[case % 2];
        let id = random.below(program.nodes.len() as u64) as u32;
        let mut bytes = program.nodes[id as usize].to_bytes();
        (0..=random.below(3)).for_each(|_| {
            if !bytes.is_empty() {
                damage(&mut bytes, &mut random);
            }
        });
        let (mut place, node) = replaced(program, id, bytes);
        *rules.entry(rule(&mut referee, &place, &node)).or_default() += 1;
        if case % 4 == 0 {
            (place.element, place.block, place.lane) =
                (random.below(9), random.below(2), random.below(16) as u8);
            if random.below(2) == 0 {
                place.rows = [place.nodes; 2];
                place.body_node = random.below(9) as u32;
            }
            ask_all(&mut referee, &place, &node);
        }
    }
    println!("{rules:?}");
    assert!(rules.len() >= 6, "{rules:?}");
}

#[test]
fn types_of_nodes_that_are_read_can_be_shown() {
    let mut referee = Referee::new().expect("the referee deploys");
    let [program, _] = programs();
    // A float where an integer is read: an input of a map is exchanged for a node of the other dtype.
    let mut found = 0;
    for (id, node) in (0u32..).zip(&program.nodes) {
        for read in node.reads().into_iter().take(1) {
            let dtype = program.nodes[read as usize].dtype;
            let Some(other) = (0..id).find(|other| program.nodes[*other as usize].dtype != dtype) else {
                continue;
            };
            let bytes = node.to_bytes();
            let wanted = [&[0u8][..], &read.to_be_bytes()].concat();
            let Some(at) = bytes.windows(5).position(|window| window == wanted) else { continue };
            let mut changed = bytes.clone();
            changed[at + 1..at + 5].copy_from_slice(&other.to_be_bytes());
            let (place, opened) = replaced(&program, id, changed);
            // The other node's siblings change with the root: only nodes apart from it can be opened.
            if rule(&mut referee, &place, &opened).is_none() {
                found += 1;
            }
        }
    }
    assert!(found > 5, "types do not follow from the bytes: {found}");
}

#[test]
fn the_dearest_nodes_are_walked_over_within_the_gas_of_a_transaction() {
    let mut referee = Referee::new().expect("the referee deploys");
    let [program, _] = programs();
    let id = program.nodes.len() as u32 - 1;
    // A fold whose predicate hides the fold index in as many atoms as there may be.
    let atom = |encoder: &mut Encoder| {
        encoder.u64(3);
        encoder.u8(4);
        encoder.u64(7);
        encoder.u64(0);
        encoder.u8(1);
        encoder.u64(1);
        encoder.u8(1);
    };
    let side = |encoder: &mut Encoder, terms: u8| {
        encoder.u64(0);
        encoder.u8(terms);
        (0..terms).for_each(|_| atom(encoder));
    };
    for kind in [0u8, 1] {
        let bytes = encoded(|encoder| {
            encoder.string("fold");
            encoder.raw(&[0, 0, 3, kind]);
            encoder.u64(256);
            encoder.u8(2);
            side(encoder, 8);
            side(encoder, 8);
            // Two inputs that are index values, each with as many atoms.
            encoder.u8(2);
            (0..2).for_each(|_| {
                encoder.u8(2);
                side(encoder, 8);
            });
            let instructions = if kind == 0 { 0 } else { 253 };
            encoder.u8(instructions);
            (0..instructions).for_each(|_| encoder.raw(&[0x10, 0, 1, 0, 0, 0, 0, 0]));
        });
        let (place, node) = replaced(&program, id, bytes);
        ask_all(&mut referee, &place, &node);
    }
}
