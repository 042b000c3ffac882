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
use samebit_graph::node::{FoldKind, Kind, Node};
use samebit_trace::witness::Piece;
use world::World;

/// Random elements of the world's last node, every block of each; the most gas that one took.
fn agree_everywhere(referee: &mut Referee, name: &str, world: &World, elements: u64) -> u64 {
    let node = world.nodes.last().expect("a node");
    let mut random = Random(11);
    let corners = [0, node.len() - 1];
    let chosen: Vec<u64> = (0..elements).map(|_| random.below(node.len())).chain(corners).collect();
    let leaves = chosen.iter().flat_map(|&element| {
        let pieces = pieces(node, &mut random).into_iter();
        pieces.map(move |piece| world.leaf(element, piece)).collect::<Vec<_>>()
    });
    leaves.map(|leaf| referee.agree(name, &leaf).most()).max().expect("a leaf")
}

/// Every block of a product, a random lane of every block of a sum or maximum, or the element of a map.
fn pieces(node: &Node, random: &mut Random) -> Vec<Piece> {
    let Kind::Fold(fold) = &node.kind else { return vec![Piece::Map] };
    let blocks = 0..fold.extent.div_ceil(256);
    match fold.kind {
        FoldKind::Product => blocks.map(Piece::Block).collect(),
        FoldKind::Sum | FoldKind::Max => {
            blocks.map(|block| Piece::Lane(block, random.below(16) as u8)).collect()
        }
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
                for piece in pieces(node, &mut random) {
                    let leaf = world.body_leaf(row, &outputs, body_node as u32, element, piece);
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
        product(5, 7, 700).leaf(17, Piece::Block(1)),
        masked_sum().leaf(5, Piece::Lane(1, 3)),
        gather().leaf(33, Piece::Map),
        elementwise(samebit_num::functions::ALL[0].code()).leaf(9, Piece::Map),
    ] {
        for _ in 0..FUZZED {
            match referee.judge(&leaf, &spoil(&leaf.witness, &mut random), &[]) {
                Some((word, _)) => {
                    assert_eq!(word, leaf.expected, "a changed witness changed the answer");
                    same += 1;
                }
                None => refused += 1,
            }
        }
    }
    println!("{refused} refused, {same} unchanged");
    assert!(refused > 3 * FUZZED, "most changes must be refused");
}

/// Witnesses tried for each leaf.
const FUZZED: usize = if cfg!(feature = "slow") { 20_000 } else { 1_000 };

/// Changes the bytes: a bit, a number, a cut, or a part moved or repeated.
fn spoil(witness: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = witness.to_vec();
    let length = changed.len() as u64;
    let at = random.below(length) as usize;
    match random.below(8) {
        0..=2 => changed[at] ^= 1 << random.below(8),
        3 => changed[at] = random.word() as u8,
        4 => changed.truncate(at),
        5 => changed.extend((0..random.below(64)).map(|_| 0)),
        6 => {
            let end = (at + random.below(64) as usize).min(changed.len());
            changed.drain(at..end);
        }
        _ => {
            let end = (at + random.below(64) as usize).min(changed.len());
            let part = changed[at..end].to_vec();
            let to = random.below(length) as usize;
            changed.splice(to..to, part);
        }
    }
    changed
}
