//! Canonical bytes: one encoding per value, decoders that reject and never panic (program.md §5).
//!
//! ```text
//! integer   big-endian
//! string    length u16, UTF-8 bytes
//! bytes     length u32, the bytes
//! list      count u32, the items          short list   count u8, the items
//! ```
//!
//! A decoder allocates no more than its input justifies: a count is checked against the bytes that are left before
//! anything is reserved, and every item takes at least one byte.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;

use crate::Digest;

/// How deep values may nest inside one another in canonical bytes.
pub const DEPTH_LIMIT: u32 = 16;

/// A value with exactly one encoding.
pub trait Canonical: Sized {
    /// Appends the value's bytes.
    fn encode(&self, encoder: &mut Encoder);

    /// Reads one value.
    ///
    /// # Errors
    /// Whatever is not the one encoding of a legal value is refused.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// The value's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        self.encode(&mut encoder);
        encoder.into_bytes()
    }

    /// Reads a value that fills `bytes` to the end.
    ///
    /// # Errors
    /// As [`Canonical::decode`], and [`DecodeError::Trailing`] when bytes are left.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let value = Self::decode(&mut decoder)?;
        decoder.finish()?;
        Ok(value)
    }
}

/// Why bytes are not the encoding of a value. Positions count from the start of the decoder's input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends inside the value.
    #[error("{what} at byte {position} needs {needed} bytes, {left} are left; hint: the input is cut off")]
    Truncated {
        /// What was read.
        what: &'static str,
        /// Where it starts.
        position: usize,
        /// How many bytes it takes at least.
        needed: u64,
        /// How many there are.
        left: usize,
    },
    /// A length or count is over its limit.
    #[error("{what} at byte {position} is {count}, the limit is {limit}")]
    OverLimit {
        /// What was counted.
        what: &'static str,
        /// Where the count stands.
        position: usize,
        /// The count found.
        count: u64,
        /// The greatest legal count.
        limit: u64,
    },
    /// Bytes follow the value.
    #[error("the value ends at byte {position}, but {left} more follow")]
    Trailing {
        /// Where the value ends.
        position: usize,
        /// How many bytes follow.
        left: usize,
    },
    /// A string is not UTF-8.
    #[error("{what} at byte {position} is not UTF-8")]
    NotUtf8 {
        /// What the string is.
        what: &'static str,
        /// Where its text starts.
        position: usize,
    },
    /// A tag byte names no variant.
    #[error("byte {position} is {tag:#04x}, which is no {what}")]
    UnknownTag {
        /// What was expected.
        what: &'static str,
        /// Where the tag stands.
        position: usize,
        /// The byte found.
        tag: u8,
    },
    /// Values nest deeper than [`DEPTH_LIMIT`].
    #[error("values nest deeper than {DEPTH_LIMIT} at byte {position}")]
    TooDeep {
        /// Where the value too deep starts.
        position: usize,
    },
    /// The bytes describe a value in a way that is not its one encoding, or a value that is not legal.
    #[error("the value before byte {position} is refused: {reason}")]
    Refused {
        /// Where the value ends.
        position: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Canonical for Digest {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&self.0);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Digest(decoder.array("digest")?))
    }
}

#[cfg(test)]
mod tests;
