//! Affine reads, and looking through transposes: a kernel reads the tensor that lies in memory, in the order that the node asks for.

use samebit_graph::index::{Atom, Index};
use samebit_graph::node::{Input, Kind, Node, NodeId};

/// A read whose flat index is `constant + Σ coords[d] · coord(d) + fold · k`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affine {
    /// The node that is read.
    pub node: NodeId,
    /// The flat index at the origin.
    pub constant: u64,
    /// Stride of each output coordinate.
    pub coords: Vec<u64>,
    /// Stride of the fold index.
    pub fold: u64,
}

/// The input as an affine read of an outer node by a node of `dimensions` dimensions.
pub fn affine(input: &Input, dimensions: usize) -> Option<Affine> {
    let Input::Outer(node, index) = input else { return None };
    let (coords, fold) = strides(index, dimensions)?;
    Some(Affine { node: *node, constant: index.constant, coords, fold })
}

fn strides(index: &Index, dimensions: usize) -> Option<(Vec<u64>, u64)> {
    let only_loops = index.terms.iter().all(|(_, atom)| matches!(atom, Atom::Coord(_) | Atom::Fold));
    only_loops.then(|| {
        let coords = (0..dimensions).map(|d| index.coefficient(&Atom::Coord(d as u8))).collect();
        (coords, index.coefficient(&Atom::Fold))
    })
}

/// Whether the node only copies the elements of another, in another order: its source and the stride of each of its dimensions in it.
pub fn permutation(node: &Node) -> Option<(NodeId, Vec<u64>)> {
    let Kind::Map { inputs, code } = &node.kind else { return None };
    if !code.instrs().is_empty() || inputs.len() != 1 {
        return None;
    }
    let read = affine(&inputs[0], node.shape.len())?;
    (read.constant == 0 && read.fold == 0).then_some((read.node, read.coords))
}

/// Replaces a read of a permuting node by the same read of its source, as often as `may` allows and the shapes match.
///
/// `coord_extents` and `fold_extent` are the ranges of the reader's loops.
pub fn through_permutations(
    nodes: &[Node],
    mut read: Affine,
    coord_extents: &[u64],
    fold_extent: u64,
    may: &dyn Fn(NodeId) -> bool,
) -> Affine {
    while may(read.node) {
        let Some(source) = step_through(nodes, &read, coord_extents, fold_extent) else { break };
        read = source;
    }
    read
}

fn step_through(nodes: &[Node], read: &Affine, coord_extents: &[u64], fold_extent: u64) -> Option<Affine> {
    let node = &nodes[read.node as usize];
    let (source, source_strides) = permutation(node)?;
    // A permutation that reads beyond the end of its source holds zeros there, which the source has not.
    let reach: u64 =
        node.shape.iter().zip(&source_strides).map(|(extent, stride)| (extent - 1) * stride).sum();
    if read.constant != 0 || reach >= nodes[source as usize].len() {
        return None;
    }
    let mut through = Affine { node: source, constant: 0, coords: vec![0; read.coords.len()], fold: 0 };
    let mut stride = node.len();
    let mut matched = 0;
    for (extent, source_stride) in node.shape.iter().zip(source_strides) {
        stride /= extent;
        if *extent == 1 {
            continue;
        }
        let dimension =
            (0..read.coords.len()).find(|&d| read.coords[d] == stride && coord_extents[d] <= *extent);
        if read.fold == stride && fold_extent <= *extent {
            through.fold = source_stride;
        } else {
            through.coords[dimension?] = source_stride;
        }
        matched += 1;
    }
    let loops = read.coords.iter().filter(|stride| **stride > 0).count() + usize::from(read.fold > 0);
    (matched >= loops).then_some(through)
}
