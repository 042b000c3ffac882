//! A node: an operator as data (docs/spec/program.md §3).

use crate::index::Index;
use samebit_num::Code;
use samebit_num::fold::Numerics;

/// The position of a node in its program, or in a composite's body.
pub type NodeId = u32;

pub use samebit_commit::DType;

/// A vertex of the program: one output tensor and how its elements are computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The operator's name, for people; it means nothing.
    pub op: String,
    /// The output's dtype.
    pub dtype: DType,
    /// The output's shape; the product of the extents is the element count.
    pub shape: Vec<u64>,
    /// How an element is computed.
    pub kind: Kind,
}

/// How a node's elements are computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The state tensor of this position, as it was before the step.
    State(u32),
    /// The table of this position.
    Table(u32),
    /// A scalar program on inputs.
    Map {
        /// The program's inputs, in the order of its input registers.
        inputs: Vec<Input>,
        /// The scalar program.
        code: Code,
    },
    /// A fold of terms.
    Fold(Fold),
    /// Rows computed by a body of nodes; only the rows are committed.
    Composite {
        /// Elements in a row.
        row_length: u64,
        /// The body; its last node has `row_length` elements and is the row.
        body: Vec<Node>,
    },
}

/// A fold (docs/spec/arithmetic.md §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    /// The rule of a block.
    pub kind: FoldKind,
    /// Number of terms.
    pub extent: u64,
    /// Terms for which this is false are not folded.
    pub predicate: Option<Predicate>,
    /// Product: the two factors. Sum and maximum: the inputs of `code`.
    pub inputs: Vec<Input>,
    /// The program that makes a term; empty for a product.
    pub code: Code,
}

/// The rule of a fold's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FoldKind {
    /// The sum of products of two factors, ordered or exact.
    Product(Numerics),
    /// Sixteen lanes, then a tree.
    Sum,
    /// The greatest term.
    Max,
}

impl FoldKind {
    /// Whether the terms are products of two factors.
    pub fn is_product(self) -> bool {
        matches!(self, FoldKind::Product(_))
    }
}

/// A comparison of two index maps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Predicate {
    /// The left side.
    pub left: Index,
    /// The relation.
    pub relation: Relation,
    /// The right side.
    pub right: Index,
}

/// A relation of natural numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// left < right.
    Less,
    /// left ≤ right.
    LessOrEqual,
    /// left = right.
    Equal,
}

impl Relation {
    /// Whether the relation holds.
    pub fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Relation::Less => left < right,
            Relation::LessOrEqual => left <= right,
            Relation::Equal => left == right,
        }
    }
}

/// What an input register of a scalar program holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// An element of an earlier node of the outer program; the word 0 beyond its end.
    Outer(NodeId, Index),
    /// An element of an earlier node of the same body.
    Body(NodeId, Index),
    /// The value of an index map mod 2^32.
    Value(Index),
}

impl Input {
    /// The index map of the input.
    pub fn index(&self) -> &Index {
        match self {
            Input::Outer(_, index) | Input::Body(_, index) | Input::Value(index) => index,
        }
    }
}

impl Node {
    /// Number of elements of the output.
    pub fn len(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Whether the output has no element; never true of a legal node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How the products of the node are computed: of a product, or of the first one in a composite's body.
    pub fn numerics(&self) -> Option<Numerics> {
        match &self.kind {
            Kind::Fold(Fold { kind: FoldKind::Product(numerics), .. }) => Some(*numerics),
            Kind::Composite { body, .. } => body.iter().find_map(Node::numerics),
            _ => None,
        }
    }

    /// The inputs of a map or fold; none for the others.
    pub fn inputs(&self) -> &[Input] {
        match &self.kind {
            Kind::Map { inputs, .. } => inputs,
            Kind::Fold(fold) => &fold.inputs,
            _ => &[],
        }
    }

    /// Every outer node that this one reads, through inputs, index maps, predicates and the body, in rising order.
    pub fn reads(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        self.collect_reads(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The node with other ids for the outer nodes that it reads.
    ///
    /// # Panics
    /// If `ids` does not keep the order of ids: the canonical form of index maps depends on it.
    pub fn renumbered(mut self, ids: &impl Fn(NodeId) -> NodeId) -> Node {
        self.renumber(ids);
        self
    }

    fn renumber(&mut self, ids: &impl Fn(NodeId) -> NodeId) {
        let inputs = match &mut self.kind {
            Kind::State(_) | Kind::Table(_) => return,
            Kind::Composite { body, .. } => return body.iter_mut().for_each(|node| node.renumber(ids)),
            Kind::Map { inputs, .. } => inputs,
            Kind::Fold(fold) => {
                if let Some(predicate) = &mut fold.predicate {
                    predicate.left.renumber(ids);
                    predicate.right.renumber(ids);
                }
                &mut fold.inputs
            }
        };
        for input in inputs {
            match input {
                Input::Outer(node, index) => {
                    *node = ids(*node);
                    index.renumber(ids);
                }
                Input::Body(_, index) | Input::Value(index) => index.renumber(ids),
            }
        }
    }

    fn collect_reads(&self, found: &mut Vec<NodeId>) {
        for input in self.inputs() {
            if let Input::Outer(node, _) = input {
                found.push(*node);
            }
            collect_elements(input.index(), found);
        }
        match &self.kind {
            Kind::Fold(Fold { predicate: Some(predicate), .. }) => {
                collect_elements(&predicate.left, found);
                collect_elements(&predicate.right, found);
            }
            Kind::Composite { body, .. } => body.iter().for_each(|node| node.collect_reads(found)),
            _ => {}
        }
    }
}

fn collect_elements(index: &Index, found: &mut Vec<NodeId>) {
    index.any(&mut |atom| {
        if let crate::index::Atom::Element(node, _) = atom {
            found.push(*node);
        }
        false
    });
}
