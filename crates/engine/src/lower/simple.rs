//! One node, one kernel: the shapes of fold that have kernels of their own, and permutations.

use super::access::{Affine, affine, permutation, through_permutations};
use samebit_graph::index::{Atom, Index, coord, element, fold};
use samebit_graph::node::{Fold, FoldKind, Input, Kind, Node, NodeId, Relation};
use samebit_num::fold::Numerics;
use samebit_ops::Kernel;
use samebit_ops::permute::PermuteKernel;
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::total::TotalKernel;

const ONE: u32 = 0x3f80_0000;

/// A kernel for one node, with the nodes that it reads, in the kernel's order of operands.
#[derive(Clone, Debug, PartialEq)]
pub struct Simple {
    /// The kernel for the whole tensor.
    pub kernel: Kernel,
    /// What it reads.
    pub inputs: Vec<NodeId>,
}

/// The kernel for a node, if one fits it. `may` says which nodes may be looked through: permutations, constants.
pub fn simple(nodes: &[Node], id: NodeId, may: &dyn Fn(NodeId) -> bool) -> Option<Simple> {
    let node = &nodes[id as usize];
    let found = match &node.kind {
        Kind::Map { .. } => permute(node),
        Kind::Fold(fold) => match fold.kind {
            FoldKind::Product(numerics) if fold.predicate.is_none() => {
                product(nodes, node, fold, numerics, may)
            }
            FoldKind::Sum => scatter(nodes, node, fold, may).or_else(|| total(nodes, node, fold)),
            _ => None,
        },
        _ => None,
    };
    // A read beyond the end is the word 0 by definition, which no kernel here knows.
    found.filter(|simple| reads_inside(nodes, simple))
}

/// Whether a kernel reads only elements that its operands have.
fn reads_inside(nodes: &[Node], simple: &Simple) -> bool {
    let len = |input: usize| nodes[simple.inputs[input] as usize].len();
    let last = |extents: &[(usize, usize)]| -> u64 {
        extents.iter().map(|(extent, stride)| (*extent as u64 - 1).saturating_mul(*stride as u64)).sum()
    };
    let layout = |layout: &Layout, rows: usize, terms: usize| {
        layout.offset as u64 + last(&[(rows, layout.row_stride), (terms, layout.k_stride)])
    };
    match &simple.kernel {
        Kernel::Product(p) => layout(&p.a, p.m, p.k) < len(0) && layout(&p.b, p.n, p.k) < len(1),
        Kernel::ColumnProduct(c) => {
            (0..simple.inputs.len()).all(|input| len(input) == c.rows as u64 * c.columns as u64)
        }
        Kernel::Scatter(s) => len(0) == s.rows as u64 && len(1) == s.rows as u64 * s.columns as u64,
        Kernel::Permute(p) => {
            last(&p.shape.iter().copied().zip(p.strides.iter().copied()).collect::<Vec<_>>()) < len(0)
        }
        _ => true,
    }
}

fn permute(node: &Node) -> Option<Simple> {
    let (source, strides) = permutation(node)?;
    let shape = node.shape.iter().map(|extent| *extent as usize).collect();
    let strides = strides.into_iter().map(|stride| stride as usize).collect();
    Some(Simple { kernel: Kernel::Permute(PermuteKernel { shape, strides }), inputs: vec![source] })
}

fn product(
    nodes: &[Node],
    node: &Node,
    fold: &Fold,
    numerics: Numerics,
    may: &dyn Fn(NodeId) -> bool,
) -> Option<Simple> {
    let read = |input| {
        let read = affine(input, node.shape.len())?;
        Some(through_permutations(nodes, read, &node.shape, fold.extent, may))
    };
    let (a, b) = (read(&fold.inputs[0])?, read(&fold.inputs[1])?);
    let columns =
        (numerics == Numerics::F32).then(|| column_product(nodes, node, fold.extent, [&a, &b], may));
    columns.flatten().or_else(|| matrix_product(node, fold.extent, numerics, &a, &b))
}

/// Output dimensions up to some point belong to a alone, the others to b alone.
fn matrix_product(node: &Node, extent: u64, numerics: Numerics, a: &Affine, b: &Affine) -> Option<Simple> {
    let shape = &node.shape;
    let cut = a.coords.iter().rposition(|stride| *stride > 0).map_or(0, |last| last + 1);
    if b.coords[..cut].iter().any(|stride| *stride > 0) || a.fold == 0 || b.fold == 0 {
        return None;
    }
    let (m, a_stride) = collapse(&shape[..cut], &a.coords[..cut])?;
    let (n, b_stride) = collapse(&shape[cut..], &b.coords[cut..])?;
    let layout = |read: &Affine, row_stride: u64| Layout {
        offset: read.constant as usize,
        row_stride: row_stride as usize,
        k_stride: read.fold as usize,
    };
    let kernel = Kernel::Product(ProductKernel {
        numerics,
        m: m as usize,
        n: n as usize,
        k: extent as usize,
        a: layout(a, a_stride),
        b: layout(b, b_stride),
        accumulate: false,
    });
    Some(Simple { kernel, inputs: vec![a.node, b.node] })
}

/// Several dimensions as one: its extent and stride.
fn collapse(shape: &[u64], strides: &[u64]) -> Option<(u64, u64)> {
    let mut extent = 1;
    let mut unit = 0;
    for (size, stride) in shape.iter().zip(strides).rev().filter(|(size, _)| **size > 1) {
        if extent == 1 {
            unit = *stride;
        } else if *stride != unit * extent {
            return None;
        }
        extent *= size;
    }
    Some((extent, unit))
}

/// Both factors are columns of matrices stored [K, C], or one is and the other is 1.
fn column_product(
    nodes: &[Node],
    node: &Node,
    extent: u64,
    [a, b]: [&Affine; 2],
    may: &dyn Fn(NodeId) -> bool,
) -> Option<Simple> {
    let (columns, 1) = (node.len(), node.shape.len()) else { return None };
    let is_column = |read: &Affine| read.constant == 0 && read.coords[0] == 1 && read.fold == columns;
    let is_one = |read: &Affine| may(read.node) && is_one(nodes, read);
    let inputs = match (is_column(a), is_column(b)) {
        (true, true) => vec![a.node, b.node],
        (true, false) if is_one(b) => vec![a.node],
        (false, true) if is_one(a) => vec![b.node],
        _ => return None,
    };
    let kernel = Kernel::ColumnProduct(ColumnProductKernel {
        rows: extent as usize,
        columns: columns as usize,
        pair: inputs.len() == 2,
        accumulate: false,
    });
    Some(Simple { kernel, inputs })
}

fn is_one(nodes: &[Node], read: &Affine) -> bool {
    let node = &nodes[read.node as usize];
    let one = match &node.kind {
        Kind::Map { inputs, code } => {
            let constant =
                code.instrs().last().is_some_and(|last| last.op == samebit_num::Op::Const && last.imm == ONE);
            inputs.is_empty() && constant
        }
        _ => false,
    };
    one && read.constant + read.fold + read.coords.iter().sum::<u64>() == 0
}

fn scatter(nodes: &[Node], node: &Node, fold: &Fold, may: &dyn Fn(NodeId) -> bool) -> Option<Simple> {
    let [count, columns] = node.shape[..] else { return None };
    let keys = scatter_keys(fold)?;
    let [input] = fold.inputs.as_slice() else { return None };
    let read = affine(input, 2)?;
    let read = through_permutations(nodes, read, &node.shape, fold.extent, may);
    let by_rows = read.constant == 0 && read.coords == [0, 1] && read.fold == columns;
    if !by_rows || !fold.code.instrs().is_empty() || nodes[keys as usize].len() != fold.extent {
        return None;
    }
    let kernel = Kernel::Scatter(ScatterKernel {
        rows: fold.extent as usize,
        columns: columns as usize,
        count: count as usize,
        accumulate: false,
    });
    Some(Simple { kernel, inputs: vec![keys, read.node] })
}

/// The node of keys of the predicate keys[k] = coord(0).
fn scatter_keys(node: &Fold) -> Option<NodeId> {
    let predicate = node.predicate.as_ref()?;
    let side = if predicate.left == coord(0) { &predicate.right } else { &predicate.left };
    let keys = match side.terms.as_slice() {
        [(1, Atom::Element(keys, _))] => *keys,
        _ => return None,
    };
    let wanted: Index = element(keys, fold());
    let matches = (predicate.left == wanted && predicate.right == coord(0))
        || (predicate.right == wanted && predicate.left == coord(0));
    (predicate.relation == Relation::Equal && matches).then_some(keys)
}

fn total(nodes: &[Node], node: &Node, fold: &Fold) -> Option<Simple> {
    let [Input::Outer(source, index)] = fold.inputs.as_slice() else { return None };
    let whole = *index == samebit_graph::index::fold() && nodes[*source as usize].len() == fold.extent;
    if node.len() != 1 || fold.predicate.is_some() || !whole {
        return None;
    }
    let kernel = Kernel::Total(TotalKernel { len: fold.extent as usize, code: fold.code.clone() });
    Some(Simple { kernel, inputs: vec![*source] })
}
