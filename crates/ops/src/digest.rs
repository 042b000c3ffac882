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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_its_tag_and_its_little_endian_words() {
        let expected: [u8; 32] = Sha256::digest([0, 0x04, 0x03, 0x02, 0x01, 0xff, 0, 0, 0]).into();
        assert_eq!(page_digest(&[0x0102_0304, 0xff]), expected);
        assert_ne!(page_digest(&[]), page_digest(&[0]));
    }
}
