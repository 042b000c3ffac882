//! The reference side of a leaf: a node evaluated by its definition, what it read, and the witness that opens that.

#![allow(dead_code)]

use super::Random;
use samebit_commit::merkle::list_root;
use samebit_commit::{
    BatchOpening, Canonical, Digest, Encoder, Opening, OpeningError, Tag, Tree, hash, tensor,
};
use samebit_graph::gas;
use samebit_graph::index::{Index, Point, coords_of};
use samebit_graph::node::{DType, Fold, FoldKind, Input, Kind, Node};
use samebit_num::{Arith, Binary32, Soft, fold, run};
use samebit_trace::witness::{NodeOpening, Piece, Place, TensorOpening, Tensors};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor: all its words, or only a size, with words made up page by page.
pub enum Tensor {
    Real {
        dtype: DType,
        words: Vec<u32>,
    },
    /// Of a float the bits `mask` are made up, the others 0.
    Synthetic {
        dtype: DType,
        count: u64,
        seed: u64,
        mask: u32,
    },
}

impl Tensor {
    pub fn floats(words: Vec<u32>) -> Self {
        Tensor::Real { dtype: DType::F32, words }
    }

    pub fn integers(words: Vec<u32>) -> Self {
        Tensor::Real { dtype: DType::U32, words }
    }

    pub fn synthetic(dtype: DType, count: u64, seed: u64) -> Self {
        Tensor::Synthetic { dtype, count, seed, mask: u32::MAX }
    }

    /// Floats of which none reaches 2^−125: of the least scales.
    pub fn tiny(count: u64, seed: u64) -> Self {
        Tensor::Synthetic { dtype: DType::F32, count, seed, mask: 0x80ff_ffff }
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
            Tensor::Synthetic { seed, mask, .. } => {
                let mut random = Random(seed ^ page.wrapping_mul(0x1000_0001));
                // No byte of a float is zero: the dearest calldata. Integers stay small enough to be indices.
                let word = |random: &mut Random| match self.dtype() {
                    DType::F32 => (random.value() | 0x0001_0101) & mask,
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
            dtype: self.dtype(),
            count: self.count(),
            pages: pages.iter().copied().collect(),
            words: words.into_iter().flatten().collect(),
            opening: BatchOpening { siblings },
        };
        (opening, tensor::root(self.dtype(), self.count(), top))
    }
}

/// The top over `leaves` and their siblings: those of the tree, or made up for a tree of `count` leaves.
fn open_tree(tree: Option<Tree>, count: u64, leaves: &[(u64, Digest)]) -> (Digest, Vec<Digest>) {
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
    (top, opening.siblings)
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

/// A leaf: where, what is opened before and at the end, and what the reference says.
#[derive(Clone)]
pub struct Leaf {
    pub place: Place,
    pub piece: Piece,
    /// Operands to be kept, with their witnesses. Made-up neighbours lead to a root of their own for each set of pages, so each has its own place.
    pub keeps: Vec<(u8, Vec<u8>, Place)>,
    pub witness: Vec<u8>,
    pub expected: u32,
}

/// What a row of a composite is made of: the outputs of its body so far.
type Row<'a> = (u64, &'a BTreeMap<u32, Tensor>);

/// Pages read, by scope and node.
type Touched = BTreeMap<(bool, u32), BTreeSet<u64>>;

struct Reader<'a> {
    world: &'a World,
    row: Row<'a>,
    touched: RefCell<Touched>,
    /// While this holds, what is read was kept before.
    quiet: Cell<bool>,
}

impl Reader<'_> {
    fn word(&self, in_body: bool, node: u32, index: u64) -> u32 {
        let tensors = if in_body { self.row.1 } else { &self.world.outputs };
        let tensor = &tensors[&node];
        if !self.quiet.get() {
            let mut touched = self.touched.borrow_mut();
            let pages = touched.entry((in_body, node)).or_default();
            pages.extend((index < tensor.count()).then_some(index / 256));
        }
        tensor.word(index)
    }

    fn index(&self, index: &Index, point: &Point<'_>) -> u64 {
        index.eval(point, &|node, index| self.word(false, node, index))
    }

    fn input(&self, input: &Input, point: &Point<'_>) -> u32 {
        let index = self.index(input.index(), point);
        match input {
            Input::Outer(node, _) => self.word(false, *node, index),
            Input::Body(node, _) => self.word(true, *node, index),
            Input::Value(_) => index as u32,
        }
    }

    /// The words of the inputs at a point; those that were kept are not opened again.
    fn words(&self, inputs: &[Input], point: &Point<'_>, kept: &[u8]) -> Vec<u32> {
        let word = |(slot, input): (u8, &Input)| {
            self.quiet.set(kept.contains(&slot));
            let word = self.input(input, point);
            self.quiet.set(false);
            word
        };
        (0u8..).zip(inputs).map(word).collect()
    }

    fn holds(&self, fold: &Fold, point: &Point<'_>, kept: &[u8]) -> bool {
        self.quiet.set(kept.contains(&gas::PREDICATE_SLOT));
        let holds = fold.predicate.as_ref().is_none_or(|predicate| {
            predicate.relation.holds(self.index(&predicate.left, point), self.index(&predicate.right, point))
        });
        self.quiet.set(false);
        holds
    }

    /// The value of a map, the total after a product's block or after a whole block of a sum or maximum, or a lane.
    fn evaluate(&self, node: &Node, element: u64, piece: Piece, total: u32, kept: &[u8]) -> u32 {
        let mut coords = Vec::new();
        coords_of(element, &node.shape, &mut coords);
        let point = Point { coords: &coords, fold: 0, row: self.row.0, step: self.world.step };
        match &node.kind {
            Kind::Map { inputs, code } => run(code, &self.words(inputs, &point, kept), &mut Soft),
            Kind::Fold(fold) => self.block(fold, point, piece, total, kept),
            _ => panic!("only maps and folds have elements"),
        }
    }

    fn block(&self, fold: &Fold, point: Point<'_>, piece: Piece, total: u32, kept: &[u8]) -> u32 {
        let block = piece.block();
        let indices = block * 256..fold.extent.min(block * 256 + 256);
        let wanted = |k: &u64| match piece {
            Piece::Lane(_, lane) => k % 16 == u64::from(lane),
            _ => true,
        };
        let terms = indices.map(|k| {
            let point = Point { fold: k, ..point };
            let holds = wanted(&k) && self.holds(fold, &point, kept);
            holds.then(|| self.words(&fold.inputs, &point, kept))
        });
        let soft = &mut Soft;
        let value = |words: Vec<u32>| Binary32(run(&fold.code, &words, &mut Soft));
        let (kind, result) = match fold.kind {
            FoldKind::Product(numerics) => {
                let factors = terms.map(|words| words.map(|words| (Binary32(words[0]), Binary32(words[1]))));
                (fold::Kind::Product, numerics.block(soft, factors))
            }
            FoldKind::Sum => (fold::Kind::Sum, fold::sum_block(soft, terms.map(|words| words.map(value)))),
            FoldKind::Max => {
                (fold::Kind::Maximum, fold::maximum_block(soft, terms.map(|words| words.map(value))))
            }
        };
        // The other lanes are empty: what the block gives is the lane.
        if matches!(piece, Piece::Lane(..)) {
            return soft.bits(result);
        }
        let previous = if block == 0 { kind.start(soft) } else { Binary32(total) };
        let next = kind.join(soft, previous, result);
        soft.bits(next)
    }

    /// The pages that one slot reads.
    fn operand(&self, node: &Node, element: u64, piece: Piece, slot: u8) {
        let mut coords = Vec::new();
        coords_of(element, &node.shape, &mut coords);
        let point = Point { coords: &coords, fold: 0, row: self.row.0, step: self.world.step };
        let Kind::Fold(fold) = &node.kind else {
            self.input(&node.inputs()[usize::from(slot)], &point);
            return;
        };
        let block = piece.block();
        for k in block * 256..fold.extent.min(block * 256 + 256) {
            let point = Point { fold: k, ..point };
            if matches!(piece, Piece::Lane(_, lane) if k % 16 != u64::from(lane)) {
                continue;
            }
            if slot == gas::PREDICATE_SLOT {
                self.holds(fold, &point, &[]);
            } else {
                self.input(&fold.inputs[usize::from(slot)], &point);
            }
        }
    }
}

impl World {
    fn reader<'a>(&'a self, row: Row<'a>) -> Reader<'a> {
        Reader { world: self, row, touched: RefCell::default(), quiet: Cell::new(false) }
    }

    /// The finished element of a node.
    fn element(&self, node: &Node, element: u64, row: Row<'_>) -> u32 {
        let reader = self.reader(row);
        let blocks = match &node.kind {
            Kind::Fold(fold) => fold.extent.div_ceil(256),
            _ => 1,
        };
        (0..blocks).fold(0, |total, block| reader.evaluate(node, element, Piece::Block(block), total, &[]))
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

    /// The leaf of one element of the last node.
    pub fn leaf(&self, element: u64, piece: Piece) -> Leaf {
        let place = Place { element, ..Place::default() };
        self.leaf_of(self.nodes.last().expect("a node"), place, piece, (0, &BTreeMap::new()))
    }

    /// The leaf of one element of a node of the last node's body, given the outputs of the whole body.
    pub fn body_leaf(
        &self,
        row: u64,
        outputs: &BTreeMap<u32, Tensor>,
        body_node: u32,
        element: u64,
        piece: Piece,
    ) -> Leaf {
        let Kind::Composite { body, row_length } = &self.nodes.last().expect("a node").kind else {
            panic!("no composite")
        };
        let place = Place { element: row * row_length, body_node, body_element: element, ..Place::default() };
        self.leaf_of(&body[body_node as usize], place, piece, (row, outputs))
    }

    fn leaf_of(&self, node: &Node, mut place: Place, piece: Piece, row: Row<'_>) -> Leaf {
        let reader = self.reader(row);
        let element = if row.1.is_empty() { place.element } else { place.body_element };
        let before = |total, block| reader.evaluate(node, element, Piece::Block(block), total, &[]);
        place.total = if matches!(piece, Piece::Lane(..)) { 0 } else { (0..piece.block()).fold(0, before) };
        let last = self.nodes.last().expect("a node");
        let slots = gas::kept(node, last.to_bytes().len() as u64);
        reader.touched.take();
        let expected = reader.evaluate(node, element, piece, place.total, &slots);
        let not_kept = |slot: u8| matches!(piece, Piece::Block(_)) || !slots.contains(&slot);
        let whole = with_inputs(node, reader.touched.take(), not_kept);
        let keeps: Vec<(u8, Touched)> = slots
            .iter()
            .map(|slot| {
                reader.operand(node, element, piece, *slot);
                (*slot, with_inputs(node, reader.touched.take(), |input| input == *slot))
            })
            .collect();

        let (position, node_count) =
            self.synthetic.unwrap_or((self.nodes.len() as u32 - 1, self.nodes.len() as u64));
        let tree = self.synthetic.is_none().then(|| Tree::new(self.nodes.iter().map(Node::digest).collect()));
        let (top, siblings) = open_tree(tree, node_count, &[(u64::from(position), last.digest())]);
        let node = NodeOpening { bytes: last.to_bytes(), opening: Opening { siblings } };
        place.nodes = list_root(node_count, top);
        place.node_count = node_count;
        place.step = self.step;
        place.node = position;
        place.block = piece.block();
        place.lane = if let Piece::Lane(_, lane) = piece { lane } else { 0 };
        if !row.1.is_empty() {
            place.rows = [row_root(row.1); 2];
        }
        let open = |touched: &Touched| {
            let of = |wanted: bool| {
                let scope = touched.iter().filter(move |((in_body, _), _)| *in_body == wanted);
                scope.map(|((_, node), pages)| (*node, pages.clone())).collect::<BTreeMap<_, _>>()
            };
            let (outer, trace) =
                open_outputs(&self.outputs, &of(false), node_count, self.synthetic.is_none());
            let (body, _) = open_outputs(row.1, &of(true), row.1.len() as u64, true);
            let mut encoder = Encoder::new();
            encoder.u8(0);
            node.encode(&mut encoder);
            outer.encode(&mut encoder);
            body.encode(&mut encoder);
            (encoder.into_bytes(), Place { traces: [trace.unwrap_or_default(); 2], ..place.clone() })
        };
        let keep = |(slot, touched): &(u8, Touched)| {
            let (witness, place) = open(touched);
            (*slot, witness, place)
        };
        let keeps = keeps.iter().map(keep).collect();
        let (witness, place) = open(&whole);
        Leaf { place, piece, keeps, witness, expected }
    }
}

fn row_root(outputs: &BTreeMap<u32, Tensor>) -> Digest {
    Tree::new(outputs.values().map(Tensor::root).collect()).root()
}

/// Opens these pages of these outputs in the list of `count` outputs: all of them, or with made-up neighbours; the list's root.
fn open_outputs(
    outputs: &BTreeMap<u32, Tensor>,
    pages: &BTreeMap<u32, BTreeSet<u64>>,
    count: u64,
    real: bool,
) -> (Tensors, Option<Digest>) {
    if pages.is_empty() {
        return (Tensors::default(), None);
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
    (Tensors { tensors, siblings }, Some(list_root(count, top)))
}

/// What is touched, with a page of every tensor that is named: of inputs for which `reads` holds, whether or not a predicate cuts all terms.
fn with_inputs(node: &Node, mut touched: Touched, reads: impl Fn(u8) -> bool) -> Touched {
    for (_, input) in (0u8..).zip(node.inputs()).filter(|(slot, _)| reads(*slot)) {
        match input {
            Input::Outer(node, _) => touched.entry((false, *node)).or_default(),
            Input::Body(node, _) => touched.entry((true, *node)).or_default(),
            Input::Value(_) => continue,
        };
    }
    // Any page shows where the end of a tensor is.
    for pages in touched.values_mut().filter(|pages| pages.is_empty()) {
        pages.insert(0);
    }
    touched
}
