//! What a job needs in memory, and the schedule that fits into a budget.

use crate::failure::Failure;
use crate::screen::bytes;
use samebit_engine::lower::Freedom;
use samebit_engine::plan::Plan;
use samebit_engine::recompute::Thrift;
use samebit_engine::slice::table_bounds;
use samebit_graph::{DType, Program};
use std::collections::BTreeSet;

/// Bytes of a word.
const WORD_BYTES: u64 = 4;

/// How a step is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Micro-batches of a step.
    pub micro_batches: u64,
    /// The engine's budget, which tables are not part of.
    pub memory: Option<u64>,
}

impl Schedule {
    /// So many micro-batches, and nothing computed twice.
    pub fn of(micro_batches: u64) -> Schedule {
        Schedule { micro_batches, memory: None }
    }
}

/// What a job's step needs, by schedule.
pub struct Needs<'a> {
    program: &'a Program,
    bounds: Vec<u32>,
    table_bytes: u64,
}

impl<'a> Needs<'a> {
    /// The needs of a program with these tables.
    pub fn new(program: &'a Program, tables: &[Vec<u32>]) -> Needs<'a> {
        let is_integer: Vec<bool> = program.tables.iter().map(|table| table.dtype == DType::U32).collect();
        // A table is in the job, from which faults and replays are made, and in the backend's memory.
        let table_words: u64 = tables.iter().map(|words| 2 * words.len() as u64).sum();
        let bounds = table_bounds(tables, &is_integer);
        Needs { program, bounds, table_bytes: table_words * WORD_BYTES }
    }

    /// The bytes of states, tables and what is kept between nodes. `None` if the batch cannot be cut so.
    pub fn peak(&self, micro_batches: u64, thrift: Thrift) -> Option<u64> {
        let freedom = Freedom { fuse: true, opaque: &BTreeSet::new() };
        let plan = Plan::new(self.program, micro_batches, &self.bounds, freedom, thrift).ok()?;
        Some(plan.words() * WORD_BYTES + self.table_bytes)
    }

    /// The fastest schedule of a step of `rows` rows that fits into `limit` bytes: more micro-batches than `wanted` first, then values that
    /// are computed again.
    ///
    /// # Errors
    /// None fits.
    pub fn schedule(&self, rows: u64, wanted: u64, limit: u64) -> Result<Schedule, Failure> {
        let mut least = u64::MAX;
        for thrift in Thrift::ALL {
            for micro_batches in (wanted..=rows).filter(|parts| rows.is_multiple_of(*parts)) {
                let Some(needed) = self.peak(micro_batches, thrift) else { continue };
                if needed <= limit {
                    return Ok(Schedule { micro_batches, memory: Some(limit - self.table_bytes) });
                }
                least = least.min(needed);
            }
        }
        Err(Failure::input(format!(
            "--memory {}: the job needs at least {}\nhint: lower sequence_len or the model's sizes, or give more memory",
            bytes(limit),
            bytes(least)
        )))
    }
}

/// The memory of this machine, where the system tells it.
pub fn memory_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let system = rustix::system::sysinfo();
        u64::try_from(u128::from(system.mem_unit) * u128::from(system.totalram)).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Reads an amount of memory: bytes, or with one of K, M, G, T (also KiB, …), powers of 1,024.
///
/// # Errors
/// What an amount looks like.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..at], text[at..].trim().to_ascii_lowercase());
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("an amount of memory is a number of bytes, or one with K, M, G or T".to_owned()),
    };
    let value = number.parse::<f64>().ok().filter(|value| *value > 0.0 && *value < 1e9 * 1e6);
    let bytes = value.map(|value| (value * (1u64 << shift) as f64) as u64);
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("`{text}` is no amount of memory, such as 6GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        for (text, expected) in
            [("1024", 1024), ("1K", 1024), ("1.5KiB", 1536), ("2 GB", 2 << 30), ("3mib", 3 << 20)]
        {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "-1", "0", "x", "1X", "1e9", "."] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
