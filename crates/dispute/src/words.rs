//! Preimages of fields as 32-byte words, as a contract's `abi.encode` lays them out.

use crate::ids::Owner;
use crate::limits::LANES;
use samebit_commit::{Digest, Tag, hash};

/// Bytes of a word.
pub const WORD_BYTES: usize = 32;

/// A number as a 32-byte word.
pub fn number(value: u128) -> Digest {
    let mut bytes = [0; WORD_BYTES];
    bytes[WORD_BYTES / 2..].copy_from_slice(&value.to_be_bytes());
    Digest(bytes)
}

/// The number in a 32-byte word, if it is a `u32`.
pub fn word_of(digest: Digest) -> Option<u32> {
    let (front, word) = digest.0.split_at(WORD_BYTES - 4);
    front.iter().all(|&byte| byte == 0).then(|| u32::from_be_bytes(word.try_into().expect("four bytes")))
}

/// The digest of a block's lanes, each as a 32-byte word (dispute.md §4).
pub fn lanes_digest(lanes: &[u32; LANES]) -> Digest {
    let mut words = Words::default();
    lanes.iter().for_each(|&lane| words.number(lane));
    words.hash(Tag::Position)
}

/// Fields in order, each as a word.
#[derive(Default)]
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub(crate) fn digest(&mut self, digest: Digest) {
        self.0.extend_from_slice(digest.as_ref());
    }

    pub(crate) fn number(&mut self, value: impl Into<u128>) {
        self.digest(number(value.into()));
    }

    pub(crate) fn owner(&mut self, owner: Owner) {
        self.0.extend_from_slice(&[0; WORD_BYTES - 20]);
        self.0.extend_from_slice(&owner.0);
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn hash(self, tag: Tag) -> Digest {
        hash(tag, &[&self.0])
    }
}
