//! What a leaf costs, in whole transactions that end a game: worst cases with non-zero bytes, deep trees, Osaka's calldata floor and the dearest
//! verdict, held to the limits of docs/spec/program.md §4 and to the snapshot in contracts/snapshots/gas.json.
//!
//! `SAMEBIT_WRITE_SNAPSHOTS=1 cargo test -p samebit-referee --test gas` writes the snapshot.
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/referee.rs"]
mod referee;
#[path = "common/verdict.rs"]
mod verdict;
#[path = "common/world.rs"]
mod world;

use alloy_primitives::U256;
use common::Random;
use programs::*;
use referee::{Gas, Referee};
use samebit_graph::gas;
use samebit_graph::index::{Atom, Index, coord, element, fold};
use samebit_graph::node::{DType, FoldKind, Input, Kind, Node, Predicate, Relation};
use samebit_num::fold::{Bits, Numerics};
use samebit_num::{Arith, Code, Recorder, RegF, functions};
use samebit_referee::{Evm, NumProbe};
use samebit_trace::witness::Piece;
use std::collections::BTreeMap;
use verdict::Verdicts;
use world::{Tensor, World};

/// Elements of each large tensor and nodes of the program.
const ELEMENTS: u64 = 1 << 28;
const NODES: u64 = 8192;
/// The most that a block of an exact product on one page of each operand may take without a game.
const EXACT_LIMIT: u64 = 300_000;
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/snapshots/gas.json");

/// `node` late in a large program, reading these nodes, whose outputs are large.
fn large(node: Node, inputs: &[(u32, DType)]) -> World {
    let tensor =
        |(node, dtype): &(u32, DType)| (*node, Tensor::synthetic(*dtype, ELEMENTS, u64::from(*node)));
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

/// A product whose tenth block of each operand ends beyond its tensor.
fn beyond_the_end(numerics: Numerics) -> World {
    let mut node = product_node(numerics, [ELEMENTS / 4097, ELEMENTS / 4097, 4097], 1, 5461);
    let Kind::Fold(product) = &mut node.kind else { panic!("a product") };
    let last = |node| Input::Outer(node, fold() + (ELEMENTS - 9 * 256 - 200));
    product.inputs = vec![last(1), last(5461)];
    large(node, &floats(&[1, 5461]))
}

/// A product over groups of 1,024 terms, cut in each by a predicate that hides the fold index.
fn of_a_group() -> World {
    let mut node = product_node(Numerics::F32, [ELEMENTS / 4096, ELEMENTS / 4096, 4096], 1, 5461);
    let Kind::Fold(product) = &mut node.kind else { panic!("a product") };
    let left = coord(0).modulo(1024);
    product.predicate = Some(Predicate { left, relation: Relation::LessOrEqual, right: fold().modulo(1024) });
    large(node, &floats(&[1, 5461]))
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
    world.outputs.insert(0, Tensor::synthetic(DType::F32, 4096, 0));
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

/// What was measured of a leaf, the game's part included, with its limit and what the table of costs says; and what the referee alone takes.
#[derive(Clone, Copy)]
struct Figures {
    gas: Gas,
    limit: u64,
    table: u64,
    alone: Gas,
}

/// The referee by itself, held against its twin, and a game before it.
struct Judges {
    referee: Referee,
    verdicts: Verdicts,
}

impl Judges {
    fn new() -> Judges {
        Judges { referee: Referee::new(), verdicts: Verdicts::new() }
    }

    fn figures(&mut self, name: &str, node: &Node, node_bytes: u64, leaf: &world::Leaf) -> Figures {
        let alone = self.referee.agree(name, leaf);
        let gas = self.verdicts.gas(leaf);
        Figures { gas, limit: gas::limit(node), table: gas::leaf(node, node_bytes), alone }
    }
}

fn leaves(judges: &mut Judges) -> BTreeMap<&'static str, Figures> {
    let mut gas = BTreeMap::new();
    let mut leaf = |name: &'static str, world: World, element: u64, piece: Piece| {
        let node = world.nodes[0].clone();
        let bytes = node.to_bytes().len() as u64;
        gas.insert(name, judges.figures(name, &node, bytes, &world.leaf(element, piece)));
    };
    let matrix = |numerics, k: u64| {
        large(product_node(numerics, [ELEMENTS / k, ELEMENTS / k, k], 1, 5461), &floats(&[1, 5461]))
    };
    let [exact8, exact14, exact21] = Bits::ALL.map(Numerics::Exact);
    let block = Piece::Block(9);
    leaf("product block, K = 4096", matrix(Numerics::F32, 4096), 77_777, block);
    leaf("product block on two pages each, K = 4097", matrix(Numerics::F32, 4097), 77_777, block);
    leaf("exact8 block, K = 4096", matrix(exact8, 4096), 77_777, block);
    leaf("exact14 block, K = 4096", matrix(exact14, 4096), 77_777, block);
    leaf("exact21 block, K = 4096", matrix(exact21, 4096), 77_777, block);
    leaf("exact14 block on two pages each, K = 4097", matrix(exact14, 4097), 77_777, block);
    let mut tiny = matrix(exact14, 4097);
    tiny.outputs = [1, 5461].map(|node| (node, Tensor::tiny(ELEMENTS, u64::from(node)))).into();
    leaf("exact14 block of the least scales", tiny, 77_777, block);
    leaf("product block of a group's queries", of_a_group(), 77_777, block);
    leaf("product block beyond the end", beyond_the_end(Numerics::F32), 77_777, block);
    leaf("exact14 block beyond the end", beyond_the_end(exact14), 77_777, block);
    let lane = Piece::Lane(9, 5);
    leaf("sum lane", row_fold(FoldKind::Sum, 4096, None, copy()), 7, lane);
    leaf("sum lane on two pages", row_fold(FoldKind::Sum, 4097, None, copy()), 7, lane);
    let square = program(|arith, [x]| arith.mul(x, x));
    leaf("sum lane of squares", row_fold(FoldKind::Sum, 4097, None, square), 7, lane);
    leaf("sum lane of squared differences", variance(), 7, lane);
    leaf("sum lane, terms by token", token_sum(), 0x0101_0101 * 8 + 3, lane);
    let causal = Predicate { left: fold(), relation: Relation::LessOrEqual, right: coord(0) };
    leaf("masked maximum lane", row_fold(FoldKind::Max, 4097, Some(causal), copy()), 2500, lane);
    for function in functions::ALL {
        let node = elementwise_node(function.code(), &[ELEMENTS >> 12, 1 << 12], &[1]);
        leaf(function.name, large(node, &floats(&[1])), 12_345_678, Piece::Map);
    }
    leaf("gather", lookup(), 12_345_678, Piece::Map);
    leaf("update of four operands", update(), 12_345_678, Piece::Map);
    gas
}

/// The body of a row of causal attention over 1,024 keys with head size 64.
fn attention_leaves(judges: &mut Judges) -> BTreeMap<String, Figures> {
    let mut world = attention(Numerics::F32, 1024, 64);
    world.nodes = vec![world.nodes.pop().expect("attention")];
    for (node, tensor) in &mut world.outputs {
        *tensor = Tensor::synthetic(DType::F32, ELEMENTS, u64::from(*node));
    }
    world.synthetic = Some((6000, NODES));
    let row = 900;
    let outputs = world.body_outputs(row);
    let Kind::Composite { body, .. } = &world.nodes[0].kind else { panic!("attention is composite") };
    let bytes = world.nodes[0].to_bytes().len() as u64;
    let mut measured = BTreeMap::new();
    for (position, node) in (0u32..).zip(body) {
        let piece = match &node.kind {
            Kind::Fold(fold) if fold.kind.is_product() => Piece::Block(fold.extent.div_ceil(256) - 1),
            Kind::Fold(fold) => Piece::Lane(fold.extent.div_ceil(256) - 1, 0),
            _ => Piece::Map,
        };
        let leaf = world.body_leaf(row, &outputs, position, node.len() - 1, piece);
        let name = format!("attention, {}", node.op);
        measured.insert(name, judges.figures(&node.op, node, bytes, &leaf));
    }
    measured
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
    let mut judges = Judges::new();
    let operations = operations();
    let leaves: BTreeMap<String, Figures> = leaves(&mut judges)
        .into_iter()
        .map(|(name, figures)| (name.to_owned(), figures))
        .chain(attention_leaves(&mut judges))
        .collect();
    for (name, gas) in &operations {
        println!("{name:45} {gas:>9}");
    }
    println!("{:45} {:>9} {:>9} {:>9} {:>9}", "", "leaf", "keep", "table", "limit");
    for (name, Figures { gas, limit, table, .. }) in &leaves {
        println!("{name:45} {:>9} {:>9} {table:>9} {limit:>9}", gas.leaf, gas.keep);
    }
    let gas: BTreeMap<&String, u64> = leaves.iter().map(|(name, held)| (name, held.gas.leaf)).collect();
    let keeps = leaves.iter().filter(|(_, held)| held.gas.keep > 0);
    let keeps: BTreeMap<&String, u64> = keeps.map(|(name, held)| (name, held.gas.keep)).collect();
    let measured = serde_json::json!({ "operation_median": operations, "leaf": gas, "keep": keeps });
    if std::env::var_os("SAMEBIT_WRITE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(&measured).expect("numbers and names");
        std::fs::write(SNAPSHOT, text + "\n").expect("contracts/snapshots is writable");
    }
    for (name, Figures { gas, limit, table, .. }) in &leaves {
        assert!(gas.most() <= *limit, "{name}: {gas:?} is over the limit {limit}");
        assert!(gas.most() <= *table, "{name}: {gas:?} is more than the table says, {table}");
        assert!(table <= limit, "{name}: the table says {table}, the limit is {limit}");
    }
    let on_one_page = |name: &str| name.starts_with("exact") && name.ends_with("K = 4096");
    for (name, Figures { alone, .. }) in leaves.iter().filter(|(name, _)| on_one_page(name)) {
        assert!(alone.leaf <= EXACT_LIMIT, "{name}: {alone:?} is over {EXACT_LIMIT}");
    }
    let recorded: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(SNAPSHOT).expect("a snapshot")).expect("JSON");
    assert_eq!(
        measured, recorded,
        "gas changed; hint: SAMEBIT_WRITE_SNAPSHOTS=1 records it when it is meant"
    );
}
