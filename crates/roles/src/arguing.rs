//! Challenges: who has something to lose stands by a claim, shows its leaves, refutes what is false, and takes its prize (job.md §7).

use crate::disputant::{self, Disputant, Event as Told};
use crate::ledger::{Arguing, Ledger, party};
use crate::limits::STAGGER;
use crate::message::Piece;
use crate::party::{Desk, Task};
use crate::planted::{Bug, planted};
use crate::verifier::has_lost;
use samebit_commit::{Digest, Tree};
use samebit_dispute::{
    ClaimStatus, Event as Argued, Message as Argument, Opened, QuestionId, QuestionStatus,
};
use samebit_dispute::{Seconds as Time, SeenClaim, View};
use samebit_market::job::{Challenge, ChallengeStage};
use samebit_market::{
    Answer, AttemptId, Job, JobId, MarketMessage, Owner, PlaceId, Seconds, SegmentId, Who, names,
};
use std::collections::BTreeMap;

/// A question in which this peer stands by a claim.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub question: QuestionId,
    pub piece: Piece,
    pub opened: Opened,
}

/// Which challenge.
type Key = (AttemptId, SegmentId, u64);

/// What is wanted of all challenges, and where this peer stands by a claim.
pub fn wants(desk: &mut Desk<'_>) -> Vec<Standing> {
    let ledger = desk.ledger;
    let mut standing = Vec::new();
    for (id, arguing) in ledger.questions() {
        let Some(job) = ledger.job(arguing.job) else { continue };
        standing.extend(stand(desk, job, id, arguing));
    }
    for job in ledger.market().jobs() {
        for (key, challenge) in &job.challenges {
            about(desk, job, *key, challenge);
        }
    }
    standing
}

/// The own claim about a question, if this peer has one or should have: what is needed to make it is wanted.
fn stand(desk: &mut Desk<'_>, job: &Job, id: QuestionId, arguing: &Arguing) -> Option<Standing> {
    let (attempt, segment, _) = arguing.key;
    let piece = Piece { spec: job.spec, segment, start: arguing.question.start };
    if planted(Bug::NoStanding) {
        return None;
    }
    let me = party(desk.me);
    let is_in = desk.ledger.dispute().claims(id).iter().any(|claim| claim.owner == me);
    if !is_in {
        let challenge = job.challenges.get(&arguing.key)?;
        let is_open = desk.ledger.dispute().status(id) == Some(QuestionStatus::Open);
        if !is_open
            || challenge.stage != ChallengeStage::Asked
            || !has_a_part(desk, job, attempt, challenge, &piece)
        {
            return None;
        }
    }
    desk.run(job, piece)?;
    match desk.records.traced(&piece) {
        Some(opened) => Some(Standing { question: id, piece, opened: *opened }),
        None => {
            desk.compute(Task::Trace(piece));
            None
        }
    }
}

/// Whether this peer has something to lose or to win by a question: it is the solver, has challenged, is a party of the contested draw, or has
/// run the segment with another end.
fn has_a_part(desk: &Desk<'_>, job: &Job, attempt: AttemptId, challenge: &Challenge, piece: &Piece) -> bool {
    let is_solver = job.attempt.as_ref().is_some_and(|running| running.solver == desk.me)
        && AttemptId(job.attempts.wrapping_sub(1)) == attempt;
    let differs = desk
        .records
        .ran(piece)
        .is_some_and(|ran| (ran.state, ran.count()) != (challenge.state, challenge.count));
    is_solver
        || challenge.owner == desk.me
        || own_place(desk, job, challenge).is_some()
        || differs && !has_lost(desk, *piece)
}

/// The own place in the contested draw that a challenge is about, if the own root is asked for.
fn own_place(desk: &Desk<'_>, job: &Job, challenge: &Challenge) -> Option<PlaceId> {
    let draw = challenge.draw?;
    let batch = job.attempt.as_ref()?.batches.get(usize::try_from(challenge.batch.0).ok()?)?;
    let places = &batch.draws.get(usize::try_from(draw.0).ok()?)?.places;
    let mine = places.iter().position(|place| place.seat.is_some_and(|(_, owner)| owner == desk.me))?;
    let place = PlaceId(mine as u64);
    challenge.defences.contains_key(&Who::Verifier(place)).then_some(place)
}

fn numbers((attempt, segment, number): Key) -> [u64; 4] {
    [attempt.0, segment.0, number, 0]
}

fn about(desk: &mut Desk<'_>, job: &Job, key: Key, challenge: &Challenge) {
    let (attempt, segment, number) = key;
    let has_ended = job.attempt.is_none() || AttemptId(job.attempts.wrapping_sub(1)) != attempt;
    match challenge.stage {
        ChallengeStage::Closed => pay_winner(desk, job, key, challenge),
        _ if has_ended => {
            if challenge.owner == desk.me {
                let finish = MarketMessage::Finish { job: job.id, attempt, segment, number };
                desk.say("finish", job.id, numbers(key), 0, finish);
            }
        }
        ChallengeStage::Asked => judge(desk, job, key, challenge),
        ChallengeStage::Answered => {
            show(desk, job, key, challenge);
            refute(desk, job, key, challenge);
            let twice = Seconds(2 * job.terms.contest_seconds.0);
            if desk.is_over(job, challenge.since, twice) {
                let patience = patience(desk, job, challenge);
                let finish = MarketMessage::Finish { job: job.id, attempt, segment, number };
                desk.say("finish", job.id, numbers(key), patience, finish);
            }
        }
    }
}

/// Who has something to win speaks first, others wait.
fn patience(desk: &Desk<'_>, job: &Job, challenge: &Challenge) -> u64 {
    let is_solver = job.attempt.as_ref().is_some_and(|running| running.solver == desk.me);
    let is_party = is_solver || challenge.owner == desk.me || own_place(desk, job, challenge).is_some();
    if is_party { 0 } else { crate::chores::patience(desk, job) + STAGGER }
}

/// A question that is closed is read; its answer is shown by who has claimed it.
fn judge(desk: &mut Desk<'_>, job: &Job, key: Key, challenge: &Challenge) {
    let (attempt, segment, number) = key;
    let Some((id, arguing)) = desk.ledger.asked(names::asked(job.id, attempt, segment, number)) else {
        return;
    };
    let opened = match desk.ledger.dispute().status(id) {
        Some(QuestionStatus::Answered(root)) => answer(arguing, root),
        Some(QuestionStatus::Unanswered | QuestionStatus::Void) => Some(Answer::default()),
        _ => None,
    };
    // Nobody has claimed, or who did is dead or silent: anybody may close the question.
    resolve(desk, job, id, arguing, challenge);
    if let Some(opened) = opened {
        let patience = patience(desk, job, challenge);
        let message = MarketMessage::Judge { job: job.id, attempt, segment, number, opened };
        desk.say("judge", job.id, numbers(key), patience, message);
    }
}

/// What the answer with this root is made of.
fn answer(arguing: &Arguing, root: Digest) -> Option<Answer> {
    arguing.log.iter().find_map(|(_, event)| match event {
        Argued::Claimed { opened, .. } if opened.root() == root => {
            Some(Answer { state: opened.state, count: opened.count, steps_top: opened.steps_top })
        }
        _ => None,
    })
}

/// Closes a question in which nobody else does: who stands by a living claim does it as a disputant.
fn resolve(desk: &mut Desk<'_>, job: &Job, id: QuestionId, arguing: &Arguing, challenge: &Challenge) {
    let view = View::of(arguing.log.iter().map(|(_, event)| event));
    let Some(seen) = view.question(id) else { return };
    let is_over = Time(desk.next().time.0) >= seen.closes && seen.status == QuestionStatus::Open;
    let mut living = (0..).zip(&seen.claims).filter(|(_, claim)| claim.status == ClaimStatus::Living);
    let first: Option<(u64, &SeenClaim)> = living.next();
    let is_agreed = first.is_none_or(|(_, first)| living.all(|(_, claim)| claim.opened == first.opened));
    if is_over && is_agreed {
        let claim = samebit_dispute::ClaimId(first.map_or(0, |(claim, _)| claim));
        let message = crate::message::Message::Dispute(Argument::Resolve { question: id, claim });
        let patience = patience(desk, job, challenge) + STAGGER;
        desk.say("resolve", JobId(id.0), [0; 4], patience, message);
    }
}

/// The own interior root is defended.
fn show(desk: &mut Desk<'_>, job: &Job, key: Key, challenge: &Challenge) {
    let (attempt, segment, number) = key;
    let Some(running) = &job.attempt else { return };
    let who = match own_place(desk, job, challenge) {
        Some(place) => Who::Verifier(place),
        None if running.solver == desk.me => Who::Solver,
        None => return,
    };
    let has_shown = challenge.defences.get(&who).is_none_or(|defence| defence.shown.is_some());
    if has_shown || planted(Bug::NoShow) {
        return;
    }
    let lots = desk.lots(job);
    let Some(lot) = lots.iter().find(|lot| lot.id == challenge.batch) else { return };
    let index = lot.index(segment);
    let Some(ran) = desk.run(job, lot.piece(index)) else { return };
    let siblings = match challenge.draw {
        Some(_) => Vec::new(),
        None => {
            let Ok(opening) = Tree::new(lot.posted.interiors.clone()).open(index as u64) else { return };
            opening.siblings
        }
    };
    let show =
        MarketMessage::Show { job: job.id, attempt, segment, number, who, leaves: ran.leaves, siblings };
    desk.say("show", job.id, numbers(key), 0, show);
}

/// What others have shown is compared with the own run.
fn refute(desk: &mut Desk<'_>, job: &Job, key: Key, challenge: &Challenge) {
    let (attempt, segment, number) = key;
    let lots = desk.lots(job);
    let Some(lot) = lots.iter().find(|lot| lot.id == challenge.batch) else { return };
    let piece = lot.piece(lot.index(segment));
    let Some(ran) = desk.records.ran(&piece).cloned() else { return };
    if (ran.state, ran.count()) != (challenge.state, challenge.count) {
        return;
    }
    for (&who, defence) in &challenge.defences {
        let shown = desk.ledger.shown(&(job.id, attempt, segment, number, who));
        let Some(leaves) = shown.filter(|_| defence.stands()) else { continue };
        let Some(step) = leaves.iter().zip(&ran.leaves).position(|(shown, own)| shown != own) else {
            continue;
        };
        let Some(evidence) = desk.hearsay.evidence.get(&(piece, step as u64)).cloned() else {
            desk.compute(Task::Evidence(piece, step as u64));
            continue;
        };
        let patience = patience(desk, job, challenge);
        let siblings = Tree::new(leaves.clone()).open(step as u64).expect("the leaf is there").siblings;
        let (leaf, step) = (leaves[step], step as u64);
        let message = MarketMessage::Refute {
            job: job.id,
            attempt,
            segment,
            number,
            who,
            step,
            leaf,
            siblings,
            evidence,
        };
        let place = match who {
            Who::Solver => 0,
            Who::Verifier(place) => place.0 + 1,
        };
        desk.say("refute", job.id, [attempt.0, segment.0, number, place], patience, message);
    }
}

/// The own claims that have won are paid.
fn pay_winner(desk: &mut Desk<'_>, job: &Job, key: Key, challenge: &Challenge) {
    let (attempt, segment, number) = key;
    if challenge.winners == 0 || planted(Bug::PrizeForgotten) {
        return;
    }
    let Some((id, _)) = desk.ledger.asked(names::asked(job.id, attempt, segment, number)) else { return };
    let me = party(desk.me);
    let claims = (0..).zip(desk.ledger.dispute().claims(id));
    let won: Vec<u64> = claims
        .filter(|(at, claim)| {
            claim.owner == me && claim.status != ClaimStatus::Dead && !challenge.paid.contains(at)
        })
        .map(|(at, _)| at)
        .collect();
    for claim in won {
        let message = MarketMessage::PayWinner { job: job.id, attempt, segment, number, claim };
        desk.say("pay winner", job.id, [attempt.0, segment.0, number, claim], 0, message);
    }
}

/// The disputants of this peer, each told the log of its question.
#[derive(Clone, Debug, Default)]
pub struct Bench {
    seated: BTreeMap<QuestionId, Seat>,
}

#[derive(Clone, Debug)]
struct Seat {
    piece: Piece,
    disputant: Disputant,
    /// Events of the question's log that it was told.
    told: usize,
}

impl Bench {
    /// Forgets everything: the log is another one.
    pub fn clear(&mut self) {
        self.seated.clear();
    }

    /// Tells a disputant what came of its task; what is to be done next.
    pub fn answered(
        &mut self,
        now: Seconds,
        task: disputant::Task,
        messages: Option<Vec<Argument>>,
    ) -> Vec<(Piece, disputant::Action)> {
        let Some(seat) = self.seated.get_mut(&task.position.question) else { return Vec::new() };
        let event = match messages {
            Some(messages) => Told::Computed { task, messages },
            None => Told::Failed { task },
        };
        let due = seat.disputant.on(Time(now.0), event);
        due.into_iter().map(|action| (seat.piece, action)).collect()
    }

    /// Tells each disputant what its question's log has more, and asks it what is to be done.
    pub fn argue(
        &mut self,
        me: Owner,
        now: Seconds,
        ledger: &Ledger,
        standing: &[Standing],
    ) -> Vec<(Piece, disputant::Action)> {
        let mut actions = Vec::new();
        for Standing { question: id, piece, opened } in standing {
            let Some((_, arguing)) = ledger.questions().find(|(of, _)| of == id) else { continue };
            let (question, header) = (arguing.question.clone(), arguing.header.clone());
            let seat = self.seated.entry(*id).or_insert_with(|| {
                let disputant = Disputant::new(question, header, party(me), *opened);
                Seat { piece: *piece, disputant, told: 0 }
            });
            for (time, event) in arguing.log.get(seat.told..).unwrap_or_default() {
                seat.disputant.recall(*time, event);
            }
            seat.told = arguing.log.len();
            if !seat.disputant.is_done() && !planted(Bug::NoMoves) {
                let due = seat.disputant.on(Time(now.0), Told::Tick);
                actions.extend(due.into_iter().map(|action| (seat.piece, action)));
            }
        }
        actions
    }
}
