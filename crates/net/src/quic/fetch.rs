//! Fetching one blob: from one provider after another, what is missing and no more.

use super::blobs::Blobs;
use super::driver::Input;
use crate::limits::{FETCH_ROUNDS, FETCH_WINDOW, PROGRESS_BYTES, STALL_BYTES, STALL_WAIT, UNREAD_BYTES};
use crate::wire::STREAM_BLOB;
use crate::{Blob, BlobError, Event, PeerId};
use iroh::endpoint::{Connection, VarInt};
use iroh_blobs::api::blobs::Bitfield;
use iroh_blobs::api::remote::{GetProgress, GetProgressItem, GetStreamPair};
use iroh_blobs::get::StreamPair;
use iroh_blobs::protocol::{ChunkRangesExt, ChunkRangesSeq, GetRequest};
use iroh_blobs::util::{RecvStream, SendStream};
use iroh_blobs::{Hash, HashAndFormat};
use n0_future::StreamExt;
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// One fetch.
pub struct Fetch {
    pub blob: Blob,
    pub providers: Vec<PeerId>,
    pub path: PathBuf,
    pub blobs: Blobs,
    pub inputs: mpsc::Sender<Input>,
}

/// Why a provider gave no more.
enum Stop {
    /// Another one may.
    Provider(String),
    /// The address is wrong.
    Size,
}

impl Fetch {
    /// Fetches and tells the driver how it ended.
    pub async fn run(self) {
        let fetched = self.fetch().await;
        self.inputs.send(Input::Fetched { blob: self.blob, fetched }).await.ok();
    }

    async fn fetch(&self) -> Result<u64, BlobError> {
        let hash = Hash::from_bytes(self.blob.hash);
        let refused = |reason| BlobError::File { path: self.path.clone(), reason };
        self.blobs.keep(hash).await.map_err(refused)?;
        let mut fetched = 0;
        let mut reason = "there is no provider".to_owned();
        let mut fruitless = 0;
        let mut round = self.providers.iter().cycle();
        while !self.is_whole().await? {
            let Some(&provider) =
                round.next().filter(|_| fruitless < FETCH_ROUNDS * self.providers.len() as u32)
            else {
                let missing = self.blob.size.saturating_sub(self.here().await?.total_bytes());
                return Err(BlobError::Missing { missing, reason });
            };
            let before = fetched;
            match self.fetch_from(provider, &mut fetched).await {
                Ok(()) => {}
                Err(Stop::Size) => return Err(BlobError::Size),
                Err(Stop::Provider(why)) => reason = format!("{provider:?}: {why}"),
            }
            fruitless = if fetched > before { 0 } else { fruitless + 1 };
        }
        self.blobs.deliver(self.blob, &self.path).await?;
        Ok(fetched)
    }

    /// What is here of the blob.
    async fn here(&self) -> Result<Bitfield, BlobError> {
        let here = self.blobs.store.blobs().observe(self.blob.hash).await;
        here.map_err(|error| BlobError::File { path: self.path.clone(), reason: error.to_string() })
    }

    /// Whether nothing is missing, and the size is the one of the address.
    async fn is_whole(&self) -> Result<bool, BlobError> {
        let here = self.here().await?;
        match here.validated_size() {
            Some(size) if size != self.blob.size => Err(BlobError::Size),
            _ => Ok(here.is_complete()),
        }
    }

    /// Fetches what is missing from one provider; what came is counted even if it does not give all.
    async fn fetch_from(&self, provider: PeerId, fetched: &mut u64) -> Result<(), Stop> {
        let connection = self.link(provider).await.map_err(Stop::Provider)?;
        if is_relayed(&connection) {
            return Err(Stop::Provider(
                "it is reached through a relay only, which carries no blobs".to_owned(),
            ));
        }
        connection.set_receive_window(VarInt::from_u32(FETCH_WINDOW));
        let result = self.fetch_on(&connection, fetched).await;
        connection.set_receive_window(VarInt::from_u32(UNREAD_BYTES));
        result
    }

    async fn fetch_on(&self, connection: &Connection, fetched: &mut u64) -> Result<(), Stop> {
        let here = self.here().await.map_err(|error| Stop::Provider(error.to_string()))?;
        let remote = self.blobs.store.remote();
        let stream = || Stream { connection: connection.clone() };
        // The last chunk proves the size, before anything else is taken.
        if here.validated_size().is_none() {
            let last = ChunkRangesSeq::from_ranges([iroh_blobs::protocol::ChunkRanges::last_chunk()]);
            let request = GetRequest::new(self.blob.hash.into(), last);
            self.follow(remote.execute_get(stream(), request), 0, fetched).await?;
            let size = self.here().await.map_err(|error| Stop::Provider(error.to_string()))?.validated_size();
            if size != Some(self.blob.size) {
                return Err(Stop::Size);
            }
        }
        let here = self.here().await.map_err(|error| Stop::Provider(error.to_string()))?.total_bytes();
        self.follow(remote.fetch(stream(), HashAndFormat::raw(self.blob.hash.into())), here, fetched).await
    }

    /// Follows a transfer, telling its progress; it must keep up a least pace.
    async fn follow(&self, progress: GetProgress, here: u64, fetched: &mut u64) -> Result<(), Stop> {
        let before = *fetched;
        let mut items = std::pin::pin!(progress.stream());
        let (mut deadline, mut due) = (Instant::now() + STALL_WAIT, STALL_BYTES);
        let mut told = here / PROGRESS_BYTES;
        loop {
            match timeout_at(deadline, items.next()).await {
                Ok(Some(GetProgressItem::Progress(bytes))) => {
                    *fetched = before + bytes;
                    if bytes >= due {
                        (deadline, due) = (Instant::now() + STALL_WAIT, bytes + STALL_BYTES);
                    }
                    if (here + bytes) / PROGRESS_BYTES > told {
                        told = (here + bytes) / PROGRESS_BYTES;
                        let event = Event::Progress { blob: self.blob, done: here + bytes };
                        self.inputs.send(Input::Tell(event)).await.ok();
                    }
                }
                Ok(Some(GetProgressItem::Done(stats))) => {
                    *fetched = before + stats.payload_bytes_read;
                    return Ok(());
                }
                Ok(Some(GetProgressItem::Error(error))) => return Err(Stop::Provider(error.to_string())),
                Ok(None) => return Err(Stop::Provider("the transfer ended early".to_owned())),
                Err(_) => return Err(Stop::Provider("it is too slow".to_owned())),
            }
        }
    }

    async fn link(&self, peer: PeerId) -> Result<Connection, String> {
        let closing = || "this peer is closing".to_owned();
        let (reply, link) = oneshot::channel();
        self.inputs.send(Input::Wanted { peer, reply }).await.map_err(|_| closing())?;
        link.await.unwrap_or_else(|_| Err(closing()))
    }
}

/// A stream of a link on which the library may fetch.
struct Stream {
    connection: Connection,
}

impl GetStreamPair for Stream {
    async fn open_stream_pair(self) -> std::io::Result<StreamPair<impl RecvStream, impl SendStream>> {
        let (mut send, receive) = self.connection.open_bi().await?;
        send.write_all(&[STREAM_BLOB]).await?;
        Ok(StreamPair::new(self.connection.stable_id() as u64, receive, send))
    }
}

/// Whether a connection has no path but through a relay.
pub fn is_relayed(connection: &Connection) -> bool {
    let paths = connection.paths();
    paths.iter().any(|path| path.is_selected() && path.is_relay())
}
