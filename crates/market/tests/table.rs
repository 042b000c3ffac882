//! The table of docs/spec/job.md: every message is tried at every stage of what it is about. Where the table has it, it is taken in some such
//! state; where it has not, never.

use samebit_market::testing::{Chain, Script, Step, Walk, owner};
use samebit_market::{
    AttemptId, BatchId, Cause, ChallengeStage, DrawId, JobId, JobStage, MarketMessage, Message, SegmentId,
};
use std::collections::{BTreeMap, BTreeSet};

const JOB: &[&str] = &["Open", "Running", "Done", "Cancelled", "Void"];
const BATCH: &[&str] = &["Claimed", "Held", "Drawn", "Announced", "Revealed", "Settled", "gone"];
const DRAW: &[&str] =
    &["Sealing", "Opening", "Waiting", "Checked", "Unchecked", "Contested", "Decided", "gone"];
const CHALLENGE: &[&str] =
    &["Asked", "Answered", "Closed", "ended Asked", "ended Answered", "ended Closed", "prize"];
const CATCH: &[&str] = &[
    "Committed",
    "Valid",
    "settled Committed",
    "settled Valid",
    "settled Closed",
    "gone Committed",
    "gone Valid",
    "gone Closed",
];

/// Message, what it is about, the stages at which it may be taken.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("Cancel", JOB, &["Open"]),
    ("Accept", JOB, &["Open"]),
    ("Appoint", JOB, &["Running"]),
    ("Claim", JOB, &["Running"]),
    ("Retract", BATCH, &["Claimed", "Held"]),
    ("Hold", BATCH, &["Claimed", "Held"]),
    ("Draw", BATCH, &["Held"]),
    ("Announce", BATCH, &["Drawn"]),
    ("CommitCatch", BATCH, &["Announced"]),
    ("Reveal", BATCH, &["Announced"]),
    ("RevealCatch", BATCH, &["Revealed"]),
    ("Challenge", BATCH, &["Drawn", "Announced", "Revealed"]),
    ("Settle", BATCH, &["Revealed"]),
    ("Seal", DRAW, &["Sealing"]),
    ("Close", DRAW, &["Sealing"]),
    ("OpenVerifier", DRAW, &["Opening"]),
    ("OpenSolver", DRAW, &["Opening"]),
    ("Conclude", DRAW, &["Opening"]),
    ("Redraw", DRAW, &["Waiting"]),
    ("Judge", CHALLENGE, &["Asked"]),
    ("Show", CHALLENGE, &["Answered"]),
    ("Refute", CHALLENGE, &["Answered"]),
    ("Finish", CHALLENGE, &["Answered", "ended Asked", "ended Answered"]),
    ("PayWinner", CHALLENGE, &["prize"]),
    ("PayCatch", CATCH, &["settled Committed", "settled Valid", "gone Committed", "gone Valid"]),
    ("Expire Claim", JOB, &["Running"]),
    ("Expire Hold", JOB, &["Running"]),
    ("Expire Announce", BATCH, &["Drawn"]),
    ("Expire Reveal", BATCH, &["Announced"]),
    ("Expire Open", DRAW, &["Opening"]),
    ("Expire Contest", DRAW, &["Contested"]),
];

/// Pairs that honest watchers never let come about, or that a walk needs luck for.
const RARE: &[(&str, &str)] =
    &[("Expire Contest", "Contested"), ("PayCatch", "gone Valid"), ("Expire Hold", "Running")];

/// Walks, and steps of each.
const SEEDS: u64 = 16;
const STEPS: usize = 1_200;

fn word(thing: &impl std::fmt::Debug) -> String {
    let text = format!("{thing:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn kind(message: &MarketMessage) -> String {
    match message {
        MarketMessage::Expire { cause, .. } => format!("Expire {}", word(cause)),
        _ => word(message),
    }
}

/// The stage of what a message is about.
fn stage(chain: &Chain, message: &MarketMessage) -> Option<String> {
    use MarketMessage as M;
    let job = chain.market.job(message.job()?)?;
    let is_running =
        |attempt: AttemptId| job.stage == JobStage::Running && attempt.0.wrapping_add(1) == job.attempts;
    let batch = |attempt: AttemptId, batch: BatchId| {
        let running = job.attempt.as_ref().filter(|_| is_running(attempt))?;
        running.batches.get(batch.0 as usize)
    };
    let draw = |attempt, of: BatchId, draw: DrawId| batch(attempt, of)?.draws.get(draw.0 as usize);
    let gone = || "gone".to_owned();
    let of_batch = |attempt, id| batch(attempt, id).map_or_else(gone, |batch| word(&batch.stage));
    let of_draw = |attempt, id, at| draw(attempt, id, at).map_or_else(gone, |draw| word(&draw.stage));
    Some(match message {
        M::Post { .. } => return None,
        M::Cancel { .. } | M::Accept { .. } | M::Appoint { .. } | M::Claim { .. } => word(&job.stage),
        M::Retract { attempt, batch, .. }
        | M::Hold { attempt, batch, .. }
        | M::Draw { attempt, batch, .. }
        | M::Announce { attempt, batch, .. }
        | M::CommitCatch { attempt, batch, .. }
        | M::RevealCatch { attempt, batch, .. }
        | M::Reveal { attempt, batch, .. }
        | M::Challenge { attempt, batch, .. }
        | M::Settle { attempt, batch, .. } => of_batch(*attempt, *batch),
        M::Seal { attempt, batch, draw, .. }
        | M::Close { attempt, batch, draw, .. }
        | M::OpenVerifier { attempt, batch, draw, .. }
        | M::OpenSolver { attempt, batch, draw, .. }
        | M::Conclude { attempt, batch, draw, .. }
        | M::Redraw { attempt, batch, draw, .. } => of_draw(*attempt, *batch, *draw),
        M::Judge { attempt, segment, number, .. }
        | M::Show { attempt, segment, number, .. }
        | M::Refute { attempt, segment, number, .. }
        | M::Finish { attempt, segment, number, .. }
        | M::PayWinner { attempt, segment, number, .. } => {
            let challenge = job.challenges.get(&(*attempt, *segment, *number))?;
            match challenge.stage {
                ChallengeStage::Closed if challenge.winners > 0 => "prize".to_owned(),
                stage if is_running(*attempt) => word(&stage),
                stage => format!("ended {}", word(&stage)),
            }
        }
        M::PayCatch { attempt, segment, owner, .. } => {
            let SegmentId(at) = *segment;
            let catch = word(&job.catches.get(&(*attempt, *segment, *owner))?.stage);
            let end = job.ends.get(attempt.0 as usize).copied();
            match at < end.unwrap_or(job.settled) {
                true => format!("settled {catch}"),
                false if end.is_some() => format!("gone {catch}"),
                false => catch,
            }
        }
        M::Expire { attempt, cause, .. } => match cause {
            Cause::Claim | Cause::Hold => word(&job.stage),
            Cause::Announce(batch) | Cause::Reveal(batch) => of_batch(*attempt, *batch),
            Cause::Open(batch, draw) | Cause::Contest(batch, draw) => of_draw(*attempt, *batch, *draw),
        },
    })
}

/// A message, and the same about everything else in its job that it could be about.
fn aimed(chain: &Chain, (sender, message): &Said) -> Vec<Said> {
    use MarketMessage as M;
    let mut all = vec![(*sender, message.clone())];
    let Some(job) = message.job().and_then(|job| chain.market.job(job)) else { return all };
    let mut aim = |change: &dyn Fn(&mut MarketMessage)| {
        let mut other = message.clone();
        change(&mut other);
        all.push((*sender, other));
    };
    for &(of, at, count) in job.challenges.keys() {
        aim(&|other| match other {
            M::Judge { attempt, segment, number, .. }
            | M::Show { attempt, segment, number, .. }
            | M::Refute { attempt, segment, number, .. }
            | M::Finish { attempt, segment, number, .. }
            | M::PayWinner { attempt, segment, number, .. } => {
                (*attempt, *segment, *number) = (of, at, count)
            }
            _ => {}
        });
    }
    for &(of, at, catcher) in job.catches.keys() {
        aim(&|other| {
            if let M::PayCatch { attempt, segment, owner, .. } = other {
                (*attempt, *segment, *owner) = (of, at, catcher);
            }
        });
    }
    let batches = job.attempt.iter().flat_map(|running| &running.batches);
    let last = AttemptId(job.attempts.wrapping_sub(1));
    for (at, claimed) in (0..).map(BatchId).zip(batches) {
        for place in (0..claimed.draws.len().max(1) as u64).map(DrawId) {
            aim(&|other| match other {
                M::Retract { attempt, batch, .. }
                | M::Hold { attempt, batch, .. }
                | M::Draw { attempt, batch, .. }
                | M::Announce { attempt, batch, .. }
                | M::CommitCatch { attempt, batch, .. }
                | M::RevealCatch { attempt, batch, .. }
                | M::Reveal { attempt, batch, .. }
                | M::Challenge { attempt, batch, .. }
                | M::Settle { attempt, batch, .. }
                | M::Expire { attempt, cause: Cause::Announce(batch) | Cause::Reveal(batch), .. } => {
                    (*attempt, *batch) = (last, at);
                }
                M::Seal { attempt, batch, draw, .. }
                | M::Close { attempt, batch, draw, .. }
                | M::OpenVerifier { attempt, batch, draw, .. }
                | M::OpenSolver { attempt, batch, draw, .. }
                | M::Conclude { attempt, batch, draw, .. }
                | M::Redraw { attempt, batch, draw, .. }
                | M::Expire {
                    attempt, cause: Cause::Open(batch, draw) | Cause::Contest(batch, draw), ..
                } => {
                    (*attempt, *batch, *draw) = (last, at, place);
                }
                _ => {}
            });
        }
    }
    all
}

/// The same in another job, of messages about what a walk rarely comes to.
fn in_job((sender, message): &Said, id: JobId) -> Option<Said> {
    use MarketMessage as M;
    let mut other = message.clone();
    match &mut other {
        M::Accept { job, .. }
        | M::Appoint { job, .. }
        | M::Claim { job, .. }
        | M::Judge { job, .. }
        | M::Show { job, .. }
        | M::Refute { job, .. }
        | M::Finish { job, .. }
        | M::PayWinner { job, .. }
        | M::PayCatch { job, .. }
        | M::Expire { job, .. } => *job = id,
        _ => return None,
    }
    Some((*sender, other))
}

/// Who says what.
type Said = (samebit_market::Owner, MarketMessage);

/// Messages of each job that were due at some time, the last few of each kind.
type Bag = BTreeMap<(JobId, String), Vec<Said>>;

fn keep(bag: &mut Bag, chain: &Chain, script: &Script) {
    let late = script.expiries(chain).into_iter().map(|late| (script.watcher, late));
    let cancel = (script.poster, MarketMessage::Cancel { job: script.job });
    for (sender, message) in script.due(chain).into_iter().chain(late).chain([cancel]) {
        let kept = bag.entry((script.job, kind(&message))).or_default();
        kept.push((sender, message));
        if kept.len() > 3 {
            kept.remove(0);
        }
    }
}

#[test]
fn every_message_is_taken_where_the_table_has_it_and_nowhere_else() {
    let people: Vec<_> = (1..=9).map(owner).collect();
    let (mut taken, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..SEEDS {
        let mut walk = Walk::new(seed, Chain::new(seed), &people);
        let mut bag = Bag::new();
        for step in 0..STEPS {
            let before = walk.chain.clone();
            if let Step::Say { sender, message: Message::Market(message), result, .. } = walk.step() {
                let place = stage(&before, &message).map(|stage| (kind(&message), stage));
                if let (Some(place), Ok(_)) = (place, &result) {
                    taken.insert(place);
                }
                if result.is_ok()
                    && let Some(id) = message.job()
                {
                    let kept = bag.entry((id, kind(&message))).or_default();
                    kept.truncate(2);
                    kept.push((sender, message));
                }
            }
            if step % 7 == 0 {
                walk.scripts.iter().for_each(|script| keep(&mut bag, &walk.chain, script));
            }
            if step % 40 != 0 {
                continue;
            }
            // Of jobs that have ended the last few are enough.
            let jobs: BTreeSet<JobId> = bag.keys().map(|(job, _)| *job).collect();
            let is_played = |job: &JobId| walk.scripts.iter().any(|script| script.job == *job);
            let ended: BTreeSet<JobId> = jobs.into_iter().filter(|job| !is_played(job)).collect();
            let forgotten: BTreeSet<JobId> = ended.into_iter().skip(4).collect();
            bag.retain(|(job, _), _| !forgotten.contains(job));
            let others = bag.iter().map(|((_, kind), said)| (kind, said)).collect::<BTreeMap<_, _>>();
            let others = others.into_values().filter_map(|said| said.last());
            let jobs: Vec<JobId> = walk.chain.market.jobs().map(|job| job.id).collect();
            let others: Vec<Said> =
                others.flat_map(|said| jobs.iter().filter_map(|job| in_job(said, *job))).collect();
            let said = bag.values().flatten().chain(&others).flat_map(|said| aimed(&walk.chain, said));
            for (sender, message) in said {
                let (sender, message) = (&sender, &message);
                let Some(stage) = stage(&walk.chain, message) else { continue };
                let place = (kind(message), stage);
                let mut chain = walk.chain.clone();
                match chain.tell(*sender, message.clone()) {
                    Ok(_) => taken.insert(place),
                    Err(_) => refused.insert(place),
                };
            }
        }
    }
    let mut missing = Vec::new();
    for (message, stages, legal) in TABLE {
        for stage in *stages {
            let place = (message.to_string(), stage.to_string());
            let (is_legal, is_taken) = (legal.contains(stage), taken.contains(&place));
            assert!(is_legal || !is_taken, "{place:?} is taken and not in the table");
            let is_rare = RARE.contains(&(message, stage));
            if is_legal && !is_taken && !is_rare || !is_legal && !refused.contains(&place) {
                missing.push(place);
            }
        }
    }
    let pairs: usize = TABLE.iter().map(|(_, stages, _)| stages.len()).sum();
    println!("{pairs} pairs, of which not met: {missing:?}");
    let strays: Vec<_> =
        taken.iter().filter(|(kind, _)| !TABLE.iter().any(|(name, ..)| name == kind)).collect();
    assert!(strays.is_empty(), "{strays:?} is not in the table");
    assert!(missing.len() * 10 <= pairs, "not met: {missing:?}");
}
