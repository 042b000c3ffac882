//! The beginning of attempts: cancel, accept, appoint.

use super::{Attempt, Desk, Job, JobStage};
use crate::event::{Ending, Event};
use crate::ids::{Amount, AttemptId, BatchId, DrawId, Owner, Seconds};
use crate::names::{DrawKind, Luck};
use crate::params::OPEN_LIMIT;
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::terms::inside;
use samebit_commit::Digest;

impl Job {
    pub(super) fn cancel(&mut self, desk: &mut Desk<'_>) -> Result<(), Refusal> {
        if !(planted(Bug::CancelWhileRunning) && self.stage == JobStage::Running) {
            self.at_stage(JobStage::Open)?;
        }
        desk.only(self.poster)?;
        if self.stage == JobStage::Open
            && self.attempts > 0
            && !desk.is_over(desk.now, self.ended, OPEN_LIMIT)
        {
            return Err(Refusal::TooEarly("other solvers may want to go on"));
        }
        self.stage = JobStage::Cancelled;
        desk.pay(self.poster, std::mem::take(&mut self.escrow));
        desk.tell(Event::Ended { job: self.id, ending: Ending::Cancelled });
        Ok(())
    }

    pub(super) fn accept(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        solver: Owner,
        price: Amount,
        secrets: Digest,
        (expiry, is_signed): (Seconds, bool),
    ) -> Result<(), Refusal> {
        self.at_stage(JobStage::Open)?;
        let next = AttemptId(self.attempts);
        if attempt != next {
            return Err(Refusal::WrongAttempt { given: attempt, running: next });
        }
        if desk.sender != solver {
            if desk.sender != self.poster || !is_signed {
                return Err(Refusal::NotYours(desk.sender));
            }
            if desk.now.time > expiry {
                return Err(Refusal::TooLate("the solver's word has expired"));
            }
        }
        let named = self.terms.solver;
        if solver == self.poster || named != Owner::default() && named != solver {
            return Err(Refusal::NotYours(solver));
        }
        inside("price", price.0, 0, self.terms.price.0)?;
        desk.vault.require(solver, self.terms.deposit)?;
        desk.vault.lock(solver, self.terms.deposit);
        self.stage = JobStage::Running;
        self.attempts += 1;
        self.attempt = Some(Attempt {
            solver,
            price,
            secrets,
            since: self.clock.read(desk.now),
            claimed: self.settled,
            batches: Vec::new(),
            settled: 0,
            setting: desk.set(),
            committees: Vec::new(),
            is_appointed: false,
            lapses: 0,
            is_final: false,
            has_drawn: false,
            taxes: Amount(0),
        });
        desk.tell(Event::Accepted { job: self.id, attempt, solver, price });
        Ok(())
    }

    pub(super) fn appoint(&mut self, desk: &mut Desk<'_>, attempt: AttemptId) -> Result<(), Refusal> {
        let running = self.attempt(attempt)?;
        if running.is_appointed {
            return Err(Refusal::AlreadyAppointed);
        }
        let (setting, round) = (running.setting, running.committees.len() as u64);
        let none = (BatchId(0), DrawId(0));
        let Some(beacon) = self.beacon(desk, setting)? else {
            self.attempt_mut().setting = desk.set();
            let kind = DrawKind::Custodians;
            desk.tell(Event::SetAnew { job: self.id, attempt, kind, batch: none.0, draw: none.1 });
            return Ok(());
        };
        let luck = Luck::of(beacon, (self.id, attempt), DrawKind::Custodians, (none.0, none.1, round));
        let picked = self.pick(desk, luck, none.1, setting, self.terms.custodians);
        let custodians: Vec<Owner> = picked.into_iter().flatten().map(|(_, owner)| owner).collect();
        let running = self.attempt_mut();
        running.committees.push(custodians.clone());
        running.is_appointed = true;
        desk.tell(Event::Appointed { job: self.id, attempt, custodians });
        Ok(())
    }
}
