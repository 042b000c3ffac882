//! What peers say to each other, as bytes (network.md §7).
//!
//! ```text
//! notice    kind u8, fields, signature 65         told to all; the signature says who, the contracts take it as it is
//! question  kind u8, name 32                      to one: where is this parcel?
//! answer    BLAKE3 32, size u64                   the transport's name of it
//! address   peer 32, addresses (short list), signature 64      what is registered on the chain
//! ```

use crate::limits::ADDRESSES;
use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder, Tag, hash};
use samebit_market::{Amount, AttemptId, BatchId, JobId, Owner, Seconds};
use samebit_net::{Blob as Parcel, NetworkId, PeerAddress, PeerId, Secret};
use samebit_roles::{Ask, Blob, Holding, Notice};
use std::net::{IpAddr, SocketAddr};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 65;

/// A notice with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// What is said.
    pub notice: Notice,
    /// Whose word it is.
    pub signature: [u8; SIGNATURE_BYTES],
}

impl Canonical for Spoken {
    fn encode(&self, encoder: &mut Encoder) {
        match &self.notice {
            Notice::Ask(ask) => {
                encoder.u8(1);
                ask.job.0.encode(encoder);
                encoder.u64(ask.attempt.0);
                encoder.raw(&ask.price.0.to_be_bytes());
                ask.secrets.encode(encoder);
                encoder.u64(ask.expiry.0);
            }
            Notice::Holds(holding) => {
                encoder.u8(2);
                holding.job.0.encode(encoder);
                encoder.u64(holding.attempt.0);
                encoder.u64(holding.batch.0);
                holding.root.encode(encoder);
            }
        }
        encoder.raw(&self.signature);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Spoken, DecodeError> {
        let tag = decoder.u8("notice")?;
        let notice = match tag {
            1 => Notice::Ask(Ask {
                job: JobId(Digest::decode(decoder)?),
                attempt: AttemptId(decoder.u64("attempt")?),
                price: Amount(u128::from_be_bytes(fixed(decoder, "price")?)),
                secrets: Digest::decode(decoder)?,
                expiry: Seconds(decoder.u64("expiry")?),
            }),
            2 => Notice::Holds(Holding {
                job: JobId(Digest::decode(decoder)?),
                attempt: AttemptId(decoder.u64("attempt")?),
                batch: BatchId(decoder.u64("batch")?),
                root: Digest::decode(decoder)?,
            }),
            _ => return Err(decoder.unknown_tag("notice", tag)),
        };
        Ok(Spoken { notice, signature: fixed(decoder, "signature")? })
    }
}

/// Where is this parcel?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Where(pub Blob);

impl Canonical for Where {
    fn encode(&self, encoder: &mut Encoder) {
        let (tag, name) = match self.0 {
            Blob::Job(spec) => (1, spec),
            Blob::State(root) => (2, root),
        };
        encoder.u8(tag);
        name.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Where, DecodeError> {
        let tag = decoder.u8("question")?;
        Ok(Where(match tag {
            1 => Blob::Job(Digest::decode(decoder)?),
            2 => Blob::State(Digest::decode(decoder)?),
            _ => return Err(decoder.unknown_tag("question", tag)),
        }))
    }
}

/// It is here, under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here(pub Parcel);

impl Canonical for Here {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&self.0.hash);
        encoder.u64(self.0.size);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Here, DecodeError> {
        Ok(Here(Parcel { hash: fixed(decoder, "hash")?, size: decoder.u64("size")? }))
    }
}

/// A peer's address as it is registered, signed with the key of its name: nobody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Where it is.
    pub address: PeerAddress,
    /// The name's, under [`Registered::message`].
    pub signature: [u8; 64],
}

impl Registered {
    /// Where a peer is, registered by the owner with this account.
    pub fn sign(secret: &Secret, network: NetworkId, owner: Owner, addresses: &[SocketAddr]) -> Registered {
        let addresses = addresses.iter().take(ADDRESSES.into()).copied().collect();
        let address = PeerAddress { peer: secret.peer(), addresses };
        let signature = secret.sign(&Registered::message(network, owner, &address));
        Registered { address, signature }
    }

    /// Whether it is the name's own word, for this network and owner.
    pub fn is_genuine(&self, network: NetworkId, owner: Owner) -> bool {
        let message = Registered::message(network, owner, &self.address);
        self.address.peer.has_signed(&message, &self.signature)
    }

    fn message(network: NetworkId, owner: Owner, address: &PeerAddress) -> [u8; 32] {
        let mut encoder = Encoder::new();
        encode_address(address, &mut encoder);
        hash(Tag::File, &[b"registration", &network.0, &owner.0, &encoder.into_bytes()]).0
    }
}

impl Canonical for Registered {
    fn encode(&self, encoder: &mut Encoder) {
        encode_address(&self.address, encoder);
        encoder.raw(&self.signature);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Registered, DecodeError> {
        let peer = PeerId::decode(decoder)?;
        let addresses = decoder.short_list("addresses", ADDRESSES, |decoder| {
            let ip = match decoder.u8("kind of address")? {
                4 => IpAddr::from(fixed::<4>(decoder, "address")?),
                6 => IpAddr::from(fixed::<16>(decoder, "address")?),
                tag => return Err(decoder.unknown_tag("kind of address", tag)),
            };
            Ok(SocketAddr::new(ip, decoder.u16("port")?))
        })?;
        Ok(Registered { address: PeerAddress { peer, addresses }, signature: fixed(decoder, "signature")? })
    }
}

fn encode_address(address: &PeerAddress, encoder: &mut Encoder) {
    address.peer.encode(encoder);
    encoder.short_list(&address.addresses, |encoder, address| {
        match address.ip() {
            IpAddr::V4(ip) => {
                encoder.u8(4);
                encoder.raw(&ip.octets());
            }
            IpAddr::V6(ip) => {
                encoder.u8(6);
                encoder.raw(&ip.octets());
            }
        }
        encoder.u16(address.port());
    });
}

fn fixed<const N: usize>(decoder: &mut Decoder<'_>, what: &'static str) -> Result<[u8; N], DecodeError> {
    Ok(decoder.raw(what, N)?.try_into().expect("raw returns as many bytes as asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: Canonical + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = value.to_bytes();
        assert_eq!(&T::from_bytes(&bytes).expect("it was written so"), value);
        for cut in 0..bytes.len() {
            T::from_bytes(&bytes[..cut]).expect_err("cut off");
        }
        T::from_bytes(&[&bytes[..], &[0]].concat()).expect_err("too long");
    }

    #[test]
    fn what_is_said_is_understood() {
        let digest = |byte| Digest([byte; 32]);
        let ask = Ask {
            job: JobId(digest(1)),
            attempt: AttemptId(2),
            price: Amount(u128::MAX - 3),
            secrets: digest(4),
            expiry: Seconds(5),
        };
        let holding =
            Holding { job: JobId(digest(1)), attempt: AttemptId(2), batch: BatchId(3), root: digest(4) };
        for notice in [Notice::Ask(ask), Notice::Holds(holding)] {
            same(&Spoken { notice, signature: [7; SIGNATURE_BYTES] });
        }
        for blob in [Blob::Job(digest(1)), Blob::State(digest(2))] {
            same(&Where(blob));
        }
        same(&Here(Parcel { hash: [9; 32], size: u64::MAX }));
        let secret = Secret::from_bytes(&[3; 32]);
        let addresses = ["127.0.0.1:9".parse().unwrap(), "[::1]:65535".parse().unwrap()];
        same(&Registered::sign(&secret, NetworkId([1; 32]), Owner([2; 20]), &addresses));
    }

    #[test]
    fn a_name_is_registered_by_who_has_its_key() {
        let (secret, network, owner) = (Secret::from_bytes(&[3; 32]), NetworkId([1; 32]), Owner([2; 20]));
        let registered = Registered::sign(&secret, network, owner, &["127.0.0.1:9".parse().unwrap()]);
        assert!(registered.is_genuine(network, owner));
        assert!(!registered.is_genuine(network, Owner([3; 20])), "somebody else has sent it");
        assert!(!registered.is_genuine(NetworkId([2; 32]), owner), "it is another network's");
        let mut elsewhere = registered.clone();
        elsewhere.address.addresses[0].set_port(10);
        assert!(!elsewhere.is_genuine(network, owner));
        let mut other = registered;
        other.address.peer = Secret::from_bytes(&[4; 32]).peer();
        assert!(!other.is_genuine(network, owner));
    }

    #[test]
    fn what_is_registered_fits_the_chain() {
        let longest = "[1111:2222:3333:4444:5555:6666:7777:8888]:65535".parse().unwrap();
        let registered = Registered::sign(
            &Secret::from_bytes(&[3; 32]),
            NetworkId([1; 32]),
            Owner([2; 20]),
            &[longest; 9],
        );
        let bytes = registered.to_bytes();
        assert!(bytes.len() <= samebit_market::params::ADDRESS_BYTES_LIMIT, "{} bytes", bytes.len());
    }
}
