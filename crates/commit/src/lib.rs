//! How a value gets a name: canonical bytes, digests, Merkle trees and the one trait that disputes search.
//!
//! The norm is `docs/spec/commitment.md`. A *digest* is the SHA-256 of a one-byte [`Tag`] and the value's canonical
//! bytes, so that no value of one type can stand for another. A *tree* names a sequence of digests and lets one
//! leaf, or several, be opened against the name. A [`Sequence`] is anything that is named this way: a stored run,
//! a remote claim, a replayed step, a vector in a test.
//!
//! ```
//! use samebit_commit::{merkle::Tree, tensor};
//!
//! // A tensor of 600 elements has three pages; its root names dtype, length and every word.
//! let words: Vec<u32> = (0..600).collect();
//! let pages = Tree::new(tensor::page_digests(&words));
//! let root = tensor::root(tensor::DType::U32, 600, pages.top());
//!
//! // One element is opened by its page and the siblings above it.
//! let opening = tensor::ElementOpening::new(&words, &pages, 517).expect("517 is inside");
//! assert_eq!(opening.verify(root, tensor::DType::U32, 600, 517), Ok(517));
//! ```
#![deny(clippy::float_arithmetic)]

pub mod canonical;
mod digest;
pub mod interior;
pub mod merkle;
pub mod sequence;
pub mod state;
pub mod steps;
pub mod tensor;
mod words;

pub use canonical::{Canonical, DecodeError, Decoder, Encoder};
pub use digest::{Digest, ParseDigestError, Tag, hash, hash_reader};
pub use merkle::{BatchOpening, Opening, OpeningError, Tree};
pub use sequence::{Kind, Leaves, Sequence, SequenceError};
pub use tensor::DType;
pub use words::Words;
