//! A whole network in one thread, from one seed: for tests and for simulation.
//!
//! Time moves only in [`World::run`]. Whatever is sent becomes a flight that lands after a delay, perhaps twice, perhaps never; what
//! lands is judged by the same [`Gossip`] as over QUIC. It is harsher than QUIC on purpose: a request may arrive twice and
//! out of order. The same seed and the same calls give the same events.
//!
//! Links are up between all peers that know each other, run, are not cut apart and have not banned each other. A crash loses what a
//! process loses; files, parts of blobs and what was provided stay.

mod blobs;
mod flight;
mod links;
mod node;
mod port;
#[cfg(test)]
mod tests;

pub use port::Port;

use crate::{Counts, NetworkId, PeerId, Secret, Time};
use flight::{Cargo, Flight, Timer};
use node::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

/// What may befall a flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Milliseconds that it takes; unlike ones reorder.
    pub delay: RangeInclusive<u64>,
    /// How many in a million are lost.
    pub lost: u32,
    /// How many in a million arrive twice.
    pub doubled: u32,
}

impl Default for Faults {
    /// A millisecond, and nothing is lost.
    fn default() -> Self {
        Self { delay: 1..=1, lost: 0, doubled: 0 }
    }
}

/// All peers and all that is under way between them.
#[derive(Debug)]
pub struct World {
    network: NetworkId,
    now: Time,
    random: fastrand::Rng,
    faults: Faults,
    nodes: BTreeMap<PeerId, Node>,
    /// Pairs between which nothing passes, the lesser first.
    cuts: BTreeSet<(PeerId, PeerId)>,
    links: BTreeSet<(PeerId, PeerId)>,
    flights: BTreeMap<(Time, u64), Flight>,
    order: u64,
    /// What verified streaming knows: the bytes behind each address.
    truth: BTreeMap<[u8; 32], Arc<[u8]>>,
}

impl World {
    /// A network without peers.
    pub fn new(network: NetworkId, seed: u64) -> Self {
        Self {
            network,
            now: Time(1_000_000),
            random: fastrand::Rng::with_seed(seed),
            faults: Faults::default(),
            nodes: BTreeMap::new(),
            cuts: BTreeSet::new(),
            links: BTreeSet::new(),
            flights: BTreeMap::new(),
            order: 0,
            truth: BTreeMap::new(),
        }
    }

    /// Starts a peer that knows nobody.
    ///
    /// # Panics
    /// If it is there.
    pub fn join(&mut self, secret: Secret) -> PeerId {
        let peer = secret.peer();
        let before = self.nodes.insert(peer, Node::new(secret, self.network, self.now));
        assert!(before.is_none(), "a peer joins once");
        peer
    }

    /// Makes all peers know each other.
    pub fn introduce_all(&mut self) {
        let all: BTreeSet<PeerId> = self.nodes.keys().copied().collect();
        for (peer, node) in &mut self.nodes {
            node.know(all.iter().copied().filter(|other| other != peer).collect(), self.now);
        }
        self.relink();
    }

    /// The network as one peer sees it.
    ///
    /// # Panics
    /// If there is no such peer.
    pub fn at(&mut self, peer: PeerId) -> Port<'_> {
        assert!(self.nodes.contains_key(&peer), "{peer} has joined");
        Port { world: self, peer }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What befalls flights from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        assert!(!faults.delay.is_empty(), "a flight takes some time");
        self.faults = faults;
    }

    /// Cuts these peers off from all others.
    pub fn cut_off(&mut self, group: &[PeerId]) {
        let (inside, outside): (Vec<_>, Vec<_>) = self.nodes.keys().partition(|peer| group.contains(peer));
        for &a in &inside {
            self.cuts.extend(outside.iter().map(|&b| pair(a, b)));
        }
        self.relink();
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.relink();
    }

    /// Ends a peer's process; what was under way to it is lost.
    pub fn crash(&mut self, peer: PeerId) {
        self.node(peer).crash();
        self.relink();
        self.flights.retain(|_, flight| flight.destination() != peer);
    }

    /// Starts a crashed peer again. It knows nobody.
    pub fn restart(&mut self, peer: PeerId) {
        let (network, now) = (self.network, self.now);
        self.node(peer).restart(network, now);
    }

    /// Puts a file on a peer's disk.
    pub fn write(&mut self, peer: PeerId, path: &Path, bytes: impl Into<Arc<[u8]>>) {
        self.node(peer).disk.insert(path.to_owned(), bytes.into());
    }

    /// A file on a peer's disk.
    pub fn read(&self, peer: PeerId, path: &Path) -> Option<Arc<[u8]>> {
        self.nodes[&peer].disk.get(path).cloned()
    }

    /// Sends what no honest peer would: any bytes as a notice on the link from one peer to another.
    pub fn inject(&mut self, from: PeerId, to: PeerId, bytes: impl Into<Arc<[u8]>>) {
        self.launch(from, to, Cargo::Notice(bytes.into()));
    }

    /// When the next thing happens by itself.
    pub fn next_at(&self) -> Option<Time> {
        self.flights.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Lets so many milliseconds pass.
    pub fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while let Some(entry) = self.flights.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), flight) = entry.remove_entry();
            assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.land(flight);
        }
        self.now = end;
    }

    fn counts(&self, peer: PeerId) -> Counts {
        self.nodes[&peer].counts
    }

    fn node(&mut self, peer: PeerId) -> &mut Node {
        self.nodes.get_mut(&peer).expect("the peer has joined")
    }

    /// Sends something on its way.
    fn launch(&mut self, from: PeerId, to: PeerId, cargo: Cargo) {
        const MILLION: u32 = 1_000_000;
        if self.random.u32(..MILLION) < self.faults.lost {
            return;
        }
        let times = if self.random.u32(..MILLION) < self.faults.doubled { 2 } else { 1 };
        for _ in 0..times {
            let delay = self.random.u64(self.faults.delay.clone());
            self.put(delay, Flight::Cargo { from, to, cargo: cargo.clone() });
        }
    }

    fn set_timer(&mut self, peer: PeerId, milliseconds: u64, timer: Timer) {
        self.put(milliseconds, Flight::Timer { peer, timer });
    }

    fn put(&mut self, delay: u64, flight: Flight) {
        self.order += 1;
        self.flights.insert((self.now + delay, self.order), flight);
    }
}

fn pair(a: PeerId, b: PeerId) -> (PeerId, PeerId) {
    (a.min(b), a.max(b))
}
