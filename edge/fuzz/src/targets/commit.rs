//! What is opened against a root. Input: kind u8 · count u64 · index u64 · the value.

use super::canonical;
use samebit_commit::state::{self, ENTRY_LIMIT, Entry, EntryOpening};
use samebit_commit::tensor::ElementOpening;
use samebit_commit::{BatchOpening, Canonical, DType, Decoder, Digest, Encoder, Opening};

pub fn run(bytes: &[u8]) {
    let mut head = Decoder::new(bytes);
    let (Ok(kind), Ok(count), Ok(index)) = (head.u8("kind"), head.u64("count"), head.u64("index")) else {
        return;
    };
    let value = &bytes[head.position()..];
    let leaf = Digest([1; 32]);
    match kind {
        0 => drop(canonical::<Entry>(value).map(|entry| (entry.leaf(), entry.element_count()))),
        1 => drop(canonical::<EntryOpening>(value).map(|opened| opened.verify(leaf, count, index))),
        2 => drop(canonical::<Opening>(value).map(|opening| opening.top(count, index, leaf))),
        3 => drop(canonical::<BatchOpening>(value).map(|opening| {
            let leaves = [index, index.saturating_add(1), index.saturating_add(7)].map(|index| (index, leaf));
            (1..=3).for_each(|leaf_count| drop(opening.top(count, &leaves[..leaf_count])));
        })),
        4 => drop(
            canonical::<ElementOpening>(value).map(|opened| opened.verify(leaf, DType::F32, count, index)),
        ),
        _ => entries(value),
    }
}

fn entries(bytes: &[u8]) {
    let mut decoder = Decoder::new(bytes);
    let Ok(entries) = decoder.list("state", ENTRY_LIMIT, Entry::decode) else { return };
    let read = &bytes[..decoder.position()];
    let mut encoder = Encoder::new();
    encoder.list(&entries, |encoder, entry| entry.encode(encoder));
    assert!(encoder.as_bytes() == read, "{entries:?} have two encodings");
    state::root(&entries);
}
