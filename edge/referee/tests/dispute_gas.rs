//! A whole dispute at full size, played by the honest strategy against the real contracts: 1,024 steps of 8,192 nodes, tensors of 2^28 elements,
//! a product over 4,096 terms. Off the path all digests are made up, without a zero byte; the path goes left wherever it can, where a choice
//! has the most siblings. Held to the limit and to the snapshot in contracts/snapshots/dispute.json.
//!
//! `SAMEBIT_WRITE_SNAPSHOTS=1 cargo test -p samebit-referee --test dispute_gas` writes the snapshot.
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/sparse.rs"]
mod sparse;
#[allow(unused)]
#[path = "common/world.rs"]
mod world;

use common::Random;
use programs::product_node;
use samebit_commit::tensor::page_digest;
use samebit_commit::{
    BatchOpening, Canonical, DType, Digest, Encoder, Kind, Opening, Sequence, SequenceError,
};
use samebit_dispute::limits::LANES;
use samebit_dispute::{
    Amount, Answer, Case, ClaimId, Dispute, Event, Evidence, Header, JudgeKind, Kept, Message, Move, Output,
    Owner, Position, Question, Referee, RefereeError, Seconds, Side, Story, Structure, Truth, answer, number,
};
use samebit_graph::node::Node;
use samebit_num::{Binary32, Soft, fold};
use samebit_referee::{Court, Referee as Contracts};
use samebit_trace::witness::{NodeOpening, TensorOpening, Tensors};
use sparse::{Sparse, made_up};
use std::collections::BTreeMap;

const STEPS: u64 = 1 << 10;
const NODES: u64 = 1 << 13;
const STATES: u64 = 1 << 8;
const ELEMENTS: u64 = 1 << 28;
const TERMS: u64 = 1 << 12;
const COLUMNS: u64 = 1 << 12;
/// The disputed place: left at almost every level of every tree.
const STEP: u64 = 1 << 9;
const NODE: u32 = 1 << 12;
const FACTORS: [u32; 2] = [1, 2731];
const ELEMENT: u64 = (1 << 27) + 255;
const BLOCK: u64 = 8;

const LIMIT: u64 = 3_000_000;
const MOVES_A_SIDE: usize = 8;
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/snapshots/dispute.json");

/// The words of a page of one of the factors: no byte is zero.
fn factor_page(factor: usize, page: u64) -> Vec<u32> {
    let mut random = Random((factor as u64) << 40 ^ page);
    (0..256).map(|_| random.value() | 0x0001_0101).collect()
}

/// The page of a factor that a block of the disputed element reads.
fn page_of(factor: usize, block: u64) -> u64 {
    let row = [ELEMENT / COLUMNS, ELEMENT % COLUMNS][factor];
    (row * TERMS + block * 256) / 256
}

/// The totals of the disputed element; with a lie, the one after `BLOCK` is false and what follows is computed from it.
fn totals(lies: bool) -> Vec<u32> {
    let soft = &mut Soft;
    let mut total = Binary32(0);
    let mut next = |block: u64| {
        let [a, b] = [0, 1].map(|factor| factor_page(factor, page_of(factor, block)));
        let factors = a.into_iter().zip(b).map(|(a, b)| Some((Binary32(a), Binary32(b))));
        let result = fold::product_block(soft, factors);
        total = fold::Kind::Product.join(soft, total, result);
        if lies && block == BLOCK {
            total.0 ^= 0x0040_0000;
        }
        total.0
    };
    (0..TERMS / 256).map(&mut next).collect()
}

/// One side: the truth, or the lie.
struct Tale {
    steps: Sparse,
    trace: Sparse,
    factors: [Sparse; 2],
    page: Vec<u32>,
    totals: Vec<u32>,
    node: Node,
    nodes: Sparse,
}

impl Tale {
    fn new(lies: bool) -> Tale {
        let totals = totals(lies);
        let mut page = factor_page(2, ELEMENT / 256);
        page[(ELEMENT % 256) as usize] = totals[totals.len() - 1];
        let output = Sparse::tensor(ELEMENTS, 10).with_leaf(ELEMENT / 256, page_digest(&page));
        let factor = |factor: usize| {
            let read = page_of(factor, BLOCK);
            let elements = [ELEMENTS, COLUMNS * TERMS][factor];
            let digest = page_digest(&factor_page(factor, read));
            Sparse::tensor(elements, 11 + factor as u64).with_leaf(read, digest)
        };
        let factors = [factor(0), factor(1)];
        let mut trace = Sparse::list(Kind::Trace, NODES, 13).with(NODE.into(), output);
        for (node, factor) in FACTORS.iter().zip(&factors) {
            trace = trace.with(u64::from(*node), factor.clone());
        }
        let state = Sparse::list(Kind::State, STATES, 14 + u64::from(lies));
        let step = Sparse::step(trace.clone(), state);
        let node = product_node(ELEMENTS / COLUMNS, COLUMNS, TERMS, FACTORS[0], FACTORS[1]);
        let nodes = Sparse::list(Kind::List, NODES, 16).with_leaf(NODE.into(), node.digest());
        let steps = Sparse::list(Kind::Steps, STEPS, 17).with(STEP, step);
        Tale { steps, trace, factors, page, totals, node, nodes }
    }

    fn node_opening(&self) -> NodeOpening {
        let siblings = self.nodes.siblings(&[NODE.into()]);
        NodeOpening { bytes: self.node.to_bytes(), opening: Opening { siblings } }
    }

    fn tensors(&self) -> Tensors {
        let opening = |factor: usize| {
            let page = page_of(factor, BLOCK);
            TensorOpening {
                node: FACTORS[factor],
                dtype: DType::F32,
                count: [ELEMENTS, COLUMNS * TERMS][factor],
                pages: vec![page],
                words: factor_page(factor, page),
                opening: BatchOpening { siblings: self.factors[factor].siblings(&[page]) },
            }
        };
        let siblings = self.trace.siblings(&FACTORS.map(u64::from));
        Tensors { tensors: vec![opening(0), opening(1)], siblings }
    }
}

impl Story for Tale {
    fn end(&self) -> Result<Digest, SequenceError> {
        Ok(made_up(&[18, self.totals[15].into()]))
    }
    fn steps(&self) -> &dyn Sequence {
        &self.steps
    }
    fn shape(&self, _: Output) -> Result<(u8, u64), SequenceError> {
        Ok((DType::F32 as u8, ELEMENTS))
    }
    fn page(&self, _: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        Ok(self.page.clone())
    }
    fn structure(&self, _: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        Ok((Structure::Product { blocks: TERMS / 256 }, self.node_opening().to_bytes()))
    }
    fn totals(&self, _: Output, _: u64) -> Result<Vec<u32>, SequenceError> {
        Ok(self.totals.clone())
    }
    fn lanes(&self, _: Output, _: u64, _: u64) -> Result<[u32; LANES], SequenceError> {
        Err(SequenceError::Unavailable { what: "lanes of a product".to_owned() })
    }
    fn row(&self, _: u64, _: u32, _: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        Err(SequenceError::Unavailable { what: "a row of a product".to_owned() })
    }
    fn evidence(
        &self,
        _: &Question,
        _: &Position,
        side: Side,
        _: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        let mut encoder = Encoder::new();
        encoder.u8(side as u8);
        self.node_opening().encode(&mut encoder);
        self.tensors().encode(&mut encoder);
        Tensors::default().encode(&mut encoder);
        Ok(Evidence { witness: encoder.into_bytes(), kept: Vec::new() })
    }
}

/// Stands for the referee in the Rust twin, which is asked along: the truth is known here.
struct Known;

impl Referee for Known {
    fn structure(&self, _: Case<'_>, _: &[u8]) -> Result<Structure, RefereeError> {
        Ok(Structure::Product { blocks: TERMS / 256 })
    }
    fn truth(&self, _: Case<'_>, _: JudgeKind, _: &[u8], _: &[Kept]) -> Result<Truth, RefereeError> {
        Ok(Truth::Value(number(totals(false)[BLOCK as usize].into())))
    }
}

fn asked(tale: &Tale) -> (Question, Header) {
    let header = Header {
        version: 1,
        table_declarations: made_up(&[20]),
        grad_norm: 8191,
        initial: made_up(&[21]),
        steps: STEPS,
        segment_steps: STEPS,
        profile: "f32".to_owned(),
        nodes_top: tale.nodes.top(),
        states_top: made_up(&[22]),
        sinks_top: made_up(&[23]),
        tables_top: made_up(&[24]),
    };
    let list = samebit_commit::merkle::list_root;
    let mut question = Question {
        job: Digest::ZERO,
        nodes: tale.nodes.name(),
        states: list(STATES, header.states_top),
        sinks: list(STATES, header.sinks_top),
        tables: list(4, header.tables_top),
        start: header.initial,
        node_count: NODES,
        state_count: STATES,
        table_count: 4,
        loss: 8190,
        first_step: 0,
        step_count: STEPS,
        bond: Amount(1_000_000_000_000_000_001),
        entry_seconds: Seconds(86_400),
        clock_seconds: Seconds(86_400),
        extension_seconds: Seconds(600),
    };
    question.job = header.job(&question);
    (question, header)
}

const FUND: Owner = Owner([0xfd; 20]);
const OWNERS: [Owner; 2] = [Owner([0xa1; 20]), Owner([0xb1; 20])];

/// Both twins, and what each message cost.
struct Match {
    question: Question,
    court: Court,
    twin: Dispute,
    now: Seconds,
    gas: Vec<(String, u64)>,
}

impl Match {
    fn new(question: Question) -> Match {
        let mut court = Court::over(Contracts::deploy, FUND).expect("the contracts deploy");
        OWNERS.iter().for_each(|owner| court.fund(*owner, 1 << 100));
        court.fund(FUND, 1 << 100);
        Match { question, court, twin: Dispute::new(FUND), now: Seconds(1_800_000_000), gas: Vec::new() }
    }

    fn send(&mut self, name: &str, sender: Owner, message: &Message) -> Vec<Event> {
        self.now = self.now.plus(Seconds(12));
        let events = self.twin.apply(&Known, self.now, sender, message);
        let events = events.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let answer = self.court.send(self.now, sender, message, &self.question);
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        self.gas.push((name.to_owned(), answer.gas));
        events
    }
}

/// Plays until a side can be judged; the last position.
fn play(game: &mut Match, tales: &[Tale; 2], mut position: Position) -> (Position, [usize; 2]) {
    let mut last: Option<Move> = None;
    let mut moves = [0; 2];
    loop {
        let side = position.turn;
        let story = &tales[side.index()];
        let answered = answer(story, &game.question, &position, side, last.as_ref());
        let Some(Answer::Play(play)) = answered.expect("a story that answers") else {
            return (position, moves);
        };
        moves[side.index()] += 1;
        let name = format!("move {:02} from {}", position.moves + 1, position.stage);
        let message = Message::Move { position, play };
        let events = game.send(&name, OWNERS[side.index()], &message);
        let [Event::Moved { play, position: to }] = events.as_slice() else { panic!("{events:?}") };
        last = Some(play.clone());
        position = to.clone();
    }
}

#[test]
fn a_whole_dispute_stays_under_its_limit() {
    let tales = [Tale::new(false), Tale::new(true)];
    let (question, header) = asked(&tales[0]);
    let id = question.id();
    let mut game = Match::new(question.clone());
    game.send("open", FUND, &Message::OpenQuestion { question: question.clone(), header });
    let opened = [0, 1].map(|side| tales[side].opened().expect("a claim"));
    for side in 0..2 {
        let claim = Message::Claim { question: id, opened: opened[side], value: question.bond };
        game.send(["claim a", "claim b"][side], OWNERS[side], &claim);
    }
    let claims = [ClaimId(0), ClaimId(1)];
    let events = game.send("pair", FUND, &Message::Pair { question: id, claims, opened });
    let [Event::Paired { position }] = events.as_slice() else { panic!("{events:?}") };
    let (position, moves) = play(&mut game, &tales, position.clone());
    assert_eq!(
        (position.step, position.node, position.element, position.block),
        (STEP, NODE, ELEMENT, BLOCK)
    );

    let evidence = tales[0].evidence(&question, &position, Side::A, JudgeKind::Block).expect("evidence");
    let (kind, witness) = (JudgeKind::Block, evidence.witness);
    game.send(
        "truth of a product's block",
        FUND,
        &Message::Judge { position, kind, witness, slots: Vec::new() },
    );
    game.now = game.now.plus(Seconds(86_400));
    game.send("resolve", FUND, &Message::Resolve { question: id, claim: claims[0] });
    game.send("release", FUND, &Message::Release { question: id, claim: claims[0] });
    game.send("withdraw", OWNERS[0], &Message::Withdraw);
    let bond = question.bond.0;
    assert_eq!(game.court.holds(), bond - bond / 2, "the liar's other half is the fund's");

    let total: u64 = game.gas.iter().map(|(_, gas)| gas).sum();
    for (name, gas) in &game.gas {
        println!("{gas:>9}  {name}");
    }
    println!("{total:>9}  in all; moves {moves:?}");
    assert!(total <= LIMIT, "{total} gas, the limit is {LIMIT}");
    assert!(moves.iter().all(|&moves| moves <= MOVES_A_SIDE), "{moves:?} moves");
    let mut found: BTreeMap<String, u64> = game.gas.into_iter().collect();
    found.insert("total".to_owned(), total);
    check_snapshot(&found);
}

fn check_snapshot(found: &BTreeMap<String, u64>) {
    if std::env::var_os("SAMEBIT_WRITE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(found).expect("numbers");
        std::fs::write(SNAPSHOT, text + "\n").expect("the snapshot is written");
    }
    let text = std::fs::read_to_string(SNAPSHOT).expect("the snapshot");
    let expected: BTreeMap<String, u64> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(*found, expected, "hint: SAMEBIT_WRITE_SNAPSHOTS=1 writes contracts/snapshots/dispute.json");
}
