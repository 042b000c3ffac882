//! What is kept no longer: states and jobs of which nobody can ask for anything any more.

use super::work::Records;
use crate::ledger::{Ledger, party};
use crate::limits::RETENTION;
use crate::message::Blob;
use samebit_commit::Digest;
use samebit_dispute::QuestionStatus;
use samebit_market::{Job, JobId, Owner, Seconds};
use std::collections::BTreeSet;

/// What is held for jobs that have ended [`RETENTION`] ago, and for no other: states first, for a job says which they are. What is held for a job that
/// is not on the chain stays, and so does what this peer has `ordered` or posted: whoever posts wants the end.
pub fn spent(me: Owner, now: Seconds, ledger: &Ledger, records: &Records, ordered: &[Digest]) -> Vec<Blob> {
    let argued = argued(me, ledger);
    let is_over = |job: &&Job| {
        let ended = ledger.ended(job.id);
        let is_own = job.poster == me || ordered.contains(&job.spec);
        !is_own
            && !argued.contains(&job.id)
            && ended.is_some_and(|ended| now >= ended.plus(Seconds(RETENTION)))
    };
    let (over, living): (Vec<&Job>, Vec<&Job>) = ledger.market().jobs().partition(is_over);
    let mut specs: BTreeSet<Digest> = over.iter().map(|job| job.spec).collect();
    for job in &living {
        specs.remove(&job.spec);
    }
    let states = |jobs: &[&Job]| -> BTreeSet<Digest> {
        let all = jobs.iter().flat_map(|job| ledger.named(job.id).chain([job.state]));
        all.filter(|root| records.holds(Blob::State(*root))).collect()
    };
    let (mut spent, mut needed) = (states(&over), states(&living));
    for (spec, state) in records.named() {
        if specs.contains(&spec) {
            spent.insert(state)
        } else {
            needed.insert(state)
        };
    }
    let held = records.specs().into_iter().filter(|spec| specs.contains(spec));
    let states = spent.difference(&needed).map(|root| Blob::State(*root));
    states.filter(|state| records.holds(*state)).chain(held.map(Blob::Job)).collect()
}

/// The jobs about which a question is open, or about which this peer has claimed in one: its bond may still lie there.
fn argued(me: Owner, ledger: &Ledger) -> BTreeSet<JobId> {
    let dispute = ledger.dispute();
    let concerns = |id| {
        let is_open = dispute.status(id) == Some(QuestionStatus::Open);
        is_open || dispute.claims(id).iter().any(|claim| claim.owner == party(me))
    };
    ledger.questions().filter(|(id, _)| concerns(*id)).map(|(_, arguing)| arguing.job).collect()
}
