//! A dispute is a search for the first difference between two sequences, and a game that makes it honest.
//!
//! This crate knows [`samebit_commit::Sequence`] and nothing of what is computed: no operator, no file, no clock, no
//! float. The norm is `docs/spec/dispute.md`; the contract `Dispute` gives the same answer to every message.
//!
//! ```text
//! claim a ─┐                        ┌ Move: the first difference in what the other has shown,
//!          ├─ Pair ─> Position ─────┤       and what the own side holds below it     ──> Position
//! claim b ─┘             ▲          └ Judge: a Referee redoes one piece of arithmetic ──> Verdict
//!                        └── every message answers one position, whole; the chain keeps its hash
//! ```
//!
//! - [`Dispute::apply`] is the whole transition: questions, claims, games, clocks and money, pure and typed.
//! - [`Player`] is the honest strategy: from one side's [`Story`] and the log ([`View`]) to the next messages.
//! - [`Referee`] stands for the leaf. Verdicts are *a is false*, *b is false*, *both are*, *void*.
//! - [`first_difference`] is the same search without money, between two sequences at hand.
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
//!
//! The game, with a toy for a job, an honest peer and one whose product is false in its second block:
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use samebit_dispute::testing::{Below, Conduct, Job, Lie, Peer, Tale, Terms, World};
//! use samebit_dispute::{Event, JudgeKind, QuestionStatus, Seconds, Side, Verdict};
//! use std::sync::Arc;
//!
//! let job = Arc::new(Job::small(4, None));
//! let lie = Lie::Chain { step: 2, node: 1, element: 0, block: 1 };
//! let honest = Peer::new(1, Arc::new(Tale::honest(&job)), Conduct::Best);
//! let liar = Peer::new(2, Arc::new(Tale::lying(&job, lie, Below::default())), Conduct::Best);
//!
//! let mut world = World::new(&job, &Terms::default());
//! world.play(&[honest.clone(), liar], Seconds(10_000));
//! assert_eq!(world.dispute.status(world.question), Some(QuestionStatus::Answered(honest.root())));
//! let verdict = |event: &Event| match event {
//!     Event::Judged { kind, verdict, .. } => Some((*kind, *verdict)),
//!     _ => None,
//! };
//! assert_eq!(world.log.iter().find_map(verdict), Some((JudgeKind::Block, Verdict::False(Side::B))));
//! # }
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
