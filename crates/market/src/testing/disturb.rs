//! Messages with something else in them.

use super::random::Random;
use crate::ids::{Amount, AttemptId, BatchId, DrawId, Owner, PlaceId, Ppm, Seconds, SegmentId};
use crate::message::{Cause, MarketMessage, Who};
use samebit_commit::Digest;

/// Changes one thing of a message.
pub fn disturb(message: &mut MarketMessage, random: &mut Random) {
    use MarketMessage as M;
    if random.once_in(4) && disturb_attempt(message, random) {
        return;
    }
    match message {
        M::Post { spec, terms, .. } => match random.below(9) {
            0 => spec.steps = random.small(),
            1 => spec.segment_steps = random.small(),
            2 => terms.draw_rate = Ppm(random.number() as u32),
            3 => terms.credit = random.number() as u8,
            4 => terms.quorum = random.number() as u8,
            5 => terms.check_fee = Amount(1 << random.below(100)),
            6 => terms.open_seconds = Seconds(random.small()),
            7 => terms.deposit = Amount(random.small().into()),
            _ => terms.entry_seconds = Seconds(random.below(3_000_000)),
        },
        M::Cancel { .. } | M::Appoint { .. } => {}
        M::Accept { solver, price, expiry, is_signed, .. } => match random.below(4) {
            0 => *solver = Owner([random.below(8) as u8; 20]),
            1 => *price = Amount(random.number().into()),
            2 => *expiry = Seconds(random.below(4_000_000)),
            _ => *is_signed = !*is_signed,
        },
        M::Claim { first, states, seals, last_count, is_signed, .. } => match random.below(5) {
            0 => first.0 = random.small(),
            1 => list(states, random),
            2 => list(seals, random),
            3 => *last_count = random.small(),
            _ => *is_signed = true,
        },
        M::Retract { batch, root, .. } => which(batch, root, random),
        M::Hold { batch, root, signers, .. } => match random.below(3) {
            0 => which(batch, root, random),
            1 => signers.truncate(1),
            _ => signers.extend(signers.last().copied()),
        },
        M::Draw { batch, .. } | M::Settle { batch, .. } => *batch = BatchId(random.small()),
        M::Announce { batch, luck, roots, .. } => match random.below(2) {
            0 => which(batch, luck, random),
            _ => list(roots, random),
        },
        M::Seal { batch, draw, place, root, seal, .. } => match random.below(4) {
            0 => *place = PlaceId(random.small()),
            1 => which(batch, root, random),
            2 => *seal = random.digest(),
            _ => *draw = DrawId(random.small()),
        },
        M::Close { batch, draw, .. } | M::Conclude { batch, draw, .. } | M::Redraw { batch, draw, .. } => {
            match random.below(2) {
                0 => *batch = BatchId(random.small()),
                _ => *draw = DrawId(random.small()),
            }
        }
        M::OpenVerifier { draw, place, salt, interior, .. } => match random.below(4) {
            0 => *place = PlaceId(random.small()),
            1 => *salt = random.digest(),
            2 => *interior = random.digest(),
            _ => *draw = DrawId(random.small()),
        },
        M::OpenSolver { state, secret, interior, secret_siblings, leaf_siblings, .. } => {
            match random.below(5) {
                0 => *state = random.digest(),
                1 => *secret = random.digest(),
                2 => *interior = random.digest(),
                3 => list(secret_siblings, random),
                _ => list(leaf_siblings, random),
            }
        }
        M::Challenge { segment, interior, leaf, siblings, before, before_siblings, .. } => {
            match random.below(6) {
                0 => *segment = SegmentId(random.small()),
                1 => *interior = !*interior,
                2 => leaf.state = random.digest(),
                3 => list(siblings, random),
                4 => before.state = random.digest(),
                _ => list(before_siblings, random),
            }
        }
        M::Judge { segment, number, opened, .. } => match random.below(4) {
            0 => *segment = SegmentId(random.small()),
            1 => *number = random.small(),
            2 => opened.count = random.small(),
            _ => opened.state = random.digest(),
        },
        M::Show { number, who, leaves, siblings, .. } => match random.below(4) {
            0 => *number = random.small(),
            1 => *who = any(random),
            2 => list(leaves, random),
            _ => list(siblings, random),
        },
        M::Refute { who, step, leaf, siblings, evidence, .. } => match random.below(6) {
            0 => *who = any(random),
            1 => *step = random.small(),
            2 => *leaf = random.digest(),
            3 => list(siblings, random),
            4 => evidence.loss.word ^= 1,
            _ => evidence.state = random.digest(),
        },
        M::Finish { segment, number, .. } => match random.below(2) {
            0 => *segment = SegmentId(random.small()),
            _ => *number = random.small(),
        },
        M::PayWinner { number, claim, .. } => match random.below(2) {
            0 => *number = random.small(),
            _ => *claim = random.small(),
        },
        M::CommitCatch { segment, announced, siblings, commitment, .. } => match random.below(4) {
            0 => *segment = SegmentId(random.small()),
            1 => *announced = random.digest(),
            2 => list(siblings, random),
            _ => *commitment = random.digest(),
        },
        M::RevealCatch { segment, owner, salt, interior, siblings, .. } => match random.below(5) {
            0 => *segment = SegmentId(random.small()),
            1 => *owner = Owner([random.below(8) as u8; 20]),
            2 => *salt = random.digest(),
            3 => *interior = random.digest(),
            _ => list(siblings, random),
        },
        M::PayCatch { segment, owner, .. } => match random.below(2) {
            0 => *segment = SegmentId(random.small()),
            _ => *owner = Owner([random.below(8) as u8; 20]),
        },
        M::Reveal { secrets, interiors, states, falses, siblings, .. } => match random.below(5) {
            0 => list(secrets, random),
            1 => list(interiors, random),
            2 => list(states, random),
            3 => list(falses, random),
            _ => list(siblings, random),
        },
        M::Expire { cause, .. } => {
            let (batch, draw) = (BatchId(random.small()), DrawId(random.small()));
            *cause = match random.below(4) {
                0 => Cause::Announce(batch),
                1 => Cause::Open(batch, draw),
                2 => Cause::Contest(batch, draw),
                _ => Cause::Reveal(batch),
            };
        }
    }
}

/// Names another attempt, where one is named.
fn disturb_attempt(message: &mut MarketMessage, random: &mut Random) -> bool {
    use MarketMessage as M;
    match message {
        M::Post { .. } | M::Cancel { .. } => return false,
        M::Accept { attempt, .. }
        | M::Appoint { attempt, .. }
        | M::Claim { attempt, .. }
        | M::Retract { attempt, .. }
        | M::Hold { attempt, .. }
        | M::Draw { attempt, .. }
        | M::Announce { attempt, .. }
        | M::Seal { attempt, .. }
        | M::Close { attempt, .. }
        | M::OpenVerifier { attempt, .. }
        | M::OpenSolver { attempt, .. }
        | M::Conclude { attempt, .. }
        | M::Redraw { attempt, .. }
        | M::Challenge { attempt, .. }
        | M::Judge { attempt, .. }
        | M::Show { attempt, .. }
        | M::Refute { attempt, .. }
        | M::Finish { attempt, .. }
        | M::PayWinner { attempt, .. }
        | M::CommitCatch { attempt, .. }
        | M::RevealCatch { attempt, .. }
        | M::PayCatch { attempt, .. }
        | M::Reveal { attempt, .. }
        | M::Settle { attempt, .. }
        | M::Expire { attempt, .. } => *attempt = AttemptId(random.small()),
    }
    true
}

/// Another batch, or another root of it.
fn which(batch: &mut BatchId, root: &mut Digest, random: &mut Random) {
    match random.below(2) {
        0 => *batch = BatchId(random.small()),
        _ => *root = random.digest(),
    }
}

fn any(random: &mut Random) -> Who {
    if random.once_in(3) { Who::Solver } else { Who::Verifier(PlaceId(random.small())) }
}

/// One more, one less, none, or another one.
fn list(items: &mut Vec<Digest>, random: &mut Random) {
    match random.below(4) {
        0 => drop(items.pop()),
        1 => items.push(random.digest()),
        2 => items.clear(),
        _ => {
            let at = random.below(items.len() as u64) as usize;
            let other = random.digest();
            items.iter_mut().skip(at).take(1).for_each(|item| *item = other);
        }
    }
}
