//! The table of docs/gpu.md: each kernel's time beside its floor on this card and beside PyTorch on the same card, in one run.
//!
//! ```text
//! samebit-cuda-bench [CARD]        PyTorch's columns if SAMEBIT_PYTHON names a python that has it
//! ```
//! Exit codes: 0 done, 2 bad usage, 3 no driver or no compiler, 1 anything else.

use samebit_cuda::exact::planes;
use samebit_cuda::values::Values;
use samebit_cuda::{Card, Cuda, Error, Machine, Memory, samples};
use samebit_num::fold::Bits;
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::product::{Layout, ProductKernel};
use samebit_ops::rows::RowProgram;
use samebit_ops::{Backend, Buffer, Kernel, View};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ordinal = match arguments.as_slice() {
        [] => Ok(0),
        [card] => card.parse::<usize>().map_err(|_| format!("`{card}` is no card's number")),
        _ => Err("hint: samebit-cuda-bench [CARD]".to_owned()),
    };
    let ordinal = match ordinal {
        Ok(ordinal) => ordinal,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    match Card::new(ordinal).and_then(|card| Bench::new(card).run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (Error::NoDriver(_) | Error::NoCard { .. } | Error::NoCompiler(_))) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line of the table.
struct Line {
    what: String,
    seconds: f64,
    /// Multiply-adds, for products and attention.
    multiply_adds: f64,
    /// Bytes that must move.
    bytes: f64,
    /// The time that the card's units or its memory need at least.
    floor: f64,
    /// PyTorch's cases of the same work.
    peers: Vec<String>,
}

struct Bench {
    card: Arc<Card>,
    backend: Cuda,
    lines: Vec<Line>,
}

impl Bench {
    fn new(card: Card) -> Self {
        let card = Arc::new(card);
        let machine: Arc<dyn Machine> = card.clone();
        Self { card, backend: Cuda::new(machine), lines: Vec::new() }
    }

    fn run(mut self) -> Result<(), Error> {
        println!("{}, best of {ROUNDS} rounds", self.card.describe());
        for shape in PRODUCTS {
            self.products(shape)?;
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
        self.hash()?;
        let peers = self.peers();
        self.print(&peers);
        Ok(())
    }

    /// The best time of some work.
    fn best(&self, mut work: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        let mut best = f64::INFINITY;
        for round in 0..WARM + ROUNDS {
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
        let kernel = ProductKernel { m, n, k, a: layout, b: layout, accumulate: false };
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
        self.lines.push(Line { what: what("ordered f32"), seconds, multiply_adds, bytes, floor, peers });
        for bits in Bits::ALL {
            let (left, right) = (self.backend.room(bits, m, k)?, self.backend.room(bits, n, k)?);
            let pack = || {
                self.backend.quantise_into(&left, a.address(), layout)?;
                self.backend.quantise_into(&right, b.address(), layout)
            };
            let multiply = || self.backend.packed_product(&left, &right, c.address(), false);
            pack()?;
            let seconds = self.best(multiply)?;
            let whole = self.best(|| pack().and_then(|()| multiply()))?;
            let floor = (multiply_adds * planes(bits) as f64 / self.card.byte_rate()?).max(memory);
            let name = format!("exact{}", bits.count());
            let line = |what, seconds| Line { what, seconds, multiply_adds, bytes, floor, peers: Vec::new() };
            self.lines.push(line(what(&format!("{name}, packed")), seconds));
            self.lines.push(line(what(&format!("{name} with quantising")), whole));
        }
        Ok(())
    }

    fn attention(&mut self, [batch, time, heads, head_size]: [usize; 4]) -> Result<(), Error> {
        let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
        let kernel = |pass| AttentionKernel { pass, batch, time, heads, group: 1, head_size, scale };
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
            self.lines.push(Line { what, seconds, multiply_adds, bytes, floor, peers });
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
        self.lines.push(Line { what, seconds, multiply_adds: 0.0, bytes, floor, peers });
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

    fn hash(&mut self) -> Result<(), Error> {
        let words = self.random(HASHED)?;
        let bytes = 4.0 * HASHED as f64;
        let digests = Memory::new(self.backend.machine(), HASHED / 256 * 8)?;
        let seconds = self.best(|| self.backend.hash_pages_into(words.address(), HASHED, &digests))?;
        let floor = bytes / self.card.bandwidth()?;
        let what = format!("SHA-256 of {} pages", HASHED / 256);
        self.lines.push(Line { what, seconds, multiply_adds: 0.0, bytes, floor, peers: Vec::new() });
        Ok(())
    }

    /// PyTorch's seconds by case; none without it.
    fn peers(&self) -> BTreeMap<String, f64> {
        let Some(python) = std::env::var_os("SAMEBIT_PYTHON") else {
            eprintln!("without PyTorch's columns: SAMEBIT_PYTHON names no python");
            return BTreeMap::new();
        };
        let cases: Vec<&String> = self.lines.iter().flat_map(|line| &line.peers).collect();
        let cases = serde_json::json!(cases).to_string();
        let mut command = Command::new(python);
        command.args(["-c", include_str!("../../bench/peer.py"), &cases]);
        let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string());
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        match text.as_deref().map(answer) {
            Ok(Some((seconds, who))) => {
                println!("{who}");
                seconds
            }
            Ok(None) => {
                eprintln!("without PyTorch's columns: it gave no answer");
                BTreeMap::new()
            }
            Err(error) => {
                eprintln!("without PyTorch's columns: {error}");
                BTreeMap::new()
            }
        }
    }

    fn print(&self, peers: &BTreeMap<String, f64>) {
        println!(
            "| kernel | ms | T multiply-adds/s | GB/s | floor ms | of the floor | PyTorch ms |\n|---|---|---|---|---|---|---|"
        );
        for line in &self.lines {
            let rate = if line.multiply_adds > 0.0 {
                format!("{:.2}", line.multiply_adds / line.seconds / 1e12)
            } else {
                String::new()
            };
            let peers: Vec<String> = line
                .peers
                .iter()
                .filter_map(|case| Some((case, peers.get(case)?)))
                .map(|(case, seconds)| format!("{} {:.4}", kind_of(case), 1e3 * seconds))
                .collect();
            println!(
                "| {} | {:.4} | {rate} | {:.1} | {:.4} | {:.2} | {} |",
                line.what,
                1e3 * line.seconds,
                line.bytes / line.seconds / 1e9,
                1e3 * line.floor,
                line.floor / line.seconds,
                peers.join(", ")
            );
        }
    }
}

/// The word of a case that names the kind of number, if one does.
fn kind_of(case: &str) -> &str {
    case.split(' ').find(|word| ["f32", "tf32", "bf16", "int8"].contains(word)).unwrap_or("")
}

/// The field `seconds` of PyTorch's answer, and the rest of it for people.
fn answer(text: &str) -> Option<(BTreeMap<String, f64>, String)> {
    let answer: serde_json::Value = serde_json::from_str(text).ok()?;
    let seconds = answer["seconds"].as_object()?.iter();
    let seconds = seconds.filter_map(|(case, seconds)| Some((case.clone(), seconds.as_f64()?))).collect();
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    Some((seconds, format!("PyTorch {} on {}", text("torch"), text("card"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_answer_is_read() {
        let text = "{\"torch\": \"2.9.0\", \"card\": \"a card\", \"seconds\": {\"product 1 2 3 f32\": 0.25, \"adamw 4 5\": 1e-05}}";
        let expected = [("product 1 2 3 f32".to_owned(), 0.25), ("adamw 4 5".to_owned(), 1e-5)];
        assert_eq!(answer(text), Some((BTreeMap::from(expected), "PyTorch 2.9.0 on a card".to_owned())));
        assert_eq!(answer("nothing"), None);
        assert_eq!(kind_of("product 1 2 3 tf32"), "tf32");
    }
}
