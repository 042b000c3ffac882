//! Losses beside those of f32, step by step.

use super::runs::{Model, Run, SEEDS};
use crate::step::Failure;
use samebit_num::fold::Numerics;
use samebit_trace::Metrics;
use std::fmt::Write;
use std::path::Path;

/// The page's beginning.
pub const HEADER: &str = "\
# Convergence

The same GPT, seed and batches, trained in each profile; what differs is how the products of linear layers and attention are computed. Written by
`cargo xtask convergence`, which also trains what is missing. **Difference** is the mean over all steps of the training loss (nats a byte) less that of f32 at
the same step; runs part by rounding alone and then wander, so that a difference of seeds' size says nothing. The aims: at most 0.002 for exact14 and
exact21, 0.015 for exact8. All runs of a model have one text: this project's sources, as they were when its first run began.
";

/// The losses of a model's finished runs, with the profile and the seed of each.
pub struct Losses(pub Vec<(Numerics, u64, Vec<f64>)>);

impl Losses {
    /// Reads them.
    pub fn read(folder: &Path, model: &Model) -> Result<Self, Failure> {
        let finished = Run::all(model).filter(|run| run.is_finished(folder));
        let read = |run: Run<'_>| {
            let lines = std::fs::read_to_string(run.folder(folder).join("metrics.jsonl"))?;
            let loss = |line: &str| Ok(f64::from(serde_json::from_str::<Metrics>(line)?.loss));
            Ok((run.numerics, run.seed, lines.lines().map(loss).collect::<Result<_, Failure>>()?))
        };
        Ok(Self(finished.map(read).collect::<Result<_, Failure>>()?))
    }

    /// Whether no run is finished.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, numerics: Numerics, seed: u64) -> Option<&[f64]> {
        self.0.iter().find(|(n, s, _)| (*n, *s) == (numerics, seed)).map(|(_, _, losses)| &losses[..])
    }

    /// The table of a model.
    pub fn table(&self, model: &Model) -> String {
        let ([layers, width, heads], [time, rows, steps]) = (model.sizes, model.batch);
        let note = if model.note.is_empty() { String::new() } else { format!("{}\n", model.note) };
        let mut text = format!(
            "\n## {}\n\n{:.1} M parameters: {layers} layers, {width} channels, {heads} heads; {rows} rows of {time} bytes a step, {steps} steps.\n\n{note}\
             | profile | seed | loss of the last 50 steps | difference, all steps | difference, last 100 | greatest of 50-step means |\n|---|---|---|---|---|---|\n",
            model.name,
            model.parameters() as f64 / 1e6,
        );
        for (numerics, seed) in SEEDS.iter().flat_map(|seed| Numerics::ALL.map(|numerics| (numerics, *seed)))
        {
            let Some(losses) = self.of(numerics, seed) else {
                writeln!(text, "| {} | {seed} | not run | | | |", numerics.name()).expect("a string");
                continue;
            };
            let last = mean(&losses[losses.len() - 50..]);
            let Some(base) = self.of(Numerics::F32, seed).filter(|_| numerics != Numerics::F32) else {
                writeln!(text, "| {} | {seed} | {last:.4} | | | |", numerics.name()).expect("a string");
                continue;
            };
            let differences: Vec<f64> = losses.iter().zip(base).map(|(loss, base)| loss - base).collect();
            let windows = differences.chunks(50).map(|window| mean(window).abs());
            writeln!(
                text,
                "| {} | {seed} | {last:.4} | {:+.5} | {:+.5} | {:.5} |",
                numerics.name(),
                mean(&differences),
                mean(&differences[differences.len() - 100..]),
                windows.fold(0.0, f64::max),
            )
            .expect("a string");
        }
        for numerics in Numerics::ALL.into_iter().skip(1) {
            let pairs = SEEDS
                .iter()
                .filter_map(|seed| Some((self.of(numerics, *seed)?, self.of(Numerics::F32, *seed)?)));
            let means: Vec<f64> = pairs.map(|(losses, base)| mean(losses) - mean(base)).collect();
            if !means.is_empty() {
                writeln!(
                    text,
                    "\nMean paired difference of {} over {} seeds: {:+.5}",
                    numerics.name(),
                    means.len(),
                    mean(&means)
                )
                .expect("a string");
            }
        }
        text
    }
}

/// The arithmetic mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
