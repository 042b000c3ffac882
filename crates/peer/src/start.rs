//! Puts a peer together: the chain it follows, the network, its disk, the thread that computes.

use crate::compute::Compute;
use crate::directory::Directory;
use crate::driver::{Driver, roles_message};
use crate::enrolment::Enrolment;
use crate::executor::Executor;
use crate::identity::Identity;
use crate::limits::{BLOCKS, PARCEL_BYTES, POLL_PAUSE};
use crate::machine::{Machine, Party};
use crate::observer::Observer;
use crate::speech::Registered;
use crate::store::{Store, StoreError};
use samebit_chain::SenderOptions;
use samebit_chain::protocol::{self, BlockLog, Protocol, ProtocolError};
use samebit_chain::{ClientError, ContractReferee, LogOptions};
use samebit_commit::{Tag, Words};
use samebit_market::{Amount, JobId};
use samebit_net::quic::{self, Quic};
use samebit_net::{NetworkId, PeerAddress};
use samebit_roles::{Block, Role, Said};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// What a peer is.
pub struct Config {
    /// Its folder.
    pub folder: PathBuf,
    /// Its key.
    pub identity: Identity,
    /// The contracts on their chain.
    pub protocol: Protocol,
    /// The block from which on it reads: that of the contracts' deployment, or an earlier one.
    pub first_block: u64,
    /// Where it listens; port 0 is any free one.
    pub listen: Vec<SocketAddr>,
    /// Where others reach it, if that is elsewhere.
    pub announce: Vec<SocketAddr>,
    /// Peers besides those on the chain.
    pub peers: Vec<PeerAddress>,
    /// A relay, for peers that cannot reach each other.
    pub relay: Option<String>,
    /// How it computes.
    pub compute: Compute,
    /// How often it asks the chain for blocks.
    pub poll: Duration,
    /// What it plays.
    pub roles: Vec<Role>,
    /// Money that it has free when it begins.
    pub free: Amount,
    /// Seats that it takes.
    pub seats: usize,
    /// The job for which its money is, if that is what it is for.
    pub job: Option<JobId>,
}

/// Why a peer could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The contracts.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] quic::StartError),
}

/// Starts a peer, whose roles `wrap` may put something around; [`Driver::run`] lets it do its work.
///
/// # Errors
/// [`StartError`].
pub async fn start(
    config: Config,
    wrap: impl FnOnce(Party) -> Box<dyn Machine>,
    observer: Box<dyn Observer>,
) -> Result<Driver, StartError> {
    let Config { identity, protocol, first_block, .. } = config;
    let store = Store::open(&config.folder)?;
    let site = *protocol.site();
    let genesis = protocol.name_before(first_block).await?;
    let party = Party::new(identity.owner(), identity.secret(), site, genesis, config.roles, ContractReferee);
    let network = Quic::start(quic::Config {
        secret: identity.network(),
        network: network_id(&protocol),
        listen: config.listen,
        store: store.shelf().network(),
        relay: config.relay,
    })
    .await?;
    let addresses = if config.announce.is_empty() { network.addresses() } else { config.announce };
    let address = Registered::sign(&identity.network(), network_id(&protocol), identity.owner(), &addresses);
    let sender = protocol.client().sender(identity.signer().clone(), SenderOptions::default());
    let (sender_of_blocks, blocks) = mpsc::channel(BLOCKS);
    let log = protocol.log(first_block, LogOptions::default());
    let news = Arc::new(Notify::new());
    tokio::spawn(follow(log, config.poll, news.clone(), sender_of_blocks));
    let (told, done) = mpsc::unbounded_channel();
    Ok(Driver {
        machine: wrap(party),
        // What has no place in memory could not be used.
        parcel_bytes: config.compute.memory.unwrap_or(PARCEL_BYTES),
        meter: config.compute.meter.clone(),
        executor: Executor::start(store.shelf().clone(), config.compute, told),
        directory: Directory::new(network_id(&protocol), config.peers),
        enrolment: Enrolment::new(Some(address), config.free, config.seats, config.job),
        identity,
        protocol,
        sender,
        blocks,
        news,
        network,
        store,
        done,
        observer,
    })
}

/// Peers of different contracts are no peers.
fn network_id(protocol: &Protocol) -> NetworkId {
    let words = Words::new().number(protocol.site().chain_id).address(protocol.site().market.0);
    NetworkId(words.hash(Tag::File).0)
}

/// Reads the chain and passes on its blocks, at once when there is news of it. A chain that does not answer is asked again, less and less often; only what can never be read ends it.
async fn follow(
    mut log: BlockLog,
    poll: Duration,
    news: Arc<Notify>,
    blocks: mpsc::Sender<Result<Vec<Block>, ProtocolError>>,
) {
    let (mut pause, mut has_told_end) = (poll, false);
    loop {
        match log.poll().await {
            Ok(read) => {
                // None says that all are read, once after each that were.
                pause = if read.is_empty() { poll } else { Duration::ZERO };
                let is_told = read.is_empty() && has_told_end;
                has_told_end = read.is_empty();
                let read = read.into_iter().map(roles_block).collect();
                if !is_told && blocks.send(Ok(read)).await.is_err() {
                    return;
                }
            }
            Err(
                error @ (ProtocolError::Unreadable { .. }
                | ProtocolError::Client(ClientError::ReorgTooDeep { .. })),
            ) => {
                let _ = blocks.send(Err(error)).await;
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the chain does not answer");
                pause = (pause.max(poll) * 2).min(POLL_PAUSE);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = news.notified() => {}
        }
    }
}

/// A block as the roles have it.
pub fn roles_block(block: protocol::Block) -> Block {
    let protocol::Block { moment, name, parent, beacon, said } = block;
    let said = said
        .into_iter()
        .map(|protocol::Said { sender, message }| Said { sender, message: roles_message(message) });
    Block { moment, name, parent, beacon, said: said.collect() }
}
