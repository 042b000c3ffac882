//! What is under way, and what happens when it lands.

use super::World;
use crate::gossip::Verdict;
use crate::limits::{BAN, LINK_STREAMS};
use crate::{AskError, Blob, Event, PeerId, RequestId};
use std::sync::Arc;

/// Something that happens later.
#[derive(Clone, Debug)]
pub enum Flight {
    /// Something that one peer sent another.
    Cargo { from: PeerId, to: PeerId, cargo: Cargo },
    /// Something that a peer waits for.
    Timer { peer: PeerId, timer: Timer },
}

/// What peers send each other.
#[derive(Clone, Debug)]
pub enum Cargo {
    Notice(Arc<[u8]>),
    Request {
        request: RequestId,
        body: Vec<u8>,
    },
    Answer {
        request: RequestId,
        answer: Result<Vec<u8>, String>,
    },
    /// For one part of a blob.
    PartRequest {
        blob: Blob,
        part: u64,
    },
    /// A part; none if the provider has no such blob.
    Part {
        blob: Blob,
        part: u64,
        bytes: Option<Arc<[u8]>>,
    },
}

/// What peers wait for.
#[derive(Clone, Debug)]
pub enum Timer {
    /// An answer.
    Silence(RequestId),
    /// Progress since the fetch was at this mark.
    Stall { blob: Blob, mark: u64 },
    /// The end of a ban.
    Pardon,
}

impl Flight {
    /// The peer where it ends.
    pub fn destination(&self) -> PeerId {
        match self {
            Self::Timer { peer, .. } => *peer,
            Self::Cargo { to, .. } => *to,
        }
    }
}

impl World {
    pub(super) fn land(&mut self, flight: Flight) {
        match flight {
            Flight::Timer { peer, timer: Timer::Silence(request) } => {
                self.node(peer).answered(request, Err(AskError::Silent));
            }
            Flight::Timer { peer, timer: Timer::Stall { blob, mark } } => self.stalled(peer, blob, mark),
            Flight::Timer { timer: Timer::Pardon, .. } => self.relink(),
            Flight::Cargo { from, to, cargo } if self.is_linked(from, to) => self.unload(from, to, cargo),
            Flight::Cargo { .. } => {}
        }
    }

    fn unload(&mut self, from: PeerId, to: PeerId, cargo: Cargo) {
        match cargo {
            Cargo::Notice(bytes) => self.hear(from, to, &bytes),
            Cargo::Request { request, body } => {
                let now = self.now;
                self.node(to).asked_by(from, request, body, LINK_STREAMS, now);
            }
            Cargo::Answer { request, answer } => {
                let answer = answer.map_err(AskError::Refused);
                self.node(to).answered_by(from, request, answer);
            }
            Cargo::PartRequest { blob, part } => self.give_part(from, to, blob, part),
            Cargo::Part { blob, part, bytes } => self.take_part(from, to, blob, part, bytes),
        }
    }

    fn hear(&mut self, from: PeerId, to: PeerId, bytes: &Arc<[u8]>) {
        let now = self.now;
        let node = self.node(to);
        match node.gossip.receive(bytes, now, &mut node.counts) {
            Verdict::Useless => {}
            Verdict::Fresh(notice) => {
                node.tell(Event::Notice(notice));
                self.pass_on(to, Some(from), bytes);
            }
            Verdict::Hostile => {
                node.counts.banned += 1;
                let ban = BAN.as_millis() as u64;
                node.banned.insert(from, now + ban);
                self.set_timer(to, ban, Timer::Pardon);
                self.relink();
            }
        }
    }

    /// Sends a notice on all links of a peer but the one it came from.
    pub(super) fn pass_on(&mut self, peer: PeerId, but: Option<PeerId>, bytes: &Arc<[u8]>) {
        let others: Vec<PeerId> = self.linked(peer).filter(|&other| Some(other) != but).collect();
        for other in others {
            self.launch(peer, other, Cargo::Notice(bytes.clone()));
        }
    }
}
