//! Where block timestamps come from. The chain reads no clock of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that counts the seconds since the Unix epoch. It may stand still; a block never takes a time before its parent's.
pub trait Clock: Send + Sync + 'static {
    /// Seconds since the Unix epoch.
    fn unix_seconds(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// A clock that starts at the machine's time and runs so many times as fast: for demonstrations, in which nobody waits for days.
#[derive(Clone, Copy, Debug)]
pub struct PacedClock {
    start: u64,
    since: std::time::Instant,
    pace: u32,
}

impl PacedClock {
    /// A clock that starts now.
    #[allow(clippy::disallowed_methods, reason = "this is where the chain's time comes from")]
    pub fn new(pace: u32) -> Self {
        Self { start: SystemClock.unix_seconds(), since: std::time::Instant::now(), pace }
    }
}

impl Clock for PacedClock {
    fn unix_seconds(&self) -> u64 {
        let paced = self.since.elapsed().as_millis() * u128::from(self.pace) / 1_000;
        self.start.saturating_add(u64::try_from(paced).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when it is told to: for simulations and tests.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `unix_seconds`.
    pub fn at(unix_seconds: u64) -> Self {
        Self(AtomicU64::new(unix_seconds))
    }

    /// Moves the clock ahead.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn unix_seconds(&self) -> u64 {
        (**self).unix_seconds()
    }
}
