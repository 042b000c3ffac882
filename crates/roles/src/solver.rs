//! The solver: asks for jobs, runs them, claims what it has run and answers for it.

use crate::custodian::hold;
use crate::limits::{AHEAD, ASK_LIFE, ASK_PERIOD, SEGMENTS};
use crate::message::{Ask, Holding, Notice, Piece, Purpose};
use crate::party::{Desk, Lot, Ran};
use crate::planted::{Bug, planted};
use samebit_commit::{Digest, Tree};
use samebit_market::job::{Attempt, BatchStage, DrawStage};
use samebit_market::names::{self, Role};
use samebit_market::{
    Amount, AttemptId, DrawId, Job, JobId, JobStage, MarketMessage, Owner, Seconds, SegmentId, Terms,
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Solver {
    /// The least that it runs a segment for, when the segment's tax is paid.
    pub price: Amount,
    /// The shortest time that it answers in.
    pub least_seconds: Seconds,
    /// Jobs that it runs at once; those of which it has claimed everything do not count.
    pub jobs: usize,
}

impl Solver {
    pub(crate) fn wants(&self, desk: &mut Desk<'_>) {
        let ledger = desk.ledger;
        // One of which everything is claimed only waits.
        let is_run = |job: &&Job| {
            job.attempt.as_ref().is_some_and(|running| running.solver == desk.me && !running.is_final)
        };
        let busy = ledger.market().jobs().filter(is_run).count();
        for job in ledger.market().jobs() {
            match &job.attempt {
                Some(running) if running.solver == desk.me => run(desk, job, running),
                None if job.stage == JobStage::Open && busy < self.jobs => self.ask(desk, job),
                _ => {}
            }
        }
    }

    /// Asks for a job of which it has everything and that it can run in time: who would fail does not begin.
    fn ask(&self, desk: &mut Desk<'_>, job: &Job) {
        let attempt = AttemptId(job.attempts);
        let has_failed = desk
            .ledger
            .tenures(job.id)
            .iter()
            .any(|tenure| tenure.solver == desk.me && tenure.fault.is_some());
        if has_failed || !self.takes(desk, job) {
            return;
        }
        let piece = Piece { spec: job.spec, segment: SegmentId(job.settled), start: job.state };
        // A batch is claimed when half the time is over, whatever there is of it.
        if desk.fits(job, piece, Seconds(job.terms.claim_seconds.0 / 2)) {
            let known = desk.hearsay.secrets.get(&(job.id, attempt)).copied();
            let secrets = known.unwrap_or_else(|| secrets(desk, job, attempt).root());
            desk.hearsay.secrets.insert((job.id, attempt), secrets);
            let expiry = desk.now.plus(Seconds(ASK_LIFE));
            let price = self.price.plus(job.terms.tax());
            let ask = Ask { job: job.id, attempt, price, secrets, expiry };
            desk.gossip("ask", job.id, [attempt.0, 0, 0, 0], Notice::Ask(ask), ASK_PERIOD);
        }
    }

    /// Whether the terms can be met.
    fn takes(&self, desk: &Desk<'_>, job: &Job) -> bool {
        let terms = &job.terms;
        let needed = terms.deposit.plus(terms.tax().times(terms.credit.into()));
        let is_named = [Owner::default(), desk.me].contains(&terms.solver);
        job.segments() <= SEGMENTS
            && self.price.plus(terms.tax()) <= terms.price
            && is_named
            && job.poster != desk.me
            && desk.ledger.market().free(desk.me) >= needed
            && times(terms).into_iter().all(|seconds| seconds >= self.least_seconds)
    }
}

/// The times in which a solver must answer.
fn times(terms: &Terms) -> [Seconds; 7] {
    [
        terms.claim_seconds,
        terms.hold_seconds,
        terms.announce_seconds,
        terms.open_seconds,
        terms.reveal_seconds,
        terms.contest_seconds,
        terms.entry_seconds,
    ]
}

/// The secret of a segment.
fn secret(desk: &Desk<'_>, job: JobId, attempt: AttemptId, segment: SegmentId) -> Digest {
    desk.secret(Purpose::Segment, (job, attempt), segment)
}

/// The tree over all secrets of an attempt.
fn secrets(desk: &Desk<'_>, job: &Job, attempt: AttemptId) -> Tree {
    let leaf = |segment| names::secret(secret(desk, job.id, attempt, SegmentId(segment)));
    Tree::new((0..job.segments()).map(leaf).collect())
}

fn run(desk: &mut Desk<'_>, job: &Job, running: &Attempt) {
    let attempt = AttemptId(job.attempts - 1);
    claim(desk, job, attempt, running);
    for lot in desk.lots(job) {
        match lot.batch.stage {
            BatchStage::Claimed => collect(desk, &lot),
            BatchStage::Drawn => announce(desk, &lot),
            BatchStage::Announced if !planted(Bug::RevealForgotten) => reveal(desk, &lot),
            _ => {}
        }
        for (at, draw) in (0..).map(DrawId).zip(&lot.batch.draws) {
            let has_opened = draw.places.iter().any(|place| place.interior.is_some());
            match draw.stage {
                DrawStage::Opening if has_opened && draw.interior.is_none() && !planted(Bug::SolverShut) => {
                    open(desk, &lot, at, draw.segment)
                }
                DrawStage::Contested if draw.about.is_none() => {
                    contest(desk, &lot, draw.segment, 0);
                }
                _ => {}
            }
        }
    }
}

/// Asks Dispute about a segment of which opened roots differ.
pub fn contest(desk: &mut Desk<'_>, lot: &Lot<'_>, segment: SegmentId, patience: u64) {
    if let Some(challenge) =
        desk.challenge(lot, lot.index(segment), true).filter(|_| !planted(Bug::NoContest))
    {
        desk.say("contest", lot.job.id, [lot.attempt.0, lot.id.0, segment.0, 0], patience, challenge);
    }
}

/// Runs what comes next, and claims as much as one batch takes; what is there when half the time is over is claimed as it is.
fn claim(desk: &mut Desk<'_>, job: &Job, attempt: AttemptId, running: &Attempt) {
    if running.is_final {
        return;
    }
    let most = u64::from(job.terms.credit).min(job.segments() - running.claimed).min(AHEAD);
    let mut start = running.batches.last().map_or(job.state, |last| last.end);
    let (mut done, mut has_diverged): (Vec<Ran>, bool) = (Vec::new(), false);
    for segment in (running.claimed..running.claimed + most).map(SegmentId) {
        let piece = Piece { spec: job.spec, segment, start };
        let Some(ran) = desk.run(job, piece) else { break };
        start = ran.state;
        has_diverged = ran.count() < job.steps_of(segment.0);
        done.push(ran);
        if has_diverged {
            break;
        }
    }
    let half = Seconds(job.terms.claim_seconds.0 / 2);
    let is_whole = done.len() as u64 == most || has_diverged;
    let is_waited_for = running.batches.last().is_some_and(|last| last.stage == BatchStage::Claimed);
    if done.is_empty() || is_waited_for || !running.is_appointed {
        return;
    }
    if !is_whole && !desk.is_over(job, running.since, half) {
        return;
    }
    let seal = |(segment, ran): (u64, &Ran)| {
        let of = (job.id, attempt, SegmentId(segment));
        let secret = secret(desk, job.id, attempt, SegmentId(segment));
        desk.ledger.market().site().seal(of, (Role::Solver, desk.me), secret, ran.interior())
    };
    let message = MarketMessage::Claim {
        job: job.id,
        attempt,
        first: SegmentId(running.claimed),
        states: done.iter().map(|ran| ran.state).collect(),
        seals: (running.claimed..).zip(&done).map(seal).collect(),
        last_count: match planted(Bug::LastSegmentWhole) {
            true => job.segment_steps,
            false => done.last().map_or(0, Ran::count),
        },
        is_signed: false,
    };
    let numbers = [attempt.0, running.claimed, running.lapses.into(), running.batches.len() as u64];
    desk.say("claim", job.id, numbers, 0, message);
}

/// Passes on the custodians' words as soon as they are a quorum.
fn collect(desk: &mut Desk<'_>, lot: &Lot<'_>) {
    let Lot { job, attempt, id: batch, batch: claimed, .. } = *lot;
    let holding = Holding { job: job.id, attempt, batch, root: claimed.root };
    let custodians = lot.custodians();
    let Some(heard) = desk.hearsay.holdings.get(&holding) else { return };
    let is_new = |(at, owner): &(usize, &Owner)| claimed.signed >> at & 1 == 0 && heard.contains(owner);
    let signers: Vec<Owner> = custodians.iter().enumerate().filter(is_new).map(|(_, owner)| *owner).collect();
    let signed = claimed.signed.count_ones() as usize + signers.len();
    if !signers.is_empty() && signed >= usize::from(job.terms.quorum).min(custodians.len()) {
        hold(desk, holding, signers, 0);
    }
}

/// The own runs of a batch; wants those again that are not kept.
fn rans(desk: &mut Desk<'_>, lot: &Lot<'_>) -> Option<Vec<Ran>> {
    let rans: Vec<Option<Ran>> =
        (0..lot.posted.leaves.len()).map(|index| desk.run(lot.job, lot.piece(index))).collect();
    rans.into_iter().collect()
}

/// Whether a segment's error is forced.
fn is_forced(desk: &Desk<'_>, lot: &Lot<'_>, index: usize) -> bool {
    let segment = lot.segment(index);
    let secret = secret(desk, lot.job.id, lot.attempt, segment);
    !lot.is_drawn(index) && !lot.batch.is_late && lot.batch.luck.forces(segment, secret)
}

/// The root that is announced of a segment that is not drawn.
fn announced(desk: &Desk<'_>, lot: &Lot<'_>, index: usize, ran: &Ran) -> Digest {
    match is_forced(desk, lot, index) && !planted(Bug::ForceIgnored) {
        true => desk.secret(Purpose::False, (lot.job.id, lot.attempt), lot.segment(index)),
        false => ran.interior(),
    }
}

fn announce(desk: &mut Desk<'_>, lot: &Lot<'_>) {
    let Some(rans) = rans(desk, lot) else { return };
    let undrawn = (0..).zip(&rans).filter(|(index, _)| !lot.is_drawn(*index));
    let roots = undrawn.map(|(index, ran)| announced(desk, lot, index, ran)).collect();
    let (job, luck) = (lot.job.id, lot.batch.luck.0);
    let message = MarketMessage::Announce { job, attempt: lot.attempt, batch: lot.id, luck, roots };
    desk.say("announce", job, [lot.attempt.0, lot.id.0, 0, 0], 0, message);
}

/// Opens the own seal of a drawn segment, once a verifier has opened its own.
fn open(desk: &mut Desk<'_>, lot: &Lot<'_>, draw: DrawId, segment: SegmentId) {
    let index = lot.index(segment);
    let Some(ran) = desk.run(lot.job, lot.piece(index)) else { return };
    let message = MarketMessage::OpenSolver {
        job: lot.job.id,
        attempt: lot.attempt,
        batch: lot.id,
        draw,
        state: ran.state,
        secret: secret(desk, lot.job.id, lot.attempt, segment),
        interior: ran.interior(),
        secret_siblings: siblings(&secrets(desk, lot.job, lot.attempt), segment.0),
        leaf_siblings: siblings(&lot.posted.tree(), index as u64),
    };
    desk.say("open solver", lot.job.id, [lot.attempt.0, lot.id.0, draw.0, 0], 0, message);
}

fn siblings(tree: &Tree, index: u64) -> Vec<Digest> {
    tree.open(index).expect("the tree has the leaf").siblings
}

fn reveal(desk: &mut Desk<'_>, lot: &Lot<'_>) {
    let Lot { job, attempt, batch, .. } = *lot;
    if !batch.is_checked() || !desk.is_over(job, batch.since, job.terms.challenge_seconds) {
        return;
    }
    let Some(rans) = rans(desk, lot) else { return };
    let indices: Vec<u64> = (batch.first..batch.first + batch.count).collect();
    let secret = |segment: &u64| secret(desk, job.id, attempt, SegmentId(*segment));
    let forced = (0..rans.len()).filter(|index| is_forced(desk, lot, *index));
    let message = MarketMessage::Reveal {
        job: job.id,
        attempt,
        batch: lot.id,
        secrets: indices.iter().map(secret).collect(),
        interiors: rans.iter().map(Ran::interior).collect(),
        states: rans.iter().map(|ran| ran.state).collect(),
        falses: forced.map(|index| announced(desk, lot, index, &rans[index])).collect(),
        siblings: secrets(desk, job, attempt).open_batch(&indices).expect("they are inside").siblings,
    };
    desk.say("reveal", job.id, [attempt.0, lot.id.0, 0, 0], 0, message);
}
