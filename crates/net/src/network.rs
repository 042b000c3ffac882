//! What a peer asks of its network, and what it hears: plain data, so that a driver, a simulator and a test are the same to it.

use crate::gossip::PublishError;
use crate::limits::{ASKED, BLOB_BYTES, COMMANDS, FETCHES, PROVIDED, REQUEST_BYTES};
use crate::notice::{Notice, Topic};
use crate::{PeerAddress, PeerId};
use std::fmt;
use std::path::PathBuf;

/// Which network a peer belongs to, for example the digest of a chain's id and its contracts' addresses.
/// Peers of different networks refuse each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkId(pub [u8; 32]);

/// The name of a request, given by whoever asks, unique among those that it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// The name of a question from another peer, given by the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuestionId(pub u64);

/// The address of a blob: the BLAKE3 hash of its bytes and how many they are. Both are checked while it is fetched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// BLAKE3 of the bytes.
    pub hash: [u8; 32],
    /// How many bytes.
    pub size: u64,
}

impl Blob {
    /// The address of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { hash: *blake3::hash(bytes).as_bytes(), size: bytes.len() as u64 }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash[..5].iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        write!(formatter, ":{}", self.size)
    }
}

/// What a peer asks of its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// These are the peers, in place of those before: who may be called, and whose notices have a rate of their own.
    Peers(Vec<PeerAddress>),
    /// Tell all peers.
    Publish {
        /// What it is about.
        topic: Topic,
        /// Milliseconds until it is over.
        life: u64,
        /// What is said.
        body: Vec<u8>,
    },
    /// Ask one peer; [`Event::Answered`] follows, once, whatever happens.
    Ask {
        /// The name of the request.
        request: RequestId,
        /// Whom.
        peer: PeerId,
        /// What.
        body: Vec<u8>,
    },
    /// Answer what [`Event::Asked`] told. Without effect when whoever asked no longer waits.
    Answer {
        /// The question.
        question: QuestionId,
        /// The answer, or why there is none.
        answer: Result<Vec<u8>, String>,
    },
    /// Let others fetch a file, which must not change; [`Event::Provided`] follows. It is read where it lies.
    Provide(PathBuf),
    /// Stop what [`Command::Provide`] or [`Command::Fetch`] began. The file stays, parts of a blob do not.
    Forget(Blob),
    /// Fetch a blob into a file; [`Event::Fetched`] follows. Parts that are here are not fetched again, whenever they came.
    Fetch {
        /// Its address.
        blob: Blob,
        /// Who may have it, the best first.
        providers: Vec<PeerId>,
        /// The file, which appears when the blob is whole.
        path: PathBuf,
    },
}

/// What a peer hears of its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A link to a peer is up.
    Up(PeerId),
    /// A link to a peer is down.
    Down {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// A peer could not be reached, or one of the two refused the other.
    Refused {
        /// The peer, where it is known.
        peer: Option<PeerId>,
        /// Why: it names both versions where they differ.
        reason: String,
    },
    /// A notice, signed by its author, not heard before, not over.
    Notice(Notice),
    /// A notice that was not published.
    Unpublished(PublishError),
    /// A peer asks; [`Command::Answer`] answers.
    Asked {
        /// The name of the question.
        question: QuestionId,
        /// Who asks.
        peer: PeerId,
        /// What.
        body: Vec<u8>,
    },
    /// How a request ended.
    Answered {
        /// The request.
        request: RequestId,
        /// The answer, or why there is none.
        answer: Result<Vec<u8>, AskError>,
    },
    /// How [`Command::Provide`] ended.
    Provided {
        /// The file.
        path: PathBuf,
        /// Its address.
        blob: Result<Blob, BlobError>,
    },
    /// How far a fetch is.
    Progress {
        /// The blob.
        blob: Blob,
        /// Bytes that are here.
        done: u64,
    },
    /// How a fetch ended.
    Fetched {
        /// The blob.
        blob: Blob,
        /// The bytes that were fetched for it by this command, or why it is not whole.
        fetched: Result<u64, BlobError>,
    },
}

/// A network as one peer sees it. Neither method waits.
pub trait Network {
    /// This peer.
    fn peer(&self) -> PeerId;

    /// Hands over a command.
    ///
    /// # Errors
    /// [`Busy`] when too many wait; the command is not taken.
    fn send(&mut self, command: Command) -> Result<(), Busy>;

    /// The next event, if there is one.
    fn next(&mut self) -> Option<Event>;

    /// What was counted since the start.
    fn counts(&self) -> Counts;
}

/// Too many commands wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{COMMANDS} commands wait for the network; hint: take its events first")]
pub struct Busy;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no link to the peer and none could be made.
    #[error("peer {peer} cannot be reached: {reason}")]
    Unreachable {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// No answer came in time.
    #[error("no answer within {seconds} s", seconds = crate::limits::ANSWER_WAIT.as_secs())]
    Silent,
    /// The link broke before the answer came; the peer may have got the request.
    #[error("the link broke before the answer came")]
    Cut,
    /// The peer gave a reason instead of an answer.
    #[error("refused: {0}")]
    Refused(String),
    /// What came is not an answer.
    #[error("what the peer sent is no answer")]
    Malformed,
    /// The request is too long.
    #[error(
        "a request of {0} bytes, the limit is {REQUEST_BYTES}; hint: provide a blob and send its address"
    )]
    Length(usize),
    /// Too many requests wait, or one of this name.
    #[error("{ASKED} requests wait for an answer, or one of this name")]
    Busy,
}

/// Why a blob is not provided or not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// A file could not be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It is too large.
    #[error("a blob of {0} bytes, the limit is {BLOB_BYTES}")]
    Length(u64),
    /// The bytes of this hash are fewer or more than the address says.
    #[error("the blob has another size than its address says; hint: whoever gave the address was wrong")]
    Size,
    /// Nobody of the providers gave all of it. What came is kept.
    #[error(
        "{missing} bytes are missing and no provider has them: {reason}; hint: what came is kept, fetch again later"
    )]
    Missing {
        /// Bytes.
        missing: u64,
        /// What the last provider did.
        reason: String,
    },
    /// Too many fetches or files at once, or the same one twice.
    #[error("{FETCHES} fetches or {PROVIDED} files at once, or this one twice")]
    Busy,
    /// [`Command::Forget`] ended it.
    #[error("forgotten")]
    Forgotten,
}

/// What a peer counts. Numbers only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Notices that were told to the caller.
    pub notices: u64,
    /// Notices that were seen before, or are older than what is remembered.
    pub replayed: u64,
    /// Notices that were over, or would live longer than notices may.
    pub expired: u64,
    /// Notices over the rate of their author or of all strangers.
    pub throttled: u64,
    /// Bytes that are no notice, greeting, request or answer.
    pub malformed: u64,
    /// Notices that their author has not signed.
    pub false_signatures: u64,
    /// Notices that were not sent on a link because too many waited, or not told because the caller was slow.
    pub overflowed: u64,
    /// Peers of another version or network.
    pub refused: u64,
    /// Connections beyond a limit, or that took too long to be set up.
    pub turned_away: u64,
    /// Peers that broke the rules.
    pub banned: u64,
}
