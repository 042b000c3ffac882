//! Limits of a peer.

use std::time::Duration;

/// Tasks that wait.
pub const TASKS: usize = 256;
/// Segments of which what a dispute asks for is kept: each has a runner of its own.
pub const STORIES: usize = 2;
/// How long a peer that is to stop waits for what it has begun.
pub const DRAIN: Duration = Duration::from_secs(30);
/// Blocks that wait to be heard.
pub const BLOCKS: usize = 4_096;
/// Transactions under way.
pub const SENDING: usize = 64;
/// Peers of which it is remembered why there is no link with them.
pub const REFUSALS: usize = 4_096;
/// Signatures of others that are remembered.
pub const SIGNATURES: usize = 4_096;
/// Parcels that are asked for or fetched at once.
pub const TRANSFERS: usize = 64;
/// Peers that wait for an answer about a parcel.
pub const ASKING: usize = 1_024;
/// How long a notice stands, in milliseconds; it is said again before.
pub const NOTICE_LIFE: u64 = 120_000;
/// How often the chain is asked for blocks, unless told otherwise.
pub const POLL: Duration = Duration::from_millis(500);
/// The longest pause after the chain has not answered.
pub const POLL_PAUSE: Duration = Duration::from_secs(30);
/// Addresses that a peer registers.
pub const ADDRESSES: u8 = 3;
/// Bytes of a parcel of which nothing else is known, where nothing is said of the memory into which it has to fit: 256 GiB.
pub const PARCEL_BYTES: u64 = 1 << 38;
/// Bytes a second that a parcel has to come at, after [`TRANSFER_WAIT`], before it is fetched of somebody else: 256 KiB.
pub const TRANSFER_PACE: u64 = 1 << 18;
/// How long a parcel is fetched that nobody has wanted since.
pub const UNWANTED: Duration = Duration::from_secs(300);
/// How long a parcel may take however small it is, and a peer to say where it is, before another one is asked.
pub const TRANSFER_WAIT: Duration = Duration::from_secs(10);
