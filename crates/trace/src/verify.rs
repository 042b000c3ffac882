//! Checking a stored run: hashes always, re-execution of the segments that were selected.

use crate::metrics::{self, Lines};
use crate::{Cost, Ending, Folder, Receipt, Runner, TraceError, job::state_root_of};
use samebit_commit::{Digest, tensor};
use samebit_graph::Program;
use std::collections::BTreeSet;

/// Which segments are re-executed.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// Every one.
    All,
    /// These.
    Only(Vec<u64>),
}

/// What a verification came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Segments of the run.
    pub segments: u64,
    /// Segments that were re-executed, in order.
    pub executed: Vec<u64>,
    /// The first thing that is wrong, if any.
    pub finding: Option<Finding>,
}

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Re-execution of the segment ends in another state, or ends elsewhere.
    Segment {
        /// The segment.
        index: u64,
        /// The root that the receipt says.
        claimed: Digest,
        /// The root that re-execution gives.
        computed: Digest,
    },
    /// A stored state is not the one in the receipt.
    State {
        /// The segment that ends in the state; nothing for the first state.
        segment: Option<u64>,
        /// The root in the receipt.
        claimed: Digest,
        /// The root of the stored bytes.
        computed: Digest,
    },
    /// The receipt's cost is not that of the program's steps.
    Cost {
        /// `flops`, `bytes` or `work_units`.
        what: &'static str,
        /// The figure in the receipt.
        claimed: u64,
        /// The program's figure.
        computed: u64,
    },
    /// A step's line of metrics.jsonl is not what re-execution gives.
    Metrics {
        /// The segment.
        segment: u64,
        /// The step.
        step: u64,
        /// What differs.
        reason: String,
    },
    /// The run ends otherwise than the receipt says.
    Ending {
        /// The last segment.
        segment: u64,
        /// What re-execution saw.
        reason: String,
    },
}

/// Steps that [`verify()`] will run: those of the selected segments, and those that lead to one of them from the last state that is stored.
///
/// # Errors
/// [`TraceError::NoState`] if there is no state to start from.
pub fn planned_steps(folder: &Folder, receipt: &Receipt, selection: &Selection) -> Result<u64, TraceError> {
    let mut reached = None;
    let chosen = selection.segments(receipt.segments.len() as u64).into_iter();
    let steps = chosen.map(|segment| {
        let [start, end] = receipt.segments[segment as usize].steps;
        let from = if reached.replace(end) == Some(start) { start } else { state_before(folder, start)? };
        Ok(end - from)
    });
    steps.sum()
}

fn state_before(folder: &Folder, step: u64) -> Result<u64, TraceError> {
    folder.stored_state(step).ok_or(TraceError::NoState { step })
}

impl Selection {
    /// The selected ones of so many, rising.
    fn segments(&self, count: u64) -> Vec<u64> {
        match self {
            Selection::All => (0..count).collect(),
            Selection::Only(chosen) => {
                let chosen: BTreeSet<u64> = chosen.iter().copied().filter(|index| *index < count).collect();
                chosen.into_iter().collect()
            }
        }
    }
}

/// Checks the receipt's cost, the lines of metrics.jsonl and the roots of every stored state, and re-executes the selected segments: their states
/// and the numbers in their lines follow from the job to the last bit. `runner` runs the job without faults; `progress` hears of each step
/// that was re-executed. The cost's seconds are the runner's own word.
///
/// # Errors
/// Files that are missing or not what a run writes, and the engine's errors; what is wrong with the run is a [`Finding`], not an error.
pub fn verify(
    folder: &Folder,
    receipt: &Receipt,
    runner: &mut Runner,
    selection: &Selection,
    progress: &mut dyn FnMut(u64),
) -> Result<Verification, TraceError> {
    let program = runner.job().program.clone();
    let segments = receipt.segments.len() as u64;
    let mut verification = Verification { segments, executed: Vec::new(), finding: None };
    let is_complete = receipt.ending != Ending::Running && receipt.files.contains_key(metrics::FILE);
    let has_none = receipt.ending != Ending::Running && !is_complete && !folder.file(metrics::FILE).exists();
    let lines = match has_none {
        true => Lines::default(),
        false => Lines::read(folder, runner.job(), receipt.steps_run(), is_complete)?,
    };
    verification.finding = match cost(receipt, &program) {
        None => stored_states(folder, receipt, &program)?,
        wrong => wrong,
    };
    // Where the runner stands, having computed nothing but what was claimed.
    let mut reached = None;
    for segment in selection.segments(segments) {
        if verification.finding.is_some() {
            break;
        }
        verification.executed.push(segment);
        let claims = Claimed { folder, receipt, lines: &lines };
        verification.finding = execute(claims, runner, segment, &mut reached, progress)?;
    }
    Ok(verification)
}

/// What is wrong with the figures of the receipt that follow from the program.
fn cost(receipt: &Receipt, program: &Program) -> Option<Finding> {
    let (claimed, right) = (&receipt.cost, Cost::of_step(program).times(receipt.steps_run()));
    let figures = [
        ("flops", claimed.flops, right.flops),
        ("bytes", claimed.bytes, right.bytes),
        ("work_units", claimed.work_units, right.work_units),
    ];
    let wrong = figures.into_iter().find(|(_, claimed, computed)| claimed != computed);
    wrong.map(|(what, claimed, computed)| Finding::Cost { what, claimed, computed })
}

/// What a run says of itself.
#[derive(Clone, Copy)]
struct Claimed<'a> {
    folder: &'a Folder,
    receipt: &'a Receipt,
    lines: &'a Lines,
}

fn stored_states(
    folder: &Folder,
    receipt: &Receipt,
    program: &Program,
) -> Result<Option<Finding>, TraceError> {
    let first = std::iter::once((None, 0, receipt.initial_state));
    let later =
        receipt.segments.iter().map(|segment| (Some(segment.index), segment.steps[1], segment.state_root));
    for (segment, step, claimed) in first.chain(later) {
        if folder.stored_state(step) != Some(step) {
            continue;
        }
        let computed = stored_root(folder, step, program)?;
        if computed != claimed {
            return Ok(Some(Finding::State { segment, claimed, computed }));
        }
    }
    Ok(None)
}

fn stored_root(folder: &Folder, step: u64, program: &Program) -> Result<Digest, TraceError> {
    let mut roots = Vec::new();
    folder.read_state(step, program, |index, words| {
        roots.push(tensor::root_of(program.states[index].dtype, &words));
        Ok(())
    })?;
    Ok(state_root_of(program, &roots))
}

fn execute(
    claims: Claimed<'_>,
    runner: &mut Runner,
    segment: u64,
    reached: &mut Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Finding>, TraceError> {
    let Claimed { folder, receipt, lines } = claims;
    let record = &receipt.segments[segment as usize];
    let [start, end] = record.steps;
    let stored = state_before(folder, start)?;
    if *reached != Some(start) {
        folder.load_state(stored, runner)?;
        (stored..start).try_for_each(|step| runner.step(step).map(drop))?;
        if let Some(before) = segment.checked_sub(1).filter(|_| stored != start) {
            let (claimed, computed) = (receipt.segments[before as usize].state_root, runner.state_root());
            if claimed != computed {
                return Ok(Some(Finding::Segment { index: before, claimed, computed }));
            }
        }
    }
    let (mut diverged, mut unlike) = (None, None);
    for step in start..end {
        let outcome = runner.step(step)?;
        progress(step);
        unlike = unlike.or_else(|| Some((step, lines.difference(runner.job(), step, outcome)?)));
        if outcome.is_diverged() {
            diverged = Some(step);
            break;
        }
    }
    let computed = runner.state_root();
    if computed != record.state_root {
        return Ok(Some(Finding::Segment { index: segment, claimed: record.state_root, computed }));
    }
    *reached = Some(end);
    let unlike = unlike.map(|(step, reason)| Finding::Metrics { segment, step, reason });
    Ok(ending(receipt, segment, end, diverged).or(unlike))
}

/// Whether the run ended where the receipt says that it did.
fn ending(receipt: &Receipt, segment: u64, end: u64, diverged: Option<u64>) -> Option<Finding> {
    let is_last = segment + 1 == receipt.segments.len() as u64;
    let claimed = match receipt.ending {
        Ending::DivergedAt(step) if is_last => Some(step),
        _ => None,
    };
    let reason = match (diverged, claimed) {
        (found, claimed) if found == claimed && claimed.is_none_or(|step| step + 1 == end) => {
            let is_short = is_last && receipt.ending == Ending::Finished && end != receipt.steps;
            is_short.then(|| format!("the run is called finished after step {end} of {}", receipt.steps))
        }
        (Some(step), _) => Some(format!("step {step} diverges")),
        (None, _) => Some("no step diverges".to_owned()),
    };
    reason.map(|reason| Finding::Ending { segment, reason })
}
