//! Holds every kernel against the processor, bit for bit.
//!
//! ```text
//! samebit-cuda-check [--words N] [--card N] [--seed N] [--vectors DIR] [--emulator]
//! ```
//! Exit codes: 0 no difference, 2 bad usage, 3 no driver or no compiler, 4 a difference, 1 anything else.

use samebit_cuda::check::Check;
use samebit_cuda::{Card, Cuda, Emulator, Error, Machine, Order};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Words to compare for each kernel.
const WORDS: u64 = 100_000_000;
/// Words of a case's output on a card and on the emulator.
const CASE_WORDS: [usize; 2] = [4_000_000, 3_000];

struct Settings {
    words: u64,
    card: usize,
    seed: u64,
    vectors: PathBuf,
    emulator: bool,
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
            let unreachable = matches!(
                error,
                Error::NoDriver(_)
                    | Error::NoCard { .. }
                    | Error::NoCompiler(_)
                    | Error::NoHostCompiler { .. }
            );
            ExitCode::from(if unreachable { 3 } else { 1 })
        }
    }
}

fn parse() -> Result<Settings, String> {
    let mut settings =
        Settings { words: WORDS, card: 0, seed: 1, vectors: PathBuf::from("vectors"), emulator: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--emulator" {
            settings.emulator = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| {
            format!("`{flag}` is unknown or has no value\nhint: --words --card --seed --vectors --emulator")
        })?;
        let number = || value.parse::<u64>().map_err(|_| format!("{flag} {value}: not a whole number"));
        match flag.as_str() {
            "--words" => settings.words = number()?,
            "--card" => settings.card = number()? as usize,
            "--seed" => settings.seed = number()?,
            "--vectors" => settings.vectors = value.into(),
            _ => {
                return Err(format!(
                    "unknown flag `{flag}`\nhint: --words --card --seed --vectors --emulator"
                ));
            }
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
    println!("{}, at least {} words a kernel", machine.describe(), settings.words);
    let backend = Cuda::new(machine);
    let case_words = CASE_WORDS[usize::from(settings.emulator)];
    let mut differences = 0;
    Check::new(&backend, settings.words, case_words, settings.seed).run(
        &settings.vectors,
        &mut |outcome| {
            println!(
                "{:<24} {:>8} cases {:>12} words {:>6} differences",
                outcome.name, outcome.cases, outcome.words, outcome.differences
            );
            if let Some(first) = &outcome.first {
                println!("    first: {first}");
            }
            differences += outcome.differences;
        },
    )?;
    Ok(differences)
}
