//! Silent errors: a bit that flips in memory or in a kernel is found before the step's result is handed on.

use samebit_engine::{Engine, EngineError, Settings};
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_num::fold::{Bits, Numerics};
use samebit_ops::attention::Pass;
use samebit_ops::product::ProductKernel;
use samebit_ops::{Backend, BackendError, Buffer, Cpu, Kernel, View};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a bit flips.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In a product of `m` > 1 rows that it has computed.
    Product,
    /// In an output of attention.
    Attention(Pass, usize),
    /// In the weights that were packed for all micro-batches.
    Prepared,
    /// Nowhere.
    Nowhere,
}

/// A processor in which a bit flips once.
struct Faulty {
    cpu: Cpu,
    place: Place,
    /// Which of the kernels of the kind: counted down.
    left: AtomicUsize,
}

impl Faulty {
    fn is_now(&self, place: Place) -> bool {
        place == self.place && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }

    fn flip(&self, buffer: &mut Buffer, at: usize) {
        let mut word = [0];
        self.cpu.read(buffer, at, &mut word);
        self.cpu.write(buffer, at, &[word[0] ^ 1 << 3]);
    }
}

impl Backend for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        self.cpu.allocate(words)
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        self.cpu.write(buffer, at, words);
    }

    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]) {
        self.cpu.read(buffer, at, words);
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        self.cpu.run(kernel, step, inputs, outputs);
        match kernel {
            Kernel::Product(product) if self.is_now(Place::Product) => {
                self.flip(&mut outputs[0], product.m * product.n - 1);
            }
            Kernel::Attention(attention) => (0..3).for_each(|output| {
                if self.is_now(Place::Attention(attention.pass, output)) {
                    self.flip(&mut outputs[output], attention.lengths().1[output] / 2);
                }
            }),
            _ => {}
        }
    }

    fn prepare(&self, kernel: &ProductKernel, right: View<'_>) -> Option<Buffer> {
        if !self.is_now(Place::Prepared) {
            return self.cpu.prepare(kernel, right);
        }
        let length =
            kernel.b.offset + (kernel.n - 1) * kernel.b.row_stride + (kernel.k - 1) * kernel.b.k_stride + 1;
        let mut words = vec![0; length];
        self.cpu.read(right.buffer, 0, &mut words);
        let largest = (0..length).max_by_key(|at| words[*at] & 0x7fff_ffff).expect("an operand has elements");
        words[largest] ^= 1 << 23;
        let mut changed = self.cpu.allocate(length).expect("memory");
        self.cpu.write(&mut changed, 0, &words);
        self.cpu.prepare(kernel, View { buffer: &changed, origin: 0 })
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        self.cpu.page_digests(buffer, words)
    }
}

/// The result of a step, and how many elements were computed again.
fn step(
    fixture: &Fixture,
    place: Place,
    nth: usize,
    micro_batches: u64,
    share: f64,
) -> (Result<(), EngineError>, u64) {
    let (program, states, tables) = fixture;
    let backend = Arc::new(Faulty { cpu: Cpu::detect(), place, left: AtomicUsize::new(nth) });
    let settings = Settings { micro_batches, self_check: share, ..Settings::default() };
    let mut engine = Engine::new(Arc::new(program.clone()), tables, backend, &settings).expect("a plan");
    for (state, words) in states.iter().enumerate() {
        engine.write_state(state, words).expect("a state of the declared size");
    }
    let result = engine.step(0).map(drop);
    (result, engine.elements_checked())
}

#[test]
fn every_flipped_bit_is_found_when_everything_is_computed_again() {
    for numerics in [Numerics::F32, Numerics::Exact(Bits::Eight), Numerics::Exact(Bits::Fourteen)] {
        let dims = Dims { sequences: 2, time: 17, layers: 1, numerics, ..Dims::default() };
        let fixture = llama(dims);
        for micro_batches in [1, 2] {
            let (honest, checked) = step(&fixture, Place::Nowhere, 0, micro_batches, 1.0);
            honest.expect("nothing differs");
            assert!(checked > 5_000, "{checked} elements were computed again");
            let outputs = (0..3)
                .flat_map(|at| [Place::Attention(Pass::Forward, at), Place::Attention(Pass::Backward, at)]);
            let products = [1, 5, 12, 20].map(|nth| (Place::Product, nth));
            for (place, nth) in outputs.map(|place| (place, 1)).chain(products) {
                let (result, _) = step(&fixture, place, nth, micro_batches, 1.0);
                let found = matches!(result, Err(EngineError::Silent { step: 0, .. }));
                assert!(
                    found,
                    "{place:?}, kernel {nth}, {numerics:?}, {micro_batches} micro-batches: {result:?}"
                );
            }
        }
    }
}

#[test]
fn a_changed_weight_shows_in_a_small_sample() {
    let numerics = Numerics::Exact(Bits::Eight);
    let fixture = gpt(Dims { sequences: 8, time: 40, layers: 1, numerics, ..Dims::default() });
    let (result, checked) = step(&fixture, Place::Prepared, 1, 2, 0.05);
    assert!(matches!(result, Err(EngineError::Silent { .. })), "{result:?} after {checked} elements");
    let (honest, checked) = step(&fixture, Place::Nowhere, 0, 2, 0.05);
    honest.expect("nothing differs");
    let (_, all) = step(&fixture, Place::Nowhere, 0, 2, 1.0);
    assert!((all / 25..all / 16).contains(&checked), "{checked} of {all}");
}
