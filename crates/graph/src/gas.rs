//! What a leaf costs the contract, by a table: every estimate and limit is here and nowhere else.
//!
//! The rows were fitted, rounded up, to the leaves that the referee's gas test measures (contracts/snapshots/gas.json), with trees
//! of 2^40 elements. One transaction holds one leaf; chains cap it at 2^24 gas.

use crate::limits::BLOCK;
use crate::node::{Fold, FoldKind, Input, Kind, Node};
use samebit_num::{Code, Op};
use std::collections::BTreeSet;

/// The most gas of a fold's block.
pub const BLOCK_GAS_LIMIT: u64 = 2_000_000;
/// The most gas of a map's element.
pub const MAP_GAS_LIMIT: u64 = 1_000_000;

/// Calling the contract and opening the node and the output.
const LEAF: u64 = 80_000;
/// Opening one page of an operand, its words and the siblings above it.
const PAGE: u64 = 80_000;
/// Evaluating one atom of an index map.
const ATOM: u64 = 400;
/// One term of a product.
const PRODUCT_TERM: u64 = 1_300;
/// Adding or comparing one term.
const SUM_TERM: u64 = 1_200;
/// Starting a scalar program and handing it its inputs.
const RUN: u64 = 800;

/// One instruction, dispatch included.
const fn instruction(op: Op) -> u64 {
    match op {
        Op::Add | Op::Sub | Op::Mul => 1_300,
        Op::Fma | Op::Div | Op::Sqrt => 1_500,
        Op::Const | Op::IConst => 300,
        _ => 500,
    }
}

/// About how much gas recomputing an element of a map, or a block of a fold, costs; 0 for other nodes.
pub fn leaf(node: &Node) -> u64 {
    match &node.kind {
        Kind::Map { inputs, code } => {
            LEAF + PAGE * pages(inputs, 1) + ATOM * atoms(inputs) + RUN + instructions(code)
        }
        Kind::Fold(fold) => block(fold),
        _ => 0,
    }
}

fn block(fold: &Fold) -> u64 {
    let terms = fold.extent.min(BLOCK);
    let term = match fold.kind {
        FoldKind::Product => PRODUCT_TERM,
        _ if fold.code.instrs().is_empty() => SUM_TERM,
        _ => SUM_TERM + RUN + instructions(&fold.code),
    };
    let mut gas = LEAF + PAGE * pages(&fold.inputs, 2) + ATOM * atoms(&fold.inputs) + term * terms;
    if let Some(predicate) = &fold.predicate {
        let sides = [Input::Value(predicate.left.clone()), Input::Value(predicate.right.clone())];
        let moving = sides.iter().filter(|side| mentions_fold(side));
        gas += PAGE * pages(&sides, 2) + ATOM * atoms(&sides);
        gas += ATOM * terms * moving.map(|side| atoms(std::slice::from_ref(side))).sum::<u64>();
    }
    gas
}

fn mentions_fold(input: &Input) -> bool {
    input.index().any(&mut |atom| *atom == crate::index::Atom::Fold)
}

fn instructions(code: &Code) -> u64 {
    code.instrs().iter().map(|instr| instruction(instr.op)).sum()
}

fn atoms(inputs: &[Input]) -> u64 {
    let mut count = 0;
    for input in inputs {
        input.index().any(&mut |_| {
            count += 1;
            false
        });
    }
    count
}

/// Pages that the inputs open at most: `each` for a map read along a fold, one for an integer that an index map reads.
/// Elements of one tensor at neighbouring places share their pages.
fn pages(inputs: &[Input], each: u64) -> u64 {
    let mut places = BTreeSet::new();
    let mut count = 0;
    for input in inputs {
        let (tag, node) = match input {
            Input::Outer(node, _) => (0, *node),
            Input::Body(node, _) => (1, *node),
            Input::Value(_) => (2, 0),
        };
        let moving = if mentions_fold(input) { each } else { 1 };
        if tag < 2 && places.insert((tag, node, input.index().terms.clone())) {
            count += moving;
        }
        input.index().any(&mut |atom| {
            if let crate::index::Atom::Element(node, inner) = atom
                && places.insert((0, *node, inner.terms.clone()))
            {
                count += moving;
            }
            false
        });
    }
    count
}
