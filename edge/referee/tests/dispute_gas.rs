//! Whole disputes at full size, played by the honest strategy against the real contracts, one for every kind of leaf that reads large tensors, a
//! state or a trace. Held to the limits and to the snapshot in contracts/snapshots/dispute.json.
//!
//! `SAMEBIT_WRITE_SNAPSHOTS=1 cargo test -p samebit-referee --test dispute_gas` writes the snapshot.
mod common;
#[path = "common/full_size.rs"]
mod full_size;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/sparse.rs"]
mod sparse;
#[allow(unused)]
#[path = "common/world.rs"]
mod world;

use common::Random;
use full_size::{Dispute as Scene, ELEMENTS, TERMS, about, sink, source, within};
use programs::{copy, elementwise_node, float_node, fold_of, product_node};
use samebit_dispute::{
    Answer, ClaimId, Dispute, Event, JudgeKind, Message, Move, Owner, Position, Question, Seconds, Story,
    answer,
};
use samebit_graph::Builder;
use samebit_graph::index::{Atom, Index, coord, fold};
use samebit_graph::node::{FoldKind, Input, Kind, Node};
use samebit_graph::operators::Attention;
use samebit_num::fold::Numerics;
use samebit_num::functions;
use samebit_referee::{Court, Referee as Contracts};
use std::collections::BTreeMap;

const LIMIT: u64 = 3_000_000;
/// The most that a transaction may cost that has a block of a product or a lane judged, or anything else; so may those that keep an operand.
const BLOCK_LIMIT: u64 = 600_000;
const MAP_LIMIT: u64 = 250_000;
const MOVES_A_SIDE: usize = 8;
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/snapshots/dispute.json");

const FUND: Owner = Owner([0xfd; 20]);
const OWNERS: [Owner; 2] = [Owner([0xa1; 20]), Owner([0xb1; 20])];

/// Both twins, and what each message cost.
struct Match<'a> {
    scene: &'a Scene,
    court: Court,
    twin: Dispute,
    now: Seconds,
    gas: Vec<(String, u64)>,
}

impl Match<'_> {
    fn new(scene: &Scene) -> Match<'_> {
        let mut court = Court::over(Contracts::deploy, FUND).expect("the contracts deploy");
        OWNERS.iter().for_each(|owner| court.fund(*owner, 1 << 100));
        court.fund(FUND, 1 << 100);
        Match { scene, court, twin: Dispute::new(FUND), now: Seconds(1_800_000_000), gas: Vec::new() }
    }

    fn question(&self) -> &Question {
        &self.scene.question
    }

    fn send(&mut self, name: &str, sender: Owner, message: &Message) -> Vec<Event> {
        self.now = self.now.plus(Seconds(12));
        let events = self.twin.apply(&self.scene.known, self.now, sender, message);
        let events = events.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let answer = self.court.send(self.now, sender, message, &self.scene.question);
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        self.gas.push((name.to_owned(), answer.gas));
        events
    }

    /// Opens, claims and pairs; the first position.
    fn begin(&mut self) -> Position {
        let (question, header) = (self.question().clone(), self.scene.header.clone());
        let id = question.id();
        let bond = question.bond;
        self.send("open", FUND, &Message::OpenQuestion { question, header });
        let opened = self.scene.tales.each_ref().map(|tale| tale.opened().expect("a claim"));
        for side in 0..2 {
            let claim = Message::Claim { question: id, opened: opened[side], value: bond };
            self.send(["claim a", "claim b"][side], OWNERS[side], &claim);
        }
        let claims = [ClaimId(0), ClaimId(1)];
        let events = self.send("pair", FUND, &Message::Pair { question: id, claims, opened });
        let [Event::Paired { position }] = events.as_slice() else { panic!("{events:?}") };
        position.clone()
    }

    /// Plays until the honest side has the referee asked; the last position, the moves of each side, and what is judged.
    fn play(&mut self, mut position: Position) -> ([usize; 2], JudgeKind) {
        let mut last: Option<Move> = None;
        let mut moves = [0; 2];
        loop {
            let honest = position.turn.index() == 0;
            let asked = |side: samebit_dispute::Side| {
                let story = &self.scene.tales[side.index()];
                answer(story, self.question(), &position, side, last.as_ref()).expect("a story that answers")
            };
            if let Some(Answer::Judge { kind, evidence }) = asked(samebit_dispute::Side::A) {
                let slots: Vec<u8> = evidence.kept.iter().map(|(slot, _)| *slot).collect();
                for (slot, witness) in evidence.kept {
                    let keep = Message::Keep { position: position.clone(), kind, slot, witness };
                    self.send(&format!("keep {slot}"), FUND, &keep);
                }
                let witness = evidence.witness;
                self.send(
                    &format!("truth of {kind}"),
                    FUND,
                    &Message::Judge { position, kind, witness, slots },
                );
                return (moves, kind);
            }
            let Some(Answer::Play(play)) = asked(position.turn) else {
                panic!("stuck at {}", position.stage)
            };
            moves[position.turn.index()] += 1;
            let name = format!("move {:02} from {}", position.moves + 1, position.stage);
            let message = Message::Move { position, play };
            let events = self.send(&name, OWNERS[usize::from(!honest)], &message);
            let [Event::Moved { play, position: to }] = events.as_slice() else { panic!("{events:?}") };
            last = Some(play.clone());
            position = to.clone();
        }
    }

    fn end(&mut self) {
        let (id, bond) = (self.question().id(), self.question().bond.0);
        self.now = self.now.plus(Seconds(86_400));
        self.send("resolve", FUND, &Message::Resolve { question: id, claim: ClaimId(0) });
        self.send("release", FUND, &Message::Release { question: id, claim: ClaimId(0) });
        self.send("withdraw", OWNERS[0], &Message::Withdraw);
        assert_eq!(self.court.holds(), bond - bond / 2, "the liar's other half is the fund's");
    }
}

/// What every message of a dispute costs, and all together.
fn measure(name: &str, scene: &Scene, expected: JudgeKind) -> BTreeMap<String, u64> {
    let mut game = Match::new(scene);
    let first = game.begin();
    let (moves, kind) = game.play(first);
    assert_eq!(kind, expected, "{name}");
    game.end();
    let total: u64 = game.gas.iter().map(|(_, gas)| gas).sum();
    for (message, gas) in &game.gas {
        println!("{gas:>9}  {name}: {message}");
    }
    println!("{total:>9}  {name}, in all; moves {moves:?}");
    let limit = if matches!(kind, JudgeKind::Block | JudgeKind::Lane) { BLOCK_LIMIT } else { MAP_LIMIT };
    let judging = |(message, _): &&(String, u64)| message.starts_with("keep") || message.starts_with("truth");
    for (message, gas) in game.gas.iter().filter(judging) {
        assert!(*gas <= limit, "{name}, {message}: {gas} gas, the limit is {limit}");
    }
    let is_row = name.contains("row");
    assert!(is_row || total <= LIMIT, "{name}: {total} gas, the limit is {LIMIT}");
    assert!(is_row || moves.iter().all(|&moves| moves <= MOVES_A_SIDE), "{name}: {moves:?} moves");
    let mut found: BTreeMap<String, u64> = game.gas.into_iter().collect();
    let below: u64 = found.iter().filter(|(message, _)| is_below(message)).map(|(_, gas)| gas).sum();
    found.insert("total".to_owned(), total);
    found.insert("moves".to_owned(), moves.iter().sum::<usize>() as u64);
    if is_row {
        found.insert("descent from the element".to_owned(), below);
    }
    found
}

/// Whether a message comes after the composite's element, the 14th move.
fn is_below(message: &str) -> bool {
    let number = message.strip_prefix("move ").and_then(|rest| rest.get(..2));
    number.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number >= 14)
}

fn sum_node() -> Node {
    let row = coord(0).modulo(ELEMENTS / TERMS).times(TERMS) + fold();
    let inputs = vec![Input::Outer(1, row)];
    float_node("sum", &[ELEMENTS], fold_of(FoldKind::Sum, TERMS, None, inputs, copy()))
}

/// An element of one tensor times that of another.
fn product_map() -> Node {
    let code = samebit_graph::scalar::floats(|arith, [a, b]| samebit_num::Arith::mul(arith, a, b));
    elementwise_node(code, &[ELEMENTS >> 12, 1 << 12], &[1, 2731])
}

/// p, m and v, large, and four numbers of a schedule.
fn update_node() -> Node {
    let code = samebit_graph::scalar::floats(|arith, [p, m, v, rate, first, second, kept]| {
        use samebit_num::Arith;
        let epsilon = arith.constant(1e-8f32.to_bits());
        let (mean, square) = (arith.mul(m, first), arith.mul(v, second));
        let root = arith.sqrt(square);
        let divisor = arith.add(root, epsilon);
        let direction = arith.div(mean, divisor);
        let negative = arith.neg(rate);
        let kept = arith.mul(p, kept);
        arith.fma(negative, direction, kept)
    });
    let mut node = elementwise_node(code, &[ELEMENTS >> 12, 1 << 12], &[1, 1365, 2731]);
    let Kind::Map { inputs, .. } = &mut node.kind else { panic!("a map") };
    let column = |column: u64| Input::Outer(0, Index::from(Atom::Step).times(4) + column);
    inputs.extend((0..4).map(column));
    node
}

/// Attention over 4,096 positions, 16 heads of 64: 2^28 elements; the element of the last position of a sequence.
fn attention() -> (Node, u64) {
    let mut builder = Builder::new();
    let (rows, heads, size) = (1 << 18, 16, 64);
    let inputs = ["q", "k", "v"].map(|name| builder.state(name, &[rows, heads * size]));
    let operator = Attention {
        time: TERMS,
        queries: TERMS,
        heads,
        key_heads: heads,
        head_size: size,
        scale: 0.125,
        numerics: Numerics::F32,
    };
    let node = builder.apply(operator, &inputs);
    (builder.node(node).clone(), ((1 << 17) + TERMS - 1) * heads * size + size - 1)
}

#[test]
fn whole_disputes_stay_under_their_limits() {
    let function =
        functions::ALL.iter().find(|function| function.name == "gelu_erf_grad").expect("a function");
    let dearest = elementwise_node(function.code(), &[ELEMENTS >> 12, 1 << 12], &[1]);
    let product = product_node(Numerics::F32, [ELEMENTS / TERMS, TERMS, TERMS], 1, 2731);
    let (composite, element) = attention();
    let Kind::Composite { body, .. } = &composite.kind else { panic!("a composite") };
    let is_long = |node: &Node| matches!(&node.kind, Kind::Fold(fold) if fold.kind.is_product() && fold.extent == TERMS);
    let inner = body.iter().position(is_long).expect("the product with the values");
    let last = body[inner].len() - 1;
    let scenes = [
        ("product", about(product), JudgeKind::Block),
        ("sum", about(sum_node()), JudgeKind::Lane),
        ("map of one tensor", about(dearest), JudgeKind::Map),
        ("map of two tensors", about(product_map()), JudgeKind::Map),
        ("map of four tensors", about(update_node()), JudgeKind::Map),
        ("source", source(), JudgeKind::Source),
        ("sink", sink(), JudgeKind::Sink),
        ("row of attention", within(composite, element, (inner, last)), JudgeKind::Block),
    ];
    let found: BTreeMap<&str, BTreeMap<String, u64>> =
        scenes.iter().map(|(name, scene, kind)| (*name, measure(name, scene, *kind))).collect();
    check_snapshot(&serde_json::json!(found));
}

fn check_snapshot(found: &serde_json::Value) {
    if std::env::var_os("SAMEBIT_WRITE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(found).expect("numbers");
        std::fs::write(SNAPSHOT, text + "\n").expect("the snapshot is written");
    }
    let text = std::fs::read_to_string(SNAPSHOT).expect("the snapshot");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(*found, expected, "hint: SAMEBIT_WRITE_SNAPSHOTS=1 writes contracts/snapshots/dispute.json");
}
