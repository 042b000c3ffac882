//! The custodian: holds the states of batches that it is drawn for, and signs that it does.
//!
//! It holds the state after every segment, not only the last: whoever is drawn to check a segment needs the state before it.

use crate::limits::{RESEND, STAGGER};
use crate::message::{Holding, Notice};
use crate::party::Desk;
use crate::planted::{Bug, planted};
use samebit_market::job::BatchStage;
use samebit_market::{MarketMessage, Owner};

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Custodian;

impl Custodian {
    pub(crate) fn wants(&self, desk: &mut Desk<'_>) {
        let ledger = desk.ledger;
        for job in ledger.market().jobs() {
            for lot in desk.lots(job) {
                let place = lot.custodians().iter().position(|owner| *owner == desk.me);
                let Some(place) = place.filter(|_| lot.batch.stage < BatchStage::Settled) else { continue };
                // The solver has them first, then those who were quicker.
                let mut providers = vec![lot.running.solver];
                providers.extend(desk.providers(job));
                let has_all = desk.fetch_all(&lot, &providers) || planted(Bug::BlindCustodian);
                let has_signed = lot.batch.signed >> place & 1 == 1;
                if !has_all || has_signed || lot.batch.stage > BatchStage::Held {
                    continue;
                }
                let holding =
                    Holding { job: job.id, attempt: lot.attempt, batch: lot.id, root: lot.batch.root };
                let numbers = [lot.attempt.0, lot.id.0, 0, 0];
                desk.gossip("holds", job.id, numbers, Notice::Holds(holding), RESEND);
                // The solver collects signatures; a word that it does not pass on is said without it.
                let patience = (job.terms.hold_seconds.0 / 4).min(4 * STAGGER);
                hold(desk, holding, vec![desk.me], patience);
            }
        }
    }
}

/// Says who holds a batch.
pub fn hold(desk: &mut Desk<'_>, holding: Holding, signers: Vec<Owner>, patience: u64) {
    let Holding { job, attempt, batch, root } = holding;
    let numbers = [attempt.0, batch.0, signers.len() as u64, 0];
    desk.say("hold", job, numbers, patience, MarketMessage::Hold { job, attempt, batch, root, signers });
}
