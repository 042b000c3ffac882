//! The submitter: has its jobs run, and gets the end.

use crate::limits::ASK_MARGIN;
use crate::message::{Ask, Blob, Holding};
use crate::party::{Desk, Lot};
use crate::planted::{Bug, planted};
use samebit_market::job::BatchStage;
use samebit_market::{
    AttemptId, Job, JobId, JobStage, MarketMessage, Owner, Seconds, SpecOpening, Terms, params::OPEN_LIMIT,
};

/// A job to be run.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is computed.
    pub spec: SpecOpening,
    /// On which terms; their price is the limit.
    pub terms: Terms,
    /// Tells orders that are alike apart.
    pub nonce: u64,
    /// How long it waits for further asks before it takes the lowest.
    pub ask_wait: Seconds,
    /// How long it waits for a solver, at first and after each attempt; it takes the job back then.
    pub give_up: Seconds,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Submitter {
    /// What it has run.
    pub orders: Vec<Order>,
}

impl Submitter {
    pub(crate) fn wants(&self, desk: &mut Desk<'_>) {
        let ledger = desk.ledger;
        for order in &self.orders {
            let id = order.id(desk);
            match ledger.job(id) {
                None => post(desk, id, order),
                Some(job) => match job.stage {
                    JobStage::Open => match_or_cancel(desk, job, order),
                    JobStage::Running if !planted(Bug::NotFetched) => follow(desk, job),
                    JobStage::Running => {}
                    JobStage::Done if planted(Bug::NotFetched) => {}
                    JobStage::Done => {
                        let providers = desk.providers(job);
                        desk.fetch(job.spec, Blob::State(job.state), &providers);
                    }
                    JobStage::Cancelled | JobStage::Void => {}
                },
            }
        }
    }
}

impl Order {
    fn id(&self, desk: &Desk<'_>) -> JobId {
        let site = desk.ledger.market().site();
        site.job(desk.me, self.nonce, self.spec.digest(), self.terms.digest())
    }
}

fn post(desk: &mut Desk<'_>, id: JobId, order: &Order) {
    // Who cannot give the job and its first state to others has nothing to post.
    let can_serve = desk.records.holds(Blob::Job(order.spec.digest()))
        && desk.records.holds(Blob::State(order.spec.initial));
    if can_serve {
        let Order { spec, terms, nonce, .. } = order.clone();
        desk.say("post", id, [0; 4], 0, MarketMessage::Post { spec, terms, nonce });
    }
}

/// The lowest ask is accepted once others had time to ask; without any the job is taken back in the end.
fn match_or_cancel(desk: &mut Desk<'_>, job: &Job, order: &Order) {
    let attempt = AttemptId(job.attempts);
    let best = desk
        .hearsay
        .asks
        .iter()
        .filter(|((of, solver), ask)| *of == job.id && is_acceptable(desk, job, attempt, *solver, ask))
        .min_by_key(|((_, solver), ask)| (ask.price, *solver));
    if let Some((&(_, solver), ask)) = best {
        let accept = MarketMessage::Accept {
            job: job.id,
            attempt,
            solver,
            price: ask.price,
            secrets: ask.secrets,
            expiry: ask.expiry,
            is_signed: true,
        };
        desk.say("accept", job.id, [attempt.0, 0, 0, 0], order.ask_wait.0, accept);
    }
    let slow_block = desk.ledger.market().site().slow_block;
    let may_cancel = attempt.0 == 0 || desk.next().is_over(job.ended, OPEN_LIMIT, slow_block);
    if may_cancel {
        desk.say(
            "cancel",
            job.id,
            [attempt.0, 0, 0, 0],
            order.give_up.0,
            MarketMessage::Cancel { job: job.id },
        );
    }
}

fn is_acceptable(desk: &Desk<'_>, job: &Job, attempt: AttemptId, solver: Owner, ask: &Ask) -> bool {
    let stands = ask.attempt == attempt && ask.expiry.0 >= desk.now.0.saturating_add(ASK_MARGIN);
    let has_failed = |solver: Owner| {
        desk.ledger.tenures(job.id).iter().any(|tenure| tenure.solver == solver && tenure.fault.is_some())
    };
    let can_pay = desk.ledger.market().free(solver) >= job.terms.deposit;
    let is_named = [Owner::default(), solver].contains(&job.terms.solver);
    stands
        && ask.price <= job.terms.price
        && can_pay
        && is_named
        && solver != job.poster
        && !has_failed(solver)
}

/// States are fetched as they are claimed. Where custodians are late the own word stands in for theirs: it is given when half their time is over, so that
/// a quorum that is there makes silent verifiers pay.
fn follow(desk: &mut Desk<'_>, job: &Job) {
    let providers = desk.providers(job);
    for lot in desk.lots(job) {
        let has_all = planted(Bug::BlindAcknowledgement) || desk.fetch_all(&lot, &providers);
        let half = Seconds(job.terms.hold_seconds.0 / 2);
        if has_all && lot.batch.stage == BatchStage::Claimed && desk.is_over(job, lot.batch.since, half) {
            let Lot { attempt, id: batch, batch: held, .. } = lot;
            let holding = Holding { job: job.id, attempt, batch, root: held.root };
            crate::custodian::hold(desk, holding, vec![desk.me], 0);
        }
    }
}
