//! What anybody may say to keep a job going. Who gains by it speaks first; others wait, each a while longer, so that one is heard and no one is needed.

use crate::limits::STAGGER;
use crate::party::{Desk, Lot};
use crate::planted::{Bug, planted};
use samebit_market::job::{Attempt, BatchStage, CatchStage, Draw, DrawStage};
use samebit_market::{AttemptId, BatchId, Cause, DrawId, Job, MarketMessage, Seconds};

/// Ranks of those who have no other part in a job.
const CROWD: u64 = 3;

/// How long this peer waits for others to say something about a job.
pub fn patience(desk: &Desk<'_>, job: &Job) -> u64 {
    let is_solver = job.attempt.as_ref().is_some_and(|running| running.solver == desk.me);
    let rank = match () {
        () if is_solver => 0,
        () if job.poster == desk.me => 1,
        () => 2 + u64::from(desk.me.0[0]) % CROWD,
    };
    rank * STAGGER
}

/// What is due of all jobs.
pub fn wants(desk: &mut Desk<'_>) {
    let ledger = desk.ledger;
    for job in ledger.market().jobs() {
        pay_catches(desk, job);
        let Some(running) = &job.attempt else { continue };
        let attempt = AttemptId(job.attempts - 1);
        let patience = patience(desk, job);
        if !running.is_appointed && desk.is_drawable(running.setting.height) {
            let appoint = MarketMessage::Appoint { job: job.id, attempt };
            desk.say(
                "appoint",
                job.id,
                [attempt.0, running.committees.len() as u64, 0, 0],
                patience,
                appoint,
            );
        }
        let lots = desk.lots(job);
        for lot in &lots {
            about_batch(desk, lot, patience);
        }
        if running.solver != desk.me && !planted(Bug::NoExpiry) {
            expire(desk, job, attempt, running, &lots);
        }
    }
}

fn about_batch(desk: &mut Desk<'_>, lot: &Lot<'_>, patience: u64) {
    let Lot { job, attempt, id, batch, running, .. } = *lot;
    let numbers = [attempt.0, id.0, 0, 0];
    if batch.stage == BatchStage::Held && desk.is_drawable(batch.setting.height) {
        let draw = MarketMessage::Draw { job: job.id, attempt, batch: id };
        desk.say("draw", job.id, numbers, patience, draw);
    }
    let is_first = BatchId(running.settled) == id;
    if batch.stage == BatchStage::Revealed
        && is_first
        && batch.unfinished == 0
        && !planted(Bug::NoSettlement)
        && desk.is_over(job, batch.since, job.terms.contest_seconds)
    {
        desk.say(
            "settle",
            job.id,
            numbers,
            patience,
            MarketMessage::Settle { job: job.id, attempt, batch: id },
        );
    }
    for (at, draw) in (0..).map(DrawId).zip(&batch.draws) {
        about_draw(desk, lot, at, draw, patience);
    }
}

fn about_draw(desk: &mut Desk<'_>, lot: &Lot<'_>, at: DrawId, draw: &Draw, patience: u64) {
    let Lot { job, attempt, id: batch, .. } = *lot;
    let (terms, numbers) = (&job.terms, [attempt.0, batch.0, at.0, draw.round.into()]);
    match draw.stage {
        DrawStage::Sealing if desk.is_over(job, draw.since, terms.seal_seconds) => {
            let close = MarketMessage::Close { job: job.id, attempt, batch, draw: at };
            desk.say("close", job.id, numbers, patience, close);
        }
        DrawStage::Opening => {
            let is_waited_for =
                draw.places.iter().any(|place| place.seal.is_some() && place.interior.is_none());
            let has_opened = draw.places.iter().any(|place| place.interior.is_some());
            let is_over = desk.is_over(job, draw.since, terms.open_seconds);
            if (!is_waited_for || is_over) && (!has_opened || draw.interior.is_some()) {
                let conclude = MarketMessage::Conclude { job: job.id, attempt, batch, draw: at };
                desk.say("conclude", job.id, numbers, patience, conclude);
            }
        }
        DrawStage::Waiting if desk.is_drawable(draw.setting.height) => {
            let redraw = MarketMessage::Redraw { job: job.id, attempt, batch, draw: at };
            desk.say("redraw", job.id, numbers, patience, redraw);
        }
        _ => {}
    }
}

/// A solver that is late is told so: its poster first.
fn expire(desk: &mut Desk<'_>, job: &Job, attempt: AttemptId, running: &Attempt, lots: &[Lot<'_>]) {
    let (terms, mut causes) = (&job.terms, Vec::new());
    let last = running.batches.last().map(|batch| (batch.stage, batch.since));
    match last {
        Some((BatchStage::Claimed, since)) if desk.is_over(job, since, terms.hold_seconds) => {
            causes.push((Cause::Hold, [1, 0]));
        }
        Some((BatchStage::Claimed, _)) => {}
        _ if !running.is_final && desk.is_over(job, running.since, terms.claim_seconds) => {
            causes.push((Cause::Claim, [0, 0]));
        }
        _ => {}
    }
    for Lot { id, batch, .. } in lots {
        match batch.stage {
            BatchStage::Drawn if desk.is_over(job, batch.since, terms.announce_seconds) => {
                causes.push((Cause::Announce(*id), [2, id.0]));
            }
            BatchStage::Announced if batch.is_checked() => {
                let since_announced = terms.challenge_seconds.plus(terms.reveal_seconds);
                if desk.is_over(job, batch.since, since_announced)
                    && desk.is_over(job, batch.checked, terms.reveal_seconds)
                {
                    causes.push((Cause::Reveal(*id), [3, id.0]));
                }
            }
            _ => {}
        }
        for (at, draw) in (0..).map(DrawId).zip(&batch.draws) {
            let (twice, number) = (Seconds(2 * terms.open_seconds.0), id.0 << 32 | at.0);
            let has_opened = draw.places.iter().any(|place| place.interior.is_some());
            let is_silent = draw.stage == DrawStage::Opening && has_opened && draw.interior.is_none();
            if is_silent && desk.is_over(job, draw.since, twice) {
                causes.push((Cause::Open(*id, at), [4, number]));
            }
            let is_contested = draw.stage == DrawStage::Contested && draw.about.is_none();
            if is_contested && desk.is_over(job, draw.since, terms.contest_seconds) {
                causes.push((Cause::Contest(*id, at), [5, number]));
            }
        }
    }
    let patience = patience(desk, job).saturating_sub(STAGGER);
    for (cause, [kind, number]) in causes {
        let message = MarketMessage::Expire { job: job.id, attempt, cause };
        desk.say("expire", job.id, [attempt.0, kind, number, running.lapses.into()], patience, message);
    }
}

/// The own catches are paid.
fn pay_catches(desk: &mut Desk<'_>, job: &Job) {
    for (&(attempt, segment, owner), held) in &job.catches {
        let end = job.ends.get(attempt.0 as usize).copied();
        let is_decided = end.is_some() || segment.0 < job.settled;
        if owner == desk.me && held.stage != CatchStage::Closed && is_decided {
            let pay = MarketMessage::PayCatch { job: job.id, attempt, segment, owner };
            desk.say("pay catch", job.id, [attempt.0, segment.0, 0, 0], 0, pay);
        }
    }
}
