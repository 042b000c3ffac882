//! Keys and values that are kept from step to step, so that a step computes the rows of its own positions only.
//!
//! ```text
//! step s, R rows of T:   row r stands at position s·R + r
//! kept[j] = rows[j mod R]   if ⌊j / R⌋ = s       f32 [T, Hk·D], a state for the keys and one for the values of each layer
//!           kept[j]         otherwise
//! ```
//! Attention sees the positions up to its own only, so what stands in later rows, padding or nothing yet, is overwritten before it is seen.
//! After step T/R − 1 there is no room: what a later step computes is of no use.

use samebit_graph::builder::flat;
use samebit_graph::index::{Index, coord, step};
use samebit_graph::node::{Input, NodeId};
use samebit_graph::{Builder, scalar};
use samebit_num::Arith;

use crate::config::ModelConfig;

/// What the names of the states begin with.
const PREFIX: &str = "cache.";
/// What a layer keeps.
const PARTS: [&str; 2] = ["keys", "values"];

/// The states of a model's keys and values.
pub(super) struct Cache {
    /// R, rows of a step.
    rows: u64,
    /// Keys and values of each layer.
    layers: Vec<[NodeId; 2]>,
    /// What each state is after the step.
    sinks: Vec<(NodeId, NodeId)>,
}

impl Cache {
    /// Declares the states.
    pub fn declare(builder: &mut Builder, config: &ModelConfig, rows: u64, time: u64) -> Self {
        let (layers, width) = match config {
            ModelConfig::Gpt2(config) => (config.layers, config.width),
            ModelConfig::Llama(config) => (config.layers, config.key_value_heads * config.head_width),
        };
        let mut state = |layer: usize, part: &str| {
            builder.state(&format!("{PREFIX}{layer}.{part}"), &[time, width as u64])
        };
        let layers = (0..layers).map(|layer| PARTS.map(|part| state(layer, part))).collect();
        Cache { rows, layers, sinks: Vec::new() }
    }

    /// The position of the row that coord(0) is.
    pub fn position(&self) -> Index {
        step().times(self.rows) + coord(0)
    }

    /// The tokens of the step's rows, from the table of all.
    pub fn ids(&self, builder: &mut Builder, tokens: NodeId) -> NodeId {
        let read = vec![Input::Outer(tokens, self.position())];
        builder.map("ids", &[self.rows], read, scalar::copy_integer())
    }

    /// The keys and values of a layer with those of the step's rows.
    pub fn join(&mut self, builder: &mut Builder, layer: usize, rows: [NodeId; 2]) -> [NodeId; 2] {
        let kept = self.layers[layer];
        let joined = [0, 1].map(|part| self.insert(builder, kept[part], rows[part]));
        self.sinks.extend(kept.into_iter().zip(joined));
        joined
    }

    fn insert(&self, builder: &mut Builder, kept: NodeId, rows: NodeId) -> NodeId {
        let shape = builder.shape(kept).to_vec();
        let row = coord(0).modulo(self.rows).times(shape[1]) + coord(1);
        let code = scalar::mixed(|m, [kept, row], [place, step]| {
            let is_now = m.ieq(place, step);
            m.select(is_now, row, kept)
        });
        let inputs = vec![
            Input::Outer(kept, flat(&shape)),
            Input::Outer(rows, row),
            Input::Value(coord(0).div(self.rows)),
            Input::Value(step()),
        ];
        builder.map("keep", &shape, inputs, code)
    }

    /// What each state is after the step.
    pub fn into_sinks(self) -> Vec<(NodeId, NodeId)> {
        self.sinks
    }
}
