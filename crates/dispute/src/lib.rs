//! A dispute is a search for the first difference between two sequences.
//!
//! This crate knows [`samebit_commit::Sequence`] and nothing of what is computed: no operator, no file, no clock, no
//! float. Two sides that committed to whole sequences are walked down from their roots. Each round opens, on both
//! sides, the nodes a few levels below the first differing one, checks that they hash to it, and goes on with the
//! first pair that differs; a leaf that names a sequence of its own is entered the same way. What is left at the end
//! is one place, found with a number of digests that is logarithmic in the number of leaves.
//!
//! ```
//! use samebit_commit::{Digest, Kind, Leaves};
//! use samebit_dispute::{Difference, Place, Width, first_difference};
//!
//! let honest: Vec<Digest> = (0..1000).map(|i| Digest([(i % 200) as u8; 32])).collect();
//! let mut lie = honest.clone();
//! lie[700] = Digest([0xee; 32]);
//!
//! let (a, b) = (Leaves::list(Kind::Steps, honest), Leaves::list(Kind::Steps, lie));
//! let finding = first_difference(&a, &b, Width::default())?;
//! let step = Place { kind: Kind::Steps, leaf: 700 };
//! assert_eq!(finding.difference, Difference::At { path: vec![step].into() });
//! assert!(finding.opened < 100);
//! # Ok::<(), samebit_dispute::SearchError>(())
//! ```
#![deny(clippy::float_arithmetic)]

mod difference;
mod dispute;
mod ids;
pub mod limits;
mod message;
mod moves;
mod planted;
mod player;
mod position;
mod question;
mod referee;
mod refusal;
mod search;
mod story;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transition;
mod view;
mod words;

pub use difference::{Broken, Difference, Fault, Finding, Path, Place, SearchError, Side, SideError};
pub use dispute::{Claim, Dispute};
pub use ids::{Amount, ClaimId, GameId, Owner, QuestionId, Seconds};
pub use message::{ClaimStatus, Event, Message, Opened, QuestionStatus};
pub use moves::{Before, Choice, Commitment, Descent, Head, Move, Parts};
#[cfg(feature = "planted")]
pub use planted::{Bug, plant};
pub use player::{Answer, Player, answer};
pub use position::{Position, Stage};
pub use question::{Header, Question};
pub use referee::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth, Verdict};
pub use refusal::{Mismatch, Refusal};
pub use search::{DEPTH_LIMIT, Width, first_difference};
pub use story::{Evidence, Inside, Output, Story};
pub use view::{SeenClaim, SeenGame, SeenQuestion, View};
pub use words::{lanes_digest, number, word_of};
