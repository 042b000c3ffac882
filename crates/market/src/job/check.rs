//! A drawn segment is checked: seals, openings, comparison.

use super::{Desk, Draw, DrawStage, Job, opens, same};
use crate::event::{Conclusion, Event};
use crate::ids::{AttemptId, BatchId, DrawId, Owner, PlaceId, SegmentId};
use crate::message::Who;
use crate::names::{Role, claimed, secret as secret_leaf};
use crate::params::{OPEN_DELAY, REDRAWS, SILENCE};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use samebit_commit::Digest;

/// Which draw a message is about.
type Key = (AttemptId, BatchId, DrawId);

impl Job {
    pub(super) fn seal(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, draw): Key,
        place: PlaceId,
        root: Digest,
        seal: Digest,
    ) -> Result<(), Refusal> {
        let is_late_allowed = planted(Bug::LateSeal);
        let (found, checked) = match self.draw(attempt, batch, draw, DrawStage::Sealing) {
            Err(Refusal::WrongDrawStage { stage: DrawStage::Opening, .. }) if is_late_allowed => {
                self.draw(attempt, batch, draw, DrawStage::Opening)?
            }
            found => found?,
        };
        let taken = checked.place(place)?;
        desk.only(taken.seat.map(|(_, owner)| owner).unwrap_or_default())?;
        if taken.seal.is_some() {
            return Err(Refusal::SealedBefore(place));
        }
        let now = self.clock.read(desk.now);
        if desk.is_over(now, checked.since, self.terms.seal_seconds) && !is_late_allowed {
            return Err(Refusal::TooLate("the time of sealing is over"));
        }
        same("batch root", root, found.root)?;
        if seal == Digest::ZERO {
            return Err(Refusal::Mismatch { what: "seal" });
        }
        let job = self.id;
        desk.tell(Event::Sealed { job, attempt, batch, draw, place });
        let sealed = self.draw_mut(batch, draw);
        sealed.places[place.0 as usize].seal = Some(seal);
        let is_waiting = |place: &super::Place| place.seat.is_some() && place.seal.is_none();
        if sealed.stage == DrawStage::Sealing && !sealed.places.iter().any(is_waiting) {
            (sealed.stage, sealed.since) = (DrawStage::Opening, now);
            desk.tell(Event::Closed { job, attempt, batch, draw });
        }
        Ok(())
    }

    pub(super) fn close(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
    ) -> Result<(), Refusal> {
        let (_, found) = self.draw(attempt, batch, draw, DrawStage::Sealing)?;
        let now = self.clock.read(desk.now);
        if !desk.is_over(now, found.since, self.terms.seal_seconds) {
            return Err(Refusal::TooEarly("seals are waited for"));
        }
        if found.places.iter().all(|place| place.seal.is_none()) {
            self.nobody_opened(desk, (attempt, batch, draw));
            return Ok(());
        }
        let closed = self.draw_mut(batch, draw);
        (closed.stage, closed.since) = (DrawStage::Opening, now);
        desk.tell(Event::Closed { job: self.id, attempt, batch, draw });
        Ok(())
    }

    pub(super) fn open_verifier(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, draw): Key,
        place: PlaceId,
        salt: Digest,
        interior: Digest,
    ) -> Result<(), Refusal> {
        let (_, found) = self.draw(attempt, batch, draw, DrawStage::Opening)?;
        let taken = found.place(place)?;
        let (Some((_, owner)), Some(seal)) = (taken.seat, taken.seal) else {
            return Err(Refusal::NotSealed(place));
        };
        if taken.interior.is_some() {
            return Err(Refusal::OpenedBefore);
        }
        let now = self.clock.read(desk.now);
        if now.height.0 < found.since.height.0 + OPEN_DELAY {
            return Err(Refusal::TooEarly("the last seal may still be forgotten"));
        }
        if desk.is_over(now, found.since, self.terms.open_seconds) {
            return Err(Refusal::TooLate("the time of opening is over"));
        }
        let of = (self.id, attempt, found.segment);
        same("seal", desk.site.seal(of, (Role::Verifier, owner), salt, interior), seal)?;
        self.draw_mut(batch, draw).places[place.0 as usize].interior = Some(interior);
        let who = Who::Verifier(place);
        desk.tell(Event::Opened { job: self.id, attempt, batch, draw, who, interior });
        self.conclude_if_done(desk, (attempt, batch, draw));
        Ok(())
    }

    pub(super) fn open_solver(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, draw): Key,
        (state, secret, interior): (Digest, Digest, Digest),
        [secret_siblings, leaf_siblings]: [&[Digest]; 2],
    ) -> Result<(), Refusal> {
        let (found, opened) = self.draw(attempt, batch, draw, DrawStage::Opening)?;
        if opened.interior.is_some() {
            return Err(Refusal::OpenedBefore);
        }
        if opened.opened() == 0 && !planted(Bug::SolverOpensFirst) {
            return Err(Refusal::NobodyOpened);
        }
        let running = self.attempt(attempt)?;
        let SegmentId(segment) = opened.segment;
        let place = (self.segments(), segment);
        opens("secret", running.secrets, place, secret_leaf(secret), secret_siblings)?;
        let of = (self.id, attempt, opened.segment);
        let seal = desk.site.seal(of, (Role::Solver, running.solver), secret, interior);
        let place = (found.count, segment - found.first);
        opens("leaf", found.root, place, claimed(state, seal), leaf_siblings)?;
        self.draw_mut(batch, draw).interior = Some(interior);
        desk.tell(Event::Opened { job: self.id, attempt, batch, draw, who: Who::Solver, interior });
        self.conclude_if_done(desk, (attempt, batch, draw));
        Ok(())
    }

    pub(super) fn conclude(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
    ) -> Result<(), Refusal> {
        self.draw(attempt, batch, draw, DrawStage::Opening)?;
        match self.conclude_if_done(desk, (attempt, batch, draw)) {
            true => Ok(()),
            false => Err(Refusal::OpeningGoesOn),
        }
    }

    /// Compares what was opened, if nobody is waited for: all who sealed have opened, or the time for it is over, and the solver has, unless nobody
    /// else has. Whether it did.
    fn conclude_if_done(&mut self, desk: &mut Desk<'_>, key: Key) -> bool {
        let (_, batch, draw) = key;
        let now = self.clock.read(desk.now);
        let open_seconds = self.terms.open_seconds;
        let found = self.draw_mut(batch, draw);
        let is_hidden = |place: &super::Place| place.seal.is_some() && place.interior.is_none();
        if found.places.iter().any(is_hidden) && !desk.is_over(now, found.since, open_seconds) {
            return false;
        }
        match found.interior {
            _ if found.opened() == 0 => self.nobody_opened(desk, key),
            Some(solver) => self.compare(desk, key, solver),
            None => return false,
        }
        true
    }

    fn compare(&mut self, desk: &mut Desk<'_>, (attempt, batch, draw): Key, solver: Digest) {
        let found = self.draw_mut(batch, draw);
        let is_agreed = found.places.iter().filter_map(|place| place.interior).all(|root| root == solver);
        self.fine_silent(desk, batch, draw);
        let (stage, conclusion) = match is_agreed {
            true => (DrawStage::Checked, Conclusion::Checked),
            false => (DrawStage::Contested, Conclusion::Contested),
        };
        if is_agreed {
            self.pay_checkers(desk, batch, draw);
        }
        self.end_draw(desk, (attempt, batch, draw), stage);
        desk.tell(Event::Concluded { job: self.id, attempt, batch, draw, conclusion });
    }

    /// Who has opened the solver's root is paid.
    pub(super) fn pay_checkers(&mut self, desk: &mut Desk<'_>, batch: BatchId, draw: DrawId) {
        let fee = self.terms.check_fee;
        let found = self.draw_mut(batch, draw);
        let root = found.interior;
        let is_right = |place: &&super::Place| place.interior.is_some() && place.interior == root;
        let owners: Vec<Owner> =
            found.places.iter().filter(is_right).filter_map(|place| Some(place.seat?.1)).collect();
        for owner in owners {
            self.escrow = self.escrow.less(fee);
            desk.pay(owner, fee);
        }
    }

    /// A draw comes to another stage, perhaps the batch's last to end.
    pub(super) fn end_draw(&mut self, desk: &Desk<'_>, (_, batch, draw): Key, stage: DrawStage) {
        let now = self.clock.read(desk.now);
        let ended = self.draw_mut(batch, draw);
        (ended.stage, ended.since) = (stage, now);
        let batch = self.batch_mut(batch);
        if batch.is_checked() {
            batch.checked = now;
        }
    }

    /// Fines who was drawn and has not opened though another has, if it could have the state.
    fn fine_silent(&mut self, desk: &mut Desk<'_>, batch: BatchId, draw: DrawId) {
        let fine = self.terms.check_fee.times(SILENCE);
        let found = &self.attempt_mut().batches[batch.0 as usize];
        if !found.is_quorate {
            return;
        }
        let Draw { places, setting, .. } = &found.draws[draw.0 as usize];
        for (seat, owner) in
            places.iter().filter(|place| place.interior.is_none()).filter_map(|place| place.seat)
        {
            let nothing = (owner, crate::ids::Amount(0));
            desk.vault.fine((seat, setting.height), fine, nothing, desk.now, desk.events);
        }
    }

    /// Verifiers are drawn again, or the segment stays unchecked.
    fn nobody_opened(&mut self, desk: &mut Desk<'_>, (attempt, batch, draw): Key) {
        let setting = desk.set();
        let found = self.draw_mut(batch, draw);
        let is_last = found.round >= REDRAWS;
        let (stage, conclusion) = match is_last {
            true => (DrawStage::Unchecked, Conclusion::Unchecked),
            false => (DrawStage::Waiting, Conclusion::Waiting),
        };
        if !is_last {
            found.round += 1;
            found.setting = setting;
        }
        self.end_draw(desk, (attempt, batch, draw), stage);
        desk.tell(Event::Concluded { job: self.id, attempt, batch, draw, conclusion });
    }
}
