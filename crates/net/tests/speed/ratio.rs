//! A fetch of a state by a peer against a download by iroh-blobs, in turn in one process.

use crate::common::Peer;
use crate::measure::{Clock, Took, median};
use crate::plain;
use crate::{STATE_BYTES, address_of, write_state};
use samebit_net::{Blob, Command, Event, Network};
use std::cell::Cell;
use std::path::Path;

/// Rounds of each.
const ROUNDS: usize = 5;
/// The least speed, as a part of iroh-blobs'.
const LEAST: f64 = 0.8;

async fn provide(peer: &mut Peer, path: &Path) -> Blob {
    peer.send(Command::Provide(path.to_owned())).expect("few commands wait");
    peer.wait(|event| if let Event::Provided { blob, .. } = event { Some(blob.clone()) } else { None })
        .await
        .expect("it is provided")
}

/// A fetch by a peer that has nothing: until it is told, and until it is on the disk as `peer` brings it there.
async fn fetch(provider: &Peer, blob: Blob) -> (Took, Took) {
    let mut peer = Peer::start(2).await;
    peer.know(&[provider.address()]);
    let path = peer.path("copy");
    let (told, synced) = (Clock::start(), Clock::start());
    let fetch = Command::Fetch { blob, providers: vec![provider.peer()], path: path.clone() };
    peer.send(fetch).expect("few commands wait");
    let cuts = Cell::new(0);
    let fetched = peer
        .wait(|event| match event {
            Event::Fetched { fetched, .. } => Some(fetched.clone()),
            Event::Down { .. } => {
                cuts.set(cuts.get() + 1);
                None
            }
            _ => None,
        })
        .await;
    let told = told.stop();
    assert_eq!((fetched, cuts.get()), (Ok(blob.size), 0), "it comes over one link");
    sync(&path);
    let synced = synced.stop();
    assert_eq!(address_of(&path), blob);
    drop(peer.close().await);
    (told, synced)
}

/// Brings a file to the disk, so that nobody waits for another's writes.
fn sync(path: &Path) {
    std::fs::File::open(path).expect("a file").sync_all().expect("a disk");
}

fn row(what: &str, took: Took) {
    println!(
        "{what:<34} {:>7.0} MB/s {:>7.2} s of processors",
        took.megabytes_a_second(STATE_BYTES),
        took.processor
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_moves_as_fast_as_by_iroh_blobs_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state");
    let blob = write_state(&path, STATE_BYTES);
    let mut peer = Peer::start(1).await;
    assert_eq!(provide(&mut peer, &path).await, blob);
    let plain = plain::Provider::start(&path).await;
    assert_eq!(*plain.hash.as_bytes(), blob.hash);
    let (mut told, mut synced, mut downloads, mut exports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (fetch, to_disk) = fetch(&peer, blob).await;
        let copy = folder.path().join("copy");
        let (download, export) = plain.fetch(&copy).await;
        sync(&copy);
        std::fs::remove_file(&copy).expect("a file");
        println!(
            "round {round}: {:.2} s, iroh-blobs {:.2} s",
            fetch.wall.as_secs_f64(),
            download.wall.as_secs_f64()
        );
        told.push(fetch);
        synced.push(to_disk);
        downloads.push(download);
        exports.push(export);
    }
    plain.close().await;
    let [told, synced, download, export] = [told, synced, downloads, exports].map(median);
    row("fetched, at its path", told);
    row("fetched, at its path, on the disk", synced);
    row("iroh-blobs: download", download);
    row("iroh-blobs: download and export", export);
    let ratio = download.wall.as_secs_f64() / told.wall.as_secs_f64();
    println!("{ratio:.2} of iroh-blobs' download");
    assert!(ratio >= LEAST, "{ratio:.2} of iroh-blobs' speed, at least {LEAST} is promised");
}
