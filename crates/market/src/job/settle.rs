//! Pay, and what an attempt's early end costs (job.md §8).

use super::{Batch, BatchStage, Desk, DrawStage, Job, JobStage};
use crate::event::{Ending, Event, FaultKind};
use crate::ids::{Amount, AttemptId, BatchId, DrawId, Owner, Seconds};
use crate::message::{Cause, Pot};
use crate::params::{DRAW_DELAY, PRIZE, REDRAWS, VANISH};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::terms::protocol_fee;

impl Job {
    pub(super) fn settle(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Revealed..=BatchStage::Revealed)?;
        let running = self.attempt(attempt)?;
        let first = BatchId(running.settled);
        if batch != first && !planted(Bug::SettleOutOfOrder) {
            return Err(Refusal::NotTheFirst { first });
        }
        if found.unfinished > 0 && !planted(Bug::SettleInDispute) {
            return Err(Refusal::ChallengesUnfinished(found.unfinished));
        }
        let is_over = desk.is_over(self.clock.read(desk.now), found.since, self.terms.contest_seconds);
        if !is_over && !planted(Bug::SettleEarly) {
            return Err(Refusal::TooEarly("what was revealed can still be challenged"));
        }
        let custodians = &running.committees[found.committee];
        let has_signed = |(at, _): &(usize, &Owner)| found.signed >> at & 1 == 1;
        let signers: Vec<Owner> =
            custodians.iter().enumerate().filter(has_signed).map(|(_, owner)| *owner).collect();
        let (count, end, solver) = (found.count, found.end, running.solver);
        let is_last = running.is_final && batch.0 + 1 == running.batches.len() as u64;

        self.pay_segments(desk, count);
        let fee = self.terms.hold_fee.times(count);
        for owner in signers {
            self.escrow = self.escrow.less(fee);
            desk.pay(owner, fee);
        }
        self.settled += count;
        self.state = end;
        self.batch_mut(batch).stage = BatchStage::Settled;
        self.attempt_mut().settled += 1;
        desk.tell(Event::Settled { job: self.id, attempt, batch });
        if is_last {
            desk.pay(solver, self.terms.deposit);
            self.end_attempt(desk);
            self.stage = JobStage::Done;
            desk.pay(self.poster, std::mem::take(&mut self.escrow));
            desk.tell(Event::Ended { job: self.id, ending: Ending::Done });
        }
        Ok(())
    }

    /// Pays the solver and the protocol for segments, from escrow.
    pub(super) fn pay_segments(&mut self, desk: &mut Desk<'_>, count: u64) {
        let (solver, price) = (self.attempt_mut().solver, self.attempt_mut().price);
        let fee = protocol_fee(price).times(count);
        let price = price.times(count);
        self.escrow = self.escrow.less(price);
        desk.pay(solver, price.less(fee));
        desk.fill(Pot::Fees, fee);
    }

    /// The attempt is over; its deposit was paid out.
    pub(super) fn end_attempt(&mut self, desk: &mut Desk<'_>) {
        self.forfeit_taxes(desk);
        self.clock.release_all(desk.now);
        self.ends.push(self.settled);
        self.ended = desk.now;
        self.attempt = None;
        self.stage = JobStage::Open;
    }

    pub(super) fn expire(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        cause: Cause,
    ) -> Result<(), Refusal> {
        self.attempt(attempt)?;
        match cause {
            Cause::Claim => self.expire_claim(desk),
            Cause::Hold => self.expire_hold(desk, attempt),
            _ => {
                let (since, seconds) = self.deadline(attempt, cause)?;
                let now = self.clock.read(desk.now);
                let is_over =
                    since.iter().zip(seconds).all(|(since, seconds)| desk.is_over(now, *since, seconds));
                if !is_over {
                    return Err(EARLY);
                }
                self.fault(desk, FaultKind::Late(cause), 0);
                Ok(())
            }
        }
    }

    fn expire_claim(&mut self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        let running = self.attempt.as_ref().expect("the attempt was looked up");
        let last = running.batches.last();
        if let Some(Batch { stage: stage @ BatchStage::Claimed, .. }) = last {
            let batch = BatchId(running.batches.len() as u64 - 1);
            return Err(Refusal::WrongBatchStage { batch, stage: *stage });
        }
        if running.is_final {
            return Err(Refusal::NothingToClaim);
        }
        if !desk.is_over(self.clock.read(desk.now), running.since, self.terms.claim_seconds) {
            return Err(EARLY);
        }
        self.vanish(desk, Cause::Claim);
        Ok(())
    }

    fn expire_hold(&mut self, desk: &mut Desk<'_>, attempt: AttemptId) -> Result<(), Refusal> {
        let running = self.attempt.as_ref().expect("the attempt was looked up");
        let batch = BatchId((running.batches.len() as u64).wrapping_sub(1));
        let found = self.batch(attempt, batch, BatchStage::Claimed..=BatchStage::Claimed)?;
        let now = self.clock.read(desk.now);
        if !desk.is_over(now, found.since, self.terms.hold_seconds) {
            return Err(EARLY);
        }
        if running.lapses >= REDRAWS {
            self.vanish(desk, Cause::Hold);
            return Ok(());
        }
        self.drop_last(desk);
        let setting = desk.set();
        let running = self.attempt_mut();
        running.lapses += 1;
        running.is_appointed = false;
        running.setting = setting;
        running.since = now;
        desk.tell(Event::Lapsed { job: self.id, attempt, batch });
        Ok(())
    }

    /// Since when, and for how long, the solver may be waited for: all of these must be over.
    fn deadline(
        &self,
        attempt: AttemptId,
        cause: Cause,
    ) -> Result<([crate::clock::Moment; 2], [Seconds; 2]), Refusal> {
        let terms = &self.terms;
        match cause {
            Cause::Announce(batch) => {
                let batch = self.batch(attempt, batch, BatchStage::Drawn..=BatchStage::Drawn)?;
                Ok(([batch.since; 2], [terms.announce_seconds; 2]))
            }
            Cause::Open(batch, draw) => {
                let (_, draw) = self.draw(attempt, batch, draw, DrawStage::Opening)?;
                if draw.interior.is_some() {
                    return Err(Refusal::OpenedBefore);
                }
                if draw.opened() == 0 && !planted(Bug::ExpireUnopened) {
                    return Err(Refusal::NobodyOpened);
                }
                Ok(([draw.since; 2], [Seconds(2 * terms.open_seconds.0); 2]))
            }
            Cause::Contest(batch, draw) => self.contest_deadline(attempt, batch, draw),
            Cause::Reveal(batch) => {
                let batch = self.batch(attempt, batch, BatchStage::Announced..=BatchStage::Announced)?;
                if !batch.is_checked() {
                    return Err(Refusal::DrawsUnfinished);
                }
                let since_announced = terms.challenge_seconds.plus(terms.reveal_seconds);
                Ok(([batch.since, batch.checked], [since_announced, terms.reveal_seconds]))
            }
            Cause::Claim | Cause::Hold => unreachable!("these are looked at by themselves"),
        }
    }

    fn contest_deadline(
        &self,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
    ) -> Result<([crate::clock::Moment; 2], [Seconds; 2]), Refusal> {
        let (_, draw) = self.draw(attempt, batch, draw, DrawStage::Contested)?;
        if draw.about.is_some() {
            return Err(Refusal::ChallengeUnfinished(draw.segment));
        }
        Ok(([draw.since; 2], [self.terms.contest_seconds; 2]))
    }

    /// The attempt ends by the solver's fault; what each of the winners gets stays with Market.
    pub(super) fn fault(&mut self, desk: &mut Desk<'_>, fault: FaultKind, winners: u64) -> Amount {
        let deposit = self.terms.deposit;
        self.slash(desk, fault, winners, deposit)
    }

    /// The solver is gone: cheaper where nothing was decided yet.
    fn vanish(&mut self, desk: &mut Desk<'_>, cause: Cause) {
        let running = self.attempt.as_ref().expect("the attempt was looked up");
        let solver = running.solver;
        let is_undecided = match &running.batches[running.settled as usize..] {
            [] => true,
            [batch] => match batch.stage {
                BatchStage::Claimed => true,
                BatchStage::Held => desk.now.height.0 <= batch.setting.height.0 + DRAW_DELAY,
                _ => false,
            },
            _ => false,
        };
        let deposit = self.terms.deposit;
        let is_cheap = is_undecided || planted(Bug::VanishAfterDraw);
        let lost = if is_cheap { deposit.part(VANISH) } else { deposit };
        desk.pay(solver, deposit.less(lost));
        self.slash(desk, FaultKind::Late(cause), 0, lost);
    }

    /// Shares out what a solver loses and ends its attempt.
    fn slash(&mut self, desk: &mut Desk<'_>, fault: FaultKind, winners: u64, lost: Amount) -> Amount {
        let running = self.attempt.as_ref().expect("the attempt was looked up");
        let (solver, gone) = (running.solver, running.claimed - self.settled);
        let has_winners = winners > 0;
        let cost = if has_winners { self.terms.challenge_cost.min(lost) } else { Amount(0) };
        let harm = running.price.times(gone.max(1)).min(lost.less(cost));
        let rest = lost.less(cost).less(harm);
        let prize = if has_winners { cost.plus(rest.part(PRIZE)) } else { Amount(0) };
        let share = Amount(prize.0 / u128::from(winners.max(1)));
        desk.pay(self.poster, harm);
        desk.fill(Pot::Insurance, lost.less(harm).less(share.times(winners)));
        if planted(Bug::DepositTwice) {
            desk.pay(solver, lost);
        }
        let attempt = self.running();
        self.end_attempt(desk);
        desk.tell(Event::Faulted { job: self.id, attempt, fault });
        share
    }
}

const EARLY: Refusal = Refusal::TooEarly("the solver may be waited for");
