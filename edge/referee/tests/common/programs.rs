//! Small programs, one for each shape of leaf.

#![allow(dead_code)]

use super::common::Random;
use super::world::{Tensor, World};
use samebit_graph::index::{Index, coord, element, fold, row};
use samebit_graph::node::{DType, Fold, FoldKind, Input, Kind, Node, Predicate, Relation};
use samebit_num::fold::Numerics;
use samebit_num::{Arith, Code, Recorder, RegType, functions};

fn source(op: &str, dtype: DType, shape: &[u64]) -> Node {
    Node { op: op.into(), dtype, shape: shape.into(), kind: Kind::State(0) }
}

pub fn values(seed: u64, count: u64) -> Tensor {
    let mut random = Random(seed);
    Tensor::floats((0..count).map(|_| random.value()).collect())
}

pub fn float_node(op: &str, shape: &[u64], kind: Kind) -> Node {
    Node { op: op.into(), dtype: DType::F32, shape: shape.into(), kind }
}

/// The program that gives its one float.
pub fn copy() -> Code {
    Code::new(vec![RegType::F], Vec::new()).expect("one register is a program")
}

fn factors() -> Code {
    Code::new(vec![RegType::F; 2], Vec::new()).expect("two registers are a program")
}

pub fn fold_of(
    kind: FoldKind,
    extent: u64,
    predicate: Option<Predicate>,
    inputs: Vec<Input>,
    code: Code,
) -> Kind {
    Kind::Fold(Fold { kind, extent, predicate, inputs, code })
}

fn world(nodes: Vec<Node>, outputs: Vec<Tensor>) -> World {
    World { nodes, outputs: (0..).zip(outputs).collect(), step: 3, synthetic: None }
}

pub fn product_node(numerics: Numerics, [m, n, k]: [u64; 3], a: u32, b: u32) -> Node {
    let inputs =
        vec![Input::Outer(a, coord(0).times(k) + fold()), Input::Outer(b, coord(1).times(k) + fold())];
    float_node("matmul", &[m, n], fold_of(FoldKind::Product(numerics), k, None, inputs, factors()))
}

/// [m, k] · [n, k]ᵀ → [m, n].
pub fn product(numerics: Numerics, [m, n, k]: [u64; 3]) -> World {
    product_of(numerics, [m, n, k], values(1, m * k), values(2, n * k))
}

/// The same of these factors.
pub fn product_of(numerics: Numerics, [m, n, k]: [u64; 3], a: Tensor, b: Tensor) -> World {
    let node = product_node(numerics, [m, n, k], 0, 1);
    world(vec![source("a", DType::F32, &[m, k]), source("b", DType::F32, &[n, k]), node], vec![a, b])
}

/// Σ x² over the columns before the row's own: the term is a program, the predicate affine.
pub fn masked_sum() -> World {
    let code = {
        let mut recorder = Recorder::new();
        let x = recorder.input_f();
        let square = recorder.mul(x, x);
        recorder.finish(square).expect("one operation")
    };
    let predicate = Predicate { left: fold(), relation: Relation::Less, right: coord(0).times(90) };
    let inputs = vec![Input::Outer(0, coord(0).times(600) + fold())];
    let node = float_node("masked_sum", &[8], fold_of(FoldKind::Sum, 600, Some(predicate), inputs, code));
    world(vec![source("x", DType::F32, &[8, 600]), node], vec![values(3, 4800)])
}

/// The greatest element up to and including the row's own column.
pub fn masked_maximum() -> World {
    let predicate = Predicate { left: fold(), relation: Relation::LessOrEqual, right: coord(0) };
    let inputs = vec![Input::Outer(0, coord(0).times(300) + fold())];
    let node = float_node("masked_max", &[300], fold_of(FoldKind::Max, 300, Some(predicate), inputs, copy()));
    world(vec![source("x", DType::F32, &[300, 300]), node], vec![values(4, 90_000)])
}

/// [vocabulary, d]: the sum over tokens t with ids[t] = v of gradientᵀ[d, t].
pub fn embedding_gradient() -> World {
    let (tokens, vocabulary, d) = (520, 5, 6);
    let mut random = Random(9);
    let ids = Tensor::integers((0..tokens).map(|_| random.below(vocabulary) as u32).collect());
    let predicate = Predicate { left: element(0, fold()), relation: Relation::Equal, right: coord(0) };
    let inputs = vec![Input::Outer(1, coord(1).times(tokens) + fold())];
    let kind = fold_of(FoldKind::Sum, tokens, Some(predicate), inputs, copy());
    let nodes = vec![
        source("ids", DType::U32, &[tokens]),
        source("gradient", DType::F32, &[d, tokens]),
        float_node("embedding_gradient", &[vocabulary, d], kind),
    ];
    world(nodes, vec![ids, values(5, d * tokens)])
}

pub fn elementwise_node(code: Code, shape: &[u64], inputs: &[u32]) -> Node {
    let index = || coord(0).times(shape[1]) + coord(1);
    let inputs = inputs.iter().map(|node| Input::Outer(*node, index())).collect();
    float_node("elementwise", shape, Kind::Map { inputs, code })
}

/// f(x) for a [70, 100] tensor.
pub fn elementwise(code: Code) -> World {
    let nodes = vec![source("x", DType::F32, &[70, 100]), elementwise_node(code, &[70, 100], &[0])];
    world(nodes, vec![values(6, 7000)])
}

/// Rows of a table by integers; some ids lie beyond the table and read 0.
pub fn gather() -> World {
    let mut random = Random(10);
    let ids = Tensor::integers((0..40).map(|_| random.below(60) as u32).collect());
    let inputs = vec![Input::Outer(1, element(0, coord(0)).times(20) + coord(1))];
    let nodes = vec![
        source("ids", DType::U32, &[40]),
        source("table", DType::F32, &[50, 20]),
        float_node("gather", &[40, 20], Kind::Map { inputs, code: copy() }),
    ];
    world(nodes, vec![ids, values(7, 1000)])
}

/// xᵀ with the element's own flat index, divided and taken modulo, mixed in; the step too.
pub fn transpose_with_indices() -> World {
    let code = {
        let mut recorder = Recorder::new();
        let x = recorder.input_f();
        let place = recorder.input_u();
        let place = recorder.from_int(place);
        let sum = recorder.add(x, place);
        recorder.finish(sum).expect("two operations")
    };
    let flat = coord(0).times(70) + coord(1);
    let place = flat.clone().div(9).times(5)
        + flat.modulo(9)
        + Index::from(samebit_graph::index::Atom::Step).times(1000);
    let inputs = vec![Input::Outer(0, coord(1).times(100) + coord(0)), Input::Value(place)];
    let node = float_node("transpose", &[100, 70], Kind::Map { inputs, code });
    world(vec![source("x", DType::F32, &[70, 100]), node], vec![values(8, 7000)])
}

/// One causal head over `t` tokens with head size `d`: q, k [t, d], v transposed [d, t], output [t, d], a row a query.
pub fn attention(numerics: Numerics, t: u64, d: u64) -> World {
    let causal = || Some(Predicate { left: fold(), relation: Relation::LessOrEqual, right: row() });
    let scaled = {
        let mut recorder = Recorder::new();
        let x = recorder.input_f();
        let scale = recorder.constant((1.0 / (d as f32).sqrt()).to_bits());
        let result = recorder.mul(x, scale);
        recorder.finish(result).expect("one operation")
    };
    let two = |body: fn(&mut Recorder, samebit_num::RegF, samebit_num::RegF) -> samebit_num::RegF| {
        let mut recorder = Recorder::new();
        let (x, y) = (recorder.input_f(), recorder.input_f());
        let result = body(&mut recorder, x, y);
        recorder.finish(result).expect("a short program")
    };
    let exp_of_difference = two(|arith, s, m| {
        let difference = arith.sub(s, m);
        functions::exp_nonpositive(arith, difference)
    });
    let quotient = two(|arith, u, l| arith.div(u, l));
    let dot = vec![Input::Outer(0, row().times(d) + fold()), Input::Outer(1, coord(0).times(d) + fold())];
    let weighted = vec![Input::Body(3, fold()), Input::Outer(2, coord(0).times(t) + fold())];
    let at = |node: u32, index: Index| Input::Body(node, index);
    let body = vec![
        float_node("dot", &[t], fold_of(FoldKind::Product(numerics), d, None, dot, factors())),
        float_node("s", &[t], Kind::Map { inputs: vec![at(0, coord(0))], code: scaled }),
        float_node("m", &[1], fold_of(FoldKind::Max, t, causal(), vec![at(1, fold())], copy())),
        float_node(
            "e",
            &[t],
            Kind::Map { inputs: vec![at(1, coord(0)), at(2, Index::default())], code: exp_of_difference },
        ),
        float_node("l", &[1], fold_of(FoldKind::Sum, t, causal(), vec![at(3, fold())], copy())),
        float_node("u", &[d], fold_of(FoldKind::Product(numerics), t, causal(), weighted, factors())),
        float_node(
            "o",
            &[d],
            Kind::Map { inputs: vec![at(5, coord(0)), at(4, Index::default())], code: quotient },
        ),
    ];
    let nodes = vec![
        source("q", DType::F32, &[t, d]),
        source("k", DType::F32, &[t, d]),
        source("v_transposed", DType::F32, &[d, t]),
        float_node("attention", &[t, d], Kind::Composite { row_length: d, body }),
    ];
    world(nodes, vec![values(20, t * d), values(21, t * d), values(22, t * d)])
}
