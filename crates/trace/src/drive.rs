//! Runs a job to its end, or to where it is stopped, keeping its folder true at every instant.

use crate::folder::write_atomically;
use crate::job::table;
use crate::{Cost, Ending, Folder, Keep, Receipt, Runner, TraceError};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;

/// A line of metrics.jsonl.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The step, from 0.
    pub step: u64,
    /// Its loss, in nats a token.
    pub loss: f32,
    /// The norm of its gradient.
    pub grad_norm: f32,
    /// Its learning rate.
    pub learning_rate: f32,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Run the next step.
    Continue,
    /// Leave the folder at the last segment's end, from where the run can be resumed.
    Stop,
}

/// Runs the steps that the receipt lacks. At the end of each segment the state is stored, then the receipt; a crash in between costs at most the
/// segment. `each` hears of every step; `cost_of_step` is what one step takes.
///
/// # Errors
/// Files that cannot be written, and the engine's errors. The folder stays at the last segment's end.
pub fn drive(
    folder: &Folder,
    runner: &mut Runner,
    receipt: &mut Receipt,
    keep: Keep,
    cost_of_step: &Cost,
    each: &mut dyn FnMut(&Metrics) -> Control,
) -> Result<Ending, TraceError> {
    let job = runner.job().clone();
    let mut log = Log::open(folder, receipt.steps_run())?;
    if keep == Keep::Last {
        // A crash may have come between a receipt and the removal of the state before it.
        folder.keep_only(receipt.steps_run())?;
    }
    while receipt.ending == Ending::Running && receipt.steps_run() < job.spec.steps {
        let started = std::time::Instant::now();
        let segment = receipt.steps_run()..(receipt.steps_run() + job.spec.segment_steps).min(job.spec.steps);
        let mut end = segment.end;
        for step in segment {
            let outcome = runner.step(step)?;
            let metrics = Metrics {
                step,
                loss: f32::from_bits(outcome.loss),
                grad_norm: f32::from_bits(outcome.grad_norm),
                learning_rate: learning_rate(&job, step),
            };
            log.write(&metrics)?;
            let control = each(&metrics);
            if outcome.is_diverged() {
                receipt.ending = Ending::DivergedAt(step);
                end = step + 1;
                break;
            }
            if control == Control::Stop {
                return Ok(Ending::Running);
            }
        }
        let start = receipt.steps_run();
        folder.write_state(end, runner)?;
        receipt.add_segment(end, runner.state_root());
        add_cost(&mut receipt.cost, cost_of_step, end - start);
        receipt.cost.seconds += started.elapsed().as_secs_f64();
        if receipt.ending == Ending::Running && end == job.spec.steps {
            receipt.ending = Ending::Finished;
        }
        receipt.seal();
        folder.write_receipt(receipt)?;
        if keep == Keep::Last {
            folder.keep_only(end)?;
        }
    }
    Ok(receipt.ending.clone())
}

fn add_cost(total: &mut Cost, step: &Cost, steps: u64) {
    total.flops += step.flops * steps;
    total.bytes += step.bytes * steps;
    total.work_units += step.work_units * steps;
}

fn learning_rate(job: &crate::Job, step: u64) -> f32 {
    let Some(index) = job.table(table::SCHEDULE) else { return 0.0 };
    let width = job.program.tables[index].shape[1..].iter().product::<u64>();
    f32::from_bits(job.tables[index][(step * width) as usize])
}

/// metrics.jsonl, open for appending.
struct Log {
    file: fs::File,
    path: std::path::PathBuf,
}

impl Log {
    /// Drops the lines of steps that will be run again.
    fn open(folder: &Folder, steps_run: u64) -> Result<Log, TraceError> {
        let path = folder.file("metrics.jsonl");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(TraceError::file(&path))?,
        };
        let is_kept =
            |line: &&str| serde_json::from_str::<StepOnly>(line).is_ok_and(|held| held.step < steps_run);
        let kept: String = text.lines().filter(is_kept).map(|line| format!("{line}\n")).collect();
        if kept != text {
            write_atomically(&path, |file| file.write_all(kept.as_bytes()))?;
        }
        let file =
            OpenOptions::new().append(true).create(true).open(&path).map_err(TraceError::file(&path))?;
        Ok(Log { file, path })
    }

    fn write(&mut self, metrics: &Metrics) -> Result<(), TraceError> {
        // JSON has no NaN; a diverged step's loss is written as null.
        let mut line =
            serde_json::to_string(metrics).map_err(|error| TraceError::malformed(&self.path, error))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(TraceError::file(&self.path))
    }
}

/// The part of a line that says whether to keep it.
#[derive(Deserialize)]
struct StepOnly {
    step: u64,
}
