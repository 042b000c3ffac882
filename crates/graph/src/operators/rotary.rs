//! Rotary position embedding (Su et al., 2021), halves rotated as in Llama.

use super::{Call, Operator, Row, arity, at, suits};
use crate::builder::{Builder, flat, matrix};
use crate::error::GraphError;
use crate::index::coord;
use crate::node::{Input, NodeId};
use crate::scalar;
use samebit_num::Arith;

pub(super) const ROW: Row = Row {
    name: "rotary",
    signature: "x [N, H, D], cos [T, D/2], sin [T, D/2] → [N, H, D]",
    formula: "p = (d + D/2) mod D; s = −sin if d < D/2, else sin, both at [n mod T, d mod D/2]; \
              y[d] = fma(x[d], cos, x[p] · s); dx: the same with s negated",
};

/// Each head's pairs (d, d + D/2) turned by the angles of the row's position: x \[N, H, D\], cos and sin \[T, D/2\] → \[N, H, D\].
#[derive(Clone, Copy, Debug)]
pub struct Rotary {
    /// D; even.
    pub head_size: u64,
}

impl Operator for Rotary {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [x, cos, sin] = arity(ROW.name, inputs)?;
        let (rows, columns) = matrix(x);
        let whole =
            self.head_size > 0 && self.head_size.is_multiple_of(2) && columns.is_multiple_of(self.head_size);
        suits(whole, ROW.name, inputs, "the head size is even and divides the columns of x")?;
        let angles = cos == sin && cos.len() == 2 && cos[1] == self.head_size / 2;
        suits(angles, ROW.name, inputs, "cos and sin are [T, D/2]")?;
        suits(
            rows.is_multiple_of(cos[0]),
            ROW.name,
            inputs,
            "the rows of x are whole sequences of T positions",
        )?;
        Ok(vec![rows, columns / self.head_size, self.head_size])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        self.rotate(builder, "rotary", inputs[0], [inputs[1], inputs[2]], false)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let angles = [call.inputs[1], call.inputs[2]];
        let turned = self.rotate(builder, "rotary_dx", call.gradient, angles, true);
        vec![Some(turned), None, None]
    }
}

impl Rotary {
    fn rotate(
        &self,
        builder: &mut Builder,
        op: &str,
        x: NodeId,
        [cos, sin]: [NodeId; 2],
        backward: bool,
    ) -> NodeId {
        let (size, half) = (self.head_size, self.head_size / 2);
        let (rows, columns) = builder.matrix(x);
        let time = builder.shape(cos)[0];
        let shape = [rows, columns / size, size];
        let partner = coord(0).times(columns) + coord(1).times(size) + (coord(2) + half).modulo(size);
        let angle = coord(0).modulo(time).times(half) + coord(2).modulo(half);
        let code = scalar::mixed(|m, [x, partner, cos, sin], [d]| {
            let half = m.iconstant(half as u32);
            let first = m.ilt(d, half);
            let negative = m.neg(sin);
            let sin = if backward { m.select(first, sin, negative) } else { m.select(first, negative, sin) };
            let turned = m.mul(partner, sin);
            m.fma(x, cos, turned)
        });
        let inputs = vec![
            at(x, flat(&shape)),
            at(x, partner),
            at(cos, angle.clone()),
            at(sin, angle),
            Input::Value(coord(2)),
        ];
        builder.map(op, &shape, inputs, code)
    }
}
