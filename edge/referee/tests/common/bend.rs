//! Messages with something wrong in them.
#![allow(dead_code)]

use super::common::Random;
use samebit_commit::Digest;
use samebit_dispute::{
    Amount, Before, Choice, ClaimId, Commitment, Descent, Head, JudgeKind, Message, Move, Owner, Parts,
    Position, Seconds,
};

pub struct Bend<'a>(pub &'a mut Random);

impl Bend<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn flip(&mut self, digest: &mut Digest) {
        let bit = self.below(256) as usize;
        match self.below(8) {
            0 => *digest = Digest::ZERO,
            _ => digest.0[bit / 8] ^= 1 << (bit % 8),
        }
    }

    fn list(&mut self, digests: &mut Vec<Digest>) {
        let at = self.below(digests.len().max(1) as u64) as usize;
        match self.below(4) {
            0 => digests.push(Digest([7; 32])),
            1 => drop(digests.pop()),
            2 => digests.clear(),
            _ => digests.get_mut(at).into_iter().for_each(|digest| self.flip(digest)),
        }
    }

    fn words(&mut self, words: &mut Vec<u32>) {
        let at = self.below(words.len().max(1) as u64) as usize;
        match self.below(4) {
            0 => words.push(7),
            1 => drop(words.pop()),
            2 => words.clear(),
            _ => words.get_mut(at).into_iter().for_each(|word| *word ^= 1 << self.0.below(32)),
        }
    }

    fn bytes(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len().max(1) as u64) as usize;
        match self.below(8) {
            0 => bytes.push(7),
            1 => drop(bytes.pop()),
            2 => bytes.clear(),
            3 => bytes.resize(65_537, 1),
            _ => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << self.0.below(8)),
        }
    }

    /// The message, with one thing in it changed, or another message about the same.
    pub fn message(mut self, message: &Message) -> Message {
        let mut message = message.clone();
        match &mut message {
            Message::OpenQuestion { question, header } => match self.below(16) {
                0 => self.flip(&mut question.job),
                1 => self.flip(&mut question.states),
                2 => question.node_count = question.node_count.wrapping_add(1),
                3 => question.state_count = 0,
                4 => question.table_count ^= 1 << self.below(20),
                5 => question.loss ^= 1 << self.below(32),
                6 => question.first_step = question.first_step.wrapping_add(self.below(9)),
                7 => question.step_count ^= 1 << self.below(40),
                8 => question.bond = Amount(1 << (90 + self.below(20))),
                9 => question.clock_seconds = Seconds(self.below(2) << 33),
                10 => self.flip(&mut header.nodes_top),
                11 => self.flip(&mut header.sinks_top),
                12 => header.profile.push('x'),
                13 => question.asker = Owner([self.below(4) as u8 | 0x10; 20]),
                14 => self.flip(&mut question.nonce),
                _ => header.segment_steps = self.below(3),
            },
            Message::Claim { opened, value, .. } => match self.below(4) {
                0 => value.0 ^= 1,
                1 => opened.count = 0,
                2 => opened.count = opened.count.wrapping_add(1 << self.below(20)),
                _ => opened.count = u64::MAX,
            },
            Message::Pair { claims, opened, .. } => match self.below(5) {
                0 => claims.swap(0, 1),
                1 => claims[1] = ClaimId(claims[0].0.wrapping_add(self.below(5))),
                2 => opened.swap(0, 1),
                3 => self.flip(&mut opened[0].state),
                _ => opened[1].count = opened[1].count.wrapping_add(1),
            },
            Message::Move { position, play } => match self.below(10) {
                0 => self.position(position),
                1 => *play = self.other_move(),
                _ => self.play(play),
            },
            Message::Keep { position, kind, slot, witness } => match self.below(4) {
                0 => self.position(position),
                1 => *kind = JudgeKind::ALL[self.0.below(11) as usize],
                2 => *slot ^= 1,
                _ => self.bytes(witness),
            },
            Message::Judge { position, kind, witness, slots } => match self.below(5) {
                0 => self.position(position),
                1 => *kind = JudgeKind::ALL[self.0.below(11) as usize],
                2 => slots.push(self.below(4) as u8),
                3 => slots.resize(17, 0),
                _ => self.bytes(witness),
            },
            Message::Timeout { position } => self.position(position),
            Message::Resolve { claim, .. } | Message::Release { claim, .. } => {
                claim.0 = [claim.0.wrapping_add(1), self.0.word()][self.0.below(2) as usize];
            }
            Message::Withdraw => {}
        }
        message
    }

    fn position(&mut self, position: &mut Position) {
        match self.below(8) {
            0 => position.moves = position.moves.wrapping_add(1),
            1 => position.since.0 = position.since.0.wrapping_add(1),
            2 => position.clocks[0].0 = position.clocks[0].0.wrapping_add(1_000_000),
            3 => self.flip(&mut position.held[0]),
            4 => self.flip(&mut position.question.0),
            5 => position.claims[1].0 = position.claims[1].0.wrapping_add(1),
            6 => position.words[1] ^= 1,
            _ => position.laned = !position.laned,
        }
    }

    /// A move of any kind, about nothing in particular.
    fn other_move(&mut self) -> Move {
        let lanes = std::array::from_fn(|_| self.0.word() as u32);
        match self.below(5) {
            0 => Move::Descend(Descent::default()),
            1 => Move::Point { offset: self.below(256) as u8, own: vec![1, 2], other: vec![3] },
            2 => Move::Unfold { witness: vec![1; 53], commitment: None, nodes: Vec::new() },
            3 => Move::ShowLanes(lanes),
            _ => Move::CompareLanes { own: lanes, other: lanes },
        }
    }

    fn play(&mut self, play: &mut Move) {
        match play {
            Move::Descend(descent) => self.descent(descent),
            Move::Point { offset, own, other } => match self.below(4) {
                0 => *offset ^= 1 << self.0.below(8),
                1 => self.words(own),
                2 => self.words(other),
                _ => std::mem::swap(own, other),
            },
            Move::Unfold { witness, commitment, nodes } => match self.below(4) {
                0 => self.bytes(witness),
                1 => self.structure(witness),
                2 => self.commitment(commitment),
                _ => self.list(nodes),
            },
            Move::ShowLanes(lanes) => lanes[self.0.below(16) as usize] ^= 1,
            Move::CompareLanes { own, other } => match self.below(3) {
                0 => own[self.0.below(16) as usize] ^= 1,
                1 => other[self.0.below(16) as usize] ^= 1,
                _ => std::mem::swap(own, other),
            },
        }
    }

    /// Another structure in the witness, whose digest stays true: kind, or a small or huge number of blocks or body nodes.
    fn structure(&mut self, witness: &mut [u8]) {
        if witness.len() != 53 {
            return;
        }
        match self.below(4) {
            0 => witness[0] = self.below(6) as u8,
            1 => witness[8] = self.below(4) as u8,
            2 => witness[1] ^= 0x80,
            _ => {
                witness[17..21].copy_from_slice(&[[0; 4], [0xff; 4], [0, 0, 0, 1]][self.0.below(3) as usize])
            }
        }
    }

    fn commitment(&mut self, commitment: &mut Option<Commitment>) {
        let Some(Commitment { top, siblings }) = commitment else {
            *commitment = Some(Commitment { top: Digest([3; 32]), siblings: Vec::new() });
            return;
        };
        match self.below(3) {
            0 => self.flip(top),
            1 => self.list(siblings),
            _ => *commitment = None,
        }
        // A commitment of nothing is none.
        if commitment.as_ref().is_some_and(|given| given.top == Digest::ZERO && given.siblings.is_empty()) {
            *commitment = None;
        }
    }

    fn descent(&mut self, descent: &mut Descent) {
        match self.below(7) {
            0 => match &mut descent.parts {
                Some(parts) if self.below(2) == 0 => self.flip(&mut parts.trace_top),
                Some(_) => descent.parts = None,
                None => {
                    descent.parts = Some(Parts { trace_top: Digest([1; 32]), state_top: Digest([2; 32]) })
                }
            },
            1 => match &mut descent.head {
                Some(head) if self.below(2) == 0 => head.elements ^= 1 << self.below(64),
                Some(_) => descent.head = None,
                None => descent.head = Some(Head { dtype: 1, elements: 5, top: Digest([1; 32]) }),
            },
            2 => self.commitment(&mut descent.commitment),
            3 => self.choice(&mut descent.choice),
            4 => self.list(&mut descent.nodes),
            5 => self.words(&mut descent.words),
            _ => match &mut descent.before {
                Some(before) if self.below(2) == 0 => before.word ^= 1,
                Some(before) if self.below(2) == 0 => {
                    self.list(&mut before.siblings);
                    if before.word == 0 && before.siblings.is_empty() {
                        descent.before = None;
                    }
                }
                Some(_) => descent.before = None,
                None => descent.before = Some(Before { word: 9, siblings: vec![Digest([4; 32])] }),
            },
        }
    }

    fn choice(&mut self, choice: &mut Option<Choice>) {
        let Some(given) = choice else {
            let (own, other) = (Digest([5; 32]), Digest([6; 32]));
            *choice = Some(Choice { child: 0, own, other, siblings: Vec::new() });
            return;
        };
        match self.below(7) {
            0 => given.child ^= 1 << self.below(64),
            1 => given.child = given.child.wrapping_add(1),
            2 => self.flip(&mut given.own),
            3 => self.flip(&mut given.other),
            4 => given.own = given.other,
            5 => self.list(&mut given.siblings),
            _ => *choice = None,
        }
        let is_nothing = |given: &Choice| {
            given.child == 0
                && given.own == Digest::ZERO
                && given.other == Digest::ZERO
                && given.siblings.is_empty()
        };
        if choice.as_ref().is_some_and(is_nothing) {
            *choice = None;
        }
    }
}
