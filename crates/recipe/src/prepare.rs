//! From a job to everything that a run needs: the program, its tables and its first state.

use rayon::join;
use samebit_graph::optimizer::{SCHEDULE, SCHEDULE_COLUMNS};
use samebit_graph::{Program, batch};

use crate::config::ModelConfig;
use crate::data::{Source, TokenStream, load_tokens};
use crate::error::Result;
use crate::job::{Job, Optimizer, Sites, Training};
use crate::model::{self, Forward, Parameter};
use crate::order::order_table;
use crate::schedule::{bias_correction_table, learning_rate_table};
use crate::tokenizer::Tokenizer;

/// A job that is ready to run. The same job file and data make the same words on every machine.
pub struct Prepared {
    /// The operator graph of a training step.
    pub program: Program,
    /// The words of the states before step 0, in the program's order: the model's parameters first, then the moments.
    pub states: Vec<Vec<u32>>,
    /// The words of the tables, in the program's order.
    pub tables: Vec<Vec<u32>>,
    /// Steps of the job.
    pub steps: u64,
    /// Steps of a segment; the last segment may be short.
    pub segment_steps: u64,
    /// Micro-batches in which a step is run: a schedule, which changes no bit.
    pub micro_batches: u64,
    /// Tokens of a step.
    pub tokens_per_step: u64,
    /// The model.
    pub model: ModelConfig,
    /// The arithmetic of its products.
    pub numerics: Sites,
    /// Its parameters, which are the first states.
    pub parameters: Vec<Parameter>,
    /// How text becomes tokens.
    pub tokenizer: Tokenizer,
    /// The files of the data.
    pub sources: Vec<Source>,
}

/// Reads a job's data and weights and builds its program.
///
/// # Errors
/// Data, tokenizer or weights that cannot be read or do not suit the model.
pub fn prepare(job: &Job) -> Result<Prepared> {
    let (model, training) = (&job.model.config, &job.training);
    let tokenizer = Tokenizer::load(&job.tokenizer)?;
    let (data, weights) =
        join(|| load_tokens(&job.datasets, &tokenizer, model.vocabulary()), || first_weights(job));
    let TokenStream { tokens, sources } = data?;
    let order = order_table(
        training.seed,
        tokens.len(),
        training.sequence_len,
        training.rows_per_step(),
        training.max_steps,
    )?;
    let program = model::training_program(model, training, tokens.len() as u64);
    let tables = training_tables(&program, model, training, tokens, order);
    let mut states = weights?;
    let moments = program.states[states.len()..].iter();
    states.extend(moments.map(|state| vec![0; state.len() as usize]));
    Ok(Prepared {
        program,
        states,
        tables,
        steps: training.max_steps as u64,
        segment_steps: job.segment_steps as u64,
        micro_batches: training.gradient_accumulation_steps as u64,
        tokens_per_step: (training.rows_per_step() * training.sequence_len) as u64,
        model: model.clone(),
        numerics: training.numerics.clone(),
        parameters: model::parameters(model),
        tokenizer,
        sources,
    })
}

impl Prepared {
    /// The forward pass of the model over `time` tokens.
    ///
    /// # Panics
    /// If `time` is 0 or above the model's positions.
    pub fn forward(&self, time: usize) -> Forward {
        Forward::new(&self.model, &self.numerics, time)
    }
}

fn first_weights(job: &Job) -> Result<Vec<Vec<u32>>> {
    match &job.model.weights {
        Some(file) => model::load_model(&job.model.config, file),
        None => Ok(model::initial_weights(&job.model.config, job.training.seed)),
    }
}

/// The words of the tables of a training program, in its order.
pub fn training_tables(
    program: &Program,
    model: &ModelConfig,
    training: &Training,
    tokens: Vec<u32>,
    order: Vec<u32>,
) -> Vec<Vec<u32>> {
    let mut given = model::position_tables(model, training.sequence_len);
    given.extend([(batch::TOKENS, tokens), (batch::ORDER, order), (SCHEDULE, schedule(training))]);
    model::in_order(program, given)
}

/// The words of the tables that follow from the job file alone, by name: all but the tokens.
///
/// # Errors
/// [`crate::Error::TooLittleData`] if so many tokens do not fill a step.
pub fn derived_tables(
    model: &ModelConfig,
    training: &Training,
    token_count: usize,
) -> Result<Vec<(&'static str, Vec<u32>)>> {
    let (sequence_len, rows) = (training.sequence_len, training.rows_per_step());
    let order = order_table(training.seed, token_count, sequence_len, rows, training.max_steps)?;
    let mut tables = model::position_tables(model, training.sequence_len);
    tables.extend([(batch::ORDER, order), (SCHEDULE, schedule(training))]);
    Ok(tables)
}

/// The table `schedule` f32 \[steps, 4\]: learning rate · 1/(1 − β1^(step+1)) · 1/(1 − β2^(step+1)) · 1 − learning rate · weight decay, the last
/// rounded twice. SGD uses the first only; the others are 1.
fn schedule(training: &Training) -> Vec<u32> {
    let steps = training.max_steps;
    let rates = learning_rate_table(training.curve, training.learning_rate, training.warmup_steps, steps);
    let ones = || vec![1.0; steps];
    let (first, second, decay) = match training.optimizer {
        Optimizer::Adamw { beta1, beta2, .. } => {
            let kept = rates.iter().map(|rate| 1.0 - rate * training.weight_decay).collect();
            (bias_correction_table(beta1, steps), bias_correction_table(beta2, steps), kept)
        }
        Optimizer::Sgd { .. } => (ones(), ones(), ones()),
    };
    let mut table = Vec::with_capacity(steps * SCHEDULE_COLUMNS as usize);
    for step in 0..steps {
        table.extend([rates[step], first[step], second[step], decay[step]].map(f32::to_bits));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT: &str =
        "{model_type: gpt2, n_layer: 1, n_embd: 8, n_head: 2, n_positions: 16, vocab_size: 256}";

    /// A job from scratch on 101 bytes of data.
    fn prepared(more: &str) -> Result<Prepared> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("data.txt"), "0123456789".repeat(10)).unwrap();
        let text = format!(
            "model_config: {GPT}\ntokenizer: bytes\ndatasets: [{{path: data.txt}}]\nsequence_len: 10\n\
             micro_batch_size: 2\nmax_steps: 6\nwarmup_steps: 2\n{more}"
        );
        prepare(&Job::parse(&text, &directory.path().join("job.yaml")).unwrap())
    }

    #[test]
    fn a_job_is_the_same_words_every_time() {
        let more = "learning_rate: 1.0e-2\nweight_decay: 0.5\ngradient_accumulation_steps: 3\nseed: 5";
        let (first, second) = (prepared(more).unwrap(), prepared(more).unwrap());
        assert_eq!(first.program, second.program);
        assert_eq!((&first.states, &first.tables), (&second.states, &second.tables));
        assert_eq!((first.steps, first.micro_batches, first.tokens_per_step), (6, 3, 60));
        let sizes = |words: &[Vec<u32>]| words.iter().map(|words| words.len() as u64).collect::<Vec<_>>();
        let declared =
            |list: &[samebit_graph::Declaration]| list.iter().map(|item| item.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&first.states), declared(&first.program.states));
        assert_eq!(sizes(&first.tables), declared(&first.program.tables));
        assert!(first.states[first.parameters.len()..].iter().flatten().all(|word| *word == 0));
    }

    #[test]
    fn schedules_hold_rates_corrections_and_decay() {
        let table = |more: &str| {
            let prepared = prepared(more).unwrap();
            let place = prepared.program.tables.iter().position(|table| table.name == SCHEDULE).unwrap();
            let floats = prepared.tables[place].iter().map(|word| f32::from_bits(*word));
            floats.collect::<Vec<f32>>()
        };
        let adamw = table("learning_rate: 0.25\nweight_decay: 0.5\nadam_beta1: 0.5\nadam_beta2: 0.75");
        assert_eq!(
            adamw[..12],
            [0.0, 2.0, 4.0, 1.0, 0.125, 4.0 / 3.0, 16.0 / 7.0, 0.9375, 0.25, 8.0 / 7.0, 64.0 / 37.0, 0.875]
        );
        let sgd = table("optimizer: sgd\nlearning_rate: 0.25\nweight_decay: 0.5");
        assert_eq!(sgd[..8], [0.0, 1.0, 1.0, 1.0, 0.125, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn too_little_data_is_an_error() {
        let error = prepared("learning_rate: 0.1\ngradient_accumulation_steps: 6").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("one step takes 12 rows"), "{error}");
    }
}
