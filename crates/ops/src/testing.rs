//! What the kernels' tests share: values with their edges, and every schedule.

use std::sync::OnceLock;

use crate::simd::Isa;

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

/// A stream of random words, the same for the same seed.
pub struct Values {
    state: u64,
    /// One value in this many is an edge; 0 for none.
    edge_period: usize,
}

impl Values {
    /// Numbers of magnitude 2^−4 … 2 and either sign.
    pub fn new(seed: u64) -> Self {
        Self::with_edges(seed, 0)
    }

    /// The same with an edge value in `period`.
    pub fn with_edges(seed: u64, period: usize) -> Self {
        Self { state: seed, edge_period: period }
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

    fn value(&mut self) -> u32 {
        if self.edge_period > 0 && self.below(self.edge_period) == 0 {
            return EDGES[self.below(EDGES.len())];
        }
        let word = self.word();
        let exponent = 123 + (word >> 23 & 7) % 5;
        word & 0x807f_ffff | exponent << 23
    }
}

/// Words as floats.
pub fn bits(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&word| f32::from_bits(word)).collect()
}

/// Thread pools of 1, 2, 3 and 7 threads.
pub fn pools() -> &'static [rayon::ThreadPool] {
    static POOLS: OnceLock<Vec<rayon::ThreadPool>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let pool =
            |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        [1, 2, 3, 7].map(pool).into()
    })
}

/// Runs a kernel on every instruction set and pool, into outputs full of garbage, and compares with the bits expected.
pub fn check_everywhere(what: &str, expected: &[Vec<u32>], run: impl Fn(Isa, &mut [&mut [f32]]) + Sync) {
    check_from(
        what,
        &expected.iter().map(|words| vec![0x7fff_1234; words.len()]).collect::<Vec<_>>(),
        expected,
        run,
    );
}

/// The same with outputs that hold something before.
pub fn check_from(
    what: &str,
    before: &[Vec<u32>],
    expected: &[Vec<u32>],
    run: impl Fn(Isa, &mut [&mut [f32]]) + Sync,
) {
    for isa in Isa::available() {
        for pool in pools() {
            let mut outputs: Vec<Vec<f32>> = before.iter().map(|words| bits(words)).collect();
            let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
            pool.install(|| run(isa, &mut slices));
            for (index, (output, expected)) in outputs.iter().zip(expected).enumerate() {
                let first = output.iter().zip(expected).position(|(a, b)| a.to_bits() != *b);
                if let Some(at) = first {
                    panic!(
                        "{what}: output {index}, element {at} is {:#010x}, not {:#010x} ({}, {} threads)",
                        output[at].to_bits(),
                        expected[at],
                        isa.name(),
                        pool.current_num_threads()
                    );
                }
            }
        }
    }
}
