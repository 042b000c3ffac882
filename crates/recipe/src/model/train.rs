//! The program of a training step over the whole step's batch.

use samebit_graph::batch::{Batch, batch};
use samebit_graph::node::NodeId;
use samebit_graph::operators::CrossEntropy;
use samebit_graph::optimizer::{AdamW, Sgd, Tensor, clip_factor, global_norm, schedule};
use samebit_graph::{Builder, Program};

use super::{Parameter, Sequences, Weights};
use crate::config::ModelConfig;
use crate::job::{Optimizer, Training};

/// The program of one training step.
///
/// - Tables: `tokens` u32 \[token count\], `order` u32 \[steps, B\], the family's position tables, `schedule` f32 \[steps, 4\].
/// - States: the [`parameters`](super::parameters), then the moments: `adam_m.<parameter>` and `adam_v.<parameter>`, or `sgd_m.<parameter>`.
/// - B = `micro_batch_size` · `gradient_accumulation_steps`: how a step is cut into micro-batches does not change its program.
pub fn training_program(config: &ModelConfig, training: &Training, token_count: u64) -> Program {
    let mut builder = Builder::new();
    let parameters = super::parameters(config);
    let weights = super::declare(&mut builder, &parameters);
    let time = training.sequence_len as u64;
    let steps = training.max_steps as u64;
    let sequences = training.rows_per_step() as u64;
    let nodes = batch(&mut builder, Batch { sequences, time, token_count, steps });
    let mut inputs = Sequences {
        ids: nodes.ids,
        positions: nodes.positions,
        time,
        rows: time,
        cache: None,
        dropout_seed: Some(training.seed),
        numerics: training.numerics.clone(),
    };
    let logits = super::logits(&mut builder, config, &weights, &mut inputs);
    let loss = builder.apply(CrossEntropy, &[logits, nodes.labels]);
    let nodes: Vec<NodeId> = parameters.iter().map(|parameter| weights.get(&parameter.name)).collect();
    let gradients = builder.gradient(loss, &nodes);
    let norm = global_norm(&mut builder, &gradients);
    let clip = training.max_grad_norm.map(|limit| clip_factor(&mut builder, norm, limit));
    let rates = schedule(&mut builder, steps);
    let update = Update { builder: &mut builder, training, clip, rates };
    let sinks = update.all(&parameters, &weights, &gradients);
    builder.finish(&sinks, loss, norm)
}

struct Update<'a> {
    builder: &'a mut Builder,
    training: &'a Training,
    clip: Option<NodeId>,
    rates: NodeId,
}

impl Update<'_> {
    /// The sinks of all parameters and moments.
    fn all(
        mut self,
        parameters: &[Parameter],
        weights: &Weights,
        gradients: &[NodeId],
    ) -> Vec<(NodeId, NodeId)> {
        let pairs = parameters.iter().zip(gradients);
        pairs
            .flat_map(|(parameter, gradient)| self.one(parameter, weights.get(&parameter.name), *gradient))
            .collect()
    }

    fn one(&mut self, parameter: &Parameter, node: NodeId, gradient: NodeId) -> Vec<(NodeId, NodeId)> {
        let decays = parameter.decays;
        let tensor = |moments| Tensor { parameter: node, moments, gradient, decays };
        match self.training.optimizer {
            Optimizer::Adamw { beta1, beta2, epsilon } => {
                let moments = ["adam_m", "adam_v"].map(|kind| self.moment(parameter, kind));
                let adam = AdamW { beta1: beta1.into(), beta2: beta2.into(), epsilon };
                let values = adam.update(self.builder, tensor(moments), self.clip, self.rates);
                [node, moments[0], moments[1]].into_iter().zip(values).collect()
            }
            Optimizer::Sgd { momentum } => {
                let moment = self.moment(parameter, "sgd_m");
                let sgd = Sgd { momentum, weight_decay: self.training.weight_decay };
                let values = sgd.update(self.builder, tensor([moment; 2]), self.clip, self.rates);
                [node, moment].into_iter().zip(values).collect()
            }
        }
    }

    fn moment(&mut self, parameter: &Parameter, kind: &str) -> NodeId {
        self.builder.state(&format!("{kind}.{}", parameter.name), &super::extents(&parameter.shape))
    }
}
