//! The parties of one job: what each of them would say next, played honestly or not.
//!
//! A script reads the contracts and knows the truth. [`Script::due`] gives what somebody may have to say now; what is too early or was said
//! already is refused, and harms nobody.

mod checks;

use super::chain::Chain;
use super::toy::Toy;
use crate::ids::{Amount, AttemptId, BatchId, DrawId, JobId, Owner, Ppm, Seconds, SegmentId};
use crate::job::{Attempt, Batch, BatchStage, CatchStage, ChallengeStage, Job, JobStage};
use crate::message::{Cause, Leaf, MarketMessage, Message, StakeMessage};
use crate::names::{self, Role};
use crate::params::SEAT;
use crate::terms::Terms;
use samebit_commit::{Digest, Tag, Tree, Words};

/// Somebody with this number.
pub fn owner(number: u8) -> Owner {
    Owner([number; 20])
}

/// How those play who may lie. Segments are numbers; `None` is honest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conduct {
    /// The solver claims a false state after this segment.
    pub false_state: Option<u64>,
    /// The solver seals a false interior root of this segment.
    pub false_seal: Option<u64>,
    /// The solver announces a false root of this segment though it is not forced.
    pub false_announcement: Option<u64>,
    /// The solver announces what it has sealed though it is forced.
    pub ignores_force: bool,
    /// The solver claims no more than so many segments.
    pub stops: Option<u64>,
    /// This one of the verifiers never seals.
    pub silent: Option<usize>,
    /// This one seals a root that nobody else has, and opens it.
    pub garbage: Option<usize>,
    /// This one seals and never opens.
    pub shut: Option<usize>,
}

/// One job and everybody that has to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The job.
    pub job: JobId,
    /// The truth.
    pub toy: Toy,
    /// The job's terms.
    pub terms: Terms,
    /// Who pays.
    pub poster: Owner,
    /// The first solver, of which `conduct` tells.
    pub solver: Owner,
    /// Who goes on after it, honestly.
    pub heir: Owner,
    /// Who has seats: verifiers and custodians.
    pub verifiers: Vec<Owner>,
    /// Who runs everything itself and challenges what is false.
    pub watcher: Owner,
    /// How those play who may lie.
    pub conduct: Conduct,
    /// The message that posts the job.
    pub post: MarketMessage,
}

/// Money that everybody has at first.
const PURSE: Amount = Amount(1 << 80);

impl Script {
    /// Terms that are short, with every sum another prime.
    pub fn terms() -> Terms {
        Terms {
            price: Amount(10_007),
            check_fee: Amount(101),
            hold_fee: Amount(11),
            deposit: Amount(1_000_003),
            challenge_bond: Amount(20_011),
            challenge_cost: Amount(5_003),
            jackpot: Amount(50_021),
            question_bond: Amount(7),
            draw_rate: Ppm(400_000),
            checkers: 2,
            custodians: 2,
            quorum: 2,
            credit: 2,
            claim_seconds: Seconds(120),
            hold_seconds: Seconds(60),
            announce_seconds: Seconds(60),
            seal_seconds: Seconds(60),
            open_seconds: Seconds(60),
            challenge_seconds: Seconds(120),
            reveal_seconds: Seconds(60),
            contest_seconds: Seconds(60),
            entry_seconds: Seconds(60),
            clock_seconds: Seconds(60),
            extension_seconds: Seconds(10),
            solver: Owner::default(),
        }
    }

    /// A job of so many segments on a chain, with people who have money and seats.
    ///
    /// # Panics
    /// If the chain refuses what a beginning is made of.
    pub fn new(chain: &mut Chain, segments: u64) -> Script {
        let people: Vec<Owner> = (1..=7).map(owner).collect();
        Script::seat(chain, &people[4..]);
        Script::post(chain, &people, Toy::new(segments), Script::terms(), 0)
    }

    /// Gives these people money and a seat each.
    ///
    /// # Panics
    /// If they have too much already.
    pub fn seat(chain: &mut Chain, people: &[Owner]) {
        for &person in people {
            chain.fund(person, SEAT);
            chain.say(person, &Message::Stake(StakeMessage::Join)).expect("it can pay");
        }
        chain.blocks(1);
    }

    /// A job with these terms, posted; `people` are the poster, solver, heir, watcher, then those with seats. They get money first.
    ///
    /// # Panics
    /// If the job is refused.
    pub fn post(chain: &mut Chain, people: &[Owner], toy: Toy, terms: Terms, nonce: u64) -> Script {
        for &person in people {
            chain.fund(person, PURSE);
        }
        let script = Script::of(chain, people, toy, terms, nonce);
        chain.tell(script.poster, script.post.clone()).expect("the job is well formed");
        script
    }

    /// A job with these terms that is not posted yet.
    pub fn of(chain: &Chain, people: &[Owner], toy: Toy, terms: Terms, nonce: u64) -> Script {
        let [poster, solver, heir, watcher] = people[..4] else { panic!("four people and verifiers") };
        let spec = toy.spec();
        let job = chain.market.site().job(poster, nonce, spec.digest(), terms.digest());
        let post = MarketMessage::Post { spec, terms: terms.clone(), nonce };
        let (verifiers, conduct) = (people[4..].to_vec(), Conduct::default());
        Script { job, toy, terms, poster, solver, heir, verifiers, watcher, conduct, post }
    }

    /// The job as the chain has it.
    ///
    /// # Panics
    /// If it was forgotten.
    pub fn held<'a>(&self, chain: &'a Chain) -> &'a Job {
        chain.market.job(self.job).expect("the job was posted")
    }

    /// Says everything that is due until the job has ended and everything is paid, with time passing where nobody speaks; who is late is told
    /// so by the watcher.
    ///
    /// # Panics
    /// If the job goes on for ever.
    pub fn run(&self, chain: &mut Chain) {
        assert!(self.ends(chain, 10_000), "the job goes on: {:?}", self.held(chain));
    }

    /// Whether that is so after at most so many rounds.
    pub fn ends(&self, chain: &mut Chain, rounds: u32) -> bool {
        (0..rounds).any(|_| {
            let is_late = |chain: &mut Chain, message| chain.tell(self.watcher, message).is_ok();
            let has_happened =
                self.round(chain) || self.expiries(chain).into_iter().any(|late| is_late(chain, late));
            if !has_happened {
                chain.wait(20);
            }
            let job = self.held(chain);
            !matches!(job.stage, JobStage::Open | JobStage::Running) && job.locked() == Amount(0)
        })
    }

    /// Says everything that is due once; whether anything was accepted.
    pub fn round(&self, chain: &mut Chain) -> bool {
        self.settle_court(chain);
        let due = self.due(chain);
        due.into_iter()
            .fold(false, |happened, (sender, message)| chain.tell(sender, message).is_ok() || happened)
    }

    /// Has Dispute answer every question that is open with the truth, claimed by the challenger.
    pub fn settle_court(&self, chain: &mut Chain) {
        let job = self.held(chain).clone();
        for (&(attempt, segment, number), challenge) in &job.challenges {
            if challenge.stage == ChallengeStage::Asked {
                let nonce = names::asked(self.job, attempt, segment, number);
                if chain.court.is_closed(nonce) {
                    continue;
                }
                chain.court.answer(nonce, &self.toy.answer(segment.0), &[(challenge.owner, true)]);
            }
        }
    }

    /// Who runs an attempt.
    fn solver_of(&self, attempt: AttemptId) -> Owner {
        if attempt.0 == 0 { self.solver } else { self.heir }
    }

    fn lies(&self, attempt: AttemptId, lie: Option<u64>, segment: u64) -> bool {
        attempt.0 == 0 && lie == Some(segment)
    }

    /// The state that the solver claims.
    pub fn state(&self, attempt: AttemptId, segment: u64) -> Digest {
        match self.lies(attempt, self.conduct.false_state, segment) {
            true => self.toy.false_run().state(segment),
            false => self.toy.state(segment),
        }
    }

    /// The interior root that the solver seals.
    pub fn interior(&self, attempt: AttemptId, segment: u64) -> Digest {
        match self.lies(attempt, self.conduct.false_seal, segment) {
            true => self.toy.false_run().interior_root(segment),
            false => self.toy.interior_root(segment),
        }
    }

    /// A secret of the solver's.
    pub fn secret(&self, attempt: AttemptId, segment: u64) -> Digest {
        let solver = self.solver_of(attempt);
        Words::new().digest(self.job.0).address(solver.0).number(attempt.0).number(segment).hash(Tag::File)
    }

    /// All its secrets.
    pub fn secrets(&self, attempt: AttemptId) -> Tree {
        let count = self.toy.steps.div_ceil(self.toy.segment_steps);
        Tree::new((0..count).map(|at| names::secret(self.secret(attempt, at))).collect())
    }

    /// What a verifier's salt is.
    fn salt(&self, verifier: Owner, segment: u64) -> Digest {
        Words::new().digest(self.job.0).address(verifier.0).number(segment).hash(Tag::File)
    }

    /// A claimed leaf of the solver's.
    pub fn leaf(&self, chain: &Chain, attempt: AttemptId, segment: u64) -> Leaf {
        let of = (self.job, attempt, SegmentId(segment));
        let (secret, interior) = (self.secret(attempt, segment), self.interior(attempt, segment));
        let seal = chain.market.site().seal(of, (Role::Solver, self.solver_of(attempt)), secret, interior);
        Leaf { state: self.state(attempt, segment), seal }
    }

    fn leaves(&self, chain: &Chain, attempt: AttemptId, batch: &Batch) -> Tree {
        let range = batch.first..batch.first + batch.count;
        Tree::new(range.map(|at| self.leaf(chain, attempt, at).digest()).collect())
    }

    /// What somebody may have to say now, in the order of a job's life.
    pub fn due(&self, chain: &Chain) -> Vec<(Owner, MarketMessage)> {
        let job = self.held(chain);
        let mut due = Vec::new();
        if job.stage == JobStage::Open {
            let attempt = AttemptId(job.attempts);
            due.push((self.solver_of(attempt), self.accept(attempt)));
        }
        if let Some(running) = &job.attempt {
            let attempt = AttemptId(job.attempts - 1);
            due.push((self.watcher, MarketMessage::Appoint { job: self.job, attempt }));
            due.extend(self.claim(chain, attempt, running).map(|claim| (running.solver, claim)));
            for (at, batch) in (0..).zip(&running.batches) {
                self.about_batch(chain, (attempt, BatchId(at)), running, batch, &mut due);
            }
        }
        for (&key, challenge) in &job.challenges {
            self.about_challenge(chain, key, challenge, &mut due);
        }
        let open = job.catches.iter().filter(|(_, catch)| catch.stage != CatchStage::Closed);
        due.extend(open.map(|(&(attempt, segment, owner), _)| {
            (self.watcher, MarketMessage::PayCatch { job: self.job, attempt, segment, owner })
        }));
        due
    }

    /// The solver's acceptance.
    pub fn accept(&self, attempt: AttemptId) -> MarketMessage {
        MarketMessage::Accept {
            job: self.job,
            attempt,
            solver: self.solver_of(attempt),
            price: Amount(self.terms.price.0 - 7),
            secrets: self.secrets(attempt).root(),
            expiry: Seconds(0),
            is_signed: false,
        }
    }

    fn claim(&self, chain: &Chain, attempt: AttemptId, running: &Attempt) -> Option<MarketMessage> {
        let job = self.held(chain);
        let left = job.segments() - running.claimed;
        let count = left.min(self.terms.credit.into());
        let has_stopped = attempt.0 == 0 && self.conduct.stops.is_some_and(|stops| running.claimed >= stops);
        if count == 0 || has_stopped {
            return None;
        }
        let range = running.claimed..running.claimed + count;
        let leaves: Vec<Leaf> = range.map(|at| self.leaf(chain, attempt, at)).collect();
        Some(MarketMessage::Claim {
            job: self.job,
            attempt,
            first: SegmentId(running.claimed),
            states: leaves.iter().map(|leaf| leaf.state).collect(),
            seals: leaves.iter().map(|leaf| leaf.seal).collect(),
            last_count: job.steps_of(running.claimed + count - 1),
            is_signed: false,
        })
    }

    fn about_batch(
        &self,
        chain: &Chain,
        (attempt, id): (AttemptId, BatchId),
        running: &Attempt,
        batch: &Batch,
        due: &mut Vec<(Owner, MarketMessage)>,
    ) {
        let (job, solver) = (self.job, running.solver);
        match batch.stage {
            BatchStage::Claimed => {
                let signers = running.committees[batch.committee].clone();
                let root = batch.root;
                due.push((solver, MarketMessage::Hold { job, attempt, batch: id, root, signers }));
            }
            BatchStage::Held => due.push((solver, MarketMessage::Draw { job, attempt, batch: id })),
            BatchStage::Drawn => due.push((solver, self.announce((attempt, id), batch))),
            BatchStage::Announced => {
                due.extend(self.catches((attempt, id), batch));
                due.push((solver, self.reveal((attempt, id), batch)));
            }
            BatchStage::Revealed => {
                due.extend(self.suspicions(chain, (attempt, id), batch));
                due.push((solver, MarketMessage::Settle { job, attempt, batch: id }));
            }
            BatchStage::Settled => return,
        }
        for (at, draw) in (0..).zip(&batch.draws) {
            self.about_draw(chain, (attempt, id, DrawId(at)), running, batch, draw, due);
        }
    }

    /// What the solver announces of an undrawn segment.
    fn announced(&self, attempt: AttemptId, batch: &Batch, segment: u64) -> Digest {
        let interior = self.interior(attempt, segment);
        let is_forced =
            !batch.is_late && batch.luck.forces(SegmentId(segment), self.secret(attempt, segment));
        let ignores = attempt.0 == 0 && self.conduct.ignores_force;
        if is_forced && !ignores || self.lies(attempt, self.conduct.false_announcement, segment) {
            return Words::new().digest(interior).hash(Tag::File);
        }
        interior
    }

    fn undrawn(batch: &Batch) -> impl Iterator<Item = u64> + use<> {
        let (drawn, first) = (batch.drawn(), batch.first);
        (0..batch.count).filter(move |at| drawn >> at & 1 == 0).map(move |at| first + at)
    }

    fn announce(&self, (attempt, id): (AttemptId, BatchId), batch: &Batch) -> MarketMessage {
        let roots = Self::undrawn(batch).map(|segment| self.announced(attempt, batch, segment)).collect();
        MarketMessage::Announce { job: self.job, attempt, batch: id, luck: batch.luck.0, roots }
    }

    fn announcement(&self, attempt: AttemptId, batch: &Batch) -> Tree {
        let drawn = batch.drawn();
        let root = |at: u64| match drawn >> at & 1 {
            1 => Digest::ZERO,
            _ => self.announced(attempt, batch, batch.first + at),
        };
        Tree::new((0..batch.count).map(root).collect())
    }

    fn reveal(&self, (attempt, id): (AttemptId, BatchId), batch: &Batch) -> MarketMessage {
        let range = batch.first..batch.first + batch.count;
        let list = |of: fn(&Script, AttemptId, u64) -> Digest| {
            range.clone().map(|at| of(self, attempt, at)).collect::<Vec<_>>()
        };
        let is_forced = |&segment: &u64| {
            !batch.is_late && batch.luck.forces(SegmentId(segment), self.secret(attempt, segment))
        };
        let forced = Self::undrawn(batch).filter(is_forced);
        let indices: Vec<u64> = range.clone().collect();
        MarketMessage::Reveal {
            job: self.job,
            attempt,
            batch: id,
            secrets: list(Script::secret),
            interiors: list(Script::interior),
            states: list(Script::state),
            falses: forced.map(|segment| self.announced(attempt, batch, segment)).collect(),
            siblings: self.secrets(attempt).open_batch(&indices).expect("they are inside").siblings,
        }
    }

    /// The watcher commits to the roots that it has and the solver has not announced.
    fn catches(&self, (attempt, id): (AttemptId, BatchId), batch: &Batch) -> Vec<(Owner, MarketMessage)> {
        let announcement = self.announcement(attempt, batch);
        let catch = |segment: u64| {
            let at = segment - batch.first;
            let announced = announcement.leaves()[at as usize];
            let interior = self.toy.interior_root(segment);
            let salt = self.salt(self.watcher, segment);
            let message = MarketMessage::CommitCatch {
                job: self.job,
                attempt,
                batch: id,
                segment: SegmentId(segment),
                announced,
                siblings: announcement.open(at).expect("it is inside").siblings,
                commitment: names::catch(self.job, attempt, SegmentId(segment), self.watcher, salt, interior),
            };
            (announced != interior).then_some((self.watcher, message))
        };
        Self::undrawn(batch).filter_map(catch).collect()
    }

    /// The watcher shows its catches and challenges what is false.
    fn suspicions(
        &self,
        chain: &Chain,
        (attempt, id): (AttemptId, BatchId),
        batch: &Batch,
    ) -> Vec<(Owner, MarketMessage)> {
        let range = batch.first..batch.first + batch.count;
        let interiors = Tree::new(range.clone().map(|at| self.interior(attempt, at)).collect());
        let mut due = Vec::new();
        for segment in range {
            let interior = self.toy.interior_root(segment);
            due.push((
                self.watcher,
                MarketMessage::RevealCatch {
                    job: self.job,
                    attempt,
                    batch: id,
                    segment: SegmentId(segment),
                    owner: self.watcher,
                    salt: self.salt(self.watcher, segment),
                    interior,
                    siblings: interiors.open(segment - batch.first).expect("it is inside").siblings,
                },
            ));
            let is_state_false = self.state(attempt, segment) != self.toy.state(segment);
            let is_seal_false = self.interior(attempt, segment) != interior;
            if is_state_false || is_seal_false {
                due.push((self.watcher, self.challenge(chain, (attempt, id), batch, segment, is_seal_false)));
            }
        }
        due
    }

    /// A challenge of a segment.
    pub fn challenge(
        &self,
        chain: &Chain,
        (attempt, id): (AttemptId, BatchId),
        batch: &Batch,
        segment: u64,
        interior: bool,
    ) -> MarketMessage {
        let (leaves, at) = (self.leaves(chain, attempt, batch), segment - batch.first);
        let (mut before, mut before_siblings) = (Leaf::default(), Vec::new());
        if at > 0 {
            before = self.leaf(chain, attempt, segment - 1);
            before_siblings = leaves.open(at - 1).expect("it is inside").siblings;
        }
        MarketMessage::Challenge {
            job: self.job,
            attempt,
            batch: id,
            segment: SegmentId(segment),
            interior,
            leaf: self.leaf(chain, attempt, segment),
            siblings: leaves.open(at).expect("it is inside").siblings,
            before,
            before_siblings,
        }
    }

    /// What a verifier seals: its salt, and the root that it has or says it has.
    pub fn sealed(&self, verifier: Owner, segment: u64) -> (Digest, Digest) {
        let is_garbage = self.conduct.garbage.is_some_and(|at| self.verifiers.get(at) == Some(&verifier));
        let interior = match is_garbage {
            true => Words::new().address(verifier.0).hash(Tag::File),
            false => self.toy.interior_root(segment),
        };
        (self.salt(verifier, segment), interior)
    }

    /// Every deadline of the solver's that may be over.
    pub fn expiries(&self, chain: &Chain) -> Vec<MarketMessage> {
        let job = self.held(chain);
        let Some(running) = &job.attempt else { return Vec::new() };
        let mut causes = vec![Cause::Claim, Cause::Hold];
        for (at, batch) in (0..).map(BatchId).zip(&running.batches) {
            causes.extend([Cause::Announce(at), Cause::Reveal(at)]);
            for draw in (0..batch.draws.len() as u64).map(DrawId) {
                causes.extend([Cause::Open(at, draw), Cause::Contest(at, draw)]);
            }
        }
        let attempt = AttemptId(job.attempts - 1);
        causes.into_iter().map(|cause| MarketMessage::Expire { job: self.job, attempt, cause }).collect()
    }
}
