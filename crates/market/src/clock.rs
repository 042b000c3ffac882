//! Deadlines: seconds and blocks, on the chain's clock and on a job's own (job.md §3).

use crate::ids::{Height, Seconds};
use crate::planted::{Bug, planted};

/// A time and a block, of the chain or of a job's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The time.
    pub time: Seconds,
    /// The block.
    pub height: Height,
}

impl Moment {
    /// Whether `seconds` from `since` are over by now: in time and in blocks, of which the slow ones take `slow_block`, so that a chain that stands
    /// still stops every clock.
    pub fn is_over(self, since: Moment, seconds: Seconds, slow_block: Seconds) -> bool {
        let blocks = if planted(Bug::TimeAlone) { 0 } else { seconds.0.div_ceil(slow_block.0) };
        self.time.0 >= since.time.0 + seconds.0 && self.height.0 >= since.height.0 + blocks
    }
}

/// A job's clock: the chain's, minus what it stood still while a challenge was argued about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobClock {
    /// What it stood still before.
    stood: Moment,
    /// Since when it stands, if it does.
    since: Moment,
    /// Challenges that are argued about.
    asked: u32,
}

impl JobClock {
    /// What it shows.
    pub fn read(&self, now: Moment) -> Moment {
        let shown = if self.asked > 0 { self.since } else { now };
        Moment {
            time: Seconds(shown.time.0 - self.stood.time.0),
            height: Height(shown.height.0 - self.stood.height.0),
        }
    }

    /// One challenge more is argued about.
    pub fn stop(&mut self, now: Moment) {
        if self.asked == 0 {
            self.since = now;
        }
        self.asked += 1;
    }

    /// One challenge less is argued about.
    pub fn release(&mut self, now: Moment) {
        self.asked -= 1;
        if self.asked == 0 {
            self.stood.time.0 += now.time.0 - self.since.time.0;
            self.stood.height.0 += now.height.0 - self.since.height.0;
        }
    }

    /// Nothing is argued about any more.
    pub fn release_all(&mut self, now: Moment) {
        if self.asked > 0 {
            self.asked = 1;
            self.release(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64, height: u64) -> Moment {
        Moment { time: Seconds(time), height: Height(height) }
    }

    #[test]
    fn a_deadline_needs_time_and_blocks() {
        let start = at(100, 10);
        assert!(at(160, 12).is_over(start, Seconds(60), Seconds(30)));
        assert!(!at(159, 99).is_over(start, Seconds(60), Seconds(30)));
        assert!(!at(999, 11).is_over(start, Seconds(60), Seconds(30)), "the chain stood still");
        assert!(at(999, 11).is_over(start, Seconds(60), Seconds(60)), "one slow block");
        assert!(!at(999, 11).is_over(start, Seconds(61), Seconds(60)), "two, of which the second has begun");
    }

    #[test]
    fn a_jobs_clock_stands_while_anything_is_argued_about() {
        let mut clock = JobClock::default();
        clock.stop(at(10, 1));
        clock.stop(at(20, 2));
        assert_eq!(clock.read(at(50, 5)), at(10, 1));
        clock.release(at(50, 5));
        assert_eq!(clock.read(at(60, 6)), at(10, 1));
        clock.release(at(70, 7));
        assert_eq!(clock.read(at(75, 8)), at(15, 2));
        clock.stop(at(80, 9));
        clock.stop(at(80, 9));
        clock.release_all(at(90, 10));
        assert_eq!(clock.read(at(91, 11)), at(21, 4));
    }
}
