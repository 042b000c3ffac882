//! What became of the liars, beside their forecasts.
#![allow(clippy::float_arithmetic, reason = "of reports only")]

use super::interval::{SHARES, interval};
use crate::forecast::tokens;
use crate::plays::PLAYS;
use crate::run::{Liar, Outcome};
use crate::scene::Part;
use samebit_market::Amount;
use std::collections::BTreeMap;
use std::fmt;

/// Liars that were caught, of how many, and of how many that was to be expected.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    of: u64,
    caught: u64,
    forecast: f64,
}

impl Share {
    fn add(&mut self, liar: &Liar) {
        self.of += 1;
        self.caught += u64::from(liar.is_caught);
        self.forecast += liar.forecast.caught;
    }

    fn rate(count: f64, of: u64) -> f64 {
        if of == 0 { 0.0 } else { count / of as f64 }
    }

    fn is_within(&self) -> bool {
        interval(self.caught, self.of).contains(&Share::rate(self.forecast, self.of))
    }
}

/// The liars of a part in a play, within the budget of faults and beyond it.
#[derive(Clone, Debug, Default)]
struct Row {
    all: Share,
    /// Those of them that chance decides about.
    chance: Share,
    beyond: Share,
    lost: f64,
    /// What they were to lose, as far as that is known.
    forecast: Option<f64>,
    least: Option<Amount>,
    most: Amount,
}

impl Row {
    fn add(&mut self, liar: &Liar) {
        self.all.add(liar);
        if !liar.forecast.is_sure() {
            self.chance.add(liar);
        }
        self.lost += tokens(liar.loss);
        let before = if self.all.of == 1 { Some(0.0) } else { self.forecast };
        self.forecast = before.zip(liar.forecast.mean).map(|(sum, mean)| sum + mean);
        if liar.forecast.caught > 0.0 {
            let (start, end) = (*liar.forecast.cost.start(), *liar.forecast.cost.end());
            self.least = Some(self.least.map_or(start, |least| least.min(start)));
            self.most = self.most.max(end);
        }
    }

    /// What a caught one loses by the forecast: between what and what, and in the mean where that is known.
    fn cost(&self) -> String {
        let Some(least) = self.least else { return "-".to_owned() };
        match self.forecast {
            Some(_) if least == self.most => format!("{}", tokens(least)),
            Some(sum) => format!("{} … {}: {:.1}", tokens(least), tokens(self.most), sum / self.all.forecast),
            None => format!("{} … {}", tokens(least), tokens(self.most)),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Liars {
    rows: BTreeMap<(usize, &'static str), Row>,
    chance: Share,
    /// What is not as it was to be expected although chance has no part in it.
    wrong: Vec<String>,
}

impl Liars {
    /// Takes note of a run.
    pub fn add(&mut self, outcome: &Outcome) {
        for liar in &outcome.liars {
            let row = self.rows.entry((outcome.scene.play, part(liar.part))).or_default();
            if outcome.scene.is_beyond {
                row.beyond.add(liar);
                continue;
            }
            row.add(liar);
            if !liar.forecast.is_sure() {
                self.chance.add(liar);
            }
            self.wrong.extend(surprise(liar).map(|wrong| outcome.complaint(&wrong)));
        }
    }

    /// What is not as it was to be expected.
    pub fn failures(&self) -> Vec<String> {
        let shares = self.rows.values().filter(|row| row.chance.of > 0).count() + 1;
        assert!(shares <= SHARES, "{shares} shares are measured");
        let is_off = |share: &Share| !share.is_within();
        let off = |share: &Share| {
            let (measured, forecast) = (share.caught as f64, share.forecast);
            format!("{measured} of {} were caught, {forecast:.1} were to be expected", share.of)
        };
        let rows = self.rows.iter().filter(|(_, row)| is_off(&row.chance));
        let rows =
            rows.map(|((play, part), row)| format!("{}, {part}: {}", PLAYS[*play].name, off(&row.chance)));
        let all = Some(&self.chance)
            .filter(|share| is_off(share))
            .map(|share| format!("all liars: {}", off(share)));
        self.wrong.iter().cloned().chain(rows).chain(all).collect()
    }
}

/// What became of a liar that could not be, whatever chance decides.
fn surprise(liar: &Liar) -> Option<String> {
    let Liar { forecast, is_caught, loss, .. } = liar;
    let owner = forecast.owner;
    match (forecast.caught, is_caught) {
        (0.0, true) => Some(format!("liar {owner} was caught, and cannot be")),
        (1.0, false) => Some(format!("liar {owner} was not caught, and must be")),
        (_, true) if !forecast.cost.contains(loss) => {
            let (least, most) = (tokens(*forecast.cost.start()), tokens(*forecast.cost.end()));
            Some(format!("liar {owner} has lost {} tokens, not {least} to {most}", tokens(*loss)))
        }
        _ => None,
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Submitter => "submitter",
        Part::Solver(_) => "solver",
        Part::Seat => "seat",
        Part::Whistleblower(_) => "whistleblower",
    }
}

impl fmt::Display for Liars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<25} {:<13} {:>6} {:>9} {:>7} | {:>6} {:>9} {:>7} {:>13} | {:>20} {:>8} | {:>12}",
            "play",
            "liar",
            "runs",
            "predicted",
            "caught",
            "chance",
            "predicted",
            "caught",
            "interval",
            "predicted loss",
            "loss",
            "beyond"
        )?;
        for ((play, part), row) in &self.rows {
            write!(formatter, "{:<25} {part:<13} ", PLAYS[*play].name)?;
            row.fmt(formatter)?;
        }
        write!(formatter, "{:<39} {:>24} | ", "all that chance decides about", "")?;
        shares(formatter, &self.chance)?;
        writeln!(formatter)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { all, chance, beyond, lost, .. } = self;
        let rate = |count: f64| 100.0 * Share::rate(count, all.of);
        write!(formatter, "{:>6} {:>8.1}% {:>6.1}% | ", all.of, rate(all.forecast), rate(all.caught as f64))?;
        shares(formatter, chance)?;
        write!(formatter, " | {:>20} {:>8.1}", self.cost(), Share::rate(*lost, all.caught))?;
        writeln!(formatter, " | {:>12}", format!("{} of {}", beyond.caught, beyond.of))
    }
}

/// A share that chance decides about, with what was to be expected and how sure it is.
fn shares(formatter: &mut fmt::Formatter<'_>, share: &Share) -> fmt::Result {
    if share.of == 0 {
        return write!(formatter, "{:>6} {:>9} {:>7} {:>13}", "-", "", "", "");
    }
    let rate = |count: f64| 100.0 * Share::rate(count, share.of);
    let range = interval(share.caught, share.of);
    let range = format!("{:.0} … {:.0}%", 100.0 * range.start(), 100.0 * range.end());
    let (forecast, caught) = (rate(share.forecast), rate(share.caught as f64));
    write!(formatter, "{:>6} {forecast:>8.1}% {caught:>6.1}% {range:>13}", share.of)
}
