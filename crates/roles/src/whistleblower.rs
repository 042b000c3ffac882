//! The whistleblower: runs segments that nobody is drawn for, catches forced errors, and challenges what is false.

use crate::message::Purpose;
use crate::party::{Desk, Lot, Ran};
use crate::verifier::accuse;
use samebit_commit::{Digest, Tag, Tree, Words};
use samebit_market::job::{BatchStage, CatchStage, DrawStage};
use samebit_market::names::{self, remainder};
use samebit_market::{MarketMessage, Ppm};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Whistleblower {
    /// The share of segments that it runs.
    pub rate: Ppm,
}

impl Whistleblower {
    pub(crate) fn wants(&self, desk: &mut Desk<'_>) {
        let (ledger, me) = (desk.ledger, desk.me);
        for job in ledger.market().jobs().filter(|job| job.poster != me) {
            for lot in desk.lots(job).into_iter().filter(|lot| lot.running.solver != me) {
                if (BatchStage::Drawn..=BatchStage::Revealed).contains(&lot.batch.stage) {
                    (0..lot.posted.leaves.len()).for_each(|index| self.watch(desk, &lot, index));
                }
            }
        }
    }

    fn watch(&self, desk: &mut Desk<'_>, lot: &Lot<'_>, index: usize) {
        if !self.picks(desk, lot, index) || is_being_checked(lot, index) {
            return;
        }
        let Some(ran) = desk.run_in_time(lot, index) else { return };
        if !lot.agrees(index, &ran) {
            accuse(desk, lot, index, false, 0);
            return;
        }
        if lot.is_drawn(index) {
            return;
        }
        match lot.batch.stage {
            BatchStage::Announced => commit(desk, lot, index, &ran),
            BatchStage::Revealed => compare(desk, lot, index, &ran),
            _ => {}
        }
    }

    /// Chance that nobody else knows.
    fn picks(&self, desk: &Desk<'_>, lot: &Lot<'_>, index: usize) -> bool {
        let salt = desk.secret(Purpose::Catch, (lot.job.id, lot.attempt), lot.segment(index));
        remainder(Words::new().digest(salt).hash(Tag::Draw), 1_000_000) < u64::from(self.rate.0)
    }
}

/// Whether those who are drawn for a segment have not come to an end with it.
pub fn is_being_checked(lot: &Lot<'_>, index: usize) -> bool {
    let segment = lot.segment(index);
    lot.batch.draws.iter().any(|draw| {
        draw.segment == segment && !matches!(draw.stage, DrawStage::Checked | DrawStage::Unchecked)
    })
}

/// What was announced of the batch, as the contract keeps it.
fn announcement(lot: &Lot<'_>) -> Tree {
    let mut roots = lot.posted.announced.iter();
    let root = |index| match lot.is_drawn(index) {
        true => Digest::ZERO,
        false => *roots.next().expect("one root for each that is not drawn"),
    };
    Tree::new((0..lot.posted.leaves.len()).map(root).collect())
}

/// An announced root that is not the own one may be a forced error: who commits to its own in time shares the jackpot. If it was none, the root that is
/// revealed is false, and the challenge that follows gives the bond back.
fn commit(desk: &mut Desk<'_>, lot: &Lot<'_>, index: usize, ran: &Ran) {
    let Lot { job, attempt, id: batch, .. } = *lot;
    let (segment, announcement) = (lot.segment(index), announcement(lot));
    let announced = announcement.leaves()[index];
    let is_in_time = !desk.is_over(job, lot.batch.since, job.terms.challenge_seconds);
    if announced == ran.interior() || !is_in_time || job.catches.contains_key(&(attempt, segment, desk.me)) {
        return;
    }
    let salt = desk.secret(Purpose::Catch, (job.id, attempt), segment);
    let message = MarketMessage::CommitCatch {
        job: job.id,
        attempt,
        batch,
        segment,
        announced,
        siblings: announcement.open(index as u64).expect("it is inside").siblings,
        commitment: names::catch(job.id, attempt, segment, desk.me, salt, ran.interior()),
    };
    desk.say("commit catch", job.id, [attempt.0, segment.0, 0, 0], 0, message);
}

/// What was revealed is what was sealed: the own catch is shown, or the seal is challenged.
fn compare(desk: &mut Desk<'_>, lot: &Lot<'_>, index: usize, ran: &Ran) {
    let Lot { job, attempt, id: batch, .. } = *lot;
    let (segment, interior) = (lot.segment(index), ran.interior());
    if lot.posted.interiors[index] != interior {
        accuse(desk, lot, index, true, 0);
        return;
    }
    let held = job.catches.get(&(attempt, segment, desk.me));
    if held.is_some_and(|held| held.stage == CatchStage::Committed) {
        let message = MarketMessage::RevealCatch {
            job: job.id,
            attempt,
            batch,
            segment,
            owner: desk.me,
            salt: desk.secret(Purpose::Catch, (job.id, attempt), segment),
            interior,
            siblings: Tree::new(lot.posted.interiors.clone())
                .open(index as u64)
                .expect("it is inside")
                .siblings,
        };
        desk.say("reveal catch", job.id, [attempt.0, segment.0, 0, 0], 0, message);
    }
}
