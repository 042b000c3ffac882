//! What is said on a link (network.md §2, §4). Notices have their own file; each message here has its own too.

mod answer;
mod hello;
mod request;

pub use answer::AnswerFrame;
pub use hello::{Hello, Mismatch};
pub use request::RequestFrame;

/// The protocol's version. Peers of different versions refuse each other and say both.
pub const VERSION: u16 = 1;

/// The name under which connections are made. It names no version, so that the greeting can.
pub const ALPN: &[u8] = b"samebit/peer";

/// Bytes of the longest notice.
pub const NOTICE_FRAME_BYTES: usize = 32 + 32 + 8 + 8 + 4 + crate::limits::NOTICE_BYTES as usize + 64;

/// The first byte of a stream that asks.
pub const STREAM_REQUEST: u8 = 1;
/// The first byte of a stream that fetches parts of a blob.
pub const STREAM_BLOB: u8 = 2;
