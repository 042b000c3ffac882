//! How fast this machine is: a second of measuring, from which the time of a job is estimated.
//!
//! A few rates are enough: those of products, measured on a product in each profile, and that of everything else, which is what is left of the time
//! of a small training step once its products are taken off.

use crate::failure::{Exit, Failure};
use crate::machine::Machine;
use crate::memory::Schedule;
use samebit_graph::{Cost, Numerics, Program};
use samebit_ops::product::{Layout, ProductKernel};
use samebit_ops::{Kernel, View};
use samebit_recipe::model::training_program;
use samebit_recipe::prepare::training_tables;
use samebit_recipe::{Job, order_table};
use samebit_trace::Runner;
use std::path::Path;
use std::time::Instant;

/// A measurement goes on until it took so long.
const MEASURE_SECONDS: f64 = 0.15;
/// The rounds of a measurement.
const ROUND_LIMIT: usize = 1000;

/// A small GPT, for measuring and for self-tests.
const SMALL: &str = "
model_config: {model_type: gpt2, n_layer: 2, n_embd: 128, n_head: 4, n_positions: 128, vocab_size: 256}
tokenizer: bytes
datasets: [{path: none}]
sequence_len: 128
micro_batch_size: 4
max_steps: 4
learning_rate: 1.0e-3
seed: 1
";

/// A tiny one that the slow reference can run.
pub const TINY: &str = "
model_config: {model_type: gpt2, n_layer: 1, n_embd: 16, n_head: 2, n_positions: 8, vocab_size: 32}
tokenizer: bytes
datasets: [{path: none}]
sequence_len: 8
micro_batch_size: 2
max_steps: 2
learning_rate: 1.0e-2
max_grad_norm: 1.0
seed: 1
";

/// A job on made-up tokens with its first state.
pub struct Sample {
    /// The job.
    pub job: samebit_trace::Job,
    /// Its first state.
    pub states: Vec<Vec<u32>>,
    /// Tokens of a step.
    pub tokens_per_step: u64,
}

impl Sample {
    /// A job on made-up tokens.
    ///
    /// # Errors
    /// The text is no job.
    pub fn new(text: &str) -> Result<Sample, Failure> {
        let job = Job::parse(text, Path::new("sample.yaml"))?;
        let (config, training) = (&job.model.config, &job.training);
        let rows = training.rows_per_step();
        let count = training.sequence_len * rows * 2 + 1;
        let tokens: Vec<u32> =
            (0..count).map(|at| (at * at + at / 3) as u32 % config.vocabulary() as u32).collect();
        let order = order_table(training.seed, count, training.sequence_len, rows, training.max_steps)?;
        let program = training_program(config, training, count as u64);
        let tables = training_tables(&program, config, training, tokens, order);
        let mut states = samebit_recipe::model::initial_weights(config, training.seed);
        let moments = program.states[states.len()..].iter().map(|state| vec![0; state.len() as usize]);
        states.extend(moments.collect::<Vec<_>>());
        let steps = training.max_steps as u64;
        let job = samebit_trace::Job::new(program, tables, &states, steps, steps);
        Ok(Sample { job, states, tokens_per_step: (training.sequence_len * rows) as u64 })
    }

    /// A runner before its first step.
    ///
    /// # Errors
    /// The engine's.
    pub fn runner(&self, machine: &Machine) -> Result<Runner, Failure> {
        let mut runner = Runner::new(
            self.job.clone(),
            machine.backend.clone(),
            &machine.settings(Schedule::of(1)),
            Vec::new(),
        )?;
        for (state, words) in self.states.iter().enumerate() {
            runner.write_state(state, words)?;
        }
        Ok(runner)
    }
}

/// How many ways there are to compute a product.
const NUMERICS: usize = Numerics::ALL.len();

/// Operations of products and of everything else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Split {
    /// Products of each of [`Numerics::ALL`], attention's among them.
    pub products: [f64; NUMERICS],
    /// Everything else.
    pub others: f64,
}

impl Split {
    /// The operations of a step.
    pub fn of(program: &Program) -> Split {
        let mut split = Split::default();
        for (node, Cost { flops, .. }) in program.nodes.iter().zip(program.costs()) {
            let place = Numerics::ALL.iter().position(|numerics| Some(*numerics) == node.numerics());
            *place.map_or(&mut split.others, |place| &mut split.products[place]) += flops as f64;
        }
        split
    }

    /// Seconds of the products at these rates.
    fn product_seconds(&self, rates: [f64; NUMERICS]) -> f64 {
        self.products.iter().zip(rates).map(|(operations, rate)| operations / rate).sum()
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Operations a second in products of each of [`Numerics::ALL`].
    pub products: [f64; NUMERICS],
    /// Operations a second in everything else.
    pub others: f64,
    /// Tokens a second of the small training step.
    pub small_tokens: f64,
}

impl Speed {
    /// Measures this machine.
    ///
    /// # Errors
    /// The engine's.
    pub fn measure(machine: &Machine) -> Result<Speed, Failure> {
        let sample = Sample::new(SMALL)?;
        let mut runner = sample.runner(machine)?;
        runner.step(0)?;
        let mut products = [0.0; NUMERICS];
        for (rate, numerics) in products.iter_mut().zip(Numerics::ALL) {
            *rate = runner.engine().install(|| product_rate(machine, numerics, [256, 512, 512]))?;
        }
        let steps = sample.job.spec.steps;
        let mut at = 0;
        let mut failed = None;
        let seconds = timed(|| {
            at = (at + 1) % steps;
            failed = failed.take().or(runner.step(at).err());
        });
        failed.map_or(Ok(()), |error| Err(Failure::from(error)))?;
        let split = Split::of(&sample.job.program);
        // Where products alone would take longer than the step did, the noise is larger than the rest.
        let rest = (seconds - split.product_seconds(products)).max(seconds * 0.05);
        Ok(Speed {
            products,
            others: split.others / rest,
            small_tokens: sample.tokens_per_step as f64 / seconds,
        })
    }

    /// The time that a step takes.
    pub fn seconds(&self, program: &Program) -> f64 {
        let split = Split::of(program);
        split.product_seconds(self.products) + split.others / self.others
    }
}

/// The time of one round of work: the least of several.
pub fn timed(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut least = f64::INFINITY;
    for _ in 0..ROUND_LIMIT {
        let round = Instant::now();
        work();
        let seconds = round.elapsed().as_secs_f64();
        if seconds < least {
            least = seconds;
        }
        if started.elapsed().as_secs_f64() > MEASURE_SECONDS {
            break;
        }
    }
    least.max(1e-9)
}

/// Operations a second of a product M·N·K on the threads of the current pool.
///
/// # Errors
/// No memory.
pub fn product_rate(machine: &Machine, numerics: Numerics, [m, n, k]: [usize; 3]) -> Result<f64, Failure> {
    let backend = &*machine.backend;
    let buffer = |words: usize| backend.allocate(words).map_err(|error| Failure::new(Exit::Failed, error));
    let (mut a, mut b, mut c) = (buffer(m * k)?, buffer(n * k)?, [buffer(m * n)?]);
    let words: Vec<u32> = (0..m.max(n) * k).map(|at| (at as f32 % 7.0 - 3.0).to_bits()).collect();
    backend.write(&mut a, 0, &words[..m * k]);
    backend.write(&mut b, 0, &words[..n * k]);
    let rows = Layout { offset: 0, row_stride: k, k_stride: 1 };
    let kernel = Kernel::Product(ProductKernel { numerics, m, n, k, a: rows, b: rows, accumulate: false });
    let inputs = [&a, &b].map(|buffer| View { buffer, origin: 0 });
    let seconds = timed(|| backend.run(&kernel, 0, &inputs, &mut c));
    Ok(2.0 * (m * n * k) as f64 / seconds)
}

/// Bytes a second of naming pages, on the threads of the current pool.
///
/// # Errors
/// No memory.
pub fn hash_rate(machine: &Machine) -> Result<f64, Failure> {
    const WORDS: usize = 1 << 21;
    let buffer = machine.backend.allocate(WORDS).map_err(|error| Failure::new(Exit::Failed, error))?;
    let seconds = timed(|| drop(machine.backend.page_digests(&buffer, WORDS)));
    Ok(4.0 * WORDS as f64 / seconds)
}
