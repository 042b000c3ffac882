//! Layer normalisation (Ba, Kiros, Hinton, 2016).

use super::bias::{column_products, column_sums};
use super::{Call, Operator, Row, arity, at, cell, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::{coord, fold};
use crate::node::NodeId;
use crate::scalar;
use samebit_num::Arith;

pub(super) const ROW: Row = Row {
    name: "layer_norm",
    signature: "x [N, C], g [C], b [C] → [N, C]",
    formula: "mean = Σx · (1/C); q = Σ(x − mean)²; r = 1 / √(q · (1/C) + ε); x̂ = (x − mean) · r; y = fma(x̂, g, b). \
              dx̂ = dy · g; u = fma(−x̂, Σ(dx̂ · x̂) · (1/C), dx̂); dx = (u − Σdx̂ · (1/C)) · r; \
              dg, db ordered products over n of dyᵀ with x̂ᵀ and 1",
};

/// Rows shifted and scaled to mean 0 and variance 1, then by a gain and a bias: x \[N, C\], g \[C\], b \[C\] → \[N, C\].
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// Added to the variance.
    pub epsilon: f32,
}

impl Operator for LayerNorm {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x, g, b] = arity(ROW.name, inputs)?;
        let columns = matrix(x).1;
        suits(
            *g == [columns] && *b == [columns],
            ROW.name,
            inputs,
            "g and b have an element for each column",
        )?;
        Ok(vec![matrix(x).0, columns])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let (rows, columns) = builder.matrix(inputs[0]);
        let (normalized, _) = self.normalize(builder, inputs[0]);
        let code = scalar::floats(|m, [x, g, b]| m.fma(x, g, b));
        let inputs = vec![at(normalized, cell(columns)), at(inputs[1], coord(1)), at(inputs[2], coord(1))];
        builder.map("layer_norm", &[rows, columns], inputs, code)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let [x, g, dy] = [call.inputs[0], call.inputs[1], call.gradient];
        let (rows, columns) = builder.matrix(x);
        let (normalized, scale) = self.normalize(builder, x);
        let scaled = times_gain(builder, dy, g, rows, columns);
        let centred = project(builder, scaled, normalized, rows, columns);
        let sum = row_sum(builder, "norm_sum_dxhat", rows, columns, &[scaled], scalar::copy());
        let reciprocal = scalar::reciprocal(columns).to_bits();
        let code = scalar::floats(|m, [u, sum, r]| {
            let factor = m.constant(reciprocal);
            let mean = m.mul(sum, factor);
            let difference = m.sub(u, mean);
            m.mul(difference, r)
        });
        let inputs = vec![at(centred, cell(columns)), at(sum, coord(0)), at(scale, coord(0))];
        let dx = builder.map("layer_norm_dx", &[rows, columns], inputs, code);
        let dg = column_products(builder, "norm_dg", dy, normalized, columns);
        let db = column_sums(builder, "bias_db", dy, columns);
        vec![Some(dx), Some(dg), Some(db)]
    }
}

impl LayerNorm {
    /// x̂ \[N, C\] and 1 / √(variance + ε) \[N\].
    fn normalize(&self, builder: &mut Builder, x: NodeId) -> (NodeId, NodeId) {
        let (rows, columns) = builder.matrix(x);
        let reciprocal = scalar::reciprocal(columns).to_bits();
        let sum = row_sum(builder, "norm_sum", rows, columns, &[x], scalar::copy());
        let code = scalar::floats(|m, [sum]| {
            let factor = m.constant(reciprocal);
            m.mul(sum, factor)
        });
        let mean = builder.map("norm_mean", &[rows], vec![at(sum, coord(0))], code);
        let code = scalar::floats(|m, [x, mean]| {
            let difference = m.sub(x, mean);
            m.mul(difference, difference)
        });
        let terms = vec![at(x, coord(0).times(columns) + fold()), at(mean, coord(0))];
        let squares = builder.sum("norm_squares", &[rows], columns, terms, code, None);
        let scale = inverse_root(builder, squares, columns, self.epsilon);
        let code = scalar::floats(|m, [x, mean, r]| {
            let difference = m.sub(x, mean);
            m.mul(difference, r)
        });
        let inputs = vec![at(x, cell(columns)), at(mean, coord(0)), at(scale, coord(0))];
        (builder.map("norm_xhat", &[rows, columns], inputs, code), scale)
    }
}

/// out\[n\] = ordered sum over c of the terms of matrices \[N, C\].
pub(super) fn row_sum(
    builder: &mut Builder,
    op: &str,
    rows: u64,
    columns: u64,
    nodes: &[NodeId],
    code: samebit_num::Code,
) -> NodeId {
    let inputs = nodes.iter().map(|node| at(*node, coord(0).times(columns) + fold())).collect();
    builder.sum(op, &[rows], columns, inputs, code, None)
}

/// out\[n\] = 1 / √(squares\[n\] · (1/C) + ε).
pub(super) fn inverse_root(builder: &mut Builder, squares: NodeId, columns: u64, epsilon: f32) -> NodeId {
    let reciprocal = scalar::reciprocal(columns).to_bits();
    let code = scalar::floats(|m, [squares]| {
        let (factor, epsilon) = (m.constant(reciprocal), m.constant(epsilon.to_bits()));
        let one = m.constant(1f32.to_bits());
        let mean = m.mul(squares, factor);
        let shifted = m.add(mean, epsilon);
        let root = m.sqrt(shifted);
        m.div(one, root)
    });
    let rows = builder.len(squares);
    builder.map("norm_scale", &[rows], vec![at(squares, coord(0))], code)
}

/// dx̂ = dy · g.
pub(super) fn times_gain(builder: &mut Builder, dy: NodeId, g: NodeId, rows: u64, columns: u64) -> NodeId {
    let code = scalar::floats(|m, [dy, g]| m.mul(dy, g));
    builder.map("norm_dxhat", &[rows, columns], vec![at(dy, cell(columns)), at(g, coord(1))], code)
}

/// u = fma(−x̂, Σ(dx̂ · x̂) · (1/C), dx̂).
pub(super) fn project(builder: &mut Builder, dxhat: NodeId, xhat: NodeId, rows: u64, columns: u64) -> NodeId {
    let code = scalar::floats(|m, [dxhat, xhat]| m.mul(dxhat, xhat));
    let dot = row_sum(builder, "norm_dot", rows, columns, &[dxhat, xhat], code);
    let reciprocal = scalar::reciprocal(columns).to_bits();
    let code = scalar::floats(|m, [xhat, dot, dxhat]| {
        let factor = m.constant(reciprocal);
        let negative = m.neg(xhat);
        let mean = m.mul(dot, factor);
        m.fma(negative, mean, dxhat)
    });
    let inputs = vec![at(xhat, cell(columns)), at(dot, coord(0)), at(dxhat, cell(columns))];
    builder.map("norm_project", &[rows, columns], inputs, code)
}
