//! A model that reads a text and goes on: the keys and values of what it has seen are kept, so that one more token costs one row.
//!
//! ```text
//! read    some rows a step   the prompt; the text again when it outgrows what is kept, twice as long each time
//! write   one row a step     every other token
//! ```
//! Every row of logits has the bits that a pass over the whole text gives it, and training.

use crate::failure::Failure;
use crate::machine::Machine;
use crate::memory::Schedule;
use samebit_engine::Engine;
use samebit_graph::batch::TOKENS;
use samebit_recipe::{Forward, ModelConfig, Sites};
use std::sync::Arc;

/// The most rows of a step that reads.
const READING_ROWS: usize = 128;

/// The fewest positions that are kept, unless the model has fewer.
const LEAST_POSITIONS: usize = 64;

/// A model, what it computes on, and the text that it has read.
pub struct Writer {
    /// The model.
    pub config: ModelConfig,
    /// How its products are computed.
    pub numerics: Sites,
    /// What computes.
    pub machine: Machine,
    /// Its weights, in the order of its parameters.
    pub weights: Vec<Vec<u32>>,
    stage: Option<Stage>,
}

/// A program in memory with the keys and values of a text.
struct Stage {
    forward: Forward,
    engine: Engine,
    /// The tokens that it was given.
    text: Vec<u32>,
}

impl Writer {
    /// A writer that has read nothing.
    pub fn new(config: ModelConfig, numerics: Sites, machine: Machine, weights: Vec<Vec<u32>>) -> Writer {
        Writer { config, numerics, machine, weights, stage: None }
    }

    /// The logits \[V\] after the last of the tokens. A model sees no more of them than it has positions.
    ///
    /// # Errors
    /// The engine's: no memory, no threads.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
        let seen = &tokens[tokens.len().saturating_sub(self.config.positions())..];
        let goes_on = |stage: &&mut Stage| stage.forward.rows == 1 && stage.is_one_short_of(seen);
        match self.stage.as_mut().filter(goes_on) {
            Some(stage) => stage.step(seen),
            None => self.read(seen),
        }
    }

    /// Reads a text from its start.
    fn read(&mut self, text: &[u32]) -> Result<Vec<f32>, Failure> {
        let rows = text.len().next_power_of_two().min(READING_ROWS);
        let positions = self.config.positions().next_multiple_of(rows);
        let time = (text.len() + 1).next_power_of_two().max(LEAST_POSITIONS).min(positions);
        let is_same = |stage: &Stage| (stage.forward.rows, stage.forward.time) == (rows, time);
        let mut stage = match self.stage.take().filter(is_same) {
            Some(stage) => stage,
            None => self.start(rows, time)?,
        };
        let mut logits = Vec::new();
        for end in (rows..text.len()).step_by(rows).chain([text.len()]) {
            logits = stage.step(&text[..end])?;
        }
        // A full text moves on by a position with each token, and then nothing that was kept is right.
        let is_full = text.len() == self.config.positions();
        self.stage = Some(if is_full { stage } else { self.one_by_one(stage)? });
        Ok(logits)
    }

    /// The same text, to be continued by a row a step.
    fn one_by_one(&self, read: Stage) -> Result<Stage, Failure> {
        let kept = read.kept();
        let Stage { forward: Forward { time, .. }, engine, text } = read;
        drop(engine);
        let mut stage = self.start(1, time)?;
        for (state, words) in stage.forward.cache_states().zip(&kept) {
            stage.engine.write_state(state, words)?;
        }
        Ok(Stage { text, ..stage })
    }

    fn start(&self, rows: usize, time: usize) -> Result<Stage, Failure> {
        let forward = Forward::cached(&self.config, &self.numerics, rows, time);
        let tables = forward.tables(&[]);
        let backend = self.machine.backend.clone();
        let program = Arc::new(forward.program.clone());
        let mut engine = Engine::new(program, &tables, backend, &self.machine.settings(Schedule::of(1)))?;
        for (state, words) in self.weights.iter().enumerate() {
            engine.write_state(state, words)?;
        }
        Ok(Stage { forward, engine, text: Vec::new() })
    }
}

impl Stage {
    /// Whether the text is that of the stage and one token more, for which there is room.
    fn is_one_short_of(&self, text: &[u32]) -> bool {
        text.len() <= self.forward.time && text.split_last().is_some_and(|(_, before)| before == self.text)
    }

    /// Runs the step that the last token is in, after those of all tokens before; the logits of the last token.
    fn step(&mut self, text: &[u32]) -> Result<Vec<f32>, Failure> {
        let Stage { forward, engine, .. } = self;
        let table = forward.program.tables.iter().position(|table| table.name == TOKENS);
        let mut padded = text.to_vec();
        padded.resize(forward.time, 0);
        engine.write_table(table.expect("a forward program reads tokens"), &padded)?;
        let last = text.len() - 1;
        engine.step((last / forward.rows) as u64)?;
        let mut words = vec![0; forward.vocabulary];
        engine.read_state(forward.logits_state(), last % forward.rows * forward.vocabulary, &mut words);
        self.text = text.to_vec();
        Ok(words.into_iter().map(f32::from_bits).collect())
    }

    /// The keys and values.
    fn kept(&self) -> Vec<Vec<u32>> {
        let words = |state: usize| {
            let mut words = vec![0; self.forward.program.states[state].len() as usize];
            self.engine.read_state(state, 0, &mut words);
            words
        };
        self.forward.cache_states().map(words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_ops::Cpu;
    use samebit_recipe::Job;
    use samebit_recipe::model::initial_weights;
    use std::path::Path;

    const GPT: &str = "model_type: gpt2, n_layer: 2, n_embd: 12, n_head: 2, n_positions: 150, vocab_size: 31";
    const LLAMA: &str = "model_type: llama, num_hidden_layers: 2, hidden_size: 24, num_attention_heads: 4, num_key_value_heads: 2, \
                         intermediate_size: 20, vocab_size: 31, max_position_embeddings: 150";

    fn writer(model: &str, profile: &str) -> Writer {
        let text = format!(
            "model_config: {{{model}}}\ntokenizer: bytes\ndatasets: [{{path: x}}]\nsequence_len: 7\nmicro_batch_size: 1\n\
             max_steps: 1\nlearning_rate: 1.0e-3\nnumerics: {profile}\n"
        );
        let job = Job::parse(&text, Path::new("job.yaml")).expect("a job");
        let config = job.model.config;
        let weights = initial_weights(&config, 5);
        let machine = Machine { backend: Arc::new(Cpu::detect()), threads: 1 };
        Writer::new(config, job.training.numerics, machine, weights)
    }

    /// The logits after the last token of one pass over all.
    fn at_once(writer: &Writer, seen: &[u32]) -> Vec<f32> {
        let forward = Forward::new(&writer.config, &writer.numerics, seen.len());
        let mut engine = Engine::new(
            Arc::new(forward.program.clone()),
            &forward.tables(seen),
            writer.machine.backend.clone(),
            &writer.machine.settings(Schedule::of(1)),
        )
        .expect("a plan");
        for (state, words) in writer.weights.iter().enumerate() {
            engine.write_state(state, words).expect("words");
        }
        engine.step(0).expect("a step");
        let mut words = vec![0; forward.vocabulary];
        engine.read_state(forward.logits_state(), (seen.len() - 1) * forward.vocabulary, &mut words);
        words.into_iter().map(f32::from_bits).collect()
    }

    fn assert_same(writer: &mut Writer, tokens: &[u32]) {
        let expected = at_once(writer, &tokens[tokens.len().saturating_sub(150)..]);
        let found = writer.logits(tokens).expect("logits");
        let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
        assert!(bits(&found) == bits(&expected), "after {} tokens", tokens.len());
    }

    /// From one token, from a prompt of several steps, past all that is kept, and past the model's positions.
    #[test]
    fn a_text_goes_on_as_if_it_were_read_at_once() {
        let tokens: Vec<u32> = (0..170u32).map(|at| (at * at + at / 3) % 31).collect();
        for (model, profile) in [(GPT, "f32"), (GPT, "exact8"), (LLAMA, "exact14")] {
            for first in [1, 131, 149] {
                let mut writer = writer(model, profile);
                for len in
                    (first..=tokens.len()).filter(|len| *len < 5 || (60..70).contains(len) || *len > 125)
                {
                    assert_same(&mut writer, &tokens[..len]);
                }
            }
        }
    }

    #[test]
    fn another_text_is_read_anew() {
        let mut writer = writer(GPT, "f32");
        for text in [&[1, 2, 3][..], &[1, 2, 3, 4], &[1, 2, 5, 4, 6], &[7], &[1, 2, 3, 4]] {
            assert_same(&mut writer, text);
        }
    }
}
