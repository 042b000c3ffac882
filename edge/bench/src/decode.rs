//! The time of one more token: a pass over the whole text so far, and one row beside the keys and values that are kept. Both are in
//! memory and take turns.

use crate::step::{Failure, Step};
use samebit_engine::{Engine, Settings};
use samebit_ops::Cpu;
use samebit_recipe::{Forward, Job, ModelConfig};
use std::sync::Arc;
use std::time::Instant;

/// The shortest text that is measured and the longest, which is what the model gets for its positions; the others double.
const LENGTHS: [usize; 2] = [32, 1024];

/// Prints tokens a second of both by the length of the text, the best of `rounds`.
pub fn run(step: &Step) -> Result<(), Failure> {
    let mut job = step.load()?;
    let [shortest, longest] = LENGTHS;
    match &mut job.model.config {
        ModelConfig::Gpt2(config) => config.positions = longest,
        ModelConfig::Llama(config) => config.positions = longest,
    }
    println!("{}{} on {} threads", step.job.display(), step.suffix(), step.threads);
    println!("| positions | whole pass, tokens/s | with a cache, tokens/s | ratio |\n|---|---|---|---|");
    for length in
        std::iter::successors(Some(shortest), |length| Some(2 * length).filter(|next| *next <= longest))
    {
        let (config, numerics) = (&job.model.config, &job.training.numerics);
        let mut whole = start(&job, Forward::new(config, numerics, length), step.threads)?;
        let mut cached = start(&job, Forward::cached(config, numerics, 1, length), step.threads)?;
        let mut best = [f64::INFINITY; 2];
        // The first step of either touches its memory for the first time.
        for round in 0..=step.rounds {
            for ((engine, position), best) in
                [(&mut whole, 0), (&mut cached, length as u64 - 1)].into_iter().zip(&mut best)
            {
                let started = Instant::now();
                engine.step(position)?;
                if round > 0 {
                    *best = best.min(started.elapsed().as_secs_f64());
                }
            }
        }
        let [whole, cached] = best.map(|seconds| 1.0 / seconds);
        println!("| {length} | {whole:.1} | {cached:.1} | {:.1} |", cached / whole);
    }
    Ok(())
}

/// The program with first weights; keys and values are the words of weights too, so that none is special.
fn start(job: &Job, forward: Forward, threads: usize) -> Result<Engine, Failure> {
    let weights = samebit_recipe::model::initial_weights(&job.model.config, job.training.seed);
    let mut states = forward.states(&weights);
    for state in forward.cache_states() {
        let words = weights[0].iter().cycle();
        let count = states[state].len();
        states[state] = words.copied().take(count).collect();
    }
    let settings = Settings { threads, ..Settings::default() };
    let program = Arc::new(forward.program.clone());
    let mut engine = Engine::new(program, &forward.tables(&[]), Arc::new(Cpu::detect()), &settings)?;
    for (state, words) in states.iter().enumerate() {
        engine.write_state(state, words)?;
    }
    Ok(engine)
}
