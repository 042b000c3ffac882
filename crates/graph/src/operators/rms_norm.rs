//! Root mean square normalisation (Zhang, Sennrich, 2019).

use super::bias::column_products;
use super::layer_norm::{inverse_root, project, row_sum, times_gain};
use super::{Call, Operator, Row, arity, at, cell, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::coord;
use crate::node::NodeId;
use crate::scalar;
use samebit_num::Arith;

pub(super) const ROW: Row = Row {
    name: "rms_norm",
    signature: "x [N, C], g [C] → [N, C]",
    formula: "r = 1 / √(Σx² · (1/C) + ε); x̂ = x · r; y = x̂ · g. dx̂ = dy · g; u = fma(−x̂, Σ(dx̂ · x̂) · (1/C), dx̂); \
              dx = u · r; dg ordered product over n of dyᵀ and x̂ᵀ",
};

/// Rows scaled to mean square 1, then by a gain: x \[N, C\], g \[C\] → \[N, C\].
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm {
    /// Added to the mean square.
    pub epsilon: f32,
}

impl Operator for RmsNorm {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x, g] = arity(ROW.name, inputs)?;
        suits(*g == [matrix(x).1], ROW.name, inputs, "g has an element for each column")?;
        Ok(vec![matrix(x).0, matrix(x).1])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let (rows, columns) = builder.matrix(inputs[0]);
        let (normalized, _) = self.normalize(builder, inputs[0]);
        let code = scalar::floats(|m, [x, g]| m.mul(x, g));
        let inputs = vec![at(normalized, cell(columns)), at(inputs[1], coord(1))];
        builder.map("rms_norm", &[rows, columns], inputs, code)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let [x, g, dy] = [call.inputs[0], call.inputs[1], call.gradient];
        let (rows, columns) = builder.matrix(x);
        let (normalized, scale) = self.normalize(builder, x);
        let scaled = times_gain(builder, dy, g, rows, columns);
        let centred = project(builder, scaled, normalized, rows, columns);
        let code = scalar::floats(|m, [u, r]| m.mul(u, r));
        let inputs = vec![at(centred, cell(columns)), at(scale, coord(0))];
        let dx = builder.map("rms_norm_dx", &[rows, columns], inputs, code);
        let dg = column_products(builder, "norm_dg", dy, normalized, columns);
        vec![Some(dx), Some(dg)]
    }
}

impl RmsNorm {
    /// x̂ \[N, C\] and 1 / √(mean square + ε) \[N\].
    fn normalize(&self, builder: &mut Builder, x: NodeId) -> (NodeId, NodeId) {
        let (rows, columns) = builder.matrix(x);
        let code = scalar::floats(|m, [x]| m.mul(x, x));
        let squares = row_sum(builder, "norm_squares", rows, columns, &[x], code);
        let scale = inverse_root(builder, squares, columns, self.epsilon);
        let code = scalar::floats(|m, [x, r]| m.mul(x, r));
        let inputs = vec![at(x, cell(columns)), at(scale, coord(0))];
        (builder.map("norm_xhat", &[rows, columns], inputs, code), scale)
    }
}
