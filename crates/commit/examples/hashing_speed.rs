//! How fast tensors are hashed here: GB/s of page digests and of whole roots, on one thread and on all.
//!
//! `cargo run --release -p samebit-commit --example hashing_speed`

use samebit_commit::tensor::{self, DType};
use std::{hint::black_box, time::Instant};

/// 64 MiB: larger than the caches, so that memory is paid for.
const WORDS: usize = 16 << 20;

/// Runs of each measurement; the fastest counts.
const RUNS: usize = 7;

fn fastest_seconds(mut work: impl FnMut()) -> f64 {
    let one = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(one).fold(f64::INFINITY, f64::min)
}

fn main() {
    let words: Vec<f32> = (0..WORDS as u32).map(|index| f32::from_bits(index & 0x3fff_ffff)).collect();
    let gigabytes = (4 * WORDS) as f64 / 1e9;
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [1, all] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool starts");
        pool.install(|| {
            let pages = fastest_seconds(|| drop(black_box(tensor::page_digests(black_box(&words)))));
            let root = fastest_seconds(|| _ = black_box(tensor::root_of(DType::F32, black_box(&words))));
            println!(
                "{threads} threads: pages {:.2} GB/s, root {:.2} GB/s",
                gigabytes / pages,
                gigabytes / root
            );
        });
    }
}
