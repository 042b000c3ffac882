//! What is kept of a job, besides the job itself.

use crate::clock::Moment;
use crate::ids::{Amount, BatchId, DrawId, Height, Owner, SeatId, SegmentId};
use crate::message::Who;
use crate::names::Luck;
use samebit_commit::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobStage {
    /// Anybody may accept it.
    Open,
    /// A solver runs it.
    Running,
    /// All of it is settled.
    Done,
    /// Its poster took it back.
    Cancelled,
    /// It is malformed.
    Void,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchStage {
    /// Nobody says yet that it is held.
    Claimed,
    /// It waits for its draw.
    Held,
    /// It waits for the announcement.
    Drawn,
    /// Everything can be looked at.
    Announced,
    /// Every seal is open.
    Revealed,
    /// It is paid.
    Settled,
}

/// Where a draw stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DrawStage {
    /// Verifiers work.
    Sealing,
    /// Seals are opened.
    Opening,
    /// Verifiers are to be drawn again.
    Waiting,
    /// Every opened root is the solver's.
    Checked,
    /// Nobody opened, too often.
    Unchecked,
    /// Roots differ.
    Contested,
    /// A challenge has decided which is right.
    Decided,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeStage {
    /// It is argued about in Dispute.
    Asked,
    /// The state is right; interior roots are shown.
    Answered,
    /// Its bond is decided.
    Closed,
}

/// Where a catch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatchStage {
    /// Nobody knows what it is.
    Committed,
    /// It is the sealed root of a forced segment.
    Valid,
    /// Its bond is decided.
    Closed,
}

/// A draw that was set: its beacon is of a later height, its seats are those of this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting {
    /// When.
    pub height: Height,
    /// How many seats there were.
    pub seats: u64,
}

/// A verifier's place at a drawn segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose it is; nobody's if no seat was found.
    pub seat: Option<(SeatId, Owner)>,
    /// What it sealed.
    pub seal: Option<Digest>,
    /// What it opened.
    pub interior: Option<Digest>,
}

/// A drawn segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw {
    /// Which.
    pub segment: SegmentId,
    /// Where it stands.
    pub stage: DrawStage,
    /// Its verifiers.
    pub places: Vec<Place>,
    /// From which seats they were, or are to be, picked.
    pub setting: Setting,
    /// How often they were picked again.
    pub round: u8,
    /// When its present stage began.
    pub since: Moment,
    /// What the solver has opened.
    pub interior: Option<Digest>,
    /// The challenge about it.
    pub about: Option<u64>,
}

/// Segments that were claimed together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Batch {
    /// Where it stands.
    pub stage: BatchStage,
    /// The first segment.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// List root of the claimed leaves.
    pub root: Digest,
    /// The state before it.
    pub start: Digest,
    /// The state after it.
    pub end: Digest,
    /// Steps of its last segment.
    pub last_count: u64,
    /// Which committee is to hold it.
    pub committee: usize,
    /// Custodians of it that have signed, a bit each.
    pub signed: u16,
    /// When its present stage began.
    pub since: Moment,
    /// Its draw.
    pub setting: Setting,
    /// Whether a quorum had signed before the draw.
    pub is_quorate: bool,
    /// Whether the draw was set more than once.
    pub is_late: bool,
    /// What the draw was made with.
    pub luck: Luck,
    /// The drawn segments.
    pub draws: Vec<Draw>,
    /// When the last draw came to its end.
    pub checked: Moment,
    /// List root of the announced interior roots.
    pub announced: Digest,
    /// List root of the interior roots, when they are revealed.
    pub interiors: Digest,
    /// Segments that were forced, a bit each, when they are revealed.
    pub forced: u64,
    /// Challenges of it that are not finished.
    pub unfinished: u64,
}

/// One solver's time with the job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// Whose.
    pub solver: Owner,
    /// What a segment pays.
    pub price: Amount,
    /// List root of the secrets.
    pub secrets: Digest,
    /// Since when the next claim is waited for.
    pub since: Moment,
    /// Segments claimed, from the job's first on.
    pub claimed: u64,
    /// Its batches.
    pub batches: Vec<Batch>,
    /// Batches that are settled.
    pub settled: u64,
    /// The draw of custodians.
    pub setting: Setting,
    /// Everybody that was drawn to hold, by draw.
    pub committees: Vec<Vec<Owner>>,
    /// Whether the last of these holds what is claimed next.
    pub is_appointed: bool,
    /// Batches in a row that nobody held.
    pub lapses: u8,
    /// Whether the last batch ends the job.
    pub is_final: bool,
    /// Whether any segment was drawn.
    pub has_drawn: bool,
    /// Taxes of batches that are not drawn.
    pub taxes: Amount,
}

/// Somebody's interior root in a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Defence {
    /// The root, when its leaves were shown.
    pub shown: Option<Digest>,
    /// Whether one of them is false.
    pub is_refuted: bool,
}

impl Defence {
    /// Whether the root stands.
    pub fn stands(&self) -> bool {
        self.shown.is_some() && !self.is_refuted
    }
}

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Challenge {
    /// Where it stands.
    pub stage: ChallengeStage,
    /// Who challenged.
    pub owner: Owner,
    /// What it has locked.
    pub bond: Amount,
    /// The batch of the segment.
    pub batch: BatchId,
    /// Whether the interior root is challenged too.
    pub is_interior: bool,
    /// The contested draw that it is about.
    pub draw: Option<DrawId>,
    /// The state that the solver has claimed.
    pub state: Digest,
    /// Steps that the solver has claimed.
    pub count: u64,
    /// Top of the steps of the answer.
    pub steps_top: Digest,
    /// When it was answered.
    pub since: Moment,
    /// The interior roots: the solver's, then by place those of the contested draw.
    pub defences: BTreeMap<Who, Defence>,
    /// What one winner gets.
    pub share: Amount,
    /// Winners that are not paid.
    pub winners: u64,
    /// Winners that are paid, by claim.
    pub paid: BTreeSet<u64>,
}

/// A catch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Catch {
    /// Where it stands.
    pub stage: CatchStage,
    /// What was committed to.
    pub commitment: Digest,
}

/// What is kept of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Challenges.
    pub challenges: u64,
    /// Valid catches.
    pub valid: u64,
    /// Valid catches that are not paid.
    pub unpaid: u64,
    /// What a valid catch gets, once one was paid.
    pub prize: Option<Amount>,
}
