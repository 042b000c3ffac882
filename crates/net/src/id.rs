//! Who a peer is, and where.

use crate::limits::ADDRESSES;
use iroh_base::{PublicKey, SecretKey, Signature as Ed25519};
use samebit_commit::{Canonical, DecodeError, Decoder, Encoder};
use std::fmt;
use std::net::SocketAddr;

/// A peer's name: the ed25519 key that it proves to hold when a connection is set up, and signs its notices with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 32]);

impl PeerId {
    /// Whether `signature` is this peer's under `message`. A name that is no key has signed nothing.
    pub fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = PublicKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify(message, &Ed25519::from_bytes(signature)).is_ok())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..5].iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Canonical for PeerId {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&self.0);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(decoder.raw("peer", 32)?.try_into().expect("raw returns as many bytes as asked for")))
    }
}

/// The secret half of a peer's name.
#[derive(Clone)]
pub struct Secret(pub(crate) SecretKey);

impl Secret {
    /// The secret that these bytes are.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SecretKey::from_bytes(bytes))
    }

    /// A secret that nobody else has.
    pub fn generate() -> Self {
        Self(SecretKey::generate())
    }

    /// The bytes, for a store that keeps them encrypted.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The peer whose secret this is.
    pub fn peer(&self) -> PeerId {
        PeerId(*self.0.public().as_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret of {:?}", self.peer())
    }
}

/// A peer and where it listens. Where the list comes from, a file or a registry, is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// The peer.
    pub peer: PeerId,
    /// Its addresses; those beyond [`ADDRESSES`] are not used.
    pub addresses: Vec<SocketAddr>,
}

impl PeerAddress {
    /// The addresses that are used.
    pub fn used(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.addresses.iter().take(ADDRESSES).copied()
    }
}
