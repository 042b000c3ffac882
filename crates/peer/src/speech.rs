//! What peers say to each other, as bytes (network.md §7).
//!
//! ```text
//! notice    kind u8, fields, signature 65         told to all; the signature says who, the contracts take it as it is
//! question  kind u8, name 32                      to one: where is this parcel?
//! answer    BLAKE3 32, size u64                   the transport's name of it
//! address   peer 32, addresses (short list)       what is registered on the chain
//! ```

use crate::limits::ADDRESSES;
use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder};
use samebit_market::{Amount, AttemptId, BatchId, JobId, Seconds};
use samebit_net::{Blob as Parcel, PeerAddress, PeerId};
use samebit_roles::{Ask, Blob, Holding, Notice};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 65;
/// Bytes of an address as text.
const ADDRESS_BYTES: u16 = 64;

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

/// A peer's address as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered(pub PeerAddress);

impl Canonical for Registered {
    fn encode(&self, encoder: &mut Encoder) {
        let PeerAddress { peer, addresses } = &self.0;
        peer.encode(encoder);
        let texts: Vec<String> = addresses.iter().take(ADDRESSES.into()).map(ToString::to_string).collect();
        encoder.short_list(&texts, |encoder, text| encoder.string(text));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Registered, DecodeError> {
        let peer = PeerId::decode(decoder)?;
        let addresses = decoder.short_list("addresses", ADDRESSES, |decoder| {
            let text = decoder.string("address", ADDRESS_BYTES)?;
            text.parse().map_err(|_| decoder.refuse("no address of a socket"))
        })?;
        Ok(Registered(PeerAddress { peer, addresses }))
    }
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
        let addresses = ["127.0.0.1:9".parse().unwrap(), "[::1]:65535".parse().unwrap()];
        same(&Registered(PeerAddress { peer: PeerId([3; 32]), addresses: addresses.into() }));
    }

    #[test]
    fn what_is_registered_fits_the_chain() {
        let longest = "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535".parse().unwrap();
        let registered = Registered(PeerAddress { peer: PeerId([3; 32]), addresses: vec![longest; 9] });
        let bytes = registered.to_bytes();
        assert!(bytes.len() <= samebit_market::params::ADDRESS_BYTES_LIMIT, "{} bytes", bytes.len());
    }
}
