//! The reference side of a leaf: a node evaluated by its definition, what it read, and the witness that opens that.

#![allow(dead_code)]

use super::Random;
use alloy_primitives::B256;
use samebit_commit::merkle::list_root;
use samebit_commit::{BatchOpening, Digest, OpeningError, Tag, Tree, hash, tensor};
use samebit_graph::index::{Point, coords_of};
use samebit_graph::node::{DType, Fold, FoldKind, Input, Kind, Node};
use samebit_num::{Arith, Binary32, Soft, fold, run};
use samebit_referee::{Place, TensorOpening, Witness};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A tensor: all its words, or only a size, with words made up page by page.
pub enum Tensor {
    Real { dtype: DType, words: Vec<u32> },
    Synthetic { dtype: DType, count: u64, seed: u64 },
}

impl Tensor {
    pub fn floats(words: Vec<u32>) -> Self {
        Tensor::Real { dtype: DType::F32, words }
    }

    pub fn integers(words: Vec<u32>) -> Self {
        Tensor::Real { dtype: DType::U32, words }
    }

    fn dtype(&self) -> DType {
        match self {
            Tensor::Real { dtype, .. } | Tensor::Synthetic { dtype, .. } => *dtype,
        }
    }

    fn count(&self) -> u64 {
        match self {
            Tensor::Real { words, .. } => words.len() as u64,
            Tensor::Synthetic { count, .. } => *count,
        }
    }

    fn page(&self, page: u64) -> Vec<u32> {
        let length = tensor::page_length(self.count(), page);
        match self {
            Tensor::Real { words, .. } => words[page as usize * 256..][..length].to_vec(),
            Tensor::Synthetic { seed, .. } => {
                let mut random = Random(seed ^ page.wrapping_mul(0x1000_0001));
                // No byte of a float is zero: the dearest calldata. Integers stay small enough to be indices.
                let word = |random: &mut Random| match self.dtype() {
                    DType::F32 => random.value() | 0x0001_0101,
                    DType::U32 => 0x0101_0101 + random.below(4) as u32,
                };
                (0..length).map(|_| word(&mut random)).collect()
            }
        }
    }

    fn word(&self, index: u64) -> u32 {
        if index < self.count() { self.page(index / 256)[(index % 256) as usize] } else { 0 }
    }

    fn root(&self) -> Digest {
        match self {
            Tensor::Real { dtype, words } => tensor::root_of(*dtype, words),
            Tensor::Synthetic { .. } => panic!("a made-up tensor has no root of its own"),
        }
    }

    /// The opening of these pages and the tensor's root.
    fn open(&self, node: u32, pages: &BTreeSet<u64>) -> (TensorOpening, Digest) {
        let words: Vec<Vec<u32>> = pages.iter().map(|&page| self.page(page)).collect();
        let leaves: Vec<_> =
            pages.iter().zip(&words).map(|(&page, words)| (page, tensor::page_digest(words))).collect();
        let tree = match self {
            Tensor::Real { words, .. } => Some(Tree::new(tensor::page_digests(words))),
            Tensor::Synthetic { .. } => None,
        };
        let (top, siblings) = open_tree(tree, tensor::page_count(self.count()), &leaves);
        let opening = TensorOpening {
            node,
            dtype: self.dtype() as u8,
            count: self.count(),
            pages: pages.iter().copied().collect(),
            words: words.iter().flatten().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().into(),
            siblings,
        };
        (opening, tensor::root(self.dtype(), self.count(), top))
    }
}

/// The top over `leaves` and their siblings: those of the tree, or made up for a tree of `count` leaves.
fn open_tree(tree: Option<Tree>, count: u64, leaves: &[(u64, Digest)]) -> (Digest, Vec<B256>) {
    let opening = match &tree {
        Some(tree) => {
            tree.open_batch(&leaves.iter().map(|(index, _)| *index).collect::<Vec<_>>()).expect("in order")
        }
        None => {
            let none = BatchOpening { siblings: Vec::new() };
            let needed = match none.top(count, leaves) {
                Err(OpeningError::Siblings { expected, .. }) => expected,
                other => other.map(|_| 0).expect("leaves in order"),
            };
            let sibling = |i: usize| hash(Tag::Page, &[&(i as u64).to_be_bytes()]);
            BatchOpening { siblings: (0..needed).map(sibling).collect() }
        }
    };
    let top = opening.top(count, leaves).expect("the siblings fit");
    (top, opening.siblings.iter().map(|digest| B256::from(digest.0)).collect())
}

/// A program's nodes and the outputs of one step, seen from one node.
pub struct World {
    /// The nodes; a leaf may be asked of the last one only.
    pub nodes: Vec<Node>,
    /// Outputs of the nodes before it, by node.
    pub outputs: BTreeMap<u32, Tensor>,
    pub step: u64,
    /// Pretend that the last node has this position in a program of that many nodes, with made-up siblings.
    pub synthetic: Option<(u32, u64)>,
}

/// A leaf: where, what is opened, and what the reference says.
#[derive(Clone)]
pub struct Leaf {
    pub place: Place,
    pub witness: Witness,
    pub expected: u32,
}

/// What a row of a composite is made of: the outputs of its body so far.
type Row<'a> = (u64, &'a BTreeMap<u32, Tensor>);

struct Reader<'a> {
    world: &'a World,
    row: Row<'a>,
    touched: RefCell<BTreeMap<(bool, u32), BTreeSet<u64>>>,
}

impl Reader<'_> {
    fn word(&self, in_body: bool, node: u32, index: u64) -> u32 {
        let tensors = if in_body { self.row.1 } else { &self.world.outputs };
        let tensor = &tensors[&node];
        // Beyond the end any page shows where the end is.
        let page = if index < tensor.count() { index / 256 } else { 0 };
        self.touched.borrow_mut().entry((in_body, node)).or_default().insert(page);
        tensor.word(index)
    }

    fn input(&self, input: &Input, point: &Point<'_>) -> u32 {
        let index = input.index().eval(point, &|node, index| self.word(false, node, index));
        match input {
            Input::Outer(node, _) => self.word(false, *node, index),
            Input::Body(node, _) => self.word(true, *node, index),
            Input::Value(_) => index as u32,
        }
    }

    /// The value of a map, or the total after the fold's block.
    fn evaluate(&self, node: &Node, element: u64, block: u64, total: u32) -> u32 {
        let mut coords = Vec::new();
        coords_of(element, &node.shape, &mut coords);
        let point = Point { coords: &coords, fold: 0, row: self.row.0, step: self.world.step };
        match &node.kind {
            Kind::Map { inputs, code } => {
                let words: Vec<u32> = inputs.iter().map(|input| self.input(input, &point)).collect();
                run(code, &words, &mut Soft)
            }
            Kind::Fold(fold) => self.block(fold, point, block, total),
            _ => panic!("only maps and folds have elements"),
        }
    }

    fn block(&self, fold: &Fold, point: Point<'_>, block: u64, total: u32) -> u32 {
        let terms = (block * 256..fold.extent.min(block * 256 + 256)).map(|k| {
            let point = Point { fold: k, ..point };
            let kept = fold.predicate.as_ref().is_none_or(|predicate| {
                let side = |index: &samebit_graph::index::Index| {
                    index.eval(&point, &|node, index| self.word(false, node, index))
                };
                predicate.relation.holds(side(&predicate.left), side(&predicate.right))
            });
            kept.then(|| fold.inputs.iter().map(|input| self.input(input, &point)).collect::<Vec<u32>>())
        });
        let soft = &mut Soft;
        let (kind, result) = match fold.kind {
            FoldKind::Product => {
                let factors = terms.map(|words| words.map(|words| (Binary32(words[0]), Binary32(words[1]))));
                (fold::Kind::Product, fold::product_block(soft, factors))
            }
            kind => {
                let terms =
                    terms.map(|words| words.map(|words| Binary32(run(&fold.code, &words, &mut Soft))));
                match kind {
                    FoldKind::Sum => (fold::Kind::Sum, fold::sum_block(soft, terms)),
                    _ => (fold::Kind::Maximum, fold::maximum_block(soft, terms)),
                }
            }
        };
        let previous = if block == 0 { kind.start(soft) } else { Binary32(total) };
        let next = kind.join(soft, previous, result);
        soft.bits(next)
    }
}

impl World {
    fn reader<'a>(&'a self, row: Row<'a>) -> Reader<'a> {
        Reader { world: self, row, touched: RefCell::default() }
    }

    /// The finished element of a node.
    fn element(&self, node: &Node, element: u64, row: Row<'_>) -> u32 {
        let reader = self.reader(row);
        let blocks = match &node.kind {
            Kind::Fold(fold) => fold.extent.div_ceil(256),
            _ => 1,
        };
        (0..blocks).fold(0, |total, block| reader.evaluate(node, element, block, total))
    }

    /// All outputs of a composite's body for one row.
    pub fn body_outputs(&self, row: u64) -> BTreeMap<u32, Tensor> {
        let Kind::Composite { body, .. } = &self.nodes.last().expect("a node").kind else {
            panic!("the last node is no composite")
        };
        let mut outputs = BTreeMap::new();
        for (position, node) in body.iter().enumerate() {
            let words = (0..node.len()).map(|element| self.element(node, element, (row, &outputs))).collect();
            outputs.insert(position as u32, Tensor::Real { dtype: node.dtype, words });
        }
        outputs
    }

    /// The leaf of one element of the last node: block `block` of a fold.
    pub fn leaf(&self, element: u64, block: u64) -> Leaf {
        self.leaf_of(self.nodes.last().expect("a node"), 0, element, block, (0, &BTreeMap::new()))
    }

    /// The leaf of one element of a node of the last node's body, given the outputs of the whole body.
    pub fn body_leaf(
        &self,
        row: u64,
        outputs: &BTreeMap<u32, Tensor>,
        body_node: u32,
        element: u64,
        block: u64,
    ) -> Leaf {
        let Kind::Composite { body, .. } = &self.nodes.last().expect("a node").kind else {
            panic!("no composite")
        };
        self.leaf_of(&body[body_node as usize], body_node, element, block, (row, outputs))
    }

    fn leaf_of(&self, node: &Node, body_node: u32, element: u64, block: u64, row: Row<'_>) -> Leaf {
        let reader = self.reader(row);
        let total = (0..block).fold(0, |total, block| reader.evaluate(node, element, block, total));
        reader.touched.borrow_mut().clear();
        let expected = reader.evaluate(node, element, block, total);
        let mut touched = reader.touched.into_inner();
        for read in reads(node) {
            touched.entry(read).or_insert_with(|| BTreeSet::from([0]));
        }
        let pages_of = |wanted: bool| {
            let of_scope = touched.iter().filter(move |((in_body, _), _)| *in_body == wanted);
            of_scope.map(|((_, node), pages)| (*node, pages.clone())).collect::<BTreeMap<_, _>>()
        };
        let last = self.nodes.last().expect("a node");
        let (position, node_count) =
            self.synthetic.unwrap_or((self.nodes.len() as u32 - 1, self.nodes.len() as u64));
        let tree = self.synthetic.is_none().then(|| Tree::new(self.nodes.iter().map(Node::digest).collect()));
        let (top, node_siblings) = open_tree(tree, node_count, &[(u64::from(position), last.digest())]);
        let outer = open_outputs(&self.outputs, &pages_of(false), node_count, self.synthetic.is_none());
        let body = open_outputs(row.1, &pages_of(true), row.1.len() as u64, true);
        let place = Place {
            nodes: list_root(node_count, top).0.into(),
            trace: outer.root,
            rowTrace: body.root,
            nodeCount: node_count,
            step: self.step,
            node: position,
            bodyNode: body_node,
            row: row.0,
            element,
            blockNumber: block,
            total,
        };
        let witness = Witness {
            node: last.to_bytes().into(),
            nodeSiblings: node_siblings,
            outer: outer.tensors,
            outerSiblings: outer.siblings,
            body: body.tensors,
            bodySiblings: body.siblings,
        };
        Leaf { place, witness, expected }
    }
}

/// Tensors opened in a list of outputs.
#[derive(Default)]
struct Outputs {
    tensors: Vec<TensorOpening>,
    siblings: Vec<B256>,
    root: B256,
}

/// Opens these pages of these outputs in the list of `count` outputs: all of them, or with made-up neighbours.
fn open_outputs(
    outputs: &BTreeMap<u32, Tensor>,
    pages: &BTreeMap<u32, BTreeSet<u64>>,
    count: u64,
    real: bool,
) -> Outputs {
    if pages.is_empty() {
        return Outputs::default();
    }
    let (tensors, leaves): (Vec<_>, Vec<_>) = pages
        .iter()
        .map(|(node, pages)| {
            let (opening, root) = outputs[node].open(*node, pages);
            (opening, (u64::from(*node), root))
        })
        .unzip();
    let tree = real.then(|| {
        // The disputed node's own output, and what follows, is whatever its side says.
        let disputed = hash(Tag::Page, &[b"disputed"]);
        let root = |node: u64| outputs.get(&(node as u32)).map_or(disputed, Tensor::root);
        Tree::new((0..count).map(root).collect())
    });
    let (top, siblings) = open_tree(tree, count, &leaves);
    Outputs { tensors, siblings, root: list_root(count, top).0.into() }
}

/// Every tensor that a map or fold names as an input, whether or not a predicate cuts all its terms.
fn reads(node: &Node) -> Vec<(bool, u32)> {
    node.inputs()
        .iter()
        .filter_map(|input| match input {
            Input::Outer(node, _) => Some((false, *node)),
            Input::Body(node, _) => Some((true, *node)),
            Input::Value(_) => None,
        })
        .collect()
}
