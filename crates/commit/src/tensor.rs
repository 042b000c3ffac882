//! The names of tensors: pages of 256 words and the tree over them (commitment.md §3).
//!
//! ```text
//! tensor(dtype, count, top)          top of the tree over the pages
//!   page(words 0 … 255)  page(words 256 … 511)  …  page(the rest)
//! ```
//!
//! A word is 4 little-endian bytes, as it lies in memory on the machines that this is fast for: pages are hashed in
//! place, one SHA-256 each. The shape is not part of a tensor's name.

use crate::{
    Canonical, DecodeError, Decoder, Digest, Encoder, Opening, OpeningError, Tag, Tree, hash, merkle,
};
use rayon::prelude::*;

/// Words of a page.
pub const PAGE_WORDS: usize = 256;

/// Bytes of a whole page.
pub const PAGE_BYTES: usize = 4 * PAGE_WORDS;

/// Pages hashed by one task: about 10 µs of work.
const TASK_PAGES: usize = 16;

/// What the words of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DType {
    /// IEEE-754 binary32.
    F32 = 0,
    /// Unsigned integers.
    U32 = 1,
}

impl DType {
    /// The dtype with this byte, if any.
    pub const fn from_byte(byte: u8) -> Option<DType> {
        match byte {
            0 => Some(DType::F32),
            1 => Some(DType::U32),
            _ => None,
        }
    }
}

impl Canonical for DType {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u8(*self as u8);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let byte = decoder.u8("dtype")?;
        DType::from_byte(byte).ok_or_else(|| decoder.unknown_tag("dtype", byte))
    }
}

/// A 32-bit element whose bits are what is committed to: `u32` or `f32`.
pub trait Word: bytemuck::Pod + Sync + sealed::Sealed {}

impl Word for u32 {}
impl Word for f32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for f32 {}
}

/// The number of pages of a tensor of `count` elements.
pub const fn page_count(count: u64) -> u64 {
    count.div_ceil(PAGE_WORDS as u64)
}

/// The number of words of page `page` of a tensor of `count` elements; 0 beyond the end.
pub const fn page_length(count: u64, page: u64) -> usize {
    let left = count.saturating_sub(page.saturating_mul(PAGE_WORDS as u64));
    if left < PAGE_WORDS as u64 { left as usize } else { PAGE_WORDS }
}

/// The digest of one page: at most 256 words.
pub fn page_digest<W: Word>(words: &[W]) -> Digest {
    debug_assert!(words.len() <= PAGE_WORDS, "a page has at most {PAGE_WORDS} words");
    if cfg!(target_endian = "little") {
        return hash(Tag::Page, &[bytemuck::cast_slice(words)]);
    }
    let bytes: Vec<u8> =
        bytemuck::cast_slice::<W, u32>(words).iter().flat_map(|word| word.to_le_bytes()).collect();
    hash(Tag::Page, &[&bytes])
}

/// The digests of all pages, in order, hashed on all threads of rayon's current pool.
pub fn page_digests<W: Word>(words: &[W]) -> Vec<Digest> {
    words.par_chunks(PAGE_WORDS).with_min_len(TASK_PAGES).map(page_digest).collect()
}

/// The digests of all pages of words given as little-endian bytes, as files hold them.
///
/// # Panics
/// If the length is no multiple of 4.
pub fn page_digests_of_bytes(bytes: &[u8]) -> Vec<Digest> {
    assert!(bytes.len().is_multiple_of(4), "{} bytes are not a whole number of words", bytes.len());
    bytes.par_chunks(PAGE_BYTES).with_min_len(TASK_PAGES).map(|page| hash(Tag::Page, &[page])).collect()
}

/// The root of a tensor: its dtype, its number of elements and the top of the tree over its pages.
pub fn root(dtype: DType, count: u64, top: Digest) -> Digest {
    hash(Tag::Tensor, &[&[dtype as u8], &count.to_be_bytes(), top.as_ref()])
}

/// The root of a tensor from its elements, hashed on all threads of rayon's current pool.
pub fn root_of<W: Word>(dtype: DType, words: &[W]) -> Digest {
    root(dtype, words.len() as u64, merkle::top(&page_digests(words)))
}

/// The root of a tensor from the digests of its pages.
///
/// # Panics
/// If there are not as many pages as `count` elements fill.
pub fn root_of_pages(dtype: DType, count: u64, pages: &[Digest]) -> Digest {
    assert_eq!(pages.len() as u64, page_count(count), "pages of a tensor of {count} elements");
    root(dtype, count, merkle::top(pages))
}

/// The root of a tensor from the digests of its pages, by a function that gives the nodes above many pairs
/// ([`merkle::top_by`]).
///
/// # Panics
/// If there are not as many pages as `count` elements fill.
pub fn root_of_pages_by(
    dtype: DType,
    count: u64,
    pages: &[[u8; 32]],
    raise: impl Fn(&[[u8; 32]], &mut [[u8; 32]]) + Sync,
) -> Digest {
    assert_eq!(pages.len() as u64, page_count(count), "pages of a tensor of {count} elements");
    root(dtype, count, merkle::top_by(pages, raise))
}

/// One page of a tensor and the siblings above it: shows every element of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementOpening {
    /// The words of the page.
    pub page: Vec<u32>,
    /// The siblings of the page's digest.
    pub opening: Opening,
}

impl ElementOpening {
    /// Opens the page of `element`; `pages` is the tree over the page digests of `words`.
    ///
    /// # Errors
    /// [`OpeningError::Index`] if the element is beyond the end.
    pub fn new<W: Word>(words: &[W], pages: &Tree, element: u64) -> Result<Self, OpeningError> {
        let count = words.len() as u64;
        debug_assert_eq!(pages.count(), page_count(count));
        if element >= count {
            return Err(OpeningError::Index { index: element, count });
        }
        let page = element / PAGE_WORDS as u64;
        let start = page as usize * PAGE_WORDS;
        let words = &words[start..start + page_length(count, page)];
        Ok(Self { page: bytemuck::cast_slice(words).to_vec(), opening: pages.open(page)? })
    }

    /// The word of `element`, if this is its page in the tensor with this root, dtype and element count.
    ///
    /// # Errors
    /// [`OpeningError`]: beyond the end, a page or siblings of the wrong length, another root.
    pub fn verify(&self, root: Digest, dtype: DType, count: u64, element: u64) -> Result<u32, OpeningError> {
        if element >= count {
            return Err(OpeningError::Index { index: element, count });
        }
        let page = element / PAGE_WORDS as u64;
        let expected = page_length(count, page);
        if self.page.len() != expected {
            return Err(OpeningError::PageLength { found: self.page.len(), expected });
        }
        let top = self.opening.top(page_count(count), page, page_digest(&self.page))?;
        merkle::same_root(self::root(dtype, count, top), root)?;
        Ok(self.page[element as usize % PAGE_WORDS])
    }
}

impl Canonical for ElementOpening {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.list(&self.page, |encoder, word| encoder.u32(*word));
        self.opening.encode(encoder);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let page = decoder.list("page", PAGE_WORDS as u32, |decoder| decoder.u32("word"))?;
        Ok(Self { page, opening: Opening::decode(decoder)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<u32> {
        (0..count as u32).map(|index| index.wrapping_mul(0x9e37_79b9)).collect()
    }

    #[test]
    fn a_root_by_hand() {
        let words = words(300);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let first = hash(Tag::Page, &[&bytes[..1024]]);
        let second = hash(Tag::Page, &[&bytes[1024..]]);
        let top = hash(Tag::Inner, &[&first.0, &second.0]);
        let expected = hash(Tag::Tensor, &[&[1], &300u64.to_be_bytes(), &top.0]);
        assert_eq!(root_of(DType::U32, &words), expected);
        assert_eq!(page_digests_of_bytes(&bytes), [first, second]);
        assert_eq!(root_of_pages(DType::U32, 300, &[first, second]), expected);
        let floats: Vec<f32> = words.iter().map(|&word| f32::from_bits(word)).collect();
        assert_eq!(page_digests(&floats), [first, second]);
    }

    #[test]
    fn dtype_count_and_every_word_are_named() {
        let words = words(513);
        let root = root_of(DType::U32, &words);
        assert_ne!(root, root_of(DType::F32, &words));
        assert_ne!(root, root_of(DType::U32, &words[..512]));
        for place in [0, 255, 256, 511, 512] {
            let mut changed = words.clone();
            changed[place] ^= 1;
            assert_ne!(root, root_of(DType::U32, &changed), "word {place}");
        }
    }

    #[test]
    fn thread_counts_change_nothing() {
        let words = words(100_001);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool starts");
            pool.install(|| root_of(DType::F32, &words))
        };
        assert_eq!([run(1), run(3)], [run(2); 2]);
    }

    #[test]
    fn elements_open_and_tampering_is_refused() {
        for count in [1usize, 255, 256, 257, 513, 1025] {
            let words = words(count);
            let tree = Tree::new(page_digests(&words));
            let (count, root) = (count as u64, root_of(DType::F32, &words));
            for element in [0, count / 2, count - 1] {
                let opening = ElementOpening::new(&words, &tree, element).expect("inside");
                let verify = |opening: &ElementOpening| opening.verify(root, DType::F32, count, element);
                assert_eq!(verify(&opening), Ok(words[element as usize]));
                assert_eq!(ElementOpening::from_bytes(&opening.to_bytes()), Ok(opening.clone()));
                let mut changed = opening.clone();
                changed.page[0] ^= 0x8000_0000;
                assert!(matches!(verify(&changed), Err(OpeningError::Root { .. })));
                let mut shorter = opening.clone();
                shorter.page.pop();
                assert!(matches!(verify(&shorter), Err(OpeningError::PageLength { .. })));
                assert!(opening.verify(root, DType::U32, count, element).is_err());
                assert!(opening.verify(root, DType::F32, count + 1, element).is_err());
                assert!(opening.verify(root, DType::F32, count, count).is_err());
            }
            assert_eq!(
                ElementOpening::new(&words, &tree, count),
                Err(OpeningError::Index { index: count, count })
            );
        }
    }

    #[test]
    fn page_lengths() {
        assert_eq!([page_length(257, 0), page_length(257, 1), page_length(257, 2)], [256, 1, 0]);
        assert_eq!([page_length(256, 0), page_length(0, 0), page_length(u64::MAX, u64::MAX)], [256, 0, 0]);
        assert_eq!([page_count(0), page_count(1), page_count(256), page_count(257)], [0, 1, 1, 2]);
    }
}
