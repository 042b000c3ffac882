//! A world in which peers play: the chain with its clock and log, and players who read the log.

use super::job::{Job, Terms};
use super::referee::ToyReferee;
use super::tale::Tale;
use crate::dispute::Dispute;
use crate::ids::{ClaimId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, Event, Message, QuestionStatus};
use crate::moves::Move;
use crate::player::Player;
use crate::refusal::Refusal;
use crate::story::Story;
use crate::view::View;
use samebit_commit::Digest;
use std::sync::Arc;

/// How a peer plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conduct {
    /// As well as it can, at once.
    Best,
    /// It never moves after it has claimed.
    Silent,
    /// As well as it can, in the last second.
    Late,
    /// It moves so many times and then no more.
    Stops(u32),
    /// What it shows is not what it holds.
    Garbage,
}

/// One who plays.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its money.
    pub owner: Owner,
    /// Its story.
    pub tale: Arc<Tale>,
    /// How it plays.
    pub conduct: Conduct,
}

impl Peer {
    /// A peer with the number `number`.
    pub fn new(number: u8, tale: Arc<Tale>, conduct: Conduct) -> Peer {
        Peer { owner: Owner([number; 20]), tale, conduct }
    }

    /// What it claims.
    pub fn root(&self) -> Digest {
        self.tale.opened().expect("a toy answers").root()
    }

    /// What it says at `now`.
    pub fn messages(&self, question: QuestionId, view: &View, now: Seconds) -> Vec<Message> {
        let player = Player { story: &*self.tale, owner: self.owner, question };
        let messages = player.messages(view, now);
        messages.into_iter().flatten().filter_map(|message| self.bend(message, now)).collect()
    }

    /// What becomes of what the best player would say.
    fn bend(&self, message: Message, now: Seconds) -> Option<Message> {
        let is_play = matches!(message, Message::Move { .. } | Message::Judge { .. } | Message::Keep { .. });
        match self.conduct {
            Conduct::Silent if is_play => None,
            Conduct::Late => match &message {
                Message::Move { position, .. } => {
                    let clock = position.clocks[position.turn.index()];
                    let last = position.since.plus(clock).since(Seconds(1));
                    (now >= last).then_some(message)
                }
                _ => Some(message),
            },
            Conduct::Stops(moves) => match &message {
                Message::Move { position, .. } => (position.moves < moves).then_some(message),
                _ => Some(message),
            },
            Conduct::Garbage => Some(garbage(message)),
            _ => Some(message),
        }
    }
}

/// A move that shows something else.
fn garbage(message: Message) -> Message {
    let Message::Move { position, mut play } = message else { return message };
    match &mut play {
        Move::Descend(descent) => {
            descent.nodes.iter_mut().for_each(|node| node.0[31] ^= 1);
            descent.words.iter_mut().for_each(|word| *word ^= 1);
            descent.parts.iter_mut().for_each(|parts| parts.trace_top.0[0] ^= 1);
        }
        Move::Unfold { nodes, .. } => nodes.iter_mut().for_each(|node| node.0[31] ^= 1),
        Move::Point { own, .. } => own.iter_mut().for_each(|word| *word ^= 1),
        Move::ShowLanes(lanes) | Move::CompareLanes { own: lanes, .. } => lanes[3] ^= 1,
    }
    Message::Move { position, play }
}

/// The chain, its clock and its log.
#[derive(Clone, Debug)]
pub struct World {
    /// The state of all games.
    pub dispute: Dispute,
    /// The chain's time.
    pub now: Seconds,
    /// Everything that has happened.
    pub log: Vec<Event>,
    /// What the log says.
    pub view: View,
    /// The question.
    pub question: QuestionId,
    /// Who redoes arithmetic.
    pub referee: ToyReferee,
}

impl World {
    /// A world in which the question about a job was just opened.
    ///
    /// # Panics
    /// If the toy's own question is refused.
    pub fn new(job: &Arc<Job>, terms: &Terms) -> World {
        let (question, header) = job.question(terms);
        let mut world = World {
            dispute: Dispute::new(Owner([0xff; 20])),
            now: Seconds(1000),
            log: Vec::new(),
            view: View::default(),
            question: question.id(),
            referee: ToyReferee { job: job.clone() },
        };
        let opening = Message::OpenQuestion { question, header };
        world.send(Owner([0xee; 20]), &opening).expect("the toy's question is well formed");
        world
    }

    /// Sends a message, and takes what it does into the log.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn send(&mut self, sender: Owner, message: &Message) -> Result<usize, Refusal> {
        let events = self.dispute.apply(&self.referee, self.now, sender, message)?;
        events.iter().for_each(|event| self.view.observe(event));
        let count = events.len();
        self.log.extend(events);
        Ok(count)
    }

    /// Lets the peers play until nothing happens any more, with time passing where nobody speaks; `limit` is when it must have ended.
    ///
    /// # Panics
    /// If it has not ended at `limit`.
    pub fn play(&mut self, peers: &[Peer], limit: Seconds) {
        loop {
            let mut has_happened = false;
            for peer in peers {
                for message in peer.messages(self.question, &self.view, self.now) {
                    has_happened |= self.send(peer.owner, &message).is_ok();
                }
            }
            if !has_happened {
                if self.is_settled() {
                    return;
                }
                assert!(self.now < limit, "the dispute goes on at {}", self.now);
                // Where no claim lives, anybody closes the question.
                let resolve = Message::Resolve { question: self.question, claim: ClaimId(0) };
                let _ = self.send(self.dispute.fund(), &resolve);
                self.now = self.now.plus(Seconds(1));
            }
        }
    }

    /// Whether the question is closed and every bond is decided.
    pub fn is_settled(&self) -> bool {
        let claims = self.dispute.claims(self.question);
        self.dispute.status(self.question) != Some(QuestionStatus::Open)
            && claims.iter().all(|claim| claim.status != ClaimStatus::Living)
    }

    /// Where a peer's claim stands, if it has one.
    pub fn claim_of(&self, peer: &Peer) -> Option<(ClaimId, ClaimStatus)> {
        let claims = self.dispute.claims(self.question).iter().enumerate();
        let root = peer.root();
        let mut own = claims.filter(|(_, claim)| claim.owner == peer.owner && claim.root == root);
        own.next().map(|(at, claim)| (ClaimId(at as u64), claim.status))
    }
}
