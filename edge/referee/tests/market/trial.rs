//! A market whose challenges go to Dispute and Step, with a small model that is really trained, and runs of it that are true and false.

use super::common::{Court as Game, FUND, Settled, World};
use super::town::{Town, bazaar_before};
use samebit_commit::{Digest, Tag, Words, interior, merkle::list_root_of};
use samebit_dispute as dispute;
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_market::job::{Batch, Challenge, Draw};
use samebit_market::names::{self, Role};
use samebit_market::testing::Script;
use samebit_market::{
    Amount, Answer, AttemptId, BatchId, ChallengeStage, Claim, DrawId, DrawStage, Event, Job, JobId,
    JobStage, Leaf, MarketMessage, Owner, PlaceId, Question, Seconds, SegmentId, SpecOpening, Terms, Who,
    params,
};
use samebit_ops::Cpu;
use samebit_referee::market::Asked;
use samebit_referee::{Court, Referee};
use samebit_trace::{Runner, interior_evidence};
use std::sync::Arc;

/// Coins of the chain's own that everybody has for the bonds of Dispute.
const COINS: u128 = 1 << 100;
const BATCH: BatchId = BatchId(0);
const DRAW: DrawId = DrawId(0);
const SEGMENT: SegmentId = SegmentId(0);

/// A GPT of two steps in one segment.
pub fn small() -> World {
    World::new("gpt", gpt(Dims { steps: 2, layers: 1, ..Dims::default() }))
}

/// What a solver claims of the segment and seals.
#[derive(Clone, Debug)]
pub struct Told {
    pub state: Digest,
    /// The interior leaves.
    pub leaves: Vec<Digest>,
}

impl Told {
    pub fn interior(&self) -> Digest {
        interior::root(&self.leaves)
    }
}

/// A job with everybody who has to do with it.
pub struct Trial<'a> {
    pub world: &'a World,
    pub town: Town,
    pub solver: Owner,
    /// Who goes on after it, honestly.
    pub heir: Owner,
    pub watcher: Owner,
    /// Somebody with money and nothing to do.
    pub friend: Owner,
    pub terms: Terms,
    job: JobId,
    /// What a run gives.
    pub truth: Told,
    /// Gas of messages to Dispute.
    pub argued: u64,
}

fn terms() -> Terms {
    Terms {
        question_bond: Amount(1_009),
        entry_seconds: Seconds(600),
        clock_seconds: Seconds(3_600),
        ..Script::terms()
    }
}

/// The opening of the job's Spec.
fn spec_of(world: &World) -> SpecOpening {
    let (question, header) = world.question();
    let opening = SpecOpening {
        version: header.version,
        loss: question.loss,
        grad_norm: header.grad_norm,
        states: question.states,
        table_declarations: header.table_declarations,
        nodes: question.nodes,
        sinks: question.sinks,
        initial: header.initial,
        tables: question.tables,
        steps: header.steps,
        segment_steps: header.segment_steps,
        profile: header.profile,
    };
    assert_eq!(opening.digest(), world.job.spec.digest());
    opening
}

/// The segment as a verifier runs it.
fn truth_of(world: &World) -> Told {
    let (job, backend) = (world.job.clone(), Arc::new(Cpu::detect()));
    let mut runner = Runner::new(job, backend, &Settings::default(), Vec::new()).expect("a runner");
    world.folder.load_state(0, &mut runner).expect("the first state");
    let leaves = runner.run_interior(0..2).expect("two steps");
    Told { state: runner.state_root(), leaves }
}

impl<'a> Trial<'a> {
    /// The job is posted; nobody has accepted it.
    pub fn new(world: &'a World, seed: u64) -> Trial<'a> {
        let court = |evm: &mut samebit_referee::Evm| {
            let referee = Referee::deploy(evm)?;
            Court::put(evm, referee, FUND)
        };
        let (bazaar, people) = bazaar_before(court, seed);
        let mut town = Town::of(bazaar, people.clone(), seed);
        for &person in &people {
            town.fund(person, Amount(1 << 80));
            town.bazaar.evm.fund(person.0.into(), COINS.try_into().expect("it fits"));
        }
        people[5..9].iter().for_each(|&person| town.seat(person));
        town.chain.blocks(1);
        let (spec, terms) = (spec_of(world), terms());
        let [poster, solver, heir, watcher, friend] = people[..5] else { panic!("a town has 12 people") };
        let job = town.bazaar.site().job(poster, 0, spec.digest(), terms.digest());
        town.tell(poster, MarketMessage::Post { spec, terms: terms.clone(), nonce: 0 }).expect("well formed");
        let (question, header) = world.question();
        town.bazaar.teach(job, Asked { question, header });
        let truth = truth_of(world);
        Trial { world, town, solver, heir, watcher, friend, terms, job, truth, argued: 0 }
    }

    pub fn held(&self) -> &Job {
        self.town.chain.market.job(self.job).expect("it was posted")
    }

    /// The attempt that runs, or that ended last.
    pub fn attempt(&self) -> AttemptId {
        AttemptId(self.held().attempts - 1)
    }

    fn batch(&self) -> &Batch {
        &self.held().attempt.as_ref().expect("it runs").batches[0]
    }

    fn draw(&self) -> &Draw {
        &self.batch().draws[0]
    }

    fn challenge_of(&self, number: u64) -> &Challenge {
        &self.held().challenges[&(self.attempt(), SEGMENT, number)]
    }

    /// Everything that somebody has: free money, seats, and coins.
    pub fn wealth(&mut self, owner: Owner) -> u128 {
        let vault = self.town.chain.market.vault();
        let seats: u128 =
            vault.seats().iter().filter(|seat| seat.owner == owner).map(|seat| seat.rest.0).sum();
        let free = vault.free(owner).0;
        let coins: u128 = self.town.bazaar.evm.balance(owner.0.into()).to();
        free + seats + coins
    }

    /// Says what both Markets take.
    pub fn tell(&mut self, sender: Owner, message: MarketMessage) -> Vec<Event> {
        let name = format!("{message:?}");
        self.town.tell(sender, message).unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
    }

    fn salt(&self, owner: Owner) -> Digest {
        Words::new().digest(self.job.0).address(owner.0).number(self.held().attempts).hash(Tag::File)
    }

    fn seal(&self, role: Role, owner: Owner, interior: Digest) -> Digest {
        let of = (self.job, self.attempt(), SEGMENT);
        self.town.chain.market.site().seal(of, (role, owner), self.salt(owner), interior)
    }

    /// Somebody accepts the job, claims this of its only segment, custodians hold it, and it is drawn.
    pub fn claim(&mut self, solver: Owner, told: &Told) {
        let (job, attempt) = (self.job, AttemptId(self.held().attempts));
        let secret = Words::new().digest(job.0).address(solver.0).number(attempt.0 + 1).hash(Tag::File);
        let (price, secrets) = (self.terms.price, list_root_of(&[names::secret(secret)]));
        let (expiry, is_signed) = (Seconds(0), false);
        let accept = MarketMessage::Accept { job, attempt, solver, price, secrets, expiry, is_signed };
        self.tell(solver, accept);
        self.town.chain.blocks(params::DRAW_DELAY + 1);
        self.tell(self.watcher, MarketMessage::Appoint { job, attempt });
        assert_eq!(self.salt(solver), secret);
        let seal = self.seal(Role::Solver, solver, told.interior());
        let claim = MarketMessage::Claim {
            job,
            attempt,
            first: SEGMENT,
            states: vec![told.state],
            seals: vec![seal],
            last_count: 2,
            is_signed,
        };
        self.tell(solver, claim);
        let running = self.held().attempt.as_ref().expect("it runs");
        let (root, signers) = (self.batch().root, running.committees[self.batch().committee].clone());
        self.tell(solver, MarketMessage::Hold { job, attempt, batch: BATCH, root, signers });
        self.town.chain.blocks(params::DRAW_DELAY + 1);
        self.tell(self.watcher, MarketMessage::Draw { job, attempt, batch: BATCH });
        assert_eq!(self.batch().draws.len(), 1, "the only segment is drawn");
    }

    /// Who is to check the segment.
    pub fn verifiers(&self) -> Vec<Owner> {
        self.draw().places.iter().filter_map(|place| Some(place.seat?.1)).collect()
    }

    /// Verifiers seal these roots, in the order of their places, they and the solver open, and the contract compares.
    pub fn check(&mut self, told: &Told, roots: &[Digest]) {
        let (job, attempt, root) = (self.job, self.attempt(), self.batch().root);
        let (batch, draw) = (BATCH, DRAW);
        let verifiers = self.verifiers();
        for (place, (owner, interior)) in (0..).map(PlaceId).zip(verifiers.iter().zip(roots)) {
            let seal = self.seal(Role::Verifier, *owner, *interior);
            self.tell(*owner, MarketMessage::Seal { job, attempt, batch, draw, place, root, seal });
        }
        self.town.chain.blocks(params::OPEN_DELAY);
        for (place, (owner, interior)) in (0..).map(PlaceId).zip(verifiers.iter().zip(roots)) {
            let (salt, interior) = (self.salt(*owner), *interior);
            let open = MarketMessage::OpenVerifier { job, attempt, batch, draw, place, salt, interior };
            self.tell(*owner, open);
        }
        let solver = self.held().attempt.as_ref().expect("it runs").solver;
        let (secret_siblings, leaf_siblings) = (Vec::new(), Vec::new());
        let (state, secret, interior) = (told.state, self.salt(solver), told.interior());
        let open = MarketMessage::OpenSolver {
            job,
            attempt,
            batch,
            draw,
            state,
            secret,
            interior,
            secret_siblings,
            leaf_siblings,
        };
        self.tell(solver, open);
        assert_ne!(self.draw().stage, DrawStage::Opening, "the last opening concludes");
    }

    /// The solver announces, which is nothing where all is drawn; reveals; and the batch is settled.
    pub fn settle(&mut self, told: &Told) {
        let (job, attempt, batch, luck) = (self.job, self.attempt(), BATCH, self.batch().luck.0);
        let solver = self.held().attempt.as_ref().expect("it runs").solver;
        self.tell(solver, MarketMessage::Announce { job, attempt, batch, luck, roots: Vec::new() });
        self.town.chain.wait(self.terms.challenge_seconds.0);
        let reveal = MarketMessage::Reveal {
            job,
            attempt,
            batch,
            secrets: vec![self.salt(solver)],
            interiors: vec![told.interior()],
            states: vec![told.state],
            falses: Vec::new(),
            siblings: Vec::new(),
        };
        self.tell(solver, reveal);
        self.town.chain.wait(self.terms.contest_seconds.0);
        self.tell(self.watcher, MarketMessage::Settle { job, attempt, batch });
        let held = self.held();
        assert_eq!((held.stage, held.locked()), (JobStage::Done, Amount(0)));
    }

    /// Somebody does the whole job honestly.
    pub fn finish_honestly(&mut self, solver: Owner) {
        let truth = self.truth.clone();
        self.claim(solver, &truth);
        self.check_and_settle(&truth);
    }

    /// Honest verifiers check the segment, and it is settled.
    pub fn check_and_settle(&mut self, told: &Told) {
        let roots = vec![self.truth.interior(); self.verifiers().len()];
        self.check(told, &roots);
        self.settle(told);
    }

    /// Somebody challenges the segment; the number of the challenge.
    pub fn challenge(&mut self, sender: Owner, told: &Told, interior: bool) -> u64 {
        let solver = self.held().attempt.as_ref().expect("it runs").solver;
        let seal = self.seal(Role::Solver, solver, told.interior());
        let number = self.held().marks.get(&(self.attempt(), SEGMENT)).map_or(0, |mark| mark.challenges);
        let challenge = MarketMessage::Challenge {
            job: self.job,
            attempt: self.attempt(),
            batch: BATCH,
            segment: SEGMENT,
            interior,
            leaf: Leaf { state: told.state, seal },
            siblings: Vec::new(),
            before: Leaf::default(),
            before_siblings: Vec::new(),
        };
        self.tell(sender, challenge);
        number
    }

    /// The question of a challenge, as Market has asked it.
    fn question(&self, number: u64) -> (dispute::Question, dispute::Header) {
        let (question, header) = self.world.question();
        let seconds = |seconds: Seconds| dispute::Seconds(seconds.0);
        let terms = &self.terms;
        let question = dispute::Question {
            bond: dispute::Amount(terms.question_bond.0),
            entry_seconds: seconds(terms.entry_seconds),
            clock_seconds: seconds(terms.clock_seconds),
            extension_seconds: seconds(terms.extension_seconds),
            asker: dispute::Owner(self.town.chain.market.site().market.0),
            nonce: names::asked(self.job, self.attempt(), SEGMENT, number),
            ..question
        };
        (question, header)
    }

    /// Those who have something to say about a challenge argue in Dispute until its question is closed; how it ended, and what the twin of Market
    /// is to know of it is what the contract says.
    pub fn argue(&mut self, number: u64, sides: &[(&'static str, Owner, &dyn dispute::Story)]) -> Settled {
        let (question, header) = self.question(number);
        let mut now = dispute::Seconds(self.town.chain.now.time.0);
        let begun = now;
        let (evm, at) = (&mut self.town.bazaar.evm, self.town.bazaar.at.side.court);
        let (argued, last) = (&mut self.argued, &mut now);
        let game = Game::about(question.clone(), header, begun).listened_to(Box::new(
            move |now, sender, message, question, _| {
                evm.set_time(now.0);
                let (data, value) = samebit_referee::calls::call(message, question);
                let answer = evm.send(sender.0.into(), at, value, data);
                *argued += answer.unwrap_or_else(|error| panic!("{error}: {message:?}")).gas;
                *last = now;
            },
        ));
        let parties =
            sides.iter().map(|(name, owner, story)| game.party_of(name, dispute::Owner(owner.0), *story));
        let parties = parties.collect();
        let settled = game.settle(parties);
        self.town.chain.wait(now.0 - begun.0 + 1);
        self.hear(&question);
        settled
    }

    /// Gives the twin's court what the contract says of a question.
    fn hear(&mut self, question: &dispute::Question) {
        use samebit_referee::Dispute as sol;
        let (id, at) = (question.id().0.0.into(), self.town.bazaar.at.side.court);
        let evm = &mut self.town.bazaar.evm;
        let status = evm.call(at, &sol::statusOfCall { id }).expect("a view").value;
        let claims: Vec<Claim> = (0..status.claims)
            .map(|number| {
                let held = evm.call(at, &sol::claimOfCall { id, number }).expect("a view").value;
                Claim { owner: Owner(held.owner.0.0), has_lived: held.status != DEAD }
            })
            .collect();
        let closed = match status.status {
            2 => Question::Answered { root: Digest(status.answer.0), living: status.living },
            3 => Question::Unanswered,
            4 => Question::Void,
            other => panic!("the question has status {other}"),
        };
        self.town.chain.court.restore(question.nonce, closed, claims);
    }

    /// Market learns how a challenge ended, and everybody that has won is paid.
    pub fn judge(&mut self, number: u64, opened: dispute::Opened) {
        let (job, attempt, segment) = (self.job, self.attempt(), SEGMENT);
        let opened = Answer { state: opened.state, count: opened.count, steps_top: opened.steps_top };
        self.tell(self.watcher, MarketMessage::Judge { job, attempt, segment, number, opened });
        for claim in 0..4 {
            let _ = self
                .town
                .tell(self.watcher, MarketMessage::PayWinner { job, attempt, segment, number, claim });
        }
    }

    /// Somebody's interior leaves are shown.
    pub fn show(&mut self, number: u64, who: Who, leaves: &[Digest]) {
        let (job, attempt, segment, siblings) = (self.job, self.attempt(), SEGMENT, Vec::new());
        let leaves = leaves.to_vec();
        self.tell(self.watcher, MarketMessage::Show { job, attempt, segment, number, who, leaves, siblings });
    }

    /// A step of somebody's interior is shown to be another, from the steps that Dispute has found right.
    pub fn refute(&mut self, number: u64, who: Who, step: u64, shown: &[Digest]) {
        let replay = self.world.replay(&[]);
        let evidence = interior_evidence(&replay, &self.world.job, step).expect("the run has it");
        let tree = samebit_commit::Tree::new(shown.to_vec());
        let siblings = tree.open(step).expect("it is inside").siblings;
        let (job, attempt, segment, leaf) = (self.job, self.attempt(), SEGMENT, shown[step as usize]);
        let refute =
            MarketMessage::Refute { job, attempt, segment, number, who, step, leaf, siblings, evidence };
        self.tell(self.watcher, refute);
    }

    /// Time passes until a challenge about interiors is over, and it is finished.
    pub fn finish(&mut self, number: u64) {
        assert_eq!(self.challenge_of(number).stage, ChallengeStage::Answered);
        self.town.chain.wait(2 * self.terms.contest_seconds.0);
        let (job, attempt, segment) = (self.job, self.attempt(), SEGMENT);
        self.tell(self.watcher, MarketMessage::Finish { job, attempt, segment, number });
    }
}

/// The status of a claim that died in Dispute.
const DEAD: u8 = 2;
