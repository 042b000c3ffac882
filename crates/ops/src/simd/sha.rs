//! SHA-256 of messages of equal length, several at a time, by the processor's SHA instructions.
//!
//! One message's rounds wait for each other; the rounds of another fill the gaps. A message is its tag byte and a multiple of 64 bytes,
//! so that block j holds bytes 64j − 1 to 64j + 62. A page (tag 0x00, 1,024 bytes):
//!
//! ```text
//! block 0     tag, bytes 0 … 62
//! block j     bytes 64j − 1 … 64j + 62
//! block 16    byte 1023, 0x80, zeros, the length of 8,200 bits
//! ```

use std::arch::x86_64::*;

/// Messages hashed together.
pub const MESSAGES: usize = 2;

/// Bytes of a block.
const BLOCK_BYTES: usize = 64;

/// How many bytes ahead memory is asked for: the processor fetches ahead by itself, but not across pages.
const AHEAD_BYTES: usize = 4096;

/// A processor with SHA instructions.
#[derive(Clone, Copy)]
pub struct Sha(());

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2).
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

impl Sha {
    /// The instructions, if the processor has them.
    pub fn new() -> Option<Sha> {
        let has = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has.then_some(Sha(()))
    }

    /// The digests of messages that are `tag` and these bytes, equally many, at least one block and whole blocks.
    pub fn digests(self, tag: u8, messages: [&[u8]; MESSAGES]) -> [[u8; 32]; MESSAGES] {
        let [first, second] = messages;
        assert!(!first.is_empty() && first.len().is_multiple_of(BLOCK_BYTES), "whole blocks");
        assert_eq!(first.len(), second.len(), "messages of equal length");
        // SAFETY: `new` saw the features.
        unsafe { digests_with_features(tag, messages) }
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn digests_with_features(tag: u8, messages: [&[u8]; MESSAGES]) -> [[u8; 32]; MESSAGES] {
    // A B E F and C D G H, the most significant first.
    let first = _mm_set_epi32(0x6a09e667, 0xbb67ae85u32 as i32, 0x510e527f, 0x9b05688cu32 as i32);
    let second = _mm_set_epi32(0x3c6ef372, 0xa54ff53au32 as i32, 0x1f83d9ab, 0x5be0cd19);
    let mut states = [[first, second]; MESSAGES];
    let length = messages[0].len();
    let starts = messages.map(|message| {
        let mut block = [tag; BLOCK_BYTES];
        block[1..].copy_from_slice(&message[..BLOCK_BYTES - 1]);
        block
    });
    compress(&mut states, starts.each_ref());
    for at in (BLOCK_BYTES..length).step_by(BLOCK_BYTES) {
        let blocks = messages.map(|message| {
            let block: &[u8; BLOCK_BYTES] = message[at - 1..].first_chunk().expect("whole blocks");
            _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(AHEAD_BYTES).cast());
            block
        });
        compress(&mut states, blocks);
    }
    let ends = messages.map(|message| {
        let mut block = [0; BLOCK_BYTES];
        (block[0], block[1]) = (message[length - 1], 0x80);
        block[BLOCK_BYTES - 8..].copy_from_slice(&(8 * (length as u64 + 1)).to_be_bytes());
        block
    });
    compress(&mut states, ends.each_ref());
    states.map(|state| digest(state))
}

/// A block into each state.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress(states: &mut [[__m128i; 2]; MESSAGES], blocks: [&[u8; BLOCK_BYTES]; MESSAGES]) {
    let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let before = *states;
    let mut words = [[_mm_setzero_si128(); 4]; MESSAGES];
    for (words, block) in words.iter_mut().zip(blocks) {
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<16>().0) {
            // SAFETY: a chunk has 16 bytes, and the load has no alignment.
            let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            *word = _mm_shuffle_epi8(bytes, big_endian);
        }
    }
    macro_rules! four_rounds {
        ($($i:literal)*) => {$(
            let k = _mm_set_epi32(K[4 * $i + 3] as i32, K[4 * $i + 2] as i32, K[4 * $i + 1] as i32, K[4 * $i] as i32);
            for (state, words) in states.iter_mut().zip(&mut words) {
                let low = _mm_add_epi32(words[$i % 4], k);
                state[1] = _mm_sha256rnds2_epu32(state[1], state[0], low);
                state[0] = _mm_sha256rnds2_epu32(state[0], state[1], _mm_shuffle_epi32::<0x0e>(low));
                if const { $i < 12 } {
                    let [w0, w1, w2, w3] = [words[$i % 4], words[($i + 1) % 4], words[($i + 2) % 4], words[($i + 3) % 4]];
                    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
                    words[$i % 4] = _mm_sha256msg2_epu32(sum, w3);
                }
            }
        )*};
    }
    four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for (state, before) in states.iter_mut().zip(before) {
        *state = [_mm_add_epi32(state[0], before[0]), _mm_add_epi32(state[1], before[1])];
    }
}

/// The state's words A to H, big-endian.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn digest([first, second]: [__m128i; 2]) -> [u8; 32] {
    let words = [
        _mm_extract_epi32::<3>(first),
        _mm_extract_epi32::<2>(first),
        _mm_extract_epi32::<3>(second),
        _mm_extract_epi32::<2>(second),
        _mm_extract_epi32::<1>(first),
        _mm_extract_epi32::<0>(first),
        _mm_extract_epi32::<1>(second),
        _mm_extract_epi32::<0>(second),
    ];
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
    bytes
}
