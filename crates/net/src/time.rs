//! Time as the caller tells it.

use std::ops::Add;

/// Milliseconds since the beginning of 1970. Nothing but the driver of the QUIC network reads a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// Milliseconds from `earlier` to this time, 0 if it is not earlier.
    pub fn since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<u64> for Time {
    type Output = Time;

    fn add(self, milliseconds: u64) -> Time {
        Time(self.0.saturating_add(milliseconds))
    }
}
