//! Interior roots are shown and refuted.

use super::argue::Key;
use super::{Challenge, ChallengeStage, Defence, Desk, Job, counted, opens, same};
use crate::event::Event;
use crate::ids::Seconds;
use crate::message::Who;
use crate::refusal::Refusal;
use samebit_commit::Digest;
use samebit_commit::interior::{self, Evidence, Place};

impl Job {
    pub(super) fn show(
        &mut self,
        desk: &mut Desk<'_>,
        key: Key,
        who: Who,
        leaves: &[Digest],
        siblings: &[Digest],
    ) -> Result<(), Refusal> {
        let challenge = self.challenge_at(key, ChallengeStage::Answered)?;
        if defence(challenge, who)?.shown.is_some() {
            return Err(Refusal::ShownBefore);
        }
        if desk.is_over(self.clock.read(desk.now), challenge.since, self.terms.contest_seconds) {
            return Err(Refusal::TooLate("the time of showing is over"));
        }
        counted("leaves", leaves.len(), challenge.count)?;
        let root = interior::root(leaves);
        let batch = &self.attempt(key.0)?.batches[challenge.batch.0 as usize];
        match challenge.draw {
            Some(draw) => {
                let draw = &batch.draws[draw.0 as usize];
                let opened = match who {
                    Who::Solver => draw.interior,
                    Who::Verifier(place) => draw.place(place)?.interior,
                };
                same("interior root", root, opened.expect("a party has opened"))?;
            }
            None => {
                let place = (batch.count, batch.index(key.1)?);
                opens("interior root", batch.interiors, place, root, siblings)?;
            }
        }
        let shown = self.challenge_mut(key).defences.get_mut(&who).expect("it was looked up");
        shown.shown = Some(root);
        let (attempt, segment, number) = key;
        desk.tell(Event::Shown { job: self.id, attempt, segment, number, who });
        Ok(())
    }

    pub(super) fn refute(
        &mut self,
        desk: &mut Desk<'_>,
        key: Key,
        who: Who,
        (step, leaf, siblings): (u64, Digest, &[Digest]),
        evidence: &Evidence,
    ) -> Result<(), Refusal> {
        let challenge = self.challenge_at(key, ChallengeStage::Answered)?;
        let defence = defence(challenge, who)?;
        let root = defence.shown.ok_or(Refusal::NotShown)?;
        if defence.is_refuted {
            return Err(Refusal::RefutedBefore);
        }
        let twice = Seconds(2 * self.terms.contest_seconds.0);
        if desk.is_over(self.clock.read(desk.now), challenge.since, twice) {
            return Err(Refusal::TooLate("the time of refuting is over"));
        }
        opens("interior leaf", root, (challenge.count, step), leaf, siblings)?;
        let place = Place {
            spec: self.spec,
            loss: self.loss,
            grad_norm: self.grad_norm,
            first_step: key.1.0 * self.segment_steps,
            count: challenge.count,
            steps_top: challenge.steps_top,
        };
        if evidence.leaf(&place, step)? == leaf {
            return Err(Refusal::SameLeaf);
        }
        let refuted = self.challenge_mut(key).defences.get_mut(&who).expect("it was looked up");
        refuted.is_refuted = true;
        let (attempt, segment, number) = key;
        desk.tell(Event::Refuted { job: self.id, attempt, segment, number, who });
        Ok(())
    }
}

/// The root that a challenge asks of somebody.
fn defence(challenge: &Challenge, who: Who) -> Result<Defence, Refusal> {
    challenge.defences.get(&who).copied().ok_or(Refusal::NoParty)
}
