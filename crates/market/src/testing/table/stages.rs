//! The table itself, and where a message finds what it is about.

use crate::ids::{AttemptId, BatchId, DrawId, SegmentId};
use crate::job::{ChallengeStage, JobStage};
use crate::message::{Cause, MarketMessage};
use crate::testing::Chain;

const JOB: &[&str] = &["Open", "Running", "Done", "Cancelled", "Void"];
const BATCH: &[&str] = &["Claimed", "Held", "Drawn", "Announced", "Revealed", "Settled", "gone"];
const DRAW: &[&str] =
    &["Sealing", "Opening", "Waiting", "Checked", "Unchecked", "Contested", "Decided", "gone"];
const CHALLENGE: &[&str] =
    &["Asked", "Answered", "Closed", "ended Asked", "ended Answered", "ended Closed", "prize"];
const CATCH: &[&str] = &[
    "Committed",
    "Valid",
    "settled Committed",
    "settled Valid",
    "settled Closed",
    "gone Committed",
    "gone Valid",
    "gone Closed",
];

/// Message, what it is about, the stages at which it may be taken.
pub const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("Cancel", JOB, &["Open"]),
    ("Accept", JOB, &["Open"]),
    ("Appoint", JOB, &["Running"]),
    ("Claim", JOB, &["Running"]),
    ("Retract", BATCH, &["Claimed", "Held"]),
    ("Hold", BATCH, &["Claimed", "Held"]),
    ("Draw", BATCH, &["Held"]),
    ("Announce", BATCH, &["Drawn"]),
    ("CommitCatch", BATCH, &["Announced"]),
    ("Reveal", BATCH, &["Announced"]),
    ("RevealCatch", BATCH, &["Revealed"]),
    ("Challenge", BATCH, &["Drawn", "Announced", "Revealed"]),
    ("Settle", BATCH, &["Revealed"]),
    ("Seal", DRAW, &["Sealing"]),
    ("Close", DRAW, &["Sealing"]),
    ("OpenVerifier", DRAW, &["Opening"]),
    ("OpenSolver", DRAW, &["Opening"]),
    ("Conclude", DRAW, &["Opening"]),
    ("Redraw", DRAW, &["Waiting"]),
    ("Judge", CHALLENGE, &["Asked"]),
    ("Show", CHALLENGE, &["Answered"]),
    ("Refute", CHALLENGE, &["Answered"]),
    ("Finish", CHALLENGE, &["Answered", "ended Asked", "ended Answered"]),
    ("PayWinner", CHALLENGE, &["prize"]),
    ("PayCatch", CATCH, &["settled Committed", "settled Valid", "gone Committed", "gone Valid"]),
    ("Expire Claim", JOB, &["Running"]),
    ("Expire Hold", JOB, &["Running"]),
    ("Expire Announce", BATCH, &["Drawn"]),
    ("Expire Reveal", BATCH, &["Announced"]),
    ("Expire Open", DRAW, &["Opening"]),
    ("Expire Contest", DRAW, &["Contested"]),
];

fn word(thing: &impl std::fmt::Debug) -> String {
    let text = format!("{thing:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The name of a message, and of its cause if it has one.
pub(super) fn kind(message: &MarketMessage) -> String {
    match message {
        MarketMessage::Expire { cause, .. } => format!("Expire {}", word(cause)),
        _ => word(message),
    }
}

/// The stage of what a message is about.
pub(super) fn stage(chain: &Chain, message: &MarketMessage) -> Option<String> {
    use MarketMessage as M;
    let job = chain.market.job(message.job()?)?;
    let is_running =
        |attempt: AttemptId| job.stage == JobStage::Running && attempt.0.wrapping_add(1) == job.attempts;
    let batch = |attempt: AttemptId, batch: BatchId| {
        let running = job.attempt.as_ref().filter(|_| is_running(attempt))?;
        running.batches.get(batch.0 as usize)
    };
    let draw = |attempt, of: BatchId, draw: DrawId| batch(attempt, of)?.draws.get(draw.0 as usize);
    let gone = || "gone".to_owned();
    let of_batch = |attempt, id| batch(attempt, id).map_or_else(gone, |batch| word(&batch.stage));
    let of_draw = |attempt, id, at| draw(attempt, id, at).map_or_else(gone, |draw| word(&draw.stage));
    Some(match message {
        M::Post { .. } => return None,
        M::Cancel { .. } | M::Accept { .. } | M::Appoint { .. } | M::Claim { .. } => word(&job.stage),
        M::Retract { attempt, batch, .. }
        | M::Hold { attempt, batch, .. }
        | M::Draw { attempt, batch, .. }
        | M::Announce { attempt, batch, .. }
        | M::CommitCatch { attempt, batch, .. }
        | M::RevealCatch { attempt, batch, .. }
        | M::Reveal { attempt, batch, .. }
        | M::Challenge { attempt, batch, .. }
        | M::Settle { attempt, batch, .. } => of_batch(*attempt, *batch),
        M::Seal { attempt, batch, draw, .. }
        | M::Close { attempt, batch, draw, .. }
        | M::OpenVerifier { attempt, batch, draw, .. }
        | M::OpenSolver { attempt, batch, draw, .. }
        | M::Conclude { attempt, batch, draw, .. }
        | M::Redraw { attempt, batch, draw, .. } => of_draw(*attempt, *batch, *draw),
        M::Judge { attempt, segment, number, .. }
        | M::Show { attempt, segment, number, .. }
        | M::Refute { attempt, segment, number, .. }
        | M::Finish { attempt, segment, number, .. }
        | M::PayWinner { attempt, segment, number, .. } => {
            let challenge = job.challenges.get(&(*attempt, *segment, *number))?;
            match challenge.stage {
                ChallengeStage::Closed if challenge.winners > 0 => "prize".to_owned(),
                stage if is_running(*attempt) => word(&stage),
                stage => format!("ended {}", word(&stage)),
            }
        }
        M::PayCatch { attempt, segment, owner, .. } => {
            let SegmentId(at) = *segment;
            let catch = word(&job.catches.get(&(*attempt, *segment, *owner))?.stage);
            let end = job.ends.get(attempt.0 as usize).copied();
            match at < end.unwrap_or(job.settled) {
                true => format!("settled {catch}"),
                false if end.is_some() => format!("gone {catch}"),
                false => catch,
            }
        }
        M::Expire { attempt, cause, .. } => match cause {
            Cause::Claim | Cause::Hold => word(&job.stage),
            Cause::Announce(batch) | Cause::Reveal(batch) => of_batch(*attempt, *batch),
            Cause::Open(batch, draw) | Cause::Contest(batch, draw) => of_draw(*attempt, *batch, *draw),
        },
    })
}
