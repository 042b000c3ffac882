//! Random walks: what players say, and what nobody should, in any order and from anybody. Nothing panics, a refused message changes nothing, money stays
//! whole, and the log tells what the chain holds.

mod support;

use proptest::prelude::*;
use samebit_commit::Digest;
use samebit_dispute::testing::{Below, Conduct, Job, Peer, Tale, Terms, World};
use samebit_dispute::{
    Amount, Answer, ClaimId, ClaimStatus, Event, GameId, JudgeKind, Message, Move, Owner, Position, Seconds,
    Side, Stage, View, answer,
};
use std::sync::Arc;
use support::honest;

/// Steps of a walk, and walks: 10^5 steps in all.
const STEPS: u32 = 1000;
const WALKS: u32 = 100;

/// A generator that shrinks with its seed: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => 0,
            1 => u64::MAX,
            2 => self.below(5),
            _ => self.next(),
        }
    }

    fn digest(&mut self) -> Digest {
        match self.below(3) {
            0 => Digest::ZERO,
            _ => Digest([self.next() as u8; 32]),
        }
    }

    /// Adds, removes or changes an item.
    fn disturb<T: Clone>(&mut self, items: &mut Vec<T>, change: impl FnOnce(&mut Self, &mut T)) {
        match self.below(4) {
            0 => drop(items.pop()),
            1 => items.extend(items.last().cloned()),
            2 => items.clear(),
            _ => {
                let at = self.below(items.len() as u64) as usize;
                if let Some(item) = items.get_mut(at) {
                    change(self, item);
                }
            }
        }
    }
}

/// A position with something else in it.
fn disturb_position(position: &mut Position, random: &mut Random) {
    let side = random.below(2) as usize;
    match random.below(20) {
        0 => position.claims[side] = ClaimId(random.number()),
        1 => position.moves = random.number() as u32,
        2 => position.turn = position.turn.other(),
        3 => position.clocks[side] = Seconds(random.number()),
        4 => position.since = Seconds(random.number()),
        5 => position.stage = *random.pick(&Stage::ALL).expect("there are stages"),
        6 => position.count = random.number(),
        7 => position.level = random.number() as u8,
        8 => position.index = random.number(),
        9 => position.shown = random.number() as u8,
        10 => position.held[side] = random.digest(),
        11 => position.traces[side] = random.digest(),
        12 => position.nodes[side] = random.digest(),
        13 => position.elements = random.number(),
        14 => position.element = random.number(),
        15 => position.rows[side] = random.digest(),
        16 => position.totals[side] = random.digest(),
        17 => position.block = random.number(),
        18 => position.lanes = random.digest(),
        _ => position.question.0 = random.digest(),
    }
}

fn disturb_move(play: &mut Move, random: &mut Random) {
    let flip = |_: &mut Random, digest: &mut Digest| digest.0[31] ^= 1;
    match play {
        Move::Descend(descent) => match random.below(9) {
            0 => descent.parts = None,
            1 => descent.head.iter_mut().for_each(|head| head.elements = random.number()),
            2 => random.disturb(&mut descent.nodes, flip),
            3 => random.disturb(&mut descent.words, |_, word| *word ^= 1),
            4 => descent.before.iter_mut().for_each(|before| before.word ^= 1),
            5 => descent.choice = None,
            6 => descent.choice.iter_mut().for_each(|choice| choice.child = random.number()),
            7 => descent.choice.iter_mut().for_each(|choice| random.disturb(&mut choice.siblings, flip)),
            _ => descent
                .commitment
                .iter_mut()
                .for_each(|commitment| random.disturb(&mut commitment.siblings, flip)),
        },
        Move::Point { offset, own, other } => match random.below(3) {
            0 => *offset = random.number() as u8,
            1 => random.disturb(own, |_, word| *word ^= 1),
            _ => random.disturb(other, |_, word| *word ^= 1),
        },
        Move::Unfold { witness, commitment, nodes } => match random.below(4) {
            0 => *commitment = None,
            1 => random.disturb(nodes, flip),
            2 => *witness = vec![0; 70_000],
            _ => commitment.iter_mut().for_each(|commitment| commitment.top = random.digest()),
        },
        Move::ShowLanes(lanes) | Move::CompareLanes { own: lanes, .. } => {
            lanes[random.below(16) as usize] ^= 1
        }
    }
}

/// A message with something else in it.
fn disturb(message: &mut Message, random: &mut Random) {
    match message {
        Message::OpenQuestion { question, header } => match random.below(3) {
            0 => question.step_count = random.number(),
            1 => question.bond = Amount(random.number().into()),
            _ => header.profile.push('x'),
        },
        Message::Claim { opened, value, .. } => match random.below(3) {
            0 => opened.count = random.number(),
            1 => *value = Amount(random.number().into()),
            _ => opened.state = random.digest(),
        },
        Message::Pair { claims, opened, .. } => match random.below(3) {
            0 => claims.reverse(),
            1 => opened.reverse(),
            _ => claims[1] = ClaimId(random.number()),
        },
        Message::Move { position, play } => match random.below(3) {
            0 => disturb_position(position, random),
            _ => disturb_move(play, random),
        },
        Message::Keep { position, slot, witness, .. } => match random.below(3) {
            0 => disturb_position(position, random),
            1 => *slot ^= 1,
            _ => random.disturb(witness, |_, byte| *byte ^= 1),
        },
        Message::Judge { position, kind, witness, slots } => match random.below(4) {
            0 => disturb_position(position, random),
            1 => *kind = *random.pick(&JudgeKind::ALL).expect("there are kinds"),
            2 => random.disturb(witness, |_, byte| *byte ^= 1),
            _ => slots.push(random.number() as u8),
        },
        Message::Timeout { position } => disturb_position(position, random),
        Message::Resolve { claim, .. } | Message::Release { claim, .. } => *claim = ClaimId(random.below(8)),
        Message::Withdraw => {}
    }
}

/// Something that could be said here.
fn candidate(world: &World, peers: &[Peer], random: &mut Random) -> Option<Message> {
    let asked = world.view.question(world.question)?;
    let games: Vec<_> = asked.games.values().collect();
    Some(match random.below(12) {
        0 => Message::Withdraw,
        1 => Message::Timeout { position: random.pick(&games)?.position.clone() },
        2 => Message::Resolve { question: world.question, claim: ClaimId(random.below(6)) },
        3 => Message::Release { question: world.question, claim: ClaimId(random.below(6)) },
        4 => {
            let (question, header) = world.referee.job.question(&Terms::default());
            Message::OpenQuestion { question, header }
        }
        // Anybody's story told for any side.
        5 | 6 => {
            let (game, peer) = (*random.pick(&games)?, random.pick(peers)?);
            let side = Side::BOTH[random.below(2) as usize];
            let position = game.position.clone();
            match answer(&*peer.tale, &asked.question, &position, side, game.last.as_ref()).ok()?? {
                Answer::Play(play) => Message::Move { position, play },
                Answer::Judge { kind, evidence } => {
                    Message::Judge { position, kind, witness: evidence.witness, slots: Vec::new() }
                }
            }
        }
        _ => {
            let messages = random.pick(peers)?.messages(world.question, &world.view, world.now);
            random.pick(&messages)?.clone()
        }
    })
}

/// What must hold after every message.
fn check(world: &World) {
    assert!(world.dispute.is_balanced());
    let asked = world.view.question(world.question).expect("it was opened");
    for (claims, seen) in &asked.games {
        let game = GameId { question: world.question, a: claims[0], b: claims[1] };
        let hash = (!seen.is_over).then(|| seen.position.hash());
        assert_eq!(world.dispute.game(game), hash, "the log tells where the game is");
    }
    let statuses = world.dispute.claims(world.question).iter().map(|claim| claim.status);
    assert!(statuses.eq(asked.claims.iter().map(|claim| claim.status)));
}

fn walk(seed: u64) -> (u32, u32) {
    let job = Arc::new(Job::new(2, 3, 3, None));
    let lies = Tale::lies(&job);
    let mut random = Random(seed | 1);
    for _ in 0..8 {
        random.next();
    }
    let mut peers = vec![honest(&job, 1), honest(&job, 2)];
    for number in 3..6 {
        let lie = *random.pick(&lies).expect("there are lies");
        let below = Below { block: Some(random.below(3)), lane: Some(1), ..Below::default() };
        peers.push(Peer::new(number, Arc::new(Tale::lying(&job, lie, below)), Conduct::Best));
    }
    peers.push(Peer::new(6, Arc::new(Tale::saboteur(&job, Below::default())), Conduct::Best));
    let mut world = World::new(&job, &Terms::default());
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..STEPS {
        if random.below(6) == 0 {
            world.now = world.now.plus(Seconds(random.below(4)));
        }
        let Some(mut message) = candidate(&world, &peers, &mut random) else { continue };
        if random.below(3) == 0 {
            disturb(&mut message, &mut random);
        }
        let sender = match random.below(8) {
            0 => Owner([random.below(9) as u8; 20]),
            _ => random.pick(&peers).expect("there are peers").owner,
        };
        let sender = owner_of(&message, &world).filter(|_| random.below(8) > 0).unwrap_or(sender);
        let before = world.dispute.clone();
        match world.send(sender, &message) {
            Ok(_) => taken += 1,
            Err(refusal) => {
                refused += 1;
                assert_eq!(world.dispute, before, "refused and yet changed: {refusal}");
                assert!(!refusal.to_string().is_empty());
            }
        }
        check(&world);
    }
    assert_eq!(View::of(&world.log), world.view);
    let died = world.log.iter().filter(|event| matches!(event, Event::ClaimDied { .. })).count();
    let dead = world.dispute.claims(world.question).iter().filter(|claim| claim.status == ClaimStatus::Dead);
    assert_eq!(died, dead.count(), "a claim dies once");
    (taken, refused)
}

/// Whose turn a move is.
fn owner_of(message: &Message, world: &World) -> Option<Owner> {
    let Message::Move { position, .. } = message else { return None };
    let claim = position.claims[position.turn.index()];
    world.dispute.claims(world.question).get(usize::try_from(claim.0).ok()?).map(|claim| claim.owner)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: WALKS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_keep_the_rules(seed in any::<u64>()) {
        let (taken, refused) = walk(seed);
        prop_assert!(taken + refused > 0);
    }
}

/// A walk is worth its time only if much is taken and much is refused.
#[test]
fn walks_go_far() {
    let total = (1..=10)
        .map(|seed| walk(seed * 0x9e37_79b9))
        .fold((0, 0), |sum, walk| (sum.0 + walk.0, sum.1 + walk.1));
    println!("taken {}, refused {}", total.0, total.1);
    assert!(total.0 > 500 && total.1 > 2000, "{total:?}");
}
