//! What is lied about, by whom, and which stages of a job that leads to.

use crate::faults::FAULTS;
use crate::lies::{Lie, Verb};
use crate::random::Random;
use crate::world::Skew;

/// What counts as a stage that a run has reached.
pub const STAGES: [&str; 15] = [
    "claimed",
    "held",
    "lapsed",
    "sealed",
    "opened",
    "contested",
    "challenged",
    "move",
    "leaf judged",
    "timed out",
    "shown",
    "refuted",
    "fined",
    "faulted",
    "settled",
];

/// The stages of every job that ends well: in the end an honest solver does it.
const USUAL: [&str; 5] = ["claimed", "held", "sealed", "opened", "settled"];
/// Beyond the budgets an honest peer may be late with anything.
const LATE: [&str; 4] = ["lapsed", "timed out", "fined", "faulted"];
/// Beyond the budgets an argument may end in any way.
const ARGUED: [&str; 6] = ["contested", "challenged", "move", "leaf judged", "shown", "refuted"];

/// Whether a play leads to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// It does, whenever its conditions are met.
    Must,
    /// Only if faults or chance happen to fall so.
    May,
    /// Never.
    Never,
}

/// The cheapest solver, which gets the job, the first of those with seats, and the whistleblower are who may lie.
const FIRST_SOLVER: usize = 1;
const FIRST_SEAT: usize = 4;
/// See [`FIRST_SOLVER`].
pub const WHISTLEBLOWER: usize = 9;
/// Seats that run as falsely as a solver.
const ACCOMPLICES: usize = 2;
/// Seats that hold what they show to nobody: a quorum and a verifier.
const RING: usize = 3;

/// False states that a comparison of interior roots sees.
const SEEN: [Skew; 3] = [Skew::Skips, Skew::OtherData, Skew::OtherRate];
/// Those that are argued about move by move: a stale state is judged at once.
const MOVED: [Skew; 4] = [Skew::Skips, Skew::OtherData, Skew::OtherRate, Skew::OffByOne];

/// What chance decides of a lie.
#[derive(Clone, Debug)]
pub struct Deal {
    /// The segment that is lied about.
    segment: u64,
    /// All segments.
    segments: u64,
    /// How the state becomes false: in any way, in one that is seen, in one that is argued about.
    any: Skew,
    seen: Skew,
    moved: Skew,
    /// Who of those with seats lies, if one does.
    seat: usize,
    /// When a solver vanishes.
    verb: Verb,
}

impl Deal {
    /// Chance decides.
    pub fn new(random: &mut Random, segments: u64) -> Deal {
        Deal {
            segment: random.below(segments),
            segments,
            any: *random.pick(&Skew::STATES),
            seen: *random.pick(&SEEN),
            moved: *random.pick(&MOVED),
            seat: FIRST_SEAT + random.below(ACCOMPLICES as u64) as usize,
            verb: *random.pick(&Verb::ALL),
        }
    }

    fn everywhere(&self, skew: Skew) -> Vec<Lie> {
        (0..self.segments).map(|segment| Lie::Runs(skew, segment)).collect()
    }
}

/// Who tells which lies.
type Told = Vec<(usize, Vec<Lie>)>;

/// A way to lie, with all that is claimed of it before anything is played.
#[derive(Debug)]
pub struct Play {
    /// Its name, for tables.
    pub name: &'static str,
    /// How often it is played, beside the others: the rarer its rarest stage, the oftener.
    pub weight: u64,
    /// Who tells which lies.
    pub lies: fn(&Deal) -> Told,
    /// The stages that it leads to besides those of every job.
    pub leads_to: &'static [&'static str],
    /// Stages that it may lead to: within the budgets by chance, if it does not lead there anyway; beyond them only if faults leave it the time.
    pub may_lead_to: &'static [&'static str],
    /// Why honest seats may lose and a state may not be delivered, if that is so.
    pub exempt: Option<&'static str>,
}

impl Play {
    const fn new(
        name: &'static str,
        weight: u64,
        lies: fn(&Deal) -> Told,
        leads_to: &'static [&'static str],
    ) -> Play {
        Play { name, weight, lies, leads_to, may_lead_to: &[], exempt: None }
    }

    const fn or(self, may_lead_to: &'static [&'static str]) -> Play {
        Play { may_lead_to, ..self }
    }

    const fn exempt(self, why: &'static str) -> Play {
        Play { exempt: Some(why), ..self }
    }

    /// Whether it leads to a stage under a kind of faults.
    pub fn leads(&self, kind: usize, stage: usize) -> Leads {
        let (is_beyond, stage) = (FAULTS[kind] == "beyond", STAGES[stage]);
        let (must, may) = (self.leads_to.contains(&stage), self.may_lead_to.contains(&stage));
        let is_argued = self.leads_to.contains(&"challenged");
        match is_beyond {
            _ if USUAL.contains(&stage) => Leads::Must,
            true if may => Leads::May,
            _ if must => Leads::Must,
            true if LATE.contains(&stage) || is_argued && ARGUED.contains(&stage) => Leads::May,
            _ if may => Leads::May,
            _ => Leads::Never,
        }
    }
}

/// A false state that is challenged is argued down to a leaf; where it is drawn, roots differ.
const FALSE_STATE: &[&str] = &["contested", "challenged", "move", "leaf judged", "faulted"];
/// The state after a segment is judged without a move, and the interior is that of an honest run.
const STALE: &[&str] = &["challenged", "leaf judged", "faulted"];
/// The state is right: the leaves of the interior are shown, and one is refuted.
const FALSE_INTERIOR: &[&str] = &["contested", "challenged", "shown", "refuted", "faulted"];
const STOPS: &[&str] = &["contested", "challenged", "move", "timed out", "faulted"];
/// After the false solver an honest one does the segment, and the accomplice that is drawn for it stands alone.
const TOGETHER: &[&str] =
    &["contested", "challenged", "move", "leaf judged", "shown", "refuted", "fined", "faulted"];
const VERIFIER_INTERIOR: &[&str] = &["contested", "challenged", "shown", "refuted", "fined"];
const VERIFIER_RUN: &[&str] =
    &["contested", "challenged", "move", "leaf judged", "shown", "refuted", "fined"];
/// Nobody holds what only the solver has.
const UNHELD: &[&str] = &["lapsed", "faulted"];

const RING_EXEMPT: &str =
    "a quorum of custodians that signs and serves nobody is beyond what the rules see (job.md §10)";

/// All plays: every one meets every kind of faults.
pub const PLAYS: [Play; 26] = [
    Play::new("nobody lies", 1, |_| Vec::new(), &[]),
    Play::new("solver: skips a step", 2, |deal| solver_runs(deal, Skew::Skips), FALSE_STATE),
    Play::new("solver: off by one ulp", 3, |deal| solver_runs(deal, Skew::OffByOne), FALSE_STATE)
        .or(&["contested"]),
    Play::new("solver: other data", 2, |deal| solver_runs(deal, Skew::OtherData), FALSE_STATE),
    Play::new("solver: other rate", 2, |deal| solver_runs(deal, Skew::OtherRate), FALSE_STATE),
    Play::new("solver: stale state", 2, |deal| solver_runs(deal, Skew::Stale), STALE),
    Play::new("solver: false interior", 2, |deal| solver_runs(deal, Skew::Garbage), FALSE_INTERIOR),
    Play::new("solver: withholds", 1, |_| solver(vec![Lie::Withholds]), UNHELD),
    Play::new("solver: serves garbage", 1, |_| solver(vec![Lie::ServesGarbage]), UNHELD),
    Play::new("solver: seals at random", 1, |_| solver(vec![Lie::SealsAtRandom]), &["faulted"]),
    Play::new("solver: never opens", 1, |_| solver(vec![Lie::NeverOpens]), &["faulted"]),
    Play::new(
        "solver: lies, then stops",
        3,
        |deal| solver(vec![Lie::Runs(deal.moved, deal.segment), Lie::StopsMoving]),
        STOPS,
    ),
    Play::new("solver: vanishes", 1, |deal| solver(vec![Lie::Vanishes(deal.verb)]), &["faulted"])
        .or(&["lapsed"]),
    Play::new("solver with verifiers", 4, |deal| together(deal, 1, deal.any), TOGETHER)
        .or(&["shown", "refuted", "fined"]),
    Play::new("two solvers, verifiers", 5, |deal| together(deal, 2, deal.seen), TOGETHER)
        .or(&["shown", "refuted", "fined"]),
    Play::new("solver with a custodian", 1, |_| ring(1), UNHELD),
    Play::new("solver with custodians", 2, |_| ring(RING), &["fined"]).or(UNHELD).exempt(RING_EXEMPT),
    Play::new("verifier: interior", 2, |deal| seat(deal, deal.everywhere(Skew::Garbage)), VERIFIER_INTERIOR),
    Play::new("verifier: false run", 3, |deal| seat(deal, deal.everywhere(deal.any)), VERIFIER_RUN),
    Play::new("verifier: never opens", 2, |deal| seat(deal, vec![Lie::NeverOpens]), &["fined"]),
    Play::new("verifier: copies a seal", 2, |deal| seat(deal, vec![Lie::CopiesSeal]), &["fined"]),
    Play::new("verifier: random seal", 2, |deal| seat(deal, vec![Lie::SealsAtRandom]), &["fined"]),
    Play::new("custodian: blind", 1, |deal| seat(deal, vec![Lie::ApprovesBlindly]), &[]),
    Play::new("custodian: garbage", 1, |deal| seat(deal, vec![Lie::ServesGarbage]), &[]),
    Play::new(
        "challenges honest work",
        1,
        |deal| vec![(WHISTLEBLOWER, vec![Lie::Runs(deal.moved, deal.segment)])],
        &["challenged", "move", "leaf judged"],
    ),
    Play::new(
        "challenges, then stops",
        3,
        |deal| vec![(WHISTLEBLOWER, vec![Lie::Runs(deal.moved, deal.segment), Lie::StopsMoving])],
        &["challenged", "move", "timed out"],
    ),
];

fn solver(lies: Vec<Lie>) -> Told {
    vec![(FIRST_SOLVER, lies)]
}

fn solver_runs(deal: &Deal, skew: Skew) -> Told {
    solver(vec![Lie::Runs(skew, deal.segment)])
}

fn seat(deal: &Deal, lies: Vec<Lie>) -> Told {
    vec![(deal.seat, lies)]
}

/// So many solvers, the cheapest ones, and some of those with seats tell the same lie.
fn together(deal: &Deal, solvers: usize, skew: Skew) -> Told {
    let seats = (0..ACCOMPLICES).map(|at| FIRST_SEAT + at);
    let liars = seats.chain((0..solvers).map(|at| FIRST_SOLVER + at));
    liars.map(|at| (at, vec![Lie::Runs(skew, deal.segment)])).collect()
}

/// A solver and so many of those with seats serve nobody but each other.
fn ring(seats: usize) -> Told {
    let seats = (0..seats).map(|at| FIRST_SEAT + at);
    seats.chain([FIRST_SOLVER]).map(|at| (at, vec![Lie::ServesLiars])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_play_is_said_of_stages() {
        for play in &PLAYS {
            let said = play.leads_to.iter().chain(play.may_lead_to);
            said.for_each(|stage| assert!(STAGES.contains(stage), "{}: {stage}", play.name));
            assert!(play.weight > 0);
        }
        let said = USUAL.iter().chain(&LATE).chain(&ARGUED);
        said.for_each(|stage| assert!(STAGES.contains(stage), "{stage}"));
    }

    #[test]
    fn who_lies_is_who_the_play_says() {
        let mut random = Random::new(7);
        for _ in 0..20 {
            let deal = Deal::new(&mut random, 4);
            for play in &PLAYS {
                let liars: Vec<usize> = (play.lies)(&deal).into_iter().map(|(at, _)| at).collect();
                let has = |range: std::ops::Range<usize>| liars.iter().any(|at| range.contains(at));
                let name = play.name;
                assert_eq!(has(FIRST_SOLVER..FIRST_SEAT), name.contains("solver"), "{name}");
                let seats = ["verifier", "custodian"].iter().any(|word| name.contains(word));
                assert_eq!(has(FIRST_SEAT..WHISTLEBLOWER), seats, "{name}");
                assert_eq!(has(WHISTLEBLOWER..10), name.starts_with("challenges"), "{name}");
            }
        }
    }
}
