//! Attacks, each of which leaves the attacker poorer than honesty would have.

use super::{Chain, Conduct, Script, Toy, owner};
use crate::{
    Amount, AttemptId, BatchId, BatchStage, Cause, ChallengeStage, DrawId, DrawStage, JobStage, Leaf,
    MarketMessage, Moment, Owner, PlaceId, Pot, Ppm, Question, Refusal, Seconds, SegmentId, Site, Terms, Who,
    names, params,
};
use samebit_commit::Digest;

/// Every attack, by name: each panics unless the attacker ends poorer than honesty would have left it.
pub const ATTACKS: &[(&str, fn())] = &[
    ("a_false_state_is_lost", a_false_state_is_lost),
    (
        "a_seal_without_running_is_lost_where_it_is_drawn_and_where_it_is_not",
        a_seal_without_running_is_lost_where_it_is_drawn_and_where_it_is_not,
    ),
    (
        "announcing_falsely_without_force_cannot_be_revealed",
        announcing_falsely_without_force_cannot_be_revealed,
    ),
    (
        "announcing_truly_in_spite_of_force_cannot_be_revealed",
        announcing_truly_in_spite_of_force_cannot_be_revealed,
    ),
    (
        "a_verifier_that_is_silent_or_lies_or_does_not_open_loses",
        a_verifier_that_is_silent_or_lies_or_does_not_open_loses,
    ),
    (
        "an_honest_solver_does_not_pay_for_a_verifiers_garbage",
        an_honest_solver_does_not_pay_for_a_verifiers_garbage,
    ),
    ("nothing_is_withdrawn_when_the_draw_is_known", nothing_is_withdrawn_when_the_draw_is_known),
    ("what_others_opened_does_not_open_ones_own_seal", what_others_opened_does_not_open_ones_own_seal),
    ("a_copied_seal_does_not_open", a_copied_seal_does_not_open),
    (
        "a_hidden_state_burns_no_verifier_and_is_never_paid",
        a_hidden_state_burns_no_verifier_and_is_never_paid,
    ),
    (
        "a_poster_that_never_acknowledges_pays_all_the_same",
        a_poster_that_never_acknowledges_pays_all_the_same,
    ),
    ("work_that_others_have_posted_cannot_be_opened", work_that_others_have_posted_cannot_be_opened),
    (
        "later_segments_are_not_settled_before_earlier_ones",
        later_segments_are_not_settled_before_earlier_ones,
    ),
    ("a_friend_who_plays_badly_shields_nothing", a_friend_who_plays_badly_shields_nothing),
    (
        "spam_of_challenges_costs_the_spammer_and_pays_the_solver",
        spam_of_challenges_costs_the_spammer_and_pays_the_solver,
    ),
    (
        "seals_bind_chain_contract_job_attempt_segment_role_and_owner",
        seals_bind_chain_contract_job_attempt_segment_role_and_owner,
    ),
    (
        "what_is_shown_in_the_last_second_can_still_be_refuted",
        what_is_shown_in_the_last_second_can_still_be_refuted,
    ),
    (
        "a_reorganisation_between_seal_and_opening_shows_nothing",
        a_reorganisation_between_seal_and_opening_shows_nothing,
    ),
    ("malformed_jobs_end_at_the_posters_cost", malformed_jobs_end_at_the_posters_cost),
    ("a_wrong_leaf_before_is_refused", a_wrong_leaf_before_is_refused),
    (
        "taxes_are_gone_whatever_a_solver_does_after_the_draw",
        taxes_are_gone_whatever_a_solver_does_after_the_draw,
    ),
    ("a_draw_that_expired_forces_nothing", a_draw_that_expired_forces_nothing),
    ("a_chain_that_stands_still_makes_nobody_late", a_chain_that_stands_still_makes_nobody_late),
];

const FIRST: AttemptId = AttemptId(0);
const JOB_SEGMENTS: u64 = 4;

/// Everything is drawn.
fn all_drawn() -> Terms {
    Terms { draw_rate: Ppm(1_000_000), ..Script::terms() }
}

/// Nothing is drawn but one segment of the last batch.
fn none_drawn() -> Terms {
    Terms { draw_rate: Ppm(0), ..Script::terms() }
}

fn begin(seed: u64, terms: Terms, conduct: Conduct) -> (Chain, Script) {
    let mut chain = Chain::new(seed);
    let people: Vec<Owner> = (1..=7).map(owner).collect();
    Script::seat(&mut chain, &people[4..]);
    let mut script = Script::post(&mut chain, &people, Toy::new(JOB_SEGMENTS), terms, 0);
    script.conduct = conduct;
    (chain, script)
}

fn play(seed: u64, terms: Terms, conduct: Conduct) -> (Chain, Script) {
    let (mut chain, script) = begin(seed, terms, conduct);
    script.run(&mut chain);
    assert_eq!(script.held(&chain).stage, JobStage::Done);
    assert_eq!(script.held(&chain).locked(), Amount(0), "money is stuck");
    (chain, script)
}

/// What somebody owns, seats included.
fn wealth(chain: &Chain, owner: Owner) -> u128 {
    let vault = chain.market.vault();
    let seats = vault.seats().iter().filter(|seat| seat.owner == owner);
    vault.free(owner).0 + seats.map(|seat| seat.rest.0).sum::<u128>()
}

/// Plays honestly and otherwise on the same chain, and compares what `attacker` owns after it.
fn loses(terms: &Terms, conduct: &Conduct, attacker: Owner) {
    for seed in 0..8 {
        let (honest, _) = play(seed, terms.clone(), Conduct::default());
        let (attacked, script) = play(seed, terms.clone(), conduct.clone());
        let (with, without) = (wealth(&attacked, attacker), wealth(&honest, attacker));
        assert!(with < without, "seed {seed}, {conduct:?}: {with} is not less than {without}");
        // Nobody honest pays for it: the poster, the watcher and the heir have at least what they had.
        for honest_one in [script.watcher, script.heir, script.poster] {
            let (with, without) = (wealth(&attacked, honest_one), wealth(&honest, honest_one));
            assert!(with >= without, "seed {seed}, {conduct:?}: {honest_one} has {with}, not {without}");
        }
    }
}

/// Says what is due, and waits, until something holds.
fn until(chain: &mut Chain, script: &Script, holds: impl Fn(&Chain) -> bool) {
    for _ in 0..1_000 {
        if holds(chain) {
            return;
        }
        if !script.round(chain) {
            chain.wait(12);
        }
    }
    panic!("it never happens: {:?}", script.held(chain));
}

fn stage(chain: &Chain, script: &Script, batch: usize) -> Option<BatchStage> {
    let running = script.held(chain).attempt.as_ref()?;
    running.batches.get(batch).map(|batch| batch.stage)
}

fn draw_stage(chain: &Chain, script: &Script) -> Option<DrawStage> {
    let running = script.held(chain).attempt.as_ref()?;
    running.batches.first()?.draws.first().map(|draw| draw.stage)
}

fn a_false_state_is_lost() {
    let conduct = Conduct { false_state: Some(1), ..Conduct::default() };
    loses(&none_drawn(), &conduct, owner(2));
}

/// Skipping the work, or hashing the delivered state instead of running: the seal is not what running gives.
fn a_seal_without_running_is_lost_where_it_is_drawn_and_where_it_is_not() {
    let conduct = Conduct { false_seal: Some(1), ..Conduct::default() };
    loses(&all_drawn(), &conduct, owner(2));
    loses(&none_drawn(), &conduct, owner(2));
}

fn announcing_falsely_without_force_cannot_be_revealed() {
    let conduct = Conduct { false_announcement: Some(0), ..Conduct::default() };
    loses(&none_drawn(), &conduct, owner(2));
}

fn announcing_truly_in_spite_of_force_cannot_be_revealed() {
    let mut forced = 0;
    for seed in 0..100 {
        let (chain, script) = play(seed, none_drawn(), Conduct { ignores_force: true, ..Conduct::default() });
        let (honest, _) = play(seed, none_drawn(), Conduct::default());
        let has_lost = wealth(&chain, script.solver) < wealth(&honest, script.solver);
        assert_eq!(has_lost, script.held(&chain).attempts > 1);
        forced += u32::from(has_lost);
    }
    assert!(forced > 0, "nothing was forced");
}

fn a_verifier_that_is_silent_or_lies_or_does_not_open_loses() {
    for at in 0..3 {
        let verifier = owner(5 + at as u8);
        loses(&all_drawn(), &Conduct { silent: Some(at), ..Conduct::default() }, verifier);
        loses(&all_drawn(), &Conduct { shut: Some(at), ..Conduct::default() }, verifier);
        loses(&all_drawn(), &Conduct { garbage: Some(at), ..Conduct::default() }, verifier);
    }
}

fn an_honest_solver_does_not_pay_for_a_verifiers_garbage() {
    for seed in 0..8 {
        let (honest, script) = play(seed, all_drawn(), Conduct::default());
        let (attacked, _) = play(seed, all_drawn(), Conduct { garbage: Some(0), ..Conduct::default() });
        assert!(wealth(&attacked, script.solver) >= wealth(&honest, script.solver));
        assert_eq!(script.held(&attacked).attempts, 1);
    }
}

fn nothing_is_withdrawn_when_the_draw_is_known() {
    let conduct = Conduct { false_seal: Some(0), ..Conduct::default() };
    let (mut chain, script) = begin(3, all_drawn(), conduct);
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Held));
    let root = script.held(&chain).attempt.as_ref().expect("it runs").batches[0].root;
    let retract = MarketMessage::Retract { job: script.job, attempt: FIRST, batch: BatchId(0), root };
    let before = wealth(&chain, script.solver);
    let mut early = chain.clone();
    early.tell(script.solver, retract.clone()).expect("the beacon is not known");
    let fee = script.terms.deposit.part(params::RETRACT_FEE).0;
    let tax = script.terms.tax().times(2).0;
    assert_eq!(wealth(&early, script.solver), before - fee + tax);
    chain.blocks(4);
    let late = chain.tell(script.solver, retract);
    assert_eq!(late, Err(Refusal::TooLate("the beacon of the draw is known")));
    // Whoever stops now loses all of the deposit, not the half that vanishing costs.
    chain.blocks(1);
    chain.wait(100_000);
    let message = MarketMessage::Expire { job: script.job, attempt: FIRST, cause: Cause::Claim };
    chain.tell(script.watcher, message).expect("it is late");
    assert_eq!(wealth(&chain, script.solver), before);
}

fn what_others_opened_does_not_open_ones_own_seal() {
    let (mut chain, script) = begin(1, all_drawn(), Conduct { garbage: Some(0), ..Conduct::default() });
    until(&mut chain, &script, |chain| draw_stage(chain, &script) == Some(DrawStage::Opening));
    chain.blocks(4);
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let draw = &running.batches[0].draws[0];
    let place = draw.places.iter().position(|place| place.seat.is_some()).expect("somebody") as u64;
    let (_, owner) = draw.places[place as usize].seat.expect("somebody");
    let (salt, _) = script.sealed(owner, draw.segment.0);
    for interior in [script.toy.false_run().interior_root(draw.segment.0), Digest([9; 32])] {
        let message = MarketMessage::OpenVerifier {
            job: script.job,
            attempt: FIRST,
            batch: BatchId(0),
            draw: DrawId(0),
            place: PlaceId(place),
            salt,
            interior,
        };
        assert_eq!(chain.tell(owner, message), Err(Refusal::Mismatch { what: "seal" }));
    }
}

fn a_copied_seal_does_not_open() {
    let (mut chain, script) = begin(1, all_drawn(), Conduct { silent: Some(0), ..Conduct::default() });
    until(&mut chain, &script, |chain| draw_stage(chain, &script) == Some(DrawStage::Sealing));
    script.round(&mut chain);
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let root = running.batches[0].root;
    let copier = script.verifiers[0];
    let (at, draw, seal) = running.batches[0]
        .draws
        .iter()
        .enumerate()
        .find_map(|(at, draw)| {
            let is_copiers = |place: &crate::job::Place| place.seat.is_some_and(|(_, owner)| owner == copier);
            let seal = draw.places.iter().find_map(|place| place.seal)?;
            draw.places.iter().position(is_copiers).map(|place| (place, DrawId(at as u64), seal))
        })
        .expect("the copier is drawn beside another");
    let place = PlaceId(at as u64);
    let (job, attempt, batch) = (script.job, FIRST, BatchId(0));
    let copied = MarketMessage::Seal { job, attempt, batch, draw, place, root, seal };
    chain.tell(copier, copied).expect("any seal may be given");
    chain.blocks(4);
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let segment = running.batches[0].draws[draw.0 as usize].segment.0;
    for verifier in &script.verifiers {
        let (salt, interior) = script.sealed(*verifier, segment);
        let message = MarketMessage::OpenVerifier { job, attempt, batch, draw, place, salt, interior };
        assert_eq!(chain.tell(copier, message), Err(Refusal::Mismatch { what: "seal" }));
    }
}

fn a_hidden_state_burns_no_verifier_and_is_never_paid() {
    // The poster says that it holds what nobody else can have.
    let (mut chain, script) = begin(2, all_drawn(), Conduct::default());
    let verifiers = script.verifiers.clone();
    let before: Vec<u128> = verifiers.iter().map(|owner| wealth(&chain, *owner)).collect();
    chain.tell(script.solver, script.accept(FIRST)).expect("it is open");
    chain.blocks(5);
    chain
        .tell(script.solver, MarketMessage::Appoint { job: script.job, attempt: FIRST })
        .expect("it is time");
    let claim = script.due(&chain).into_iter().find(|(_, due)| matches!(due, MarketMessage::Claim { .. }));
    let (solver, claim) = claim.expect("it is to claim");
    chain.tell(solver, claim).expect("it claims");
    let batch = &script.held(&chain).attempt.as_ref().expect("it runs").batches[0];
    let (job, attempt, root) = (script.job, FIRST, batch.root);
    // Without anybody's word the batch never comes to its draw, and is gone in the end.
    let mut hidden = chain.clone();
    hidden.wait(600);
    assert!(matches!(
        hidden.tell(solver, MarketMessage::Draw { job, attempt, batch: BatchId(0) }),
        Err(Refusal::WrongBatchStage { .. })
    ));
    hidden
        .tell(script.watcher, MarketMessage::Expire { job, attempt, cause: Cause::Hold })
        .expect("it lapses");
    assert!(script.held(&hidden).attempt.as_ref().expect("it runs").batches.is_empty());
    let hold = MarketMessage::Hold { job, attempt, batch: BatchId(0), root, signers: vec![script.poster] };
    chain.tell(script.poster, hold).expect("the poster says so");
    chain.blocks(5);
    chain.tell(solver, MarketMessage::Draw { job, attempt, batch: BatchId(0) }).expect("it is drawn");
    for _ in 0..4 {
        chain.wait(100);
        let draws = script.held(&chain).attempt.as_ref().expect("it runs").batches[0].draws.len() as u64;
        for draw in (0..draws).map(DrawId) {
            let _ =
                chain.tell(script.watcher, MarketMessage::Close { job, attempt, batch: BatchId(0), draw });
            chain.blocks(5);
            let _ =
                chain.tell(script.watcher, MarketMessage::Redraw { job, attempt, batch: BatchId(0), draw });
        }
    }
    let after: Vec<u128> = verifiers.iter().map(|owner| wealth(&chain, *owner)).collect();
    assert_eq!(after, before, "who cannot have the state pays for nothing");
}

fn a_poster_that_never_acknowledges_pays_all_the_same() {
    // Scripts never let the poster say that it holds anything.
    let (chain, script) = play(5, Script::terms(), Conduct::default());
    assert_eq!(script.held(&chain).settled, JOB_SEGMENTS);
    let mut chain = chain;
    let cancel = chain.tell(script.poster, MarketMessage::Cancel { job: script.job });
    assert!(matches!(cancel, Err(Refusal::WrongJobStage { .. })));
}

fn work_that_others_have_posted_cannot_be_opened() {
    // The thief claims the states of another's run in its own job, and does not know what was sealed.
    let (mut chain, script) = begin(4, all_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Held));
    let stolen = script.leaf(&chain, FIRST, 0);
    let people = [owner(1), owner(12), owner(3), owner(4), owner(5), owner(6), owner(7)];
    let mut thief = Script::post(&mut chain, &people, Toy::new(JOB_SEGMENTS), all_drawn(), 1);
    let mut own = thief.clone();
    own.conduct = Conduct { false_seal: Some(0), ..Conduct::default() };
    assert_eq!(own.state(FIRST, 0), stolen.state);
    assert_ne!(thief.leaf(&chain, FIRST, 0).seal, stolen.seal, "a seal binds its job");
    let before = wealth(&chain, thief.solver);
    std::mem::swap(&mut thief, &mut own);
    thief.run(&mut chain);
    assert!(wealth(&chain, thief.solver) < before);
    assert!(script.held(&chain).locked().0 > 0, "the first job goes on");
}

fn later_segments_are_not_settled_before_earlier_ones() {
    let (mut chain, script) = begin(6, none_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 1) == Some(BatchStage::Announced));
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let message = script.challenge(&chain, (FIRST, BatchId(0)), &running.batches[0], 0, false);
    chain.tell(script.heir, message).expect("anybody may challenge");
    let settle = |batch| MarketMessage::Settle { job: script.job, attempt: FIRST, batch: BatchId(batch) };
    // The job's clock stands: nothing is late, nothing is over.
    for _ in 0..5 {
        chain.wait(50_000);
        for (sender, due) in script.due(&chain) {
            if !matches!(due, MarketMessage::Judge { .. }) {
                let _ = chain.tell(sender, due);
            }
        }
        assert!(chain.tell(script.watcher, settle(0)).is_err());
        assert!(chain.tell(script.watcher, settle(1)).is_err());
        assert!(script.expiries(&chain).into_iter().all(|late| chain.tell(script.watcher, late).is_err()));
    }
    assert_eq!(script.held(&chain).settled, 0);
    script.run(&mut chain);
    assert_eq!(script.held(&chain).attempts, 1);
}

fn a_friend_who_plays_badly_shields_nothing() {
    let conduct = Conduct { false_state: Some(0), ..Conduct::default() };
    let (mut chain, script) = begin(7, none_drawn(), conduct);
    let friend = owner(9);
    chain.fund(friend, Amount(1 << 80));
    let mine = |chain: &Chain| wealth(chain, script.solver) + wealth(chain, friend);
    let before = mine(&chain);
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Announced));
    for number in 0..3 {
        let running = script.held(&chain).attempt.as_ref().expect("it runs");
        let message = script.challenge(&chain, (FIRST, BatchId(0)), &running.batches[0], 0, false);
        chain.tell(friend, message).expect("anybody may challenge");
        let nonce = names::asked(script.job, FIRST, SegmentId(0), number);
        let lie = script.toy.false_run().answer(0);
        chain.court.answer(nonce, &lie, &[(script.solver, true)]);
        let (attempt, segment) = (FIRST, SegmentId(0));
        let judge = MarketMessage::Judge { job: script.job, attempt, segment, number, opened: lie };
        chain.tell(friend, judge).expect("it is answered");
    }
    script.run(&mut chain);
    assert_eq!(script.held(&chain).attempts, 2, "the lie is found all the same");
    assert!(mine(&chain) < before);
}

fn spam_of_challenges_costs_the_spammer_and_pays_the_solver() {
    let (mut chain, script) = begin(8, none_drawn(), Conduct::default());
    let spammer = owner(9);
    chain.fund(spammer, Amount(1 << 80));
    let (honest, _) = play(8, none_drawn(), Conduct::default());
    let before = wealth(&chain, spammer);
    let mut count = 0;
    while script.held(&chain).stage != JobStage::Done {
        let running = script.held(&chain).attempt.clone();
        for (at, batch) in (0..).map(BatchId).zip(running.iter().flat_map(|running| &running.batches)) {
            let message = script.challenge(&chain, (FIRST, at), batch, batch.first, false);
            count += u128::from(count < 20 && chain.tell(spammer, message).is_ok());
        }
        if !script.round(&mut chain) {
            chain.wait(20);
        }
    }
    script.run(&mut chain);
    let bond = script.terms.challenge_bond.0;
    assert!(count >= 10);
    assert_eq!(wealth(&chain, spammer), before - count * bond);
    assert_eq!(wealth(&chain, script.solver), wealth(&honest, script.solver) + count * (bond / 2));
}

fn seals_bind_chain_contract_job_attempt_segment_role_and_owner() {
    let slow_block = params::SLOW_BLOCK;
    let site = Site { chain_id: 1, market: owner(1), fund: owner(2), treasury: owner(3), slow_block };
    let of = (crate::JobId(Digest([1; 32])), FIRST, SegmentId(0));
    let (salt, root) = (Digest([2; 32]), Digest([3; 32]));
    let (solver, verifier) = (names::Role::Solver, names::Role::Verifier);
    let seal = site.seal(of, (solver, owner(4)), salt, root);
    let others = [
        Site { chain_id: 2, ..site }.seal(of, (solver, owner(4)), salt, root),
        Site { market: owner(9), ..site }.seal(of, (solver, owner(4)), salt, root),
        site.seal((crate::JobId(Digest([9; 32])), of.1, of.2), (solver, owner(4)), salt, root),
        site.seal((of.0, AttemptId(1), of.2), (solver, owner(4)), salt, root),
        site.seal((of.0, of.1, SegmentId(1)), (solver, owner(4)), salt, root),
        site.seal(of, (verifier, owner(4)), salt, root),
        site.seal(of, (solver, owner(5)), salt, root),
        site.seal(of, (solver, owner(4)), Digest([9; 32]), root),
        site.seal(of, (solver, owner(4)), salt, Digest([9; 32])),
    ];
    assert!(others.iter().all(|other| *other != seal));
    let spec = Digest([5; 32]);
    let job = site.job(owner(1), 0, spec, Digest([6; 32]));
    assert_ne!(job, Site { chain_id: 2, ..site }.job(owner(1), 0, spec, Digest([6; 32])));
    assert_ne!(job, Site { market: owner(9), ..site }.job(owner(1), 0, spec, Digest([6; 32])));
    assert_ne!(job, site.job(owner(1), 1, spec, Digest([6; 32])));
}

fn what_is_shown_in_the_last_second_can_still_be_refuted() {
    let conduct = Conduct { false_seal: Some(0), ..Conduct::default() };
    let (mut chain, script) = begin(9, none_drawn(), conduct);
    let is_answered = |chain: &Chain| {
        let job = script.held(chain);
        job.challenges.values().any(|challenge| challenge.stage == ChallengeStage::Answered)
    };
    until(&mut chain, &script, is_answered);
    let contest = script.terms.contest_seconds.0;
    let since = script.held(&chain).challenges.values().next().expect("there is one").since;
    let reach = |chain: &mut Chain, seconds: u64| {
        let clock = script.held(chain).clock.read(chain.now);
        chain.wait(since.time.0 + seconds - clock.time.0);
    };
    reach(&mut chain, contest - 1);
    let said = |chain: &Chain, wanted: fn(&MarketMessage) -> bool| {
        script.due(chain).into_iter().filter(move |(_, due)| wanted(due)).collect::<Vec<_>>()
    };
    let shows = said(&chain, |due| matches!(due, MarketMessage::Show { who: Who::Solver, .. }));
    assert!(shows.into_iter().any(|(sender, show)| chain.tell(sender, show).is_ok()));
    reach(&mut chain, 2 * contest - 1);
    let refutes = said(&chain, |due| matches!(due, MarketMessage::Refute { .. }));
    assert!(refutes.into_iter().any(|(sender, refute)| chain.tell(sender, refute).is_ok()));
    script.run(&mut chain);
    assert_eq!(script.held(&chain).attempts, 2);
}

fn a_reorganisation_between_seal_and_opening_shows_nothing() {
    // The last seal is forgotten: nobody has opened anything yet, for openings begin OPEN_DELAY blocks later.
    let (mut chain, script) = begin(10, all_drawn(), Conduct::default());
    let mut before = chain.clone();
    while draw_stage(&chain, &script) != Some(DrawStage::Opening) {
        let due = script.due(&chain);
        let happened = due.into_iter().any(|(sender, message)| {
            let kept = chain.clone();
            let is_taken = chain.tell(sender, message).is_ok();
            if is_taken {
                before = kept;
            }
            is_taken
        });
        if !happened {
            chain.wait(12);
        }
    }
    for _ in 0..params::OPEN_DELAY {
        let due = script.due(&chain);
        let openings = due.iter().filter(|(_, due)| {
            matches!(due, MarketMessage::OpenVerifier { .. } | MarketMessage::OpenSolver { .. })
        });
        assert!(openings.clone().count() > 0);
        for (sender, opening) in openings {
            let refused = chain.clone().tell(*sender, opening.clone());
            assert!(matches!(
                refused,
                Err(Refusal::TooEarly(_) | Refusal::NobodyOpened | Refusal::WrongDrawStage { .. })
            ));
        }
        chain.blocks(1);
    }
    // The fork takes a draw with another beacon: an announcement for the first one is refused.
    assert_eq!(draw_stage(&before, &script), Some(DrawStage::Sealing));
    let (mut one, script) = begin(11, none_drawn(), Conduct::default());
    until(&mut one, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Held));
    one.blocks(5);
    let mut other = Chain { seed: 12, ..one.clone() };
    let draw = MarketMessage::Draw { job: script.job, attempt: FIRST, batch: BatchId(0) };
    one.tell(script.solver, draw.clone()).expect("it is drawn");
    other.tell(script.solver, draw).expect("it is drawn");
    let (_, announce) = script
        .due(&one)
        .into_iter()
        .find(|(_, due)| matches!(due, MarketMessage::Announce { .. }))
        .expect("it is to announce");
    assert_eq!(other.tell(script.solver, announce.clone()), Err(Refusal::Mismatch { what: "luck" }));
    one.tell(script.solver, announce).expect("it is the right one");
}

fn malformed_jobs_end_at_the_posters_cost() {
    let (mut chain, script) = begin(12, none_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Announced));
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let claimed = running.claimed;
    let message = script.challenge(&chain, (FIRST, BatchId(0)), &running.batches[0], 0, false);
    let left = script.held(&chain).escrow.0 - claimed as u128 * (script.terms.price.0 - 7);
    let [solver, challenger] = [script.solver, script.heir].map(|owner| wealth(&chain, owner));
    chain.tell(script.heir, message).expect("anybody may challenge");
    chain.court.close(names::asked(script.job, FIRST, SegmentId(0), 0), Question::Void);
    script.run(&mut chain);
    let job = script.held(&chain);
    assert_eq!((job.stage, job.locked()), (JobStage::Void, Amount(0)));
    let price = Amount(script.terms.price.0 - 7);
    let pay = price.less(crate::protocol_fee(price)).times(claimed);
    assert_eq!(wealth(&chain, script.solver), solver + pay.0 + script.terms.deposit.0);
    assert_eq!(wealth(&chain, script.heir), challenger + script.terms.challenge_cost.0.min(left));
}

fn a_wrong_leaf_before_is_refused() {
    let (mut chain, script) = begin(13, none_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Announced));
    let running = script.held(&chain).attempt.as_ref().expect("it runs");
    let mut message = script.challenge(&chain, (FIRST, BatchId(0)), &running.batches[0], 1, false);
    let MarketMessage::Challenge { before, .. } = &mut message else { panic!("a challenge") };
    *before = Leaf { state: Digest([8; 32]), ..*before };
    assert_eq!(chain.tell(script.heir, message), Err(Refusal::Mismatch { what: "leaf before" }));
}

fn taxes_are_gone_whatever_a_solver_does_after_the_draw() {
    let (mut chain, script) = begin(14, none_drawn(), Conduct::default());
    let before = wealth(&chain, script.solver);
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Drawn));
    let tax = chain.market.pot(Pot::Jackpot).0;
    assert!(tax >= script.terms.tax().times(2).0);
    chain.wait(100_000);
    let cause = Cause::Announce(BatchId(0));
    chain
        .tell(script.watcher, MarketMessage::Expire { job: script.job, attempt: FIRST, cause })
        .expect("late");
    let lost = before - wealth(&chain, script.solver);
    assert_eq!(lost, chain.market.pot(Pot::Jackpot).0 + script.terms.deposit.0);
}

fn a_draw_that_expired_forces_nothing() {
    let (mut chain, script) = begin(15, none_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Held));
    chain.blocks(params::DRAW_DELAY + params::DRAW_LIFE + 1);
    let draw = MarketMessage::Draw { job: script.job, attempt: FIRST, batch: BatchId(0) };
    chain.tell(script.watcher, draw.clone()).expect("it is set anew");
    assert_eq!(stage(&chain, &script, 0), Some(BatchStage::Held));
    chain.blocks(5);
    chain.tell(script.watcher, draw).expect("it is drawn");
    assert!(script.held(&chain).attempt.as_ref().expect("it runs").batches[0].is_late);
    script.run(&mut chain);
    assert_eq!(script.held(&chain).stage, JobStage::Done);
}

fn a_chain_that_stands_still_makes_nobody_late() {
    let (mut chain, script) = begin(16, none_drawn(), Conduct::default());
    until(&mut chain, &script, |chain| stage(chain, &script, 0) == Some(BatchStage::Drawn));
    chain.now = Moment { time: Seconds(chain.now.time.0 + 1_000_000), ..chain.now };
    for late in script.expiries(&chain) {
        assert!(chain.tell(script.watcher, late).is_err());
    }
}
