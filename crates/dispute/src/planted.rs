//! Bugs that tests plant in the transition, to know that they would be found. Without the feature `planted` there are none.

/// A check that is left out, or done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Bug {
    /// A message may answer any position.
    NoHashBinding = 1,
    /// Moves and verdicts in games of dead claims.
    PlayAfterDeath,
    /// A credit goes to the message's sender.
    CreditToSender,
    /// The left siblings of a choice may differ.
    LeftSiblings,
    /// Totals need not end in the element's word.
    LastTotal,
    /// A timeout looks at the clock of the side that is not on turn.
    EarlyTimeout,
    /// Where both sides are false, side b is paid.
    BothFalsePays,
    /// Claims enter at any time.
    LateClaim,
    /// A move costs no time.
    FreeMoves,
    /// A stranger may commit for a side.
    StrangerCommits,
    /// What is shown need not lead to the own node.
    UnboundShow,
    /// A bond is released as often as asked for.
    ReleaseTwice,
    /// A dead claim's bond goes to its winner and to the fund, each in whole.
    BondTwice,
    /// A question is closed whatever claims live.
    EarlyResolve,
}

#[cfg(feature = "planted")]
impl Bug {
    /// All of them.
    pub const ALL: [Bug; 14] = [
        Bug::NoHashBinding,
        Bug::PlayAfterDeath,
        Bug::CreditToSender,
        Bug::LeftSiblings,
        Bug::LastTotal,
        Bug::EarlyTimeout,
        Bug::BothFalsePays,
        Bug::LateClaim,
        Bug::FreeMoves,
        Bug::StrangerCommits,
        Bug::UnboundShow,
        Bug::ReleaseTwice,
        Bug::BondTwice,
        Bug::EarlyResolve,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::sync::atomic::{AtomicU8, Ordering};

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Plants a bug in the whole process, or removes what was planted.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
    }

    /// Whether the bug is planted.
    pub(crate) fn planted(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(not(feature = "planted"))]
mod switch {
    /// No bug is planted.
    pub(crate) const fn planted(_: super::Bug) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
pub use switch::plant;
pub(crate) use switch::planted;
