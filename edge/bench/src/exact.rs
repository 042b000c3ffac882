//! C = A · Bᵀ in integers of 8 and 14 bits beside the fastest f32 product, interleaved in one run.
//!
//! Ours is timed with both operands packed beforehand, and with both quantised inside the call. The peers may choose their layout
//! of B, as in the table of ordered products. The operands are normal values; of those, sums of 14 bits usually take two pieces a block.

use std::hint::black_box;
use std::time::Instant;

use samebit_ops::exact::{Bits, Packed, Side, product};
use samebit_ops::product::{Matrix, MatrixMut, Start};

use crate::peer::{Peer, python};
use crate::product::{Case, Contender, SHAPE, Settings};
use crate::step::Failure;

/// PyTorch's side of the measurement.
const PEER: &str = include_str!("product.py");

/// Rows from which integers are meant to pay.
const LEAST_ROWS: usize = 512;

/// What is measured beside the peers: 8 and 14 bits, packed before and in the call.
const OURS: usize = 4;
const BITS: [Bits; 2] = [Bits::Eight, Bits::Fourteen];

/// Measures and prints the table.
pub fn run(settings: Settings) -> Result<(), Failure> {
    let mut torch = python().map(|python| Peer::start(&python, PEER, &[])).transpose()?;
    println!(
        "GFLOP/s, {}, best of at least {} interleaved rounds; ratios to the fastest f32 product of gemm, faer{}",
        settings.isa.name(),
        settings.rounds,
        if torch.is_some() { ", PyTorch" } else { "" }
    );
    println!(
        "{:>8} {:>16} {:>7} {:>14} {:>14} {:>14} {:>14}",
        "threads", "M x N x K", "f32", "exact8", "exact14", "8 in call", "14 in call"
    );
    let mut ratios: [Vec<f64>; OURS] = Default::default();
    for &threads in &settings.threads {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        for &(m, n, k) in settings.shapes.iter().filter(|shape| shape.0 >= LEAST_ROWS) {
            let best = pool.install(|| {
                let integers = Integers::new(settings.isa, m, n, k, threads);
                integers.best(settings.rounds, torch.as_mut()).map_err(|error| error.to_string())
            })?;
            let speeds = best.map(|seconds| 2e-9 * (m * n * k) as f64 / seconds);
            let [peer, ours @ ..] = speeds;
            print!("{threads:>8} {:>16} {peer:>7.1}", format!("{m} x {n} x {k}"));
            for (speed, ratios) in ours.iter().zip(&mut ratios) {
                print!(" {:>14}", format!("{speed:.0} ({:.2})", speed / peer));
                ratios.push(speed / peer);
            }
            println!();
        }
    }
    let names = ["exact8", "exact14", "exact8 in call", "exact14 in call"];
    for (name, ratios) in names.iter().zip(&ratios) {
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name}: geometric mean {mean:.2}, least {least:.2}");
    }
    Ok(())
}

/// One shape with its packed operands.
struct Integers {
    case: Case,
    packed: [[Packed; 2]; 2],
}

impl Integers {
    fn new(isa: samebit_ops::simd::Isa, m: usize, n: usize, k: usize, threads: usize) -> Self {
        let case = Case::new(isa, m, n, k, threads);
        let packed = BITS.map(|bits| {
            let left = Packed::pack(isa, bits, Side::Left, Matrix::rows(&case.a, m, k));
            [left, Packed::pack(isa, bits, Side::Right, Matrix::rows(&case.b, n, k))]
        });
        Self { case, packed }
    }

    /// Seconds of one product: the fastest peer, then ours.
    fn best(mut self, rounds: usize, mut torch: Option<&mut Peer>) -> Result<[f64; 1 + OURS], Failure> {
        let contenders: [Contender<Self>; 8] = [
            (0, |own| own.case.gemm(false)),
            (0, |own| own.case.gemm(true)),
            (0, |own| own.case.faer(false)),
            (0, |own| own.case.faer(true)),
            (1, |own| own.packed(0)),
            (2, |own| own.packed(1)),
            (3, |own| own.in_call(0)),
            (4, |own| own.in_call(1)),
        ];
        let mut best = [f64::INFINITY; 1 + OURS];
        let mut expected = None;
        let question = format!("{} {} {} {}", self.case.threads, self.case.m, self.case.n, self.case.k);
        let begin = Instant::now();
        let mut round = 0;
        while round < rounds || begin.elapsed() < SHAPE {
            round += 1;
            if let Some(torch) = &mut torch {
                best[0] = best[0].min(torch.ask(&question)?);
            }
            for (place, contender) in contenders {
                let start = Instant::now();
                contender(&mut self);
                black_box(&mut self.case.c);
                best[place] = best[place].min(start.elapsed().as_secs_f64());
                self.check(place, expected.get_or_insert_with(|| self.case.c.clone()));
            }
        }
        Ok(best)
    }

    /// A contender that computes something else does not count: a product of normal values is as large as √K, and the errors of 8 and
    /// of 14 bits are some 1e-2 and 2e-4 of that.
    fn check(&self, place: usize, expected: &[f32]) {
        let tolerance = [1e-4, 0.2, 4e-3, 0.2, 4e-3][place] * (self.case.k as f32).sqrt();
        let worst = self.case.c.iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(worst <= tolerance, "the contenders differ by {worst}");
    }

    fn packed(&mut self, place: usize) {
        let Self { case, packed } = self;
        let [a, b] = &packed[place];
        let c = MatrixMut::rows(&mut case.c, case.m, case.n);
        product(case.isa, BITS[place], a, b, c, Start::Zero);
    }

    fn in_call(&mut self, place: usize) {
        let case = &mut self.case;
        let (a, b) = (Matrix::rows(&case.a, case.m, case.k), Matrix::rows(&case.b, case.n, case.k));
        let c = MatrixMut::rows(&mut case.c, case.m, case.n);
        product(case.isa, BITS[place], a, b, c, Start::Zero);
    }
}
