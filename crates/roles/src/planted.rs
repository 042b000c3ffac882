//! Bugs that tests plant in the roles, to know that a simulation would find them. Without the feature `planted` there are none.

/// Something that a role does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Bug {
    /// A custodian signs for states that it does not have.
    BlindCustodian = 1,
    /// Bytes that came are not compared with what was asked for.
    UncheckedBytes,
    /// Segments are run from the state before their batch.
    WrongStart,
    /// The salt of a seal is another one after each block.
    SaltForgotten,
    /// The solver does not open its seal.
    SolverShut,
    /// The solver does not reveal.
    RevealForgotten,
    /// What is drawn by chance to be false is announced as it is.
    ForceIgnored,
    /// The last segment is claimed as long as any other.
    LastSegmentWhole,
    /// Nobody asks about opened roots that differ.
    NoContest,
    /// Nobody challenges a false state.
    NoAccusation,
    /// Nobody defends itself in Dispute.
    NoStanding,
    /// Games are begun and not played.
    NoMoves,
    /// A game goes on after a reorganisation as if there was none.
    StaleBench,
    /// Interior leaves are not shown.
    NoShow,
    /// The prize of a challenge is left where it is.
    PrizeForgotten,
    /// A solver that is late is waited for, for ever.
    NoExpiry,
    /// Nobody settles.
    NoSettlement,
    /// The submitter says that it holds what it does not.
    BlindAcknowledgement,
    /// The submitter does not fetch what it has paid for.
    NotFetched,
    /// A rewound chain keeps a block too many.
    HalfRewound,
}

#[cfg(feature = "planted")]
impl Bug {
    /// All of them.
    pub const ALL: [Bug; 20] = [
        Bug::BlindCustodian,
        Bug::UncheckedBytes,
        Bug::WrongStart,
        Bug::SaltForgotten,
        Bug::SolverShut,
        Bug::RevealForgotten,
        Bug::ForceIgnored,
        Bug::LastSegmentWhole,
        Bug::NoContest,
        Bug::NoAccusation,
        Bug::NoStanding,
        Bug::NoMoves,
        Bug::StaleBench,
        Bug::NoShow,
        Bug::PrizeForgotten,
        Bug::NoExpiry,
        Bug::NoSettlement,
        Bug::BlindAcknowledgement,
        Bug::NotFetched,
        Bug::HalfRewound,
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
