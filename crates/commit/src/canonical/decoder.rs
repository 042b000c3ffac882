//! Reading canonical bytes.

use super::{DEPTH_LIMIT, DecodeError};

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

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
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
