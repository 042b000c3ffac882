//! Side-by-side measurements of Samebit and its peers.
//!
//! ```text
//! samebit-bench product [--rounds N] [--threads 1,2] [--shape MxNxK]     our product, crate gemm, crate faer
//! samebit-bench exact [the same]                                         our products of integers, the fastest of both and PyTorch in f32
//! samebit-bench step JOB.yaml [THREADS [ROUNDS [NUMERICS [MODE]]]]       our training step, PyTorch's (SAMEBIT_PYTHON), eager or compiled
//! samebit-bench profile JOB.yaml [THREADS [ROUNDS [NUMERICS]]]           where our step's time goes, and what the machine could do
//! samebit-bench decode JOB.yaml [THREADS [ROUNDS [NUMERICS]]]            one more token of a text: a whole pass, and a row beside a cache
//! samebit-bench segment JOB.yaml DIR THREADS STEPS                       hashing and storing beside a segment's steps
//! samebit-bench convergence DIR DOCS [MODEL]                             trains in every profile, writes the table and the curves
//! samebit-bench convergence-report DIR DOCS                              writes them only
//! ```
mod ceiling;
mod convergence;
mod decode;
mod exact;
mod peer;
mod product;
mod profile;
mod segment;
mod step;
mod timed;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, rest)) if command == "product" => product::Settings::parse(rest).map(product::run),
        Some((command, rest)) if command == "exact" => product::Settings::parse(rest)
            .and_then(|settings| exact::run(settings).map_err(|error| error.to_string())),
        Some((command, rest)) if command == "step" => {
            step::Step::parse(rest).and_then(|step| step.run().map_err(|error| error.to_string()))
        }
        Some((command, rest)) if command == "profile" => {
            step::Step::parse(rest).and_then(|step| step.profile().map_err(|error| error.to_string()))
        }
        Some((command, rest)) if command == "decode" => {
            step::Step::parse(rest).and_then(|step| decode::run(&step).map_err(|error| error.to_string()))
        }
        Some((command, [job, folder, threads, steps])) if command == "segment" => {
            let number = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
            let run =
                |threads: u64, steps| segment::run(job.as_ref(), folder.as_ref(), threads as usize, steps);
            number(threads)
                .and_then(|threads| run(threads, number(steps)?).map_err(|error| error.to_string()))
        }
        Some((command, [folder, docs, rest @ ..])) if command == "convergence" && rest.len() < 2 => {
            let only = rest.first().map_or("", String::as_str);
            convergence::run(folder.as_ref(), docs.as_ref(), only).map_err(|error| error.to_string())
        }
        Some((command, [folder, docs])) if command == "convergence-report" => {
            convergence::report(folder.as_ref(), docs.as_ref()).map_err(|error| error.to_string())
        }
        _ => Err(
            "hint: samebit-bench product … | exact … | step JOB.yaml … | profile JOB.yaml … | decode JOB.yaml … | segment JOB.yaml DIR THREADS STEPS | convergence DIR DOCS"
                .to_owned(),
        ),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
