//! What the tests share: values with their edges, the emulator in every order of threads, and the comparison.

#![allow(dead_code, unused_imports, reason = "each test uses a part")]

pub use samebit_cuda::check::outputs;
pub use samebit_cuda::values::Values;
use samebit_cuda::{Cuda, Emulator, Error, Machine, Order};
use samebit_ops::{Backend, Kernel};
use std::path::Path;
use std::sync::Arc;

/// The emulator with the threads in every order; none where there is no C++ compiler.
pub fn machines() -> Vec<Arc<dyn Machine>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    let emulator = |order| match Emulator::new(&folder, order) {
        Ok(emulator) => Some(Arc::new(emulator) as Arc<dyn Machine>),
        Err(error @ Error::NoHostCompiler { .. }) => {
            eprintln!("SKIPPED: the kernels are not run: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    [Order::Rising, Order::Falling, Order::Shuffled(5)].into_iter().filter_map(emulator).collect()
}

/// The backend on the emulator with the threads in every order.
pub fn backends() -> Vec<Cuda> {
    machines().into_iter().map(Cuda::new).collect()
}

/// Runs a kernel by the yardstick and by the emulator in every order, compares every bit, and gives the yardstick's outputs.
pub fn compare(
    yardstick: &dyn Backend,
    kernel: &Kernel,
    step: u64,
    inputs: &[Vec<u32>],
    before: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    let expected = outputs(yardstick, kernel, step, inputs, before);
    for backend in backends() {
        let found = outputs(&backend, kernel, step, inputs, before);
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            if let Some(at) = found.iter().zip(expected).position(|(found, expected)| found != expected) {
                panic!(
                    "{kernel:?} on {}: output {index}, element {at} is {:#010x}, not {:#010x}",
                    backend.machine().describe(),
                    found[at],
                    expected[at]
                );
            }
        }
    }
    expected
}
