//! Digests of pages and of the nodes above them (docs/spec/commitment.md §1): SHA-256 of a tag and up to 256 words, little-endian, or
//! two digests.

use sha2::{Digest, Sha256};

/// Words of a page.
pub(crate) const PAGE_WORDS: usize = 256;

/// What a page's preimage starts with.
const PAGE_TAG: u8 = 0x00;

/// What an inner node's preimage starts with.
const INNER_TAG: u8 = 0x01;

/// The digest of one page.
pub(crate) fn page_digest(page: &[u32]) -> [u8; 32] {
    debug_assert!(page.len() <= PAGE_WORDS);
    if cfg!(target_endian = "little") {
        return alone(PAGE_TAG, bytemuck::cast_slice::<u32, u8>(page));
    }
    let bytes: Vec<u8> = page.iter().flat_map(|word| word.to_le_bytes()).collect();
    alone(PAGE_TAG, &bytes)
}

/// The digests of a tensor's pages; the processor's SHA instructions hash two full pages at a time.
pub(crate) fn page_digests(words: &[u32], digests: &mut [[u8; 32]]) {
    debug_assert_eq!(words.len().div_ceil(PAGE_WORDS), digests.len());
    let pages = words.chunks(2 * PAGE_WORDS).zip(digests.chunks_mut(2));
    pages.for_each(|(words, digests)| match pair_digests(words) {
        Some(pair) => digests.copy_from_slice(&pair),
        None => words.chunks(PAGE_WORDS).zip(digests).for_each(|(page, digest)| *digest = page_digest(page)),
    });
}

/// The digests of two full pages, where the processor can hash them together.
fn pair_digests(words: &[u32]) -> Option<[[u8; 32]; 2]> {
    let [first, second] = bytemuck::cast_slice::<u32, u8>(words).as_chunks::<{ 4 * PAGE_WORDS }>().0 else {
        return None;
    };
    if cfg!(target_endian = "little") { together(PAGE_TAG, [first, second]) } else { None }
}

/// The nodes above neighbouring digests: `above[i]` is SHA-256 of the tag 0x01, `below[2i]` and `below[2i + 1]`. Panics unless there
/// are twice as many below.
pub fn inner_digests(below: &[[u8; 32]], above: &mut [[u8; 32]]) {
    assert_eq!(below.len(), 2 * above.len(), "two digests below each");
    for (below, above) in below.chunks(4).zip(above.chunks_mut(2)) {
        let bytes = below.as_flattened();
        match above {
            [first, second] => {
                let (left, right) = bytes.split_at(64);
                [*first, *second] = together(INNER_TAG, [left, right])
                    .unwrap_or_else(|| [left, right].map(|pair| alone(INNER_TAG, pair)));
            }
            above => above[0] = alone(INNER_TAG, bytes),
        }
    }
}

/// The digest of one message.
fn alone(tag: u8, message: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix([tag]).chain_update(message).finalize().into()
}

/// The digests of two messages of as many whole blocks, where the processor can hash them together.
#[cfg(target_arch = "x86_64")]
fn together(tag: u8, messages: [&[u8]; 2]) -> Option<[[u8; 32]; 2]> {
    crate::simd::Sha::new().map(|sha| sha.digests(tag, messages))
}

#[cfg(not(target_arch = "x86_64"))]
fn together(_: u8, _: [&[u8]; 2]) -> Option<[[u8; 32]; 2]> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hashed_together_are_pages_hashed_alone() {
        for len in [0, 1, 255, 256, 257, 511, 512, 513, 1024, 1280, 1300] {
            let words: Vec<u32> = (0..len).map(|i: u32| i.wrapping_mul(0x9e37_79b9) ^ (i << 7)).collect();
            let mut found = vec![[0; 32]; words.len().div_ceil(PAGE_WORDS)];
            page_digests(&words, &mut found);
            let expected: Vec<[u8; 32]> = words.chunks(PAGE_WORDS).map(page_digest).collect();
            assert_eq!(found, expected, "{len} words");
        }
    }

    #[test]
    fn a_page_is_its_tag_and_its_little_endian_words() {
        let expected: [u8; 32] = Sha256::digest([0, 0x04, 0x03, 0x02, 0x01, 0xff, 0, 0, 0]).into();
        assert_eq!(page_digest(&[0x0102_0304, 0xff]), expected);
        assert_ne!(page_digest(&[]), page_digest(&[0]));
    }

    #[test]
    fn nodes_hashed_together_are_nodes_hashed_alone() {
        for count in 0..7 {
            let below: Vec<[u8; 32]> =
                (0..2 * count).map(|i: u8| std::array::from_fn(|j| i.wrapping_mul(37) ^ j as u8)).collect();
            let mut found = vec![[0; 32]; count as usize];
            inner_digests(&below, &mut found);
            let one = |pair: &[[u8; 32]]| {
                let message = [&[0x01], pair.as_flattened()].concat();
                <[u8; 32]>::from(Sha256::digest(message))
            };
            let expected: Vec<[u8; 32]> = below.chunks(2).map(one).collect();
            assert_eq!(found, expected, "{count} nodes");
        }
    }
}
