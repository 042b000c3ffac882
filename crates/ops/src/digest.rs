//! Digests of pages (docs/spec/commitment.md §2): SHA-256 of the tag 0x00 and up to 256 words, little-endian.

use sha2::{Digest, Sha256};

/// Words of a page.
pub(crate) const PAGE_WORDS: usize = 256;

/// What a page's preimage starts with.
const PAGE_TAG: [u8; 1] = [0x00];

/// The digest of one page.
pub(crate) fn page_digest(page: &[u32]) -> [u8; 32] {
    debug_assert!(page.len() <= PAGE_WORDS);
    let mut hash = Sha256::new_with_prefix(PAGE_TAG);
    if cfg!(target_endian = "little") {
        hash.update(bytemuck::cast_slice::<u32, u8>(page));
    } else {
        page.iter().for_each(|word| hash.update(word.to_le_bytes()));
    }
    hash.finalize().into()
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
#[cfg(all(target_arch = "x86_64", target_endian = "little"))]
fn pair_digests(words: &[u32]) -> Option<[[u8; 32]; 2]> {
    let [first, second] = bytemuck::cast_slice::<u32, u8>(words).as_chunks::<{ 4 * PAGE_WORDS }>().0 else {
        return None;
    };
    crate::simd::Sha::new().map(|sha| sha.pages([first, second]))
}

#[cfg(not(all(target_arch = "x86_64", target_endian = "little")))]
fn pair_digests(_: &[u32]) -> Option<[[u8; 32]; 2]> {
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
}
