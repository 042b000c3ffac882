//! The table of docs/gpu.md: each kernel's time beside its floor on this card and beside PyTorch on the same card, in one run.
//!
//! ```text
//! samebit-cuda-bench [--card N] [--quick] [--json]
//! ```
//! The table, or with `--json` an object for each of its lines, on standard output; each line as it is measured on standard error.
//! SAMEBIT_PYTHON names a python with PyTorch for PyTorch's column. SAMEBIT_CUDA_PRODUCT leaves one instruction for the exact
//! products, which are otherwise timed with each that the card has.
//! Exit codes: 0 done, 2 bad usage, 3 no driver or no compiler, 1 anything else.

use samebit_cuda::exact::planes;
use samebit_cuda::table::{self, Line, Peers};
use samebit_cuda::values::Values;
use samebit_cuda::{Card, Cuda, Error, Machine, Memory, samples};
use samebit_num::fold::{Bits, Numerics};
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::product::{Layout, ProductKernel};
use samebit_ops::rows::RowProgram;
use samebit_ops::{Backend, Buffer, Kernel, View};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs of a kernel, of which the best counts, after some that warm up.
const ROUNDS: usize = 20;
const WARM: usize = 3;

/// M, N, K of the products: squares; the layers of a GPT of 124 M and of one of 1 B parameters over 8,192 tokens, one of their
/// gradients, the logits.
const PRODUCTS: [[usize; 3]; 13] = [
    [1024, 1024, 1024],
    [4096, 4096, 4096],
    [8192, 8192, 8192],
    [8192, 2304, 768],
    [8192, 768, 768],
    [8192, 3072, 768],
    [8192, 768, 3072],
    [768, 3072, 8192],
    [8192, 50257, 768],
    [8192, 6144, 2048],
    [8192, 2048, 2048],
    [8192, 8192, 2048],
    [8192, 2048, 8192],
];

/// Batch, time, heads, head size.
const ATTENTION: [[usize; 4]; 2] = [[8, 1024, 12, 64], [4, 2048, 16, 128]];

/// Rows and columns of what is bound by memory.
const ROWS: [[u64; 2]; 2] = [[8192, 768], [8192, 2048]];

/// Words of a tensor that is hashed.
const HASHED: usize = 1 << 28;

/// What `--quick` leaves: the squares and one layer, short of 8192³; a quarter of what is hashed; few rounds.
const QUICK_PRODUCTS: usize = 4;
const QUICK_HASHED: usize = HASHED / 4;
const QUICK_ROUNDS: usize = 5;

#[derive(Default)]
struct Settings {
    card: usize,
    quick: bool,
    json: bool,
}

fn main() -> ExitCode {
    let settings = match parse() {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("error: {message}\nhint: --card N --quick --json");
            return ExitCode::from(2);
        }
    };
    match Card::new(settings.card).and_then(|card| Bench::new(card, settings).run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if error.is_unreachable() { 3 } else { 1 })
        }
    }
}

fn parse() -> Result<Settings, String> {
    let mut settings = Settings::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--quick" => settings.quick = true,
            "--json" => settings.json = true,
            "--card" => {
                let card = arguments.next().and_then(|card| card.parse().ok());
                settings.card = card.ok_or("--card needs the number of a card")?;
            }
            _ => return Err(format!("unknown flag `{flag}`")),
        }
    }
    Ok(settings)
}

struct Bench {
    settings: Settings,
    card: Arc<Card>,
    backend: Cuda,
    lines: Vec<Line>,
}

impl Bench {
    fn new(card: Card, settings: Settings) -> Self {
        let card = Arc::new(card);
        let machine: Arc<dyn Machine> = card.clone();
        Self { settings, card, backend: Cuda::new(machine), lines: Vec::new() }
    }

    fn rounds(&self) -> usize {
        if self.settings.quick { QUICK_ROUNDS } else { ROUNDS }
    }

    fn run(mut self) -> Result<(), Error> {
        eprintln!("{}, best of {} rounds", self.card.describe(), self.rounds());
        let quick = self.settings.quick;
        for shape in &PRODUCTS[..if quick { QUICK_PRODUCTS } else { PRODUCTS.len() }] {
            self.products(*shape)?;
        }
        for shape in ATTENTION {
            self.attention(shape)?;
        }
        for [rows, columns] in ROWS {
            let peer = |name: &str| vec![format!("{name} {rows} {columns}")];
            self.rows("norm rows", samples::layer_norm(rows, columns), peer("layer_norm"))?;
            self.rows("softmax rows", samples::softmax(rows, columns), peer("softmax"))?;
            self.rows("gelu and dropout", samples::gelu_dropout(rows, 4 * columns), Vec::new())?;
            self.rows("AdamW", samples::adamw(rows, columns, 10), peer("adamw"))?;
        }
        self.hash(if quick { QUICK_HASHED } else { HASHED })?;
        let (who, peers) = self.peers();
        let machine = format!("{}, best of {} rounds; {who}", self.card.describe(), self.rounds());
        if self.settings.json {
            self.lines.iter().for_each(|line| println!("{}", line.object(&machine, &peers)));
        } else {
            println!("{machine}\n{}", table::HEAD);
            self.lines.iter().for_each(|line| println!("{}", line.row(&peers)));
        }
        Ok(())
    }

    /// Keeps a line and shows it.
    fn note(&mut self, line: Line) {
        eprintln!("{}", line.row(&Peers::new()));
        self.lines.push(line);
    }

    /// The best time of some work.
    fn best(&self, mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        let mut best = f64::INFINITY;
        for round in 0..WARM + self.rounds() {
            let begin = self.card.event()?;
            work()?;
            let end = self.card.event()?;
            let seconds = self.card.seconds(&begin, &end)?;
            if round >= WARM {
                best = best.min(seconds);
            }
        }
        Ok(best)
    }

    fn random(&self, words: usize) -> Result<Memory, Error> {
        Memory::of(self.backend.machine(), &Values::new(words as u64).words(words))
    }

    fn products(&mut self, [m, n, k]: [usize; 3]) -> Result<(), Error> {
        let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
        let kernel =
            ProductKernel { numerics: Numerics::F32, m, n, k, a: layout, b: layout, accumulate: false };
        let (a, b) = (self.random(m * k)?, self.random(n * k)?);
        let c = Memory::new(self.backend.machine(), m * n)?;
        let multiply_adds = m as f64 * n as f64 * k as f64;
        let bytes = 4.0 * (m * k + n * k + m * n) as f64;
        let peer = |kind: &str| format!("product {m} {n} {k} {kind}");
        let memory = bytes / self.card.bandwidth()?;
        let seconds = self.best(|| self.backend.product(&kernel, a.address(), b.address(), c.address()))?;
        let peers = ["f32", "tf32", "bf16", "int8"].map(peer).to_vec();
        let floor = (multiply_adds / self.card.float_rate()?).max(memory);
        let what = |name: &str| format!("{name} {m}×{n}×{k}");
        self.note(Line { what: what("ordered f32"), seconds, multiply_adds, bytes, floor, peers });
        let matrices = [(&a, m), (&b, n)];
        for &instruction in self.card.clone().instructions() {
            for bits in Bits::ALL {
                let name = format!("exact{} {}", bits.count(), instruction.name());
                let backend = Cuda::with_instruction(self.card.clone(), instruction);
                let [left, right] = matrices.map(|(_, rows)| backend.room(bits, rows, k));
                let packed = [left?, right?];
                let pack = || {
                    let mut operands = packed.iter().zip(&matrices);
                    operands.try_for_each(|(to, (from, _))| backend.quantise_into(to, from.address(), layout))
                };
                let multiply = || backend.packed_product(&packed[0], &packed[1], c.address(), false);
                pack()?;
                let seconds = self.best(multiply)?;
                let whole = self.best(|| pack().and_then(|()| multiply()))?;
                let floor = (multiply_adds * planes(bits) as f64 / self.card.byte_rate()?).max(memory);
                let line =
                    |what, seconds| Line { what, seconds, multiply_adds, bytes, floor, peers: Vec::new() };
                self.note(line(what(&format!("{name}, packed")), seconds));
                self.note(line(what(&format!("{name} with quantising")), whole));
            }
        }
        Ok(())
    }

    fn attention(&mut self, [batch, time, heads, head_size]: [usize; 4]) -> Result<(), Error> {
        let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
        let kernel = |pass| AttentionKernel {
            pass,
            batch,
            time,
            queries: time,
            heads,
            group: 1,
            head_size,
            scale,
            numerics: Numerics::F32,
        };
        let pairs = (batch * heads) as f64 * time as f64 * (time as f64 + 1.0) / 2.0 * head_size as f64;
        // Products over a head's elements or over the keys, of the definition; recomputed scores are this kernel's own affair.
        for (pass, way, products) in [(Pass::Forward, "forward", 2.0), (Pass::Backward, "backward", 5.0)] {
            let kernel = kernel(pass);
            let (inputs, outputs) = kernel.lengths();
            let bytes = 4.0 * inputs.iter().chain(&outputs).sum::<usize>() as f64;
            let peer = |kind: &str| format!("attention {batch} {time} {heads} {head_size} {kind} {way}");
            let seconds = self.kernel(&Kernel::Attention(kernel), &inputs, &outputs)?;
            let multiply_adds = products * pairs;
            let floor = (multiply_adds / self.card.float_rate()?).max(bytes / self.card.bandwidth()?);
            let what = format!("attention {way} {batch}×{time}×{heads}×{head_size}");
            let peers = ["f32", "bf16"].map(peer).to_vec();
            self.note(Line { what, seconds, multiply_adds, bytes, floor, peers });
        }
        Ok(())
    }

    fn rows(&mut self, name: &str, program: RowProgram, peers: Vec<String>) -> Result<(), Error> {
        let mut inputs = vec![0; program.operands];
        for input in program.stages.iter().flat_map(|stage| &stage.inputs) {
            if let samebit_ops::rows::RowInput::Operand { operand, len, .. } = input {
                inputs[*operand] = *len as usize;
            }
        }
        let outputs: Vec<usize> =
            (0..program.stores.len()).map(|store| program.output_len(store) as usize).collect();
        let bytes = 4.0 * inputs.iter().chain(&outputs).sum::<usize>() as f64;
        let what = format!("{name} {}×{}", program.rows, program.columns);
        let seconds = self.kernel(&Kernel::Rows(program), &inputs, &outputs)?;
        let floor = bytes / self.card.bandwidth()?;
        self.note(Line { what, seconds, multiply_adds: 0.0, bytes, floor, peers });
        Ok(())
    }

    /// The best time of a kernel on random operands.
    fn kernel(&self, kernel: &Kernel, inputs: &[usize], outputs: &[usize]) -> Result<f64, Error> {
        let buffer = |memory: Memory| Buffer(Box::new(memory));
        let inputs: Result<Vec<Buffer>, Error> =
            inputs.iter().map(|&words| self.random(words).map(buffer)).collect();
        let outputs: Result<Vec<Buffer>, Error> =
            outputs.iter().map(|&words| Memory::new(self.backend.machine(), words).map(buffer)).collect();
        let (inputs, mut outputs) = (inputs?, outputs?);
        let views: Vec<View<'_>> = inputs.iter().map(|buffer| View { buffer, origin: 0 }).collect();
        self.best(|| {
            self.backend.run(kernel, 2, &views, &mut outputs);
            Ok(())
        })
    }

    fn hash(&mut self, count: usize) -> Result<(), Error> {
        let words = self.random(count)?;
        let bytes = 4.0 * count as f64;
        let digests = Memory::new(self.backend.machine(), count / 256 * 8)?;
        let seconds = self.best(|| self.backend.hash_pages_into(words.address(), count, &digests))?;
        let floor = bytes / self.card.bandwidth()?;
        let what = format!("SHA-256 of {} pages", count / 256);
        self.note(Line { what, seconds, multiply_adds: 0.0, bytes, floor, peers: Vec::new() });
        Ok(())
    }

    /// Who PyTorch is, and its seconds by case; none without it.
    fn peers(&self) -> (String, Peers) {
        let cases: Vec<&String> = self.lines.iter().flat_map(|line| &line.peers).collect();
        table::peers(&serde_json::json!(cases).to_string()).unwrap_or_else(|reason| {
            eprintln!("without PyTorch's column: {reason}");
            ("without PyTorch".to_owned(), Peers::new())
        })
    }
}
