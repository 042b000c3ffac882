//! A rate, kept with whole numbers.

use crate::Time;
use crate::limits::Rate;

/// What a token counts as inside: a token is a thousand parts, so that every millisecond adds whole parts.
const PARTS: u64 = 1_000;

/// A token bucket: full at first, filled at its rate, each event takes a token.
///
/// ```
/// use samebit_net::{Bucket, Time, limits::Rate};
///
/// let mut bucket = Bucket::new(Rate { per_second: 10, burst: 2 }, Time(0));
/// assert!(bucket.take(Time(0)) && bucket.take(Time(0)));
/// assert!(!bucket.take(Time(0)));
/// assert_eq!(bucket.wait(Time(0)), 100);
/// assert!(bucket.take(Time(100)));
/// ```
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    parts: u64,
    filled: Time,
}

impl Bucket {
    /// A full bucket.
    ///
    /// # Panics
    /// If the rate is nothing.
    pub fn new(rate: Rate, now: Time) -> Self {
        assert!(rate.per_second > 0 && rate.burst > 0, "a rate lets something through");
        Self { rate, parts: u64::from(rate.burst) * PARTS, filled: now }
    }

    /// Whether there is a token. A clock that goes back adds nothing.
    pub fn has(&mut self, now: Time) -> bool {
        let gained = now.since(self.filled).saturating_mul(self.rate.per_second.into());
        self.parts = self.parts.saturating_add(gained).min(u64::from(self.rate.burst) * PARTS);
        self.filled = self.filled.max(now);
        self.parts >= PARTS
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        let has = self.has(now);
        if has {
            self.parts -= PARTS;
        }
        has
    }

    /// Milliseconds until there is a token.
    pub fn wait(&mut self, now: Time) -> u64 {
        if self.has(now) { 0 } else { (PARTS - self.parts).div_ceil(self.rate.per_second.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_second: 7, burst: 5 };

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(steps in prop::collection::vec(0u64..400, 1..200)) {
            let mut bucket = Bucket::new(RATE, Time(0));
            let (mut now, mut taken) = (Time(0), 0u64);
            for step in steps {
                now = now + step;
                while bucket.take(now) {
                    taken += 1;
                }
                prop_assert!(taken <= 5 + now.0 * 7 / 1_000);
                prop_assert!(taken >= (now.0 * 7 / 1_000).min(5), "a patient taker gets the rate");
            }
        }

        #[test]
        fn a_token_is_there_after_the_wait_and_not_before(pause in 0u64..500) {
            let mut bucket = Bucket::new(RATE, Time(0));
            while bucket.take(Time(pause)) {}
            let wait = bucket.wait(Time(pause));
            prop_assert!(wait > 0);
            prop_assert!(!bucket.clone().take(Time(pause + wait - 1)));
            prop_assert!(bucket.take(Time(pause + wait)));
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(RATE, Time(1_000_000));
        while bucket.take(Time(1_000_000)) {}
        assert!(!bucket.take(Time(0)));
        assert!(!bucket.take(Time(1_000_000)));
        assert!(bucket.take(Time(1_000_143)));
    }
}
