//! One peer of the world.

use super::blobs::Fetch;
use crate::gossip::Gossip;
use crate::limits::{EVENTS, Rate};
use crate::{AskError, Blob, Bucket, Counts, Event, NetworkId, PeerId, QuestionId, RequestId, Secret, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug)]
pub struct Node {
    secret: Secret,
    pub runs: bool,
    pub gossip: Gossip,
    pub counts: Counts,
    pub peers: BTreeSet<PeerId>,
    pub banned: BTreeMap<PeerId, Time>,
    pub events: VecDeque<Event>,
    /// Requests of this peer that wait for an answer, with whom they ask.
    pub asked: BTreeMap<RequestId, PeerId>,
    /// Questions of others that wait for this peer's answer.
    pub questions: BTreeMap<QuestionId, (PeerId, RequestId)>,
    next_question: u64,
    streams: BTreeMap<PeerId, Bucket>,
    pub disk: BTreeMap<PathBuf, Arc<[u8]>>,
    pub provided: BTreeMap<Blob, PathBuf>,
    /// Parts of blobs that came.
    pub parts: BTreeMap<Blob, BTreeSet<u64>>,
    pub fetches: BTreeMap<Blob, Fetch>,
}

impl Node {
    pub fn new(secret: Secret, network: NetworkId, now: Time) -> Self {
        Self {
            gossip: Gossip::new(secret.clone(), network, now),
            secret,
            runs: true,
            counts: Counts::default(),
            peers: BTreeSet::new(),
            banned: BTreeMap::new(),
            events: VecDeque::new(),
            asked: BTreeMap::new(),
            questions: BTreeMap::new(),
            next_question: 0,
            streams: BTreeMap::new(),
            disk: BTreeMap::new(),
            provided: BTreeMap::new(),
            parts: BTreeMap::new(),
            fetches: BTreeMap::new(),
        }
    }

    /// What a process loses is lost at once, so that nothing of it can be seen.
    pub fn crash(&mut self) {
        self.runs = false;
        self.fetches.clear();
        self.asked.clear();
        self.events.clear();
    }

    pub fn restart(&mut self, network: NetworkId, now: Time) {
        assert!(!self.runs, "only a crashed peer is started again");
        let fresh = Self::new(self.secret.clone(), network, now);
        let old = std::mem::replace(self, fresh);
        (self.disk, self.provided, self.parts) = (old.disk, old.provided, old.parts);
        // A question's name is not used twice, so that a late answer meets no other question.
        self.next_question = old.next_question;
    }

    pub fn know(&mut self, peers: BTreeSet<PeerId>, now: Time) {
        self.gossip.know(peers.iter().copied(), now);
        self.peers = peers;
    }

    pub fn has_banned(&self, peer: PeerId, now: Time) -> bool {
        self.banned.get(&peer).is_some_and(|&until| until > now)
    }

    /// Puts an event into the queue. Notices and questions have no place in one that is full.
    pub fn tell(&mut self, event: Event) {
        let may_drop = matches!(event, Event::Notice(_) | Event::Asked { .. });
        if !self.runs || (may_drop && self.events.len() >= EVENTS) {
            self.counts.overflowed += u64::from(self.runs);
            return;
        }
        self.events.push_back(event);
    }

    /// Ends a request of this peer, if it still waits.
    pub fn answered(&mut self, request: RequestId, answer: Result<Vec<u8>, AskError>) {
        if self.asked.remove(&request).is_some() {
            self.tell(Event::Answered { request, answer });
        }
    }

    /// The same, if it was asked of `peer`.
    pub fn answered_by(&mut self, peer: PeerId, request: RequestId, answer: Result<Vec<u8>, AskError>) {
        if self.asked.get(&request) == Some(&peer) {
            self.answered(request, answer);
        }
    }

    /// Takes a request of another peer; one that asks too fast is not heard.
    pub fn asked_by(&mut self, peer: PeerId, request: RequestId, body: Vec<u8>, rate: Rate, now: Time) {
        let bucket = self.streams.entry(peer).or_insert_with(|| Bucket::new(rate, now));
        if !bucket.take(now) {
            self.counts.throttled += 1;
            return;
        }
        self.next_question += 1;
        let question = QuestionId(self.next_question);
        self.questions.insert(question, (peer, request));
        if self.questions.len() > EVENTS {
            self.questions.pop_first();
        }
        self.tell(Event::Asked { question, peer, body });
    }
}
