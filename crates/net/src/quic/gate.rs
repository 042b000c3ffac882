//! Places for connections that others begin: so many at once, so many from one address.

use crate::limits::{HANDSHAKES, HANDSHAKES_OF_ADDRESS, LINKS, LINKS_OF_ADDRESS};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Who has a place.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    all: Count,
    /// By address, of those that have a place.
    addresses: BTreeMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    handshakes: usize,
    links: usize,
}

impl Count {
    fn of(&mut self, is_link: bool) -> &mut usize {
        if is_link { &mut self.links } else { &mut self.handshakes }
    }
}

/// What is done with somebody who knocks.
#[derive(Debug)]
pub enum Entry {
    /// There is a place.
    Place(Place),
    /// The address must be proved first.
    Prove,
    /// There is no place.
    Full,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    gate: Gate,
    address: IpAddr,
    is_link: bool,
}

impl Gate {
    /// Somebody knocks; relayed peers have no address, and share one.
    pub fn knock(&self, address: Option<IpAddr>, is_proved: bool) -> Entry {
        let address = group(address.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)));
        let mut places = self.0.lock().expect("nothing panics at the gate");
        let (all, own) = (places.all, places.addresses.get(&address).copied().unwrap_or_default());
        if all.handshakes >= HANDSHAKES
            || all.links >= LINKS
            || own.handshakes >= HANDSHAKES_OF_ADDRESS
            || own.handshakes + own.links >= LINKS_OF_ADDRESS
        {
            return Entry::Full;
        }
        if all.handshakes >= HANDSHAKES / 2 && !is_proved {
            return Entry::Prove;
        }
        places.all.handshakes += 1;
        places.addresses.entry(address).or_default().handshakes += 1;
        Entry::Place(Place { gate: self.clone(), address, is_link: false })
    }
}

impl Place {
    /// The greeting is over.
    pub fn settle(&mut self) {
        assert!(!self.is_link, "a place is settled once");
        self.is_link = true;
        let mut places = self.gate.0.lock().expect("nothing panics at the gate");
        let Places { all, addresses } = &mut *places;
        for count in [Some(all), addresses.get_mut(&self.address)].into_iter().flatten() {
            count.handshakes -= 1;
            count.links += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.gate.0.lock().expect("nothing panics at the gate");
        *places.all.of(self.is_link) -= 1;
        let own = places.addresses.get_mut(&self.address).expect("a place has an address");
        *own.of(self.is_link) -= 1;
        if *own == Count::default() {
            places.addresses.remove(&self.address);
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(((u128::from(address) >> 64) << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    fn place(entry: Entry) -> Place {
        match entry {
            Entry::Place(place) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn handshakes_are_limited_and_addresses_proved_when_many_knock() {
        let gate = Gate::default();
        let mut places: Vec<Place> =
            (0..HANDSHAKES / 2).map(|at| place(gate.knock(address(at as u8), false))).collect();
        assert!(matches!(gate.knock(address(200), false), Entry::Prove));
        places.extend((HANDSHAKES / 2..HANDSHAKES).map(|at| place(gate.knock(address(at as u8), true))));
        assert!(matches!(gate.knock(address(200), true), Entry::Full));
        places.pop();
        assert!(matches!(gate.knock(address(200), true), Entry::Place(_)));
    }

    #[test]
    fn links_of_one_address_and_in_all_are_limited() {
        let gate = Gate::default();
        let settle = |last| {
            let mut place = place(gate.knock(address(last), true));
            place.settle();
            place
        };
        let places: Vec<Place> = (0..LINKS_OF_ADDRESS).map(|_| settle(1)).collect();
        assert!(matches!(gate.knock(address(1), true), Entry::Full));
        let more: Vec<Place> =
            (LINKS_OF_ADDRESS..LINKS).map(|at| settle((at / LINKS_OF_ADDRESS + 1) as u8)).collect();
        assert!(matches!(gate.knock(address(200), true), Entry::Full));
        drop((places, more));
        assert!(matches!(gate.knock(address(1), true), Entry::Place(_)));
        let places = gate.0.lock().expect("nothing panics");
        assert!(places.all == Count::default() && places.addresses.is_empty(), "{places:?}");
    }

    #[test]
    fn one_address_does_not_take_all_handshakes() {
        let gate = Gate::default();
        let mut places: Vec<Place> =
            (0..HANDSHAKES_OF_ADDRESS).map(|_| place(gate.knock(address(1), true))).collect();
        assert!(matches!(gate.knock(address(1), true), Entry::Full));
        assert!(matches!(gate.knock(address(2), false), Entry::Place(_)));
        places[0].settle();
        assert!(matches!(gate.knock(address(1), true), Entry::Place(_)), "a link is no handshake");
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let of = |text: &str| group(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
