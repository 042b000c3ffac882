//! Questions and claims, from the opening to the answer (dispute.md §1).

use super::{Asked, Claim, Dispute};
use crate::ids::{Amount, ClaimId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, Event, Opened, QuestionStatus};
use crate::planted::{Bug, planted};
use crate::question::{Header, Question};
use crate::refusal::Refusal;

impl Dispute {
    pub(super) fn open(
        &mut self,
        now: Seconds,
        sender: Owner,
        question: &Question,
        header: &Header,
    ) -> Result<Vec<Event>, Refusal> {
        let id = question.id();
        if self.questions.contains_key(&id) {
            return Err(Refusal::QuestionExists(id));
        }
        question.check_asker(sender)?;
        question.check(header)?;
        let closes = now.plus(question.entry_seconds);
        let (status, claims) = (QuestionStatus::Open, Vec::new());
        self.questions.insert(id, Asked { question: question.clone(), closes, status, claims });
        Ok(vec![Event::QuestionOpened { question: question.clone(), closes }])
    }

    pub(super) fn claim(
        &mut self,
        now: Seconds,
        owner: Owner,
        id: QuestionId,
        opened: &Opened,
        value: Amount,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.asked(id)?;
        asked.open()?;
        if now >= asked.closes && !planted(Bug::LateClaim) {
            return Err(Refusal::EntryClosed { now, closes: asked.closes });
        }
        let (bond, limit) = (asked.question.bond, asked.question.step_count);
        if value != bond {
            return Err(Refusal::WrongBond { found: value, expected: bond });
        }
        if opened.count == 0 || opened.count > limit {
            return Err(Refusal::WrongStepCount { found: opened.count, limit });
        }
        let root = opened.root();
        if asked.claims.iter().any(|claim| claim.owner == owner && claim.root == root) {
            return Err(Refusal::ClaimExists { owner, root });
        }
        let claims = &mut self.asked_mut(id).claims;
        let claim = ClaimId(claims.len() as u64);
        claims.push(Claim { owner, root, status: ClaimStatus::Living });
        self.paid_in += value.0;
        Ok(vec![Event::Claimed { question: id, claim, owner, opened: *opened }])
    }

    pub(super) fn resolve(
        &mut self,
        now: Seconds,
        id: QuestionId,
        claim: ClaimId,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.asked(id)?;
        asked.open()?;
        if now < asked.closes {
            return Err(Refusal::EntryOpen { now, closes: asked.closes });
        }
        let living = || asked.claims.iter().filter(|claim| claim.status == ClaimStatus::Living);
        let status = match living().count() {
            0 => QuestionStatus::Unanswered,
            count => {
                let root = asked.living(claim)?.root;
                let with_root = living().filter(|claim| claim.root == root).count();
                if with_root != count && !planted(Bug::EarlyResolve) {
                    return Err(Refusal::RootsDiffer { living: count as u64, with_root: with_root as u64 });
                }
                QuestionStatus::Answered(root)
            }
        };
        self.asked_mut(id).status = status;
        Ok(vec![Event::QuestionClosed { question: id, status }])
    }

    pub(super) fn release(
        &mut self,
        sender: Owner,
        id: QuestionId,
        claim: ClaimId,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.asked(id)?;
        if asked.status == QuestionStatus::Open {
            return Err(Refusal::QuestionStillOpen(id));
        }
        let (owner, bond) = (asked.living(claim)?.owner, asked.question.bond);
        if !planted(Bug::ReleaseTwice) {
            self.asked_mut(id).claim_mut(claim).status = ClaimStatus::Released;
        }
        let mut events = vec![Event::Released { question: id, claim }];
        self.add_credit(sender, owner, bond, &mut events);
        Ok(events)
    }
}
