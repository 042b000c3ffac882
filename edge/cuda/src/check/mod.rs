//! Kernels held against the processor's, bit for bit, on random shapes and values until enough outputs are compared.
//!
//! The same cases run on a card and on the emulator. The yardstick is `samebit_ops::Cpu`, which its own tests hold against the
//! reference in integers; for exact products it is their definition, and for the golden files what they say.

mod cases;
mod vectors;

use crate::{Cuda, Error};
use samebit_ops::{Backend, Buffer, Cpu, Kernel, View};
use std::path::Path;

/// What came of one kernel's cases.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The kernel.
    pub name: &'static str,
    /// Launches compared.
    pub cases: u64,
    /// Words compared; for folds of whole tensors and for hashes, words read.
    pub words: u64,
    /// Words that differ.
    pub differences: u64,
    /// The first difference, in words.
    pub first: Option<String>,
}

/// Compares kernels on one machine.
pub struct Check<'a> {
    backend: &'a Cuda,
    cpu: Cpu,
    /// Words to compare for each kernel, at least.
    words: u64,
    /// The greatest operand of a case, in words: the emulator is slow.
    case_words: usize,
    seed: u64,
    outcome: Outcome,
}

impl<'a> Check<'a> {
    /// A check of at least `words` words a kernel, in cases of about `case_words` words.
    pub fn new(backend: &'a Cuda, words: u64, case_words: usize, seed: u64) -> Self {
        let outcome = Outcome { name: "", cases: 0, words: 0, differences: 0, first: None };
        Self { backend, cpu: Cpu::detect(), words, case_words, seed, outcome }
    }

    /// Runs every kernel's cases. `report` gets what came of a kernel so far after each case, and whether it was the last.
    /// `vectors` is the folder of the golden files.
    ///
    /// # Errors
    /// The machine's, or a golden file that cannot be read.
    pub fn run(&mut self, vectors: &Path, report: &mut dyn FnMut(&Outcome, bool)) -> Result<(), Error> {
        self.outcome = Outcome { name: "golden files", cases: 0, words: 0, differences: 0, first: None };
        vectors::check(self, vectors)?;
        report(&self.outcome, true);
        for &(name, case) in cases::ALL {
            self.outcome = Outcome { name, cases: 0, words: 0, differences: 0, first: None };
            while self.outcome.words < self.words {
                let seed = self.seed.wrapping_mul(0x9e37_79b9).wrapping_add(self.outcome.cases);
                case(self, seed)?;
                self.outcome.cases += 1;
                report(&self.outcome, self.outcome.words >= self.words);
            }
        }
        Ok(())
    }

    /// Counts `words` words and the differences between what was found and what is right.
    fn count(&mut self, words: usize, found: &[u32], expected: &[u32], what: impl FnOnce() -> String) {
        assert_eq!(found.len(), expected.len(), "{}", self.outcome.name);
        self.outcome.words += words as u64;
        let wrong = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
        self.outcome.differences += wrong as u64;
        if wrong > 0 && self.outcome.first.is_none() {
            let at = found.iter().zip(expected).position(|(found, expected)| found != expected).unwrap_or(0);
            self.outcome.first =
                Some(format!("{}: word {at} is {:#010x}, not {:#010x}", what(), found[at], expected[at]));
        }
    }

    /// Runs a kernel on both and compares all outputs; counts `words`, or the outputs. Gives the processor's outputs.
    fn compare(
        &mut self,
        kernel: &Kernel,
        step: u64,
        inputs: &[Vec<u32>],
        before: &[Vec<u32>],
        words: Option<usize>,
    ) -> Vec<Vec<u32>> {
        let expected = outputs(&self.cpu, kernel, step, inputs, before);
        let found = outputs(self.backend, kernel, step, inputs, before);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            self.count(words.unwrap_or(found.len()), found, expected, || {
                format!("{kernel:?}, output {index}")
            });
        }
        expected
    }
}

/// The outputs of a kernel, from what they held before.
///
/// # Panics
/// If there is no memory for an operand.
pub fn outputs(
    backend: &dyn Backend,
    kernel: &Kernel,
    step: u64,
    inputs: &[Vec<u32>],
    before: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    let buffer = |words: &Vec<u32>| {
        let mut buffer = backend.allocate(words.len()).unwrap_or_else(|error| panic!("{error}"));
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
