//! Rows of a table named by integers: embeddings of tokens and positions.

use super::{Call, Operator, Row, arity, at, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::{coord, element, fold};
use crate::node::{NodeId, Predicate, Relation};
use crate::scalar;

pub(super) const ROW: Row = Row {
    name: "lookup",
    signature: "w [V, C], ids u32 [N] → [N, C]",
    formula: "y[n, c] = w[ids[n], c]; dw[v, c] = ordered sum over n with ids[n] = v of dyᵀ[c, n]",
};

/// Rows of w named by ids: w \[V, C\], ids u32 \[N\] → \[N, C\]. An id of V or more reads what follows, or 0.
#[derive(Clone, Copy, Debug)]
pub struct Lookup;

impl Operator for Lookup {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [w, ids] = arity(ROW.name, inputs)?;
        suits(ids.len() == 1, ROW.name, inputs, "ids is a list, w a matrix")?;
        Ok(vec![ids[0], matrix(w).1])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let (rows, columns) = (builder.len(inputs[1]), builder.matrix(inputs[0]).1);
        let place = element(inputs[1], coord(0)).times(columns) + coord(1);
        builder.map("lookup", &[rows, columns], vec![at(inputs[0], place)], scalar::copy())
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let [w, ids] = [call.inputs[0], call.inputs[1]];
        let (values, columns) = builder.matrix(w);
        let rows = builder.len(ids);
        let transposed = builder.transpose(call.gradient, rows, columns);
        let term = at(transposed, coord(1).times(rows) + fold());
        let same = Predicate { left: element(ids, fold()), relation: Relation::Equal, right: coord(0) };
        let shape = [values, columns];
        let dw = builder.sum("lookup_dw", &shape, rows, vec![term], scalar::copy(), Some(same));
        vec![Some(dw), None]
    }
}
