//! What a peer has done and what it took: numbers that only grow, read by whoever looks on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a peer spends processor time on, besides following the chain and moving bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Looking whether a job can be run, and reading states.
    Load,
    /// Running steps, the interiors of their seals included.
    Run,
    /// Naming and writing the states after segments.
    Store,
    /// Comparing what others have sent with its name.
    Check,
    /// Disputes: traces, answers, evidence.
    Dispute,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 5] = [Part::Load, Part::Run, Part::Store, Part::Check, Part::Dispute];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Load => "load",
            Part::Run => "run",
            Part::Store => "store",
            Part::Check => "check",
            Part::Dispute => "dispute",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Meter {
    nanoseconds: [AtomicU64; Part::ALL.len()],
    steps: AtomicU64,
    fetched: AtomicU64,
}

impl Meter {
    /// Does a part of the work and counts the processor time that the whole process takes meanwhile.
    pub fn time<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let begun = process_time();
        let done = work();
        let taken = process_time().saturating_sub(begun);
        self.nanoseconds[part as usize].fetch_add(taken.as_nanos() as u64, Ordering::Relaxed);
        done
    }

    /// Processor time that a part has taken.
    pub fn taken(&self, part: Part) -> Duration {
        Duration::from_nanos(self.nanoseconds[part as usize].load(Ordering::Relaxed))
    }

    /// Counts steps that were run.
    pub fn add_steps(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    /// Steps that were run.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Counts bytes that others have sent.
    pub fn add_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of parcels that others have sent.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }
}

/// Processor time that this process has taken; none where the system does not tell.
pub fn process_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
    #[cfg(not(unix))]
    Duration::ZERO
}
