//! Quantities and names of a dispute, each its own type.

use samebit_commit::Digest;
use std::fmt;

/// The name of a question: the digest of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub Digest);

/// The number of a claim within its question, from 0 in the order of arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub u64);

/// A game: two claims of one question, the older one is side a.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GameId {
    /// The question.
    pub question: QuestionId,
    /// The older claim.
    pub a: ClaimId,
    /// The younger claim.
    pub b: ClaimId,
}

/// Who sends messages and owns money: an address of the chain.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub [u8; 20]);

/// Money, in the smallest unit of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u128);

/// A time, or a length of time, in seconds of the chain's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub u64);

impl Seconds {
    /// The time from `earlier` to this one; 0 if it is the later one.
    pub const fn since(self, earlier: Seconds) -> Seconds {
        Seconds(self.0.saturating_sub(earlier.0))
    }

    /// This time, `length` later.
    pub const fn plus(self, length: Seconds) -> Seconds {
        Seconds(self.0.saturating_add(length.0))
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for GameId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} against {} of question {}", self.a, self.b, self.question)
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

macro_rules! display_number {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

display_number!(ClaimId, Amount, Seconds);
