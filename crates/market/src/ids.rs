//! Quantities and names of a job's life, each its own type.

use samebit_commit::Digest;
use std::fmt;

/// The name of a job on its chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub Digest);

/// Who sends messages and owns money: an address of the chain.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub [u8; 20]);

/// Money, in the smallest unit of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u128);

/// A time of the chain's clock, or a length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u64);

/// A block of the chain, or a number of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height(pub u64);

/// A share in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

/// The number of a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub u32);

/// One solver's time with a job, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// A batch of an attempt, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A segment of a job, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// A drawn segment of a batch, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrawId(pub u64);

/// A verifier's place at a drawn segment, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u64);

impl Amount {
    /// The part of it, rounded down.
    pub const fn part(self, share: Ppm) -> Amount {
        Amount(self.0 * share.0 as u128 / MILLION)
    }

    /// The part of it, rounded up.
    pub const fn part_up(self, share: Ppm) -> Amount {
        Amount((self.0 * share.0 as u128).div_ceil(MILLION))
    }

    /// So many of it.
    pub const fn times(self, count: u64) -> Amount {
        Amount(self.0 * count as u128)
    }

    /// What is left of it without `other`.
    ///
    /// # Panics
    /// If it is less.
    #[must_use]
    pub const fn less(self, other: Amount) -> Amount {
        Amount(self.0.checked_sub(other.0).expect("no more is taken than there is"))
    }

    /// Both.
    #[must_use]
    pub const fn plus(self, other: Amount) -> Amount {
        Amount(self.0 + other.0)
    }
}

/// Millionths of a whole.
const MILLION: u128 = 1_000_000;

impl Seconds {
    /// This time, `length` later.
    pub const fn plus(self, length: Seconds) -> Seconds {
        Seconds(self.0.saturating_add(length.0))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

macro_rules! display {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

display!(JobId, Amount, Seconds, Height, Ppm, SeatId, AttemptId, BatchId, SegmentId, DrawId, PlaceId);
