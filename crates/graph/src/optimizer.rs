//! What a step does with gradients: their norm, clipping, AdamW and SGD.
//!
//! What depends on the step's number only is data: the table `schedule` f32 \[steps, 4\] holds, for each step,
//!
//! ```text
//! learning rate · 1/(1 − β1^(step+1)) · 1/(1 − β2^(step+1)) · 1 − learning rate · weight decay
//! ```

use crate::builder::{Builder, flat};
use crate::index::{Index, coord, fold, step};
use crate::node::{DType, Input, NodeId};
use crate::scalar;
use samebit_num::Arith;

/// The name of the table of rates.
pub const SCHEDULE: &str = "schedule";
/// Numbers that the schedule has for a step.
pub const SCHEDULE_COLUMNS: u64 = 4;

/// Declares the table `schedule` f32 \[steps, 4\].
pub fn schedule(builder: &mut Builder, steps: u64) -> NodeId {
    builder.table(SCHEDULE, DType::F32, &[steps, SCHEDULE_COLUMNS])
}

/// √ΣΣg² over all gradients, \[1\]: an ordered sum for each tensor, added in the given order.
pub fn global_norm(builder: &mut Builder, gradients: &[NodeId]) -> NodeId {
    let square = scalar::floats(|m, [g]| m.mul(g, g));
    let total = |gradient: &NodeId| {
        let extent = builder.len(*gradient);
        builder.sum("square_sum", &[1], extent, vec![Input::Outer(*gradient, fold())], square.clone(), None)
    };
    let totals: Vec<NodeId> = gradients.iter().map(total).collect();
    let sum = builder.add_all("square_total", &[1], &totals);
    let root = scalar::floats(|m, [sum]| m.sqrt(sum));
    builder.map("global_norm", &[1], vec![Input::Outer(sum, coord(0))], root)
}

/// The factor min(1, limit / (norm + 1e−6)) that brings the gradients' norm to the limit, \[1\].
pub fn clip_factor(builder: &mut Builder, norm: NodeId, limit: f32) -> NodeId {
    let code = scalar::floats(|m, [norm]| {
        let (limit, one) = (m.constant(limit.to_bits()), m.constant(1f32.to_bits()));
        let small = scalar::constant(m, 1e-6);
        let shifted = m.add(norm, small);
        let ratio = m.div(limit, shifted);
        let less = m.lt(ratio, one);
        m.select(less, ratio, one)
    });
    builder.map("clip_factor", &[1], vec![Input::Outer(norm, coord(0))], code)
}

/// AdamW (Loshchilov, Hutter, 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// β1.
    pub beta1: f64,
    /// β2.
    pub beta2: f64,
    /// ε, added to the root of the second moment.
    pub epsilon: f32,
}

/// A tensor under an optimiser: the nodes of its states and of its gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The parameter's state.
    pub parameter: NodeId,
    /// The states of its moments: m and v for AdamW, the momentum alone for SGD.
    pub moments: [NodeId; 2],
    /// Its gradient.
    pub gradient: NodeId,
    /// Whether its weights decay; norms and biases do not.
    pub decays: bool,
}

impl AdamW {
    /// The values of parameter, m and v after the step:
    /// g' = g·clip; m' = fma(β1, m, (1−β1)·g'); v' = fma(β2, v, ((1−β2)·g')·g');
    /// p' = fma(−rate, (m'·c1) / (√(v'·c2) + ε), p·decay).
    pub fn update(
        &self,
        builder: &mut Builder,
        tensor: Tensor,
        clip: Option<NodeId>,
        schedule: NodeId,
    ) -> [NodeId; 3] {
        let Tensor { parameter, moments: [m, v], gradient, .. } = tensor;
        let (beta1, beta2) = (self.beta1, self.beta2);
        let mean = moment(builder, "adamw_m", m, gradient, clip, |arith, m, g| {
            let (keep, rest) = (scalar::constant(arith, beta1), scalar::constant(arith, 1.0 - beta1));
            let share = arith.mul(rest, g);
            arith.fma(keep, m, share)
        });
        let square = moment(builder, "adamw_v", v, gradient, clip, |arith, v, g| {
            let (keep, rest) = (scalar::constant(arith, beta2), scalar::constant(arith, 1.0 - beta2));
            let share = arith.mul(rest, g);
            let share = arith.mul(share, g);
            arith.fma(keep, v, share)
        });
        let value = self.parameter(builder, parameter, [mean, square], schedule, tensor.decays);
        [value, mean, square]
    }

    fn parameter(
        &self,
        builder: &mut Builder,
        parameter: NodeId,
        [mean, square]: [NodeId; 2],
        schedule: NodeId,
        decays: bool,
    ) -> NodeId {
        let shape = builder.shape(parameter).to_vec();
        let epsilon = self.epsilon.to_bits();
        let step = |arith: &mut samebit_num::Recorder, m, v, rate, correction1, correction2, kept| {
            let epsilon = arith.constant(epsilon);
            let mean = arith.mul(m, correction1);
            let square = arith.mul(v, correction2);
            let root = arith.sqrt(square);
            let divisor = arith.add(root, epsilon);
            let direction = arith.div(mean, divisor);
            let negative = arith.neg(rate);
            arith.fma(negative, direction, kept)
        };
        let mut inputs: Vec<Input> =
            [parameter, mean, square].iter().map(|node| Input::Outer(*node, flat(&shape))).collect();
        let rates = if decays { 4 } else { 3 };
        inputs.extend((0..rates).map(|column| rate(schedule, column)));
        let code = if decays {
            scalar::floats(|arith, [p, m, v, rate, correction1, correction2, decay]| {
                let kept = arith.mul(p, decay);
                step(arith, m, v, rate, correction1, correction2, kept)
            })
        } else {
            scalar::floats(|arith, [p, m, v, rate, c1, c2]| step(arith, m, v, rate, c1, c2, p))
        };
        builder.map("adamw_p", &shape, inputs, code)
    }
}

/// Stochastic gradient descent with momentum and L2 decay, as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The part of the momentum that is kept.
    pub momentum: f32,
    /// The part of a decaying parameter that is added to its gradient.
    pub weight_decay: f32,
}

impl Sgd {
    /// The values of parameter and momentum after the step: g' = g·clip, + weight decay · p (fused) where the tensor decays;
    /// m' = fma(momentum, m, g'); p' = fma(−rate, m', p). `moments[0]` is the momentum; `moments[1]` is not read.
    pub fn update(
        &self,
        builder: &mut Builder,
        tensor: Tensor,
        clip: Option<NodeId>,
        schedule: NodeId,
    ) -> [NodeId; 2] {
        let Tensor { parameter, moments: [m, _], gradient, decays } = tensor;
        let shape = builder.shape(parameter).to_vec();
        let here = |node: NodeId| Input::Outer(node, flat(&shape));
        let gradient = if decays && self.weight_decay != 0.0 {
            let (decay, mut inputs) = (self.weight_decay.to_bits(), vec![here(parameter), here(gradient)]);
            inputs.extend(clip.map(|clip| Input::Outer(clip, Index::default())));
            let code = clipped(clip.is_some(), |arith, p, g| {
                let decay = arith.constant(decay);
                arith.fma(decay, p, g)
            });
            (builder.map("sgd_decay", &shape, inputs, code), None)
        } else {
            (gradient, clip)
        };
        let momentum = self.momentum.to_bits();
        let mean = moment(builder, "sgd_m", m, gradient.0, gradient.1, |arith, m, g| {
            let keep = arith.constant(momentum);
            arith.fma(keep, m, g)
        });
        let code = scalar::floats(|arith, [p, m, rate]| {
            let negative = arith.neg(rate);
            arith.fma(negative, m, p)
        });
        let inputs = vec![here(parameter), here(mean), rate(schedule, 0)];
        [builder.map("sgd_p", &shape, inputs, code), mean]
    }
}

/// Column `column` of the schedule's row of the step.
fn rate(schedule: NodeId, column: u64) -> Input {
    Input::Outer(schedule, step().times(SCHEDULE_COLUMNS) + column)
}

type Update<'a> =
    dyn Fn(&mut samebit_num::Recorder, samebit_num::RegF, samebit_num::RegF) -> samebit_num::RegF + 'a;

/// The program of `update` on a tensor and a gradient, which is first multiplied by a third input if it is to be clipped.
fn clipped(
    clips: bool,
    update: impl Fn(&mut samebit_num::Recorder, samebit_num::RegF, samebit_num::RegF) -> samebit_num::RegF,
) -> samebit_num::Code {
    let update: &Update<'_> = &update;
    if clips {
        scalar::floats(|arith, [held, gradient, clip]| {
            let gradient = arith.mul(gradient, clip);
            update(arith, held, gradient)
        })
    } else {
        scalar::floats(|arith, [held, gradient]| update(arith, held, gradient))
    }
}

fn moment(
    builder: &mut Builder,
    op: &str,
    held: NodeId,
    gradient: NodeId,
    clip: Option<NodeId>,
    update: impl Fn(&mut samebit_num::Recorder, samebit_num::RegF, samebit_num::RegF) -> samebit_num::RegF,
) -> NodeId {
    let shape = builder.shape(held).to_vec();
    let mut inputs = vec![Input::Outer(held, flat(&shape)), Input::Outer(gradient, flat(&shape))];
    inputs.extend(clip.map(|clip| Input::Outer(clip, Index::default())));
    builder.map(op, &shape, inputs, clipped(clip.is_some(), update))
}
