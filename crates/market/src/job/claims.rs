//! Batches before their draw: claim, retract, hold.

use super::{Batch, BatchStage, Desk, Job, counted, same};
use crate::event::Event;
use crate::ids::{Amount, AttemptId, BatchId, Owner, SegmentId};
use crate::message::Pot;
use crate::names::{Luck, claimed};
use crate::params::{DRAW_DELAY, RETRACT_FEE};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::terms::inside;
use samebit_commit::{Digest, merkle::list_root_of};

impl Job {
    pub(super) fn claim(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        first: SegmentId,
        (states, seals): (&[Digest], &[Digest]),
        last_count: u64,
        is_signed: bool,
    ) -> Result<(), Refusal> {
        let running = self.attempt(attempt)?;
        let solver = running.solver;
        if desk.sender != solver && !is_signed {
            return Err(Refusal::NotYours(desk.sender));
        }
        if !running.is_appointed {
            return Err(Refusal::NotAppointed);
        }
        let committee = running.committees.len() - 1;
        let is_held = running.committees[committee].is_empty();
        if running.batches.last().is_some_and(|last| last.stage == BatchStage::Claimed) {
            return Err(Refusal::NotHeld);
        }
        if running.is_final {
            return Err(Refusal::NothingToClaim);
        }
        if first.0 != running.claimed {
            return Err(Refusal::UnknownSegment(first));
        }
        let left = self.segments() - first.0;
        inside("states", states.len() as u64, 1, left.min(self.terms.credit.into()))?;
        counted("seals", seals.len(), states.len() as u64)?;
        let count = states.len() as u64;
        let most = self.steps_of(first.0 + count - 1);
        inside("lastCount", last_count, 1, most)?;
        let tax = self.terms.tax().times(count);
        desk.vault.require(solver, tax)?;

        desk.vault.lock(solver, tax);
        let leaves: Vec<Digest> =
            states.iter().zip(seals).map(|(state, seal)| claimed(*state, *seal)).collect();
        let root = list_root_of(&leaves);
        let start = running.batches.last().map_or(self.state, |last| last.end);
        let batch = Batch {
            stage: BatchStage::Claimed,
            first: first.0,
            count,
            root,
            start,
            end: states[states.len() - 1],
            last_count,
            committee,
            signed: 0,
            since: self.clock.read(desk.now),
            setting: Default::default(),
            is_quorate: false,
            is_late: false,
            luck: Luck(Digest::ZERO),
            draws: Vec::new(),
            checked: Default::default(),
            announced: Digest::ZERO,
            interiors: Digest::ZERO,
            forced: 0,
            unfinished: 0,
        };
        let is_final = left == count || last_count < most;
        let running = self.attempt_mut();
        let id = BatchId(running.batches.len() as u64);
        running.claimed += count;
        running.taxes = running.taxes.plus(tax);
        running.is_final = is_final;
        running.batches.push(batch);
        desk.tell(Event::Claimed { job: self.id, attempt, batch: id, root });
        if is_held {
            self.held(desk, attempt, id);
        }
        Ok(())
    }

    pub(super) fn retract(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        root: Digest,
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Claimed..=BatchStage::Held)?;
        let running = self.attempt(attempt)?;
        desk.only(running.solver)?;
        if batch.0 + 1 != running.batches.len() as u64 {
            return Err(Refusal::NotTheLast(batch));
        }
        let is_known =
            found.stage == BatchStage::Held && desk.now.height.0 >= found.setting.height.0 + DRAW_DELAY;
        if is_known && !planted(Bug::RetractAfterDraw) {
            return Err(Refusal::TooLate("the beacon of the draw is known"));
        }
        same("batch root", root, found.root)?;
        let fee = self.terms.deposit.part(RETRACT_FEE);
        let solver = running.solver;
        desk.vault.require(solver, fee)?;
        desk.vault.lock(solver, fee);
        desk.fill(Pot::Insurance, fee);
        self.drop_last(desk);
        desk.tell(Event::Retracted { job: self.id, attempt, batch });
        Ok(())
    }

    /// The last batch, which was not drawn, is gone; its tax goes back.
    pub(super) fn drop_last(&mut self, desk: &mut Desk<'_>) {
        let tax_of_one = self.terms.tax();
        let running = self.attempt_mut();
        let gone = running.batches.pop().expect("there is a last batch");
        let tax = tax_of_one.times(gone.count);
        running.taxes = running.taxes.less(tax);
        running.claimed = gone.first;
        running.is_final = false;
        let solver = running.solver;
        desk.pay(solver, tax);
    }

    pub(super) fn hold(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        root: Digest,
        signers: &[Owner],
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Claimed..=BatchStage::Held)?;
        same("batch root", root, found.root)?;
        inside("signers", signers.len() as u64, 1, u64::from(crate::params::CUSTODIANS_LIMIT) + 1)?;
        let custodians = &self.attempt(attempt)?.committees[found.committee];
        let (before, mut signed, mut is_posters) = (found.signed, found.signed, false);
        for &signer in signers {
            if signer == self.poster {
                is_posters = true;
                continue;
            }
            let at = custodians.iter().position(|&custodian| custodian == signer);
            let bit = 1u16 << at.ok_or(Refusal::NotYours(signer))?;
            if signed & bit != 0 {
                return Err(Refusal::SignedTwice(signer));
            }
            signed |= bit;
        }
        let is_held = self.is_quorum(signed, custodians.len()) || is_posters;
        let is_claimed = found.stage == BatchStage::Claimed;
        self.batch_mut(batch).signed = signed;
        desk.tell(Event::Signed { job: self.id, attempt, batch, custodians: signed & !before });
        if is_claimed && is_held {
            self.held(desk, attempt, batch);
        }
        Ok(())
    }

    /// A batch can be had by those who are drawn to check it.
    fn held(&mut self, desk: &mut Desk<'_>, attempt: AttemptId, batch: BatchId) {
        let (setting, now) = (desk.set(), self.clock.read(desk.now));
        let running = self.attempt_mut();
        running.lapses = 0;
        running.since = now;
        let held = self.batch_mut(batch);
        held.stage = BatchStage::Held;
        held.since = now;
        held.setting = setting;
        desk.tell(Event::Held { job: self.id, attempt, batch });
    }

    /// Whether these are a quorum of so many custodians.
    fn is_quorum(&self, signed: u16, custodians: usize) -> bool {
        signed.count_ones() >= u32::from(self.terms.quorum).min(custodians as u32)
    }

    /// Whether there are custodians, of whom a quorum has signed a batch.
    pub(super) fn is_quorate(&self, batch: &Batch) -> bool {
        let running = self.attempt.as_ref().expect("an attempt draws");
        let custodians = running.committees[batch.committee].len();
        custodians > 0 && self.is_quorum(batch.signed, custodians)
    }

    /// The tax of batches that were not drawn, which an attempt's end leaves to the jackpot.
    pub(super) fn forfeit_taxes(&mut self, desk: &mut Desk<'_>) {
        let taxes: Amount = std::mem::take(&mut self.attempt_mut().taxes);
        desk.fill(Pot::Jackpot, taxes);
    }
}
