//! Who plays, on which terms, and what befalls them: all of it from the seed.

use crate::faults::{FAULTS, Faults};
use crate::lies::Lie;
use crate::plays::{Deal, PLAYS, WHISTLEBLOWER};
use crate::random::Random;
use samebit_market::{Amount, Owner, Ppm, Seconds, Terms};

/// What a peer is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Posts the job.
    Submitter,
    /// Runs it, for this price.
    Solver(Amount),
    /// Has a seat: checks and holds.
    Seat,
    /// Runs this share of the segments.
    Whistleblower(Ppm),
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Whose.
    pub owner: Owner,
    /// Its part.
    pub part: Part,
    /// Its lies; an honest peer has none.
    pub lies: Vec<Lie>,
}

/// Everything that is decided before anything happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Which scene of all; all chance comes from it. [`SCENES`] in a row are those of a seed.
    pub number: u64,
    /// The terms of the job.
    pub terms: Terms,
    /// The peers.
    pub actors: Vec<Actor>,
    /// What is lied about: one of [`PLAYS`].
    pub play: usize,
    /// The kind of its faults: one of [`FAULTS`].
    pub kind: usize,
    /// Its faults.
    pub faults: Faults,
    /// Whether they are beyond what the terms allow for.
    pub is_beyond: bool,
}

/// Scenes that a seed plays: as many as it takes that 2,000 seeds bring every play to every stage that it leads to, under each kind of faults, 20 times.
pub const SCENES: u64 = 5;

/// The kinds of faults that a play meets in turn. Beyond the budgets it gets to the stages that it leads to half as often: it meets that twice.
const KINDS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 6];

/// The draw rates of the scenes of a play under one kind of faults, in turn: where all is drawn the stages of a check are sure to be reached, elsewhere
/// chance is measured.
const RATES: [u32; 7] = [1_000_000, 250_000, 1_000_000, 1_000_000, 500_000, 1_000_000, 1_000_000];
/// Of this many scenes in turn the whistleblower is awake in the first.
const WATCHES: u64 = 2;

const TOKEN: u128 = 1_000_000_000_000_000_000;

/// Terms of a job in which an honest peer may be unreachable for a few minutes at any time.
pub fn terms(draw_rate: Ppm) -> Terms {
    Terms {
        price: Amount(10 * TOKEN),
        check_fee: Amount(TOKEN),
        hold_fee: Amount(TOKEN / 10),
        deposit: Amount(200 * TOKEN),
        challenge_bond: Amount(20 * TOKEN),
        challenge_cost: Amount(5 * TOKEN),
        jackpot: Amount(50 * TOKEN),
        question_bond: Amount(3 * TOKEN),
        draw_rate,
        checkers: 2,
        custodians: 3,
        quorum: 2,
        credit: 2,
        claim_seconds: Seconds(1_200),
        hold_seconds: Seconds(900),
        announce_seconds: Seconds(900),
        seal_seconds: Seconds(900),
        open_seconds: Seconds(900),
        challenge_seconds: Seconds(900),
        reveal_seconds: Seconds(900),
        contest_seconds: Seconds(900),
        entry_seconds: Seconds(1_200),
        clock_seconds: Seconds(2_400),
        extension_seconds: Seconds(120),
        solver: Owner::default(),
    }
}

/// What is played in a scene.
struct Slot {
    play: usize,
    kind: usize,
    /// How often this play has met this kind before.
    visit: u64,
}

impl Slot {
    /// What a scene plays: in turn every play as often as it weighs, each time under all kinds of faults.
    fn of(number: u64) -> Slot {
        let weights: u64 = PLAYS.iter().map(|play| play.weight).sum();
        let (times, kind) = (number / KINDS.len() as u64, number % KINDS.len() as u64);
        let (round, mut rest) = (times / weights, times % weights);
        let mut play = 0;
        while rest >= PLAYS[play].weight {
            (rest, play) = (rest - PLAYS[play].weight, play + 1);
        }
        let kind = kind as usize;
        let (same, before) = (same(KINDS[kind], KINDS.len()), same(KINDS[kind], kind));
        Slot { play, kind: KINDS[kind], visit: (round * PLAYS[play].weight + rest) * same + before }
    }
}

/// How often a kind of faults is among the first of [`KINDS`].
fn same(kind: usize, first: usize) -> u64 {
    KINDS[..first].iter().filter(|other| **other == kind).count() as u64
}

impl Scene {
    /// The scenes of a seed, for a job of so many segments.
    pub fn of_seed(seed: u64, segments: u64) -> impl Iterator<Item = Scene> {
        (seed * SCENES..(seed + 1) * SCENES).map(move |number| Scene::new(number, segments))
    }

    /// A scene: every play meets every kind of faults, and each such pair every draw rate with a whistleblower that is awake and one that sleeps.
    pub fn new(number: u64, segments: u64) -> Scene {
        let mut random = Random::new(number);
        let Slot { play, kind, visit } = Slot::of(number);
        // Unlike pairs begin at unlike places, so that few scenes have some of everything.
        let turn = visit + (play + kind) as u64;
        let mut actors = cast(turn.is_multiple_of(WATCHES));
        for (at, lies) in (PLAYS[play].lies)(&Deal::new(&mut random, segments)) {
            actors[at].lies = lies;
        }
        if !actors[WHISTLEBLOWER].lies.is_empty() {
            actors[WHISTLEBLOWER].part = whistleblower(true);
        }
        Scene {
            number,
            terms: terms(Ppm(RATES[(turn % RATES.len() as u64) as usize])),
            actors,
            play,
            kind,
            faults: Faults::of(kind),
            is_beyond: FAULTS[kind] == "beyond",
        }
    }

    /// The seed that plays it.
    pub fn seed(&self) -> u64 {
        self.number / SCENES
    }

    /// Whether an honest whistleblower looks at everything.
    pub fn is_awake(&self) -> bool {
        let is_awake = |actor: &Actor| matches!(actor.part, Part::Whistleblower(rate) if rate.0 > 0);
        self.actors.iter().any(|actor| is_awake(actor) && actor.lies.is_empty())
    }
}

fn cast(is_awake: bool) -> Vec<Actor> {
    let mut parts = vec![Part::Submitter];
    parts.extend([5, 6, 7].map(|price| Part::Solver(Amount(price * TOKEN))));
    parts.extend([Part::Seat; 5]);
    parts.push(whistleblower(is_awake));
    let actor = |(at, part): (u8, Part)| Actor { owner: Owner([at; 20]), part, lies: Vec::new() };
    (1..).zip(parts).map(actor).collect()
}

/// One that runs everything, or nothing.
fn whistleblower(is_awake: bool) -> Part {
    Part::Whistleblower(Ppm(if is_awake { 1_000_000 } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plays::Play;
    use std::collections::BTreeSet;

    #[test]
    fn every_play_meets_every_kind_of_faults_under_every_condition() {
        let weights: u64 = PLAYS.iter().map(|play| play.weight).sum();
        let all = weights * KINDS.len() as u64 * RATES.len() as u64 * WATCHES;
        let of = |scene: Scene| (scene.play, scene.kind, scene.terms.draw_rate, scene.is_awake());
        let met: BTreeSet<_> = (0..all).map(|number| of(Scene::new(number, 4))).collect();
        // Three unlike rates; a whistleblower that lies is always awake, and none that is honest is there.
        let watches = |play: &Play| if play.name.starts_with("challenges") { 1 } else { WATCHES as usize };
        assert_eq!(met.len(), 3 * FAULTS.len() * PLAYS.iter().map(watches).sum::<usize>());
    }

    #[test]
    fn the_visits_of_a_pair_are_counted_one_after_the_other() {
        let mut visits = vec![0; PLAYS.len() * FAULTS.len()];
        for number in 0..3_000 {
            let Slot { play, kind, visit } = Slot::of(number);
            let expected = &mut visits[play * FAULTS.len() + kind];
            assert_eq!(visit, *expected, "{number}");
            *expected += 1;
        }
    }

    #[test]
    fn a_scene_is_of_one_seed() {
        let scenes: Vec<u64> =
            (0..5).flat_map(|seed| Scene::of_seed(seed, 4)).map(|scene| scene.number).collect();
        assert_eq!(scenes, (0..5 * SCENES).collect::<Vec<_>>());
        assert!(Scene::of_seed(3, 4).all(|scene| scene.seed() == 3));
    }
}
