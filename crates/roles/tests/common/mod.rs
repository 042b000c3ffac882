//! A job of a few steps with its folder, what sides say of its segment, and a chain in memory on which they argue.
#![allow(dead_code)]

pub mod liars;

use samebit_commit::{Digest, state};
use samebit_dispute::{
    Amount, Dispute, Event as Logged, Header, JudgeKind, Message, Owner, Position, Question, QuestionStatus,
    Refusal, Seconds, Story, Verdict,
};
use samebit_engine::Settings;
use samebit_graph::Numerics;
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama, operator};
use samebit_graph::node::{Kind, NodeId};
use samebit_graph::operators::OPERATORS;
use samebit_ops::Cpu;
use samebit_roles::{Action, Arithmetic, Disputant, Event, Segment, Terms, question};
use samebit_trace::{Fault, Folder, Job, Receipt, Replay, RunRecord, Runner};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tempfile::TempDir;

/// The step of the lies; the segment begins before it.
pub const STEP: u64 = 1;
/// Where nobody's bond goes.
pub const FUND: Owner = Owner([0xfd; 20]);

pub struct World {
    pub name: &'static str,
    pub job: Job,
    pub states: Vec<Vec<u32>>,
    pub folder: Folder,
    temporary: TempDir,
}

/// A GPT with dropout and a Llama; products, sums and tensors of several blocks and pages.
pub fn worlds() -> [World; 2] {
    let dims = Dims { steps: 2, layers: 1, hidden: 300, ..Dims::default() };
    [World::new("gpt", gpt(Dims { dropout: 0.2, ..dims })), World::new("llama", llama(dims))]
}

/// Every operator of the table, trained alone.
pub fn operators() -> impl Iterator<Item = World> {
    OPERATORS.iter().map(|row| World::new(row.name, operator(row.name, 2)))
}

/// A GPT of which one node, as its program has it, has a longer name than a node may have.
pub fn malformed() -> (World, NodeId) {
    let (mut program, states, tables) = gpt(Dims { steps: 2, layers: 1, ..Dims::default() });
    let node = program.nodes.iter().position(|node| node.op == "gelu_tanh").expect("a GPT has one");
    program.nodes[node].op = "gelu_tanh_".repeat(4);
    (World::new("malformed", (program, states, tables)), node as NodeId)
}

/// A GPT whose products are exact; folds of several blocks.
pub fn exact_world(numerics: Numerics) -> World {
    let dims = Dims { steps: 2, layers: 1, hidden: 300, numerics, ..Dims::default() };
    World::new(numerics.name(), gpt(dims))
}

impl World {
    pub fn new(name: &'static str, (program, states, tables): Fixture) -> World {
        let job = Job::new(program, tables, &states, 2, 2);
        let temporary = TempDir::new().expect("a folder");
        let folder = Folder::at(temporary.path());
        let receipt = Receipt::new(&job, "test");
        folder.create(&job, &states, &RunRecord::default(), &receipt).expect("files");
        World { name, job, states, folder, temporary }
    }

    pub fn replay(&self, faults: &[Fault]) -> Replay<'_> {
        let settings = Settings::default();
        let runner = Runner::new(self.job.clone(), Arc::new(Cpu::detect()), &settings, faults.to_vec());
        Replay::new(&self.folder, 0..self.job.spec.steps, runner.expect("a runner"))
    }

    pub fn segment(&self, faults: &[Fault]) -> Segment<Replay<'_>> {
        self.tell(self.replay(faults))
    }

    pub fn tell<C: samebit_trace::Claims>(&self, claims: C) -> Segment<C> {
        let root = |(state, words): (&samebit_graph::Declaration, &Vec<u32>)| state::Entry {
            name: state.name.clone(),
            dtype: state.dtype,
            shape: state.shape.clone(),
            root: samebit_commit::tensor::root_of(state.dtype, words),
        };
        let start = self.job.program.states.iter().zip(&self.states).map(root).collect();
        Segment::new(claims, start, self.job.spec.tables.clone())
    }

    pub fn question(&self) -> (Question, Header) {
        let terms =
            Terms { bond: Amount(1_000), entry: Seconds(600), clock: Seconds(3_600), extension: Seconds(60) };
        question(&self.job, 0, self.job.spec.initial_state, terms)
    }

    pub fn op(&self, node: NodeId) -> &str {
        &self.job.program.nodes[node as usize].op
    }

    /// The last node of every operator in every phase: 0 forward, 1 backward, 2 the optimiser's.
    pub fn cases(&self) -> BTreeMap<(&str, u8), NodeId> {
        let program = &self.job.program;
        let phase = |node| u8::from(node > program.loss) + u8::from(node >= program.grad_norm);
        (0..).zip(&program.nodes).map(|(id, node)| ((node.op.as_str(), phase(id)), id)).collect()
    }

    /// A wrong element of a node's output.
    pub fn wrong_value(&self, node: NodeId) -> Fault {
        let element = self.job.program.nodes[node as usize].len() * 2 / 3;
        Fault::Value { step: STEP, node, element, ulps: 1 << 20 }
    }

    /// The element of `node` in another row of it, if it is a composite of more than one row.
    pub fn other_row(&self, node: NodeId, element: u64) -> Option<u64> {
        let held = &self.job.program.nodes[node as usize];
        let Kind::Composite { row_length, .. } = held.kind else { return None };
        let other = (element + row_length) % held.len();
        (other / row_length != element / row_length).then_some(other)
    }
}

/// How an argument ended.
#[derive(Debug)]
pub struct Settled {
    pub status: QuestionStatus,
    /// Names of those whose root is the answer.
    pub winners: Vec<&'static str>,
    /// The last position of each game.
    pub places: Vec<Position>,
    pub judged: Option<(JudgeKind, Verdict)>,
    /// The claims' owners, by number.
    pub owners: Vec<Owner>,
    pub timeouts: usize,
    /// Who could not answer once, and why.
    pub mute: BTreeMap<&'static str, String>,
    pub messages: usize,
    pub paid: BTreeMap<Owner, u128>,
}

impl Settled {
    /// The only game's last position.
    pub fn place(&self) -> &Position {
        assert_eq!(self.places.len(), 1, "{self:?}");
        &self.places[0]
    }
}

/// Somebody who argues.
pub struct Party<'a> {
    pub name: &'static str,
    pub owner: Owner,
    pub disputant: Disputant,
    pub story: &'a dyn Story,
    pub root: Digest,
    /// Moves after which it says nothing any more.
    pub stalls_after: Option<usize>,
    moves: usize,
    actions: VecDeque<Action>,
}

/// Hears of every message that was accepted, and what came of it.
pub type Listener<'a> = Box<dyn FnMut(Seconds, Owner, &Message, &Question, &[Logged]) + 'a>;

/// A chain in memory: the pure transition with the referee of the workspace.
pub struct Court<'a> {
    listener: Option<Listener<'a>>,
    question: Question,
    header: Header,
    dispute: Dispute,
    now: Seconds,
}

impl<'a> Court<'a> {
    pub fn new(world: &World) -> Court<'a> {
        let (question, header) = world.question();
        Court::about(question, header, Seconds(1_000_000))
    }

    /// The court from some time on, with this question.
    pub fn about(question: Question, header: Header, now: Seconds) -> Court<'a> {
        Court { listener: None, question, header, dispute: Dispute::new(FUND), now }
    }

    /// The court with somebody who listens, and a question of its own.
    pub fn heard_by(mut self, number: u64, listener: Listener<'a>) -> Court<'a> {
        self.question.entry_seconds = Seconds(self.question.entry_seconds.0 + number);
        self.listened_to(listener)
    }

    /// The court with somebody who listens.
    pub fn listened_to(mut self, listener: Listener<'a>) -> Court<'a> {
        self.listener = Some(listener);
        self
    }

    pub fn party<'b>(&self, name: &'static str, number: u8, story: &'b dyn Story) -> Party<'b> {
        self.party_of(name, Owner([number; 20]), story)
    }

    /// Somebody with an address of its own.
    pub fn party_of<'b>(&self, name: &'static str, owner: Owner, story: &'b dyn Story) -> Party<'b> {
        let opened = story.opened().expect("a claim");
        let disputant = Disputant::new(self.question.clone(), self.header.clone(), owner, opened);
        let (root, actions) = (opened.root(), VecDeque::new());
        Party { name, owner, disputant, story, root, stalls_after: None, moves: 0, actions }
    }

    /// Has the asker of the question open it, if it names one.
    fn open(&mut self, parties: &mut [Party<'_>]) {
        let (question, header, asker) = (self.question.clone(), self.header.clone(), self.question.asker);
        if asker == Owner::default() {
            return;
        }
        let message = Message::OpenQuestion { question, header };
        let events =
            self.dispute.apply(&Arithmetic, self.now, asker, &message).expect("the asker may open it");
        for event in events {
            parties.iter_mut().for_each(|party| party.disputant.recall(self.now, &event));
        }
    }

    /// Lets the parties argue until the question is closed and all of them are done.
    pub fn settle(mut self, mut parties: Vec<Party<'_>>) -> Settled {
        self.open(&mut parties);
        let mut settled = Settled {
            status: QuestionStatus::Open,
            winners: Vec::new(),
            places: Vec::new(),
            judged: None,
            owners: Vec::new(),
            timeouts: 0,
            mute: BTreeMap::new(),
            messages: 0,
            paid: BTreeMap::new(),
        };
        for _ in 0..10_000 {
            if !self.round(&mut parties, &mut settled) {
                let wakes = parties.iter().filter(|party| !party.is_silent());
                let Some(wake) = wakes.filter_map(|party| party.disputant.wakes()).min() else { break };
                self.now = wake;
            }
        }
        let id = self.question.id();
        settled.status = self.dispute.status(id).expect("the question was opened");
        assert!(self.dispute.is_balanced());
        if let QuestionStatus::Answered(root) = settled.status {
            settled.winners =
                parties.iter().filter(|party| party.root == root).map(|party| party.name).collect();
        }
        assert!(parties.iter().all(|party| party.is_silent() || party.disputant.is_done()), "{settled:?}");
        settled
    }

    /// One action of each party; whether anybody did anything.
    fn round(&mut self, parties: &mut [Party<'_>], settled: &mut Settled) -> bool {
        let mut is_busy = false;
        for at in 0..parties.len() {
            let party = &mut parties[at];
            if party.actions.is_empty() {
                let actions = party.disputant.on(self.now, Event::Tick);
                party.actions.extend(actions);
            }
            let Some(action) = party.actions.pop_front() else { continue };
            if party.is_silent() {
                continue;
            }
            is_busy = true;
            match action {
                Action::Compute(task) => {
                    // Whoever lies may have nothing that shows it; the honest side must not need it.
                    let event = match task.run(party.story, &Arithmetic) {
                        Ok(messages) => Event::Computed { task, messages },
                        Err(error) => {
                            settled.mute.insert(party.name, error.to_string());
                            Event::Failed { task }
                        }
                    };
                    let actions = party.disputant.on(self.now, event);
                    party.actions.extend(actions);
                }
                Action::Send(message) => self.send(at, message, parties, settled),
            }
        }
        is_busy
    }

    fn send(&mut self, at: usize, message: Message, parties: &mut [Party<'_>], settled: &mut Settled) {
        self.now = Seconds(self.now.0 + 1);
        let events = match self.dispute.apply(&Arithmetic, self.now, parties[at].owner, &message) {
            Ok(events) => events,
            // Two honest parties may say the same thing at once; the second one is refused.
            Err(
                Refusal::QuestionExists(_)
                | Refusal::GameExists(_)
                | Refusal::UnknownGame(_)
                | Refusal::ClaimNotLiving { .. }
                | Refusal::QuestionNotOpen { .. },
            ) => return,
            Err(refusal) => panic!("{} is refused {message:?}: {refusal}", parties[at].name),
        };
        settled.messages += 1;
        if let Some(listener) = &mut self.listener {
            listener(self.now, parties[at].owner, &message, &self.question, &events);
        }
        parties[at].moves += usize::from(matches!(message, Message::Move { .. }));
        for event in events {
            settled.note(&event);
            for party in parties.iter_mut() {
                let actions = party.disputant.on(self.now, Event::Logged(event.clone()));
                party.actions.extend(actions);
            }
        }
    }
}

impl Settled {
    fn note(&mut self, event: &Logged) {
        match event {
            Logged::Claimed { owner, .. } => self.owners.push(*owner),
            Logged::Paired { position } => self.places.push(position.clone()),
            Logged::Moved { position, .. } => {
                let same = |place: &&mut Position| place.claims == position.claims;
                *self.places.iter_mut().find(same).expect("a game that began") = position.clone();
            }
            Logged::Judged { kind, verdict, .. } => self.judged = Some((*kind, *verdict)),
            Logged::TimedOut { .. } => self.timeouts += 1,
            Logged::Withdrawn { owner, amount } => *self.paid.entry(*owner).or_default() += amount.0,
            _ => {}
        }
    }
}

impl Party<'_> {
    fn is_silent(&self) -> bool {
        self.stalls_after.is_some_and(|after| self.moves >= after)
    }
}

/// Lets two sides argue: who won, and how.
pub fn argue(world: &World, a: &dyn Story, b: &dyn Story) -> Settled {
    let court = Court::new(world);
    let parties = vec![court.party("a", 1, a), court.party("b", 2, b)];
    court.settle(parties)
}
