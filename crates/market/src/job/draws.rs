//! What chance decides: the draw of a batch, places for seats, announcements.

use super::{BatchStage, Desk, Draw, DrawStage, Job, Place, Setting, counted};
use crate::event::Event;
use crate::ids::{AttemptId, BatchId, DrawId, Height, Owner, SeatId, SegmentId};
use crate::message::Pot;
use crate::names::{DrawKind, Luck};
use crate::params::{DRAW_DELAY, DRAW_LIFE, TRIES};
use crate::refusal::Refusal;
use crate::world::Beacon;
use samebit_commit::{Digest, merkle::list_root_of};

impl Job {
    /// The beacon of a draw that was set; `None` if the draw is to be set anew.
    pub(super) fn beacon(&self, desk: &Desk<'_>, setting: Setting) -> Result<Option<Digest>, Refusal> {
        let height = setting.height.0 + DRAW_DELAY;
        let early = Refusal::NoBeaconYet(Height(height));
        if desk.now.height.0 <= height {
            return Err(early);
        }
        if desk.now.height.0 > height + DRAW_LIFE {
            return Ok(None);
        }
        match desk.world.beacon(Height(height)) {
            Beacon::Value(value) => Ok(Some(value)),
            Beacon::Expired => Ok(None),
            Beacon::NotYet => Err(early),
        }
    }

    /// `count` places, each with a seat that counted when the draw was set, of owners that have no other part in it.
    pub(super) fn pick(
        &self,
        desk: &Desk<'_>,
        luck: Luck,
        draw: DrawId,
        setting: Setting,
        count: u8,
    ) -> Vec<Option<(SeatId, Owner)>> {
        let solver = self.attempt.as_ref().expect("an attempt draws").solver;
        let mut taken = vec![solver, self.poster];
        let pick = |place: u64| {
            let mut tried = (0..if setting.seats == 0 { 0 } else { TRIES }).map(|attempt| {
                let seat = luck.seat(draw, place, attempt, setting.seats);
                (SeatId(seat as u32), &desk.vault.seats()[seat as usize])
            });
            let found = tried
                .find(|(_, seat)| seat.counts_at(setting.height) && !taken.contains(&seat.owner))
                .map(|(id, seat)| (id, seat.owner));
            taken.extend(found.map(|(_, owner)| owner));
            found
        };
        (0..u64::from(count)).map(pick).collect()
    }

    pub(super) fn draw_batch(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Held..=BatchStage::Held)?;
        let setting = found.setting;
        let Some(beacon) = self.beacon(desk, setting)? else {
            let set = desk.set();
            let held = self.batch_mut(batch);
            (held.setting, held.is_late) = (set, true);
            let (kind, draw) = (DrawKind::Segments, DrawId(0));
            desk.tell(Event::SetAnew { job: self.id, attempt, kind, batch, draw });
            return Ok(());
        };
        let luck = Luck::of(beacon, (self.id, attempt), DrawKind::Segments, (batch, DrawId(0), 0));
        let now = self.clock.read(desk.now);
        let segments = self.segments_drawn(batch, luck);
        let draws: Vec<Draw> = segments
            .iter()
            .enumerate()
            .map(|(at, &segment)| {
                let picked = self.pick(desk, luck, DrawId(at as u64), setting, self.terms.checkers);
                Draw { segment, setting, round: 0, since: now, interior: None, about: None, ..drawn(picked) }
            })
            .collect();
        let is_quorate = self.is_quorate(self.batch(attempt, batch, BatchStage::Held..=BatchStage::Held)?);
        let tax = self.terms.tax();
        self.draws -= draws.len() as u64;
        let running = self.attempt_mut();
        running.has_drawn |= !draws.is_empty();
        let drawn = &mut running.batches[batch.0 as usize];
        let tax = tax.times(drawn.count);
        (drawn.stage, drawn.since, drawn.checked) = (BatchStage::Drawn, now, now);
        (drawn.luck, drawn.is_quorate, drawn.draws) = (luck, is_quorate, draws);
        let segments = drawn.drawn();
        running.taxes = running.taxes.less(tax);
        desk.fill(Pot::Jackpot, tax);
        desk.tell(Event::Drawn { job: self.id, attempt, batch, luck: luck.0, segments });
        Ok(())
    }

    /// The segments of a batch that are drawn, one of each stratum.
    fn segments_drawn(&self, batch: BatchId, luck: Luck) -> Vec<SegmentId> {
        let running = self.attempt.as_ref().expect("an attempt draws");
        let batch = &running.batches[batch.0 as usize];
        let end = batch.first + batch.count;
        let is_final = running.is_final && end == running.claimed;
        let ends_early = is_final && (end < self.segments() || batch.last_count < self.steps_of(end - 1));
        let mut count = (batch.count * u64::from(self.terms.draw_rate.0) + luck.rounding()) / 1_000_000;
        if ends_early || is_final && !running.has_drawn {
            count = count.max(1);
        }
        count = count.min(self.draws);
        let bound = |stratum: u64| stratum * batch.count / count;
        let segment = |stratum: u64| {
            let (low, high) = (bound(stratum), bound(stratum + 1));
            if ends_early && stratum + 1 == count {
                return SegmentId(end - 1);
            }
            SegmentId(batch.first + low + luck.of_stratum(stratum, high - low))
        };
        (0..count).map(segment).collect()
    }

    pub(super) fn announce(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        luck: Digest,
        roots: &[Digest],
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Drawn..=BatchStage::Drawn)?;
        desk.only(self.attempt(attempt)?.solver)?;
        super::same("luck", luck, found.luck.0)?;
        counted("roots", roots.len(), found.count - found.draws.len() as u64)?;
        if roots.contains(&Digest::ZERO) {
            return Err(Refusal::Mismatch { what: "announced root" });
        }
        let announced = announcement(found.drawn(), found.count, roots);
        let now = self.clock.read(desk.now);
        let told = self.batch_mut(batch);
        (told.stage, told.since, told.announced) = (BatchStage::Announced, now, announced);
        desk.tell(Event::Announced { job: self.id, attempt, batch, root: announced });
        Ok(())
    }

    pub(super) fn redraw(
        &mut self,
        desk: &mut Desk<'_>,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
    ) -> Result<(), Refusal> {
        let (_, found) = self.draw(attempt, batch, draw, DrawStage::Waiting)?;
        let (setting, round) = (found.setting, found.round);
        let Some(beacon) = self.beacon(desk, setting)? else {
            self.draw_mut(batch, draw).setting = desk.set();
            let kind = DrawKind::Verifiers;
            desk.tell(Event::SetAnew { job: self.id, attempt, kind, batch, draw });
            return Ok(());
        };
        let name = (batch, draw, round.into());
        let luck = Luck::of(beacon, (self.id, attempt), DrawKind::Verifiers, name);
        let picked = self.pick(desk, luck, draw, setting, self.terms.checkers);
        let now = self.clock.read(desk.now);
        let again = self.draw_mut(batch, draw);
        let Draw { stage, places, .. } = drawn(picked);
        (again.stage, again.places, again.since) = (stage, places, now);
        let is_checked = self.batch_mut(batch).is_checked();
        if is_checked {
            self.batch_mut(batch).checked = now;
        }
        desk.tell(Event::Redrawn { job: self.id, attempt, batch, draw, luck: luck.0 });
        Ok(())
    }
}

/// A draw with these places: to be sealed, if there is anybody to seal.
fn drawn(picked: Vec<Option<(SeatId, Owner)>>) -> Draw {
    let is_empty = picked.iter().all(Option::is_none);
    let place = |seat| Place { seat, seal: None, interior: None };
    Draw {
        segment: SegmentId(0),
        stage: if is_empty { DrawStage::Unchecked } else { DrawStage::Sealing },
        places: picked.into_iter().map(place).collect(),
        setting: Setting::default(),
        round: 0,
        since: Default::default(),
        interior: None,
        about: None,
    }
}

/// The list root of a batch's announced roots, 0 for those that are drawn (a bit each).
pub fn announcement(drawn: u64, count: u64, roots: &[Digest]) -> Digest {
    let mut roots = roots.iter();
    let root = |index: u64| {
        let is_drawn = drawn >> index & 1 == 1;
        if is_drawn { Digest::ZERO } else { *roots.next().expect("one root for each that is not drawn") }
    };
    list_root_of(&(0..count).map(root).collect::<Vec<_>>())
}
