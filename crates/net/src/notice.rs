//! One signed notice (network.md §3).
//!
//! ```text
//! author 32 · topic 32 · sequence u64 · expires u64 · body (length u32 ≤ NOTICE_BYTES) · signature 64
//! └───────────────────── signed, behind the domain and the network ──────────────────┘
//! ```

use crate::limits::NOTICE_BYTES;
use crate::{NetworkId, PeerId, Secret, Time};
use samebit_commit::{Canonical, DecodeError, Decoder, Encoder};

/// What a signature of a notice starts with, so that it is none of anything else.
const DOMAIN: &[u8] = b"samebit notice 1\0";

/// What a notice is about. The caller gives topics a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub [u8; 32]);

/// What one peer tells all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who says it.
    pub author: PeerId,
    /// What it is about.
    pub topic: Topic,
    /// Rises with each notice of an author: no two have the same.
    pub sequence: u64,
    /// When it is over; whoever gets it later drops it.
    pub expires: Time,
    /// What is said.
    pub body: Vec<u8>,
}

/// A notice and the signature under it. Not yet checked when it was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The notice.
    pub notice: Notice,
    /// By its author, claimedly.
    pub signature: [u8; 64],
}

impl Signed {
    /// Signs a notice.
    ///
    /// # Panics
    /// If the secret is not its author's.
    pub fn new(notice: Notice, secret: &Secret, network: NetworkId) -> Self {
        assert_eq!(notice.author, secret.peer(), "an author signs its own notices");
        let signature = secret.sign(&preimage(&notice, network));
        Self { notice, signature }
    }

    /// Whether its author signed it, for this network.
    pub fn is_authentic(&self, network: NetworkId) -> bool {
        self.notice.author.has_signed(&preimage(&self.notice, network), &self.signature)
    }
}

fn preimage(notice: &Notice, network: NetworkId) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.raw(DOMAIN);
    encoder.raw(&network.0);
    notice.encode(&mut encoder);
    encoder.into_bytes()
}

impl Canonical for Notice {
    fn encode(&self, encoder: &mut Encoder) {
        self.author.encode(encoder);
        encoder.raw(&self.topic.0);
        encoder.u64(self.sequence);
        encoder.u64(self.expires.0);
        encoder.bytes(&self.body);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            author: PeerId::decode(decoder)?,
            topic: Topic(fixed(decoder, "topic")?),
            sequence: decoder.u64("sequence")?,
            expires: Time(decoder.u64("expires")?),
            body: decoder.bytes("body", NOTICE_BYTES)?.to_vec(),
        })
    }
}

impl Canonical for Signed {
    fn encode(&self, encoder: &mut Encoder) {
        self.notice.encode(encoder);
        encoder.raw(&self.signature);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { notice: Notice::decode(decoder)?, signature: fixed(decoder, "signature")? })
    }
}

/// Reads bytes whose number the type says.
pub(crate) fn fixed<const N: usize>(
    decoder: &mut Decoder<'_>,
    what: &'static str,
) -> Result<[u8; N], DecodeError> {
    Ok(decoder.raw(what, N)?.try_into().expect("raw returns as many bytes as asked for"))
}
