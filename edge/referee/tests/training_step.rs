//! A whole training step of a GPT and a Llama: elements of every node, and of every body node of every composite, proved
//! through `Step`, agree with the reference interpreter that ran the program.
mod common;
#[path = "common/referee.rs"]
mod referee;
#[path = "common/world.rs"]
mod world;

use common::Random;
use referee::Referee;
use samebit_graph::fixtures::{self, Dims, Fixture};
use samebit_graph::interpret::{Bits, run_step};
use samebit_graph::node::{Kind, Node};
use samebit_num::Soft;
use std::collections::{BTreeMap, BTreeSet};
use world::{Tensor, World};

const STEP: u64 = 1;

fn blocks(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => fold.extent.div_ceil(256),
        _ => 1,
    }
}

/// One element of each body node for one row; the last one is an element of the composite's output.
fn agree_on_row(referee: &mut Referee, world: &World, body: &[Node], output: &[u32], random: &mut Random) {
    let length = body.last().expect("a body").len();
    let row = random.below(output.len() as u64 / length);
    let outputs = world.body_outputs(row);
    for (position, node) in body.iter().enumerate() {
        let element = random.below(node.len());
        for block in 0..blocks(node) {
            let leaf = world.body_leaf(row, &outputs, position as u32, element, block);
            referee.agree(&node.op, &leaf);
            if position + 1 == body.len() && block + 1 == blocks(node) {
                assert_eq!(leaf.expected, output[(row * length + element) as usize], "{}", node.op);
            }
        }
    }
}

fn agree_on_program((program, states, tables): Fixture) -> BTreeSet<String> {
    let mut referee = Referee::new();
    let mut random = Random(17);
    let outputs = run_step(&mut Bits(Soft), &program, &states, &tables, STEP);
    let tensor =
        |node: usize| Tensor::Real { dtype: program.nodes[node].dtype, words: outputs[node].clone() };
    let mut operators = BTreeSet::new();
    for (position, node) in program.nodes.iter().enumerate() {
        let world = World {
            nodes: program.nodes[..=position].to_vec(),
            outputs: (0..position)
                .map(|earlier| (earlier as u32, tensor(earlier)))
                .collect::<BTreeMap<_, _>>(),
            step: STEP,
            synthetic: None,
        };
        match &node.kind {
            Kind::State(_) | Kind::Table(_) => continue,
            Kind::Composite { body, .. } => {
                agree_on_row(&mut referee, &world, body, &outputs[position], &mut random);
            }
            _ => {
                let element = random.below(node.len());
                let leaf = world.leaf(element, blocks(node) - 1);
                referee.agree(&node.op, &leaf);
                assert_eq!(leaf.expected, outputs[position][element as usize], "{}", node.op);
            }
        }
        operators.insert(node.op.clone());
    }
    println!("{} nodes, {} operators: {operators:?}", program.nodes.len(), operators.len());
    operators
}

#[test]
fn every_node_of_a_training_step_of_a_gpt() {
    let operators = agree_on_program(fixtures::gpt(Dims { layers: 1, dropout: 0.1, ..Dims::default() }));
    assert!(operators.len() > 20, "a step has many operators: {operators:?}");
}

#[test]
fn every_node_of_a_training_step_of_a_llama() {
    let operators = agree_on_program(fixtures::llama(Dims { layers: 1, ..Dims::default() }));
    assert!(operators.len() > 20, "a step has many operators: {operators:?}");
}
