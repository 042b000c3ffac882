//! What the tests share: values with their edges, the emulator in every order of threads, and the comparison.

#![allow(dead_code, reason = "each test uses a part")]

use samebit_cuda::{Cuda, Emulator, Error, Order};
use samebit_ops::{Backend, Buffer, Kernel, View};
use std::path::Path;
use std::sync::Arc;

/// Floats at the edges of arithmetic.
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

/// The emulator with the threads in every order; none where there is no C++ compiler.
pub fn backends() -> Vec<Cuda> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    let emulator = |order| match Emulator::new(&folder, order) {
        Ok(emulator) => Some(Cuda::new(Arc::new(emulator))),
        Err(error @ Error::NoHostCompiler { .. }) => {
            eprintln!("SKIPPED: the kernels are not run: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    [Order::Rising, Order::Falling, Order::Shuffled(5)].into_iter().filter_map(emulator).collect()
}

/// The outputs of a kernel, from what they held before.
pub fn outputs(
    backend: &dyn Backend,
    kernel: &Kernel,
    step: u64,
    inputs: &[Vec<u32>],
    before: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    let buffer = |words: &Vec<u32>| {
        let mut buffer = backend.allocate(words.len()).unwrap();
        backend.write(&mut buffer, 0, words);
        buffer
    };
    let inputs: Vec<Buffer> = inputs.iter().map(buffer).collect();
    let mut outputs: Vec<Buffer> = before.iter().map(buffer).collect();
    let views: Vec<View<'_>> = inputs.iter().map(|buffer| View { buffer, origin: 0 }).collect();
    backend.run(kernel, step, &views, &mut outputs);
    let read = |(buffer, before): (&Buffer, &Vec<u32>)| {
        let mut words = vec![0; before.len()];
        backend.read(buffer, 0, &mut words);
        words
    };
    outputs.iter().zip(before).map(read).collect()
}

/// Runs a kernel by the yardstick and by the emulator in every order, compares every bit, and gives the yardstick's outputs.
pub fn compare(
    yardstick: &dyn Backend,
    kernel: &Kernel,
    step: u64,
    inputs: &[Vec<u32>],
    before: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    let expected = outputs(yardstick, kernel, step, inputs, before);
    for backend in backends() {
        let found = outputs(&backend, kernel, step, inputs, before);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            if let Some(at) = found.iter().zip(expected).position(|(found, expected)| found != expected) {
                panic!(
                    "{kernel:?} on {}: output {index}, element {at} is {:#010x}, not {:#010x}",
                    backend.machine().describe(),
                    found[at],
                    expected[at]
                );
            }
        }
    }
    expected
}
