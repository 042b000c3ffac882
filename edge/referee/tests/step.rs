//! `Step` in Solidity against the reference: an ordered product, sums and maxima with predicates, maps, and every node of a
//! row of attention, each element proved from canonical bytes and Merkle openings alone.
#[path = "common/mod.rs"]
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/world.rs"]
mod world;

use alloy_primitives::Address;
use common::Random;
use programs::*;
use samebit_graph::node::Kind;
use samebit_referee::{Evm, Step};
use world::{Leaf, World};

struct Referee {
    evm: Evm,
    step: Address,
}

impl Referee {
    fn new() -> Self {
        let mut evm = Evm::new();
        let step = evm.deploy(&Step::BYTECODE).expect("the referee deploys");
        Self { evm, step }
    }

    /// The contract's word and the transaction's gas.
    fn redo(&mut self, leaf: &Leaf) -> Result<(u32, u64), samebit_referee::EvmError> {
        let call = Step::redoCall { place: leaf.place.clone(), witness: leaf.witness.clone() };
        self.evm.call(self.step, &call).map(|answer| (answer.value, answer.gas))
    }

    fn agree(&mut self, name: &str, leaf: &Leaf) -> u64 {
        let (word, gas) = self.redo(leaf).unwrap_or_else(|error| panic!("{name}: {error}"));
        let place = &leaf.place;
        assert_eq!(
            word, leaf.expected,
            "{name}, element {}, block {}, body node {}: contract {word:08x}, reference {:08x}",
            place.element, place.blockNumber, place.bodyNode, leaf.expected
        );
        gas
    }

    /// Random elements of the world's last node, every block of each.
    fn agree_everywhere(&mut self, name: &str, world: &World, elements: u64) -> u64 {
        let node = world.nodes.last().expect("a node");
        let blocks = match &node.kind {
            Kind::Fold(fold) => fold.extent.div_ceil(256),
            _ => 1,
        };
        let mut random = Random(11);
        let corners = [0, node.len() - 1];
        let chosen = (0..elements).map(|_| random.below(node.len())).chain(corners).collect::<Vec<_>>();
        let leaves =
            chosen.iter().flat_map(|&element| (0..blocks).map(move |block| world.leaf(element, block)));
        leaves.map(|leaf| self.agree(name, &leaf)).max().expect("a leaf")
    }
}

#[test]
fn ordered_product() {
    let mut referee = Referee::new();
    // K = 700 is two whole blocks and a short one; rows straddle pages.
    let gas = referee.agree_everywhere("product", &product(5, 7, 700), 6);
    println!("product block, small trees: {gas} gas");
}

#[test]
fn folds_with_predicates() {
    let mut referee = Referee::new();
    referee.agree_everywhere("masked sum", &masked_sum(), 6);
    referee.agree_everywhere("masked maximum", &masked_maximum(), 6);
    referee.agree_everywhere("embedding gradient", &embedding_gradient(), 8);
}

#[test]
fn maps() {
    let mut referee = Referee::new();
    for function in samebit_num::functions::ALL {
        let gas = referee.agree_everywhere(function.name, &elementwise(function.code()), 12);
        println!("{}: {gas} gas", function.name);
    }
    referee.agree_everywhere("gather", &gather(), 20);
    referee.agree_everywhere("transpose and index values", &transpose_with_indices(), 20);
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
            let blocks = match &node.kind {
                Kind::Fold(fold) => fold.extent.div_ceil(256),
                _ => 1,
            };
            for element in [0, random.below(node.len()), node.len() - 1] {
                for block in 0..blocks {
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
                Ok((word, _)) => {
                    assert_eq!(word, leaf.expected, "a changed witness changed the answer");
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
