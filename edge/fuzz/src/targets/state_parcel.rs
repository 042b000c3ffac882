//! A state as one file. Input: kind u8 · raw: the file · made: entries (a list after its length), the words of its tensors.

use crate::scratch;
use samebit_commit::state::{self, ENTRY_LIMIT, Entry};
use samebit_commit::{Canonical, DType, Decoder, Digest, Encoder, tensor};
use samebit_trace::parcel;

pub fn run(bytes: &[u8]) {
    let Some((kind, file)) = bytes.split_first() else { return };
    match kind {
        0 => {
            let _ = check(file, entries(file).map_or(Digest::ZERO, |(entries, _)| state::root(&entries)));
        }
        _ => drop(made(file)),
    }
}

fn entries(bytes: &[u8]) -> Option<(Vec<Entry>, &[u8])> {
    let mut decoder = Decoder::new(bytes);
    let mut inner = Decoder::new(decoder.bytes("entries", u32::MAX).ok()?);
    let entries = inner.list("state", ENTRY_LIMIT, Entry::decode).ok()?;
    inner.finish().ok()?;
    Some((entries, &bytes[decoder.position()..]))
}

/// Whether a file is the state of this root; if so its words are those of the file.
fn check(bytes: &[u8], root: Digest) -> bool {
    let path = scratch::file("state", bytes);
    let is_right = parcel::check_state(&path, root).is_ok();
    let read = parcel::state_words(&path);
    if is_right {
        let words: Vec<u8> =
            read.expect("it was checked").into_iter().flatten().flat_map(u32::to_le_bytes).collect();
        assert!(bytes.ends_with(&words), "its words are the file's");
    }
    is_right
}

/// A file whose digests are right: it is taken if, and only if, its floats are canonical.
fn made(bytes: &[u8]) -> Option<()> {
    let (mut entries, rest) = entries(bytes)?;
    let counts: Option<Vec<u64>> = entries.iter().map(Entry::element_count).collect();
    let total = counts.as_ref()?.iter().try_fold(0u64, |sum, count| sum.checked_add(*count))?;
    let is_whole = total.checked_mul(4) == Some(rest.len() as u64);
    let (mut left, mut is_canonical) = (rest, true);
    for (entry, count) in entries.iter_mut().zip(counts?).filter(|_| is_whole) {
        let (words, after) = left.split_at(4 * count as usize);
        let words: Vec<u32> = words.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        is_canonical &=
            entry.dtype != DType::F32 || words.iter().all(|word| samebit_num::canonical(*word) == *word);
        entry.root = tensor::root_of(entry.dtype, &words);
        left = after;
    }
    let mut encoder = Encoder::new();
    encoder.list(&entries, |encoder, entry| entry.encode(encoder));
    let list = encoder.into_bytes();
    let file = [&(list.len() as u32).to_be_bytes()[..], &list, rest].concat();
    assert_eq!(check(&file, state::root(&entries)), is_whole && is_canonical, "{entries:?}");
    Some(())
}
