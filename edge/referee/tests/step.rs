//! `Step` in Solidity against the reference: an ordered product, sums and maxima with predicates, maps, and every node of a
//! row of attention, each element proved from canonical bytes and Merkle openings alone.
#[path = "common/mod.rs"]
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/referee.rs"]
mod referee;
#[path = "common/world.rs"]
mod world;

use common::Random;
use programs::*;
use referee::Referee;
use samebit_graph::node::{Kind, Node};
use world::{Leaf, World};

/// Random elements of the world's last node, every block of each; the most gas that one took.
fn agree_everywhere(referee: &mut Referee, name: &str, world: &World, elements: u64) -> u64 {
    let node = world.nodes.last().expect("a node");
    let mut random = Random(11);
    let corners = [0, node.len() - 1];
    let chosen = (0..elements).map(|_| random.below(node.len())).chain(corners).collect::<Vec<_>>();
    let leaves =
        chosen.iter().flat_map(|&element| (0..blocks(node)).map(move |block| world.leaf(element, block)));
    leaves.map(|leaf| referee.agree(name, &leaf)).max().expect("a leaf")
}

fn blocks(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => fold.extent.div_ceil(256),
        _ => 1,
    }
}

#[test]
fn ordered_product() {
    let mut referee = Referee::new();
    // K = 700 is two whole blocks and a short one; rows straddle pages.
    let gas = agree_everywhere(&mut referee, "product", &product(5, 7, 700), 6);
    println!("product block, small trees: {gas} gas");
}

#[test]
fn folds_with_predicates() {
    let mut referee = Referee::new();
    agree_everywhere(&mut referee, "masked sum", &masked_sum(), 6);
    agree_everywhere(&mut referee, "masked maximum", &masked_maximum(), 6);
    agree_everywhere(&mut referee, "embedding gradient", &embedding_gradient(), 8);
}

#[test]
fn maps() {
    let mut referee = Referee::new();
    for function in samebit_num::functions::ALL {
        let gas = agree_everywhere(&mut referee, function.name, &elementwise(function.code()), 12);
        println!("{}: {gas} gas", function.name);
    }
    agree_everywhere(&mut referee, "gather", &gather(), 20);
    agree_everywhere(&mut referee, "transpose and index values", &transpose_with_indices(), 20);
}

#[test]
fn every_node_of_a_row_of_attention() {
    let mut referee = Referee::new();
    let world = attention(300, 12);
    let Kind::Composite { body, .. } = &world.nodes.last().unwrap().kind else {
        panic!("attention is composite")
    };
    let mut random = Random(5);
    for row in [0, 7, 255, 256, 299] {
        let outputs = world.body_outputs(row);
        for (body_node, node) in body.iter().enumerate() {
            for element in [0, random.below(node.len()), node.len() - 1] {
                for block in 0..blocks(node) {
                    let leaf = world.body_leaf(row, &outputs, body_node as u32, element, block);
                    referee.agree(&node.op, &leaf);
                }
            }
        }
    }
}

#[test]
fn no_changed_witness_is_accepted_as_another_answer() {
    let mut referee = Referee::new();
    let mut random = Random(3);
    let (mut refused, mut same) = (0, 0);
    for leaf in [
        product(5, 7, 700).leaf(17, 1),
        gather().leaf(33, 0),
        elementwise(samebit_num::functions::ALL[0].code()).leaf(9, 0),
    ] {
        for _ in 0..200 {
            let mut changed = leaf.clone();
            spoil(&mut changed, &mut random);
            match referee.redo(&changed) {
                Ok(answer) => {
                    assert_eq!(answer.value, leaf.expected, "a changed witness changed the answer");
                    same += 1;
                }
                Err(samebit_referee::EvmError::Reverted(_)) => refused += 1,
                Err(other) => panic!("a witness must be refused by a custom error, not: {other}"),
            }
        }
    }
    println!("{refused} refused, {same} unchanged");
    assert!(refused > 590, "nearly every change must be refused");
}

/// Changes one bit, or one count, of one part of the witness.
fn spoil(leaf: &mut Leaf, random: &mut Random) {
    let bit = 1u8 << random.below(8);
    let witness = &mut leaf.witness;
    let flip = |bytes: &mut alloy_primitives::Bytes, at: u64| {
        let mut changed = bytes.to_vec();
        let at = at as usize % changed.len();
        changed[at] ^= bit;
        *bytes = changed.into();
    };
    let which = random.below(witness.outer.len() as u64) as usize;
    let at = random.word();
    match random.below(8) {
        0 => flip(&mut witness.node, at),
        1 => flip(&mut witness.outer[which].words, at),
        2 => witness.outer[which].count ^= 1 << random.below(12),
        3 => witness.outer[which].node ^= 1,
        4 => witness.outer[which].dtype ^= bit,
        5 => witness.outer[which].pages[0] ^= 1 << random.below(3),
        6 => witness.outerSiblings.push(alloy_primitives::B256::ZERO),
        _ => {
            let mut siblings = witness.nodeSiblings.clone();
            let chosen = at as usize % siblings.len();
            siblings[chosen].0[(at >> 8) as usize % 32] ^= bit;
            witness.nodeSiblings = siblings;
        }
    }
}
