//! `samebit doctor`: whether this machine can do exact work, and with what.

use crate::arguments::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::{Screen, bytes};
use crate::speed::{Sample, TINY};
use samebit_commit::Digest;
use samebit_ops::simd::{Isa, assert_float_environment};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Free space that is less than this is worth a word.
const LITTLE_DISK: u64 = 1 << 30;

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    detail: String,
}

/// Looks at the machine.
pub fn doctor(global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    let sets: Vec<&str> = Isa::available().map(Isa::name).collect();
    let checks = [
        Check {
            name: "processor",
            ok: true,
            detail: format!("{}: {}", std::env::consts::ARCH, sets.join(", ")),
        },
        Check {
            name: "backend",
            ok: true,
            detail: format!("{}, {} threads", machine.backend.name(), machine.threads),
        },
        floats(),
        disk(),
        self_test(&machine)?,
    ];
    for check in &checks {
        screen.say(format!("{:<4} {:<10} {}", if check.ok { "ok" } else { "BAD" }, check.name, check.detail));
    }
    let ok = checks.iter().all(|check| check.ok);
    screen.object(&json!({
        "ok": ok, "version": super::run::VERSION, "instruction_sets": sets,
        "backend": machine.backend.name(), "threads": machine.threads, "checks": checks,
    }));
    Ok(if ok { Exit::Ok } else { Exit::Failed })
}

/// Threads must round to nearest and keep subnormals.
fn floats() -> Check {
    let is_right = std::thread::spawn(assert_float_environment).join().is_ok();
    let detail = match is_right {
        true => "rounds to nearest even, keeps subnormals",
        false => "a library in this process changed how floats are rounded",
    };
    Check { name: "floats", ok: is_right, detail: detail.to_owned() }
}

fn disk() -> Check {
    let (ok, detail) = match free_bytes(Path::new(".")) {
        Some(free) if free < LITTLE_DISK => (true, format!("only {} free here", bytes(free))),
        Some(free) => (true, format!("{} free here", bytes(free))),
        None => (true, "the free space is not known".to_owned()),
    };
    Check { name: "disk", ok, detail }
}

#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// A tiny training run ends in the same state on every backend, the reference among them.
fn self_test(machine: &Machine) -> Result<Check, Failure> {
    let sample = Sample::new(TINY)?;
    let names = ["reference"].into_iter().chain(Isa::available().map(Isa::name));
    let run = |name: &str| -> Result<Digest, Failure> {
        let backend = samebit_ops::backend(name).map_err(Failure::input)?;
        let machine = Machine { backend: Arc::from(backend), threads: machine.threads };
        let mut runner = sample.runner(&machine)?;
        for step in 0..sample.job.spec.steps {
            runner.step(step)?;
        }
        Ok(runner.state_root())
    };
    let mut roots = Vec::new();
    for name in names {
        roots.push((name, spin("self-test", || run(name))?));
    }
    let expected = roots[0].1;
    let wrong: Vec<&str> =
        roots.iter().filter(|(_, root)| *root != expected).map(|(name, _)| *name).collect();
    let detail = match wrong.is_empty() {
        true => format!("{} backends agree with each other to the last bit", roots.len()),
        false => format!("{} differ from the reference", wrong.join(", ")),
    };
    Ok(Check { name: "self-test", ok: wrong.is_empty(), detail })
}
