//! y = x + b, and the gradient of a vector that is added to every row.

use super::{Call, Operator, Row, arity, at, cell, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::{Index, coord, fold};
use crate::node::NodeId;
use crate::scalar;
use samebit_num::Arith;
use samebit_num::fold::Numerics;

pub(super) const ROW: Row = Row {
    name: "bias",
    signature: "x [N, C], b [C] → [N, C]",
    formula: "y[n, c] = x[n, c] + b[c]; db[c] = ordered product over n of dyᵀ[c, n] and 1",
};

/// A vector added to every row: x \[N, C\], b \[C\] → \[N, C\].
#[derive(Clone, Copy, Debug)]
pub struct Bias;

impl Operator for Bias {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x, b] = arity(ROW.name, inputs)?;
        suits([matrix(x).1] == *b, ROW.name, inputs, "b has an element for each column of x")?;
        Ok(vec![matrix(x).0, matrix(x).1])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let (rows, columns) = builder.matrix(inputs[0]);
        let code = scalar::floats(|m, [x, b]| m.add(x, b));
        let inputs = vec![at(inputs[0], cell(columns)), at(inputs[1], coord(1))];
        builder.map("bias", &[rows, columns], inputs, code)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let columns = builder.len(call.inputs[1]);
        let db = column_sums(builder, "bias_db", call.gradient, columns);
        vec![Some(call.gradient), Some(db)]
    }
}

/// out\[c\] = ordered product over n of dy\[n, c\] and 1.
pub(super) fn column_sums(builder: &mut Builder, op: &str, dy: NodeId, columns: u64) -> NodeId {
    let rows = builder.len(dy) / columns;
    let transposed = builder.transpose(dy, rows, columns);
    let ones = builder.ones();
    let row = coord(0).times(rows) + fold();
    builder.product(op, Numerics::F32, &[columns], rows, (transposed, row), (ones, Index::default()))
}

/// out\[c\] = ordered product over n of dy\[n, c\] and x\[n, c\].
pub(super) fn column_products(
    builder: &mut Builder,
    op: &str,
    dy: NodeId,
    x: NodeId,
    columns: u64,
) -> NodeId {
    let rows = builder.len(dy) / columns;
    let dy_transposed = builder.transpose(dy, rows, columns);
    let x_transposed = builder.transpose(x, rows, columns);
    let row = coord(0).times(rows) + fold();
    builder.product(op, Numerics::F32, &[columns], rows, (dy_transposed, row.clone()), (x_transposed, row))
}
