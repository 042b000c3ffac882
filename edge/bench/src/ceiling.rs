//! What this machine could do at most: operations from registers alone, bytes from memory alone.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use samebit_num::Arith;
use samebit_ops::simd::{DotIsa, DotKernel, Dots, Isa, Kernel, Vector};

/// Accumulators that hide the latency of an addition.
const CHAINS: usize = 16;

/// Rounds of a measurement, of which the best counts.
const ROUNDS: usize = 5;

/// Words of an array for reading and writing: far more than the caches hold.
const ARRAY_WORDS: usize = 1 << 26;

/// Most operations and bytes a second, on all threads of the current pool.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling {
    /// Multiplications and additions in f32.
    pub float: f64,
    /// Of 16-bit integers.
    pub words: f64,
    /// Of bytes.
    pub bytes: f64,
    /// Bytes read and written, one array into another.
    pub memory: f64,
}

impl Ceiling {
    /// Measures it on the threads of rayon's current pool.
    pub fn measure() -> Self {
        let isa = Isa::detect();
        let dots = DotIsa::within(isa);
        let count = 1 << 22;
        let each = |terms: usize| 2.0 * (terms * isa.lanes() * CHAINS * count) as f64;
        let words = each(2) / best(|| dots.run(Chain { count, bytes: false }));
        let bytes =
            if dots.has_bytes() { each(4) / best(|| dots.run(Chain { count, bytes: true })) } else { words };
        Self {
            float: each(1) / best(|| isa.run(Chain { count, bytes: false })),
            words,
            bytes,
            memory: memory(),
        }
    }
}

/// Seconds of the work on every thread at once, divided by the threads.
fn best(work: impl Fn() + Sync) -> f64 {
    let threads = rayon::current_num_threads();
    let round = |_| {
        let started = Instant::now();
        rayon::broadcast(|_| work());
        started.elapsed().as_secs_f64() / threads as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn memory() -> f64 {
    let (from, mut to) = (vec![1u32; ARRAY_WORDS], vec![0u32; ARRAY_WORDS]);
    let part = ARRAY_WORDS / (4 * rayon::current_num_threads());
    let mut round = |_| {
        let started = Instant::now();
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        black_box(&to);
        started.elapsed().as_secs_f64()
    };
    let seconds = (0..ROUNDS).map(&mut round).fold(f64::INFINITY, f64::min);
    (2 * size_of::<u32>() * ARRAY_WORDS) as f64 / seconds
}

/// `count` times a multiplication and addition to each of [`CHAINS`] sums.
struct Chain {
    count: usize,
    bytes: bool,
}

impl Kernel for Chain {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        let (a, b) = (machine.splat(black_box(0.5)), machine.splat(black_box(0.25)));
        let mut sums = [machine.splat(0.0); CHAINS];
        for _ in 0..self.count {
            for sum in &mut sums {
                *sum = machine.fma(a, b, *sum);
            }
        }
        let mut out = [0.0; 16];
        for sum in sums {
            machine.store(&mut out, sum);
            black_box(&out);
        }
    }
}

impl DotKernel for Chain {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(self, dots: D) {
        let mut machine = dots.machine();
        let (a, b) = (machine.iconstant(black_box(3)), machine.iconstant(black_box(5)));
        let mut sums = [machine.iconstant(0); CHAINS];
        for _ in 0..self.count {
            for sum in &mut sums {
                *sum = if self.bytes { dots.bytes(*sum, a, b) } else { dots.words(*sum, a, b) };
            }
        }
        let mut out = [0; 16];
        for sum in sums {
            machine.store_bits(&mut out, sum);
            black_box(&out);
        }
    }
}
