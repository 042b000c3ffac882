//! The log of the contracts as events of the Rust twin.

use crate::contracts::Fund::FundEvents as F;
use crate::contracts::Market::MarketEvents as M;
use crate::contracts::Stake::StakeEvents as S;
use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::SolEventInterface;
use samebit_commit::Digest;
use samebit_market::names::DrawKind;
use samebit_market::{
    Amount, AttemptId, BatchId, Cause, Conclusion, DrawId, Ending, Event, FaultKind, JobId, Owner, PlaceId,
    Pot, Ruling, SeatId, SegmentId, Who,
};

fn digest(word: B256) -> Digest {
    Digest(word.0)
}

fn job(word: B256) -> JobId {
    JobId(digest(word))
}

fn owner(address: Address) -> Owner {
    Owner(address.0.0)
}

fn who(number: u64) -> Who {
    number.checked_sub(1).map_or(Who::Solver, |place| Who::Verifier(PlaceId(place)))
}

fn pot(number: u8) -> Pot {
    [Pot::Jackpot, Pot::Insurance, Pot::Fees][usize::from(number)]
}

fn fault(kind: u8, first: u64, second: u64) -> FaultKind {
    let (batch, draw) = (BatchId(first), DrawId(second));
    FaultKind::Late(match kind {
        0 => Cause::Claim,
        1 => Cause::Hold,
        2 => Cause::Announce(batch),
        3 => Cause::Open(batch, draw),
        4 => Cause::Contest(batch, draw),
        5 => Cause::Reveal(batch),
        6 => return FaultKind::State(SegmentId(first)),
        _ => return FaultKind::Interior(SegmentId(first)),
    })
}

/// An entry of the log; nothing if it is none of the three contracts', or one that says what the message says.
pub fn event(log: &Log) -> Option<Event> {
    if let Ok(event) = S::decode_log(log) {
        return stake(event.data);
    }
    if let Ok(event) = F::decode_log(log) {
        return Some(match event.data {
            F::Relayed(_) => return None,
            F::Filled(e) => Event::Filled { pot: pot(e.pot), amount: Amount(e.amount) },
            F::Taken(e) => Event::Taken { pot: pot(e.pot), to: owner(e.to), amount: Amount(e.amount) },
        });
    }
    market(M::decode_log(log).ok()?.data)
}

fn stake(event: S) -> Option<Event> {
    Some(match event {
        S::Relayed(_) => return None,
        S::Deposited(e) => Event::Deposited { owner: owner(e.owner), amount: Amount(e.amount) },
        S::Withdrawn(e) => Event::Withdrawn { owner: owner(e.owner), amount: Amount(e.amount) },
        S::Registered(e) => Event::Registered { owner: owner(e.owner), address: e.networkAddress.to_vec() },
        S::Joined(e) => Event::Joined { seat: SeatId(e.seat), owner: owner(e.owner) },
        S::Left(e) => Event::Left { seat: SeatId(e.seat) },
        S::Collected(e) => Event::Collected { seat: SeatId(e.seat), amount: Amount(e.amount) },
        S::Fined(e) => Event::Fined { seat: SeatId(e.seat), amount: Amount(e.amount) },
        S::Paid(e) => Event::Paid { owner: owner(e.owner), amount: Amount(e.amount) },
    })
}

fn market(event: M) -> Option<Event> {
    macro_rules! told {
        ($event:expr, $name:ident { $($field:ident: $value:expr),* $(,)? }) => {
            Event::$name { job: job($event.job), attempt: AttemptId($event.attempt), $($field: $value),* }
        };
    }
    let batch = BatchId;
    Some(match event {
        M::Relayed(_) => return None,
        M::Posted(e) => Event::Posted {
            job: job(e.job),
            poster: owner(e.poster),
            spec: digest(e.spec),
            escrow: Amount(e.escrow),
        },
        M::Accepted(e) => told!(e, Accepted { solver: owner(e.solver), price: Amount(e.price) }),
        M::Appointed(e) => {
            told!(e, Appointed { custodians: e.custodians.into_iter().map(owner).collect() })
        }
        M::SetAnew(e) => {
            let kind = [DrawKind::Custodians, DrawKind::Segments, DrawKind::Verifiers][usize::from(e.kind)];
            told!(e, SetAnew { kind: kind, batch: batch(e.batch), draw: DrawId(e.draw) })
        }
        M::Claimed(e) => told!(e, Claimed { batch: batch(e.batch), root: digest(e.root) }),
        M::Retracted(e) => told!(e, Retracted { batch: batch(e.batch) }),
        M::Signed(e) => told!(e, Signed { batch: batch(e.batch), custodians: e.custodians }),
        M::Held(e) => told!(e, Held { batch: batch(e.batch) }),
        M::Drawn(e) => {
            told!(e, Drawn { batch: batch(e.batch), luck: digest(e.luck), segments: e.segments })
        }
        M::Announced(e) => told!(e, Announced { batch: batch(e.batch), root: digest(e.root) }),
        M::Sealed(e) => {
            told!(e, Sealed { batch: batch(e.batch), draw: DrawId(e.draw), place: PlaceId(e.place) })
        }
        M::Closed(e) => told!(e, Closed { batch: batch(e.batch), draw: DrawId(e.draw) }),
        M::Opened(e) => told!(
            e,
            Opened {
                batch: batch(e.batch),
                draw: DrawId(e.draw),
                who: who(e.who),
                interior: digest(e.interior)
            }
        ),
        M::Concluded(e) => {
            use Conclusion::{Checked, Contested, Unchecked, Waiting};
            let conclusion = [Checked, Contested, Waiting, Unchecked][usize::from(e.conclusion)];
            told!(e, Concluded { batch: batch(e.batch), draw: DrawId(e.draw), conclusion: conclusion })
        }
        M::Redrawn(e) => {
            told!(e, Redrawn { batch: batch(e.batch), draw: DrawId(e.draw), luck: digest(e.luck) })
        }
        M::Revealed(e) => told!(e, Revealed { batch: batch(e.batch), forced: e.forced }),
        M::CatchCommitted(e) => {
            told!(e, CatchCommitted { segment: SegmentId(e.segment), owner: owner(e.owner) })
        }
        M::CatchRevealed(e) => {
            told!(e, CatchRevealed { segment: SegmentId(e.segment), owner: owner(e.owner) })
        }
        M::CatchClosed(e) => told!(e, CatchClosed { segment: SegmentId(e.segment), owner: owner(e.owner) }),
        M::Challenged(e) => told!(
            e,
            Challenged {
                segment: SegmentId(e.segment),
                number: e.number,
                owner: owner(e.owner),
                interior: e.interior,
            }
        ),
        M::Judged(e) => {
            use Ruling::{Right, Unanswered, Void, Wrong};
            let ruling = [Right, Wrong, Unanswered, Void][usize::from(e.ruling)];
            told!(e, Judged { segment: SegmentId(e.segment), number: e.number, ruling: ruling })
        }
        M::Finished(e) => told!(e, Finished { segment: SegmentId(e.segment), number: e.number }),
        M::Shown(e) => {
            told!(e, Shown { segment: SegmentId(e.segment), number: e.number, who: who(e.who) })
        }
        M::Refuted(e) => {
            told!(e, Refuted { segment: SegmentId(e.segment), number: e.number, who: who(e.who) })
        }
        M::Settled(e) => told!(e, Settled { batch: batch(e.batch) }),
        M::Lapsed(e) => told!(e, Lapsed { batch: batch(e.batch) }),
        M::Faulted(e) => told!(e, Faulted { fault: fault(e.fault, e.first, e.second) }),
        M::Ended(e) => {
            let ending = [Ending::Done, Ending::Cancelled, Ending::Void][usize::from(e.ending)];
            Event::Ended { job: job(e.job), ending }
        }
    })
}
