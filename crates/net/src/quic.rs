//! Peers over QUIC, by iroh. One connection between two peers carries everything (network.md §2).
//!
//! ```text
//!   Quic ──commands──> driver ──> links: notices, requests, transfers, each its own stream
//!        <──events────   │  <──inputs──
//!                        └ Gossip, the list of peers, bans
//!   accept ──Gate: places──> greeting ──┘
//! ```
//! Nothing but the peers of the list is contacted: no relay unless one is configured, no lookup of addresses, no name server.

mod ask;
mod blobs;
mod call;
mod driver;
mod fetch;
mod gate;
mod greet;
mod link;
mod patient;

use crate::limits::{
    COMMANDS, EVENTS, IDLE_WAIT, KEEP_ALIVE, SEND_WINDOW, STREAM_WINDOW, STREAMS, UNREAD_BYTES,
};
use crate::{Busy, Command, Counts, Event, Network, NetworkId, PeerId, Secret, Time, wire};
use iroh::endpoint::{Endpoint, QuicTransportConfig, RelayMode, VarInt, presets};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// How a peer is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who it is.
    pub secret: Secret,
    /// Which network it belongs to.
    pub network: NetworkId,
    /// Where it listens, at least one address; port 0 is any free one.
    pub listen: Vec<SocketAddr>,
    /// Its folder for parts of blobs and hashes of files. One process at a time.
    pub store: PathBuf,
    /// The address of a relay, for peers that cannot reach each other; it never carries blobs.
    pub relay: Option<String>,
}

/// Why a peer could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {addresses:?}: {reason}; hint: another port, or 0 for any free one")]
    Listen {
        /// The addresses.
        addresses: Vec<SocketAddr>,
        /// What the system said.
        reason: String,
    },
    /// The folder cannot be used.
    #[error("the folder of blobs {}: {reason}; hint: another process may use it", path.display())]
    Store {
        /// The folder.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
    /// The relay's address is none.
    #[error("the relay {text}: {reason}; hint: https://relay.example.org")]
    Relay {
        /// As it was given.
        text: String,
        /// What is wrong.
        reason: String,
    },
}

/// A peer on a real network. Dropping it ends it at once; [`Quic::close`] says goodbye.
#[derive(Debug)]
pub struct Quic {
    peer: PeerId,
    endpoint: Endpoint,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    counts: SharedCounts,
    driver: tokio::task::JoinHandle<()>,
}

impl Quic {
    /// Starts a peer. It runs in the tokio runtime that it is started in.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let endpoint = bind(&config).await?;
        let blobs = blobs::Blobs::open(&config.store).await?;
        let (command_sender, commands) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let counts = SharedCounts::default();
        let driver = driver::Driver::new(&config, endpoint.clone(), blobs, event_sender, counts.clone());
        let peer = config.secret.peer();
        let driver = tokio::spawn(driver.run(commands));
        Ok(Self { peer, endpoint, commands: command_sender, events, counts, driver })
    }

    /// The addresses that it listens on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.endpoint.bound_sockets()
    }

    /// The next event, when there is one. None after the end.
    pub async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Ends all links and writes down what is known of parts of blobs.
    pub async fn close(mut self) {
        self.events.close();
        // The driver ends when nobody commands it.
        let (nobody, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.commands, nobody));
        (&mut self.driver).await.ok();
    }
}

impl Drop for Quic {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Network for Quic {
    fn peer(&self) -> PeerId {
        self.peer
    }

    fn send(&mut self, command: Command) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|_| Busy)
    }

    fn next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    fn counts(&self) -> Counts {
        self.counts.read()
    }
}

/// Counts that tasks share.
#[derive(Clone, Debug, Default)]
struct SharedCounts(Arc<Mutex<Counts>>);

impl SharedCounts {
    fn read(&self) -> Counts {
        *self.0.lock().expect("nothing panics while it counts")
    }

    fn update<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().expect("nothing panics while it counts"))
    }
}

/// Why a connection was closed by its other side, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Goodbye = 0,
    Mismatch = 1,
    Banned = 2,
    Rules = 3,
    Duplicate = 4,
    Full = 5,
}

impl From<Close> for VarInt {
    fn from(close: Close) -> Self {
        VarInt::from_u32(close as u32)
    }
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time(since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

async fn bind(config: &Config) -> Result<Endpoint, StartError> {
    let refused = |reason: String| StartError::Listen { addresses: config.listen.clone(), reason };
    let relay = match &config.relay {
        None => RelayMode::Disabled,
        Some(text) => {
            let wrong = |error: iroh::RelayUrlParseError| StartError::Relay {
                text: text.clone(),
                reason: error.to_string(),
            };
            RelayMode::custom([text.parse().map_err(wrong)?])
        }
    };
    let mut builder = Endpoint::builder(presets::Minimal)
        .secret_key(config.secret.0.clone())
        .alpns(vec![wire::ALPN.to_vec()])
        .relay_mode(relay)
        .transport_config(transport())
        .clear_ip_transports();
    for &address in &config.listen {
        builder = builder.bind_addr(address).map_err(|error| refused(error.to_string()))?;
    }
    builder.bind().await.map_err(|error| refused(error.to_string()))
}

fn transport() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(UNREAD_BYTES))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IDLE_WAIT.try_into().expect("a short time")))
        .keep_alive_interval(KEEP_ALIVE)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FETCH_WINDOW;
    use iroh_base::{EndpointAddr, PublicKey, TransportAddr};
    use std::time::Duration;

    /// How long a stream's window takes to fill.
    const FILLING: Duration = Duration::from_secs(2);

    async fn endpoint(number: u8) -> (Endpoint, PublicKey) {
        let secret = Secret::from_bytes(&[number; 32]);
        let config = Config {
            network: NetworkId([5; 32]),
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            store: PathBuf::new(),
            relay: None,
            secret,
        };
        let key = config.secret.0.public();
        (bind(&config).await.expect("it binds"), key)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_that_is_read_late_does_not_cost_the_link() {
        let ((a, _), (b, key)) = (endpoint(1).await, endpoint(2).await);
        let address = EndpointAddr::from_parts(key, b.bound_sockets().into_iter().map(TransportAddr::Ip));
        let accepting = tokio::spawn(async move { (b.accept().await.expect("a call").await, b) });
        let from = a.connect(address, wire::ALPN).await.expect("it connects");
        // Without its endpoint a connection ends.
        let (to, _endpoint) = accepting.await.expect("it runs");
        let to = to.expect("a connection");
        to.set_receive_window(VarInt::from_u32(FETCH_WINDOW));
        let bytes = 2 * STREAM_WINDOW as usize;
        let sending = tokio::spawn(async move {
            let (mut send, _receive) = from.open_bi().await.expect("a stream");
            send.write_all(&vec![7; bytes]).await.expect("it is taken");
            send.finish().expect("it is taken");
            from.closed().await
        });
        let (_send, mut receive) = to.accept_bi().await.expect("a stream");
        tokio::time::sleep(FILLING).await;
        let read = receive.read_to_end(bytes).await.expect("the link lives");
        assert_eq!(read.len(), bytes);
        to.close(VarInt::from_u32(0), b"");
        sending.await.expect("it runs");
    }
}
