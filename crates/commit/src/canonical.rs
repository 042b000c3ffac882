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

/// Builds canonical bytes.
///
/// A value over a limit of the encoding is a broken invariant of the caller and panics; values from outside come
/// through a [`Decoder`], which refuses them.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder without bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends bytes whose number the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a string.
    ///
    /// # Panics
    /// If it has more than 65,535 bytes.
    pub fn string(&mut self, text: &str) {
        self.u16(u16::try_from(text.len()).expect("a canonical string has at most 65535 bytes"));
        self.raw(text.as_bytes());
    }

    /// Appends bytes with their length.
    ///
    /// # Panics
    /// If there are 2^32 or more.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).expect("canonical bytes have a length below 2^32"));
        self.raw(bytes);
    }

    /// Appends a list: its count (u32), then each item by `encode`.
    ///
    /// # Panics
    /// If it has 2^32 or more items.
    pub fn list<T>(&mut self, items: &[T], mut encode: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).expect("a canonical list has a count below 2^32"));
        items.iter().for_each(|item| encode(self, item));
    }

    /// Appends a short list: its count (u8), then each item by `encode`.
    ///
    /// # Panics
    /// If it has more than 255 items.
    pub fn short_list<T>(&mut self, items: &[T], mut encode: impl FnMut(&mut Self, &T)) {
        self.u8(u8::try_from(items.len()).expect("a short canonical list has at most 255 items"));
        items.iter().for_each(|item| encode(self, item));
    }
}

/// Reads canonical bytes.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    position: usize,
    depth: u32,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, depth: 0 }
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Ends the input.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] if bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { position: self.position, left }),
        }
    }

    /// The error that refuses the value just read.
    pub fn refuse(&self, reason: &'static str) -> DecodeError {
        DecodeError::Refused { position: self.position, reason }
    }

    /// The error that the tag byte just read names no variant of `what`.
    pub fn unknown_tag(&self, what: &'static str, tag: u8) -> DecodeError {
        DecodeError::UnknownTag { what, position: self.position.saturating_sub(1), tag }
    }

    /// Reads `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn raw(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], DecodeError> {
        self.require(what, length as u64)?;
        let bytes = &self.bytes[self.position..self.position + length];
        self.position += length;
        Ok(bytes)
    }

    fn require(&self, what: &'static str, needed: u64) -> Result<(), DecodeError> {
        if needed > self.left() as u64 {
            return Err(DecodeError::Truncated { what, position: self.position, needed, left: self.left() });
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let bytes = self.raw(what, N)?;
        Ok(bytes.try_into().expect("raw returns as many bytes as asked for"))
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Reads two bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    /// Reads four bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    /// Reads eight bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    /// Reads a string of at most `limit` bytes.
    ///
    /// # Errors
    /// [`DecodeError::OverLimit`], [`DecodeError::Truncated`], [`DecodeError::NotUtf8`].
    pub fn string(&mut self, what: &'static str, limit: u16) -> Result<&'a str, DecodeError> {
        let position = self.position;
        let length = self.u16(what)?;
        within(what, position, length.into(), limit.into())?;
        let position = self.position;
        let bytes = self.raw(what, length.into())?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 { what, position })
    }

    /// Reads bytes with their length, at most `limit`.
    ///
    /// # Errors
    /// [`DecodeError::OverLimit`], [`DecodeError::Truncated`].
    pub fn bytes(&mut self, what: &'static str, limit: u32) -> Result<&'a [u8], DecodeError> {
        let position = self.position;
        let length = self.u32(what)?;
        within(what, position, length.into(), limit.into())?;
        self.require(what, length.into())?;
        self.raw(what, length as usize)
    }

    /// Reads a list (count u32) of at most `limit` items, each of at least one byte.
    ///
    /// # Errors
    /// [`DecodeError::OverLimit`], [`DecodeError::Truncated`] when the input cannot hold so many items, and those
    /// of `decode`.
    pub fn list<T>(
        &mut self,
        what: &'static str,
        limit: u32,
        decode: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let position = self.position;
        let count = self.u32(what)?;
        within(what, position, count.into(), limit.into())?;
        self.items(what, count, decode)
    }

    /// Reads a short list (count u8) of at most `limit` items, each of at least one byte.
    ///
    /// # Errors
    /// As [`Decoder::list`].
    pub fn short_list<T>(
        &mut self,
        what: &'static str,
        limit: u8,
        decode: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let position = self.position;
        let count = self.u8(what)?;
        within(what, position, count.into(), limit.into())?;
        self.items(what, count.into(), decode)
    }

    fn items<T>(
        &mut self,
        what: &'static str,
        count: u32,
        mut decode: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.require(what, count.into())?;
        // Not reserved: an item in memory may be much larger than the byte that the input spent on it.
        let mut items = Vec::new();
        for _ in 0..count {
            let before = self.position;
            items.push(decode(self)?);
            assert!(self.position > before, "an item of {what} takes at least one byte");
        }
        Ok(items)
    }

    /// Reads a value that lies inside another one of its kind.
    ///
    /// # Errors
    /// [`DecodeError::TooDeep`] beyond [`DEPTH_LIMIT`], and those of `decode`.
    pub fn nested<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == DEPTH_LIMIT {
            return Err(DecodeError::TooDeep { position: self.position });
        }
        self.depth += 1;
        let value = decode(self);
        self.depth -= 1;
        value
    }
}

fn within(what: &'static str, position: usize, count: u64, limit: u64) -> Result<(), DecodeError> {
    if count > limit {
        return Err(DecodeError::OverLimit { what, position, count, limit });
    }
    Ok(())
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
#[path = "canonical_tests.rs"]
mod tests;
