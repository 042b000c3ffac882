//! The programs of a forward pass over one sequence, at once or some rows a step: what text is continued with.

use std::ops::Range;

use samebit_graph::batch::TOKENS;
use samebit_graph::index::coord;
use samebit_graph::node::Input;
use samebit_graph::{Builder, DType, Program, scalar};

use super::{Cache, Sequences};
use crate::config::ModelConfig;
use crate::job::Sites;

/// The name of the state that holds the logits, f32 \[R, V\], after a step of a forward program.
pub const LOGITS: &str = "logits";

/// A forward pass over one sequence of at most T tokens.
///
/// The states are the model's [`parameters`](super::parameters), which a step leaves alone, the keys and values that are kept, if any are,
/// and last [`LOGITS`], which it writes. Positions see no later ones, so a shorter text may be padded with any token.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// The program; its loss and gradient norm are the first logit, for want of any.
    pub program: Program,
    /// T.
    pub time: usize,
    /// R, positions that a step computes: all of them, or those from step · R on.
    pub rows: usize,
    /// V, logits of a position.
    pub vocabulary: usize,
    config: ModelConfig,
}

impl Forward {
    /// The forward pass of a model over `time` tokens, with a job's numerics: a position has the bits that training has, whatever T is.
    ///
    /// # Panics
    /// If `time` is 0 or above the model's positions.
    pub fn new(config: &ModelConfig, numerics: &Sites, time: usize) -> Self {
        assert!(
            (1..=config.positions()).contains(&time),
            "{time} tokens for {} positions",
            config.positions()
        );
        Self::build(config, numerics, [time, time], false)
    }

    /// The forward pass of `rows` tokens a step, which keeps the keys and values of `time` positions: step s computes the positions from s · R
    /// on, with the bits that they have in a pass over all.
    ///
    /// # Panics
    /// If `rows` is no divisor of `time`.
    pub fn cached(config: &ModelConfig, numerics: &Sites, rows: usize, time: usize) -> Self {
        assert!(rows > 0 && time > 0 && time.is_multiple_of(rows), "{time} positions by {rows} a step");
        Self::build(config, numerics, [rows, time], true)
    }

    fn build(config: &ModelConfig, numerics: &Sites, [rows, time]: [usize; 2], is_cached: bool) -> Self {
        let mut builder = Builder::new();
        let weights = super::declare(&mut builder, &super::parameters(config));
        let [extent, length] = [rows as u64, time as u64];
        let cache = is_cached.then(|| Cache::declare(&mut builder, config, extent, length));
        let held = builder.state(LOGITS, &[extent, config.vocabulary() as u64]);
        let tokens = builder.table(TOKENS, DType::U32, &[length]);
        let (ids, position) = match &cache {
            Some(cache) => (cache.ids(&mut builder, tokens), cache.position()),
            None => (tokens, coord(0)),
        };
        let positions =
            builder.map("positions", &[extent], vec![Input::Value(position)], scalar::copy_integer());
        let numerics = numerics.clone();
        let mut sequences =
            Sequences { ids, positions, time: length, rows: extent, cache, dropout_seed: None, numerics };
        let logits = super::logits(&mut builder, config, &weights, &mut sequences);
        let first = builder.map("first_logit", &[1], vec![Input::Outer(logits, coord(0))], scalar::copy());
        let mut sinks = sequences.cache.map_or_else(Vec::new, Cache::into_sinks);
        sinks.push((held, logits));
        let program = builder.finish(&sinks, first, first);
        Forward { program, time, rows, vocabulary: config.vocabulary(), config: config.clone() }
    }

    /// The program's tables for a text of at most T tokens; it is padded with token 0.
    ///
    /// # Panics
    /// If the text is longer.
    pub fn tables(&self, text: &[u32]) -> Vec<Vec<u32>> {
        assert!(text.len() <= self.time, "{} tokens for {} positions", text.len(), self.time);
        let mut tokens = text.to_vec();
        tokens.resize(self.time, 0);
        let mut given = super::position_tables(&self.config, self.time);
        given.push((TOKENS, tokens));
        super::in_order(&self.program, given)
    }

    /// The program's states for a model's weights (in the order of [`parameters`](super::parameters)).
    pub fn states(&self, weights: &[Vec<u32>]) -> Vec<Vec<u32>> {
        let rest = self.program.states[weights.len()..].iter();
        weights.iter().cloned().chain(rest.map(|state| vec![0; state.len() as usize])).collect()
    }

    /// The positions of the keys and values among the states: the same for all R.
    pub fn cache_states(&self) -> Range<usize> {
        super::parameters(&self.config).len()..self.logits_state()
    }

    /// The position of [`LOGITS`] among the states.
    pub fn logits_state(&self) -> usize {
        self.program.states.len() - 1
    }
}
