//! Peers: notices to all, requests to one, blobs from several. What the bytes mean is the caller's.
//!
//! ```text
//!   Command ──> Network ──> Event          the caller's side: plain data, nothing waits
//!                 │
//!        ┌────────┴─────────┐
//!   quic::Quic        memory::World         real peers · a whole network in one thread, from one seed
//!        └── Gossip, Bucket, wire ──┘       the same judgement of what others send
//! ```
//!
//! - A **notice** is signed by its author, for one network, with a sequence number and an end. Each is told once.
//! - A **request** goes to one peer and ends with an answer, a reason, or silence.
//! - A **blob** is named by its BLAKE3 hash and size, verified while it streams; parts that came are kept over kills.
//!
//! The norm is `docs/spec/network.md`, which says what is on the wire and what happens at each of the [`limits`]. Content is
//! authenticated by whoever uses it: a blob's address is the transport's.
//!
//! ```
//! use samebit_net::memory::World;
//! use samebit_net::{Command, Event, Network, NetworkId, Secret, Topic};
//!
//! let mut world = World::new(NetworkId([0; 32]), 7);
//! let alice = world.join(Secret::from_bytes(&[1; 32]));
//! let bob = world.join(Secret::from_bytes(&[2; 32]));
//! world.introduce_all();
//!
//! let notice = Command::Publish { topic: Topic([0; 32]), life: 60_000, body: b"for rent".to_vec() };
//! world.at(alice).send(notice).expect("nothing waits yet");
//! world.run(1_000);
//! let heard = std::iter::from_fn(|| world.at(bob).next());
//! assert!(heard.into_iter().any(|event| matches!(event, Event::Notice(notice) if notice.author == alice)));
//! ```
#![deny(clippy::float_arithmetic)]

mod bucket;
mod gossip;
mod id;
pub mod limits;
pub mod memory;
mod network;
mod notice;
#[cfg(feature = "quic")]
pub mod quic;
mod time;
pub mod wire;

pub use bucket::Bucket;
pub use gossip::{Gossip, PublishError, Verdict};
pub use id::{PeerAddress, PeerId, Secret};
pub use network::{
    AskError, Blob, BlobError, Busy, Command, Counts, Event, Network, NetworkId, QuestionId, RequestId,
};
pub use notice::{Notice, Signed, Topic};
pub use time::Time;
