//! Preimages of fields as 32-byte words, as a contract's `abi.encode` lays them out.

use crate::{Digest, Tag, hash};

/// Bytes of a word.
const WORD_BYTES: usize = 32;

/// Fields in order, each as a word.
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<u8>);

impl Words {
    /// No fields yet.
    pub fn new() -> Words {
        Words::default()
    }

    /// A digest, or any other word.
    #[must_use]
    pub fn digest(mut self, digest: Digest) -> Words {
        self.0.extend_from_slice(digest.as_ref());
        self
    }

    /// A number: the low end of its word.
    #[must_use]
    pub fn number(self, value: impl Into<u128>) -> Words {
        self.right(&value.into().to_be_bytes())
    }

    /// An address: a number of 20 bytes.
    #[must_use]
    pub fn address(self, address: [u8; 20]) -> Words {
        self.right(&address)
    }

    /// The digest of the fields.
    pub fn hash(&self, tag: Tag) -> Digest {
        hash(tag, &[&self.0])
    }

    fn right(self, bytes: &[u8]) -> Words {
        let mut word = [0; WORD_BYTES];
        word[WORD_BYTES - bytes.len()..].copy_from_slice(bytes);
        self.digest(Digest(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_words() {
        let words = Words::new().number(0x0102u16).address([7; 20]).digest(Digest([9; 32]));
        let mut preimage = [0; 96];
        preimage[30..32].copy_from_slice(&[1, 2]);
        preimage[44..64].fill(7);
        preimage[64..].fill(9);
        assert_eq!(words.hash(Tag::Job), hash(Tag::Job, &[&preimage]));
    }
}
