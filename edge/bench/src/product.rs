//! C = A · Bᵀ in f32: ours, `gemm` and `faer`, interleaved in one run.
//!
//! The peers may choose: each is timed with B stored \[N, K\] and stored \[K, N\], and its better time counts. Ours gets
//! \[N, K\], packed beforehand for few rows, as a model's weights are. A time is the least of all rounds; a machine shared
//! with others disturbs some rounds, never shortens one.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use faer::linalg::matmul::matmul;
use faer::mat::{MatMut, MatRef};
use faer::{Accum, Par};
use samebit_ops::product::{Matrix, MatrixMut, PackedB, Start, product};
use samebit_ops::simd::Isa;

/// Shapes (M, N, K): squares, a model's layers forward and backward, attention, decoding.
const SHAPES: [(usize, usize, usize); 8] = [
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (1024, 3072, 768),
    (1024, 768, 3072),
    (2048, 768, 256),
    (8, 768, 768),
    (1, 768, 768),
];

/// Rows up to which the weights are packed before the clock starts.
const PREPACKED_ROWS: usize = 8;

/// Least duration of a sample: a shorter product is repeated.
const SAMPLE: Duration = Duration::from_micros(500);

/// Least duration of all rounds of a shape: a processor that is shared or changes its clock has fast moments, and every contender needs one.
pub const SHAPE: Duration = Duration::from_millis(1500);

/// What to measure.
pub struct Settings {
    pub rounds: usize,
    pub threads: Vec<usize>,
    pub shapes: Vec<(usize, usize, usize)>,
    pub isa: Isa,
}

impl Settings {
    /// Reads the command line after `product`.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut settings = Self { rounds: 30, threads: vec![1, 2], shapes: vec![], isa: Isa::detect() };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} needs a value", pair[0])) };
            let numbers = |separator| {
                let parse =
                    |part: &str| part.parse().map_err(|_| format!("{name}: `{part}` is not a number"));
                value.split(separator).map(parse).collect::<Result<Vec<usize>, String>>()
            };
            match name.as_str() {
                "--rounds" => settings.rounds = numbers(',')?[0].max(1),
                "--threads" => settings.threads = numbers(',')?,
                "--isa" => settings.isa = value.parse().map_err(|error| format!("{error}"))?,
                "--shape" => match numbers('x')?[..] {
                    [m, n, k] if m * n * k > 0 => settings.shapes.push((m, n, k)),
                    _ => return Err(format!("--shape: `{value}` is not MxNxK\nhint: --shape 512x512x512")),
                },
                other => {
                    return Err(format!("unknown flag {other}\nhint: --rounds, --threads, --shape, --isa"));
                }
            }
        }
        if settings.shapes.is_empty() {
            settings.shapes = SHAPES.to_vec();
        }
        if !settings.isa.is_available() {
            return Err(format!("this processor has no {}", settings.isa.name()));
        }
        Ok(settings)
    }
}

/// Measures and prints the table.
pub fn run(settings: Settings) {
    println!("GFLOP/s, {}, best of at least {} interleaved rounds", settings.isa.name(), settings.rounds);
    println!(
        "{:>8} {:>16} {:>9} {:>9} {:>9} {:>9}",
        "threads", "M x N x K", "samebit", "gemm", "faer", "ratio"
    );
    let mut ratios = vec![];
    for &threads in &settings.threads {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        for &(m, n, k) in &settings.shapes {
            let best = pool.install(|| Case::new(settings.isa, m, n, k, threads).best(settings.rounds));
            let speed = |seconds: f64| 2e-9 * (m * n * k) as f64 / seconds;
            let [ours, gemm, faer] = best.map(speed);
            let ratio = ours / gemm.max(faer);
            let shape = format!("{m} x {n} x {k}");
            println!("{threads:>8} {shape:>16} {ours:>9.1} {gemm:>9.1} {faer:>9.1} {ratio:>9.3}");
            ratios.push(ratio);
        }
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    println!("geometric mean of samebit over the faster peer {mean:.3}, least {least:.3}");
}

/// Whose time it is, and what is timed.
pub type Contender<Case> = (usize, fn(&mut Case));

/// One shape with its operands.
pub struct Case {
    pub isa: Isa,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub threads: usize,
    pub a: Vec<f32>,
    /// \[N, K\].
    pub b: Vec<f32>,
    /// \[K, N\].
    b_transposed: Vec<f32>,
    packed: Option<PackedB>,
    pub c: Vec<f32>,
}

impl Case {
    /// Operands of normal values, nearly: sums of twelve uniform ones.
    pub fn new(isa: Isa, m: usize, n: usize, k: usize, threads: usize) -> Self {
        let mut state = 1u32;
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut draw = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
        let a = (0..m * k).map(|_| draw()).collect();
        let b: Vec<f32> = (0..n * k).map(|_| draw()).collect();
        let b_transposed = (0..n * k).map(|i| b[i % n * k + i / n]).collect();
        let packed = (m <= PREPACKED_ROWS).then(|| PackedB::pack(isa, Matrix::rows(&b, n, k)));
        Self { isa, m, n, k, threads, a, b, b_transposed, packed, c: vec![0.0; m * n] }
    }

    /// Seconds of one product: ours, `gemm`, `faer`.
    fn best(mut self, rounds: usize) -> [f64; 3] {
        let contenders: [Contender<Self>; 5] = [
            (0, Self::ours),
            (1, |case| case.gemm(false)),
            (1, |case| case.gemm(true)),
            (2, |case| case.faer(false)),
            (2, |case| case.faer(true)),
        ];
        let repeats = {
            self.ours();
            let start = Instant::now();
            self.ours();
            (SAMPLE.as_secs_f64() / start.elapsed().as_secs_f64()).ceil().clamp(1.0, 1000.0) as usize
        };
        let mut best = [f64::INFINITY; 3];
        let mut expected = None;
        let begin = Instant::now();
        let mut round = 0;
        while round < rounds || begin.elapsed() < SHAPE {
            round += 1;
            for (place, contender) in contenders {
                let start = Instant::now();
                for _ in 0..repeats {
                    contender(&mut self);
                    black_box(&mut self.c);
                }
                best[place] = best[place].min(start.elapsed().as_secs_f64() / repeats as f64);
                self.check(expected.get_or_insert_with(|| self.c.clone()));
            }
        }
        best
    }

    /// A contender that computes something else does not count.
    fn check(&self, expected: &[f32]) {
        let worst = self.c.iter().zip(expected).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5 * self.k as f32, "the contenders differ by {worst}");
    }

    fn ours(&mut self) {
        let a = Matrix::rows(&self.a, self.m, self.k);
        let c = MatrixMut::rows(&mut self.c, self.m, self.n);
        match &self.packed {
            Some(packed) => product(self.isa, a, packed, c, Start::Zero),
            None => product(self.isa, a, Matrix::rows(&self.b, self.n, self.k), c, Start::Zero),
        }
    }

    pub fn gemm(&mut self, transposed: bool) {
        let (m, n, k) = (self.m, self.n, self.k);
        let (b, column_stride, row_stride) =
            if transposed { (&self.b_transposed, 1, n as isize) } else { (&self.b, k as isize, 1) };
        let parallelism = match self.threads {
            1 => gemm::Parallelism::None,
            threads => gemm::Parallelism::Rayon(threads),
        };
        // SAFETY: the pointers are to m × n, m × k and k × n elements that the strides stay inside; C overlaps neither.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                self.c.as_mut_ptr(),
                1,
                n as isize,
                false,
                self.a.as_ptr(),
                1,
                k as isize,
                b.as_ptr(),
                column_stride,
                row_stride,
                0.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
    }

    pub fn faer(&mut self, transposed: bool) {
        let (m, n, k) = (self.m, self.n, self.k);
        let b = if transposed {
            MatRef::from_row_major_slice(&self.b_transposed, k, n)
        } else {
            MatRef::from_column_major_slice(&self.b, k, n)
        };
        let parallelism = if self.threads == 1 { Par::Seq } else { Par::rayon(self.threads) };
        let c = MatMut::from_row_major_slice_mut(&mut self.c, m, n);
        matmul(c, Accum::Replace, MatRef::from_row_major_slice(&self.a, m, k), b, 1.0, parallelism);
    }
}
