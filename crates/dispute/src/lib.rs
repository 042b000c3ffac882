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
mod search;

pub use difference::{Broken, Difference, Fault, Finding, Path, Place, SearchError, Side, SideError};
pub use search::{DEPTH_LIMIT, Width, first_difference};
