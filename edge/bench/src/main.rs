//! Side-by-side measurements of Samebit and its peers.
//!
//! ```text
//! samebit-bench product [--rounds N] [--threads 1,2] [--shape MxNxK]     our product, crate gemm, crate faer
//! samebit-bench step JOB.yaml [THREADS [ROUNDS]]                         our training step, PyTorch's (SAMEBIT_PYTHON)
//! ```
mod product;
mod step;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, rest)) if command == "product" => product::Settings::parse(rest).map(product::run),
        Some((command, rest)) if command == "step" => {
            step::Step::parse(rest).and_then(|step| step.run().map_err(|error| error.to_string()))
        }
        _ => Err("hint: samebit-bench product … | samebit-bench step JOB.yaml …".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
