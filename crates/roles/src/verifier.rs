//! The verifier: runs the segments that it is drawn for, seals what it has found, opens it, and stands by it.

use crate::ledger::party;
use crate::limits::STAGGER;
use crate::message::{Message, Piece, Purpose};
use crate::party::{Desk, Lot, Ran};
use crate::planted::{Bug, planted};
use crate::solver::contest;
use crate::whistleblower::is_being_checked;
use samebit_commit::Digest;
use samebit_dispute::ClaimStatus;
use samebit_market::job::{BatchStage, Draw, DrawStage};
use samebit_market::names::Role;
use samebit_market::params::{OPEN_DELAY, SEAT};
use samebit_market::{DrawId, JobId, MarketMessage, Message as MarketOrMoney, PlaceId, StakeMessage};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    /// Seats that it takes.
    pub seats: usize,
}

impl Verifier {
    pub(crate) fn wants(&self, desk: &mut Desk<'_>) {
        join(desk, self.seats);
        let ledger = desk.ledger;
        for job in ledger.market().jobs() {
            for lot in desk.lots(job) {
                if !(BatchStage::Drawn..=BatchStage::Revealed).contains(&lot.batch.stage) {
                    continue;
                }
                for (at, draw) in (0..).map(DrawId).zip(&lot.batch.draws) {
                    check(desk, &lot, at, draw);
                }
                if lot.running.solver != desk.me {
                    remember(desk, &lot);
                }
            }
        }
    }
}

/// Takes so many seats, each once: what is left or lost is not taken again.
fn join(desk: &mut Desk<'_>, seats: usize) {
    let market = desk.ledger.market();
    let taken = market.vault().seats().iter().filter(|seat| seat.owner == desk.me).count();
    if taken < seats && market.free(desk.me) >= SEAT {
        let join = Message::Market(MarketOrMoney::Stake(StakeMessage::Join));
        desk.say("join", JobId::default(), [taken as u64, 0, 0, 0], 0, join);
    }
}

fn check(desk: &mut Desk<'_>, lot: &Lot<'_>, at: DrawId, draw: &Draw) {
    let mine = draw.places.iter().position(|place| place.seat.is_some_and(|(_, owner)| owner == desk.me));
    let Some(place) = mine else { return };
    let index = lot.index(draw.segment);
    let Some(ran) = desk.run_in_time(lot, index) else { return };
    match draw.stage {
        DrawStage::Sealing if draw.places[place].seal.is_none() => seal(desk, lot, at, draw, place, &ran),
        DrawStage::Opening => open(desk, lot, at, draw, place, &ran),
        DrawStage::Contested if draw.about.is_none() => contest(desk, lot, draw.segment, STAGGER),
        // The interior is right and the end is not: nobody else is bound to say so.
        stage if stage.is_end() && !lot.agrees(index, &ran) => accuse(desk, lot, index, false, 0),
        _ => {}
    }
}

/// Another end of a piece that it ran for an earlier attempt is false, whoever is drawn for it now.
fn remember(desk: &mut Desk<'_>, lot: &Lot<'_>) {
    for index in 0..lot.posted.leaves.len() {
        let is_false = desk.records.ran(&lot.piece(index)).is_some_and(|ran| !lot.agrees(index, ran));
        if is_false && !is_being_checked(lot, index) {
            accuse(desk, lot, index, false, STAGGER);
        }
    }
}

/// Challenges a segment, under a bond; not again after a question that was answered against the own root, for then the own machine is the one that errs.
pub fn accuse(desk: &mut Desk<'_>, lot: &Lot<'_>, index: usize, interior: bool, patience: u64) {
    let segment = lot.segment(index);
    if has_lost(desk, lot.piece(index)) || planted(Bug::NoAccusation) {
        return;
    }
    let number = lot.job.marks.get(&(lot.attempt, segment)).map_or(0, |mark| mark.challenges);
    if let Some(challenge) = desk.challenge(lot, index, interior) {
        desk.say("accuse", lot.job.id, [lot.attempt.0, segment.0, number, 0], patience, challenge);
    }
}

/// Whether an own claim about a piece has died.
pub fn has_lost(desk: &Desk<'_>, piece: Piece) -> bool {
    let me = party(desk.me);
    desk.ledger.questions().any(|(id, arguing)| {
        let about = (arguing.question.job, arguing.key.1, arguing.question.start);
        let claims = desk.ledger.dispute().claims(id);
        let has_died = claims.iter().any(|claim| claim.owner == me && claim.status == ClaimStatus::Dead);
        about == (piece.spec, piece.segment, piece.start) && has_died
    })
}

/// The salt of the own seal: it can be told again after a crash.
fn salt(desk: &Desk<'_>, lot: &Lot<'_>, draw: &Draw) -> Digest {
    if planted(Bug::SaltForgotten) {
        return desk.ledger.name();
    }
    desk.secret(Purpose::Seal, (lot.job.id, lot.attempt), draw.segment)
}

fn seal(desk: &mut Desk<'_>, lot: &Lot<'_>, at: DrawId, draw: &Draw, place: usize, ran: &Ran) {
    let Lot { job, attempt, id: batch, .. } = *lot;
    let of = (job.id, attempt, draw.segment);
    let salt = salt(desk, lot, draw);
    let seal = desk.ledger.market().site().seal(of, (Role::Verifier, desk.me), salt, ran.interior());
    let (root, place) = (lot.batch.root, PlaceId(place as u64));
    let message = MarketMessage::Seal { job: job.id, attempt, batch, draw: at, place, root, seal };
    desk.say("seal", job.id, [attempt.0, batch.0, at.0, draw.round.into()], 0, message);
}

fn open(desk: &mut Desk<'_>, lot: &Lot<'_>, at: DrawId, draw: &Draw, place: usize, ran: &Ran) {
    let Lot { job, attempt, id: batch, .. } = *lot;
    let mine = &draw.places[place];
    let has_waited = job.clock.read(desk.next()).height.0 >= draw.since.height.0 + OPEN_DELAY;
    if mine.seal.is_none() || mine.interior.is_some() || !has_waited {
        return;
    }
    let salt = salt(desk, lot, draw);
    let (interior, place) = (ran.interior(), PlaceId(place as u64));
    let message =
        MarketMessage::OpenVerifier { job: job.id, attempt, batch, draw: at, place, salt, interior };
    desk.say("open verifier", job.id, [attempt.0, batch.0, at.0, draw.round.into()], 0, message);
}
