//! Where the time of a training step goes, and how far each part is from what the machine could do.

use std::time::Instant;

use samebit_engine::Engine;
use samebit_num::fold::{Bits, Numerics};

use crate::ceiling::Ceiling;
use crate::step::Failure;
use crate::timed::{Part, Timed};

/// Parts with less than this share of the step are printed together.
const LEAST_SHARE: f64 = 0.01;

/// Prints the table for the best of `rounds` steps.
pub fn run(mut engine: Engine, backend: &Timed, rounds: u64) -> Result<(), Failure> {
    let ceiling = engine.install(Ceiling::measure);
    println!(
        "ceilings: f32 {:.0}, 16-bit {:.0}, 8-bit {:.0} Gop/s, memory {:.1} GB/s",
        ceiling.float * 1e-9,
        ceiling.words * 1e-9,
        ceiling.bytes * 1e-9,
        ceiling.memory * 1e-9
    );
    engine.step(0)?;
    let mut best = (f64::INFINITY, Default::default());
    for step in 1..=rounds {
        backend.take();
        let started = Instant::now();
        engine.step(step)?;
        let seconds = started.elapsed().as_secs_f64();
        if seconds < best.0 {
            best = (seconds, backend.take());
        }
    }
    let (total, parts) = best;
    let mut parts: Vec<(String, Part)> = parts.into_iter().collect();
    parts.sort_by(|a, b| f64::total_cmp(&b.1.seconds, &a.1.seconds));
    println!("{total:.4} s a step");
    println!("{:>8} {:>6} {:>9} {:>8} {:>8}  part", "seconds", "share", "launches", "at", "ceiling");
    let mut rest = Part::default();
    for (name, part) in &parts {
        if part.seconds < LEAST_SHARE * total {
            rest.launches += part.launches;
            rest.seconds += part.seconds;
            rest.bytes += part.bytes;
        } else {
            print(name, part, total, &ceiling);
        }
    }
    print("the others", &rest, total, &ceiling);
    let launched: f64 = parts.iter().map(|(_, part)| part.seconds).sum();
    print("between launches", &Part { seconds: total - launched, ..Part::default() }, total, &ceiling);
    Ok(())
}

/// A line: what part of the time the machine needs at least. The ceiling is that of the operations or that of memory, whichever takes longer.
fn print(name: &str, part: &Part, total: f64, ceiling: &Ceiling) {
    let compute = part.operations
        / match part.numerics {
            Numerics::F32 => ceiling.float,
            Numerics::Exact(Bits::Eight) => ceiling.bytes,
            Numerics::Exact(Bits::Fourteen) => ceiling.words,
            // Four products of digits.
            Numerics::Exact(Bits::TwentyOne) => ceiling.words / 4.0,
        };
    let memory = part.bytes / ceiling.memory;
    let (least, by) = if compute > memory { (compute, "compute") } else { (memory, "memory") };
    println!(
        "{:>8.4} {:>5.1}% {:>9} {:>7.0}% {:>8}  {name}",
        part.seconds,
        100.0 * part.seconds / total,
        part.launches,
        100.0 * least / part.seconds,
        by
    );
}
