//! The game in Rust and the game in Solidity: on random walks of legal and illegal messages both accept the same, refuse the same for the
//! same reason, stand at the same positions and owe the same money. Every refusal is a custom error: no message makes the contract panic.
//!
//! `SAMEBIT_WALK_MESSAGES=1000000 cargo test -p samebit-referee --test dispute_twins` walks as far as one likes.
#[path = "common/bend.rs"]
mod bend;
mod common;
#[path = "common/said.rs"]
mod said;

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use bend::Bend;
use common::Random;
use said::Said;
use samebit_chain::dispute::decode;
use samebit_commit::Digest;
use samebit_dispute::testing::{Below, Job, Lie, Tale, Terms, ToyReferee};
use samebit_dispute::{
    Amount, Case, ClaimId, Dispute, Event, GameId, Header, JudgeKind, Kept, Message, Move, Owner, Player,
    Position, Question, QuestionId, Referee, Refusal, Seconds, Stage, Story, Truth, View,
};
use samebit_referee::{Court, Evm, EvmError, MovesProbe, ToyReferee as Contract, calls, refusals};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const FUND: Owner = Owner([0xfd; 20]);
const STRANGER: Owner = Owner([0x55; 20]);
const RICH: u128 = 1 << 120;

/// One who plays.
struct Peer {
    owner: Owner,
    tale: Arc<Tale>,
}

/// A question that is played.
struct Asked {
    question: Question,
    header: Header,
    peers: Vec<Peer>,
    referee: ToyReferee,
}

/// Both twins in the same state.
struct Walk {
    random: Random,
    now: Seconds,
    twin: Dispute,
    court: Court,
    view: View,
    asked: Asked,
    /// Real operands, from which the real truth follows.
    operands: BTreeMap<(Digest, JudgeKind, u8), Vec<u8>>,
    /// What was paid in and not yet paid out.
    money: u128,
    /// Messages seen, to be sent again.
    past: Vec<Message>,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    accepted: u64,
    garbled: u64,
    read: u64,
    refused: BTreeMap<&'static str, u64>,
    stages: BTreeSet<u8>,
    kinds: BTreeSet<JudgeKind>,
}

impl Walk {
    fn new(seed: u64) -> Walk {
        let mut random = Random(seed);
        let asked = asked(&mut random);
        let court = Court::new(&Contract::BYTECODE, FUND).expect("the contracts deploy");
        let mut walk = Walk {
            random,
            now: Seconds(1_000),
            twin: Dispute::new(FUND),
            court,
            view: View::default(),
            asked,
            operands: BTreeMap::new(),
            money: 0,
            past: Vec::new(),
            seen: Seen::default(),
        };
        walk.enrich();
        walk
    }

    fn enrich(&mut self) {
        for owner in [FUND, STRANGER].into_iter().chain(self.asked.peers.iter().map(|peer| peer.owner)) {
            self.court.fund(owner, RICH);
        }
    }

    /// Another question on the same chain.
    fn ask_again(&mut self) {
        self.asked = asked(&mut self.random);
        self.operands.clear();
        self.past.clear();
    }

    /// A message that is due, one that was due before, or one that nobody asked for; and who sends it.
    fn message(&mut self) -> (Owner, Message) {
        let id = self.asked.question.id();
        if self.view.question(id).is_none() {
            let Asked { question, header, .. } = &self.asked;
            return (STRANGER, Message::OpenQuestion { question: question.clone(), header: header.clone() });
        }
        if self.random.below(12) == 0 {
            return (self.somebody(), self.stray(id));
        }
        if self.random.below(16) == 0 && !self.past.is_empty() {
            let at = self.random.below(self.past.len() as u64) as usize;
            return (self.somebody(), self.past[at].clone());
        }
        let first = self.random.below(self.asked.peers.len() as u64) as usize;
        let count = self.asked.peers.len();
        for peer in (0..count).map(|at| (first + at) % count) {
            let Peer { owner, tale } = &self.asked.peers[peer];
            let (owner, tale) = (*owner, tale.clone());
            let player = Player { story: &*tale, owner, question: id };
            let due: Vec<Message> = player.messages(&self.view, self.now).into_iter().flatten().collect();
            if !due.is_empty() {
                let message = due[self.random.below(due.len() as u64) as usize].clone();
                return (owner, self.in_said(message));
            }
        }
        // Nobody has anything to say.
        self.now = self.now.plus(Seconds(self.random.below(12)));
        (self.somebody(), self.stray(id))
    }

    fn somebody(&mut self) -> Owner {
        let at = self.random.below(self.asked.peers.len() as u64 + 2) as usize;
        self.asked
            .peers
            .get(at)
            .map_or(if self.random.below(2) == 0 { FUND } else { STRANGER }, |peer| peer.owner)
    }

    /// What anybody may say at any time.
    fn stray(&mut self, question: QuestionId) -> Message {
        let claims = self.twin.claims(question).len() as u64;
        let mut claim = || ClaimId(self.random.below(claims + 2));
        let (a, b) = (claim(), claim());
        match self.random.below(6) {
            0 => Message::Withdraw,
            1 => Message::Release { question, claim: a },
            2 => Message::Resolve { question, claim: a },
            3 => {
                let opened = [a, b].map(|claim| {
                    let at = claim.0 as usize % self.asked.peers.len();
                    self.asked.peers[at].tale.opened().expect("a toy answers")
                });
                Message::Pair { question, claims: [a, b], opened }
            }
            _ => {
                let games = self.view.question(question).map(|asked| asked.games.values());
                let positions: Vec<&Position> =
                    games.into_iter().flatten().map(|game| &game.position).collect();
                match positions.len() as u64 {
                    0 => Message::Withdraw,
                    count => {
                        let position = positions[self.random.below(count) as usize].clone();
                        self.about(position)
                    }
                }
            }
        }
    }

    /// A message about a game that its position does not ask for.
    fn about(&mut self, position: Position) -> Message {
        let kind = JudgeKind::ALL[self.random.below(11) as usize];
        let slot = self.random.below(3) as u8;
        match self.random.below(4) {
            0 => Message::Timeout { position },
            1 => {
                let count = self.random.below(4) as u8 + 1;
                let witness = self.case(&position, |case| said::operand(case, kind, slot, count));
                Message::Keep { position, kind, slot, witness }
            }
            _ => {
                let slots: Vec<u8> = (0..self.random.below(3)).map(|_| self.random.below(3) as u8).collect();
                self.judge(position, kind, slots, None)
            }
        }
    }

    fn case<T>(&self, position: &Position, look: impl FnOnce(Case<'_>) -> T) -> T {
        let claims = self.twin.claims(position.question);
        let root = |claim: ClaimId| claims.get(claim.0 as usize).map_or(Digest::ZERO, |claim| claim.root);
        let roots = position.claims.map(root);
        look(Case { question: &self.asked.question, position, roots })
    }

    /// The twins keep what [`Said`] says of an operand.
    fn kept(&self, position: &Position, kind: JudgeKind, slots: &[u8]) -> Vec<Kept> {
        let of = |&slot: &u8| {
            let words = self.case(position, |case| {
                let witness = said::operand(case, kind, slot, operand_bytes(slot));
                Said.operand(case, kind, slot, &witness).expect("its own witness")
            });
            (slot, words)
        };
        slots.iter().map(of).collect()
    }

    /// A judgement: `truth` if it is known, else one side's value, neither's, or that the job is malformed.
    fn judge(
        &mut self,
        position: Position,
        kind: JudgeKind,
        slots: Vec<u8>,
        truth: Option<Truth>,
    ) -> Message {
        let truth = match self.random.below(16) {
            0 => Truth::Malformed,
            1 => Truth::Value(kind.values(&position)[0]),
            2 => Truth::Value(kind.values(&position)[1]),
            3 => Truth::Value(Digest::ZERO),
            _ => truth.unwrap_or(Truth::Value(kind.values(&position)[0])),
        };
        let kept = self.kept(&position, kind, &slots);
        let witness = self.case(&position, |case| said::truth(case, kind, truth, &kept));
        Message::Judge { position, kind, witness, slots }
    }

    /// A player's message with the witnesses of [`Said`].
    fn in_said(&mut self, message: Message) -> Message {
        match message {
            Message::Move { position, play: Move::Unfold { commitment, nodes, .. } } => {
                let structure = self.case(&position, |case| self.asked.referee.structure(case, &[]));
                let structure = structure.expect("the toy shows its nodes");
                let witness = self.case(&position, |case| said::structure(case, structure));
                Message::Move { position, play: Move::Unfold { witness, commitment, nodes } }
            }
            Message::Keep { position, kind, slot, witness } => {
                let operand =
                    self.case(&position, |case| self.asked.referee.operand(case, kind, slot, &witness));
                if let Ok(operand) = operand {
                    self.operands.insert((position.hash(), kind, slot), operand);
                }
                let witness =
                    self.case(&position, |case| said::operand(case, kind, slot, operand_bytes(slot)));
                Message::Keep { position, kind, slot, witness }
            }
            Message::Judge { position, kind, witness, slots } => {
                let hash = position.hash();
                let operand = |slot: &u8| Some((*slot, self.operands.get(&(hash, kind, *slot))?.clone()));
                let kept: Vec<Kept> = slots.iter().filter_map(operand).collect();
                let truth =
                    self.case(&position, |case| self.asked.referee.truth(case, kind, &witness, &kept)).ok();
                self.judge(position, kind, slots, truth)
            }
            message => message,
        }
    }

    /// Sends the contract a message of which a few bytes are others. Whatever they say, it refuses by a custom error or, where the bytes are no
    /// call at all, without a word; it never panics and never runs out of gas. What it accepts can be read, and the twin accepts it too.
    fn garble(&mut self, sender: Owner, message: &Message) {
        let (data, value) = calls::call(message, &self.asked.question);
        let mut data = data.to_vec();
        for _ in 0..1 + self.random.below(3) {
            let at = match self.random.below(3) {
                // Offsets and lengths lie behind the question and the position.
                0 if data.len() > 1_800 => 1_764 + self.random.below(data.len() as u64 - 1_764) as usize,
                1 => 4 + 32 * (self.random.below((data.len() as u64 / 32).max(1)) as usize) + 31,
                _ => self.random.below(data.len() as u64) as usize,
            };
            let at = at.min(data.len() - 1);
            data[at] = [0, 1, 0xff, self.random.word() as u8][self.random.below(4) as usize];
            // An offset that points backwards.
            let word = at.saturating_sub(4) / 32 * 32 + 4;
            if self.random.below(4) == 0 && word + 32 <= data.len() {
                data[word..word + 24].fill(0xff);
                let back = 32 * (1 + self.random.below(60));
                data[word + 24..word + 32].copy_from_slice(&back.wrapping_neg().to_be_bytes());
            }
        }
        if self.random.below(8) == 0 {
            data.truncate(self.random.below(data.len() as u64) as usize);
        }
        let data = Bytes::from(data);
        match self.court.send_data(self.now, sender, value, data.clone()) {
            Ok(_) => self.read(sender, &data),
            Err(EvmError::Reverted(said)) => {
                let is_known =
                    said.is_empty() || refusals::of_revert(&said).is_some() || refusals::is_toys(&said);
                assert!(is_known, "{said} to {data}");
            }
            Err(error) => panic!("{error} to {data}"),
        }
        self.seen.garbled += 1;
    }

    /// The twin follows what the contract has accepted, as whoever reads the chain does.
    fn read(&mut self, sender: Owner, data: &Bytes) {
        let message = decode(data).unwrap_or_else(|| panic!("nobody can read {data}"));
        let events = self.twin.apply(&Said, self.now, sender, &message);
        let events = events.unwrap_or_else(|refusal| panic!("{refusal}: {message:?}"));
        let name = format!("{data} by {sender}");
        events.iter().for_each(|event| self.accepted(&name, event));
        self.seen.read += 1;
    }

    /// Sends a message to both.
    fn send(&mut self, sender: Owner, message: &Message) {
        if self.random.below(3) == 0 {
            self.garble(sender, message);
        }
        let question = match message {
            Message::OpenQuestion { question, .. } => question.clone(),
            _ => self.asked.question.clone(),
        };
        let twin = self.twin.apply(&Said, self.now, sender, message);
        let contract = self.court.send(self.now, sender, message, &question);
        let name = format!("{message:?} by {sender} at {}", self.now);
        match (twin, contract) {
            (Ok(events), Ok(_)) => {
                self.seen.accepted += 1;
                events.iter().for_each(|event| self.accepted(&name, event));
            }
            (Err(refusal), Err(EvmError::Reverted(data))) => self.refused(&name, &refusal, &data),
            (twin, contract) => panic!("{name}: {twin:?}, the contract {contract:?}"),
        }
    }

    fn refused(&mut self, name: &str, refusal: &Refusal, data: &Bytes) {
        let expected = refusals::of_twin(refusal);
        let found = refusals::of_revert(data).unwrap_or_else(|| {
            assert!(refusals::is_toys(data), "{name}: reverted with {data}, the twin says {refusal}");
            refusals::REFEREE
        });
        assert_eq!(found, expected, "{name}: {refusal}");
        *self.seen.refused.entry(found).or_default() += 1;
    }

    /// What an event says is so on the chain.
    fn accepted(&mut self, name: &str, event: &Event) {
        self.view.observe(event);
        match event {
            Event::Paired { position } | Event::Moved { position, .. } => {
                self.seen.stages.insert(position.stage as u8);
                let held = self.court.game(position.game()).expect("a view");
                assert_eq!(held.0, position.hash().0, "{name}: {position:?}");
            }
            Event::Judged { game, kind, .. } => {
                self.seen.kinds.insert(*kind);
                self.check_over(name, *game);
            }
            Event::TimedOut { game, .. } => self.check_over(name, *game),
            Event::ClaimDied { question, claim } | Event::Released { question, claim } => {
                let held = self.court.claim(*question, *claim).expect("a view");
                let twin = &self.twin.claims(*question)[claim.0 as usize];
                assert_eq!(held.status, twin.status as u8 + 1, "{name}");
                assert_eq!((held.owner.0.0, held.root.0), (twin.owner.0, twin.root.0), "{name}");
            }
            Event::QuestionClosed { question, status } => {
                use samebit_dispute::QuestionStatus::{Answered, Open, Unanswered, Void};
                let (number, root) = match status {
                    Open => (1, Digest::ZERO),
                    Answered(root) => (2, *root),
                    Unanswered => (3, Digest::ZERO),
                    Void => (4, Digest::ZERO),
                };
                let held = self.court.question(*question).expect("a view");
                assert_eq!((held.status, held.answer.0), (number, root.0), "{name}");
            }
            Event::Claimed { .. } => self.money += self.asked.question.bond.0,
            Event::Credited { owner, .. } | Event::Withdrawn { owner, .. } => {
                if let Event::Withdrawn { amount, .. } = event {
                    self.money -= amount.0;
                }
                let held = self.court.credit(*owner).expect("a view");
                assert_eq!(held, self.twin.credit(*owner).0, "{name}: credit of {owner}");
            }
            _ => {}
        }
        assert_eq!(self.court.holds(), self.money, "{name}: money");
    }

    fn check_over(&mut self, name: &str, game: GameId) {
        assert!(self.court.game(game).expect("a view").is_zero(), "{name}: the game is over");
    }

    fn step(&mut self) {
        let (owner, message) = self.message();
        let (sender, message) = match self.random.below(5) {
            0 => (owner, Bend(&mut self.random).message(&message)),
            1 if self.random.below(3) == 0 => (self.somebody(), message),
            _ => (owner, message),
        };
        if self.past.len() < 64 || self.random.below(8) == 0 {
            self.past.truncate(63);
            self.past.insert(0, message.clone());
        }
        self.send(sender, &message);
        let passed = match self.random.below(40) {
            0 => self.random.below(60),
            1..=3 => self.random.below(8),
            _ => 0,
        };
        self.now = self.now.plus(Seconds(passed));
    }

    fn is_settled(&self) -> bool {
        let id = self.asked.question.id();
        let is_closed =
            self.twin.status(id).is_some_and(|status| status != samebit_dispute::QuestionStatus::Open);
        is_closed && self.random.0.is_multiple_of(8)
    }
}

/// Bytes of an operand that is kept: a word, or a lane's, which a chain stores otherwise.
fn operand_bytes(slot: u8) -> u8 {
    if slot.is_multiple_of(2) { 4 } else { 64 }
}

/// A question about a random job, and peers of whom one is honest.
fn asked(random: &mut Random) -> Asked {
    let steps = [1, 2, 3, 5][random.below(4) as usize];
    let elements = [1, 3, 5, 300, 700][random.below(5) as usize];
    let blocks = [1, 2, 3, 5, 20, 70][random.below(6) as usize];
    let diverges = (random.below(3) == 0).then(|| random.below(steps + 1));
    let job = match random.below(6) {
        0 => Job::small(if random.below(4) == 0 { 70 } else { steps }, diverges),
        _ => Job::new(steps, elements, blocks, diverges),
    };
    let job = Arc::new(job);
    let terms = Terms {
        // Bonds tell questions about the same job apart.
        bond: Amount(u128::from(random.below(1 << 40)) * u128::from(random.below(4).min(1))),
        entry_seconds: Seconds(20 + random.below(40)),
        clock_seconds: Seconds(20 + random.below(60)),
        extension_seconds: Seconds(random.below(6)),
    };
    let (question, header) = job.question(&terms);
    let mut peers = vec![peer(1, Tale::honest(&job))];
    let lies = Tale::lies(&job);
    for number in 2..3 + random.below(3) as u8 {
        let lie = match random.below(8) {
            0 => Lie::End,
            // A word of the composite, whose row may be true.
            1 if job.nodes.len() > 8 => {
                Lie::Word { step: 0, node: 8, element: random.below(2), carry: false }
            }
            _ => lies[random.below(lies.len() as u64) as usize],
        };
        let below = Below {
            block: (random.below(2) == 0).then(|| random.below(blocks)),
            lane: (random.below(2) == 0).then(|| random.below(16) as u8),
            body: (random.below(2) == 0).then(|| random.below(4) as u32),
            row_end: random.below(4) == 0,
            sabotage: random.below(8) == 0,
        };
        peers.push(peer(number, Tale::lying(&job, lie, below)));
    }
    let first = random.below(peers.len() as u64) as usize;
    peers.rotate_left(first);
    Asked { question, header, peers, referee: ToyReferee { job } }
}

fn peer(number: u8, tale: Tale) -> Peer {
    Peer { owner: Owner([number | 0x10; 20]), tale: Arc::new(tale) }
}

/// How many messages to walk.
fn messages() -> u64 {
    let given = std::env::var("SAMEBIT_WALK_MESSAGES").ok();
    given.map_or(100_000, |count| count.parse().expect("SAMEBIT_WALK_MESSAGES is a number"))
}

#[test]
fn the_twins_agree_on_random_walks() {
    let count = messages();
    let mut all = Seen::default();
    let mut sent = 0;
    let mut seed = 1;
    while sent < count {
        let mut walk = Walk::new(seed);
        for _ in 0..2_000 {
            walk.step();
            sent += 1;
            if walk.is_settled() {
                walk.ask_again();
                walk.enrich();
            }
        }
        assert!(walk.twin.is_balanced(), "money was made or lost");
        all.accepted += walk.seen.accepted;
        all.garbled += walk.seen.garbled;
        all.read += walk.seen.read;
        walk.seen
            .refused
            .into_iter()
            .for_each(|(name, count)| *all.refused.entry(name).or_default() += count);
        all.stages.extend(walk.seen.stages);
        all.kinds.extend(walk.seen.kinds);
        seed += 1;
    }
    println!("{sent} messages, {} accepted; refused: {:?}", all.accepted, all.refused);
    println!("{} messages garbled, of which {} were accepted, and read", all.garbled, all.read);
    println!("stages {:?}, judged {:?}", all.stages, all.kinds);
    assert!(all.accepted * 4 > sent, "most messages are refused");
    assert!(all.read * 100 > all.garbled, "nothing garbled is accepted");
    assert!(all.refused.len() >= 25, "too few kinds of refusal: {:?}", all.refused);
    assert!(all.stages.len() >= 18, "stages {:?}", all.stages);
    if sent >= 50_000 {
        assert_eq!(all.stages.len(), 21, "stages {:?}", all.stages);
        assert!(all.refused.len() >= 40, "too few kinds of refusal: {:?}", all.refused);
    }
}

/// The nodes that a descent shows, moved to before the descent itself.
fn moved_backwards(data: &[u8]) -> Vec<u8> {
    const WORD: usize = 32;
    // Question, position, and where the descent begins; of it, five words of fixed size, commitment, choice, nodes.
    let [head, slot] = [58, 7].map(|words| 4 + words * WORD);
    let number = |at: usize| {
        let (high, low) = data[at..at + WORD].split_at(WORD - 8);
        assert!(high.iter().all(|byte| *byte == 0), "an offset or a length");
        u64::from_be_bytes(low.try_into().expect("8 bytes")) as usize
    };
    let slot = head + slot - 4;
    let nodes = head + number(slot);
    let length = WORD * (1 + number(nodes));
    let mut moved = data.to_vec();
    moved.splice(head..head, data[nodes..nodes + length].iter().copied());
    let begins = (58 * WORD + length) as u64;
    moved[head - 8..head].copy_from_slice(&begins.to_be_bytes());
    let slot = slot + length;
    moved[slot..slot + WORD].fill(0xff);
    moved[slot + WORD - 8..slot + WORD].copy_from_slice(&(length as u64).wrapping_neg().to_be_bytes());
    moved
}

/// A move that the contract reads where nobody else does would be one that nobody can answer.
#[test]
fn no_move_is_hidden_behind_an_offset() {
    let mut walk = Walk::new(1);
    let mut checked = 0;
    while checked < 20 {
        let (sender, message) = walk.message();
        if let Message::Move { play: Move::Descend(descent), .. } = &message
            && !descent.nodes.is_empty()
            && walk.twin.clone().apply(&Said, walk.now, sender, &message).is_ok()
        {
            let (data, value) = calls::call(&message, &walk.asked.question);
            let moved = Bytes::from(moved_backwards(&data));
            assert_eq!(decode(&moved), None, "other readers do not follow");
            let answer = walk.court.send_data(walk.now, sender, value, moved);
            let Err(EvmError::Reverted(said)) = answer else { panic!("{message:?} is hidden: {answer:?}") };
            assert_eq!(refusals::of_revert(&said), Some("OffsetBeyondMessage"), "{said}");
            checked += 1;
        }
        walk.send(sender, &message);
        if walk.is_settled() {
            walk.ask_again();
            walk.enrich();
        }
    }
}

/// What may be asked of the referee, at every stage, outside a row, half in one and within one.
#[test]
fn the_same_judgements_are_allowed_everywhere() {
    let mut evm = Evm::new();
    let probe = evm.deploy(&MovesProbe::BYTECODE).expect("the probe deploys");
    let mut walk = Walk::new(1);
    while walk.seen.stages.is_empty() {
        walk.step();
    }
    let games = walk.view.question(walk.asked.question.id()).expect("a question").games.values();
    let position = games.into_iter().next().expect("a game").position.clone();
    for stage in Stage::ALL {
        for rows in [[0, 0], [1, 0], [0, 1], [1, 1]] {
            let position = Position { stage, rows: rows.map(|row| Digest([row; 32])), ..position.clone() };
            let data = [&MovesProbe::judgedCall::SELECTOR[..], &position.canonical()].concat();
            let said = evm.call_raw(probe, data.into()).expect("the probe answers").value;
            let expected = JudgeKind::ALL.into_iter().filter(|kind| kind.is_allowed(&position));
            let expected = expected.fold(0, |kinds, kind| kinds | 1u32 << kind as u8);
            assert_eq!(said[28..], expected.to_be_bytes(), "{stage}, rows {rows:?}");
        }
    }
}
