//! The blobs that are here, whole or in part, by iroh-blobs' store of files.
//!
//! A file that is provided stays where it lies: the store keeps its path and the hashes above it. A blob that is fetched grows in the
//! store's folder and is moved to its place when it is whole. Whatever was provided or fetched since the start has a tag of its own hash; what has
//! none is cleared after a while.

use super::patient::Patient;
use super::{StartError, fetch};
use crate::limits::{BLOB_BYTES, CLEARING, PROVIDED, READ_WAIT, STORE_WAIT, TRANSFERS};
use crate::{Blob, BlobError};
use iroh::endpoint::{Connection, RecvStream, SendStream};
use iroh_blobs::api::blobs::{AddPathOptions, ExportMode, ExportOptions, ImportMode};
use iroh_blobs::protocol::Request;
use iroh_blobs::provider::events::EventSender;
use iroh_blobs::provider::{self, StreamPair};
use iroh_blobs::store::GcConfig;
use iroh_blobs::store::fs::{FsStore, options::Options};
use iroh_blobs::{BlobFormat, Hash, HashAndFormat};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The store, and places for transfers.
#[derive(Clone, Debug)]
pub struct Blobs {
    pub store: FsStore,
    transfers: Arc<Semaphore>,
    provided: Arc<Mutex<BTreeSet<Hash>>>,
}

impl Blobs {
    /// Opens the folder, making it if it is not there.
    pub async fn open(folder: &Path) -> Result<Self, StartError> {
        let refused = |reason: String| StartError::Store { path: folder.to_owned(), reason };
        let folder = std::path::absolute(folder).map_err(|error| refused(error.to_string()))?;
        let mut options = Options::new(&folder);
        options.gc = Some(GcConfig { interval: CLEARING, add_protected: None });
        options.batch.max_write_duration = STORE_WAIT;
        let store = FsStore::load_with_opts(folder.join("blobs.db"), options).await;
        let store = store.map_err(|error| refused(error.to_string()))?;
        // What nobody provides or fetches again since is cleared.
        store.tags().delete_all().await.map_err(|error| refused(error.to_string()))?;
        Ok(Self { store, transfers: Arc::new(Semaphore::new(TRANSFERS)), provided: Arc::default() })
    }

    pub async fn close(&self) {
        self.store.shutdown().await.ok();
    }

    /// Hashes a file and lets others fetch it where it lies.
    pub async fn provide(&self, path: &Path) -> Result<Blob, BlobError> {
        let refused = |reason: String| BlobError::File { path: path.to_owned(), reason };
        let path = std::path::absolute(path).map_err(|error| refused(error.to_string()))?;
        let size = std::fs::metadata(&path).map_err(|error| refused(error.to_string()))?.len();
        if size > BLOB_BYTES {
            return Err(BlobError::Length(size));
        }
        if self.provided().len() >= PROVIDED {
            return Err(BlobError::Busy);
        }
        let options = AddPathOptions { path, format: BlobFormat::Raw, mode: ImportMode::TryReference };
        let tag = self.store.blobs().add_path_with_opts(options).temp_tag().await;
        let hash = tag.map_err(|error| refused(error.to_string()))?.hash();
        self.keep(hash).await.map_err(refused)?;
        self.provided().insert(hash);
        Ok(Blob { hash: *hash.as_bytes(), size })
    }

    fn provided(&self) -> MutexGuard<'_, BTreeSet<Hash>> {
        self.provided.lock().expect("nobody panics with the set")
    }

    /// Keeps what is here of a blob from being cleared.
    pub async fn keep(&self, hash: Hash) -> Result<(), String> {
        let kept = self.store.tags().set(hash.as_bytes(), HashAndFormat::raw(hash)).await;
        kept.map_err(|error| error.to_string())
    }

    pub async fn forget(&self, blob: Blob) {
        self.provided().remove(&Hash::from_bytes(blob.hash));
        self.store.tags().delete(blob.hash).await.ok();
    }

    /// Moves a whole blob from the store to its place, from where it is provided from then on.
    pub async fn deliver(&self, blob: Blob, path: &Path) -> Result<(), BlobError> {
        let refused = |reason: String| BlobError::File { path: path.to_owned(), reason };
        let target = std::path::absolute(path).map_err(|error| refused(error.to_string()))?;
        let options = ExportOptions { hash: blob.hash.into(), mode: ExportMode::TryReference, target };
        let moved = self.store.blobs().export_with_opts(options).finish().await;
        moved.map(drop).map_err(|error| refused(error.to_string()))
    }

    /// Serves a transfer: parts of one blob, and nothing else that the library could do.
    pub async fn serve(&self, connection: &Connection, send: SendStream, receive: RecvStream) {
        let Ok(_place) = self.transfers.acquire().await else { return };
        if fetch::is_relayed(connection) {
            return;
        }
        let id = connection.stable_id() as u64;
        let mut pair = StreamPair::new(id, receive, Patient(send), EventSender::DEFAULT);
        let Ok(Ok(Request::Get(request))) = timeout(READ_WAIT, pair.read_request()).await else { return };
        if request.ranges.is_blob() {
            provider::handle_get(pair, (*self.store).clone(), request).await.ok();
        }
    }
}
