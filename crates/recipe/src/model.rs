//! GPT-2 and Llama as programs: the parameters of a family, the training step, and the forward pass.
//!
//! ```text
//! training step   batch ─► embeddings ─► blocks ─► head ─► cross-entropy ─► gradients ─► norm, clip ─► AdamW or SGD
//! forward pass    tokens u32 [T] ─► embeddings ─► blocks ─► head ─► logits f32 [T, V]
//! with a cache    R of the tokens, the keys and values before them ─► the same ─► logits f32 [R, V], keys and values with theirs
//! ```
//!
//! Both are built from the same block functions. Each family has one table of [`Parameter`]s, which says everything about
//! them: their place among the states, how they start, whether their weights decay, and where they stand in a weight file.

mod cache;
mod forward;
mod gpt2;
mod llama;
mod places;
mod train;

pub use forward::{Forward, LOGITS};
pub use places::{load_model, save_model};
pub use train::training_program;

use std::collections::BTreeMap;

use samebit_graph::Builder;
use samebit_graph::node::NodeId;
use samebit_graph::operators::{Attention, Dropout, Linear, Lookup};

use crate::config::ModelConfig;
use crate::initial::{Init, InitialTensor};
use crate::job::Sites;
use crate::rotary::rotary_tables;
use cache::Cache;

/// The name of the table of cosines of rotary positions, f32 \[T, D/2\].
pub const ROPE_COSINES: &str = "rope_cos";
/// The name of the table of their sines.
pub const ROPE_SINES: &str = "rope_sin";

/// A tensor that training changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name of its state.
    pub name: String,
    /// Its dimensions; a linear layer is \[out, in\].
    pub shape: Vec<usize>,
    /// How it starts when no weights are given.
    pub init: Init,
    /// Whether its weights decay. Matrices do, embeddings among them; biases and the gains of norms do not.
    pub decays: bool,
    /// Where it stands in `model.safetensors`.
    pub place: Place,
}

/// Where a parameter stands in a weight file. Parameters next to each other in their table that name one tensor are its parts,
/// laid end to end along their first dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tensor's name.
    pub tensor: String,
    /// Whether the file holds the transpose of the parts laid end to end (GPT-2's linear layers are \[in, out\] there).
    pub is_transposed: bool,
}

impl Parameter {
    /// A matrix \[rows, columns\] that starts as normal draws, stored as it is under `prefix` and its own name.
    fn matrix(prefix: &str, name: String, shape: [usize; 2], deviation: f32) -> Self {
        let place = Place { tensor: format!("{prefix}{name}"), is_transposed: false };
        Parameter { name, shape: shape.to_vec(), init: Init::Normal { deviation }, decays: true, place }
    }

    /// A vector that starts constant, stored as it is under `prefix` and its own name.
    fn vector(prefix: &str, name: String, count: usize, init: Init) -> Self {
        let place = Place { tensor: format!("{prefix}{name}"), is_transposed: false };
        Parameter { name, shape: vec![count], init, decays: false, place }
    }

    /// Number of elements.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product()
    }

    fn initial(&self) -> InitialTensor {
        InitialTensor { name: self.name.clone(), shape: self.shape.clone(), init: self.init }
    }
}

/// The parameters of a model. They are the first states of its programs, in this order.
pub fn parameters(config: &ModelConfig) -> Vec<Parameter> {
    match config {
        ModelConfig::Gpt2(config) => gpt2::parameters(config),
        ModelConfig::Llama(config) => llama::parameters(config),
    }
}

/// First weights from the seed, in the order of [`parameters`], as words of binary32.
pub fn initial_weights(config: &ModelConfig, seed: u64) -> Vec<Vec<u32>> {
    let list: Vec<InitialTensor> = parameters(config).iter().map(Parameter::initial).collect();
    let tensors = crate::initial::initial_tensors(seed, &list).into_iter();
    tensors.map(|tensor| tensor.data.into_iter().map(f32::to_bits).collect()).collect()
}

/// The bits of floats.
pub(crate) fn words(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|value| value.to_bits()).collect()
}

/// Declares the parameters as states.
fn declare(builder: &mut Builder, parameters: &[Parameter]) -> Weights {
    let node = |parameter: &Parameter| {
        (parameter.name.clone(), builder.state(&parameter.name, &extents(&parameter.shape)))
    };
    Weights(parameters.iter().map(node).collect())
}

fn extents(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|extent| *extent as u64).collect()
}

/// The nodes of the parameters, by name.
struct Weights(BTreeMap<String, NodeId>);

impl Weights {
    fn get(&self, name: &str) -> NodeId {
        *self.0.get(name).unwrap_or_else(|| panic!("{name} is in the family's table of parameters"))
    }
}

/// What a model's forward composition reads beside its weights.
struct Sequences {
    /// The tokens, u32 \[N\] with N = B·R.
    ids: NodeId,
    /// Each token's position in its sequence, u32 \[N\].
    positions: NodeId,
    /// T, positions of a sequence.
    time: u64,
    /// R, those that a step computes: all of them, but for a cache.
    rows: u64,
    /// The keys and values of other steps' positions.
    cache: Option<Cache>,
    /// The seed of dropout; none outside training.
    dropout_seed: Option<u64>,
    /// How each site's products are computed.
    numerics: Sites,
}

impl Sequences {
    /// The linear layer of a site.
    fn linear(&self, site: &str) -> Linear {
        Linear { numerics: self.numerics.of(site) }
    }

    /// Rows of a table \[T, …\] for the positions of the step, if it does not compute all.
    fn at_positions(&self, builder: &mut Builder, table: NodeId) -> NodeId {
        if self.cache.is_some() { builder.apply(Lookup, &[table, self.positions]) } else { table }
    }

    /// Attention of a layer, over the keys and values that are kept if any are.
    fn attend(
        &mut self,
        builder: &mut Builder,
        layer: usize,
        attention: Attention,
        [q, k, v]: [NodeId; 3],
    ) -> NodeId {
        let [k, v] = match &mut self.cache {
            Some(cache) => cache.join(builder, layer, [k, v]),
            None => [k, v],
        };
        builder.apply(attention, &[q, k, v])
    }

    /// x, or x with dropout while training. Each place in a model has its own `stream`.
    fn drop(&self, builder: &mut Builder, x: NodeId, probability: f32, stream: usize) -> NodeId {
        match self.dropout_seed {
            Some(seed) if probability > 0.0 => {
                let stream = u32::try_from(stream).expect("a model has fewer layers than streams");
                builder.apply(Dropout { probability: probability.into(), seed, stream }, &[x])
            }
            _ => x,
        }
    }
}

/// 1/√D, rounded twice: the factor of attention's scores.
fn attention_scale(head_size: u64) -> f32 {
    1.0 / (head_size as f32).sqrt()
}

/// Logits \[N, V\] of every position.
fn logits(
    builder: &mut Builder,
    config: &ModelConfig,
    weights: &Weights,
    sequences: &mut Sequences,
) -> NodeId {
    match config {
        ModelConfig::Gpt2(config) => gpt2::logits(builder, config, weights, sequences),
        ModelConfig::Llama(config) => llama::logits(builder, config, weights, sequences),
    }
}

/// The tables that a family needs for sequences of T positions, with their words, in no fixed order.
pub fn position_tables(config: &ModelConfig, time: usize) -> Vec<(&'static str, Vec<u32>)> {
    match config {
        ModelConfig::Gpt2(_) => Vec::new(),
        ModelConfig::Llama(config) => {
            let tables = rotary_tables(time, config.head_width, config.rope_theta);
            vec![(ROPE_COSINES, words(&tables.cosines)), (ROPE_SINES, words(&tables.sines))]
        }
    }
}

/// Puts named tables into the order of a program's declarations.
///
/// # Panics
/// If a declared table is not given, or has another size.
pub(crate) fn in_order(
    program: &samebit_graph::Program,
    given: Vec<(&'static str, Vec<u32>)>,
) -> Vec<Vec<u32>> {
    let mut given: BTreeMap<&str, Vec<u32>> = given.into_iter().collect();
    let take = |table: &samebit_graph::Declaration| {
        let words =
            given.remove(table.name.as_str()).unwrap_or_else(|| panic!("table {} is given", table.name));
        assert_eq!(words.len() as u64, table.len(), "table {}", table.name);
        words
    };
    program.tables.iter().map(take).collect()
}

#[cfg(test)]
mod tests;
