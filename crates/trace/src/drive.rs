//! Runs a job to its end, or to where it is stopped, keeping its folder true at every instant.

use crate::metrics::Log;
use crate::{Cost, Ending, Folder, Keep, Metrics, Receipt, Runner, TraceError};

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Run the next step.
    Continue,
    /// Leave the folder at the last segment's end, from where the run can be resumed.
    Stop,
}

/// Runs the steps that the receipt lacks. At the end of each segment the lines of its steps and its state are on the disk before the receipt; a
/// crash in between costs at most the segment. `each` hears of every step.
///
/// # Errors
/// Files that cannot be written, and the engine's errors. The folder stays at the last segment's end.
pub fn drive(
    folder: &Folder,
    runner: &mut Runner,
    receipt: &mut Receipt,
    keep: Keep,
    each: &mut dyn FnMut(&Metrics) -> Control,
) -> Result<Ending, TraceError> {
    let job = runner.job().clone();
    let cost_of_step = Cost::of_step(&job.program);
    let mut log = Log::open(folder, &job, receipt.steps_run())?;
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
            let metrics = Metrics::new(&job, step, outcome);
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
        log.sync()?;
        folder.write_state(end, runner)?;
        receipt.add_segment(end, runner.state_root());
        receipt.cost = Cost {
            seconds: receipt.cost.seconds + started.elapsed().as_secs_f64(),
            ..cost_of_step.times(end)
        };
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
