//! The greeting: the first thing that each side of a connection says.
//!
//! ```text
//! "samebit\0" · version u16 · whatever this version says: network 32
//! └── the same in every version ──┘
//! ```

use super::VERSION;
use crate::NetworkId;
use crate::notice::fixed;
use samebit_commit::{DecodeError, Decoder, Encoder};

const MAGIC: &[u8; 8] = b"samebit\0";

/// A greeting. It has no [`samebit_commit::Canonical`]: what another version says after its number is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    /// A peer of this version.
    Same(NetworkId),
    /// A peer of another version.
    Other(u16),
}

/// Why two peers refuse each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// They speak different versions.
    #[error(
        "this peer speaks version {ours} of the protocol, the other version {theirs}; hint: the older of the two must be updated"
    )]
    Version {
        /// This peer's.
        ours: u16,
        /// The other's.
        theirs: u16,
    },
    /// They belong to different networks.
    #[error(
        "the other peer belongs to another network; hint: compare the chain's id and the contracts' addresses"
    )]
    Network,
}

impl Hello {
    /// The bytes of this version's greeting.
    pub fn bytes(network: NetworkId) -> Vec<u8> {
        let mut encoder = Encoder::new();
        encoder.raw(MAGIC);
        encoder.u16(VERSION);
        encoder.raw(&network.0);
        encoder.into_bytes()
    }

    /// Reads a greeting of any version.
    ///
    /// # Errors
    /// What starts otherwise is no greeting, and what says this version must be a greeting of this version.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        if decoder.raw("magic", MAGIC.len())? != MAGIC {
            return Err(decoder.refuse("a greeting starts with samebit"));
        }
        let version = decoder.u16("version")?;
        if version != VERSION {
            return Ok(Self::Other(version));
        }
        let network = NetworkId(fixed(&mut decoder, "network")?);
        decoder.finish()?;
        Ok(Self::Same(network))
    }

    /// Whether a peer of `network` speaks with whoever said this.
    ///
    /// # Errors
    /// Why it does not.
    pub fn suits(self, network: NetworkId) -> Result<(), Mismatch> {
        match self {
            Self::Same(theirs) if theirs == network => Ok(()),
            Self::Same(_) => Err(Mismatch::Network),
            Self::Other(theirs) => Err(Mismatch::Version { ours: VERSION, theirs }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkId = NetworkId([7; 32]);

    #[test]
    fn peers_of_one_version_and_network_suit_each_other() {
        let hello = Hello::read(&Hello::bytes(NETWORK)).expect("it reads its own");
        assert_eq!(hello.suits(NETWORK), Ok(()));
        assert_eq!(hello.suits(NetworkId([8; 32])), Err(Mismatch::Network));
    }

    #[test]
    fn another_version_is_named_whatever_it_says_after_its_number() {
        for rest in [&b""[..], b"x", &[0; 200]] {
            let bytes = [&MAGIC[..], &9u16.to_be_bytes(), rest].concat();
            let mismatch =
                Hello::read(&bytes).expect("a greeting").suits(NETWORK).expect_err("another version");
            assert_eq!(mismatch, Mismatch::Version { ours: VERSION, theirs: 9 });
            let text = mismatch.to_string();
            assert!(text.contains("version 1 ") && text.contains("version 9"), "{text}");
        }
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        let good = Hello::bytes(NETWORK);
        for cut in 0..good.len() {
            assert!(Hello::read(&good[..cut]).is_err(), "{cut}");
        }
        assert!(Hello::read(&[&good[..], b"x"].concat()).is_err());
        assert!(Hello::read(b"GET / HTTP/1.1\r\n").is_err());
    }
}
