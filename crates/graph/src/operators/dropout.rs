//! Dropout (Srivastava et al., 2014) with counter-based random numbers.

use super::{Call, Operator, Row, arity, at};
use crate::builder::{Builder, flat};
use crate::error::GraphError;
use crate::index::{self, Index};
use crate::node::{Input, NodeId};
use crate::scalar;
use samebit_num::{Arith, philox};

pub(super) const ROW: Row = Row {
    name: "dropout",
    signature: "x → the same shape",
    formula: "mask = +0 where Philox(seed, stream, step, element) drops, else 1/(1 − p); y = x · mask; dx = dy · mask",
};

/// Elements set to 0 with a probability, the others scaled up.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// p, in \[0, 1).
    pub probability: f64,
    /// The job's seed.
    pub seed: u64,
    /// A number that no other random tensor of the job has.
    pub stream: u32,
}

impl Operator for Dropout {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x] = arity(ROW.name, inputs)?;
        Ok(x.to_vec())
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let shape = builder.shape(inputs[0]).to_vec();
        self.masked(builder, "dropout", &shape, inputs[0])
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let shape = builder.shape(call.inputs[0]).to_vec();
        vec![Some(self.masked(builder, "dropout_dx", &shape, call.gradient))]
    }
}

impl Dropout {
    fn masked(&self, builder: &mut Builder, op: &str, shape: &[u64], x: NodeId) -> NodeId {
        let mask = self.mask(builder, shape);
        let code = scalar::floats(|m, [x, mask]| m.mul(x, mask));
        builder.map(op, shape, vec![at(x, flat(shape)), at(mask, flat(shape))], code)
    }

    fn mask(&self, builder: &mut Builder, shape: &[u64]) -> NodeId {
        let threshold = philox::drop_threshold(self.probability);
        let kept = (1.0 / (1.0 - self.probability)) as f32;
        let code = scalar::mixed(|m, [], [low, high, step]| {
            let key = [self.seed as u32, (self.seed >> 32) as u32].map(|word| m.iconstant(word));
            let stream = m.iconstant(self.stream);
            let words = philox::words(m, key, [low, high, stream, step]);
            let threshold = m.iconstant(threshold);
            let dropped = philox::is_dropped(m, words[0], threshold);
            let (zero, kept) = (m.constant(0), m.constant(kept.to_bits()));
            m.select(dropped, zero, kept)
        });
        let element = flat(shape);
        let large = shape.iter().product::<u64>() > 1 << 32;
        let high = if large { element.clone().div(1 << 32) } else { Index::default() };
        let inputs = vec![Input::Value(element), Input::Value(high), Input::Value(index::step())];
        builder.map("dropout_mask", shape, inputs, code)
    }
}
