//! Random operands with the edges of arithmetic among them: the same for the same seed, on every machine.

/// Floats at the edges of arithmetic: zeros, subnormals, the greatest and the least, infinities, NaNs of several kinds.
pub const EDGES: [u32; 18] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x8080_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0001,
    0x7f80_0001,
    0x3f80_0000,
    0xbf80_0000,
    0x3f7f_ffff,
    0x4b80_0000,
];

/// A stream of random words.
pub struct Values {
    state: u64,
    /// One value in this many is an edge; 0 for none.
    edge_period: usize,
    /// Exponent field of the least values.
    exponent: u32,
    /// The only value, if there is one.
    constant: Option<u32>,
}

impl Values {
    /// Numbers of magnitude 2^−4 … 2 and either sign.
    pub fn new(seed: u64) -> Self {
        Self::with_edges(seed, 0)
    }

    /// The same with an edge value in `period`.
    pub fn with_edges(seed: u64, period: usize) -> Self {
        Self { state: seed, edge_period: period, exponent: 123, constant: None }
    }

    /// Numbers whose exponent fields are within 5 of `exponent`.
    pub fn scaled(exponent: u32) -> Self {
        Self { exponent: exponent.saturating_sub(4), ..Self::new(u64::from(exponent)) }
    }

    /// One number.
    pub fn constant(word: u32) -> Self {
        Self { constant: Some(word), ..Self::new(0) }
    }

    /// A random word (splitmix64).
    pub fn word(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 32) as u32
    }

    /// A random number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.word() as usize % limit
    }

    /// Random floats as bits.
    pub fn words(&mut self, length: usize) -> Vec<u32> {
        (0..length).map(|_| self.value()).collect()
    }

    /// Random running totals: floats as tensors hold them, without −0, which no total is.
    pub fn totals(&mut self, length: usize) -> Vec<u32> {
        let total = |word| if word == 0x8000_0000 { 0 } else { samebit_num::canonical(word) };
        self.words(length).into_iter().map(total).collect()
    }

    fn value(&mut self) -> u32 {
        if let Some(word) = self.constant {
            return word;
        }
        if self.edge_period > 0 && self.below(self.edge_period) == 0 {
            return EDGES[self.below(EDGES.len())];
        }
        let word = self.word();
        let exponent = self.exponent + (word >> 23 & 7) % 5;
        word & 0x807f_ffff | exponent << 23
    }
}
