//! Bugs that tests plant in the transition, to know that they would be found. Without the feature `planted` there are none.

/// A check that is left out, or done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Bug {
    /// Deadlines look at the time alone.
    TimeAlone = 1,
    /// A batch may be withdrawn when its beacon is known.
    RetractAfterDraw,
    /// The solver opens before any verifier has.
    SolverOpensFirst,
    /// Seals are taken while others open theirs.
    LateSeal,
    /// A batch is paid whatever is argued about it.
    SettleInDispute,
    /// Batches are paid in any order.
    SettleOutOfOrder,
    /// A batch is paid before it was contested long enough.
    SettleEarly,
    /// The deposit of a fault is paid back too.
    DepositTwice,
    /// A catch is paid as often as asked for.
    CatchTwice,
    /// A winner is paid as often as asked for.
    WinnerTwice,
    /// A bond of a challenge that outlived its attempt stays.
    BondKept,
    /// The poster gets its escrow back from a job that runs.
    CancelWhileRunning,
    /// What was announced is not compared with what was sealed.
    AnnouncedUnchecked,
    /// After a draw vanishing is as cheap as before.
    VanishAfterDraw,
    /// A solver is late though nobody has opened anything for it to answer.
    ExpireUnopened,
}

#[cfg(feature = "planted")]
impl Bug {
    /// All of them.
    pub const ALL: [Bug; 15] = [
        Bug::TimeAlone,
        Bug::RetractAfterDraw,
        Bug::SolverOpensFirst,
        Bug::LateSeal,
        Bug::SettleInDispute,
        Bug::SettleOutOfOrder,
        Bug::SettleEarly,
        Bug::DepositTwice,
        Bug::CatchTwice,
        Bug::WinnerTwice,
        Bug::BondKept,
        Bug::CancelWhileRunning,
        Bug::AnnouncedUnchecked,
        Bug::VanishAfterDraw,
        Bug::ExpireUnopened,
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
