//! Digests and domain tags (commitment.md §1).
//!
//! ```text
//! digest = SHA-256( tag (1 byte) ‖ part ‖ part ‖ … )
//! ```

use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// The 32 bytes of a SHA-256: the name of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of an absent subtree: 32 zero bytes.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What a preimage is: its first byte (commitment.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tag {
    /// The words of a page, little-endian.
    Page = 0x00,
    /// Two subtrees.
    Inner = 0x01,
    /// A count and the top of the tree over that many leaves.
    List = 0x02,
    /// dtype, element count and the top of the tree over the pages.
    Tensor = 0x03,
    /// Name, dtype, shape and root of one tensor of a state.
    StateEntry = 0x04,
    /// A node's canonical bytes.
    Node = 0x05,
    /// A declaration's canonical bytes.
    Declaration = 0x06,
    /// A whole program.
    Program = 0x07,
    /// The state after a step and the step's trace.
    Step = 0x08,
    /// One running total of a fold.
    Total = 0x09,
    /// What is computed: a job's name.
    Spec = 0x0a,
    /// The state after a segment and its steps.
    Segment = 0x0b,
    /// A receipt's bytes, its digest left blank.
    Receipt = 0x0c,
    /// A file's bytes.
    File = 0x0d,
    /// What a dispute is about.
    Question = 0x0e,
    /// Where the game of a dispute is; the lanes of a fold's block.
    Position = 0x0f,
    /// What a step shows of itself to a checker.
    Interior = 0x10,
    /// Which pages of a state a step shows.
    InteriorPage = 0x11,
    /// A job on a chain.
    Job = 0x12,
    /// The terms of a job.
    Terms = 0x13,
    /// A claimed segment: the state after it and its seal.
    Claimed = 0x14,
    /// What somebody says a segment's interior root is.
    Seal = 0x15,
    /// A segment's secret.
    Secret = 0x16,
    /// What chance decides.
    Draw = 0x17,
    /// What a whistleblower says a segment's interior root is.
    Catch = 0x18,
    /// Which challenge a question belongs to.
    Asked = 0x19,
}

impl Tag {
    /// Every tag, in the order of its byte.
    pub const ALL: [Tag; 26] = [
        Tag::Page,
        Tag::Inner,
        Tag::List,
        Tag::Tensor,
        Tag::StateEntry,
        Tag::Node,
        Tag::Declaration,
        Tag::Program,
        Tag::Step,
        Tag::Total,
        Tag::Spec,
        Tag::Segment,
        Tag::Receipt,
        Tag::File,
        Tag::Question,
        Tag::Position,
        Tag::Interior,
        Tag::InteriorPage,
        Tag::Job,
        Tag::Terms,
        Tag::Claimed,
        Tag::Seal,
        Tag::Secret,
        Tag::Draw,
        Tag::Catch,
        Tag::Asked,
    ];
}

/// The digest of `tag` and the concatenation of `parts`.
///
/// Parts have no separator: callers put lengths where a boundary could be moved.
pub fn hash(tag: Tag, parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([tag as u8]);
    for part in parts {
        hasher.update(part);
    }
    Digest(hasher.finalize().into())
}

/// The digest of `tag` and everything that a reader gives, without holding it.
///
/// # Errors
/// The reader's.
pub fn hash_reader(tag: Tag, reader: &mut impl std::io::Read) -> std::io::Result<Digest> {
    let mut hasher = Sha256::new();
    hasher.update([tag as u8]);
    let mut piece = vec![0; 1 << 16];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(Digest(hasher.finalize().into())),
            Ok(count) => hasher.update(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        formatter.pad(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDigestError {
    /// The text has the wrong length.
    #[error("a digest has 64 hexadecimal digits, this text has {0} bytes")]
    Length(usize),
    /// A character is no lower-case hexadecimal digit.
    #[error("byte {position} of a digest is {byte:#04x}; hint: only 0-9 and a-f, in lower case")]
    Digit {
        /// Where, in bytes from the start of the text.
        position: usize,
        /// The byte found there.
        byte: u8,
    },
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Reads 64 lower-case hexadecimal digits: one text per digest, so that texts may be compared.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return Err(ParseDigestError::Length(text.len()));
        }
        let mut bytes = [0u8; 32];
        for (position, &byte) in text.iter().enumerate() {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return Err(ParseDigestError::Digit { position, byte }),
            };
            bytes[position / 2] = bytes[position / 2] << 4 | value;
        }
        Ok(Digest(bytes))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_sha256_of_tag_and_parts() {
        // SHA-256 of the bytes 01 61 62 63.
        let expected = Sha256::digest(b"\x01abc");
        assert_eq!(hash(Tag::Inner, &[b"a", b"", b"bc"]).0[..], expected[..]);
        // FIPS 180-4 vectors, to know that the library is SHA-256.
        let empty = Digest(Sha256::digest(b"").into());
        assert_eq!(empty.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_reader_has_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..200_000u32).map(|at| at as u8).collect();
        let found = hash_reader(Tag::File, &mut &bytes[..]).expect("memory can be read");
        assert_eq!(found, hash(Tag::File, &[&bytes]));
    }

    #[test]
    fn tags_are_distinct_and_match_the_specification() {
        for (byte, tag) in Tag::ALL.iter().enumerate() {
            assert_eq!(*tag as usize, byte);
        }
    }

    #[test]
    fn text_round_trips_and_has_one_form() {
        let digest = hash(Tag::Page, &[b"text"]);
        let text = digest.to_string();
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text[1..].parse::<Digest>(), Err(ParseDigestError::Length(63)));
        let upper = Digest([0xab; 32]).to_string().to_uppercase();
        assert_eq!(upper.parse::<Digest>(), Err(ParseDigestError::Digit { position: 0, byte: b'A' }));
        let bad = format!("{}g", &text[..63]);
        assert_eq!(bad.parse::<Digest>(), Err(ParseDigestError::Digit { position: 63, byte: b'g' }));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_is_the_text() {
        let digest = hash(Tag::Page, &[b"text"]);
        let json = serde_json::to_string(&digest).expect("serialises");
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("parses"), digest);
        assert!(serde_json::from_str::<Digest>("\"00\"").is_err());
    }
}
