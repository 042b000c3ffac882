//! One simulation: what happens, one thing after the other, until the job has ended and everybody has its money.

use crate::chain::{BLOCK_SECONDS, Chain, Tried};
use crate::faults::FAULTS;
use crate::forecast::{Forecast, forecasts};
use crate::lies::{Bent, Lie};
use crate::losses::losses;
use crate::peer::Peer;
use crate::plays::PLAYS;
use crate::random::Random;
use crate::scene::{Part, Scene};
use crate::world::World;
use samebit_market::params::SLOW_BLOCK;
use samebit_market::{Amount, JobStage, Owner, Seconds, SegmentId, Site};
use samebit_roles::party::{Action, Event, Task};
use samebit_roles::{Blob, Message, Notice, Piece};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What somebody has at first.
pub const PURSE: Amount = Amount(100_000 * 1_000_000_000_000_000_000);
/// Where Market is.
const SITE: Site = Site {
    chain_id: 31_337,
    market: Owner([0xaa; 20]),
    fund: Owner([0xbb; 20]),
    treasury: Owner([0xcc; 20]),
    slow_block: SLOW_BLOCK,
};
/// When the chain begins.
const START: u64 = 1_000_000;
/// Blocks after which a simulation that goes on is a failure.
const BLOCKS_LIMIT: u64 = 8_000;
/// Blocks for which money may still come after a job has ended.
const GRACE_BLOCKS: u64 = 600;
/// Seconds of a chain's day in which blocks come quickly; then as seldom as clocks allow.
const BUSY_SECONDS: u64 = 30_000;
/// Seconds of a seldom block: no clock counts more for one.
const SELDOM_SECONDS: u64 = SLOW_BLOCK.0;

/// Letters of a line that is told.
const LINE: usize = 200;

/// Something that happens.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
enum Happening {
    /// A block is made.
    Mine,
    /// A peer looks at the chain.
    Look(usize),
    /// Something reaches a peer that has not ended since.
    Reaches { peer: usize, life: Option<u32>, event: Event },
    /// A message reaches the chain.
    Submits { sender: Owner, message: Message },
    /// A peer's disk has kept what it was to keep, and the peer goes on.
    Continues { peer: usize, life: u32, actions: Vec<Action> },
    /// A peer begins again.
    Starts(usize),
    /// A cut ends.
    Heals,
}

/// What came of a simulation.
#[derive(Debug)]
pub struct Outcome {
    /// The scene.
    pub scene: Scene,
    /// A digest of all that happened, in order.
    pub audit: u64,
    /// What was found wrong, in words.
    pub wrong: Vec<String>,
    /// How often each of these happened: kinds of the contracts' events, crashes, cuts, reorganisations.
    pub counts: BTreeMap<&'static str, u64>,
    /// What became of the liars that had a chance to lie, beside what was to be expected.
    pub liars: Vec<Liar>,
    /// What honest peers have lost by rulings, all together.
    pub harm: Amount,
    /// Whether an honest peer has seen something false that was claimed, or was awake to see it.
    pub is_watched: bool,
    /// Whether something false was settled.
    pub is_false: bool,
    /// Where the job stood at the end.
    pub stage: Option<JobStage>,
    /// Blocks that it took.
    pub blocks: u64,
    /// Messages that the contracts have refused of honest peers, and of liars.
    pub refused: [u64; 2],
}

/// What became of a liar.
#[derive(Clone, Debug)]
pub struct Liar {
    /// Its part.
    pub part: Part,
    /// What was to be expected of it.
    pub forecast: Forecast,
    /// Whether it lost anything: money, a claim in Dispute or the job.
    pub is_caught: bool,
    /// What rulings have taken from it.
    pub loss: Amount,
}

impl Outcome {
    /// Something that was found wrong, with the command that shows it again.
    pub fn complaint(&self, wrong: &str) -> String {
        let Scene { number, play, kind, .. } = self.scene;
        let (seed, play, kind) = (self.scene.seed(), PLAYS[play].name, FAULTS[kind]);
        format!("scene {number}, {play}, {kind}: {wrong}\nhint: cargo xtask sim --seed {seed}")
    }
}

/// What came of so many seeds, in their order, on all processors.
pub fn seeds(world: impl Fn() -> World + Sync, from: u64, count: u64) -> Vec<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let run = &|thread: u64| -> Vec<Outcome> {
        let world = world();
        let seeds = (from..from + count).filter(|seed| seed % threads == thread);
        seeds.flat_map(|seed| Run::seed(&world, seed)).collect()
    };
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        threads
            .into_iter()
            .flat_map(|thread| -> Vec<Outcome> { thread.join().expect("no run panics") })
            .collect()
    });
    outcomes.sort_by_key(|outcome| outcome.scene.number);
    outcomes
}

/// Is told what happens, line by line.
pub type Listener<'a> = Box<dyn FnMut(&str) + 'a>;

/// See the module.
pub struct Run<'a> {
    pub(crate) world: &'a World,
    pub(crate) scene: Scene,
    pub(crate) chain: Chain,
    pub(crate) peers: Vec<Peer>,
    pub(crate) wrong: Vec<String>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    random: Random,
    now: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    cut: BTreeSet<usize>,
    audit: DefaultHasher,
    refused: [u64; 2],
    ended: Option<u64>,
    hear: Option<Listener<'a>>,
}

impl<'a> Run<'a> {
    /// Plays the scenes of a seed, one after the other.
    pub fn seed(world: &World, seed: u64) -> Vec<Outcome> {
        Scene::of_seed(seed, world.segments()).map(|scene| Run::new(world, scene, None).finish()).collect()
    }

    /// Before anything has happened; whoever hears it is told line by line.
    pub fn new(world: &'a World, scene: Scene, hear: Option<Listener<'a>>) -> Run<'a> {
        let purses: Vec<(Owner, Amount)> = scene.actors.iter().map(|actor| (actor.owner, PURSE)).collect();
        let chain = Chain::new(scene.number, SITE, Seconds(START), &purses);
        let peer = |actor| Peer::new(world, &scene, actor, SITE, chain.genesis());
        let peers = scene.actors.iter().map(peer).collect();
        let random = Random::new(scene.number ^ 0x5eed);
        let mut run = Run {
            world,
            scene,
            chain,
            peers,
            wrong: Vec::new(),
            counts: BTreeMap::new(),
            random,
            now: START,
            order: 0,
            queue: BTreeMap::new(),
            cut: BTreeSet::new(),
            audit: DefaultHasher::new(),
            refused: [0; 2],
            ended: None,
            hear,
        };
        run.put(BLOCK_SECONDS, Happening::Mine);
        run
    }

    /// Lets everything happen, and looks at what came of it.
    pub fn finish(mut self) -> Outcome {
        while self.has_more() {
            let ((at, _), happening) = self.queue.pop_first().expect("a block is always to come");
            self.now = at;
            self.happen(happening);
        }
        self.judge();
        let ledger = self.chain.ledger();
        format!("{:?}", ledger.market()).hash(&mut self.audit);
        let stage = ledger.market().jobs().next().map(|job| job.stage);
        let losses = losses(ledger, self.chain.logs());
        let liars = self.liars(&losses);
        let harm = Amount(self.honest().filter_map(|peer| losses.get(&peer.owner)).map(|loss| loss.0).sum());
        let (is_watched, is_false) = (self.is_watched(), self.has_settled_false());
        Outcome {
            audit: self.audit.finish(),
            blocks: self.chain.blocks().len() as u64,
            stage,
            liars,
            harm,
            is_watched,
            is_false,
            wrong: self.wrong,
            counts: self.counts,
            refused: self.refused,
            scene: self.scene,
        }
    }

    fn has_more(&mut self) -> bool {
        let blocks = self.chain.blocks().len() as u64;
        if self.is_over() {
            return false;
        }
        let has_ended = self.chain.ledger().market().jobs().next().is_some_and(|job| !is_open(job.stage));
        if !has_ended {
            self.ended = None;
            return blocks < BLOCKS_LIMIT;
        }
        blocks < *self.ended.get_or_insert(blocks) + GRACE_BLOCKS
    }

    fn put(&mut self, delay: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), happening);
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn happen(&mut self, happening: Happening) {
        (self.now, std::mem::discriminant(&happening)).hash(&mut self.audit);
        match happening {
            Happening::Mine => self.mine(),
            Happening::Look(peer) => self.look(peer),
            Happening::Reaches { peer, life, event } => {
                let held = &self.peers[peer];
                if held.is_up && life.is_none_or(|life| life == held.life) {
                    (peer, std::mem::discriminant(&event)).hash(&mut self.audit);
                    let actions = self.peers[peer].on(Seconds(self.now), event);
                    self.act(peer, actions);
                }
            }
            Happening::Submits { sender, message } => self.chain.submit(sender, message),
            Happening::Continues { peer, life, actions } => {
                if self.peers[peer].is_up && self.peers[peer].life == life {
                    self.act(peer, actions);
                }
            }
            Happening::Starts(peer) => self.start(peer),
            Happening::Heals => self.cut.clear(),
        }
    }

    fn mine(&mut self) {
        let time = Seconds(self.now);
        let tried = self.chain.mine(time);
        self.note(tried);
        if self.random.happens(self.scene.faults.reorganisation) {
            let depth = self.random.within(1..=self.scene.faults.depth) as usize;
            let tried = self.chain.reorganise(depth, &mut self.random);
            self.count("reorganisation");
            self.note(tried);
        }
        if self.cut.is_empty() && self.random.happens(self.scene.faults.cut) {
            let count = self.random.within(1..=self.peers.len() as u64 / 2);
            self.cut = (0..count).map(|_| self.random.below(self.peers.len() as u64) as usize).collect();
            let length = self.random.within(1..=self.scene.faults.cut_for);
            self.put(length, Happening::Heals);
            self.count("cut");
        }
        for peer in 0..self.peers.len() {
            let delay = self.random.within(0..=self.scene.faults.delay.min(BLOCK_SECONDS / 2));
            self.put(delay, Happening::Look(peer));
        }
        let is_busy = self.now < START + BUSY_SECONDS;
        self.put(if is_busy { BLOCK_SECONDS } else { SELDOM_SECONDS }, Happening::Mine);
    }

    /// What became of the messages of a block.
    fn note(&mut self, tried: Vec<Tried>) {
        for Tried { sender, message, result } in tried {
            let is_liar = self.peer_of(sender).is_some_and(|peer| !self.peers[peer].lies.is_empty());
            (sender, std::mem::discriminant(&message), result.is_ok()).hash(&mut self.audit);
            match result {
                Err(why) => {
                    self.refused[usize::from(is_liar)] += 1;
                    self.count("refused");
                    self.tell_line(sender, || format!("is refused, {why:?}: {message:?}"));
                }
                Ok(logged) => {
                    for event in logged {
                        self.tell_line(sender, || format!("{event:?}"));
                        self.count(crate::names::of(&event));
                    }
                }
            }
        }
    }

    fn tell_line(&mut self, who: Owner, what: impl Fn() -> String) {
        if let Some(hear) = &mut self.hear {
            let short: String = what().chars().take(LINE).collect();
            hear(&format!("{:>8} {:02x} {short}", self.now - START, who.0[0]));
        }
    }

    pub(crate) fn peer_of(&self, owner: Owner) -> Option<usize> {
        self.peers.iter().position(|peer| peer.owner == owner)
    }

    /// A peer hears the blocks that it has not heard, from where its chain leaves the present one.
    fn look(&mut self, peer: usize) {
        if !self.peers[peer].is_up || self.cut.contains(&peer) {
            return;
        }
        let blocks = self.chain.blocks();
        let known = blocks.iter().rposition(|block| self.peers[peer].party.history().knows(block.name));
        let news = blocks[known.map_or(0, |known| known + 1)..].to_vec();
        let Some((last, before)) = news.split_last() else { return };
        let now = Seconds(self.now);
        for block in before {
            self.peers[peer].recall(now, Event::Block(block.clone()));
        }
        let actions = self.peers[peer].on(now, Event::Block(last.clone()));
        self.act(peer, actions);
    }

    /// A peer does what it wants to, bent by its lies; it may end in the middle.
    fn act(&mut self, peer: usize, actions: Vec<Action>) {
        let mut actions = actions.into_iter();
        while let Some(action) = actions.next() {
            (peer, std::mem::discriminant(&action)).hash(&mut self.audit);
            if self.peers[peer].lies.iter().any(|lie| lie.vanishes_at(&action)) {
                self.peers[peer].is_up = false;
                self.count("vanished");
                return;
            }
            let faults = &self.scene.faults;
            let may_crash = self.peers[peer].life < faults.crashes;
            let (crash, down) = (faults.crash, faults.down);
            if may_crash && self.random.happens(crash) {
                self.peers[peer].crash();
                self.count("crash");
                let down = self.random.within(1..=down);
                self.put(down, Happening::Starts(peer));
                return;
            }
            let is_kept = matches!(action, Action::Store(_));
            if let Some(action) = self.bend(peer, action) {
                self.perform(peer, action);
            }
            if is_kept && self.random.happens(self.scene.faults.slow) {
                let (life, actions) = (self.peers[peer].life, actions.collect());
                let delay = self.random.within(1..=self.scene.faults.slow_for);
                self.put(delay, Happening::Continues { peer, life, actions });
                self.count("slow disk");
                return;
            }
        }
    }

    fn bend(&mut self, peer: usize, action: Action) -> Option<Action> {
        let mut bent = action;
        for lie in self.peers[peer].lies.clone() {
            let is_liar = |owner| self.peer_of(owner).is_some_and(|peer| !self.peers[peer].lies.is_empty());
            match lie.bend(bent, self.chain.ledger().market(), is_liar) {
                Bent::Does(action) => bent = action,
                Bent::Nothing => return None,
                Bent::Believes(record) => {
                    let life = Some(self.peers[peer].life);
                    self.peers[peer].disk.push(record.clone());
                    let event = Event::Recalled(record);
                    self.put(1, Happening::Reaches { peer, life, event });
                    return None;
                }
            }
        }
        Some(bent)
    }

    fn perform(&mut self, peer: usize, action: Action) {
        let owner = self.peers[peer].owner;
        match action {
            Action::Send(message) => {
                for delay in self.flights(peer, None) {
                    self.put(delay, Happening::Submits { sender: owner, message: message.clone() });
                }
            }
            Action::Compute(task) => self.compute(peer, task),
            Action::Store(record) => self.peers[peer].disk.push(record),
            Action::Drop(blob) => self.peers[peer].forget(blob),
            Action::Fetch { blob, from, .. } => self.tell(peer, from, Event::Asked { blob, by: owner }),
            Action::Serve { blob, to } => self.tell(peer, to, Event::Arrived { blob, from: owner }),
            Action::Gossip(notice) => self.gossip(peer, notice),
        }
    }

    fn compute(&mut self, peer: usize, task: Task) {
        let is_genuine = match &task {
            Task::Check { from, .. } => {
                self.peer_of(*from).is_some_and(|from| !self.peers[from].lies.contains(&Lie::ServesGarbage))
            }
            _ => true,
        };
        let held = &mut self.peers[peer];
        let piece = match &task {
            Task::Weigh(piece, _)
            | Task::Run(piece)
            | Task::Trace(piece)
            | Task::Answer(piece, _)
            | Task::Evidence(piece, _) => *piece,
            Task::Check { .. } => {
                Piece { spec: self.world.spec(), segment: SegmentId(0), start: self.world.initial() }
            }
        };
        let needs_state = matches!(task, Task::Run(_) | Task::Trace(_));
        if held.lies.is_empty()
            && needs_state
            && !(held.has(Blob::Job(piece.spec)) && held.has(Blob::State(piece.start)))
        {
            self.wrong.push(format!("{} runs what it does not have", held.owner));
        }
        let outcome = self.world.run(&task, Lie::skew(&held.lies, piece.segment.0), is_genuine);
        held.note(&task, &outcome);
        let delay = match &task {
            Task::Run(_) => self.random.within(10..=40),
            Task::Trace(_) => self.random.within(10..=60),
            _ => self.random.within(1..=5),
        };
        let life = Some(self.peers[peer].life);
        self.put(delay, Happening::Reaches { peer, life, event: Event::Done(task, outcome) });
    }

    fn tell(&mut self, peer: usize, to: Owner, event: Event) {
        let Some(other) = self.peer_of(to) else { return };
        for delay in self.flights(peer, Some(other)) {
            self.put(delay, Happening::Reaches { peer: other, life: None, event: event.clone() });
        }
    }

    fn gossip(&mut self, peer: usize, notice: Notice) {
        let owner = self.peers[peer].owner;
        self.chain.sign(owner, notice);
        self.tell(peer, owner, Event::Notice { from: owner, notice });
        for other in (0..self.peers.len()).filter(|other| *other != peer) {
            let to = self.peers[other].owner;
            self.tell(peer, to, Event::Notice { from: owner, notice });
        }
    }

    /// How long each copy takes of something that is sent to a peer, or to the chain.
    fn flights(&mut self, from: usize, to: Option<usize>) -> Vec<u64> {
        let is_cut = self.cut.contains(&from) != to.is_some_and(|to| self.cut.contains(&to));
        let faults = &self.scene.faults;
        let (delay, lost, doubled) = (faults.delay, faults.lost, faults.doubled);
        if to != Some(from) && (is_cut || self.random.happens(lost)) {
            return Vec::new();
        }
        let count = 1 + u64::from(self.random.happens(doubled));
        (0..count).map(|_| self.random.within(1..=delay)).collect()
    }

    /// A peer begins again from its store and the chain's log, and must be what it was.
    fn start(&mut self, peer: usize) {
        let mut before_crash = self.peers[peer].restart(self.world, &self.scene, SITE, self.chain.genesis());
        let now = Seconds(self.now);
        let blocks = self.chain.blocks().to_vec();
        let Some((last, before)) = blocks.split_last() else { return };
        for block in before {
            self.peers[peer].recall(now, Event::Block(block.clone()));
        }
        let actions = self.peers[peer].on(now, Event::Block(last.clone()));
        // What was there before, told the blocks that it has missed, is what is there now.
        let known = blocks.iter().rposition(|block| before_crash.history().knows(block.name));
        for block in &blocks[known.map_or(0, |known| known + 1)..] {
            let _ = before_crash.recall(now, Event::Block(block.clone()));
        }
        let held = &self.peers[peer];
        if held.party.history() != before_crash.history()
            || held.party.history().head() != self.chain.ledger()
        {
            self.wrong.push(format!("{} sees another chain after a restart", held.owner));
        }
        if !held.has_all() {
            self.wrong.push(format!("{} does not know what it has kept", held.owner));
        }
        self.act(peer, actions);
    }

    /// Whether the job has ended, all of it is paid, and who is to have it has it.
    pub(crate) fn is_over(&self) -> bool {
        let ledger = self.chain.ledger();
        let Some(job) = ledger.market().jobs().next() else { return false };
        if is_open(job.stage) || job.locked() != Amount(0) {
            return false;
        }
        let owners = self.peers.iter().filter(|peer| peer.lies.is_empty());
        let mut owners = owners.map(|peer| samebit_dispute::Owner(peer.owner.0));
        let is_paid = |owner| ledger.dispute().credit(owner) == samebit_dispute::Amount(0);
        let has_bonds = ledger.questions().any(|(id, _)| {
            let claims = ledger.dispute().claims(id);
            claims.iter().any(|claim| {
                claim.status == samebit_dispute::ClaimStatus::Living
                    && self.peer_of(Owner(claim.owner.0)).is_some_and(|peer| self.peers[peer].lies.is_empty())
            })
        });
        let is_delivered = job.stage != JobStage::Done || self.submitter_has(job.state);
        !has_bonds && is_delivered && owners.all(is_paid)
    }

    pub(crate) fn submitter_has(&self, state: samebit_commit::Digest) -> bool {
        let submitter = self.peers.iter().find(|peer| peer.part == Part::Submitter);
        submitter.is_some_and(|peer| peer.party.records().holds(Blob::State(state)))
    }

    /// Those without lies.
    pub(crate) fn honest(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.lies.is_empty())
    }

    /// What became of the liars that had a chance to lie: a solver had one if it had the job.
    fn liars(&self, losses: &BTreeMap<Owner, Amount>) -> Vec<Liar> {
        let ledger = self.chain.ledger();
        let tenures = ledger.market().jobs().flat_map(|job| ledger.tenures(job.id));
        let solvers: Vec<Owner> = tenures.map(|tenure| tenure.solver).collect();
        let Some(first) = solvers.first() else { return Vec::new() };
        let liar = |forecast: Forecast| {
            let part = self.peers[self.peer_of(forecast.owner)?].part;
            let loss = losses.get(&forecast.owner).copied().unwrap_or_default();
            let is_caught = loss > Amount(0) || self.has_lost(forecast.owner);
            let is_active = !matches!(part, Part::Solver(_)) || solvers.contains(&forecast.owner);
            is_active.then_some(Liar { part, forecast, is_caught, loss })
        };
        let forecasts = forecasts(&self.scene, self.world.segments(), *first);
        forecasts.into_iter().filter_map(liar).collect()
    }
}

/// Whether a job goes on.
pub(crate) fn is_open(stage: JobStage) -> bool {
    matches!(stage, JobStage::Open | JobStage::Running)
}
