//! The task that owns a peer's state: everything else tells it what came and does what it says.

use super::blobs::Blobs;
use super::link::Link;
use super::{Close, Config, SharedCounts, ask, call, fetch, now};
use crate::gossip::{Gossip, Verdict};
use crate::limits::{
    ASKED, BAN, BANNED, BLOB_BYTES, CALL_INTERVAL, CALL_PAUSE, EVENTS, FETCHES, INPUTS, NEIGHBOURS, PEERS,
    PROVIDERS, REQUEST_BYTES, STRANGER_LINKS,
};
use crate::wire::Mismatch;
use crate::{
    AskError, Blob, BlobError, Command, Event, NetworkId, PeerAddress, PeerId, QuestionId, RequestId, Time,
};
use iroh::endpoint::{Connection, Endpoint};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How often the pause before calling an unreachable peer doubles.
const PAUSES: u32 = 6;

/// What tasks tell the driver.
pub enum Input {
    /// A connection is set up; one that the other side began has a place at the gate.
    Linked { peer: PeerId, connection: Connection, place: Option<super::gate::Place> },
    /// A call failed.
    NotLinked { peer: PeerId, reason: String, is_final: bool },
    /// A caller does not suit.
    Mismatched { peer: PeerId, mismatch: Mismatch },
    /// A link is over.
    Closed { peer: PeerId, link: usize, reason: String },
    /// A peer broke a rule.
    Hostile { peer: PeerId, rule: &'static str },
    /// A link brought a notice.
    Notice { peer: PeerId, bytes: Arc<[u8]> },
    /// A link brought a request.
    Asked { peer: PeerId, body: Vec<u8>, reply: Reply },
    /// A request is over.
    Answered { request: RequestId, answer: Result<Vec<u8>, AskError> },
    /// A task needs a link.
    Wanted { peer: PeerId, reply: oneshot::Sender<Result<Connection, String>> },
    /// Something for the caller.
    Tell(Event),
    /// A fetch is over.
    Fetched { blob: Blob, fetched: Result<u64, BlobError> },
}

/// Where an answer goes.
pub type Reply = oneshot::Sender<Result<Vec<u8>, String>>;

pub struct Driver {
    endpoint: Endpoint,
    peer: PeerId,
    network: NetworkId,
    blobs: Blobs,
    gossip: Gossip,
    book: BTreeMap<PeerId, Vec<SocketAddr>>,
    links: BTreeMap<PeerId, Link>,
    /// Who is being called, and who waits for the link.
    calls: BTreeMap<PeerId, Vec<oneshot::Sender<Result<Connection, String>>>>,
    /// Who could not be reached: how often, and when to call again.
    pauses: BTreeMap<PeerId, (u32, Time)>,
    banned: BTreeMap<PeerId, Time>,
    asked: BTreeSet<RequestId>,
    questions: BTreeMap<QuestionId, Reply>,
    next_question: u64,
    fetches: BTreeMap<Blob, tokio::task::JoinHandle<()>>,
    random: fastrand::Rng,
    counts: SharedCounts,
    events: mpsc::Sender<Event>,
    inputs: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
}

impl Driver {
    pub fn new(
        config: &Config,
        endpoint: Endpoint,
        blobs: Blobs,
        events: mpsc::Sender<Event>,
        counts: SharedCounts,
    ) -> Self {
        Self {
            endpoint,
            peer: config.secret.peer(),
            network: config.network,
            blobs,
            gossip: Gossip::new(config.secret.clone(), config.network, now()),
            book: BTreeMap::new(),
            links: BTreeMap::new(),
            calls: BTreeMap::new(),
            pauses: BTreeMap::new(),
            banned: BTreeMap::new(),
            asked: BTreeSet::new(),
            questions: BTreeMap::new(),
            next_question: 0,
            fetches: BTreeMap::new(),
            random: fastrand::Rng::new(),
            counts,
            events,
            inputs: mpsc::channel(INPUTS),
        }
    }

    /// Runs until nobody can command it.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let accepting =
            call::accept(self.endpoint.clone(), self.network, self.counts.clone(), self.inputs.0.clone());
        tokio::spawn(accepting);
        let mut interval = tokio::time::interval(CALL_INTERVAL);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => break,
                },
                input = self.inputs.1.recv() => self.input(input.expect("the driver holds a sender")).await,
                _ = interval.tick() => self.call_neighbours(),
            }
        }
        for fetch in self.fetches.values() {
            fetch.abort();
        }
        for link in self.links.values() {
            link.connection.close(Close::Goodbye.into(), b"goodbye");
        }
        self.endpoint.close().await;
        self.blobs.close().await;
    }

    /// Tells the caller. What others cause waits for a place; notices that find none are dropped.
    async fn tell(&mut self, event: Event) {
        if matches!(event, Event::Notice(_)) {
            if self.events.try_send(event).is_err() {
                self.counts.update(|counts| counts.overflowed += 1);
            }
        } else {
            self.events.send(event).await.ok();
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Peers(list) => self.replace_book(list),
            Command::Publish { topic, life, body } => match self.gossip.publish(topic, life, body, now()) {
                Ok(bytes) => self.pass_on(None, &bytes),
                Err(error) => self.tell(Event::Unpublished(error)).await,
            },
            Command::Ask { request, peer, body } => self.ask(request, peer, body).await,
            Command::Answer { question, answer } => {
                if let Some(reply) = self.questions.remove(&question) {
                    reply.send(answer).ok();
                }
            }
            Command::Provide(path) => {
                let (blobs, inputs) = (self.blobs.clone(), self.inputs.0.clone());
                tokio::spawn(async move {
                    let blob = blobs.provide(&path).await;
                    inputs.send(Input::Tell(Event::Provided { path, blob })).await.ok();
                });
            }
            Command::Forget(blob) => {
                if let Some(fetch) = self.fetches.remove(&blob) {
                    fetch.abort();
                    self.tell(Event::Fetched { blob, fetched: Err(BlobError::Forgotten) }).await;
                }
                let blobs = self.blobs.clone();
                tokio::spawn(async move { blobs.forget(blob).await });
            }
            Command::Fetch { blob, providers, path } => self.fetch(blob, providers, path).await,
        }
    }

    fn replace_book(&mut self, list: Vec<PeerAddress>) {
        let others = list.into_iter().take(PEERS).filter(|address| address.peer != self.peer);
        self.book = others.map(|address| (address.peer, address.used().collect())).collect();
        self.gossip.know(self.book.keys().copied(), now());
        // A changed address deserves a call at once.
        self.pauses.clear();
        self.call_neighbours();
    }

    async fn ask(&mut self, request: RequestId, peer: PeerId, body: Vec<u8>) {
        let refusal = if body.len() > REQUEST_BYTES as usize {
            Some(AskError::Length(body.len()))
        } else if self.asked.len() >= ASKED || self.asked.contains(&request) {
            Some(AskError::Busy)
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.tell(Event::Answered { request, answer: Err(error) }).await;
        }
        self.asked.insert(request);
        let link = self.want(peer);
        let inputs = self.inputs.0.clone();
        tokio::spawn(async move {
            let answer = match link.await.unwrap_or_else(|_| Err("this peer is closing".to_owned())) {
                Ok(connection) => ask::ask(&connection, body).await,
                Err(reason) => Err(AskError::Unreachable { peer, reason }),
            };
            inputs.send(Input::Answered { request, answer }).await.ok();
        });
    }

    async fn fetch(&mut self, blob: Blob, mut providers: Vec<PeerId>, path: PathBuf) {
        let refusal = if blob.size > BLOB_BYTES {
            Some(BlobError::Length(blob.size))
        } else if self.fetches.len() >= FETCHES || self.fetches.contains_key(&blob) {
            Some(BlobError::Busy)
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.tell(Event::Fetched { blob, fetched: Err(error) }).await;
        }
        providers.truncate(PROVIDERS);
        let fetch =
            fetch::Fetch { blob, providers, path, blobs: self.blobs.clone(), inputs: self.inputs.0.clone() };
        self.fetches.insert(blob, tokio::spawn(fetch.run()));
    }

    async fn input(&mut self, input: Input) {
        match input {
            Input::Linked { peer, connection, place } => self.link(peer, connection, place).await,
            Input::NotLinked { peer, reason, is_final } => self.not_linked(peer, reason, is_final).await,
            Input::Mismatched { peer, mismatch } => {
                self.counts.update(|counts| counts.refused += 1);
                self.tell(Event::Refused { peer: Some(peer), reason: mismatch.to_string() }).await;
            }
            Input::Closed { peer, link, reason } => {
                if self.links.get(&peer).is_some_and(|held| held.connection.stable_id() == link) {
                    self.links.remove(&peer);
                    self.tell(Event::Down { peer, reason }).await;
                }
            }
            Input::Hostile { peer, rule } => self.ban(peer, rule),
            Input::Notice { peer, bytes } => self.hear(peer, &bytes).await,
            Input::Asked { peer, body, reply } => {
                self.next_question += 1;
                let question = QuestionId(self.next_question);
                self.questions.retain(|_, reply| !reply.is_closed());
                if self.questions.len() < EVENTS {
                    self.questions.insert(question, reply);
                    self.tell(Event::Asked { question, peer, body }).await;
                }
            }
            Input::Answered { request, answer } => {
                assert!(self.asked.remove(&request), "a request ends once");
                self.tell(Event::Answered { request, answer }).await;
            }
            Input::Wanted { peer, reply } => self.want_for(peer, reply),
            Input::Tell(event) => self.tell(event).await,
            Input::Fetched { blob, fetched } => {
                if self.fetches.remove(&blob).is_some() {
                    self.tell(Event::Fetched { blob, fetched }).await;
                }
            }
        }
    }

    async fn hear(&mut self, peer: PeerId, bytes: &Arc<[u8]>) {
        let verdict = self.counts.update(|counts| self.gossip.receive(bytes, now(), counts));
        match verdict {
            Verdict::Useless => {}
            Verdict::Fresh(notice) => {
                self.pass_on(Some(peer), bytes);
                self.tell(Event::Notice(notice)).await;
            }
            Verdict::Hostile => self.ban(peer, "a notice is malformed or falsely signed"),
        }
    }

    fn pass_on(&mut self, but: Option<PeerId>, bytes: &Arc<[u8]>) {
        for (_, link) in self.links.iter().filter(|(peer, _)| Some(**peer) != but) {
            if link.notices.try_send(bytes.clone()).is_err() {
                self.counts.update(|counts| counts.overflowed += 1);
            }
        }
    }

    fn ban(&mut self, peer: PeerId, rule: &'static str) {
        self.counts.update(|counts| counts.banned += 1);
        let now = now();
        self.banned.retain(|_, until| *until > now);
        if self.banned.len() >= BANNED
            && let Some((&first, _)) = self.banned.iter().min_by_key(|(_, until)| **until)
        {
            self.banned.remove(&first);
        }
        self.banned.insert(peer, now + BAN.as_millis() as u64);
        if let Some(link) = self.links.get(&peer) {
            link.connection.close(Close::Rules.into(), rule.as_bytes());
        }
    }

    fn is_banned(&self, peer: PeerId) -> bool {
        self.banned.get(&peer).is_some_and(|&until| until > now())
    }

    /// A task's way to a link: one that is up, or one that is called for.
    fn want(&mut self, peer: PeerId) -> oneshot::Receiver<Result<Connection, String>> {
        let (reply, link) = oneshot::channel();
        self.want_for(peer, reply);
        link
    }

    fn want_for(&mut self, peer: PeerId, reply: oneshot::Sender<Result<Connection, String>>) {
        if let Some(link) = self.links.get(&peer) {
            reply.send(Ok(link.connection.clone())).ok();
        } else if self.is_banned(peer) {
            reply.send(Err("it broke the rules and is not spoken to".to_owned())).ok();
        } else if !self.book.contains_key(&peer) {
            reply.send(Err("its address is not known".to_owned())).ok();
        } else {
            self.call(peer);
            self.calls.get_mut(&peer).expect("it is called").push(reply);
        }
    }

    /// Calls a peer of the list that is not being called.
    fn call(&mut self, peer: PeerId) {
        if self.calls.contains_key(&peer) {
            return;
        }
        self.calls.insert(peer, Vec::new());
        let (endpoint, addresses) = (self.endpoint.clone(), self.book[&peer].clone());
        tokio::spawn(call::call(endpoint, self.network, peer, addresses, self.inputs.0.clone()));
    }

    /// Calls peers of the list, any, until there are enough neighbours.
    fn call_neighbours(&mut self) {
        let now = now();
        let mut random = self.random.fork();
        let lack = NEIGHBOURS.saturating_sub(self.links.len() + self.calls.len());
        let is_due = |peer: &PeerId| self.pauses.get(peer).is_none_or(|(_, until)| *until <= now);
        let candidates = self.book.keys().copied().filter(|peer| {
            !self.links.contains_key(peer)
                && !self.calls.contains_key(peer)
                && is_due(peer)
                && !self.is_banned(*peer)
        });
        for peer in random.choose_multiple(candidates, lack) {
            self.call(peer);
        }
    }

    async fn not_linked(&mut self, peer: PeerId, reason: String, is_final: bool) {
        let waiting = self.calls.remove(&peer).unwrap_or_default();
        // Both may call at once: a link that the other began is as good.
        if let Some(link) = self.links.get(&peer) {
            waiting.into_iter().for_each(|reply| drop(reply.send(Ok(link.connection.clone()))));
            return;
        }
        let (times, _) = self.pauses.get(&peer).copied().unwrap_or_default();
        let times = if is_final { PAUSES } else { (times + 1).min(PAUSES) };
        self.pauses.insert(peer, (times, now() + ((CALL_PAUSE.as_millis() as u64) << times)));
        self.counts.update(|counts| counts.refused += u64::from(is_final));
        waiting.into_iter().for_each(|reply| drop(reply.send(Err(reason.clone()))));
        self.tell(Event::Refused { peer: Some(peer), reason }).await;
    }

    /// Whether a link that a peer has begun may stay: strangers leave places for the list.
    fn has_place(&self, peer: PeerId) -> bool {
        let is_stranger = |peer: &PeerId| !self.book.contains_key(peer);
        let strangers = self.links.keys().filter(|peer| is_stranger(peer)).count();
        !is_stranger(&peer) || self.links.contains_key(&peer) || strangers < STRANGER_LINKS
    }

    /// Takes a connection that is set up. Of two with one peer, both sides keep the one that the lesser peer began, or the later of two
    /// that the same one began; the other carries what is under way on it, and no more.
    async fn link(&mut self, peer: PeerId, connection: Connection, place: Option<super::gate::Place>) {
        if self.is_banned(peer) {
            return connection.close(Close::Banned.into(), b"you broke the rules");
        }
        let has_called = place.is_none();
        if !has_called && !self.has_place(peer) {
            self.counts.update(|counts| counts.turned_away += 1);
            return connection.close(Close::Full.into(), b"there is no place for more strangers");
        }
        if let Some(place) = place {
            let connection = connection.clone();
            tokio::spawn(async move {
                connection.closed().await;
                drop(place);
            });
        }
        let waiting = if has_called { self.calls.remove(&peer).unwrap_or_default() } else { Vec::new() };
        let link = Link::start(
            peer,
            connection,
            has_called,
            self.inputs.0.clone(),
            self.blobs.clone(),
            self.counts.clone(),
        );
        self.pauses.remove(&peer);
        let is_lesser = self.peer < peer;
        let is_kept =
            self.links.get(&peer).is_none_or(|old| old.has_called == has_called || has_called == is_lesser);
        let (kept, gone) = if is_kept {
            let connection = link.connection.clone();
            (connection, self.links.insert(peer, link).map(|old| old.connection))
        } else {
            (self.links[&peer].connection.clone(), Some(link.connection))
        };
        waiting.into_iter().for_each(|reply| drop(reply.send(Ok(kept.clone()))));
        match gone {
            Some(gone) => drop(tokio::spawn(retire(gone))),
            None => self.tell(Event::Up(peer)).await,
        }
        if is_kept {
            for bytes in self.gossip.live(now()) {
                self.links[&peer].notices.try_send(bytes).ok();
            }
        }
    }
}

/// Ends a connection that has a better one beside it, once what is under way on it is over.
async fn retire(connection: Connection) {
    tokio::time::sleep(crate::limits::ANSWER_WAIT).await;
    connection.close(Close::Duplicate.into(), b"there is another connection");
}
