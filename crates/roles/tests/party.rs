//! Peers with their roles over a chain in memory, a job whose truth is known, and nothing that fails: what each role says, and that all it knows follows
//! from the log and the store.

use samebit_commit::Digest;
use samebit_dispute::{Amount as Bond, Header, Owner as Someone, Question, Seconds as Time};
use samebit_market::params::{SEAT, SLOW_BLOCK};
use samebit_market::testing::{Script, Toy};
use samebit_market::{
    Amount, AttemptId, Height, JobId, JobStage, MarketMessage, Message as MarketOrMoney, Moment, Owner,
    Seconds, Site, StakeMessage, Terms,
};
use samebit_roles::limits::{RETENTION, SWEEP};
use samebit_roles::party::{Action, Event, Outcome, Outline, Ran, Record, Task};
use samebit_roles::{
    Arithmetic, Ask, Blob, Block, Custodian, History, Ledger, Message, Notice, Order, Party, Role, Said,
    Secret, Solver, Submitter, Taken, Verifier,
};
use std::collections::VecDeque;

const SITE: Site = Site {
    chain_id: 1,
    market: Owner([0xaa; 20]),
    fund: Owner([0xbb; 20]),
    treasury: Owner([0xcc; 20]),
    slow_block: SLOW_BLOCK,
};
const GENESIS: Digest = Digest([7; 32]);
const BLOCK_SECONDS: u64 = 12;
const PRICE: Amount = Amount(9_000);

fn owner(number: u8) -> Owner {
    Owner([number; 20])
}

/// Of the toy's job only the Spec's digest and the roots mean anything: nobody asks Dispute about it.
fn outline() -> Outline {
    let zero = Digest::ZERO;
    let question = Question {
        job: zero,
        nodes: zero,
        states: zero,
        sinks: zero,
        tables: zero,
        start: zero,
        node_count: 1,
        state_count: 1,
        table_count: 0,
        loss: 0,
        first_step: 0,
        step_count: 1,
        bond: Bond(0),
        entry_seconds: Time(0),
        clock_seconds: Time(0),
        extension_seconds: Time(0),
        asker: Someone::default(),
        nonce: zero,
    };
    let header = Header {
        version: 1,
        table_declarations: zero,
        grad_norm: 0,
        initial: zero,
        steps: 1,
        segment_steps: 1,
        profile: String::new(),
        nodes_top: zero,
        states_top: zero,
        sinks_top: zero,
        tables_top: zero,
    };
    Outline { question, header, state_bytes: 1 }
}

/// Peers and a chain without faults.
struct Town {
    toy: Toy,
    ledger: Ledger,
    blocks: Vec<Block>,
    waiting: Vec<Said>,
    peers: Vec<(Party<Arithmetic>, Vec<Record>)>,
    now: u64,
    /// Until when every machine is too slow.
    slow_until: u64,
    /// Everything that was sent, whether it was accepted or not.
    sent: Vec<(Owner, MarketMessage)>,
    /// What is kept no longer.
    dropped: Vec<(Owner, Blob)>,
}

impl Town {
    fn new(terms: Terms) -> Town {
        let toy = Toy::new(3);
        let order = order(&toy, terms);
        let solver = |price| Role::Solver(Solver { price, least_seconds: Seconds(10), jobs: 1 });
        let mut casts = vec![vec![Role::Submitter(Submitter { orders: vec![order] })], vec![solver(PRICE)]];
        casts.extend((0..3).map(|_| vec![Role::Verifier(Verifier { seats: 1 }), Role::Custodian(Custodian)]));
        let peer = |(number, roles): (u8, Vec<Role>)| (machine(number, roles), Vec::new());
        let peers = (1..).zip(casts).map(peer).collect();
        let ledger = Ledger::new(SITE, GENESIS);
        let mut town = Town {
            toy,
            ledger,
            blocks: Vec::new(),
            waiting: Vec::new(),
            peers,
            now: 1_000,
            slow_until: 0,
            sent: Vec::new(),
            dropped: Vec::new(),
        };
        for number in 1..=5 {
            let amount = Amount(SEAT.0 + (1 << 80));
            let message = Message::Market(MarketOrMoney::Stake(StakeMessage::Deposit(amount)));
            town.waiting.push(Said { sender: owner(number), message });
        }
        let spec = town.toy.spec();
        let records = [Record::Job(spec.digest(), Box::new(outline())), Record::State(spec.initial)];
        for record in records {
            town.peers[0].1.push(record.clone());
            town.peers[0].0.recall(Seconds(0), Event::Recalled(record));
        }
        town
    }

    fn compute(&self, task: &Task) -> Outcome {
        match task {
            Task::Check { blob: Blob::Job(_), .. } => Outcome::Job(Box::new(outline())),
            Task::Check { .. } => Outcome::State,
            Task::Weigh(..) => Outcome::Weighed(self.now >= self.slow_until),
            Task::Run(piece) => {
                let segment = piece.segment.0;
                Outcome::Ran(Ran { state: self.toy.state(segment), leaves: self.toy.leaves(segment) })
            }
            task => panic!("nobody argues: {task:?}"),
        }
    }

    /// Makes a block of what waits, and lets everybody do all that follows from it.
    fn block(&mut self) {
        self.now += BLOCK_SECONDS;
        let height = Height(self.blocks.len() as u64 + 1);
        let moment = Moment { time: Seconds(self.now), height };
        let digest = |kind: u8| {
            samebit_commit::Words::new().number(height.0).number(kind).hash(samebit_commit::Tag::File)
        };
        let parent = self.ledger.name();
        let mut block = Block { moment, name: digest(0), parent, beacon: digest(1), said: Vec::new() };
        self.ledger.begin(&block);
        for said in std::mem::take(&mut self.waiting) {
            if self.ledger.apply(&Arithmetic, said.sender, &said.message).is_ok() {
                block.said.push(said);
            }
        }
        self.blocks.push(block.clone());
        for peer in 0..self.peers.len() {
            self.tell(peer, Event::Block(block.clone()));
        }
    }

    fn tell(&mut self, peer: usize, event: Event) {
        let mut events = VecDeque::from([(peer, event)]);
        while let Some((peer, event)) = events.pop_front() {
            let actions = self.peers[peer].0.on(Seconds(self.now), event);
            for action in actions {
                self.act(peer, action, &mut events);
            }
        }
    }

    fn act(&mut self, peer: usize, action: Action, events: &mut VecDeque<(usize, Event)>) {
        let me = self.peers[peer].0.owner();
        let number = |owner: Owner| usize::from(owner.0[0]) - 1;
        match action {
            Action::Send(message) => {
                if let Message::Market(MarketOrMoney::Market(message)) = &message {
                    self.sent.push((me, message.clone()));
                }
                self.waiting.push(Said { sender: me, message });
            }
            Action::Compute(task) => {
                let outcome = self.compute(&task);
                events.push_back((peer, Event::Done(task, outcome)));
            }
            Action::Store(record) => self.peers[peer].1.push(record),
            Action::Drop(blob) => self.dropped.push((me, blob)),
            Action::Fetch { blob, from, .. } => {
                events.push_back((number(from), Event::Asked { blob, by: me }))
            }
            Action::Serve { blob, to } => events.push_back((number(to), Event::Arrived { blob, from: me })),
            Action::Gossip(notice) => {
                let all = 0..self.peers.len();
                events.extend(all.map(|peer| (peer, Event::Notice { from: me, notice })));
            }
        }
    }

    fn stage(&self) -> Option<JobStage> {
        self.ledger.market().jobs().next().map(|job| job.stage)
    }

    fn run(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.block();
        }
    }

    fn run_to_the_end(&mut self) {
        for _ in 0..200 {
            self.block();
            if self.stage() == Some(JobStage::Done) {
                return;
            }
        }
        panic!("the job goes on: {:?}", self.ledger.market().jobs().next());
    }

    /// A peer that is told its store and the chain's log from the start.
    fn again(&self, peer: usize, roles: Vec<Role>) -> Party<Arithmetic> {
        let mut fresh = machine(peer as u8 + 1, roles);
        for record in &self.peers[peer].1 {
            fresh.recall(Seconds(0), Event::Recalled(record.clone()));
        }
        for block in &self.blocks {
            fresh.recall(Seconds(self.now), Event::Block(block.clone()));
        }
        fresh
    }
}

fn order(toy: &Toy, terms: Terms) -> Order {
    let (ask_wait, give_up) = (Seconds(60), Seconds(100_000));
    Order { spec: toy.spec(), terms, nonce: 0, ask_wait, give_up }
}

fn machine(number: u8, roles: Vec<Role>) -> Party<Arithmetic> {
    Party::new(owner(number), Secret(Digest([number; 32])), SITE, GENESIS, roles, Arithmetic)
}

#[test]
fn honest_peers_finish_a_job_and_its_end_is_delivered() {
    let mut town = Town::new(Script::terms());
    town.run_to_the_end();
    town.run(2);
    let job = town.ledger.market().jobs().next().expect("it was posted");
    assert_eq!(job.state, town.toy.state(2));
    assert!(town.peers[0].0.records().holds(Blob::State(job.state)), "the submitter has it");
    assert!(town.ledger.market().is_balanced() && job.locked() == Amount(0));
    let seats = town.ledger.market().vault().seats();
    assert!(seats.len() == 3 && seats.iter().all(|seat| seat.rest == SEAT), "nobody was fined");
    let refused = |(_, message): &&(Owner, MarketMessage)| matches!(message, MarketMessage::Expire { .. });
    assert_eq!(town.sent.iter().filter(refused).count(), 0, "nobody was late");
}

#[test]
fn a_machine_that_was_too_slow_for_a_job_is_looked_at_again() {
    let mut town = Town::new(Script::terms());
    town.slow_until = town.now + 120;
    while town.now + BLOCK_SECONDS < town.slow_until {
        town.block();
        assert!(town.stage().is_none_or(|stage| stage == JobStage::Open));
    }
    town.run_to_the_end();
}

#[test]
fn what_a_peer_knows_follows_from_its_store_and_the_log_at_every_block() {
    let mut town = Town::new(Script::terms());
    for _ in 0..90 {
        town.block();
        for peer in 0..town.peers.len() {
            let fresh = town.again(peer, Vec::new());
            let (held, _) = &town.peers[peer];
            assert_eq!(fresh.history(), held.history());
            assert_eq!(fresh.records(), held.records());
        }
    }
    assert_eq!(town.stage(), Some(JobStage::Done));
}

#[test]
fn a_peer_that_begins_again_at_any_block_goes_on() {
    for block in [3, 8, 12, 20, 30, 45, 60] {
        let mut town = Town::new(Script::terms());
        town.run(block);
        // All of them at once: what was only heard is lost, too.
        for peer in 0..town.peers.len() {
            let roles = match peer {
                0 => {
                    let orders = vec![order(&town.toy, Script::terms())];
                    vec![Role::Submitter(Submitter { orders })]
                }
                1 => vec![Role::Solver(Solver { price: PRICE, least_seconds: Seconds(10), jobs: 1 })],
                _ => vec![Role::Verifier(Verifier { seats: 1 }), Role::Custodian(Custodian)],
            };
            town.peers[peer].0 = town.again(peer, roles);
        }
        town.run_to_the_end();
        let tenures = town.ledger.tenures(town.ledger.market().jobs().next().expect("it is there").id);
        assert!(tenures.len() == 1 && tenures[0].fault.is_none(), "block {block}: {tenures:?}");
    }
}

#[test]
fn a_week_after_its_end_only_the_poster_keeps_a_job() {
    let mut town = Town::new(Script::terms());
    town.run_to_the_end();
    let job = town.ledger.market().jobs().next().expect("it was posted").clone();
    let held = |town: &Town, peer: usize| {
        let states = (0..3).map(|segment| Blob::State(town.toy.state(segment)));
        let all = states.chain([Blob::State(town.toy.spec().initial), Blob::Job(job.spec)]);
        all.filter(|blob| town.peers[peer].0.records().holds(*blob)).count()
    };
    let before: Vec<usize> = (0..5).map(|peer| held(&town, peer)).collect();
    assert!(before.iter().filter(|count| **count >= 3).count() >= 3, "{before:?}");
    let mut after = |seconds: u64| {
        town.now = job.ended.time.0 + seconds;
        (0..5).for_each(|peer| town.tell(peer, Event::Tick));
        (0..5).map(|peer| held(&town, peer)).collect::<Vec<_>>()
    };
    assert_eq!(after(RETENTION - 1), before);
    assert_eq!(after(RETENTION), before, "they look once an hour");
    assert_eq!(after(RETENTION + SWEEP), [before[0], 0, 0, 0, 0]);
    assert_eq!(town.dropped.len(), before[1..].iter().sum::<usize>(), "each is told once");
}

#[test]
fn a_job_that_is_about_to_be_posted_again_is_kept() {
    let mut town = Town::new(Script::terms());
    town.run_to_the_end();
    let end = town.ledger.market().jobs().next().expect("it was posted").ended.time.0;
    let orders = vec![Order { nonce: 9, ..order(&town.toy, Script::terms()) }];
    let mut poster = town.again(4, vec![Role::Submitter(Submitter { orders })]);
    let spec = town.toy.spec();
    for record in [Record::Job(spec.digest(), Box::new(outline())), Record::State(spec.initial)] {
        poster.recall(Seconds(0), Event::Recalled(record));
    }
    let actions = poster.on(Seconds(end + RETENTION + SWEEP), Event::Tick);
    assert!(!actions.iter().any(|action| matches!(action, Action::Drop(_))), "{actions:?}");
    assert!(poster.records().holds(Blob::Job(spec.digest())));
}

#[test]
fn a_history_goes_back_as_if_it_had_never_seen_what_is_gone() {
    let mut town = Town::new(Script::terms());
    town.run(40);
    let mut wandering = History::new(Ledger::new(SITE, GENESIS));
    let mut straight = wandering.clone();
    for (at, block) in town.blocks.iter().enumerate() {
        // Before each block a branch of three that comes to nothing.
        let mut parent = block.parent;
        for depth in 0..if at % 5 == 4 { 3u8 } else { 0 } {
            let name =
                samebit_commit::Words::new().digest(parent).number(depth).hash(samebit_commit::Tag::File);
            let stray = Block { name, parent, said: Vec::new(), beacon: name, ..block.clone() };
            assert_eq!(wandering.take(&Arithmetic, stray), Taken::Next);
            parent = name;
        }
        let expected = if at % 5 == 4 { Taken::Rewound } else { Taken::Next };
        assert_eq!(wandering.take(&Arithmetic, block.clone()), expected);
        assert_eq!(wandering.take(&Arithmetic, block.clone()), Taken::Known);
        assert_eq!(straight.take(&Arithmetic, block.clone()), Taken::Next);
        assert_eq!(wandering, straight);
    }
    let lost = Block { name: Digest([1; 32]), parent: Digest([2; 32]), ..town.blocks[0].clone() };
    assert_eq!(wandering.take(&Arithmetic, lost), Taken::Astray);
    let false_block = Block {
        name: Digest([1; 32]),
        parent: straight.head().name(),
        said: vec![Said {
            sender: owner(1),
            message: MarketMessage::Cancel { job: JobId(Digest([9; 32])) }.into(),
        }],
        ..town.blocks[39].clone()
    };
    assert!(matches!(wandering.take(&Arithmetic, false_block), Taken::Refused(_)));
    assert_eq!(wandering, straight, "nothing is kept of it");
}

#[test]
fn the_lowest_ask_at_or_under_the_limit_is_accepted() {
    let terms = Script::terms();
    let mut town = Town::new(terms.clone());
    // The solver of the town is gone; asks come from others.
    town.peers[1].0 = machine(2, Vec::new());
    town.run(2);
    let job = town.ledger.market().jobs().next().expect("it is posted").id;
    let ask = |price, attempt, expiry| {
        Notice::Ask(Ask {
            job,
            attempt: AttemptId(attempt),
            price,
            secrets: Digest([3; 32]),
            expiry: Seconds(expiry),
        })
    };
    let later = town.now + 1_000;
    // Asks for jobs that nobody has posted, more than are remembered, keep none of the others out.
    for number in 0..2 * samebit_roles::limits::NOTICES as u64 {
        let job = JobId(samebit_commit::Words::new().number(number).hash(samebit_commit::Tag::File));
        let secrets = Digest([3; 32]);
        let ask = Ask { job, attempt: AttemptId(0), price: Amount(1), secrets, expiry: Seconds(later) };
        town.tell(0, Event::Notice { from: owner(4), notice: Notice::Ask(ask) });
    }
    let over = Amount(terms.price.0 + 1);
    let asks = [
        (3, ask(over, 0, later)),
        (4, ask(terms.price, 0, later)),
        (2, ask(Amount(5), 0, town.now + 100)),
        (5, ask(Amount(6), 1, later)),
        (1, ask(Amount(7), 0, later)),
        (9, ask(Amount(8), 0, later)),
    ];
    for (from, notice) in asks {
        town.tell(0, Event::Notice { from: owner(from), notice });
    }
    town.run(8);
    let accepted = town.sent.iter().find_map(|(sender, message)| match message {
        MarketMessage::Accept { solver, price, is_signed: true, .. } => Some((*sender, *solver, *price)),
        _ => None,
    });
    // Above the limit, about to expire, for another attempt, the poster's own, and of somebody without a deposit: none of these.
    assert_eq!(accepted, Some((owner(1), owner(4), terms.price)));
}

#[test]
fn a_solver_asks_only_on_terms_that_it_can_meet() {
    let asks = |terms: Terms| {
        let mut town = Town::new(terms);
        town.run(12);
        town.sent.iter().any(|(_, message)| matches!(message, MarketMessage::Accept { .. }))
    };
    let terms = Script::terms();
    assert!(asks(terms.clone()));
    assert!(!asks(Terms { price: Amount(PRICE.0 - 1), ..terms.clone() }), "too little");
    assert!(!asks(Terms { reveal_seconds: Seconds(9), ..terms.clone() }), "too fast");
    assert!(!asks(Terms { solver: owner(4), ..terms.clone() }), "somebody else is meant");
    assert!(!asks(Terms { deposit: Amount(1 << 87), ..terms }), "more than it has");
}

#[test]
fn a_custodian_signs_for_what_it_holds_and_a_verifier_waits_to_open() {
    let mut town = Town::new(Script::terms());
    town.run_to_the_end();
    let holders: Vec<Owner> = town
        .sent
        .iter()
        .filter_map(|(_, message)| match message {
            MarketMessage::Hold { signers, .. } => Some(signers.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!holders.is_empty());
    for holder in holders {
        let (peer, _) = town.peers.iter().find(|(peer, _)| peer.owner() == holder).expect("a peer");
        assert!((0..2).all(|segment| peer.records().holds(Blob::State(town.toy.state(segment)))), "{holder}");
    }
    // Seals and openings of one draw lie as many blocks apart as a reorganisation may reach back.
    let mut sealed = None;
    for block in &town.blocks {
        for said in &block.said {
            let Message::Market(MarketOrMoney::Market(message)) = &said.message else { continue };
            match message {
                MarketMessage::Seal { .. } => sealed = Some(block.moment.height),
                MarketMessage::OpenVerifier { .. } => {
                    let since = block.moment.height.0 - sealed.expect("it was sealed before").0;
                    assert!(since >= samebit_market::params::OPEN_DELAY, "{since} blocks");
                }
                _ => {}
            }
        }
    }
}
