//! y = x · constant.

use super::{Call, Operator, Row, arity, at};
use crate::builder::{Builder, flat};
use crate::error::GraphError;
use crate::node::NodeId;
use crate::scalar;
use samebit_num::Arith;

pub(super) const ROW: Row =
    Row { name: "scale", signature: "x → the same shape", formula: "y = x · factor" };

/// Every element times a constant.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The constant.
    pub factor: f32,
}

impl Operator for Scale {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x] = arity(ROW.name, inputs)?;
        Ok(x.to_vec())
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let shape = builder.shape(inputs[0]).to_vec();
        scaled(builder, &shape, inputs[0], self.factor)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let shape = builder.shape(call.inputs[0]).to_vec();
        vec![Some(scaled(builder, &shape, call.gradient, self.factor))]
    }
}

fn scaled(builder: &mut Builder, shape: &[u64], x: NodeId, factor: f32) -> NodeId {
    let code = scalar::floats(|m, [x]| {
        let factor = m.constant(factor.to_bits());
        m.mul(x, factor)
    });
    builder.map("scale", shape, vec![at(x, flat(shape))], code)
}
