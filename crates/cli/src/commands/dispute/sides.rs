//! The two runs, and the first segment about which they say different things.

use super::super::pinpoint::jobs::same_job;
use super::super::run::{faults_of, runner_of};
use crate::failure::{Exit, Failure};
use crate::files::{self, Stored};
use crate::machine::Machine;
use samebit_commit::Digest;
use samebit_dispute::Story;
use samebit_roles::Segment;
use samebit_trace::{Fault, Replay};
use std::path::Path;

/// A run, replayed as its run.json says.
pub struct Side<'a> {
    pub stored: Stored,
    faults: Vec<Fault>,
    micro_batches: u64,
    machine: &'a Machine,
}

/// Both runs.
pub struct Sides<'a> {
    pub sides: [Side<'a>; 2],
}

/// What both say of a segment.
pub struct Told<'a> {
    pub segment: u64,
    /// The state before it, which both have.
    pub start: Digest,
    pub stories: [Segment<Replay<'a>>; 2],
}

impl<'a> Side<'a> {
    fn open(path: &Path, machine: &'a Machine) -> Result<Side<'a>, Failure> {
        let stored = Stored::open(path)?;
        let record = stored.folder.record().map_err(files::bad_record)?;
        Ok(Side { stored, faults: faults_of(&record)?, micro_batches: record.micro_batches.max(1), machine })
    }

    /// What it says of a segment that it has run: its steps as they are replayed, and the state that its receipt names.
    fn tell(&self, segment: u64) -> Result<Segment<Replay<'_>>, Failure> {
        let record = &self.stored.receipt.segments[segment as usize];
        let [first, end] = record.steps;
        let runner = runner_of(&self.stored.job, self.machine, self.micro_batches, self.faults.clone())?;
        let replay = Replay::new(&self.stored.folder, first..end, runner);
        let start = replay.start()?;
        Ok(Segment::new(replay, start, self.stored.job.spec.tables.clone()).ending_in(record.state_root))
    }

    fn has_fault_in(&self, [first, end]: [u64; 2]) -> bool {
        self.faults.iter().any(|fault| (first..end).contains(&fault.step()))
    }
}

impl<'a> Sides<'a> {
    pub fn open(a: &Path, b: &Path, machine: &'a Machine) -> Result<Sides<'a>, Failure> {
        let sides = [Side::open(a, machine)?, Side::open(b, machine)?];
        same_job(&sides[0].stored, &sides[1].stored)?;
        Ok(Sides { sides })
    }

    /// Both stories of the first segment whose claims differ, or of the one that is asked for; a note if there is none. Replays are the same unless a
    /// fault was injected, so that only segments with one, or with different states after them, can differ.
    pub fn first_difference(&self, wanted: Option<u64>) -> Result<Result<Told<'_>, String>, Failure> {
        let [a, b] = &self.sides;
        let common = a.stored.receipt.segments.len().min(b.stored.receipt.segments.len()) as u64;
        if let Some(wanted) = wanted.filter(|wanted| *wanted >= common) {
            let text = format!("segment {wanted} was not run by both: they have {common} segments in common");
            return Err(Failure::input(text));
        }
        let chosen = wanted.map_or(0..common, |wanted| wanted..wanted + 1);
        for segment in chosen.clone() {
            let [mine, theirs] = [a, b].map(|side| &side.stored.receipt.segments[segment as usize]);
            let may_differ = mine.state_root != theirs.state_root
                || mine.steps != theirs.steps
                || a.has_fault_in(mine.steps)
                || b.has_fault_in(theirs.steps);
            if !may_differ {
                continue;
            }
            let stories = [a.tell(segment)?, b.tell(segment)?];
            let [mine, theirs] = [&stories[0], &stories[1]].map(|story| story.opened());
            let failed = |error| Failure::new(Exit::Failed, error);
            if mine.map_err(failed)? != theirs.map_err(failed)? {
                return Ok(Ok(Told { segment, start: self.state_before(segment), stories }));
            }
        }
        let is_longer =
            wanted.is_none() && a.stored.receipt.segments.len() != b.stored.receipt.segments.len();
        Ok(Err(match is_longer {
            true => format!("the runs claim the same of the {common} segments that both have run"),
            false => "the runs claim the same".to_owned(),
        }))
    }

    fn state_before(&self, segment: u64) -> Digest {
        let receipt = &self.sides[0].stored.receipt;
        match segment.checked_sub(1) {
            Some(before) => receipt.segments[before as usize].state_root,
            None => receipt.initial_state,
        }
    }
}
