//! What each party has lost by a ruling of the contracts: forfeited deposits, fines, bonds of challenges and catches. Pay does not make up for them, and the
//! tax of a segment, which the honest pay too, is none.

use samebit_market::params::CATCH_BOND;
use samebit_market::{Amount, Event, Owner, Ruling};
use samebit_roles::{Ledger, Logged};
use std::collections::BTreeMap;

/// Losses by owner, from what each message of a chain has logged.
pub fn losses<'a>(ledger: &Ledger, logs: impl Iterator<Item = &'a [Logged]>) -> BTreeMap<Owner, Amount> {
    let mut losses: BTreeMap<Owner, Amount> = BTreeMap::new();
    for log in logs {
        let events: Vec<&Event> = log.iter().filter_map(market).collect();
        for event in &events {
            if let Some((owner, amount)) = lost(ledger, event, &events).filter(|(_, amount)| amount.0 > 0) {
                let sum = losses.entry(owner).or_default();
                *sum = sum.plus(amount);
            }
        }
    }
    losses
}

fn market(logged: &Logged) -> Option<&Event> {
    match logged {
        Logged::Market(event) => Some(event),
        Logged::Dispute(_) => None,
    }
}

/// What an event takes from whom; `events` are all of its message.
fn lost(ledger: &Ledger, event: &Event, events: &[&Event]) -> Option<(Owner, Amount)> {
    match event {
        Event::Fined { seat, amount } => {
            Some((ledger.market().vault().seats()[seat.0 as usize].owner, *amount))
        }
        Event::Faulted { job, attempt, .. } => {
            let solver = ledger.tenures(*job)[attempt.0 as usize].solver;
            let deposit = ledger.job(*job)?.terms.deposit;
            Some((solver, Amount(deposit.0.saturating_sub(paid(events, solver).0))))
        }
        Event::Judged { job, attempt, segment, number, ruling: Ruling::Right } => {
            let challenge = &ledger.job(*job)?.challenges[&(*attempt, *segment, *number)];
            (!challenge.is_interior).then_some((challenge.owner, challenge.bond))
        }
        Event::Finished { job, attempt, segment, number } => {
            let challenge = &ledger.job(*job)?.challenges[&(*attempt, *segment, *number)];
            let is_back = paid(events, challenge.owner) >= challenge.bond;
            (!is_back).then_some((challenge.owner, challenge.bond))
        }
        Event::CatchClosed { owner, .. } => {
            (paid(events, *owner) == Amount(0)).then_some((*owner, CATCH_BOND))
        }
        _ => None,
    }
}

/// What a message pays somebody.
fn paid(events: &[&Event], to: Owner) -> Amount {
    let paid = events.iter().filter_map(|event| match event {
        Event::Paid { owner, amount } if *owner == to => Some(amount.0),
        _ => None,
    });
    Amount(paid.sum())
}
