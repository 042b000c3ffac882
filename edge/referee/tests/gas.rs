//! What a leaf costs: worst cases with non-zero bytes, deep trees and Osaka's calldata floor, held to the limits of
//! docs/spec/program.md §4 and to the snapshot in contracts/snapshots/gas.json.
//!
//! `SAMEBIT_WRITE_SNAPSHOTS=1 cargo test -p samebit-referee --test gas` writes the snapshot.
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/referee.rs"]
mod referee;
#[path = "common/world.rs"]
mod world;

use alloy_primitives::U256;
use common::Random;
use programs::*;
use referee::Referee;
use samebit_graph::gas::{
    BLOCK_GAS_LIMIT as BLOCK_LIMIT, MAP_GAS_LIMIT as MAP_LIMIT,
    ONE_TENSOR_MAP_GAS_LIMIT as ONE_TENSOR_MAP_LIMIT, PROGRAM_BLOCK_GAS_LIMIT as PROGRAM_BLOCK_LIMIT,
};
use samebit_graph::index::{Atom, Index, coord, element, fold};
use samebit_graph::node::{DType, FoldKind, Input, Kind, Node, Predicate, Relation};
use samebit_num::{Arith, Code, Recorder, RegF, functions};
use samebit_referee::{Evm, NumProbe};
use std::collections::BTreeMap;
use world::{Tensor, World};

/// Elements of each large tensor and nodes of the program.
const ELEMENTS: u64 = 1 << 28;
const NODES: u64 = 8192;
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/snapshots/gas.json");

/// `node` late in a large program, reading these nodes, whose outputs are large.
fn large(node: Node, inputs: &[(u32, DType)]) -> World {
    let tensor = |(node, dtype): &(u32, DType)| {
        (*node, Tensor::Synthetic { dtype: *dtype, count: ELEMENTS, seed: u64::from(*node) })
    };
    World {
        nodes: vec![node],
        outputs: inputs.iter().map(tensor).collect(),
        step: 1023,
        synthetic: Some((6000, NODES)),
    }
}

fn floats(nodes: &[u32]) -> Vec<(u32, DType)> {
    nodes.iter().map(|node| (*node, DType::F32)).collect()
}

/// A fold over rows of `k` elements, each block on two pages unless `k` is a multiple of 256.
fn row_fold(kind: FoldKind, k: u64, predicate: Option<Predicate>, code: Code) -> World {
    let inputs = vec![Input::Outer(1, coord(0).times(k) + fold())];
    large(float_node("fold", &[ELEMENTS / k], fold_of(kind, k, predicate, inputs, code)), &floats(&[1]))
}

fn program<const N: usize>(body: impl FnOnce(&mut Recorder, [RegF; N]) -> RegF) -> Code {
    let mut recorder = Recorder::new();
    let inputs = std::array::from_fn(|_| recorder.input_f());
    let result = body(&mut recorder, inputs);
    recorder.finish(result).expect("a short program")
}

/// Σ (x − mean)² over a row.
fn variance() -> World {
    let code = program(|arith, [x, mean]| {
        let difference = arith.sub(x, mean);
        arith.mul(difference, difference)
    });
    let inputs = vec![Input::Outer(1, coord(0).times(4097) + fold()), Input::Outer(5461, coord(0))];
    let kind = fold_of(FoldKind::Sum, 4097, None, inputs, code);
    large(float_node("variance", &[ELEMENTS / 4097], kind), &floats(&[1, 5461]))
}

/// AdamW's parameter: p, m and v large, and four numbers of a schedule of 1,024 steps.
fn update() -> World {
    let code = program(|arith, [p, m, v, rate, first, second, kept]| {
        let epsilon = arith.constant(1e-8f32.to_bits());
        let mean = arith.mul(m, first);
        let square = arith.mul(v, second);
        let root = arith.sqrt(square);
        let divisor = arith.add(root, epsilon);
        let direction = arith.div(mean, divisor);
        let negative = arith.neg(rate);
        let kept = arith.mul(p, kept);
        arith.fma(negative, direction, kept)
    });
    let shape = [ELEMENTS >> 12, 1 << 12];
    let mut node = elementwise_node(code, &shape, &[1, 2731, 5461]);
    let Kind::Map { inputs, .. } = &mut node.kind else { panic!("a map") };
    let column = |column: u64| Input::Outer(0, Index::from(Atom::Step).times(4) + column);
    inputs.extend((0..4).map(column));
    let mut world = large(node, &floats(&[1, 2731, 5461]));
    world.outputs.insert(0, Tensor::Synthetic { dtype: DType::F32, count: 4096, seed: 0 });
    world
}

/// The sum of one token's gradients, its predicate an element of an integer tensor for every term.
fn token_sum() -> World {
    let predicate = Predicate { left: element(1, fold()), relation: Relation::Equal, right: coord(0) };
    let inputs = vec![Input::Outer(2731, coord(1).times(4096) + fold())];
    let kind = fold_of(FoldKind::Sum, 4096, Some(predicate), inputs, copy());
    let node = float_node("embedding_gradient", &[0x0200_0000, 8], kind);
    large(node, &[(1, DType::U32), (2731, DType::F32)])
}

/// Row `ids[t]` of a large table.
fn lookup() -> World {
    let inputs = vec![Input::Outer(2731, element(1, coord(0)).times(8) + coord(1))];
    let node = float_node("gather", &[ELEMENTS, 8], Kind::Map { inputs, code: copy() });
    large(node, &[(1, DType::U32), (2731, DType::F32)])
}

fn leaves(referee: &mut Referee) -> BTreeMap<&'static str, (u64, u64)> {
    let mut gas = BTreeMap::new();
    let mut leaf = |name: &'static str, limit: u64, world: World, element: u64, block: u64| {
        let used = referee.agree(name, &world.leaf(element, block));
        gas.insert(name, (used, limit));
    };
    let matrix = |k: u64| large(product_node(ELEMENTS / k, ELEMENTS / k, k, 1, 5461), &floats(&[1, 5461]));
    leaf("product block, K = 4096", BLOCK_LIMIT, matrix(4096), 77_777, 9);
    leaf("product block on two pages each, K = 4097", BLOCK_LIMIT, matrix(4097), 77_777, 9);
    leaf("sum block", BLOCK_LIMIT, row_fold(FoldKind::Sum, 4096, None, copy()), 7, 9);
    leaf("sum block on two pages", BLOCK_LIMIT, row_fold(FoldKind::Sum, 4097, None, copy()), 7, 9);
    let square = program(|arith, [x]| arith.mul(x, x));
    leaf("sum block of squares", PROGRAM_BLOCK_LIMIT, row_fold(FoldKind::Sum, 4097, None, square), 7, 9);
    leaf("sum block of squared differences", PROGRAM_BLOCK_LIMIT, variance(), 7, 9);
    leaf("sum block, terms by token", BLOCK_LIMIT, token_sum(), 0x0101_0101 * 8 + 3, 9);
    let causal = Predicate { left: fold(), relation: Relation::LessOrEqual, right: coord(0) };
    leaf("masked maximum block", BLOCK_LIMIT, row_fold(FoldKind::Max, 4097, Some(causal), copy()), 2500, 9);
    for function in functions::ALL {
        let node = elementwise_node(function.code(), &[ELEMENTS >> 12, 1 << 12], &[1]);
        leaf(function.name, ONE_TENSOR_MAP_LIMIT, large(node, &floats(&[1])), 12_345_678, 0);
    }
    leaf("gather", ONE_TENSOR_MAP_LIMIT, lookup(), 12_345_678, 0);
    leaf("update of four operands", MAP_LIMIT, update(), 12_345_678, 0);
    gas
}

/// The body of a row of causal attention over 1,024 keys with head size 64.
fn attention_leaves(referee: &mut Referee) -> BTreeMap<String, (u64, u64)> {
    let mut world = attention(1024, 64);
    world.nodes = vec![world.nodes.pop().expect("attention")];
    for (node, tensor) in &mut world.outputs {
        *tensor = Tensor::Synthetic { dtype: DType::F32, count: ELEMENTS, seed: u64::from(*node) };
    }
    world.synthetic = Some((6000, NODES));
    let row = 900;
    let outputs = world.body_outputs(row);
    let Kind::Composite { body, .. } = &world.nodes[0].kind else { panic!("attention is composite") };
    let measure = |(position, node): (usize, &Node)| {
        let (block, limit) = match &node.kind {
            Kind::Fold(fold) => (fold.extent.div_ceil(256) - 1, BLOCK_LIMIT),
            _ => (0, MAP_LIMIT),
        };
        let leaf = world.body_leaf(row, &outputs, position as u32, node.len() - 1, block);
        (format!("attention, {}", node.op), (referee.agree(&node.op, &leaf), limit))
    };
    body.iter().enumerate().map(measure).collect()
}

/// Median gas of one operation on values of the size of 1.
fn operations() -> BTreeMap<&'static str, u64> {
    let mut evm = Evm::new();
    let probe = evm.deploy(&NumProbe::BYTECODE).expect("the probe deploys");
    let mut random = Random(1);
    let mut median = |code: u32| {
        let mut gas: Vec<u64> = (0..301)
            .map(|_| {
                let [a, b, c] =
                    [random.value() & 0x7fff_ffff, random.value(), random.value()].map(U256::from);
                let call = NumProbe::gasOfCall { op: U256::from(code), a, b, c };
                evm.call(probe, &call).expect("the probe answers").value.to::<u64>()
            })
            .collect();
        gas.sort_unstable();
        gas[gas.len() / 2]
    };
    [("add", 0x01), ("mul", 0x03), ("fma", 0x04), ("div", 0x05), ("sqrt", 0x06)]
        .into_iter()
        .map(|(name, code)| (name, median(code)))
        .collect()
}

#[test]
fn gas_is_within_limits_and_as_recorded() {
    let mut referee = Referee::new();
    let operations = operations();
    let leaves: BTreeMap<String, (u64, u64)> = leaves(&mut referee)
        .into_iter()
        .map(|(name, figures)| (name.to_owned(), figures))
        .chain(attention_leaves(&mut referee))
        .collect();
    for (name, gas) in &operations {
        println!("{name:45} {gas:>9}");
    }
    for (name, (gas, limit)) in &leaves {
        println!("{name:45} {gas:>9} of {limit}");
    }
    let gas: BTreeMap<&String, u64> = leaves.iter().map(|(name, (gas, _))| (name, *gas)).collect();
    let measured = serde_json::json!({ "operation_median": operations, "leaf": gas });
    if std::env::var_os("SAMEBIT_WRITE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(&measured).expect("numbers and names");
        std::fs::write(SNAPSHOT, text + "\n").expect("contracts/snapshots is writable");
    }
    let over: Vec<_> = leaves.iter().filter(|(_, (gas, limit))| gas > limit).collect();
    assert!(over.is_empty(), "over their limit: {over:?}");
    let recorded: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(SNAPSHOT).expect("a snapshot")).expect("JSON");
    assert_eq!(
        measured, recorded,
        "gas changed; hint: SAMEBIT_WRITE_SNAPSHOTS=1 records it when it is meant"
    );
}
