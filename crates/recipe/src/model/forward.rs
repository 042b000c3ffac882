//! The program of a forward pass over one sequence: what text is continued with.

use samebit_graph::batch::TOKENS;
use samebit_graph::index::coord;
use samebit_graph::node::Input;
use samebit_graph::{Builder, DType, Program, scalar};

use super::Sequences;
use crate::config::ModelConfig;
use crate::job::Sites;

/// The name of the state that holds the logits, f32 \[T, V\], after a step of a forward program.
pub const LOGITS: &str = "logits";

/// A forward pass over one sequence of T tokens.
///
/// The states are the model's [`parameters`](super::parameters), which a step leaves alone, and last [`LOGITS`], which it writes. Positions
/// see no later ones, so a shorter text may be padded with any token.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// The program; its loss and gradient norm are the first logit, for want of any.
    pub program: Program,
    /// T.
    pub time: usize,
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
        let mut builder = Builder::new();
        let weights = super::declare(&mut builder, &super::parameters(config));
        let extent = time as u64;
        let held = builder.state(LOGITS, &[extent, config.vocabulary() as u64]);
        let ids = builder.table(TOKENS, DType::U32, &[extent]);
        let positions =
            builder.map("positions", &[extent], vec![Input::Value(coord(0))], scalar::copy_integer());
        let sequences =
            Sequences { ids, positions, time: extent, dropout_seed: None, numerics: numerics.clone() };
        let logits = super::logits(&mut builder, config, &weights, &sequences);
        let first = builder.map("first_logit", &[1], vec![Input::Outer(logits, coord(0))], scalar::copy());
        let program = builder.finish(&[(held, logits)], first, first);
        Forward { program, time, vocabulary: config.vocabulary(), config: config.clone() }
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
        let logits = vec![0; self.time * self.vocabulary];
        weights.iter().cloned().chain([logits]).collect()
    }

    /// The position of [`LOGITS`] among the states.
    pub fn logits_state(&self) -> usize {
        self.program.states.len() - 1
    }
}
