//! The world as one peer sees it.

use super::World;
use super::flight::{Cargo, Timer};
use crate::limits::{ANSWER_WAIT, ASKED, PEERS, REQUEST_BYTES};
use crate::wire::AnswerFrame;
use crate::{AskError, Busy, Command, Counts, Event, Network, PeerId, QuestionId, RequestId};

/// One peer's place in a [`World`].
#[derive(Debug)]
pub struct Port<'a> {
    pub(super) world: &'a mut World,
    pub(super) peer: PeerId,
}

impl Network for Port<'_> {
    fn peer(&self) -> PeerId {
        self.peer
    }

    fn send(&mut self, command: Command) -> Result<(), Busy> {
        if self.world.nodes[&self.peer].runs {
            self.world.command(self.peer, command);
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Event> {
        self.world.node(self.peer).events.pop_front()
    }

    fn counts(&self) -> Counts {
        self.world.counts(self.peer)
    }
}

impl World {
    fn command(&mut self, peer: PeerId, command: Command) {
        let now = self.now;
        match command {
            Command::Peers(list) => {
                let others = list.iter().take(PEERS).map(|address| address.peer);
                let known =
                    others.filter(|&other| other != peer && self.nodes.contains_key(&other)).collect();
                self.node(peer).know(known, now);
                self.relink();
            }
            Command::Publish { topic, life, body } => {
                match self.node(peer).gossip.publish(topic, life, body, now) {
                    Ok(bytes) => self.pass_on(peer, None, &bytes),
                    Err(error) => self.node(peer).tell(Event::Unpublished(error)),
                }
            }
            Command::Ask { request, peer: to, body } => self.ask(peer, request, to, body),
            Command::Answer { question, answer } => self.answer(peer, question, answer),
            Command::Provide(path) => self.provide(peer, path),
            Command::Forget(blob) => self.forget(peer, blob),
            Command::Fetch { blob, providers, path } => self.fetch(peer, blob, providers, path),
        }
    }

    fn ask(&mut self, peer: PeerId, request: RequestId, to: PeerId, body: Vec<u8>) {
        let is_linked = self.is_linked(peer, to);
        let node = self.node(peer);
        let refusal = if body.len() > REQUEST_BYTES as usize {
            Some(AskError::Length(body.len()))
        } else if node.asked.len() >= ASKED || node.asked.contains_key(&request) {
            Some(AskError::Busy)
        } else if !is_linked {
            Some(AskError::Unreachable { peer: to, reason: "there is no link".to_owned() })
        } else {
            None
        };
        if let Some(error) = refusal {
            return node.tell(Event::Answered { request, answer: Err(error) });
        }
        node.asked.insert(request, to);
        self.set_timer(peer, ANSWER_WAIT.as_millis() as u64, Timer::Silence(request));
        self.launch(peer, to, Cargo::Request { request, body });
    }

    fn answer(&mut self, peer: PeerId, question: QuestionId, answer: Result<Vec<u8>, String>) {
        if let Some((to, request)) = self.node(peer).questions.remove(&question) {
            self.launch(peer, to, Cargo::Answer { request, answer: AnswerFrame::sendable(answer).0 });
        }
    }
}
