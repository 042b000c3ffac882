//! A cut in the middle of a state: only what is missing is fetched, by the same process or by the next one with its store.

use crate::common::{config, secret};
use crate::{MIB, STATE_BYTES, address_of, write_state};
use samebit_net::quic::Quic;
use samebit_net::{Blob, BlobError, Command, Event, Network, PeerAddress};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Parts of a hundred of what is missing that may be fetched beyond it: what was under way when the link broke.
const BEYOND: u64 = 5;

/// A peer on its own folder, which outlives it.
async fn start(number: u8, folder: &Path) -> Quic {
    Quic::start(config(number, &folder.join("store"))).await.expect("it starts")
}

async fn wait<T>(peer: &mut Quic, what: impl Fn(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = what(peer.event().await.expect("it runs")) {
            return found;
        }
    }
}

/// A provider of the state, and where it is.
async fn provider(state: &Path, folder: &Path) -> (Quic, PeerAddress) {
    let mut peer = start(1, folder).await;
    peer.send(Command::Provide(state.to_owned())).expect("few commands wait");
    let provided = |event| if let Event::Provided { blob, .. } = event { Some(blob) } else { None };
    wait(&mut peer, provided).await.expect("it is provided");
    let address = PeerAddress { peer: secret(1).peer(), addresses: peer.addresses() };
    (peer, address)
}

fn fetch(peer: &mut Quic, blob: Blob, from: &PeerAddress, path: &Path) {
    peer.send(Command::Peers(vec![from.clone()])).expect("few commands wait");
    let (providers, path) = (vec![from.peer], path.to_owned());
    peer.send(Command::Fetch { blob, providers, path }).expect("few commands wait");
}

async fn fetched(peer: &mut Quic) -> Result<u64, BlobError> {
    wait(peer, |event| if let Event::Fetched { fetched, .. } = event { Some(fetched) } else { None }).await
}

/// Waits until half of a blob is here.
async fn half(peer: &mut Quic, blob: Blob) -> u64 {
    let half = |event| match event {
        Event::Progress { done, .. } if done >= blob.size / 2 => Some(done),
        Event::Fetched { fetched, .. } => panic!("it was over before it was cut: {fetched:?}"),
        _ => None,
    };
    wait(peer, half).await
}

/// Bytes that came over the machine's loopback since it was started, everybody's.
fn loopback() -> u64 {
    let text = std::fs::read_to_string("/proc/net/dev").expect("Linux");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).expect("a loopback");
    line.split_whitespace().next().expect("bytes").parse().expect("a number")
}

struct World {
    folder: TempDir,
    blob: Blob,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let blob = write_state(&folder.path().join("state"), STATE_BYTES);
        for name in ["a", "b"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder, blob }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn provider(&self) -> (Quic, PeerAddress) {
        provider(&self.path("state"), &self.path("a")).await
    }

    /// Fetches the rest and says what it took.
    async fn rest(&self, peer: &mut Quic, from: &PeerAddress, missing: u64) {
        let before = loopback();
        fetch(peer, self.blob, from, &self.path("copy"));
        let count = fetched(peer).await.expect("it is fetched");
        println!(
            "{} MiB missing: {} MiB fetched, {} MiB over the loopback",
            missing / MIB,
            count / MIB,
            (loopback() - before) / MIB
        );
        assert!(
            count <= missing + missing * BEYOND / 100,
            "{count} were fetched of {missing} that were missing"
        );
        assert_eq!(address_of(&self.path("copy")), self.blob);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_cut_off_in_the_middle_costs_nothing_twice() {
    let world = World::new();
    let (provider, address) = world.provider().await;
    let mut peer = start(2, &world.path("b")).await;
    fetch(&mut peer, world.blob, &address, &world.path("copy"));
    half(&mut peer, world.blob).await;
    provider.close().await;
    let Err(BlobError::Missing { missing, .. }) = fetched(&mut peer).await else { panic!("it was cut") };
    assert!(missing <= world.blob.size / 2, "{missing} are missing");
    let (provider, address) = world.provider().await;
    world.rest(&mut peer, &address, missing).await;
    provider.close().await;
    peer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetcher_that_begins_again_with_its_store_fetches_the_rest() {
    let world = World::new();
    let (provider, address) = world.provider().await;
    let mut peer = start(2, &world.path("b")).await;
    fetch(&mut peer, world.blob, &address, &world.path("copy"));
    let here = half(&mut peer, world.blob).await;
    // Nothing is said and nothing more is asked: what is here is what the disk has.
    peer.close().await;
    let mut peer = start(2, &world.path("b")).await;
    world.rest(&mut peer, &address, world.blob.size - here).await;
    provider.close().await;
    peer.close().await;
}
