//! What many runs show together: which stages were reached, who was caught beside who was to be caught, and what honest peers have lost where they may.

mod interval;
mod liars;
mod reach;
#[cfg(test)]
mod tests;

use crate::plays::PLAYS;
use crate::run::Outcome;
use crate::scene::SCENES;
use liars::Liars;
use reach::Reach;
use samebit_market::Amount;
use std::collections::BTreeMap;
use std::fmt;

/// Runs of a play in which honest peers may lose.
#[derive(Clone, Copy, Debug, Default)]
struct Harm {
    runs: u64,
    harmed: u64,
    sum: u128,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Report {
    runs: u64,
    blocks: u64,
    counts: BTreeMap<&'static str, u64>,
    reach: Reach,
    liars: Liars,
    harm: BTreeMap<usize, Harm>,
    /// Runs of each play in which something false was settled.
    escaped: BTreeMap<usize, u64>,
}

impl Report {
    /// Takes note of a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.blocks += outcome.blocks;
        for (what, count) in &outcome.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.reach.add(outcome);
        self.liars.add(outcome);
        let play = outcome.scene.play;
        *self.escaped.entry(play).or_default() += u64::from(outcome.is_false);
        if PLAYS[play].exempt.is_some() && !outcome.scene.is_beyond {
            let harm = self.harm.entry(play).or_default();
            harm.runs += 1;
            harm.harmed += u64::from(outcome.harm > Amount(0));
            harm.sum += outcome.harm.0;
        }
    }

    /// How often something happened in all runs.
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// What all runs together show to be wrong.
    pub fn failures(&self) -> Vec<String> {
        let reach = self.reach.failures(self.runs / SCENES);
        reach.into_iter().chain(self.liars.failures()).collect()
    }
}

/// Units in a hundredth of a token.
const HUNDREDTH: u128 = 10_000_000_000_000_000;

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} seeds, {} runs, {} blocks\n", self.runs / SCENES, self.runs, self.blocks)?;
        writeln!(formatter, "{}", self.reach)?;
        writeln!(formatter, "{}", self.liars)?;
        for (play, escaped) in self.escaped.iter().filter(|(_, escaped)| **escaped > 0) {
            writeln!(
                formatter,
                "{:<25} a false state was settled in {escaped} runs: nobody looked",
                PLAYS[*play].name
            )?;
        }
        for (play, Harm { runs, harmed, sum }) in &self.harm {
            let (play, mean) = (&PLAYS[*play], sum / u128::from(*runs) / HUNDREDTH);
            let (whole, part) = (mean / 100, mean % 100);
            let why = play.exempt.unwrap_or_default();
            writeln!(
                formatter,
                "{:<25} honest seats have lost in {harmed} of {runs} runs, {whole}.{part:02} tokens a run: {why}",
                play.name
            )?;
        }
        writeln!(formatter)?;
        self.counts.iter().try_for_each(|(what, count)| writeln!(formatter, "{what:<26} {count:>8}"))
    }
}
