//! Tables over many runs: which lie met which fault, what was reached, and who was caught.

use crate::run::Outcome;
use crate::scene::{FAULTS, PLAYS};
use std::collections::BTreeMap;
use std::fmt;

/// What counts as a stage that a run has reached.
pub const STAGES: [&str; 12] = [
    "claimed",
    "held",
    "sealed",
    "opened",
    "contested",
    "challenged",
    "move",
    "leaf judged",
    "shown",
    "refuted",
    "faulted",
    "settled",
];

/// What became of the liars of a play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liars {
    /// Liars that had a chance to lie.
    pub active: u64,
    /// Those of them that lost something.
    pub caught: u64,
    /// Runs in which an honest checker saw what was false.
    pub watched: u64,
    /// Runs in which something false was settled.
    pub escaped: u64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Report {
    runs: u64,
    blocks: u64,
    counts: BTreeMap<&'static str, u64>,
    liars: BTreeMap<usize, Liars>,
    /// Runs by play, fault and stage.
    reached: BTreeMap<(usize, usize, &'static str), u64>,
}

impl Report {
    /// Takes note of a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.blocks += outcome.blocks;
        for (what, count) in &outcome.counts {
            *self.counts.entry(what).or_default() += count;
        }
        let (play, kind) = (outcome.scene.play, outcome.scene.kind);
        let liars = self.liars.entry(play).or_default();
        liars.active += outcome.active.len() as u64;
        liars.caught += outcome.active.intersection(&outcome.caught).count() as u64;
        liars.watched += u64::from(outcome.is_watched);
        liars.escaped += u64::from(outcome.is_false);
        for stage in STAGES.into_iter().filter(|stage| outcome.counts.contains_key(stage)) {
            *self.reached.entry((play, kind, stage)).or_default() += 1;
        }
    }

    /// How often something happened in all runs.
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// What became of the liars of a play, by its name.
    pub fn liars(&self, play: &str) -> Liars {
        let play = PLAYS.iter().position(|name| *name == play);
        play.and_then(|play| self.liars.get(&play)).copied().unwrap_or_default()
    }

    fn row(&self, formatter: &mut fmt::Formatter<'_>, play: usize, kind: usize) -> fmt::Result {
        write!(formatter, "{:<26} {:<16}", PLAYS[play], FAULTS[kind])?;
        for stage in STAGES {
            write!(formatter, " {:>11}", self.reached.get(&(play, kind, stage)).copied().unwrap_or(0))?;
        }
        writeln!(formatter)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} runs, {} blocks", self.runs, self.blocks)?;
        let heads = ["active", "caught", "seen", "false settled"];
        write!(formatter, "\n{:<26}", "play")?;
        heads.iter().try_for_each(|head| write!(formatter, " {head:>13}"))?;
        writeln!(formatter)?;
        for (play, Liars { active, caught, watched, escaped }) in &self.liars {
            write!(formatter, "{:<26}", PLAYS[*play])?;
            [active, caught, watched, escaped]
                .iter()
                .try_for_each(|count| write!(formatter, " {count:>13}"))?;
            writeln!(formatter)?;
        }
        write!(formatter, "\n{:<26} {:<16}", "play", "fault")?;
        STAGES.iter().try_for_each(|stage| write!(formatter, " {stage:>11}"))?;
        writeln!(formatter)?;
        for play in 0..PLAYS.len() {
            (0..FAULTS.len()).try_for_each(|kind| self.row(formatter, play, kind))?;
        }
        writeln!(formatter)?;
        self.counts.iter().try_for_each(|(what, count)| writeln!(formatter, "{what:<26} {count:>8}"))
    }
}
