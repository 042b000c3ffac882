//! What developers run: `cargo xtask test|tidy|fuzz|sim|vectors|ptx|contracts|bench|convergence|deny`. One command runs here exactly what runs on the build machine.

mod command;
mod contracts;
mod foundry;
mod fuzz;
mod hosts;
mod layers;
mod profiles;
mod ptx;
mod text;
mod tidy;

use command::{cargo, is_installed};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test [--slow]   formatting, lints, tidy, every test; --slow adds `profiles` and the tests that take minutes, such as sweeps over all 2^32 inputs
cargo xtask profiles        one job in builds without, with some and with all optimisation: one final state
cargo xtask tidy            the structure of the code
cargo xtask sim --seeds N   the network from seeds 0 … N − 1, five scenes each, with tables; --from SEED begins there; --seed SEED plays one and tells what happens
cargo xtask fuzz [TARGET …] every decoder fuzzed from its seeds, guided by coverage; --seconds N of each; --keep adds what was reached to the seeds; needs a C++ compiler
cargo xtask vectors         writes the golden files again: a diff in them is a change of meaning
cargo xtask ptx             compiles the kernels of edge/cuda for every architecture and lints them; needs no card
cargo xtask foundry         samebit-chain's client on anvil, and cast on its chain; needs Node
cargo xtask contracts       compiles the contracts, compares them with the artifacts, runs forge's invariants; needs Node
cargo xtask hosts           five hosts with their own addresses do a job over a bad network; needs Linux, root, iproute2 and Python
cargo xtask bench [ROUNDS]  speed side by side; with PyTorch if SAMEBIT_PYTHON names a python that has it
cargo xtask convergence     trains small GPTs in every profile, two seeds (an hour; goes on where it was stopped), writes docs/convergence.md
cargo xtask deny            licences and sources of dependencies (needs cargo-deny)";

/// The result of a task; what went wrong, in words.
type Task = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = fuzz::wrapped(&arguments) {
        return code;
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test(false),
        ["test", "--slow"] => test(true),
        ["profiles"] => profiles::profiles(&root()),
        ["tidy"] => tidy::tidy(&root()),
        ["fuzz", rest @ ..] => fuzz::fuzz(&root(), rest),
        ["sim", rest @ ..] => sim(rest),
        ["vectors"] => vectors(),
        ["ptx"] => ptx::ptx(&root()),
        ["foundry"] => foundry::foundry(&root()),
        ["contracts"] => contracts::contracts(&root()),
        ["hosts"] => hosts::hosts(&root()),
        ["bench", rest @ ..] => bench(rest),
        ["convergence", rest @ ..] => convergence(rest),
        ["deny"] => deny(),
        _ => Err(format!("unknown task `{}`\n{HELP}", words.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

/// The packages with tests that take minutes, behind their feature `slow`.
const SLOW: [&str; 6] =
    ["samebit-num", "samebit-dispute", "samebit-market", "samebit-chain", "samebit-referee", "samebit-cli"];

/// Every package but the one that needs other people's arithmetic to compare with. Always all at once: a smaller choice would be
/// another set of features, and the clients of the chain and of QUIC compiled once more for it.
const EVERYTHING: [&str; 3] = ["--workspace", "--exclude", "samebit-bench"];

/// What a change must pass; the cheap checks come first.
fn test(slow: bool) -> Task {
    tidy::tidy(&root())?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[&["clippy", "--locked"], &EVERYTHING[..], &["--all-targets", "--", "-D", "warnings"]].concat())?;
    if is_installed("nextest") {
        cargo(&[&["nextest", "run", "--locked", "--no-fail-fast"], &EVERYTHING[..]].concat())?;
        cargo(&[&["test", "--locked", "--doc"], &EVERYTHING[..]].concat())?;
    } else {
        cargo(&[&["test", "--locked", "--no-fail-fast"], &EVERYTHING[..]].concat())?;
    }
    ptx::ptx_if_reachable(&root())?;
    contracts::contracts_if_reachable(&root())?;
    if slow {
        profiles::profiles(&root())?;
        cargo(&["test", "--locked", "-p", "samebit-net", "--features", "quic", "--", "--test-threads=2"])?;
        speed()?;
        SLOW.iter().try_for_each(|package| {
            let feature = format!("{package}/slow");
            cargo(&[
                "test",
                "--locked",
                "--release",
                "-p",
                package,
                "--features",
                &feature,
                "--",
                "--nocapture",
            ])
        })?;
    }
    Ok(())
}

/// How fast a state of 1 GiB moves, on a machine that does nothing else meanwhile.
fn speed() -> Task {
    let test =
        ["test", "--locked", "--release", "-p", "samebit-net", "--features", "slow", "--test", "speed"];
    cargo(&[&test[..], &["--", "--nocapture", "--test-threads=1"]].concat())
}

/// Simulates the network.
fn sim(rest: &[&str]) -> Task {
    let run = ["run", "--locked", "--quiet", "-p", "samebit-sim", "--example", "sim", "--"];
    cargo(&[&run[..], rest].concat())
}

/// The example binaries that write the files of `vectors/`.
const WRITERS: [(&str, &str); 2] = [("samebit-num", "vectors"), ("samebit-commit", "golden")];

fn vectors() -> Task {
    WRITERS.iter().try_for_each(|(package, example)| {
        cargo(&["run", "--locked", "--release", "-p", package, "--example", example])
    })
}

/// The profiles in which steps are measured.
const NUMERICS: [&str; 3] = ["f32", "exact14", "exact8"];

/// How PyTorch runs the model.
const MODES: [&str; 2] = ["eager", "compiled"];

/// Runs every measurement of edge/bench, the training steps on one thread and on two; `rest` may give the number of rounds.
fn bench(rest: &[&str]) -> Task {
    let run = |arguments: &[&str]| {
        cargo(&[&["run", "--locked", "--release", "-p", "samebit-bench", "--"], arguments].concat())
    };
    let rounds = rest.first().copied().unwrap_or("10");
    run(&["product", "--rounds", rounds])?;
    run(&["exact", "--rounds", rounds])?;
    let folder = root().join("target/bench-segment");
    for job in jobs(&root().join("edge/bench/jobs"))? {
        for threads in ["1", "2"] {
            for numerics in NUMERICS {
                MODES.iter().try_for_each(|mode| run(&["step", &job, threads, rounds, numerics, mode]))?;
                run(&["profile", &job, threads, "3", numerics])?;
                run(&["decode", &job, threads, rounds, numerics])?;
            }
            run(&["segment", &job, &folder.to_string_lossy(), threads, "3"])?;
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
    }
    Ok(())
}

/// Trains what is missing of the models whose names begin with the word given, or of all, and writes the report.
fn convergence(rest: &[&str]) -> Task {
    let [folder, docs] = ["target/convergence", "docs"].map(|place| root().join(place));
    let places = [folder, docs].map(|place| place.to_string_lossy().into_owned());
    let run =
        ["run", "--locked", "--release", "-p", "samebit-bench", "--", "convergence", &places[0], &places[1]];
    cargo(&[&run[..], rest].concat())
}

/// The job files of a folder, in order; none if there is no folder.
fn jobs(folder: &Path) -> Result<Vec<String>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut jobs: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    jobs.sort();
    Ok(jobs)
}

fn deny() -> Task {
    if !is_installed("deny") {
        return Err("cargo-deny is not installed\nhint: cargo install --locked cargo-deny".to_owned());
    }
    cargo(&["deny", "--locked", "check"])
}
