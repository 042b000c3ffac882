//! Who is where on the network: what owners have registered on the chain, and who was named by hand.

use crate::speech::Registered;
use samebit_commit::Canonical;
use samebit_market::{Amount, Message as MarketOrMoney, Owner, StakeMessage};
use samebit_net::{NetworkId, PeerAddress, PeerId};
use samebit_roles::{Message, Said};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Clone, Debug)]
pub struct Directory {
    network: NetworkId,
    named: Vec<PeerAddress>,
    peers: BTreeMap<Owner, PeerAddress>,
    owners: BTreeMap<PeerId, Owner>,
}

impl Directory {
    /// A directory of these alone.
    pub fn new(network: NetworkId, named: Vec<PeerAddress>) -> Directory {
        Directory { network, named, peers: BTreeMap::new(), owners: BTreeMap::new() }
    }

    /// Takes note of a registration; whether it was one that changes something. What is no address is as if it was never said.
    pub fn hear(&mut self, said: &Said) -> bool {
        let Message::Market(MarketOrMoney::Stake(StakeMessage::Register(bytes))) = &said.message else {
            return false;
        };
        let registered = Registered::from_bytes(bytes).ok();
        let genuine = registered.filter(|registered| registered.is_genuine(self.network, said.sender));
        let Some(Registered { address, .. }) = genuine else { return false };
        // A name has one owner, the first: its key's word for another one is of somebody who plays two.
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

    /// All peers but one, for the network: first those that were named by hand, which are where that says, then those whose owners have most at
    /// stake, so that many without any push nobody out of a list that is too short.
    pub fn others(&self, me: PeerId, stake: impl Fn(Owner) -> Amount) -> Vec<PeerAddress> {
        let mut registered: Vec<(&Owner, &PeerAddress)> = self.peers.iter().collect();
        registered.sort_by_cached_key(|(owner, _)| (Reverse(stake(**owner)), **owner));
        let registered = registered.into_iter().map(|(_, address)| address);
        let mut seen = BTreeSet::from([me]);
        let all = self.named.iter().chain(registered);
        all.filter(|address| seen.insert(address.peer)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_net::Secret;

    const NETWORK: NetworkId = NetworkId([9; 32]);

    fn registered(key: u8, owner: Owner) -> Said {
        let address = "127.0.0.1:9".parse().expect("an address");
        let registered = Registered::sign(&Secret::from_bytes(&[key; 32]), NETWORK, owner, &[address]);
        Said {
            sender: owner,
            message: Message::Market(MarketOrMoney::Stake(StakeMessage::Register(registered.to_bytes()))),
        }
    }

    #[test]
    fn a_name_is_not_taken_by_others() {
        let (honest, thief) = (Owner([1; 20]), Owner([2; 20]));
        let mut directory = Directory::new(NETWORK, Vec::new());
        let said = registered(1, honest);
        assert!(!directory.hear(&Said { sender: thief, ..said.clone() }), "it is another owner's word");
        assert!(directory.hear(&said));
        assert!(!directory.hear(&said), "nothing changes");
        assert!(!directory.hear(&registered(1, thief)), "the name has an owner");
        let peer = Secret::from_bytes(&[1; 32]).peer();
        assert_eq!((directory.peer(honest), directory.owner(peer)), (Some(peer), honest));
    }

    #[test]
    fn those_with_more_at_stake_come_first() {
        let mut directory = Directory::new(NETWORK, Vec::new());
        for key in 1..=4 {
            assert!(directory.hear(&registered(key, Owner([key; 20]))));
        }
        let stake = |owner: Owner| Amount(u128::from(owner.0[0] % 3));
        let me = Secret::from_bytes(&[4; 32]).peer();
        let names: Vec<PeerId> =
            directory.others(me, stake).into_iter().map(|address| address.peer).collect();
        assert_eq!(names, [2, 1, 3].map(|key| Secret::from_bytes(&[key; 32]).peer()));
    }
}
