//! iroh-blobs alone, as its documentation uses it: `add_path`, a router, a downloader, `export`.

use crate::measure::{Clock, Took};
use iroh::address_lookup::memory::MemoryLookup;
use iroh::endpoint::{Endpoint, RelayMode, presets};
use iroh::protocol::Router;
use iroh_base::{EndpointAddr, TransportAddr};
use iroh_blobs::store::fs::FsStore;
use iroh_blobs::{BlobsProtocol, Hash};
use std::path::Path;
use tempfile::TempDir;

/// Whoever has the file.
pub struct Provider {
    router: Router,
    pub hash: Hash,
    _store: TempDir,
}

async fn endpoint(lookup: MemoryLookup) -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled).clear_ip_transports();
    let builder = builder.bind_addr("127.0.0.1:0").expect("an address").address_lookup(lookup);
    builder.bind().await.expect("it binds")
}

impl Provider {
    pub async fn start(file: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = FsStore::load(folder.path()).await.expect("a store");
        let tag = store.blobs().add_path(file).await.expect("it is added");
        let blobs = BlobsProtocol::new(&store, None);
        let endpoint = endpoint(MemoryLookup::new()).await;
        let router = Router::builder(endpoint).accept(iroh_blobs::ALPN, blobs).spawn();
        Self { router, hash: tag.hash, _store: folder }
    }

    fn address(&self) -> EndpointAddr {
        let endpoint = self.router.endpoint();
        EndpointAddr::from_parts(endpoint.id(), endpoint.bound_sockets().into_iter().map(TransportAddr::Ip))
    }

    /// Fetches it into a store and copies it to a path: what the download takes, and both.
    pub async fn fetch(&self, path: &Path) -> (Took, Took) {
        let folder = tempfile::tempdir().expect("a folder");
        let lookup = MemoryLookup::new();
        lookup.add_endpoint_info(self.address());
        let endpoint = endpoint(lookup).await;
        let store = FsStore::load(folder.path()).await.expect("a store");
        let (clock, both) = (Clock::start(), Clock::start());
        let downloader = store.downloader(&endpoint);
        downloader.download(self.hash, Some(self.address().id)).await.expect("it is downloaded");
        let download = clock.stop();
        store.blobs().export(self.hash, path).await.expect("it is exported");
        let both = both.stop();
        store.shutdown().await.expect("it ends");
        endpoint.close().await;
        (download, both)
    }

    pub async fn close(self) {
        self.router.shutdown().await.expect("it ends");
    }
}
