//! Every bound of this crate by name (network.md §6 says what happens at each).

use std::time::Duration;

// What a message may be.

/// Bytes of a notice's body.
pub const NOTICE_BYTES: u32 = 4 << 10;
/// How long a notice may live, in milliseconds.
pub const NOTICE_LIFE: u64 = 10 * 60_000;
/// How far a peer's clock may be behind an author's, in milliseconds.
pub const CLOCK_SKEW: u64 = 30_000;
/// Bytes of a request's body. What is larger is a blob.
pub const REQUEST_BYTES: u32 = 64 << 10;
/// Bytes of an answer's body.
pub const ANSWER_BYTES: u32 = 1 << 20;
/// Bytes of a reason for not answering.
pub const REASON_BYTES: u16 = 256;
/// Bytes of a blob: 1 TiB.
pub const BLOB_BYTES: u64 = 1 << 40;

// What is kept of notices.

/// Authors outside the list of peers that are remembered.
pub const STRANGERS: usize = 1_024;
/// Sequence numbers that are remembered of one author.
pub const AUTHOR_NOTICES: usize = 64;
/// Living notices that are kept for peers that connect later.
pub const LIVE_NOTICES: usize = 1_024;
/// Bytes of the living notices that are kept.
pub const LIVE_BYTES: usize = 2 << 20;

// Rates: so many a second on average, so many at once.

/// A rate: so many a second on average, so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// A second.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// Notices that are read from one link. A faster peer waits.
pub const LINK_NOTICES: Rate = Rate { per_second: 256, burst: 2_048 };
/// Notices of one author of the list of peers. What is over it is dropped.
pub const AUTHOR_RATE: Rate = Rate { per_second: 32, burst: 256 };
/// Notices of all other authors together. What is over it is dropped.
pub const STRANGER_RATE: Rate = Rate { per_second: 32, burst: 256 };
/// Requests and transfers that are taken from one link. A faster peer waits.
pub const LINK_STREAMS: Rate = Rate { per_second: 256, burst: 512 };

// Peers and links.

/// Peers of the list.
pub const PEERS: usize = 4_096;
/// Addresses of one peer.
pub const ADDRESSES: usize = 8;
/// Links at once, whoever began them.
pub const LINKS: usize = 128;
/// Links among them that peers outside the list began.
pub const STRANGER_LINKS: usize = LINKS / 2;
/// Links that this peer keeps up by itself, for notices; others come and go as they are needed.
pub const NEIGHBOURS: usize = 8;
/// Links from one address.
pub const LINKS_OF_ADDRESS: usize = 32;
/// Connections that are being set up at once; beyond half of them an address must prove itself first.
pub const HANDSHAKES: usize = 32;
/// The same of one address.
pub const HANDSHAKES_OF_ADDRESS: usize = HANDSHAKES / 4;
/// How long setting up a connection may take, greeting included.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// Bytes of a greeting.
pub const HELLO_BYTES: usize = 256;
/// How long nothing may be heard on a link.
pub const IDLE_WAIT: Duration = Duration::from_secs(30);
/// How often a quiet link says that it lives.
pub const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often missing neighbours are looked for.
pub const CALL_INTERVAL: Duration = Duration::from_secs(1);
/// How long a peer that could not be reached is not called by itself, doubled each time up to 2^6 times as long.
pub const CALL_PAUSE: Duration = Duration::from_secs(2);
/// How long a peer that broke the rules is not spoken to.
pub const BAN: Duration = Duration::from_secs(600);
/// Peers that are banned at once; the oldest is forgotten.
pub const BANNED: usize = 4_096;

// Streams, queues and memory of one link.

/// Streams that a peer may have open: requests and transfers.
pub const STREAMS: u32 = 16;
/// Transfers that one peer may have under way among them.
pub const TRANSFERS_OF_PEER: usize = 4;
/// Transfers that are served at once.
pub const TRANSFERS: usize = 32;
/// Bytes that a peer may have sent on one link before they are read.
pub const UNREAD_BYTES: u32 = 256 << 10;
/// The same for a link on which this peer fetches.
pub const FETCH_WINDOW: u32 = 8 << 20;
/// The same for one stream. noq gives a connection up when a stream has more than 2,048 pieces that nobody has read, each as long as a packet: this
/// many bytes are fewer packets than that, however slowly they are read.
pub const STREAM_WINDOW: u32 = 3 << 19;
/// Bytes that are sent to a peer before it acknowledges them: of all links from one address 64 MiB.
pub const SEND_WINDOW: u64 = 2 << 20;
/// What links and transfers tell the driver and it has not seen.
pub const INPUTS: usize = 256;
/// Notices that wait to be sent on one link, more than live; beyond them the newest is dropped.
pub const LINK_QUEUE: usize = 2 * LIVE_NOTICES;
/// Commands that wait.
pub const COMMANDS: usize = 1_024;
/// Events that wait; beyond them requests wait and notices are dropped.
pub const EVENTS: usize = 1_024;
/// Requests of this peer that wait for an answer.
pub const ASKED: usize = 256;
/// How long a request may wait for its answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How long a request or an answer may take to be read once it has begun.
pub const READ_WAIT: Duration = Duration::from_secs(10);

// Blobs.

/// Blobs that are fetched at once.
pub const FETCHES: usize = 8;
/// Files that are provided.
pub const PROVIDED: usize = 65_536;
/// Providers of one fetch.
pub const PROVIDERS: usize = 16;
/// Rounds through all providers without a byte of progress, after which a fetch fails.
pub const FETCH_ROUNDS: u32 = 3;
/// How long a provider has to send [`STALL_BYTES`], and a peer to take a piece of what it fetches.
pub const STALL_WAIT: Duration = Duration::from_secs(20);
/// Bytes of a blob that must come in [`STALL_WAIT`].
pub const STALL_BYTES: u64 = 256 << 10;
/// Progress is told after so many bytes.
pub const PROGRESS_BYTES: u64 = 4 << 20;
/// How long the store may wait to write down that it has parts of a blob; a kill before costs these parts.
pub const STORE_WAIT: Duration = Duration::from_millis(20);
/// How often what is no longer provided is cleared from the store.
pub const CLEARING: Duration = Duration::from_secs(600);
