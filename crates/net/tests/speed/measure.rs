//! Wall and processor time of this process.

use std::time::{Duration, Instant};

/// Ticks a second of `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// What something took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub wall: Duration,
    /// Seconds of processors, of all threads.
    pub processor: f64,
}

impl Took {
    /// Bytes of a second, in MB.
    pub fn megabytes_a_second(&self, bytes: u64) -> f64 {
        bytes as f64 / 1e6 / self.wall.as_secs_f64()
    }
}

/// A clock that runs.
pub struct Clock {
    start: Instant,
    processor: f64,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now(), processor: processor() }
    }

    pub fn stop(self) -> Took {
        Took { wall: self.start.elapsed(), processor: processor() - self.processor }
    }
}

fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name, in parentheses, may hold spaces; user and system time are the 12th and 13th field after it.
    let fields = text.rsplit(')').next().expect("a name").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS
}

/// The one in the middle by wall time.
pub fn median(mut all: Vec<Took>) -> Took {
    all.sort_by_key(|took| took.wall);
    all[all.len() / 2]
}
