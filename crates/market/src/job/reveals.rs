//! All seals of a batch are opened; catches of forced errors.

use super::{BatchStage, Catch, CatchStage, Desk, Job, announcement, counted, opens, same};
use crate::event::Event;
use crate::ids::{Amount, AttemptId, BatchId, Owner, SegmentId};
use crate::message::Pot;
use crate::names::{Role, catch, claimed, secret as secret_leaf};
use crate::params::CATCH_BOND;
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use samebit_commit::{BatchOpening, Digest, merkle::list_root_of};

/// Which segment of which batch a message is about.
type Key = (AttemptId, BatchId, SegmentId);

impl Job {
    pub(super) fn reveal(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        [secrets, interiors, states]: [&[Digest]; 3],
        falses: &[Digest],
        siblings: &[Digest],
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Announced..=BatchStage::Announced)?;
        if !found.is_checked() {
            return Err(Refusal::DrawsUnfinished);
        }
        let now = self.clock.read(desk.now);
        if !desk.is_over(now, found.since, self.terms.challenge_seconds) {
            return Err(Refusal::TooEarly("whistleblowers are at work"));
        }
        counted("secrets", secrets.len(), found.count)?;
        counted("interiors", interiors.len(), found.count)?;
        counted("states", states.len(), found.count)?;
        let running = self.attempt(attempt)?;
        let indices = found.first..found.first + found.count;
        let leaves: Vec<(u64, Digest)> =
            indices.clone().zip(secrets.iter().map(|secret| secret_leaf(*secret))).collect();
        let opening = BatchOpening { siblings: siblings.to_vec() };
        let opened = opening.verify(running.secrets, self.segments(), &leaves);
        opened.map_err(|_| Refusal::Mismatch { what: "secrets" })?;
        let leaf = |(index, segment): (usize, u64)| {
            let of = (self.id, attempt, SegmentId(segment));
            let seal = desk.site.seal(of, (Role::Solver, running.solver), secrets[index], interiors[index]);
            claimed(states[index], seal)
        };
        let leaves: Vec<Digest> = indices.clone().enumerate().map(leaf).collect();
        same("batch root", list_root_of(&leaves), found.root)?;

        let drawn = found.drawn();
        let is_forced = |&(index, segment): &(usize, u64)| {
            let is_drawn = drawn >> index & 1 == 1;
            !is_drawn && !found.is_late && found.luck.forces(SegmentId(segment), secrets[index])
        };
        let forced = indices.enumerate().filter(is_forced).fold(0u64, |bits, (index, _)| bits | 1 << index);
        counted("falses", falses.len(), forced.count_ones().into())?;
        let mut rest = falses.iter();
        let mut roots = Vec::new();
        for (index, interior) in interiors.iter().enumerate() {
            if forced >> index & 1 == 1 {
                let told = rest.next().expect("their number was checked");
                if told == interior {
                    return Err(Refusal::Mismatch { what: "forced error" });
                }
                roots.push(*told);
            } else if drawn >> index & 1 == 0 {
                roots.push(*interior);
            }
        }
        if !planted(Bug::AnnouncedUnchecked) {
            same("announcement", announcement(drawn, found.count, &roots), found.announced)?;
        }
        let root = list_root_of(interiors);
        let shown = self.batch_mut(batch);
        (shown.stage, shown.since) = (BatchStage::Revealed, now);
        (shown.interiors, shown.forced) = (root, forced);
        desk.tell(Event::Revealed { job: self.id, attempt, batch, forced });
        Ok(())
    }

    pub(super) fn commit_catch(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, segment): Key,
        (announced, siblings): (Digest, &[Digest]),
        commitment: Digest,
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Announced..=BatchStage::Announced)?;
        let index = found.index(segment)?;
        if found.draw_of(segment).is_some() {
            return Err(Refusal::SegmentDrawn(segment));
        }
        let key = (attempt, segment, desk.sender);
        if self.catches.contains_key(&key) {
            return Err(Refusal::CatchExists(desk.sender));
        }
        if desk.is_over(self.clock.read(desk.now), found.since, self.terms.challenge_seconds) {
            return Err(Refusal::TooLate("the solver may have revealed"));
        }
        opens("announced root", found.announced, (found.count, index), announced, siblings)?;
        if commitment == Digest::ZERO {
            return Err(Refusal::Mismatch { what: "commitment" });
        }
        desk.vault.require(desk.sender, CATCH_BOND)?;
        desk.vault.lock(desk.sender, CATCH_BOND);
        self.catches.insert(key, Catch { stage: CatchStage::Committed, commitment });
        desk.tell(Event::CatchCommitted { job: self.id, attempt, segment, owner: desk.sender });
        Ok(())
    }

    pub(super) fn reveal_catch(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, segment): Key,
        owner: Owner,
        (salt, interior): (Digest, Digest),
        siblings: &[Digest],
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Revealed..=BatchStage::Revealed)?;
        let index = found.index(segment)?;
        let key = (attempt, segment, owner);
        let held = self.catches.get(&key).ok_or(Refusal::UnknownCatch(owner))?;
        if held.stage != CatchStage::Committed {
            return Err(Refusal::WrongCatchStage { stage: held.stage });
        }
        if desk.is_over(self.clock.read(desk.now), found.since, self.terms.contest_seconds) {
            return Err(Refusal::TooLate("the time of catches is over"));
        }
        let commitment = catch(self.id, attempt, segment, owner, salt, interior);
        same("commitment", commitment, held.commitment)?;
        if found.forced >> index & 1 == 0 {
            return Err(Refusal::NotForced(segment));
        }
        opens("interior root", found.interiors, (found.count, index), interior, siblings)?;
        self.catches.get_mut(&key).expect("it was looked up").stage = CatchStage::Valid;
        let mark = self.marks.entry((attempt, segment)).or_default();
        mark.valid += 1;
        desk.tell(Event::CatchRevealed { job: self.id, attempt, segment, owner });
        Ok(())
    }

    pub(super) fn pay_catch(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        segment: SegmentId,
        owner: Owner,
    ) -> Result<(), Refusal> {
        let key = (attempt, segment, owner);
        let held = self.catches.get(&key).ok_or(Refusal::UnknownCatch(owner))?;
        let stage = held.stage;
        if stage == CatchStage::Closed && !planted(Bug::CatchTwice) {
            return Err(Refusal::WrongCatchStage { stage });
        }
        let end = self.ends.get(attempt.0 as usize).copied();
        let is_settled = segment.0 < end.unwrap_or(self.settled);
        if !is_settled && end.is_none() {
            return Err(Refusal::CatchUndecided);
        }
        self.catches.get_mut(&key).expect("it was looked up").stage = CatchStage::Closed;
        match (is_settled, stage) {
            (true, CatchStage::Committed) => desk.fill(Pot::Insurance, CATCH_BOND),
            (true, CatchStage::Valid) => {
                let prize = self.prize(desk, attempt, segment);
                desk.pay(owner, CATCH_BOND.plus(prize));
            }
            _ => desk.pay(owner, CATCH_BOND),
        }
        desk.tell(Event::CatchClosed { job: self.id, attempt, segment, owner });
        Ok(())
    }

    /// What the next valid catch of a settled segment gets.
    fn prize(&mut self, desk: &mut Desk<'_>, attempt: AttemptId, segment: SegmentId) -> Amount {
        let jackpot = self.terms.jackpot;
        let mark = self.marks.get_mut(&(attempt, segment)).expect("a valid catch is counted");
        let prize = *mark.prize.get_or_insert_with(|| {
            let share = Amount(jackpot.min(desk.vault.pot(Pot::Jackpot)).0 / u128::from(mark.valid));
            desk.vault.draw_jackpot(share.times(mark.valid));
            mark.unpaid = mark.valid;
            share
        });
        mark.unpaid -= 1;
        prize
    }
}
