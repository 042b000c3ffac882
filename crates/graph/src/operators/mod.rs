//! The operators: how each is composed of nodes, and its gradient as a composition of nodes.
//!
//! Activations are \[N, C\] with N = B·T rows, b major; heads are \[N, H, D\]. An operator reads a tensor as the matrix of its
//! first dimension and all the others, so that heads need no reshape. Rounding happens in the order in which a composition
//! is written; a backend may fuse, never reorder.

mod attention;
mod bias;
mod cross_entropy;
mod dropout;
pub mod elementwise;
mod layer_norm;
mod linear;
mod lookup;
mod rms_norm;
mod rotary;
mod scale;

pub use attention::{Attention, AttentionOperands, AttentionPart};
pub use bias::Bias;
pub use cross_entropy::CrossEntropy;
pub use dropout::Dropout;
pub use elementwise::Elementwise;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lookup::Lookup;
pub use rms_norm::RmsNorm;
pub use rotary::Rotary;
pub use scale::Scale;

use crate::builder::Builder;
use crate::error::GraphError;
use crate::index::{Index, coord};
use crate::node::{Input, NodeId};

/// A differentiable operator: a shape rule, a forward composition and a gradient rule.
pub trait Operator {
    /// The operator's name; a row of [`OPERATORS`].
    fn name(&self) -> &'static str;

    /// The output's shape.
    ///
    /// # Errors
    /// [`GraphError::Arity`] and [`GraphError::Shape`] if the inputs do not suit.
    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError>;

    /// Writes the nodes; gives the output. The inputs suit the shape rule.
    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId;

    /// Writes the nodes of the gradient with respect to each input; `None` for an input that has none (integers, tables of
    /// angles).
    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>>;
}

/// An application whose gradient is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The inputs.
    pub inputs: &'a [NodeId],
    /// The output.
    pub output: NodeId,
    /// The gradient of the loss with respect to the output; it has the output's element count.
    pub gradient: NodeId,
}

/// What documentation and tests need to know of an operator.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name.
    pub name: &'static str,
    /// Inputs and output with their shapes.
    pub signature: &'static str,
    /// What is computed, in the order of rounding.
    pub formula: &'static str,
}

/// Every operator.
pub const OPERATORS: &[Row] = &[
    linear::ROW,
    bias::ROW,
    lookup::ROW,
    layer_norm::ROW,
    rms_norm::ROW,
    rotary::ROW,
    attention::ROW,
    cross_entropy::ROW,
    dropout::ROW,
    scale::ROW,
    elementwise::ADD.row(),
    elementwise::SUB.row(),
    elementwise::MUL.row(),
    elementwise::RELU.row(),
    elementwise::SILU.row(),
    elementwise::SWIGLU.row(),
    elementwise::GELU_TANH.row(),
    elementwise::GELU_ERF.row(),
];

/// Element `at` of node `node`, as an input.
pub(crate) fn at(node: NodeId, at: Index) -> Input {
    Input::Outer(node, at)
}

/// The index map of element (coord 0, coord 1) of a matrix with this many columns.
pub(crate) fn cell(columns: u64) -> Index {
    coord(0).times(columns) + coord(1)
}

/// Checks the number of inputs.
pub(crate) fn arity<'b, const N: usize>(
    operator: &'static str,
    inputs: &[&'b [u64]],
) -> Result<[&'b [u64]; N], GraphError> {
    inputs.try_into().map_err(|_| GraphError::Arity { operator, found: inputs.len(), expected: N })
}

/// `Ok` if the rule holds.
pub(crate) fn suits(
    rule: bool,
    operator: &'static str,
    inputs: &[&[u64]],
    expected: &'static str,
) -> Result<(), GraphError> {
    let found = || inputs.iter().map(|shape| shape.to_vec()).collect();
    if rule { Ok(()) } else { Err(GraphError::Shape { operator, found: found(), expected }) }
}
