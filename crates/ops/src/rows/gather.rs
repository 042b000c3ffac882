//! The columns' part of an address, made ready for copying: runs of consecutive elements where there are such.

use super::address::{Operand, word};
use super::program::Columns;

/// The least average length of runs that are copied as runs.
const RUN_LENGTH: usize = 8;

/// Columns `start ..` read consecutive elements from `offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    start: usize,
    offset: u64,
}

/// How the columns of an address are read.
#[derive(Clone, Debug)]
pub(super) enum Gather {
    /// Column c reads element base + c.
    Contiguous,
    /// Consecutive elements, run by run; each run ends where the next begins.
    Runs(Vec<Run>),
    /// One element at a time.
    Single(std::sync::Arc<[u32]>),
}

impl Gather {
    /// The reading of these columns; those that are fixed are not read by column.
    pub(super) fn new(columns: &Columns) -> Self {
        let Columns::Offsets(offsets) = columns else {
            return Gather::Contiguous;
        };
        let mut runs: Vec<Run> = Vec::new();
        for (start, &offset) in offsets.iter().enumerate() {
            let offset = u64::from(offset);
            let goes_on = runs.last().is_some_and(|run| run.offset + (start - run.start) as u64 == offset);
            if !goes_on {
                runs.push(Run { start, offset });
            }
        }
        if offsets.len() >= RUN_LENGTH * runs.len() {
            Gather::Runs(runs)
        } else {
            Gather::Single(offsets.clone())
        }
    }

    /// The words of columns `start ..` of an operand whose tensor has `len` elements: where they are in its slice, if they are
    /// all there in order and no copy is asked for; else nothing, and they are in `staged`.
    pub(super) fn locate(
        &self,
        operand: Operand<'_>,
        len: u64,
        base: u64,
        start: usize,
        staged: &mut [u32],
        copy: bool,
    ) -> Option<usize> {
        match self {
            Gather::Contiguous => {
                let first = base + start as u64;
                if !copy && first + staged.len() as u64 <= len {
                    return Some(slice_start(operand, first, staged.len()));
                }
                copy_run(operand, len, first, staged);
            }
            Gather::Runs(runs) => {
                for_runs(runs, start, staged, |offset, part| copy_run(operand, len, base + offset, part));
            }
            Gather::Single(offsets) => copy_single(operand, len, base, &offsets[start..], staged),
        }
        None
    }

    /// The addresses of columns `start ..`, mod 2^32.
    pub(super) fn values(&self, base: u64, start: usize, staged: &mut [u32]) {
        let count_up = |first: u64, part: &mut [u32]| {
            for (word, value) in part.iter_mut().zip(0u32..) {
                *word = (first as u32).wrapping_add(value);
            }
        };
        match self {
            Gather::Contiguous => count_up(base + start as u64, staged),
            Gather::Runs(runs) => for_runs(runs, start, staged, |offset, part| count_up(base + offset, part)),
            Gather::Single(offsets) => {
                for (word, &offset) in staged.iter_mut().zip(&offsets[start..]) {
                    *word = (base as u32).wrapping_add(offset);
                }
            }
        }
    }
}

/// Calls `work` with the offset of each run's part of columns `start ..` and the words of that part.
fn for_runs(runs: &[Run], start: usize, staged: &mut [u32], mut work: impl FnMut(u64, &mut [u32])) {
    let end = start + staged.len();
    let first = runs.partition_point(|run| run.start <= start) - 1;
    for (at, run) in runs.iter().enumerate().skip(first) {
        if run.start >= end {
            return;
        }
        let from = run.start.max(start);
        let to = runs.get(at + 1).map_or(end, |next| next.start.min(end));
        work(run.offset + (from - run.start) as u64, &mut staged[from - start..to - start]);
    }
}

/// The position in the slice of `count` elements from flat index `first`.
fn slice_start((words, origin): Operand<'_>, first: u64, count: usize) -> usize {
    let at = first.checked_sub(origin).map_or(usize::MAX, |at| at as usize);
    let inside = at.checked_add(count).is_some_and(|end| end <= words.len());
    assert!(inside, "elements {first} + {count} are not in the slice of {} words from {origin}", words.len());
    at
}

fn copy_run(operand: Operand<'_>, len: u64, first: u64, target: &mut [u32]) {
    let count = len.saturating_sub(first).min(target.len() as u64) as usize;
    let (held, beyond) = target.split_at_mut(count);
    if count > 0 {
        held.copy_from_slice(&operand.0[slice_start(operand, first, count)..][..count]);
    }
    beyond.fill(0);
}

fn copy_single(operand: Operand<'_>, len: u64, base: u64, offsets: &[u32], target: &mut [u32]) {
    let (words, origin) = operand;
    let near = base.checked_sub(origin).and_then(|at| words.get(at as usize..));
    for (held, &offset) in target.iter_mut().zip(offsets) {
        let index = base + u64::from(offset);
        *held = match near.and_then(|near| near.get(offset as usize)) {
            Some(&found) if index < len => found,
            _ => word(operand, index, len),
        };
    }
}
