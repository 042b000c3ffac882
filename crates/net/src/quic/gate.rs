//! Places for connections that others begin: so many at once, so many from one address.

use crate::limits::{HANDSHAKES, LINKS, LINKS_OF_ADDRESS};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Who has a place.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    handshakes: usize,
    links: usize,
    /// By address, of those that have a place in either.
    addresses: BTreeMap<IpAddr, usize>,
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
        if places.handshakes >= HANDSHAKES
            || places.links >= LINKS
            || places.addresses.get(&address).is_some_and(|&count| count >= LINKS_OF_ADDRESS)
        {
            return Entry::Full;
        }
        if places.handshakes >= HANDSHAKES / 2 && !is_proved {
            return Entry::Prove;
        }
        places.handshakes += 1;
        *places.addresses.entry(address).or_default() += 1;
        Entry::Place(Place { gate: self.clone(), address, is_link: false })
    }
}

impl Place {
    /// The greeting is over.
    pub fn settle(&mut self) {
        assert!(!self.is_link, "a place is settled once");
        self.is_link = true;
        let mut places = self.gate.0.lock().expect("nothing panics at the gate");
        places.handshakes -= 1;
        places.links += 1;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.gate.0.lock().expect("nothing panics at the gate");
        *(if self.is_link { &mut places.links } else { &mut places.handshakes }) -= 1;
        let count = places.addresses.get_mut(&self.address).expect("a place has an address");
        *count -= 1;
        if *count == 0 {
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
        assert_eq!((places.handshakes, places.links, places.addresses.len()), (0, 0, 0));
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let of = |text: &str| group(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
