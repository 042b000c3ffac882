//! Who is where on the network: what owners have registered on the chain, and who was named by hand.

use crate::speech::Registered;
use samebit_commit::Canonical;
use samebit_market::{Message as MarketOrMoney, Owner, StakeMessage};
use samebit_net::{PeerAddress, PeerId};
use samebit_roles::{Message, Said};
use std::collections::BTreeMap;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    named: Vec<PeerAddress>,
    peers: BTreeMap<Owner, PeerAddress>,
    owners: BTreeMap<PeerId, Owner>,
}

impl Directory {
    /// A directory of these alone.
    pub fn new(named: Vec<PeerAddress>) -> Directory {
        Directory { named, ..Directory::default() }
    }

    /// Takes note of a registration; whether it was one that changes something. What is no address is as if it was never said.
    pub fn hear(&mut self, said: &Said) -> bool {
        let Message::Market(MarketOrMoney::Stake(StakeMessage::Register(bytes))) = &said.message else {
            return false;
        };
        let Ok(Registered(address)) = Registered::from_bytes(bytes) else { return false };
        // A name is its first owner's: nobody else sends others elsewhere with it.
        let is_taken = self.owners.get(&address.peer).is_some_and(|owner| *owner != said.sender);
        if is_taken || self.peers.get(&said.sender) == Some(&address) {
            return false;
        }
        self.owners.insert(address.peer, said.sender);
        self.peers.insert(said.sender, address);
        true
    }

    /// The peer of an owner.
    pub fn peer(&self, owner: Owner) -> Option<PeerId> {
        Some(self.peers.get(&owner)?.peer)
    }

    /// What an owner has registered.
    pub fn address(&self, owner: Owner) -> Option<&PeerAddress> {
        self.peers.get(&owner)
    }

    /// Whose a peer is; of nobody's, a name that is nobody's.
    pub fn owner(&self, peer: PeerId) -> Owner {
        let stranger = || Owner(peer.0[..20].try_into().expect("twenty bytes"));
        self.owners.get(&peer).copied().unwrap_or_else(stranger)
    }

    /// All peers but one, for the network.
    pub fn others(&self, me: PeerId) -> Vec<PeerAddress> {
        let mut all: BTreeMap<PeerId, PeerAddress> = BTreeMap::new();
        // Who was named by hand is where that says.
        for address in self.peers.values().chain(&self.named) {
            all.insert(address.peer, address.clone());
        }
        all.remove(&me);
        all.into_values().collect()
    }
}
