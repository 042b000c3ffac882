//! `samebit verify`: hashes always, re-execution of a sample.

mod description;
mod finding;
mod selection;

use super::run::runner_of;
use crate::arguments::{Global, Verify};
use crate::failure::{Exit, Failure, Outcome};
use crate::files;
use crate::machine::Machine;
use crate::progress::{Progress, spin};
use crate::screen::{Screen, grouped};
use finding::{Finding, Stop, stop};
use samebit_commit::Digest;
use samebit_recipe::save_model;
use samebit_trace::{Cost, Ending, Folder, Job, Receipt, Selection, planned_steps};
use serde_json::json;

/// The most micro-batches that a stranger's record is believed.
const MICRO_BATCHES_LIMIT: u64 = 1 << 12;

/// What the verification came to.
#[derive(Debug, Default)]
struct Verdict {
    job: Option<Digest>,
    segments: u64,
    executed: Vec<u64>,
    finding: Option<Finding>,
    /// What nobody can know from the directory alone.
    unchecked: Vec<String>,
}

/// Checks a run.
pub fn verify(arguments: &Verify, global: &Global, screen: &Screen) -> Outcome {
    let folder = files::run_folder(&arguments.dir)?;
    let machine = Machine::choose(global)?;
    let mut verdict = Verdict::default();
    let checked = check(arguments, &folder, &machine, screen, &mut verdict);
    verdict.finding = match checked {
        Ok(()) => None,
        Err(Stop::Found(finding)) => Some(*finding),
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    Ok(report(&verdict, screen))
}

fn report(verdict: &Verdict, screen: &Screen) -> Exit {
    let executed = verdict.executed.len();
    match &verdict.finding {
        None => screen.say(format!(
            "ok: all hashes agree, {executed} of {} segments re-executed to the same bits\nnot checked: {}",
            verdict.segments,
            verdict.unchecked.join("; ")
        )),
        Some(finding) => {
            screen.say(format!("mismatch: {}", finding.message));
            if let (Some(claimed), Some(computed)) = (finding.claimed, finding.computed) {
                screen.say(format!("  claimed  {claimed}\n  computed {computed}"));
            }
            screen.say(format!("hint: {}", finding.hint()));
        }
    }
    screen.object(&json!({
        "ok": verdict.finding.is_none(), "job": verdict.job, "segments": verdict.segments,
        "executed": verdict.executed, "finding": verdict.finding, "unchecked": verdict.unchecked,
    }));
    if verdict.finding.is_none() { Exit::Ok } else { Exit::Mismatch }
}

fn check(
    arguments: &Verify,
    folder: &Folder,
    machine: &Machine,
    screen: &Screen,
    verdict: &mut Verdict,
) -> Result<(), Stop> {
    let wrong = |error| stop(folder, error);
    let receipt = folder.receipt().map_err(wrong)?;
    verdict.job = Some(receipt.job);
    verdict.segments = receipt.segments.len() as u64;
    let selection = selection::selection(arguments, verdict.segments)?;
    let job = spin("hashing program and tables", || folder.job(&receipt)).map_err(wrong)?;
    let steps = planned_steps(folder, &receipt, &selection).map_err(wrong)?;
    announce(steps, &job, arguments.max_work, screen)?;
    spin("hashing files", || check_files(folder, &receipt))?;
    execute(folder, &receipt, &job, machine, &selection, verdict)?;
    verdict.unchecked = description::check(folder, &receipt, &job)?;
    check_weights(folder, &receipt, &job)
}

/// Says what the re-execution takes, and refuses it beyond `--max-work`.
fn announce(steps: u64, job: &Job, limit: Option<u64>, screen: &Screen) -> Result<(), Failure> {
    let work = Cost::of_step(&job.program).times(steps).work_units;
    let planned = format!("re-executing {} steps: {} work units", grouped(steps), grouped(work));
    match limit.filter(|limit| work > *limit) {
        None => screen.note(planned),
        Some(limit) => {
            return Err(Failure::input(format!(
                "{planned}, more than --max-work {}\nhint: raise --max-work, or choose fewer segments with --segment or --sample",
                grouped(limit)
            )));
        }
    }
    Ok(())
}

/// Every other file has the digest in the receipt.
fn check_files(folder: &Folder, receipt: &Receipt) -> Result<(), Stop> {
    let weights = receipt.weights.iter().map(|digest| (files::WEIGHTS, *digest));
    let others = receipt.files.iter().map(|(name, digest)| (name.as_str(), *digest));
    for (name, claimed) in others.chain(weights) {
        if !files::ALL.contains(&name) {
            let message = format!("the receipt names `{name}`, which is no file of a run's directory");
            return Err(Finding::new("receipt", message).into());
        }
        let computed = files::digest(&folder.file(name)).map_err(|error| stop(folder, error))?;
        if computed != claimed {
            return Err(Finding::changed(name, claimed, computed).into());
        }
    }
    Ok(())
}

fn execute(
    folder: &Folder,
    receipt: &Receipt,
    job: &Job,
    machine: &Machine,
    selection: &Selection,
    verdict: &mut Verdict,
) -> Result<(), Stop> {
    // Another person's record is a hint: a batch that cannot be cut so is computed whole.
    let recorded = folder.record().map_or(1, |record| record.micro_batches);
    let micro_batches = if (1..=MICRO_BATCHES_LIMIT).contains(&recorded) { recorded } else { 1 };
    let runner = runner_of(job, machine, micro_batches, Vec::new())
        .or_else(|_| runner_of(job, machine, 1, Vec::new()));
    let mut runner = runner.map_err(|error| stop(folder, error))?;
    let chosen = |index: &u64| match selection {
        Selection::All => true,
        Selection::Only(chosen) => chosen.contains(index),
    };
    let chosen = receipt.segments.iter().filter(|segment| chosen(&segment.index));
    let steps = chosen.map(|segment| segment.steps[1] - segment.steps[0]).sum();
    let mut progress = Progress::new("verifying", 0, steps, tokens_per_step(job));
    let verified =
        samebit_trace::verify(folder, receipt, &mut runner, selection, &mut |_| progress.step(None));
    progress.finish();
    let verified = verified.map_err(|error| stop(folder, error))?;
    verdict.executed = verified.executed;
    verified.finding.map_or(Ok(()), |found| Err(Finding::from(found).into()))
}

/// Tokens of a step, from the order's rows and the program's positions; for the progress bar only.
fn tokens_per_step(job: &Job) -> u64 {
    let ids = job.program.nodes.iter().find(|node| node.op == "ids");
    ids.map_or(0, samebit_graph::Node::len)
}

/// The weights file follows from the final state and the config.
fn check_weights(folder: &Folder, receipt: &Receipt, job: &Job) -> Result<(), Stop> {
    let step = receipt.steps_run();
    let Some(claimed) = receipt.weights else {
        // A run that was stopped between its last state and its weights is whole once it is resumed; until then its weights are nobody's.
        if !files::is_there(&folder.file(files::WEIGHTS)) {
            return Ok(());
        }
        return Err(description::unnamed(files::WEIGHTS).into());
    };
    if receipt.ending != Ending::Finished {
        return Err(Finding::new("receipt", "the receipt names weights, but the run is not finished").into());
    }
    if folder.stored_state(step) != Some(step) {
        return Err(
            Finding::new("state", format!("the final state, before step {step}, is not stored")).into()
        );
    }
    let config = description::config(folder, job)?;
    let count = samebit_recipe::model::parameters(&config).len();
    let computed = spin("hashing weights", || -> Result<Digest, Stop> {
        let mut states = Vec::new();
        let keep = |state, words| {
            if state < count {
                states.push(words);
            }
            Ok(())
        };
        folder.read_state(step, &job.program, keep).map_err(|error| stop(folder, error))?;
        let again = tempfile::tempdir().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
        save_model(&config, again.path(), &states).map_err(Failure::from)?;
        files::digest(&again.path().join(files::WEIGHTS)).map_err(|error| Stop::Failed(error.into()))
    })?;
    if computed == claimed { Ok(()) } else { Err(Finding::changed(files::WEIGHTS, claimed, computed).into()) }
}
