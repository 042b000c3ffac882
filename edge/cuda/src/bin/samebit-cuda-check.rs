//! Holds every kernel against the processor, bit for bit.
//!
//! ```text
//! samebit-cuda-check [--quick] [--words N] [--card N] [--seed N] [--vectors DIR] [--emulator] [--json]
//! ```
//! A line for each kernel on standard output, or with `--json` an object; progress on standard error. SAMEBIT_CUDA_PRODUCT leaves one
//! instruction for the exact products, which are otherwise run with each that the card has.
//! Exit codes: 0 no difference, 2 bad usage, 3 no driver or no compiler, 4 a difference, 1 anything else.

use samebit_cuda::check::{Check, Outcome};
use samebit_cuda::{Card, Cuda, Emulator, Error, Machine, Order};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FLAGS: &str = "--quick --words --card --seed --vectors --emulator --json";
/// Words to compare for each kernel, and with `--quick`.
const WORDS: u64 = 100_000_000;
const QUICK_WORDS: u64 = 1_000_000;
/// Words of a case's output on a card and on the emulator.
const CASE_WORDS: [usize; 2] = [4_000_000, 3_000];
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

struct Settings {
    words: u64,
    card: usize,
    seed: u64,
    vectors: PathBuf,
    emulator: bool,
    json: bool,
}

fn main() -> ExitCode {
    let settings = match parse() {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    match run(&settings) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(differences) => {
            eprintln!("error: {differences} words differ");
            ExitCode::from(4)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if error.is_unreachable() { 3 } else { 1 })
        }
    }
}

fn parse() -> Result<Settings, String> {
    let mut settings = Settings {
        words: WORDS,
        card: 0,
        seed: 1,
        vectors: PathBuf::from("vectors"),
        emulator: false,
        json: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--emulator" => settings.emulator = true,
            "--json" => settings.json = true,
            "--quick" => settings.words = QUICK_WORDS,
            "--words" | "--card" | "--seed" | "--vectors" => {
                let value = arguments.next().ok_or_else(|| format!("{flag} has no value"))?;
                let number =
                    || value.parse::<u64>().map_err(|_| format!("{flag} {value}: not a whole number"));
                match flag.as_str() {
                    "--words" => settings.words = number()?,
                    "--card" => settings.card = number()? as usize,
                    "--seed" => settings.seed = number()?,
                    _ => settings.vectors = value.into(),
                }
            }
            _ => return Err(format!("unknown flag `{flag}`\nhint: {FLAGS}")),
        }
    }
    Ok(settings)
}

/// The number of words that differ.
fn run(settings: &Settings) -> Result<u64, Error> {
    let machine: Arc<dyn Machine> = if settings.emulator {
        Arc::new(Emulator::new(&std::env::temp_dir().join("samebit-emulator"), Order::Shuffled(1))?)
    } else {
        Arc::new(Card::new(settings.card)?)
    };
    let name = machine.describe();
    let instructions: Vec<&str> =
        machine.instructions().iter().map(|instruction| instruction.name()).collect();
    let instructions = instructions.join(", ");
    eprintln!("{name}, exact products with {instructions}, at least {} words a kernel", settings.words);
    let backend = Cuda::new(machine);
    let case_words = CASE_WORDS[usize::from(settings.emulator)].min(settings.words.max(1) as usize);
    let mut differences = 0;
    let (mut begin, mut shown) = (Instant::now(), Instant::now());
    let mut report = |outcome: &Outcome, is_last: bool| {
        if !is_last {
            if shown.elapsed() >= PROGRESS {
                eprintln!("{}: {} of {} words", outcome.name, outcome.words, settings.words);
                shown = Instant::now();
            }
            return;
        }
        let seconds = begin.elapsed().as_secs_f64();
        if settings.json {
            println!("{}", object(outcome, &name, &instructions, seconds));
        } else {
            print(outcome, seconds);
        }
        differences += outcome.differences;
        (begin, shown) = (Instant::now(), Instant::now());
    };
    Check::new(&backend, settings.words, case_words, settings.seed).run(&settings.vectors, &mut report)?;
    Ok(differences)
}

fn print(outcome: &Outcome, seconds: f64) {
    let Outcome { name, cases, words, differences, first } = outcome;
    println!("{name:<24} {cases:>8} cases {words:>12} words {differences:>6} differences {seconds:>8.1} s");
    if let Some(first) = first {
        println!("    first: {first}");
    }
}

fn object(outcome: &Outcome, machine: &str, instructions: &str, seconds: f64) -> serde_json::Value {
    let Outcome { name, cases, words, differences, first } = outcome;
    serde_json::json!({
        "schema": 1, "machine": machine, "exact": instructions, "kernel": name, "cases": cases, "words": words,
        "differences": differences, "first": first, "seconds": seconds,
    })
}
