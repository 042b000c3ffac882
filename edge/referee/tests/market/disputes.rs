//! Attacks that end in Dispute and Step, over a model that is really trained: the attacker is poorer than honesty would have left it, and nobody
//! honest is.

use super::common::liars::no_root;
use super::common::{STEP, World};
use super::trial::{Told, Trial, small};
use samebit_commit::Digest;
use samebit_dispute::Story;
use samebit_market::{JobStage, Owner, PlaceId, Who};
use samebit_trace::Fault;

const SEED: u64 = 3;
/// Poster, solver, heir, watcher and friend.
const SPEAKERS: usize = 5;

/// What everybody owns when the job was done honestly at once.
fn honest(world: &World) -> Vec<(Owner, u128)> {
    let mut trial = Trial::new(world, SEED);
    let solver = trial.solver;
    trial.finish_honestly(solver);
    everybody(&mut trial)
}

fn everybody(trial: &mut Trial<'_>) -> Vec<(Owner, u128)> {
    trial.town.check_money("the end");
    trial.town.people.clone().into_iter().map(|owner| (owner, trial.wealth(owner))).collect()
}

/// The attackers have less than after honest play; of the others, verifiers aside, who are other ones in another attempt, nobody has.
fn compare(trial: &mut Trial<'_>, honest: &[(Owner, u128)], attackers: &[Owner]) {
    let now = everybody(trial);
    let sum = |all: &[(Owner, u128)]| -> u128 {
        all.iter().filter(|(owner, _)| attackers.contains(owner)).map(|(_, wealth)| wealth).sum()
    };
    assert!(sum(&now) < sum(honest), "{attackers:?}: {} is not less than {}", sum(&now), sum(honest));
    for ((owner, now), (_, before)) in now.iter().zip(honest).take(SPEAKERS) {
        assert!(attackers.contains(owner) || now >= before, "{owner} has {now}, not {before}");
    }
}

/// What a liar claims: the state that its story ends in, and the interior of a run that it has not made.
fn claimed(lie: &dyn Story, truth: &Told) -> Told {
    Told { state: lie.end().expect("a state"), leaves: truth.leaves.clone() }
}

#[test]
fn a_false_state_is_lost_in_the_real_dispute() {
    let world = small();
    let honest = honest(&world);
    let node = world.cases()[&("linear", 0)];
    let lies: [(&str, Box<dyn Story>); 4] = [
        ("a wrong value", Box::new(world.segment(&[world.wrong_value(node)]))),
        ("a skipped step", Box::new(world.segment(&[Fault::Skip { step: STEP }]))),
        ("a wrong row", Box::new(world.segment(&[Fault::Row { step: STEP }]))),
        ("a state from nowhere", Box::new(world.segment(&[]).ending_in(no_root()))),
    ];
    for (how, lie) in &lies {
        let mut trial = Trial::new(&world, SEED);
        let (solver, watcher, heir) = (trial.solver, trial.watcher, trial.heir);
        let told = claimed(&**lie, &trial.truth);
        trial.claim(solver, &told);
        let number = trial.challenge(watcher, &told, false);
        let truth = world.segment(&[]);
        let settled = trial.argue(number, &[("liar", solver, &**lie), ("watcher", watcher, &truth)]);
        assert_eq!(settled.winners, ["watcher"], "{how}");
        let judged = settled.judged.unwrap_or_else(|| panic!("{how}: nothing was redone"));
        println!("{how}: {} was redone, gas in Dispute {}", judged.0, trial.argued);
        trial.judge(number, truth.opened().expect("a claim"));
        assert_eq!(trial.held().stage, JobStage::Open, "{how}: the attempt has ended");
        trial.finish_honestly(heir);
        compare(&mut trial, &honest, &[solver]);
    }
}

/// The friend asks first and says nothing: the false root is the answer of its question, and of no other one.
#[test]
fn a_friend_who_says_nothing_in_the_real_dispute_shields_nothing() {
    let world = small();
    let honest = honest(&world);
    let mut trial = Trial::new(&world, SEED);
    let (solver, watcher, friend, heir) = (trial.solver, trial.watcher, trial.friend, trial.heir);
    let lie = world.segment(&[Fault::Skip { step: STEP }]);
    let told = claimed(&lie, &trial.truth);
    trial.claim(solver, &told);
    let number = trial.challenge(friend, &told, false);
    let settled = trial.argue(number, &[("liar", solver, &lie)]);
    assert_eq!(settled.winners, ["liar"]);
    trial.judge(number, lie.opened().expect("a claim"));
    assert_eq!(trial.held().stage, JobStage::Running, "the friend's question was answered so");
    let number = trial.challenge(watcher, &told, false);
    let truth = world.segment(&[]);
    let settled = trial.argue(number, &[("liar", solver, &lie), ("watcher", watcher, &truth)]);
    assert_eq!((number, settled.winners), (1, vec!["watcher"]));
    trial.judge(number, truth.opened().expect("a claim"));
    trial.finish_honestly(heir);
    compare(&mut trial, &honest, &[solver, friend]);
}

#[test]
fn a_challenge_of_what_is_right_pays_the_honest_solver() {
    let world = small();
    let honest = honest(&world);
    let mut trial = Trial::new(&world, SEED);
    let (solver, friend) = (trial.solver, trial.friend);
    let told = trial.truth.clone();
    trial.claim(solver, &told);
    let number = trial.challenge(friend, &told, false);
    let (truth, lie) = (world.segment(&[]), world.segment(&[Fault::Row { step: STEP }]));
    let settled = trial.argue(number, &[("spammer", friend, &lie), ("solver", solver, &truth)]);
    assert_eq!(settled.winners, ["solver"]);
    trial.judge(number, truth.opened().expect("a claim"));
    trial.check_and_settle(&told);
    let earned = trial.terms.challenge_bond.0 / 2;
    let before = honest.iter().find(|(owner, _)| *owner == solver).expect("it is there").1;
    assert!(trial.wealth(solver) >= before + earned, "its state was right");
    compare(&mut trial, &honest, &[friend]);
}

/// Interior leaves of who has the state after the segment, and hashes it instead of running: no losses, no states in between.
fn hashed(truth: &Told) -> Vec<Digest> {
    let last = *truth.leaves.last().expect("a step");
    vec![last; truth.leaves.len()]
}

/// Everybody agrees in Dispute; the contract looks at what the answer shows of a step.
#[test]
fn hashing_the_delivered_state_is_lost_by_the_evidence_of_a_real_run() {
    let world = small();
    let honest = honest(&world);
    let mut trial = Trial::new(&world, SEED);
    let (solver, watcher, heir) = (trial.solver, trial.watcher, trial.heir);
    let told = Told { leaves: hashed(&trial.truth), ..trial.truth.clone() };
    trial.claim(solver, &told);
    let verifiers = trial.verifiers();
    let roots = vec![trial.truth.interior(); verifiers.len()];
    trial.check(&told, &roots);
    let number = trial.challenge(watcher, &told, true);
    let truth = world.segment(&[]);
    let settled = trial.argue(number, &[("solver", solver, &truth), ("verifier", verifiers[0], &truth)]);
    assert_eq!(settled.winners, ["solver", "verifier"]);
    trial.judge(number, truth.opened().expect("a claim"));
    let leaves = trial.truth.leaves.clone();
    (0..verifiers.len() as u64).for_each(|place| trial.show(number, Who::Verifier(PlaceId(place)), &leaves));
    trial.show(number, Who::Solver, &told.leaves);
    trial.refute(number, Who::Solver, 0, &told.leaves);
    trial.finish(number);
    assert_eq!(trial.held().stage, JobStage::Open, "the attempt has ended");
    trial.finish_honestly(heir);
    compare(&mut trial, &honest, &[solver]);
}

#[test]
fn a_verifier_that_hashes_the_delivered_state_loses_its_seat_and_the_solver_nothing() {
    let world = small();
    let honest = honest(&world);
    let mut trial = Trial::new(&world, SEED);
    let (solver, told) = (trial.solver, trial.truth.clone());
    trial.claim(solver, &told);
    let verifiers = trial.verifiers();
    let lie = Told { leaves: hashed(&told), ..told.clone() };
    let mut roots = vec![told.interior(); verifiers.len()];
    roots[0] = lie.interior();
    trial.check(&told, &roots);
    let number = trial.challenge(solver, &told, true);
    let truth = world.segment(&[]);
    let settled = trial.argue(number, &[("solver", solver, &truth)]);
    assert_eq!(settled.winners, ["solver"]);
    trial.judge(number, truth.opened().expect("a claim"));
    let liar = Who::Verifier(PlaceId(0));
    trial.show(number, Who::Solver, &told.leaves);
    trial.show(number, liar, &lie.leaves);
    trial.refute(number, liar, 0, &lie.leaves);
    trial.finish(number);
    trial.settle(&told);
    compare(&mut trial, &honest, &verifiers[..1]);
}
