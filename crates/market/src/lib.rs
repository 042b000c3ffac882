//! The life of a job: money is locked, work is claimed, a sample of it is checked, what stands is paid.
//!
//! The norm is `docs/spec/job.md`; the contracts `Stake`, `Fund` and `Market` give the same answer to every message. This crate knows digests and
//! amounts; it has no float, no I/O, no clock, and does not know what is computed or how an argument is decided.
//!
//! ```text
//!                        ┌ Vault    free money, seats, pots: what everybody owns, to the last unit
//! (now, sender, Message) ┤
//!    │                   └ Job ─┬─ attempt ── batches ── draws ── places: who runs it, what is claimed, who checks it
//!    │                          └─ challenges, catches: who says that it is wrong
//!    └─ World: the beacon's randomness, and what Dispute has answered
//! ```
//!
//! - [`Market::apply`] is the whole transition; a refused message changes nothing.
//! - [`Market::is_balanced`] holds after every message.
//! - [`params`] has every limit, [`names`] every digest; [`samebit_commit::interior`] says what an interior root is and what shows that one is false.
//!
//! A job of three segments from its posting to its last payment, with a toy for a chain:
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use samebit_market::testing::{Chain, Script};
//! use samebit_market::JobStage;
//!
//! let mut chain = Chain::new(1);
//! let script = Script::new(&mut chain, 3);
//! script.run(&mut chain);
//! assert_eq!(chain.market.job(script.job).map(|job| job.stage), Some(JobStage::Done));
//! assert!(chain.market.is_balanced());
//! # }
//! ```
#![deny(clippy::float_arithmetic)]

mod clock;
mod event;
mod ids;
pub mod job;
mod market;
mod message;
pub mod names;
pub mod params;
mod planted;
mod refusal;
mod terms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod vault;
mod world;

pub use clock::{JobClock, Moment};
pub use event::{Conclusion, Ending, Event, FaultKind, Ruling};
pub use ids::{
    Amount, AttemptId, BatchId, DrawId, Height, JobId, Owner, PlaceId, Ppm, SeatId, Seconds, SegmentId,
};
pub use job::{BatchStage, CatchStage, ChallengeStage, DrawStage, Job, JobStage, announcement};
pub use market::Market;
pub use message::{Answer, Cause, FundMessage, Leaf, MarketMessage, Message, Pot, StakeMessage, Who};
pub use names::Site;
#[cfg(feature = "planted")]
pub use planted::{Bug, plant};
pub use refusal::Refusal;
pub use terms::{SpecOpening, Terms, protocol_fee};
pub use vault::{Seat, Vault};
pub use world::{Beacon, Claim, Question, World};
