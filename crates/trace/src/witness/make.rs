//! Making a witness: the piece is computed once, and what it read is opened.

use super::{Place, TensorOpening, Witness};
use crate::TraceError;
use crate::element::{Body, Element, Held, Inside, Piece};
use samebit_commit::{BatchOpening, Digest, Tree, steps, tensor};
use samebit_graph::interpret::{Bits, Frame, Source, block as fold_block, element as map_element};
use samebit_graph::limits::BLOCK;
use samebit_graph::node::{DType, Input, Kind, Node, NodeId};
use samebit_num::Soft;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The witness of a piece of an element; see [`Element::witness`].
pub(crate) fn make(
    element: &Element,
    inside: Option<Inside>,
    block: u64,
) -> Result<(Place, Witness), TraceError> {
    let piece = element.piece(inside).filter(|piece| block < blocks(piece.node));
    let piece = piece.ok_or(TraceError::NoPiece { node: element.node, inside, block })?;
    let total = match block {
        0 => 0,
        _ => element.totals_words(inside).expect("only a fold has many blocks")[block as usize - 1],
    };
    let row = element.row_words().unwrap_or_default();
    let [outer_read, body_read] = read(element, piece, row, block);
    let program = &element.program;
    let outer_of = |node: NodeId| (program.nodes[node as usize].dtype, &element.words[&node][..]);
    let body = element.composite().map_or(&[][..], |(body, ..)| body);
    let body_of = |node: NodeId| (body[node as usize].dtype, &row[node as usize][..]);
    let row_roots: Vec<Digest> =
        body.iter().zip(row).map(|(node, words)| tensor::root_of(node.dtype, words)).collect();
    let tree = program.node_tree();
    let held = &program.nodes[element.node as usize];
    let other_types = held.reads().into_iter().filter(|node| !outer_read.contains_key(node));
    let place = Place {
        nodes: tree.root(),
        trace: steps::trace_root(&element.trace),
        row_trace: steps::trace_root(&row_roots),
        node_count: tree.count(),
        step: element.step,
        node: element.node,
        body_node: inside.map_or(0, |inside| inside.node),
        row: piece.row,
        element: piece.element,
        block,
        total,
    };
    let witness = Witness {
        node: held.to_bytes(),
        node_opening: tree.open(element.node.into()).expect("the node is in the program"),
        other_types: other_types.map(|node| (node, program.nodes[node as usize].dtype)).collect(),
        outer_opening: open_list(&element.trace, &outer_read),
        outer: open_tensors(&outer_read, outer_of),
        body_opening: open_list(&row_roots, &body_read),
        body: open_tensors(&body_read, body_of),
    };
    Ok((place, witness))
}

/// The number of pieces of an element.
fn blocks(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => fold.extent.div_ceil(BLOCK),
        _ => 1,
    }
}

/// Pages read, by node.
type Pages = BTreeMap<NodeId, BTreeSet<u64>>;

/// Notes which pages are read. Where the end of a tensor is, any page shows.
struct Noting<'a> {
    source: &'a dyn Source<u32>,
    pages: RefCell<Pages>,
}

impl<'a> Noting<'a> {
    fn new(source: &'a dyn Source<u32>) -> Self {
        Noting { source, pages: RefCell::default() }
    }
}

impl Source<u32> for Noting<'_> {
    fn element(&self, node: NodeId, at: u64) -> Option<u32> {
        let word = self.source.element(node, at);
        let page = if word.is_some() { at / tensor::PAGE_WORDS as u64 } else { 0 };
        self.pages.borrow_mut().entry(node).or_default().insert(page);
        word
    }
}

/// The pages that the piece reads, of the outer nodes and of the body. Every tensor that is an input is among them, even if the predicate cuts
/// all terms.
fn read(element: &Element, piece: Piece<'_>, row: &[Vec<u32>], block: u64) -> [Pages; 2] {
    let (held, body) = (Held(&element.words), Body(row));
    let (outer, body) = (Noting::new(&held), Noting::new(&body));
    let frame = Frame { outer: &outer, body: &body, row: piece.row, step: element.step };
    match &piece.node.kind {
        // What is read does not depend on the total.
        Kind::Fold(_) => drop(fold_block(&mut Bits(Soft), piece.node, piece.element, block, 0, frame)),
        _ => drop(map_element(&mut Bits(Soft), piece.node, piece.element, frame)),
    }
    let mut pages = [outer.pages.into_inner(), body.pages.into_inner()];
    for input in piece.node.inputs() {
        let (scope, node) = match input {
            Input::Outer(node, _) => (0, node),
            Input::Body(node, _) => (1, node),
            Input::Value(_) => continue,
        };
        pages[scope].entry(*node).or_insert_with(|| BTreeSet::from([0]));
    }
    pages
}

fn open_list(roots: &[Digest], read: &Pages) -> BatchOpening {
    if read.is_empty() {
        return BatchOpening { siblings: Vec::new() };
    }
    let nodes: Vec<u64> = read.keys().map(|node| u64::from(*node)).collect();
    Tree::new(roots.to_vec()).open_batch(&nodes).expect("nodes in order, inside the list")
}

fn open_tensors<'a>(read: &Pages, of: impl Fn(NodeId) -> (DType, &'a [u32])) -> Vec<TensorOpening> {
    let open = |(node, pages): (&NodeId, &BTreeSet<u64>)| {
        let (dtype, words) = of(*node);
        let pages: Vec<u64> = pages.iter().copied().collect();
        let tree = Tree::new(tensor::page_digests(words));
        let opening = tree.open_batch(&pages).expect("pages in order, inside the tensor");
        let count = words.len() as u64;
        let page = |page: &u64| {
            let start = *page as usize * tensor::PAGE_WORDS;
            &words[start..start + tensor::page_length(count, *page)]
        };
        let words = pages.iter().flat_map(page).copied().collect();
        TensorOpening { node: *node, dtype, count, pages, words, opening }
    };
    read.iter().map(open).collect()
}
