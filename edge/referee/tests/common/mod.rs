//! Cases that are hard to round, and a small generator of random words.
#![allow(dead_code)]

/// 24 values at the edges of binary32: zeros, subnormals, the least and greatest normals, powers of two and their
/// neighbours, infinities and NaNs of both signs and several payloads.
pub const EDGES: [u32; 24] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x807f_ffff,
    0x0080_0000,
    0x8080_0000,
    0x0080_0001,
    0x3f7f_ffff,
    0x3f80_0000,
    0xbf80_0000,
    0x3f80_0001,
    0x4b7f_ffff,
    0x4b80_0001,
    0x3380_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f00_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc1_2345,
    0x7f80_0001,
];

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// A float with its biased exponent in `exponents` and a mantissa that is often short, so that ties happen.
    pub fn float(&mut self, exponents: std::ops::Range<u64>) -> u32 {
        let exponent = exponents.start + self.below(exponents.end - exponents.start);
        let mantissa = match self.below(4) {
            0 => self.word() & 0x7f_ffff,
            1 => (self.word() & 0xfff) << 11,
            2 => 0x7f_ffff ^ (1u64 << self.below(23)),
            _ => (1u64 << self.below(23)) | (self.word() & 1),
        };
        ((self.word() & 1) << 31 | exponent << 23 | mantissa & 0x7f_ffff) as u32
    }

    /// A normal-looking value for tensors: about the size of 1, sign at random.
    pub fn value(&mut self) -> u32 {
        self.float(120..130)
    }

    /// Operands of a·b + c of one hard kind: any bits, cancellation, subnormal result, overflow, ties.
    pub fn hard_case(&mut self) -> [u32; 3] {
        match self.below(6) {
            0 => [self.word() as u32, self.word() as u32, self.word() as u32],
            1 => self.cancellation(),
            2 => {
                let a = self.float(0..120);
                let exponent = (126 + self.below(30)).saturating_sub(u64::from(a >> 23 & 0xff));
                [a, self.float(exponent..exponent + 4), self.float(0..3)]
            }
            3 => {
                let a = self.float(128..254);
                let exponent = 381 - u64::from(a >> 23 & 0xff) - self.below(4);
                [a, self.float(exponent.min(254)..exponent.min(254) + 1), self.float(250..255)]
            }
            4 => [self.float(100..150), self.float(100..150), self.float(100..150)],
            _ => [self.float(0..256), self.float(0..256), self.float(0..256)],
        }
    }

    /// One of [`EDGES`].
    pub fn edge(&mut self) -> u32 {
        EDGES[self.below(EDGES.len() as u64) as usize]
    }

    /// Other bytes: a bit, a number, a cut, or a part moved or repeated.
    pub fn spoil(&mut self, witness: &[u8]) -> Vec<u8> {
        let mut changed = witness.to_vec();
        let length = changed.len() as u64;
        if length == 0 {
            return vec![self.word() as u8];
        }
        let at = self.below(length) as usize;
        let end = (at + self.below(64) as usize).min(changed.len());
        match self.below(8) {
            0..=2 => changed[at] ^= 1 << self.below(8),
            3 => changed[at] = self.word() as u8,
            4 => changed.truncate(at),
            5 => changed.resize(changed.len() + self.below(64) as usize, 0),
            6 => drop(changed.drain(at..end)),
            _ => {
                let part = changed[at..end].to_vec();
                let to = self.below(length) as usize;
                changed.splice(to..to, part);
            }
        }
        changed
    }

    /// c is minus the rounded product, moved by a few units in the last place.
    fn cancellation(&mut self) -> [u32; 3] {
        let (a, b) = (self.float(60..190), self.float(60..190));
        let product = (f32::from_bits(a) * f32::from_bits(b)).to_bits() ^ 0x8000_0000;
        [a, b, product.wrapping_add(self.below(7) as u32).wrapping_sub(3)]
    }
}

/// `bits`, a NaN as the one NaN.
pub fn canonical(bits: u32) -> u32 {
    if f32::from_bits(bits).is_nan() { 0x7fc0_0000 } else { bits }
}

/// Words as big-endian bytes, as probes take them.
pub fn big_endian(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// The words of big-endian bytes.
pub fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect()
}
