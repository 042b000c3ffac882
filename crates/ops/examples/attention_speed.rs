//! How fast attention is: GFLOP/s of the causal half on one thread, and its share of the ordered product's speed.
//!
//! `cargo run --release -p samebit-ops --example attention_speed`; the best of several runs counts, so that what
//! else the machine does shows little.

use std::time::Instant;

use samebit_num::fold::Numerics;
use samebit_ops::attention::{AttentionKernel, Pass, attention};
use samebit_ops::product::{Matrix, MatrixMut, Start, product};
use samebit_ops::simd::Isa;

/// Seconds to measure each figure for.
const SECONDS: f64 = 0.8;

/// Seconds of a sample, of which the best counts: the clock of a thread is coarse.
const SAMPLE_SECONDS: f64 = 0.05;

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
    pool.install(|| Isa::available().filter(|&isa| isa != Isa::Scalar).for_each(measure));
}

fn measure(isa: Isa) {
    let size = 768;
    let (a, b, mut c) = (values(size * size), values(size * size), vec![0.0; size * size]);
    let (a, b) = (Matrix::rows(&a, size, size), Matrix::rows(&b, size, size));
    let seconds = best(|| product(isa, a, b, MatrixMut::rows(&mut c, size, size), Start::Zero));
    let peak = 2.0 * (size * size * size) as f64 / seconds / 1e9;
    println!("{}: product {size}³ {peak:.1} GFLOP/s", isa.name());
    println!("  batch time heads group size   forward        backward       ms");
    for [batch, time, heads, group, head_size] in [
        [8, 256, 4, 1, 64],
        [1, 512, 12, 1, 64],
        [1, 1024, 12, 1, 64],
        [1, 512, 8, 4, 128],
        [2, 256, 4, 1, 80],
        [2, 200, 6, 1, 12],
    ] {
        let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
        let kernel = |pass| AttentionKernel {
            pass,
            batch,
            time,
            queries: time,
            heads,
            group,
            head_size,
            scale,
            numerics: Numerics::F32,
        };
        let causal = (batch * heads * time * (time + 1) / 2 * head_size * 2) as f64 / 1e9;
        let [forward, backward] = [Pass::Forward, Pass::Backward].map(|pass| seconds_of(isa, &kernel(pass)));
        let [forward_speed, backward_speed] = [2.0 * causal / forward, 5.0 * causal / backward];
        println!(
            "  {batch:5} {time:4} {heads:5} {group:5} {head_size:4}   {forward_speed:5.1} ({:3.0} %)  {backward_speed:5.1} ({:3.0} %)  {:.2} {:.2}",
            100.0 * forward_speed / peak,
            100.0 * backward_speed / peak,
            forward * 1e3,
            backward * 1e3
        );
    }
}

/// Seconds of one run on moderate values.
fn seconds_of(isa: Isa, kernel: &AttentionKernel) -> f64 {
    let (inputs, outputs) = kernel.lengths();
    let mut inputs: Vec<Vec<f32>> = inputs.into_iter().map(values).collect();
    if kernel.pass == Pass::Backward {
        // Plausible m and l, so that P is neither all zero nor infinite.
        inputs[3].fill(1.0);
        inputs[4].fill(10.0);
    }
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<Vec<f32>> = outputs.into_iter().map(|length| vec![0.0; length]).collect();
    best(|| {
        let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        attention(isa, kernel, 0, &inputs, &mut outputs);
    })
}

/// Numbers in −1 … 1.
fn values(length: usize) -> Vec<f32> {
    (0..length as u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Seconds of the fastest of many runs.
fn best(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = f64::INFINITY;
    while start.elapsed().as_secs_f64() < SECONDS {
        let (before, one) = (cpu_seconds(), Instant::now());
        let mut runs = 0.0;
        while one.elapsed().as_secs_f64() < SAMPLE_SECONDS {
            run();
            runs += 1.0;
        }
        let wall = one.elapsed().as_secs_f64();
        best = best.min(before.zip(cpu_seconds()).map_or(wall, |(before, after)| after - before) / runs);
    }
    best
}

/// Seconds that this thread has run, where the system tells: what other processes do shows less in it.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
