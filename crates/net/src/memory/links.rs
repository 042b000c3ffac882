//! Which peers are linked.

use super::flight::Cargo;
use super::{World, pair};
use crate::{AskError, Event, PeerId};
use std::collections::BTreeSet;

impl World {
    pub(super) fn is_linked(&self, a: PeerId, b: PeerId) -> bool {
        self.links.contains(&pair(a, b))
    }

    /// The peers that one is linked to.
    pub(super) fn linked(&self, peer: PeerId) -> impl Iterator<Item = PeerId> + '_ {
        self.nodes.keys().copied().filter(move |&other| self.is_linked(peer, other))
    }

    fn may_link(&self, a: PeerId, b: PeerId) -> bool {
        let (one, other) = (&self.nodes[&a], &self.nodes[&b]);
        one.runs
            && other.runs
            && (one.peers.contains(&b) || other.peers.contains(&a))
            && !one.has_banned(b, self.now)
            && !other.has_banned(a, self.now)
            && !self.cuts.contains(&pair(a, b))
    }

    /// Brings links up and down as they should be.
    pub(super) fn relink(&mut self) {
        let peers: Vec<PeerId> = self.nodes.keys().copied().collect();
        let pairs =
            peers.iter().enumerate().flat_map(|(at, &a)| peers[at + 1..].iter().map(move |&b| (a, b)));
        let wanted: BTreeSet<_> = pairs.filter(|&(a, b)| self.may_link(a, b)).collect();
        let links = std::mem::replace(&mut self.links, wanted.clone());
        for &(a, b) in links.difference(&wanted) {
            self.down(a, b);
            self.down(b, a);
        }
        for &(a, b) in wanted.difference(&links) {
            self.up(a, b);
            self.up(b, a);
        }
    }

    fn up(&mut self, peer: PeerId, other: PeerId) {
        let now = self.now;
        let node = self.node(peer);
        node.tell(Event::Up(other));
        for bytes in node.gossip.live(now) {
            self.launch(peer, other, Cargo::Notice(bytes));
        }
    }

    fn down(&mut self, peer: PeerId, other: PeerId) {
        let node = self.node(peer);
        node.tell(Event::Down { peer: other, reason: "the link is down".to_owned() });
        let cut: Vec<_> =
            node.asked.iter().filter(|(_, to)| **to == other).map(|(&request, _)| request).collect();
        for request in cut {
            node.answered(request, Err(AskError::Cut));
        }
    }
}
