//! What the rules and terms of a job say about each of its liars before anything is played: the probability that it is caught, and what that costs it
//! (docs/simulation.md §3).
#![allow(
    clippy::float_arithmetic,
    reason = "a forecast is for reports: nothing that is played depends on it"
)]

use crate::faults::Faults;
use crate::lies::{Lie, Verb};
use crate::odds::{Odds, at_least};
use crate::scene::{Actor, Part, Scene};
use crate::world::Skew;
use samebit_market::params::{REDRAWS, SEAT, SILENCE, VANISH};
use samebit_market::{Amount, Owner};
use std::ops::RangeInclusive;

/// What is to be expected of a liar that has a chance to lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Whose.
    pub owner: Owner,
    /// The probability that it loses something.
    pub caught: f64,
    /// What it loses then.
    pub cost: RangeInclusive<Amount>,
    /// What it loses in the mean, in tokens, if that follows from the terms.
    pub mean: Option<f64>,
}

impl Forecast {
    /// Whether chance has no part in it.
    pub fn is_sure(&self) -> bool {
        self.caught == 0.0 || self.caught == 1.0
    }
}

/// The forecasts of all liars of a scene, for a job of so many segments that this solver gets first.
pub fn forecasts(scene: &Scene, segments: u64, first: Owner) -> Vec<Forecast> {
    let outlook = Outlook::new(scene, segments, first);
    let liars = scene.actors.iter().filter(|actor| !actor.lies.is_empty());
    let of = |actor: &Actor| {
        let (caught, cost) = outlook.of(actor);
        let mean = outlook.mean(actor, caught, &cost);
        Forecast { owner: actor.owner, caught, cost, mean }
    };
    liars.map(of).collect()
}

/// All that a forecast depends on.
struct Outlook<'a> {
    scene: &'a Scene,
    odds: Odds,
    seats: u64,
    /// Seats whose run is as false as the solver's.
    accomplices: u64,
    /// Solvers that run falsely, one after the other, before an honest one has the job.
    false_solvers: u64,
    first: Owner,
}

impl Outlook<'_> {
    fn new(scene: &Scene, segments: u64, first: Owner) -> Outlook<'_> {
        let count =
            |is: &dyn Fn(&Actor) -> bool| scene.actors.iter().filter(|actor| is(actor)).count() as u64;
        let is_false = |actor: &Actor| runs(&actor.lies).is_some();
        let is_false_solver = |actor: &Actor| matches!(actor.part, Part::Solver(_)) && is_false(actor);
        let has_false_solver = count(&is_false_solver) > 0;
        let is_first_false = count(&|actor| actor.owner == first && is_false(actor)) > 0;
        Outlook {
            scene,
            odds: Odds::new(&scene.terms, segments),
            seats: count(&|actor| actor.part == Part::Seat),
            accomplices: count(&|actor| has_false_solver && actor.part == Part::Seat && is_false(actor)),
            false_solvers: if is_first_false { count(&is_false_solver) } else { 0 },
            first,
        }
    }

    fn of(&self, actor: &Actor) -> (f64, RangeInclusive<Amount>) {
        match actor.part {
            Part::Solver(_) => self.of_solver(actor.owner, &actor.lies),
            Part::Seat => self.of_seat(&actor.lies),
            // It loses its challenge, once: it does not repeat what it has lost.
            Part::Whistleblower(_) => (1.0, exactly(self.scene.terms.challenge_bond)),
            Part::Submitter => unreachable!("no play has a submitter that lies"),
        }
    }

    fn of_solver(&self, owner: Owner, lies: &[Lie]) -> (f64, RangeInclusive<Amount>) {
        let terms = &self.scene.terms;
        let (whole, cheap) = (terms.deposit, terms.deposit.part(VANISH));
        match lies {
            [Lie::Withholds | Lie::ServesGarbage] => (1.0, exactly(cheap)),
            [Lie::ServesLiars] => (self.never_a_quorum(), exactly(cheap)),
            [Lie::SealsAtRandom | Lie::NeverOpens] => (1.0, exactly(whole)),
            // Before it has claimed anything nothing is decided; later chance has drawn.
            [Lie::Vanishes(Verb::Claims)] => (1.0, exactly(cheap)),
            [Lie::Vanishes(_)] => (1.0, exactly(whole)),
            _ => {
                let (_, segment) = runs(lies).expect("it runs falsely, or does not lie");
                // Who has caught the first has run the segment, and remembers.
                let is_seen = self.scene.is_awake() || owner != self.first && self.false_solvers > 0;
                (if is_seen { 1.0 } else { self.is_checked(segment) }, exactly(whole))
            }
        }
    }

    fn of_seat(&self, lies: &[Lie]) -> (f64, RangeInclusive<Amount>) {
        let terms = &self.scene.terms;
        let nothing = (0.0, exactly(Amount(0)));
        let (picked, fine) = (1.0 - self.odds.never(self.picked()), terms.check_fee.times(SILENCE));
        let most_draws = self.odds.most();
        match lies {
            [Lie::ApprovesBlindly | Lie::ServesGarbage | Lie::ServesLiars] => nothing,
            [Lie::NeverOpens | Lie::CopiesSeal | Lie::SealsAtRandom] => {
                (picked, fine..=fine.times(most_draws))
            }
            [Lie::Runs(Skew::Garbage, _), ..] => (picked, SEAT..=self.most_seats()),
            // It may lose no more than a claim in Dispute, which others have asked for.
            _ if self.accomplices > 0 => {
                let (_, segment) = runs(lies).expect("an accomplice runs falsely");
                (self.of_accomplice(segment), Amount(0)..=self.most_seats().plus(terms.challenge_bond))
            }
            _ => {
                let bonds = terms.challenge_bond.times(most_draws);
                (picked, terms.challenge_bond..=self.most_seats().plus(bonds))
            }
        }
    }

    /// What a liar loses in the mean: a fine for each draw in which it is silent, or the one thing that it can lose.
    fn mean(&self, actor: &Actor, caught: f64, cost: &RangeInclusive<Amount>) -> Option<f64> {
        let is_silent = actor.part == Part::Seat
            && matches!(actor.lies[..], [Lie::NeverOpens | Lie::CopiesSeal | Lie::SealsAtRandom]);
        match cost.start() == cost.end() {
            true => Some(caught * tokens(*cost.start())),
            false if is_silent => Some(self.odds.mean() * self.picked() * tokens(*cost.start())),
            false => None,
        }
    }

    /// What all seats of one owner are worth: a message that is slow, or in a block that is replaced, is said again and may take a second one.
    fn most_seats(&self) -> Amount {
        let is_calm = self.scene.faults == Faults::CALM;
        SEAT.times(if is_calm { 1 } else { 2 })
    }

    /// That a seat is picked for a draw.
    fn picked(&self) -> f64 {
        f64::from(self.scene.terms.checkers) / self.seats as f64
    }

    /// That all who are picked for a draw are accomplices.
    fn is_captured(&self) -> f64 {
        let checkers = self.scene.terms.checkers.into();
        at_least(checkers, self.accomplices, checkers, self.seats)
    }

    /// That a segment is drawn, and an honest seat for it.
    fn is_checked(&self, segment: u64) -> f64 {
        self.odds.drawn(segment) * (1.0 - self.is_captured())
    }

    /// That an accomplice runs the segment before an honest solver claims another end of it, or is drawn for it then: it stands by what it has found.
    fn of_accomplice(&self, segment: u64) -> f64 {
        let (drawn, picked) = (self.odds.drawn(segment), self.picked());
        let spared = |attempts: u64| (1.0 - drawn * picked).powi(attempts as i32);
        if self.scene.is_awake() || self.false_solvers == 0 {
            return 1.0 - spared(self.false_solvers + 1);
        }
        let captured = self.is_captured();
        let with_honest = picked - captured * f64::from(self.scene.terms.checkers) / self.accomplices as f64;
        let others_with_honest = 1.0 - captured - with_honest;
        drawn * (with_honest + others_with_honest * (1.0 - spared(self.false_solvers)))
    }

    /// That of none of the committees an attempt may have enough are in league with its solver.
    fn never_a_quorum(&self) -> f64 {
        let terms = &self.scene.terms;
        let is_in_league = |actor: &&Actor| actor.part == Part::Seat && actor.lies == [Lie::ServesLiars];
        let in_league = self.scene.actors.iter().filter(is_in_league).count() as u64;
        let quorum = at_least(terms.quorum.into(), in_league, terms.custodians.into(), self.seats);
        (1.0 - quorum).powi(i32::from(REDRAWS) + 1)
    }
}

/// The first segment that is run falsely, and how.
fn runs(lies: &[Lie]) -> Option<(Skew, u64)> {
    lies.iter().find_map(|lie| match lie {
        Lie::Runs(skew, segment) => Some((*skew, *segment)),
        _ => None,
    })
}

fn exactly(amount: Amount) -> RangeInclusive<Amount> {
    amount..=amount
}

/// An amount in tokens.
pub fn tokens(amount: Amount) -> f64 {
    amount.0 as f64 / 1e18
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plays::PLAYS;
    use samebit_market::Ppm;

    /// The forecast of the first liar of a scene of a play, at a rate, with what it lies about in this segment.
    fn check(name: &str, (rate, is_awake): (u32, bool), segment: u64, expected: f64) {
        let is_it = |scene: &Scene| {
            let is_there = |actor: &Actor| runs(&actor.lies).is_none_or(|(_, at)| at == segment);
            PLAYS[scene.play].name == name
                && (scene.terms.draw_rate, scene.is_awake()) == (Ppm(rate), is_awake)
                && scene.actors.iter().all(is_there)
        };
        let scene = (0..20_000).map(|number| Scene::new(number, 4)).find(is_it).expect("it is played");
        let found = forecasts(&scene, 4, Owner([2; 20]));
        let caught = found.first().map(|forecast| forecast.caught).expect("there is a liar");
        assert!((caught - expected).abs() < 1e-12, "{name}, {rate}, {segment}: {caught}, not {expected}");
    }

    #[test]
    fn a_false_solver_is_caught_as_often_as_its_segment_is_drawn_or_surely_where_somebody_watches() {
        check("solver: other data", (250_000, false), 1, 0.25);
        check("solver: other data", (250_000, false), 2, 0.375);
        check("solver: false interior", (500_000, false), 2, 0.5);
        check("solver: stale state", (1_000_000, false), 0, 1.0);
        check("solver: stale state", (250_000, true), 0, 1.0);
    }

    #[test]
    fn an_accomplice_is_drawn_or_stands_by_what_it_has_run() {
        let seat = |(rate, is_awake): (u32, bool), expected: f64| {
            let is_it = |scene: &Scene| {
                PLAYS[scene.play].name == "solver with verifiers"
                    && (scene.terms.draw_rate, scene.is_awake()) == (Ppm(rate), is_awake)
                    && runs(&scene.actors[1].lies).is_some_and(|(_, segment)| segment == 0)
            };
            let scene = (0..20_000).map(|number| Scene::new(number, 4)).find(is_it).expect("it is played");
            let found = forecasts(&scene, 4, Owner([2; 20]));
            let of_seat = found.iter().find(|forecast| forecast.owner == Owner([5; 20])).expect("it lies");
            assert!((of_seat.caught - expected).abs() < 1e-12, "{}, not {expected}", of_seat.caught);
            // A false solver is shielded where both that are picked are its friends.
            let of_solver = found.iter().find(|forecast| forecast.owner == Owner([2; 20])).expect("it lies");
            let drawn = f64::from(rate) / 1e6;
            let expected = if is_awake { 1.0 } else { drawn * 0.9 };
            assert!((of_solver.caught - expected).abs() < 1e-12, "{}, not {expected}", of_solver.caught);
        };
        seat((1_000_000, true), 1.0 - 0.6 * 0.6);
        seat((1_000_000, false), 0.3 + 0.6 * 0.4);
        seat((250_000, true), 1.0 - 0.9 * 0.9);
        seat((250_000, false), 0.25 * (0.3 + 0.6 * 0.1));
    }

    #[test]
    fn a_ring_escapes_if_one_of_four_committees_has_its_quorum() {
        check("solver with a custodian", (500_000, true), 0, 1.0);
        check("solver with custodians", (500_000, true), 0, 0.3f64.powi(4));
    }
}
