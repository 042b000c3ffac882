//! A request: what follows the first byte of its stream, to the stream's end.

use crate::limits::REQUEST_BYTES;
use samebit_commit::{Canonical, DecodeError, Decoder, Encoder};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFrame(pub Vec<u8>);

impl RequestFrame {
    /// Bytes of the longest one.
    pub const BYTES: usize = 4 + REQUEST_BYTES as usize;
}

impl Canonical for RequestFrame {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.bytes(&self.0);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(decoder.bytes("request", REQUEST_BYTES)?.to_vec()))
    }
}
