//! `samebit pinpoint`: the first step, node, page and element in which two runs of one job differ.
//!
//! Each side is seen through [`samebit_commit::Sequence`] only: the states that its receipt names, then the steps of the first segment
//! that differs, replayed as its run.json says. What a replay cannot explain — its end is not what the receipt claims — is looked for
//! in the stored state.

mod below;
pub(super) mod jobs;
mod stored;

use super::run::{faults_of, runner_of};
use crate::arguments::{Global, Pinpoint};
use crate::failure::{Exit, Failure, Outcome};
use crate::files::{self, Stored};
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::{Screen, grouped};
use below::{below, element_of};
use jobs::same_job;
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError};
use samebit_dispute::{Difference, Finding, Path, Width, first_difference};
use samebit_graph::Program;
use samebit_trace::{Ending, Fault, Receipt, Replay};
use serde::Serialize;
use stored::StoredState;

/// Where two runs part. Nulls where they do not.
#[derive(Debug, Default, Serialize)]
struct Report {
    step: Option<u64>,
    node: Option<u64>,
    op: Option<String>,
    page: Option<u64>,
    element: Option<u64>,
    /// Of a composite: the node of its body, and the element of that node's output in the element's row.
    body_node: Option<u64>,
    body_element: Option<u64>,
    /// Of a fold: the block of terms after which the running totals differ.
    block: Option<u64>,
    hashes_opened: u64,
    segment: Option<u64>,
    /// The state that differs, where no node of the trace does.
    state: Option<String>,
    /// Faults that left no trace.
    absorbed: Vec<String>,
    /// What the place alone does not say.
    note: Option<String>,
}

/// One side.
struct Side {
    name: &'static str,
    stored: Stored,
    faults: Vec<Fault>,
    micro_batches: u64,
}

impl Side {
    fn open(name: &'static str, path: &std::path::Path) -> Result<Side, Failure> {
        let stored = Stored::open(path)?;
        let record = stored.folder.record().map_err(files::bad_record)?;
        Ok(Side { name, stored, faults: faults_of(&record)?, micro_batches: record.micro_batches.max(1) })
    }

    fn receipt(&self) -> &Receipt {
        &self.stored.receipt
    }

    fn replay(&self, steps: std::ops::Range<u64>, machine: &Machine) -> Result<Replay<'_>, Failure> {
        let runner = runner_of(&self.stored.job, machine, self.micro_batches, self.faults.clone())?;
        Ok(Replay::new(&self.stored.folder, steps, runner))
    }
}

/// Finds the first difference.
pub fn pinpoint(arguments: &Pinpoint, global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    let a = Side::open("a", &arguments.dir_a)?;
    let b = Side::open("b", &arguments.dir_b)?;
    same_job(&a.stored, &b.stored)?;
    let report = compare(&a, &b, &machine)?;
    say(&report, screen);
    screen.object(&report);
    Ok(Exit::Ok)
}

fn say(report: &Report, screen: &Screen) {
    let opened = grouped(report.hashes_opened);
    match (report.step, &report.op) {
        (Some(step), Some(op)) if report.page.is_some() => {
            let node = report.node.map(|node| format!("node {node} ({op}), ")).unwrap_or_default();
            let state = report.state.as_ref().map(|name| format!("state {name}, ")).unwrap_or_default();
            let page = report.page.unwrap_or_default();
            let element = report.element.map(|element| format!(", element {element}")).unwrap_or_default();
            screen.say(format!("step {step}, {node}{state}page {page}{element}"));
            say_below(report, screen);
        }
        (Some(step), _) => screen.say(format!("step {step}")),
        (None, _) => screen.say("the runs are equal"),
    }
    for fault in &report.absorbed {
        screen.say(format!("fault {fault} was absorbed: rounding left no trace of it"));
    }
    if let Some(note) = &report.note {
        screen.say(note);
    }
    screen.say(format!("{opened} hashes opened on each side"));
}

/// What stands below the element.
fn say_below(report: &Report, screen: &Screen) {
    let body = report.body_node.map(|node| {
        let element = report.body_element.map(|element| format!(", element {element}")).unwrap_or_default();
        format!("node {node} of its body{element}")
    });
    let block = report.block.map(|block| format!("block {block}"));
    let parts: Vec<String> = body.into_iter().chain(block).collect();
    if !parts.is_empty() {
        screen.say(format!("  in {}", parts.join(", ")));
    }
}

fn compare(a: &Side, b: &Side, machine: &Machine) -> Result<Report, Failure> {
    let run = |side: &Side| Leaves::list(Kind::Run, side.receipt().state_roots());
    let found = search(&run(a), &run(b))?;
    let mut report = Report { hashes_opened: found.opened, ..Report::default() };
    match found.difference {
        Difference::Equal => {
            let both = [a, b].into_iter().flat_map(|side| &side.faults);
            let is_run = |fault: &&Fault| fault.step() < a.receipt().steps_run();
            report.absorbed = both.filter(is_run).map(ToString::to_string).collect();
        }
        Difference::At { path } => {
            let segment = path.leaf(Kind::Run).expect("a run's leaves are segments");
            report.segment = Some(segment);
            inside(a, b, segment, machine, &mut report)?;
        }
        Difference::Length { .. } => different_ends(a, b, &mut report),
        other => {
            return Err(Failure::new(Exit::Failed, format!("the receipts cannot be compared: {other:?}")));
        }
    }
    Ok(report)
}

fn search(a: &dyn Sequence, b: &dyn Sequence) -> Result<Finding, Failure> {
    first_difference(a, b, Width::default()).map_err(|error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Failure::new(Exit::Failed, text)
    })
}

/// One run is the beginning of the other.
fn different_ends(a: &Side, b: &Side, report: &mut Report) {
    let (short, long) = if a.receipt().steps_run() < b.receipt().steps_run() { (a, b) } else { (b, a) };
    let end = short.receipt().steps_run();
    if let Ending::DivergedAt(step) = short.receipt().ending {
        report.step = Some(step);
        report.op = Some("ending".to_owned());
        report.note = Some(format!("{} ends as diverged at step {step}, {} goes on", short.name, long.name));
    } else {
        report.note = Some(format!("equal as far as {} goes: it was stopped before step {end}", short.name));
    }
}

/// Looks into the first segment that differs.
fn inside(a: &Side, b: &Side, segment: u64, machine: &Machine, report: &mut Report) -> Result<(), Failure> {
    let steps = |side: &Side| side.receipt().segments[segment as usize].steps;
    let ([start, a_end], [_, b_end]) = (steps(a), steps(b));
    let end = a_end.min(b_end);
    let (a_side, b_side) = (a.replay(start..end, machine)?, b.replay(start..end, machine)?);
    let found = spin("replaying the segment", || search(&a_side, &b_side))?;
    report.hashes_opened += found.opened;
    match found.difference {
        Difference::At { path } => {
            locate(&a.stored.job.program, start, &path, report);
            if path.leaf(Kind::Trace).is_some() {
                spin("looking below the element", || below(&a_side, &b_side, report))?;
            }
        }
        Difference::Equal if a_end != b_end => {
            report.step = Some(end - 1);
            report.op = Some("ending".to_owned());
            let short = if a_end < b_end { a.name } else { b.name };
            report.note = Some(format!("the steps are equal, but {short} ends after step {}", end - 1));
        }
        Difference::Equal => unexplained(a, b, [&a_side, &b_side], segment, report)?,
        other => {
            return Err(Failure::new(Exit::Failed, format!("the replays cannot be compared: {other:?}")));
        }
    }
    Ok(())
}

/// Puts a path below a segment's steps into words.
fn locate(program: &Program, start: u64, path: &Path, report: &mut Report) {
    report.step = path.leaf(Kind::Steps).map(|step| start + step);
    if let Some(node) = path.leaf(Kind::Trace) {
        report.node = Some(node);
        report.op = Some(program.nodes[node as usize].op.clone());
    } else if let Some(state) = path.leaf(Kind::State) {
        sink(program, state, report);
    }
    place(path, report);
}

fn sink(program: &Program, state: u64, report: &mut Report) {
    report.node = Some(program.sinks[state as usize].into());
    report.op = Some("sink".to_owned());
    report.state = Some(program.states[state as usize].name.clone());
}

fn place(path: &Path, report: &mut Report) {
    report.page = path.leaf(Kind::Tensor);
    report.element = element_of(path);
}

/// The replays agree, the receipts do not: a side's states are not what its own record computes.
fn unexplained(
    a: &Side,
    b: &Side,
    replays: [&Replay<'_>; 2],
    segment: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut liars = Vec::new();
    for (side, replay) in [a, b].into_iter().zip(replays) {
        let ends = last_state(replay).map_err(|error| Failure::new(Exit::Failed, error))?;
        if ends != side.receipt().segments[segment as usize].state_root {
            liars.push(side.name);
        }
    }
    let [start, end] = a.receipt().segments[segment as usize].steps;
    let stored = |side: &Side| StoredState::read(&side.stored.folder, end, &side.stored.job.program);
    report.step = Some(end - 1);
    report.op = Some("sink".to_owned());
    let mut note = format!(
        "segment {segment} of {} does not follow from its own run.json: what is stored after it was made in another way",
        liars.join(" and ")
    );
    if end - start > 1 {
        note += &format!(", and in which of the steps {start} to {} cannot be known", end - 1);
    }
    let states = (stored(a), stored(b));
    if states.0.is_err() || states.1.is_err() {
        note += "; nor can the element be, because the state after the segment was not kept (--keep last)";
    }
    report.note = Some(note);
    let (Ok(a_state), Ok(b_state)) = states else { return Ok(()) };
    let found = search(&a_state, &b_state)?;
    report.hashes_opened += found.opened;
    if let Difference::At { path } = found.difference {
        if let Some(state) = path.leaf(Kind::State) {
            sink(&a.stored.job.program, state, report);
        }
        place(&path, report);
    }
    Ok(())
}

/// The root of the state after a replay's last step.
fn last_state(replay: &Replay<'_>) -> Result<Digest, SequenceError> {
    let step = replay.enter(replay.len() - 1)?.expect("a step can be entered");
    step.node(0, 1)
}
