//! From a job to everything that a run needs: the program, its tables and its first state.

use rayon::join;
use samebit_graph::optimizer::{SCHEDULE, SCHEDULE_COLUMNS};
use samebit_graph::{Program, batch};

use crate::config::ModelConfig;
use crate::data::{Source, TokenStream, load_tokens};
use crate::error::Result;
use crate::job::{Job, Optimizer, Training};
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
    /// The arithmetic of products: `f32`.
    pub profile: &'static str,
    /// The model.
    pub model: ModelConfig,
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
        profile: training.numerics.name(),
        model: model.clone(),
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
        Forward::new(&self.model, time)
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
