//! Which play met which kind of faults at which stage, and how often: what a play leads to must be reached, what it cannot lead to never.

use crate::faults::FAULTS;
use crate::plays::{Leads, PLAYS, STAGES};
use crate::run::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// Runs that must have reached each stage that a play leads to, under each kind of faults, of [`SEEDS`]; fewer seeds are asked for nothing.
const RUNS: u64 = 20;
/// See [`RUNS`].
const SEEDS: u64 = 2_000;

/// A play, a kind of faults and a stage.
type Cell = (usize, usize, usize);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    runs: BTreeMap<(usize, usize), u64>,
    reached: BTreeMap<Cell, u64>,
}

impl Reach {
    /// Takes note of a run.
    pub fn add(&mut self, outcome: &Outcome) {
        let (play, kind) = (outcome.scene.play, outcome.scene.kind);
        *self.runs.entry((play, kind)).or_default() += 1;
        for (stage, _) in STAGES.iter().enumerate().filter(|(_, name)| outcome.counts.contains_key(*name)) {
            *self.reached.entry((play, kind, stage)).or_default() += 1;
        }
    }

    /// Runs in which a stage was reached.
    fn count(&self, cell: Cell) -> u64 {
        self.reached.get(&cell).copied().unwrap_or_default()
    }

    /// Cells that so many seeds should have reached more often, and those that should not have been reached.
    pub fn failures(&self, seeds: u64) -> Vec<String> {
        let least = RUNS * (seeds / SEEDS);
        let stages = |kind| (0..STAGES.len()).map(move |stage| (kind, stage));
        let cells = (0..PLAYS.len()).flat_map(|play| {
            (0..FAULTS.len()).flat_map(stages).map(move |(kind, stage)| (play, kind, stage))
        });
        let failure = |cell: Cell| {
            let (play, kind, stage) = cell;
            let (count, leads) = (self.count(cell), PLAYS[play].leads(kind, stage));
            let wrong = match leads {
                Leads::Must if count < least => format!("in {count} runs, less than {least}"),
                Leads::Never if count > 0 => format!("in {count} runs, though nothing leads there"),
                _ => return None,
            };
            Some(format!("{}, {}: `{}` was reached {wrong}", PLAYS[play].name, FAULTS[kind], STAGES[stage]))
        };
        cells.filter_map(failure).collect()
    }

    fn row(&self, formatter: &mut fmt::Formatter<'_>, play: usize, kind: usize) -> fmt::Result {
        let runs = self.runs.get(&(play, kind)).copied().unwrap_or_default();
        write!(formatter, "{:<25} {:<15} {runs:>5}", PLAYS[play].name, FAULTS[kind])?;
        for stage in 0..STAGES.len() {
            let count = self.count((play, kind, stage));
            let shown = match PLAYS[play].leads(kind, stage) {
                Leads::Must => count.to_string(),
                Leads::May => format!("({count})"),
                Leads::Never => "-".to_owned(),
            };
            write!(formatter, " {shown:>11}")?;
        }
        writeln!(formatter)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<25} {:<15} {:>5}", "play", "fault", "runs")?;
        STAGES.iter().try_for_each(|stage| write!(formatter, " {stage:>11}"))?;
        writeln!(formatter)?;
        (0..PLAYS.len())
            .try_for_each(|play| (0..FAULTS.len()).try_for_each(|kind| self.row(formatter, play, kind)))
    }
}
