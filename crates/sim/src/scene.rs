//! Who plays, on which terms, and what befalls them: all of it from the seed.

use crate::lies::Lie;
use crate::random::Random;
use crate::world::Skew;
use samebit_market::{Amount, Owner, Ppm, Seconds, Terms};

/// What befalls links, peers and the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Seconds that anything takes between two peers, at most; unlike ones reorder.
    pub delay: u64,
    /// Of what is sent between peers, or to the chain, so much is lost.
    pub lost: u32,
    /// And so much arrives twice.
    pub doubled: u32,
    /// So often a peer ends while it does something.
    pub crash: u32,
    /// Seconds that it is down then, at most.
    pub down: u64,
    /// Crashes of a peer, at most.
    pub crashes: u32,
    /// So often a disk takes a while to keep something, and all that comes after it waits.
    pub slow: u32,
    /// Seconds that it takes then, at most.
    pub slow_for: u64,
    /// So often some peers are cut off from all others and from the chain, in each block.
    pub cut: u32,
    /// Seconds that a cut lasts, at most.
    pub cut_for: u64,
    /// So often the last blocks are replaced, in each block.
    pub reorganisation: u32,
    /// Blocks that are replaced at once, at most.
    pub depth: u64,
}

/// The kinds of faults, for a table.
pub const FAULTS: [&str; 7] = ["calm", "links", "crashes", "cuts", "reorganisations", "all", "beyond"];

impl Faults {
    const CALM: Faults = Faults {
        delay: 2,
        lost: 0,
        doubled: 0,
        crash: 0,
        down: 0,
        crashes: 0,
        slow: 0,
        slow_for: 1,
        cut: 0,
        cut_for: 0,
        reorganisation: 0,
        depth: 0,
    };

    /// The faults of a kind: all but the last within the budget of [`terms`].
    pub fn of(kind: usize) -> Faults {
        let links = Faults { delay: 20, lost: 100_000, doubled: 100_000, ..Faults::CALM };
        let crashes =
            Faults { crash: 10_000, down: 90, crashes: 4, slow: 300_000, slow_for: 60, ..Faults::CALM };
        let cuts = Faults { cut: 10_000, cut_for: 90, ..Faults::CALM };
        let reorganisations = Faults { reorganisation: 50_000, depth: 3, ..Faults::CALM };
        match FAULTS[kind] {
            "calm" => Faults::CALM,
            "links" => links,
            "crashes" => crashes,
            "cuts" => cuts,
            "reorganisations" => reorganisations,
            "beyond" => Faults::beyond(),
            _ => Faults {
                delay: 10,
                lost: 50_000,
                doubled: 50_000,
                crash: 3_000,
                down: 60,
                crashes: 2,
                slow: 100_000,
                slow_for: 30,
                cut: 3_000,
                cut_for: 60,
                reorganisation: 20_000,
                depth: 3,
            },
        }
    }

    /// Faults beyond every budget.
    fn beyond() -> Faults {
        Faults {
            down: 4_000,
            cut: 5_000,
            cut_for: 4_000,
            crash: 10_000,
            crashes: 3,
            depth: 8,
            ..Faults::of(5)
        }
    }
}

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

/// Everything that a seed decides before anything happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The seed.
    pub seed: u64,
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

impl Scene {
    /// The scene of a seed, for a job of so many segments.
    pub fn new(seed: u64, segments: u64) -> Scene {
        let mut random = Random::new(seed);
        let kind = (seed % FAULTS.len() as u64) as usize;
        let play = (seed / FAULTS.len() as u64 % PLAYS.len() as u64) as usize;
        let is_beyond = FAULTS[kind] == "beyond";
        let faults = Faults::of(kind);
        let rate = *random.pick(&[250_000, 500_000, 1_000_000]);
        let mut actors = cast(&mut random);
        lie(play, &mut random, &mut actors, segments);
        Scene { seed, terms: terms(Ppm(rate)), actors, play, kind, faults, is_beyond }
    }
}

fn cast(random: &mut Random) -> Vec<Actor> {
    let awake = if random.happens(750_000) { 1_000_000 } else { 0 };
    let mut parts = vec![Part::Submitter];
    parts.extend([5, 6, 7].map(|price| Part::Solver(Amount(price * TOKEN))));
    parts.extend([Part::Seat; 5]);
    parts.push(Part::Whistleblower(Ppm(awake)));
    let actor = |(at, part): (u8, Part)| Actor { owner: Owner([at; 20]), part, lies: Vec::new() };
    (1..).zip(parts).map(actor).collect()
}

/// The cheapest solver, which gets the job, and those with seats are who may lie.
const FIRST_SOLVER: usize = 1;
const FIRST_SEAT: usize = 4;
const WHISTLEBLOWER: usize = 9;

/// What is lied about, for a table: every play meets every kind of faults.
pub const PLAYS: [&str; 24] = [
    "nobody lies",
    "solver: skips a step",
    "solver: off by one ulp",
    "solver: other data",
    "solver: other rate",
    "solver: stale state",
    "solver: false interior",
    "solver: withholds",
    "solver: serves garbage",
    "solver: seals at random",
    "solver: never opens",
    "solver: lies, then stops",
    "solver: vanishes",
    "solver with verifiers",
    "two solvers, verifiers",
    "verifier: interior",
    "verifier: false run",
    "verifier: never opens",
    "verifier: copies a seal",
    "verifier: random seal",
    "custodian: blind",
    "custodian: garbage",
    "challenges honest work",
    "challenges, then stops",
];

fn lie(play: usize, random: &mut Random, actors: &mut [Actor], segments: u64) {
    let segment = random.below(segments);
    let state = *random.pick(&Skew::STATES);
    let seat = FIRST_SEAT + random.below(2) as usize;
    let false_run = Lie::Runs(state, segment);
    let everywhere = |skew| (0..segments).map(|segment| Lie::Runs(skew, segment)).collect();
    let told: Vec<(usize, Vec<Lie>)> = match play {
        0 => Vec::new(),
        1..=5 => vec![(FIRST_SOLVER, vec![Lie::Runs(Skew::STATES[play - 1], segment)])],
        6 => vec![(FIRST_SOLVER, vec![Lie::Runs(Skew::Garbage, segment)])],
        7 => vec![(FIRST_SOLVER, vec![Lie::Withholds])],
        8 => vec![(FIRST_SOLVER, vec![Lie::ServesGarbage])],
        9 => vec![(FIRST_SOLVER, vec![Lie::SealsAtRandom])],
        10 => vec![(FIRST_SOLVER, vec![Lie::NeverOpens])],
        11 => vec![(FIRST_SOLVER, vec![false_run, Lie::StopsMoving])],
        12 => vec![(FIRST_SOLVER, vec![Lie::Vanishes(20 + random.below(40) as u32)])],
        13 => {
            (0..2).map(|at| FIRST_SEAT + at).chain([FIRST_SOLVER]).map(|at| (at, vec![false_run])).collect()
        }
        14 => {
            let together = (0..2).map(|at| FIRST_SEAT + at).chain([FIRST_SOLVER, FIRST_SOLVER + 1]);
            together.map(|at| (at, vec![false_run])).collect()
        }
        15 => vec![(seat, everywhere(Skew::Garbage))],
        16 => vec![(seat, everywhere(state))],
        17 => vec![(seat, vec![Lie::NeverOpens])],
        18 => vec![(seat, vec![Lie::CopiesSeal])],
        19 => vec![(seat, vec![Lie::SealsAtRandom])],
        20 => vec![(seat, vec![Lie::ApprovesBlindly])],
        21 => vec![(seat, vec![Lie::ServesGarbage])],
        22 => vec![(WHISTLEBLOWER, vec![false_run])],
        _ => vec![(WHISTLEBLOWER, vec![false_run, Lie::StopsMoving])],
    };
    told.into_iter().for_each(|(at, lies)| actors[at].lies = lies);
}
