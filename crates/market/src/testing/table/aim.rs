//! Messages about something else than they were said of.

use super::Said;
use crate::ids::{AttemptId, BatchId, DrawId, JobId};
use crate::message::{Cause, MarketMessage};
use crate::testing::Chain;

/// A message, and the same about everything else in its job that it could be about.
pub(super) fn aimed(chain: &Chain, (sender, message): &Said) -> Vec<Said> {
    use MarketMessage as M;
    let mut all = vec![(*sender, message.clone())];
    let Some(job) = message.job().and_then(|job| chain.market.job(job)) else { return all };
    let mut aim = |change: &dyn Fn(&mut MarketMessage)| {
        let mut other = message.clone();
        change(&mut other);
        all.push((*sender, other));
    };
    for &(of, at, count) in job.challenges.keys() {
        aim(&|other| match other {
            M::Judge { attempt, segment, number, .. }
            | M::Show { attempt, segment, number, .. }
            | M::Refute { attempt, segment, number, .. }
            | M::Finish { attempt, segment, number, .. }
            | M::PayWinner { attempt, segment, number, .. } => {
                (*attempt, *segment, *number) = (of, at, count)
            }
            _ => {}
        });
    }
    for &(of, at, catcher) in job.catches.keys() {
        aim(&|other| {
            if let M::PayCatch { attempt, segment, owner, .. } = other {
                (*attempt, *segment, *owner) = (of, at, catcher);
            }
        });
    }
    let batches = job.attempt.iter().flat_map(|running| &running.batches);
    let last = AttemptId(job.attempts.wrapping_sub(1));
    for (at, claimed) in (0..).map(BatchId).zip(batches) {
        for place in (0..claimed.draws.len().max(1) as u64).map(DrawId) {
            aim(&|other| match other {
                M::Retract { attempt, batch, .. }
                | M::Hold { attempt, batch, .. }
                | M::Draw { attempt, batch, .. }
                | M::Announce { attempt, batch, .. }
                | M::CommitCatch { attempt, batch, .. }
                | M::RevealCatch { attempt, batch, .. }
                | M::Reveal { attempt, batch, .. }
                | M::Challenge { attempt, batch, .. }
                | M::Settle { attempt, batch, .. }
                | M::Expire { attempt, cause: Cause::Announce(batch) | Cause::Reveal(batch), .. } => {
                    (*attempt, *batch) = (last, at);
                }
                M::Seal { attempt, batch, draw, .. }
                | M::Close { attempt, batch, draw, .. }
                | M::OpenVerifier { attempt, batch, draw, .. }
                | M::OpenSolver { attempt, batch, draw, .. }
                | M::Conclude { attempt, batch, draw, .. }
                | M::Redraw { attempt, batch, draw, .. }
                | M::Expire {
                    attempt, cause: Cause::Open(batch, draw) | Cause::Contest(batch, draw), ..
                } => {
                    (*attempt, *batch, *draw) = (last, at, place);
                }
                _ => {}
            });
        }
    }
    all
}

/// The same in another job, of messages about what a walk rarely comes to.
pub(super) fn in_job((sender, message): &Said, id: JobId) -> Option<Said> {
    use MarketMessage as M;
    let mut other = message.clone();
    match &mut other {
        M::Accept { job, .. }
        | M::Appoint { job, .. }
        | M::Claim { job, .. }
        | M::Judge { job, .. }
        | M::Show { job, .. }
        | M::Refute { job, .. }
        | M::Finish { job, .. }
        | M::PayWinner { job, .. }
        | M::PayCatch { job, .. }
        | M::Expire { job, .. } => *job = id,
        _ => return None,
    }
    Some((*sender, other))
}
