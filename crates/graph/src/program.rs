//! A program: the operator graph of one step (docs/spec/program.md §1), and the [`Spec`] of a whole run.

use crate::node::{DType, FoldKind, Kind, Node, NodeId};
use samebit_commit::Digest;
use samebit_num::fold::Numerics;

/// The operator graph of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Tensors that one step hands to the next.
    pub states: Vec<Declaration>,
    /// Tensors fixed for the whole job.
    pub tables: Vec<Declaration>,
    /// The nodes; each reads earlier ones only.
    pub nodes: Vec<Node>,
    /// For each state, the node whose output is its value after the step.
    pub sinks: Vec<NodeId>,
    /// The node with the step's loss; one element.
    pub loss: NodeId,
    /// The node with the norm of the step's gradient; one element.
    pub grad_norm: NodeId,
}

/// The name and type of a state or table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Declaration {
    /// Unique among the states, or among the tables.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<u64>,
}

impl Declaration {
    /// Number of elements.
    pub fn len(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Whether the tensor has no element; never true of a legal declaration.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is computed: a program, what it starts from and how long it runs. Its digest names the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The program's digest.
    pub program: Digest,
    /// Root of the state before step 0.
    pub initial_state: Digest,
    /// Tensor roots of the tables, in the program's order.
    pub tables: Vec<Digest>,
    /// Number of steps.
    pub steps: u64,
    /// Steps in a segment; the last may be short.
    pub segment_steps: u64,
    /// The arithmetic of the products, [`Program::profile`].
    pub profile: String,
}

impl Program {
    /// The numerics of the program's exact products, the fewest bits first, joined by `+`; `f32` if it has none.
    pub fn profile(&self) -> String {
        let exact = |numerics: &Numerics| {
            *numerics != Numerics::F32 && self.nodes.iter().any(|node| multiplies(node, *numerics))
        };
        let names: Vec<&str> =
            Numerics::ALL.iter().filter(|numerics| exact(numerics)).map(|numerics| numerics.name()).collect();
        if names.is_empty() { Numerics::F32.name().to_owned() } else { names.join("+") }
    }
}

/// Whether the node, or one of its body, is a product with these numerics.
fn multiplies(node: &Node, numerics: Numerics) -> bool {
    match &node.kind {
        Kind::Fold(fold) => fold.kind == FoldKind::Product(numerics),
        Kind::Composite { body, .. } => body.iter().any(|node| multiplies(node, numerics)),
        _ => false,
    }
}
