//! One job: what is kept of it, and which part of its life a message belongs to (job.md §5).
//!
//! ```text
//! begin      accept, appoint, cancel          check    seal, close, open, conclude, redraw
//! claims     claim, retract, hold             argue    challenge, judge, finish, payWinner
//! draws      draw, announce                   interior show, refute
//! reveals    reveal, commit, reveal and pay catches    settle   settle, expire: pay and faults
//! ```
//! Every handler checks first and changes then: a refused message changes nothing.

mod argue;
mod begin;
mod check;
mod claims;
mod draws;
mod interior;
mod kept;
mod reveals;
mod settle;

pub use draws::announcement;
pub use kept::{
    Attempt, Batch, BatchStage, Catch, CatchStage, Challenge, ChallengeStage, Defence, Draw, DrawStage,
    JobStage, Mark, Place, Setting,
};

use crate::clock::{JobClock, Moment};
use crate::event::Event;
use crate::ids::{Amount, AttemptId, BatchId, DrawId, JobId, Owner, PlaceId, Seconds, SegmentId};
use crate::message::MarketMessage;
use crate::names::Site;
use crate::refusal::Refusal;
use crate::terms::Terms;
use crate::vault::Vault;
use crate::world::World;
use samebit_commit::{Digest, Opening};
use std::collections::BTreeMap;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose.
    pub poster: Owner,
    /// The Spec's digest.
    pub spec: Digest,
    /// Steps.
    pub steps: u64,
    /// Steps of a segment.
    pub segment_steps: u64,
    /// The node of the loss.
    pub loss: u32,
    /// The node of the gradient norm.
    pub grad_norm: u32,
    /// Its terms.
    pub terms: Terms,
    /// Where it stands.
    pub stage: JobStage,
    /// What is left of the poster's money.
    pub escrow: Amount,
    /// Draws that are left.
    pub draws: u64,
    /// Segments that are settled.
    pub settled: u64,
    /// The state after them.
    pub state: Digest,
    /// Its clock.
    pub clock: JobClock,
    /// Attempts begun.
    pub attempts: u64,
    /// Settled segments when each attempt ended.
    pub ends: Vec<u64>,
    /// When the last attempt ended.
    pub ended: Moment,
    /// The attempt that runs.
    pub attempt: Option<Attempt>,
    /// Challenges, by attempt, segment and number.
    pub challenges: BTreeMap<(AttemptId, SegmentId, u64), Challenge>,
    /// Catches, by attempt, segment and owner.
    pub catches: BTreeMap<(AttemptId, SegmentId, Owner), Catch>,
    /// What is kept of segments, by attempt and segment.
    pub marks: BTreeMap<(AttemptId, SegmentId), Mark>,
}

/// What a handler works with besides the job.
pub(crate) struct Desk<'a> {
    pub site: &'a Site,
    pub vault: &'a mut Vault,
    pub world: &'a dyn World,
    pub now: Moment,
    pub sender: Owner,
    pub events: &'a mut Vec<Event>,
}

impl Desk<'_> {
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    pub fn pay(&mut self, owner: Owner, amount: Amount) {
        self.vault.pay(owner, amount, self.events);
    }

    pub fn fill(&mut self, pot: crate::message::Pot, amount: Amount) {
        self.vault.fill(pot, amount, self.events);
    }

    /// Refuses anybody else.
    pub fn only(&self, owner: Owner) -> Result<(), Refusal> {
        if self.sender == owner { Ok(()) } else { Err(Refusal::NotYours(self.sender)) }
    }

    /// Whether so much time is over on this chain.
    pub fn is_over(&self, shown: Moment, since: Moment, seconds: Seconds) -> bool {
        shown.is_over(since, seconds, self.site.slow_block)
    }

    /// A draw that is set now.
    pub fn set(&self) -> Setting {
        Setting { height: self.now.height, seats: self.vault.seats().len() as u64 }
    }
}

impl Job {
    /// Segments of the job.
    pub fn segments(&self) -> u64 {
        self.steps.div_ceil(self.segment_steps)
    }

    /// Steps that a segment has if the job does not end in it.
    pub fn steps_of(&self, segment: u64) -> u64 {
        self.segment_steps.min(self.steps - segment * self.segment_steps)
    }

    /// The attempt that runs, or was the last to.
    pub(crate) fn running(&self) -> AttemptId {
        AttemptId(self.attempts.wrapping_sub(1))
    }

    /// What this job has locked in Market's account.
    pub fn locked(&self) -> Amount {
        let attempt = self.attempt.as_ref().map_or(0, |attempt| self.terms.deposit.0 + attempt.taxes.0);
        let challenge = |challenge: &Challenge| {
            let bond = if challenge.stage == ChallengeStage::Closed { 0 } else { challenge.bond.0 };
            bond + challenge.share.times(challenge.winners).0
        };
        let challenges: u128 = self.challenges.values().map(challenge).sum();
        let catches = self.catches.values().filter(|catch| catch.stage != CatchStage::Closed).count() as u128;
        let prizes: u128 =
            self.marks.values().map(|mark| mark.prize.unwrap_or_default().times(mark.unpaid).0).sum();
        Amount(self.escrow.0 + attempt + challenges + catches * crate::params::CATCH_BOND.0 + prizes)
    }

    fn at_stage(&self, stage: JobStage) -> Result<(), Refusal> {
        if self.stage == stage {
            return Ok(());
        }
        Err(Refusal::WrongJobStage { job: self.id, stage: self.stage })
    }

    /// The attempt that runs, if it is the one meant.
    fn attempt(&self, attempt: AttemptId) -> Result<&Attempt, Refusal> {
        self.at_stage(JobStage::Running)?;
        if attempt != self.running() {
            return Err(Refusal::WrongAttempt { given: attempt, running: self.running() });
        }
        Ok(self.attempt.as_ref().expect("a running job has an attempt"))
    }

    /// A batch of the attempt that runs, if it stands between these stages.
    fn batch(
        &self,
        attempt: AttemptId,
        batch: BatchId,
        stages: std::ops::RangeInclusive<BatchStage>,
    ) -> Result<&Batch, Refusal> {
        let attempt = self.attempt(attempt)?;
        let at = usize::try_from(batch.0).ok();
        let found = at.and_then(|at| attempt.batches.get(at)).ok_or(Refusal::UnknownBatch(batch))?;
        if stages.contains(&found.stage) {
            return Ok(found);
        }
        Err(Refusal::WrongBatchStage { batch, stage: found.stage })
    }

    /// A draw of a batch that is not settled, at a stage.
    fn draw(
        &self,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
        stage: DrawStage,
    ) -> Result<(&Batch, &Draw), Refusal> {
        let batch = self.batch(attempt, batch, BatchStage::Drawn..=BatchStage::Revealed)?;
        let at = usize::try_from(draw.0).ok();
        let found = at.and_then(|at| batch.draws.get(at)).ok_or(Refusal::UnknownDraw(draw))?;
        if found.stage == stage {
            return Ok((batch, found));
        }
        Err(Refusal::WrongDrawStage { draw, stage: found.stage })
    }

    /// The attempt that was checked to run.
    fn attempt_mut(&mut self) -> &mut Attempt {
        self.attempt.as_mut().expect("the attempt was looked up")
    }

    /// A batch that was checked to exist.
    fn batch_mut(&mut self, batch: BatchId) -> &mut Batch {
        &mut self.attempt_mut().batches[batch.0 as usize]
    }

    /// A draw that was checked to exist.
    fn draw_mut(&mut self, batch: BatchId, draw: DrawId) -> &mut Draw {
        &mut self.batch_mut(batch).draws[draw.0 as usize]
    }

    /// A challenge, of any attempt.
    fn challenge_of(&self, key: (AttemptId, SegmentId, u64)) -> Result<&Challenge, Refusal> {
        self.challenges.get(&key).ok_or(Refusal::UnknownChallenge { segment: key.1, number: key.2 })
    }

    fn challenge_mut(&mut self, key: (AttemptId, SegmentId, u64)) -> &mut Challenge {
        self.challenges.get_mut(&key).expect("the challenge was looked up")
    }

    /// A challenge of the attempt that runs, at a stage.
    fn challenge_at(
        &self,
        key: (AttemptId, SegmentId, u64),
        stage: ChallengeStage,
    ) -> Result<&Challenge, Refusal> {
        self.attempt(key.0)?;
        let challenge = self.challenge_of(key)?;
        if challenge.stage == stage {
            return Ok(challenge);
        }
        Err(Refusal::WrongChallengeStage { stage: challenge.stage })
    }

    /// Does what a message about this job says.
    pub(crate) fn apply(&mut self, desk: &mut Desk<'_>, message: &MarketMessage) -> Result<(), Refusal> {
        use MarketMessage as M;
        match message {
            M::Post { .. } => unreachable!("a job is not posted to itself"),
            M::Cancel { .. } => self.cancel(desk),
            M::Accept { attempt, solver, price, secrets, expiry, is_signed, .. } => {
                self.accept(desk, *attempt, *solver, *price, *secrets, (*expiry, *is_signed))
            }
            M::Appoint { attempt, .. } => self.appoint(desk, *attempt),
            M::Claim { attempt, first, states, seals, last_count, is_signed, .. } => {
                self.claim(desk, *attempt, *first, (states, seals), *last_count, *is_signed)
            }
            M::Retract { attempt, batch, root, .. } => self.retract(desk, *attempt, *batch, *root),
            M::Hold { attempt, batch, root, signers, .. } => {
                self.hold(desk, *attempt, *batch, *root, signers)
            }
            M::Draw { attempt, batch, .. } => self.draw_batch(desk, *attempt, *batch),
            M::Announce { attempt, batch, luck, roots, .. } => {
                self.announce(desk, *attempt, *batch, *luck, roots)
            }
            M::Seal { attempt, batch, draw, place, root, seal, .. } => {
                self.seal(desk, (*attempt, *batch, *draw), *place, *root, *seal)
            }
            M::Close { attempt, batch, draw, .. } => self.close(desk, *attempt, *batch, *draw),
            M::OpenVerifier { attempt, batch, draw, place, salt, interior, .. } => {
                self.open_verifier(desk, (*attempt, *batch, *draw), *place, *salt, *interior)
            }
            M::OpenSolver {
                attempt,
                batch,
                draw,
                state,
                secret,
                interior,
                secret_siblings,
                leaf_siblings,
                ..
            } => {
                let siblings = [secret_siblings, leaf_siblings].map(Vec::as_slice);
                self.open_solver(desk, (*attempt, *batch, *draw), (*state, *secret, *interior), siblings)
            }
            M::Conclude { attempt, batch, draw, .. } => self.conclude(desk, *attempt, *batch, *draw),
            M::Redraw { attempt, batch, draw, .. } => self.redraw(desk, *attempt, *batch, *draw),
            M::Challenge {
                attempt,
                batch,
                segment,
                interior,
                leaf,
                siblings,
                before,
                before_siblings,
                ..
            } => {
                let leaves = [(leaf, siblings.as_slice()), (before, before_siblings.as_slice())];
                self.challenge(desk, (*attempt, *batch, *segment), *interior, leaves)
            }
            M::Judge { attempt, segment, number, opened, .. } => {
                self.judge(desk, (*attempt, *segment, *number), opened)
            }
            M::Show { attempt, segment, number, who, leaves, siblings, .. } => {
                self.show(desk, (*attempt, *segment, *number), *who, leaves, siblings)
            }
            M::Refute { attempt, segment, number, who, step, leaf, siblings, evidence, .. } => {
                let key = (*attempt, *segment, *number);
                self.refute(desk, key, *who, (*step, *leaf, siblings), evidence)
            }
            M::Finish { attempt, segment, number, .. } => self.finish(desk, (*attempt, *segment, *number)),
            M::PayWinner { attempt, segment, number, claim, .. } => {
                self.pay_winner(desk, (*attempt, *segment, *number), *claim)
            }
            M::CommitCatch { attempt, batch, segment, announced, siblings, commitment, .. } => {
                let key = (*attempt, *batch, *segment);
                self.commit_catch(desk, key, (*announced, siblings), *commitment)
            }
            M::RevealCatch { attempt, batch, segment, owner, salt, interior, siblings, .. } => {
                let key = (*attempt, *batch, *segment);
                self.reveal_catch(desk, key, *owner, (*salt, *interior), siblings)
            }
            M::PayCatch { attempt, segment, owner, .. } => self.pay_catch(desk, *attempt, *segment, *owner),
            M::Reveal { attempt, batch, secrets, interiors, states, falses, siblings, .. } => {
                let shown = [secrets, interiors, states].map(Vec::as_slice);
                self.reveal(desk, *attempt, *batch, shown, falses, siblings)
            }
            M::Settle { attempt, batch, .. } => self.settle(desk, *attempt, *batch),
            M::Expire { attempt, cause, .. } => self.expire(desk, *attempt, *cause),
        }
    }
}

impl Batch {
    /// Where in the batch a segment is.
    fn index(&self, segment: SegmentId) -> Result<u64, Refusal> {
        let index = segment.0.checked_sub(self.first).filter(|&index| index < self.count);
        index.ok_or(Refusal::UnknownSegment(segment))
    }

    /// Segments that are drawn, a bit each.
    pub fn drawn(&self) -> u64 {
        self.draws.iter().fold(0, |bits, draw| bits | 1 << (draw.segment.0 - self.first))
    }

    /// Whether every draw has an end.
    pub fn is_checked(&self) -> bool {
        self.draws.iter().all(|draw| draw.stage.is_end())
    }

    /// The draw of a segment.
    fn draw_of(&self, segment: SegmentId) -> Option<DrawId> {
        self.draws.iter().position(|draw| draw.segment == segment).map(|at| DrawId(at as u64))
    }
}

impl DrawStage {
    /// Whether nothing more is waited for.
    pub fn is_end(self) -> bool {
        matches!(self, DrawStage::Checked | DrawStage::Unchecked | DrawStage::Decided)
    }
}

impl Draw {
    /// How many verifiers have opened.
    fn opened(&self) -> usize {
        self.places.iter().filter(|place| place.interior.is_some()).count()
    }

    fn place(&self, place: PlaceId) -> Result<&Place, Refusal> {
        let at = usize::try_from(place.0).ok();
        at.and_then(|at| self.places.get(at)).ok_or(Refusal::UnknownPlace(place))
    }
}

/// Refuses what is not leaf `index` of a list.
fn opens(
    what: &'static str,
    root: Digest,
    (count, index): (u64, u64),
    leaf: Digest,
    siblings: &[Digest],
) -> Result<(), Refusal> {
    let opening = Opening { siblings: siblings.to_vec() };
    opening.verify(root, count, index, leaf).map_err(|_| Refusal::Mismatch { what })
}

/// Refuses another digest.
fn same(what: &'static str, found: Digest, expected: Digest) -> Result<(), Refusal> {
    if found == expected { Ok(()) } else { Err(Refusal::Mismatch { what }) }
}

/// Refuses another number of things.
fn counted(what: &'static str, found: usize, expected: u64) -> Result<(), Refusal> {
    let found = found as u64;
    if found == expected { Ok(()) } else { Err(Refusal::WrongCount { what, found, expected }) }
}
