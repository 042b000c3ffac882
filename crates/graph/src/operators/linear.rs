//! y = x · wᵀ.

use super::{Call, Operator, Row, arity, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::{coord, fold};
use crate::node::NodeId;
use samebit_num::fold::Numerics;

pub(super) const ROW: Row = Row {
    name: "linear",
    signature: "x [N, K], w [M, K] → [N, M]",
    formula: "y[n, m] = product over k of x[n, k] and w[m, k], ordered or exact; dx = dy · (wᵀ)ᵀ, dw = dyᵀ · (xᵀ)ᵀ likewise",
};

/// Rows times a weight matrix: x \[N, K\], w \[M, K\] → \[N, M\].
#[derive(Clone, Copy, Debug, Default)]
pub struct Linear {
    /// How the products are computed, forward and in both gradients.
    pub numerics: Numerics,
}

impl Operator for Linear {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [(rows, terms), (columns, weight_terms)] = arity(ROW.name, inputs)?.map(matrix);
        suits(terms == weight_terms, ROW.name, inputs, "x has as many columns as w")?;
        Ok(vec![rows, columns])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let ((rows, terms), (columns, _)) = (builder.matrix(inputs[0]), builder.matrix(inputs[1]));
        self.product(builder, "linear", [rows, columns], terms, inputs[0], inputs[1])
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let [x, w] = [call.inputs[0], call.inputs[1]];
        let ((rows, terms), (columns, _)) = (builder.matrix(x), builder.matrix(w));
        let w_transposed = builder.transpose(w, columns, terms);
        let dx = self.product(builder, "linear_dx", [rows, terms], columns, call.gradient, w_transposed);
        let dy_transposed = builder.transpose(call.gradient, rows, columns);
        let x_transposed = builder.transpose(x, rows, terms);
        let dw = self.product(builder, "linear_dw", [columns, terms], rows, dy_transposed, x_transposed);
        vec![Some(dx), Some(dw)]
    }
}

impl Linear {
    /// out\[m, n\] = product over k of a\[m, k\] and b\[n, k\].
    fn product(
        self,
        builder: &mut Builder,
        op: &str,
        shape: [u64; 2],
        terms: u64,
        a: NodeId,
        b: NodeId,
    ) -> NodeId {
        let (a_row, b_row) = (coord(0).times(terms) + fold(), coord(1).times(terms) + fold());
        builder.product(op, self.numerics, &shape, terms, (a, a_row), (b, b_row))
    }
}
