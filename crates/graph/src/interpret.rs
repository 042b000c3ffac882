//! The reference interpreter: what a node's elements are, one at a time, in the order of the specification.
//!
//! **This is the living definition of docs/spec/program.md §2 and §3: no intrinsics, no threads, no fusion, no shortcut.**
//! Whatever computes a program fast is judged against it bit for bit.
//!
//! The traversal is generic over the [`Machine`], which gives values and arithmetic their meaning: [`Bits`] runs the bytecode on
//! a machine of `samebit-num` ([`samebit_num::Soft`] is the authority), and tests run the same bytecode in float64 to judge
//! gradients.

use crate::index::{Index, Point, coords_of};
use crate::limits::BLOCK;
use crate::node::{Fold, FoldKind, Input, Kind, Node, NodeId, Predicate};
use crate::program::Program;
use samebit_num::{Arith, Code, fold, run};

/// What the elements of tensors are, and the arithmetic on them.
pub trait Machine {
    /// An element.
    type Value: Copy;

    /// An integer as an element.
    fn value(&mut self, integer: u32) -> Self::Value;
    /// The integer that an element of an integer tensor is.
    fn integer(&self, value: Self::Value) -> u32;
    /// The result of a scalar program.
    fn run(&mut self, code: &Code, inputs: &[Self::Value]) -> Self::Value;
    /// The running total before the first block.
    fn start(&mut self, kind: FoldKind) -> Self::Value;
    /// The total after a block of terms, or of pairs of factors; `None` is a term whose predicate is false.
    fn block(
        &mut self,
        kind: FoldKind,
        total: Self::Value,
        terms: &[Option<Term<Self::Value>>],
    ) -> Self::Value;
}

/// A term of a fold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term<V> {
    /// The factors of a product.
    Factors(V, V),
    /// The term of a sum or maximum.
    Value(V),
}

/// Words, with the arithmetic of a scalar machine of `samebit-num`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bits<A>(pub A);

impl<A: Arith<U = u32, M = bool>> Machine for Bits<A> {
    type Value = u32;

    fn value(&mut self, integer: u32) -> u32 {
        integer
    }

    fn integer(&self, value: u32) -> u32 {
        value
    }

    fn run(&mut self, code: &Code, inputs: &[u32]) -> u32 {
        run(code, inputs, &mut self.0)
    }

    fn start(&mut self, kind: FoldKind) -> u32 {
        let start = fold_kind(kind).start(&mut self.0);
        self.0.bits(start)
    }

    fn block(&mut self, kind: FoldKind, total: u32, terms: &[Option<Term<u32>>]) -> u32 {
        let arith = &mut self.0;
        let total = arith.float(total);
        let block = match kind {
            FoldKind::Product(numerics) => {
                let factors: Vec<_> =
                    terms.iter().map(|term| term.map(|term| factors(arith, term))).collect();
                numerics.block(arith, factors)
            }
            FoldKind::Sum | FoldKind::Max => {
                let values: Vec<_> = terms.iter().map(|term| term.map(|term| single(arith, term))).collect();
                if kind == FoldKind::Sum {
                    fold::sum_block(arith, values)
                } else {
                    fold::maximum_block(arith, values)
                }
            }
        };
        let next = fold_kind(kind).join(arith, total, block);
        arith.bits(next)
    }
}

fn fold_kind(kind: FoldKind) -> fold::Kind {
    match kind {
        FoldKind::Product(_) => fold::Kind::Product,
        FoldKind::Sum => fold::Kind::Sum,
        FoldKind::Max => fold::Kind::Maximum,
    }
}

fn factors<A: Arith<U = u32>>(arith: &mut A, term: Term<u32>) -> (A::F, A::F) {
    let Term::Factors(a, b) = term else { unreachable!("a product's terms are factors") };
    (arith.float(a), arith.float(b))
}

fn single<A: Arith<U = u32>>(arith: &mut A, term: Term<u32>) -> A::F {
    let Term::Value(value) = term else { unreachable!("a sum's terms are values") };
    arith.float(value)
}

/// The elements of a program's nodes that a node may read.
pub trait Source<V> {
    /// Element `at` of node `node`; `None` beyond the tensor's end.
    fn element(&self, node: NodeId, at: u64) -> Option<V>;
}

/// Every node's output, by id.
impl<V: Copy> Source<V> for Vec<Vec<V>> {
    fn element(&self, node: NodeId, at: u64) -> Option<V> {
        self[node as usize].get(usize::try_from(at).ok()?).copied()
    }
}

/// No nodes at all: the body of a frame outside any body.
impl<V> Source<V> for () {
    fn element(&self, _: NodeId, _: u64) -> Option<V> {
        None
    }
}

/// Where a node is evaluated: what it reads, and the numbers that its index maps may mention.
#[derive(Clone, Copy)]
pub struct Frame<'a, V> {
    /// The outer nodes.
    pub outer: &'a dyn Source<V>,
    /// The outputs of the body's earlier nodes; none outside a body.
    pub body: &'a dyn Source<V>,
    /// The row of a composite; 0 outside a body.
    pub row: u64,
    /// The step's number.
    pub step: u64,
}

impl<'a, V: Copy> Frame<'a, V> {
    /// A frame outside any body.
    pub fn new(outer: &'a dyn Source<V>, step: u64) -> Self {
        Frame { outer, body: &(), row: 0, step }
    }

    /// Where index maps are evaluated in this frame: at output coordinates `coords` and fold index `fold`.
    pub fn point<'b>(&self, coords: &'b [u64], fold: u64) -> Point<'b> {
        Point { coords, fold, row: self.row, step: self.step }
    }

    /// The value of an index map.
    pub fn index<M: Machine<Value = V>>(&self, machine: &M, index: &Index, at: &Point<'_>) -> u64 {
        index.eval(at, &|node, place| {
            self.outer.element(node, place).map_or(0, |value| machine.integer(value))
        })
    }

    /// What an input gives; the word 0 beyond the end of its tensor.
    pub fn input<M: Machine<Value = V>>(&self, machine: &mut M, input: &Input, at: &Point<'_>) -> V {
        let index = self.index(machine, input.index(), at);
        let found = match input {
            Input::Outer(node, _) => self.outer.element(*node, index),
            Input::Body(node, _) => self.body.element(*node, index),
            Input::Value(_) => return machine.value(index as u32),
        };
        found.unwrap_or_else(|| machine.value(0))
    }

    /// Whether a predicate holds.
    pub fn holds<M: Machine<Value = V>>(&self, machine: &M, predicate: &Predicate, at: &Point<'_>) -> bool {
        let left = self.index(machine, &predicate.left, at);
        predicate.relation.holds(left, self.index(machine, &predicate.right, at))
    }
}

/// Element `flat` of a map, fold or composite.
///
/// # Panics
/// If the node is a state or a table: its elements are given, not computed.
pub fn element<M: Machine>(machine: &mut M, node: &Node, flat: u64, frame: Frame<'_, M::Value>) -> M::Value {
    let mut coords = Vec::new();
    coords_of(flat, &node.shape, &mut coords);
    match &node.kind {
        Kind::State(_) | Kind::Table(_) => panic!("the elements of a {} are given", node.op),
        Kind::Map { inputs, code } => {
            let at = frame.point(&coords, 0);
            let values: Vec<_> = inputs.iter().map(|input| frame.input(machine, input, &at)).collect();
            machine.run(code, &values)
        }
        Kind::Fold(fold) => match totals_at(machine, fold, &coords, frame).last() {
            Some(total) => *total,
            None => machine.start(fold.kind),
        },
        Kind::Composite { row_length, body } => {
            let outputs = row(machine, body, flat / row_length, frame.outer, frame.step);
            outputs[body.len() - 1][(flat % row_length) as usize]
        }
    }
}

/// The running totals of element `flat` of a fold: total 1 … ⌈extent/256⌉. The last is the element.
///
/// # Panics
/// If the node is no fold.
pub fn totals<M: Machine>(
    machine: &mut M,
    node: &Node,
    flat: u64,
    frame: Frame<'_, M::Value>,
) -> Vec<M::Value> {
    let Kind::Fold(fold) = &node.kind else { panic!("a {} has no running totals", node.op) };
    let mut coords = Vec::new();
    coords_of(flat, &node.shape, &mut coords);
    totals_at(machine, fold, &coords, frame)
}

fn totals_at<M: Machine>(
    machine: &mut M,
    fold: &Fold,
    coords: &[u64],
    frame: Frame<'_, M::Value>,
) -> Vec<M::Value> {
    let mut total = machine.start(fold.kind);
    let blocks = (0..fold.extent.div_ceil(BLOCK)).map(|number| {
        total = block_at(machine, fold, coords, number, total, frame);
        total
    });
    blocks.collect()
}

/// Total `number` + 1 of element `flat` of a fold, from `total`, the one before it (not looked at for block 0): the piece of
/// arithmetic that a referee redoes.
///
/// # Panics
/// If the node is no fold.
pub fn block<M: Machine>(
    machine: &mut M,
    node: &Node,
    flat: u64,
    number: u64,
    total: M::Value,
    frame: Frame<'_, M::Value>,
) -> M::Value {
    let Kind::Fold(fold) = &node.kind else { panic!("a {} has no blocks", node.op) };
    let mut coords = Vec::new();
    coords_of(flat, &node.shape, &mut coords);
    let before = if number == 0 { machine.start(fold.kind) } else { total };
    block_at(machine, fold, &coords, number, before, frame)
}

fn block_at<M: Machine>(
    machine: &mut M,
    fold: &Fold,
    coords: &[u64],
    number: u64,
    total: M::Value,
    frame: Frame<'_, M::Value>,
) -> M::Value {
    let last = fold.extent.min((number + 1) * BLOCK);
    let terms: Vec<_> = (number * BLOCK..last).map(|k| term(machine, fold, coords, k, frame)).collect();
    machine.block(fold.kind, total, &terms)
}

fn term<M: Machine>(
    machine: &mut M,
    fold: &Fold,
    coords: &[u64],
    k: u64,
    frame: Frame<'_, M::Value>,
) -> Option<Term<M::Value>> {
    let at = frame.point(coords, k);
    if fold.predicate.as_ref().is_some_and(|predicate| !frame.holds(machine, predicate, &at)) {
        return None;
    }
    let values: Vec<_> = fold.inputs.iter().map(|input| frame.input(machine, input, &at)).collect();
    Some(match fold.kind {
        FoldKind::Product(_) => Term::Factors(values[0], values[1]),
        FoldKind::Sum | FoldKind::Max => Term::Value(machine.run(&fold.code, &values)),
    })
}

/// The outputs of every node of a composite's body for one row; the last is the row itself.
pub fn row<M: Machine>(
    machine: &mut M,
    body: &[Node],
    row: u64,
    outer: &dyn Source<M::Value>,
    step: u64,
) -> Vec<Vec<M::Value>> {
    let mut outputs: Vec<Vec<M::Value>> = Vec::with_capacity(body.len());
    for node in body {
        let frame = Frame { outer, body: &outputs, row, step };
        let output = (0..node.len()).map(|flat| element(machine, node, flat, frame)).collect();
        outputs.push(output);
    }
    outputs
}

/// Every element of a map, fold or composite.
pub fn node<M: Machine>(
    machine: &mut M,
    node: &Node,
    outer: &dyn Source<M::Value>,
    step: u64,
) -> Vec<M::Value> {
    if let Kind::Composite { row_length, body } = &node.kind {
        let rows = 0..node.len() / row_length;
        return rows.flat_map(|at| row(machine, body, at, outer, step).pop().unwrap_or_default()).collect();
    }
    let frame = Frame::new(outer, step);
    (0..node.len()).map(|flat| element(machine, node, flat, frame)).collect()
}

/// The outputs of all nodes of a step, for programs small enough to keep them.
///
/// # Panics
/// If there is not one tensor of the declared size for each state and table.
pub fn run_step<M: Machine>(
    machine: &mut M,
    program: &Program,
    states: &[Vec<M::Value>],
    tables: &[Vec<M::Value>],
    step: u64,
) -> Vec<Vec<M::Value>> {
    let given = states.len() == program.states.len() && tables.len() == program.tables.len();
    assert!(given, "a tensor for each state and table");
    let mut outputs: Vec<Vec<M::Value>> = Vec::with_capacity(program.nodes.len());
    for next in &program.nodes {
        let output = match next.kind {
            Kind::State(position) => states[position as usize].clone(),
            Kind::Table(position) => tables[position as usize].clone(),
            _ => node(machine, next, &outputs, step),
        };
        assert_eq!(output.len() as u64, next.len(), "{}: a tensor of the declared size", next.op);
        outputs.push(output);
    }
    outputs
}

/// The states after a step, from the outputs of all its nodes.
pub fn next_states<V: Clone>(program: &Program, outputs: &[Vec<V>]) -> Vec<Vec<V>> {
    program.sinks.iter().map(|sink| outputs[*sink as usize].clone()).collect()
}
