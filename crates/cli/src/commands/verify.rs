//! `samebit verify`: hashes always, re-execution of a sample.

use super::run::runner_of;
use crate::arguments::{Global, Verify};
use crate::failure::{Exit, Failure, Outcome};
use crate::files;
use crate::machine::Machine;
use crate::progress::{Progress, spin};
use crate::screen::Screen;
use samebit_commit::Digest;
use samebit_num::philox::Stream;
use samebit_recipe::random::SAMPLE_STREAM;
use samebit_recipe::{ModelConfig, save_model};
use samebit_trace::{Ending, Folder, Job, Receipt, Selection, TraceError};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// The share of segments that is re-executed if nothing is said.
const DEFAULT_SAMPLE: f64 = 0.1;

/// What is wrong with a run.
#[derive(Debug, Default, Serialize)]
struct Finding {
    /// `receipt`, `file`, `state`, `segment` or `ending`.
    kind: &'static str,
    segment: Option<u64>,
    file: Option<String>,
    message: String,
    claimed: Option<Digest>,
    computed: Option<Digest>,
}

/// What the verification came to.
#[derive(Debug, Default)]
struct Verdict {
    job: Option<Digest>,
    segments: u64,
    executed: Vec<u64>,
    finding: Option<Finding>,
}

/// Checks a run.
pub fn verify(arguments: &Verify, global: &Global, screen: &Screen) -> Outcome {
    let folder = files::run_folder(&arguments.dir)?;
    let machine = Machine::choose(global)?;
    let mut verdict = Verdict::default();
    let checked = check(arguments, &folder, &machine, &mut verdict);
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
            "ok: all hashes agree, {executed} of {} segments re-executed to the same bits",
            verdict.segments
        )),
        Some(finding) => {
            screen.say(format!("mismatch: {}", finding.message));
            if let (Some(claimed), Some(computed)) = (finding.claimed, finding.computed) {
                screen.say(format!("  claimed  {claimed}\n  computed {computed}"));
            }
            screen.say(format!("hint: {}", hint(finding.kind)));
        }
    }
    screen.object(&json!({
        "ok": verdict.finding.is_none(), "job": verdict.job, "segments": verdict.segments,
        "executed": verdict.executed, "finding": verdict.finding,
    }));
    if verdict.finding.is_none() { Exit::Ok } else { Exit::Mismatch }
}

/// What to do about a finding.
fn hint(kind: &str) -> &'static str {
    match kind {
        "segment" | "ending" => {
            "the run was not computed as its job says; `samebit pinpoint` finds where, given an honest run"
        }
        "receipt" => "get the receipt again from where it was written",
        _ => {
            "the directory and its receipt are not of one run, or a file was changed: get them again from where they were written"
        }
    }
}

/// Why a check ends before its end.
enum Stop {
    /// Something is wrong with the run.
    Found(Box<Finding>),
    /// The check itself could not be done.
    Failed(Failure),
}

impl From<Finding> for Stop {
    fn from(finding: Finding) -> Stop {
        Stop::Found(Box::new(finding))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<samebit_recipe::Error> for Stop {
    fn from(error: samebit_recipe::Error) -> Stop {
        Stop::Failed(error.into())
    }
}

/// An error of reading the run is something wrong with the run, unless the machine failed.
fn stop(folder: &Folder, error: TraceError) -> Stop {
    let message = error.to_string().replace("; hint: ", "\nhint: ");
    let name = |path: &Path| path.strip_prefix(folder.path()).unwrap_or(path).to_string_lossy().into_owned();
    match &error {
        TraceError::Malformed { path, .. } => {
            let kind = if path.ends_with("receipt.json") { "receipt" } else { "file" };
            Finding { kind, file: Some(name(path)), message, ..Finding::default() }.into()
        }
        TraceError::File { path, source }
            if matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof) =>
        {
            let message = format!("{}, which the receipt names, is missing or short", name(path));
            Finding { kind: "file", file: Some(name(path)), message, ..Finding::default() }.into()
        }
        TraceError::Mismatch { what, found, expected } => {
            let file = what.strip_prefix("table ").map(|table| format!("tables/{table}.bin"));
            Finding {
                kind: "file",
                file: file.or_else(|| Some(what.clone())),
                message: format!(
                    "{what} is not what the receipt says: it was changed, or the receipt is of another job"
                ),
                claimed: Some(*expected),
                computed: Some(*found),
                ..Finding::default()
            }
            .into()
        }
        TraceError::NoState { .. } => Finding { kind: "state", message, ..Finding::default() }.into(),
        _ => Stop::Failed(error.into()),
    }
}

fn check(arguments: &Verify, folder: &Folder, machine: &Machine, verdict: &mut Verdict) -> Result<(), Stop> {
    let receipt = folder.receipt().map_err(|error| stop(folder, error))?;
    verdict.job = Some(receipt.job);
    verdict.segments = receipt.segments.len() as u64;
    let selection = selection(arguments, verdict.segments)?;
    let job =
        spin("hashing program and tables", || folder.job(&receipt)).map_err(|error| stop(folder, error))?;
    check_files(folder, &receipt)?;
    execute(folder, &receipt, &job, machine, &selection, verdict)?;
    check_weights(folder, &receipt, &job)
}

/// Every other file has the digest in the receipt.
fn check_files(folder: &Folder, receipt: &Receipt) -> Result<(), Stop> {
    let weights = receipt.weights.iter().map(|digest| (files::WEIGHTS, *digest));
    let others = receipt.files.iter().map(|(name, digest)| (name.as_str(), *digest));
    for (name, claimed) in others.chain(weights) {
        if name.contains(['/', '\\']) || name.starts_with('.') {
            let message = format!("the receipt names `{name}`, which is no file of the directory");
            return Err(Finding { kind: "receipt", message, ..Finding::default() }.into());
        }
        let path = folder.file(name);
        if !path.is_file() {
            let message = format!("{name}, which the receipt names, is missing");
            return Err(
                Finding { kind: "file", file: Some(name.to_owned()), message, ..Finding::default() }.into()
            );
        }
        let computed = files::digest(&path)?;
        if computed != claimed {
            return Err(changed(name, claimed, computed).into());
        }
    }
    Ok(())
}

fn changed(name: &str, claimed: Digest, computed: Digest) -> Finding {
    Finding {
        kind: "file",
        file: Some(name.to_owned()),
        message: format!("{name} is not the file that the receipt names"),
        claimed: Some(claimed),
        computed: Some(computed),
        ..Finding::default()
    }
}

fn execute(
    folder: &Folder,
    receipt: &Receipt,
    job: &Job,
    machine: &Machine,
    selection: &Selection,
    verdict: &mut Verdict,
) -> Result<(), Stop> {
    let micro_batches = folder.record().map_or(1, |record| record.micro_batches.max(1));
    // Another person's record is a hint: a batch that cannot be cut so is computed whole.
    let runner = runner_of(job, machine, micro_batches, Vec::new())
        .or_else(|_| runner_of(job, machine, 1, Vec::new()));
    let mut runner = runner.map_err(|error| stop(folder, error))?;
    let steps = receipt.segments.iter().filter(|segment| match selection {
        Selection::All => true,
        Selection::Only(chosen) => chosen.contains(&segment.index),
    });
    let steps = steps.map(|segment| segment.steps[1] - segment.steps[0]).sum();
    let mut progress = Progress::new("verifying", 0, steps, tokens_per_step(job));
    let verified =
        samebit_trace::verify(folder, receipt, &mut runner, selection, &mut |_| progress.step(None));
    progress.finish();
    let verified = verified.map_err(|error| stop(folder, error))?;
    verdict.executed = verified.executed;
    verified.finding.map_or(Ok(()), |found| Err(finding_of(found).into()))
}

fn finding_of(found: samebit_trace::Finding) -> Finding {
    match found {
        samebit_trace::Finding::Segment { index, claimed, computed } => Finding {
            kind: "segment",
            segment: Some(index),
            message: format!("segment {index}: re-execution ends in another state than the receipt says"),
            claimed: Some(claimed),
            computed: Some(computed),
            file: None,
        },
        samebit_trace::Finding::State { segment, claimed, computed } => Finding {
            kind: "state",
            segment,
            message: match segment {
                Some(segment) => format!("segment {segment}: the stored state after it is not the receipt's"),
                None => "the stored first state is not the receipt's".to_owned(),
            },
            claimed: Some(claimed),
            computed: Some(computed),
            file: None,
        },
        samebit_trace::Finding::Ending { segment, reason } => Finding {
            kind: "ending",
            segment: Some(segment),
            message: format!("segment {segment}: {reason}"),
            ..Finding::default()
        },
    }
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
        if !folder.file(files::WEIGHTS).exists() {
            return Ok(());
        }
        let message = "model.safetensors is there, but the receipt does not name it".to_owned();
        let file = Some(files::WEIGHTS.to_owned());
        return Err(Finding { kind: "file", file, message, ..Finding::default() }.into());
    };
    if receipt.ending != Ending::Finished {
        let message = "the receipt names weights, but the run is not finished".to_owned();
        return Err(Finding { kind: "receipt", message, ..Finding::default() }.into());
    }
    if folder.stored_state(step) != Some(step) {
        let message = format!("the final state, before step {step}, is not stored");
        return Err(Finding { kind: "state", message, ..Finding::default() }.into());
    }
    let config = ModelConfig::load(&folder.file(files::CONFIG))?;
    let parameters = samebit_recipe::model::parameters(&config);
    let fits = parameters.len() <= job.program.states.len()
        && parameters.iter().zip(&job.program.states).all(|(parameter, state)| {
            parameter.name == state.name && parameter.element_count() as u64 == state.len()
        });
    if !fits {
        let message = "config.json describes another model than the program".to_owned();
        let file = Some(files::CONFIG.to_owned());
        return Err(Finding { kind: "file", file, message, ..Finding::default() }.into());
    }
    let computed = spin("hashing weights", || -> Result<Digest, Stop> {
        let mut states = Vec::new();
        let keep = |_, words| {
            states.push(words);
            Ok(())
        };
        folder.read_state(step, &job.program, keep).map_err(|error| stop(folder, error))?;
        let again = tempfile::tempdir().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
        save_model(&config, again.path(), &states)?;
        Ok(files::digest(&again.path().join(files::WEIGHTS))?)
    })?;
    if computed == claimed { Ok(()) } else { Err(changed(files::WEIGHTS, claimed, computed).into()) }
}

/// Which segments are re-executed.
fn selection(arguments: &Verify, segments: u64) -> Result<Selection, Failure> {
    if arguments.all {
        return Ok(Selection::All);
    }
    if let Some(beyond) = arguments.segment.iter().find(|segment| **segment >= segments) {
        let last = segments.saturating_sub(1);
        return Err(Failure::input(format!(
            "--segment {beyond}: the run has {segments} segments\nhint: give a number from 0 to {last}"
        )));
    }
    if !arguments.segment.is_empty() {
        return Ok(Selection::Only(arguments.segment.clone()));
    }
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => {
            getrandom::u64().map_err(|error| Failure::new(Exit::Failed, format!("no randomness: {error}")))?
        }
    };
    Ok(Selection::Only(sample(seed, arguments.sample.unwrap_or(DEFAULT_SAMPLE), segments)))
}

/// Each segment with this probability; one of them if that gives none.
fn sample(seed: u64, probability: f64, segments: u64) -> Vec<u64> {
    let stream = Stream { seed, stream: SAMPLE_STREAM, step: 0 };
    let is_drawn = |segment: &u64| f64::from(stream.uniform(*segment)) < probability;
    let mut drawn: Vec<u64> = (0..segments).filter(is_drawn).collect();
    if drawn.is_empty() && segments > 0 {
        let [low, high, ..] = Stream { step: 1, ..stream }.words(0);
        drawn.push((u64::from(high) << 32 | u64::from(low)) % segments);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_and_never_nothing() {
        assert_eq!(sample(1, 1.0, 5), [0, 1, 2, 3, 4]);
        assert!(sample(1, 0.0, 0).is_empty());
        let mut seen = [0; 7];
        for seed in 0..200 {
            let drawn = sample(seed, 0.0, 7);
            assert_eq!(drawn.len(), 1);
            seen[drawn[0] as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
        let many = sample(3, 0.2, 10_000).len();
        assert!((1800..2200).contains(&many), "{many}");
    }
}
