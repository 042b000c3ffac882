//! The mean negative log-likelihood of labels.

use super::layer_norm::row_sum;
use super::{Call, Operator, Row, arity, at, cell, suits};
use crate::builder::{Builder, matrix};
use crate::error::GraphError;
use crate::index::{Index, coord, element, fold};
use crate::node::{Input, NodeId};
use crate::scalar;
use samebit_num::{Arith, functions};

pub(super) const ROW: Row = Row {
    name: "cross_entropy",
    signature: "z [N, V], labels u32 [N] → [1]",
    formula: "m = max z; e = exp(z − m); l = Σe; loss[n] = (m + ln l) − z[label]; loss = Σloss[n] · (1/N). \
              dz = (e · (1 / l) − [v = label]) · (1/N), times dy unless that is 1",
};

/// The mean over rows of −ln softmax(z)\[label\]: z \[N, V\], labels u32 \[N\] → \[1\].
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy;

impl Operator for CrossEntropy {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [z, labels] = arity(ROW.name, inputs)?;
        suits(*labels == [matrix(z).0], ROW.name, inputs, "a label for each row of z")?;
        Ok(vec![1])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let [z, labels] = [inputs[0], inputs[1]];
        let (rows, columns) = builder.matrix(z);
        let (greatest, _, sum) = softmax(builder, z);
        // On its own: opening two tensors and carrying the code of a logarithm is more than one leaf may cost.
        let place = coord(0).times(columns) + element(labels, coord(0));
        let chosen = builder.map("label_logits", &[rows], vec![at(z, place)], scalar::copy());
        let code = scalar::floats(|m, [greatest, sum, chosen]| {
            let log = functions::ln(m, sum);
            let log = m.add(greatest, log);
            m.sub(log, chosen)
        });
        let terms = vec![at(greatest, coord(0)), at(sum, coord(0)), at(chosen, coord(0))];
        let losses = builder.map("loss_rows", &[rows], terms, code);
        let total = builder.sum("loss_total", &[1], rows, vec![at(losses, fold())], scalar::copy(), None);
        let reciprocal = scalar::reciprocal(rows).to_bits();
        let code = scalar::floats(|m, [total]| {
            let factor = m.constant(reciprocal);
            m.mul(total, factor)
        });
        builder.map("cross_entropy", &[1], vec![at(total, coord(0))], code)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        let [z, labels] = [call.inputs[0], call.inputs[1]];
        let (rows, columns) = builder.matrix(z);
        let (_, exponentials, sum) = softmax(builder, z);
        let code = scalar::floats(|m, [sum]| {
            let one = m.constant(1f32.to_bits());
            m.div(one, sum)
        });
        let inverse = builder.map("softmax_inverse", &[rows], vec![at(sum, coord(0))], code);
        let reciprocal = scalar::reciprocal(rows).to_bits();
        let code = scalar::mixed(|m, [exponential, inverse], [column, label]| {
            let (factor, one, zero) = (m.constant(reciprocal), m.constant(1f32.to_bits()), m.constant(0));
            let chosen = m.ieq(column, label);
            let target = m.select(chosen, one, zero);
            let probability = m.mul(exponential, inverse);
            let difference = m.sub(probability, target);
            m.mul(difference, factor)
        });
        let inputs = vec![
            at(exponentials, cell(columns)),
            at(inverse, coord(0)),
            Input::Value(coord(1)),
            at(labels, coord(0)),
        ];
        let mut dz = builder.map("cross_entropy_dz", &[rows, columns], inputs, code);
        if !builder.is_ones(call.gradient) {
            let code = scalar::floats(|m, [dz, dy]| m.mul(dz, dy));
            let inputs = vec![at(dz, cell(columns)), at(call.gradient, Index::default())];
            dz = builder.map("cross_entropy_scale", &[rows, columns], inputs, code);
        }
        vec![Some(dz), None]
    }
}

/// The maximum of each row \[N\], exp(z − maximum) \[N, V\] and its sum over each row \[N\].
fn softmax(builder: &mut Builder, z: NodeId) -> (NodeId, NodeId, NodeId) {
    let (rows, columns) = builder.matrix(z);
    let term = vec![at(z, coord(0).times(columns) + fold())];
    let greatest = builder.max("softmax_max", &[rows], columns, term, scalar::copy(), None);
    // No argument is above 0: the maximum is one of the row's values.
    let code = scalar::floats(|m, [z, greatest]| {
        let shifted = m.sub(z, greatest);
        functions::exp_nonpositive(m, shifted)
    });
    let inputs = vec![at(z, cell(columns)), at(greatest, coord(0))];
    let exponentials = builder.map("softmax_exp", &[rows, columns], inputs, code);
    let sum = row_sum(builder, "softmax_sum", rows, columns, &[exponentials], scalar::copy());
    (greatest, exponentials, sum)
}
