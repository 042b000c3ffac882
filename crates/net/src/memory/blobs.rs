//! Blobs between peers of a world: parts are asked for one window at a time, from one provider after another.

use super::World;
use super::flight::{Cargo, Timer};
use crate::limits::{BLOB_BYTES, FETCH_ROUNDS, FETCHES, PROGRESS_BYTES, PROVIDED, PROVIDERS, STALL_WAIT};
use crate::{Blob, BlobError, Event, PeerId};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a part.
pub const PART_BYTES: u64 = 64 << 10;
/// Parts that are asked for at once.
const WINDOW: usize = 4;

/// A fetch under way.
#[derive(Debug)]
pub struct Fetch {
    path: PathBuf,
    providers: Vec<PeerId>,
    /// Providers that were tried without a byte coming, in a row.
    fruitless: u32,
    /// Which of them is asked.
    provider: usize,
    /// Parts that were asked for.
    waiting: BTreeSet<u64>,
    /// Bytes that came.
    fetched: u64,
    /// Changes whenever something happens, so that an old timer is known.
    mark: u64,
}

fn part_count(blob: Blob) -> u64 {
    blob.size.div_ceil(PART_BYTES)
}

fn part_bytes(blob: Blob, part: u64) -> u64 {
    PART_BYTES.min(blob.size - part * PART_BYTES)
}

impl World {
    pub(super) fn provide(&mut self, peer: PeerId, path: PathBuf) {
        let node = self.node(peer);
        let blob = match node.disk.get(&path) {
            None => Err(BlobError::File { path: path.clone(), reason: "no such file".to_owned() }),
            Some(_) if node.provided.len() >= PROVIDED => Err(BlobError::Busy),
            Some(bytes) => Ok((Blob::of(bytes), bytes.clone())),
        };
        let blob = blob.map(|(blob, bytes)| {
            self.truth.insert(blob.hash, bytes);
            self.node(peer).provided.insert(blob, path.clone());
            blob
        });
        self.node(peer).tell(Event::Provided { path, blob });
    }

    pub(super) fn forget(&mut self, peer: PeerId, blob: Blob) {
        let node = self.node(peer);
        node.provided.remove(&blob);
        node.parts.remove(&blob);
        self.end(peer, blob, Err(BlobError::Forgotten));
    }

    pub(super) fn fetch(&mut self, peer: PeerId, blob: Blob, mut providers: Vec<PeerId>, path: PathBuf) {
        let node = self.node(peer);
        if node.fetches.contains_key(&blob) || node.fetches.len() >= FETCHES {
            return node.tell(Event::Fetched { blob, fetched: Err(BlobError::Busy) });
        }
        if blob.size > BLOB_BYTES {
            return node.tell(Event::Fetched { blob, fetched: Err(BlobError::Length(blob.size)) });
        }
        providers.truncate(PROVIDERS);
        let fetch = Fetch {
            path,
            providers,
            fruitless: 0,
            provider: 0,
            waiting: BTreeSet::new(),
            fetched: 0,
            mark: 0,
        };
        node.fetches.insert(blob, fetch);
        node.parts.entry(blob).or_default();
        self.go_on(peer, blob);
    }

    /// Asks for what is missing, or ends the fetch.
    fn go_on(&mut self, peer: PeerId, blob: Blob) {
        let node = self.nodes.get_mut(&peer).expect("the peer has joined");
        let Some(fetch) = node.fetches.get_mut(&blob) else { return };
        let parts = &node.parts[&blob];
        if parts.len() as u64 == part_count(blob) {
            let bytes = self.truth.get(&blob.hash).cloned().unwrap_or_default();
            node.disk.insert(fetch.path.clone(), bytes);
            node.provided.insert(blob, fetch.path.clone());
            let fetched = fetch.fetched;
            return self.end(peer, blob, Ok(fetched));
        }
        let Some(&provider) = fetch.providers.get(fetch.provider) else {
            return self.give_up(peer, blob, "there is no provider");
        };
        let free = WINDOW.saturating_sub(fetch.waiting.len());
        let missing =
            (0..part_count(blob)).filter(|part| !parts.contains(part) && !fetch.waiting.contains(part));
        let asked: Vec<u64> = missing.take(free).collect();
        fetch.waiting.extend(&asked);
        fetch.mark += 1;
        let mark = fetch.mark;
        for part in asked {
            self.launch(peer, provider, Cargo::PartRequest { blob, part });
        }
        self.set_timer(peer, STALL_WAIT.as_millis() as u64, Timer::Stall { blob, mark });
    }

    pub(super) fn give_part(&mut self, from: PeerId, to: PeerId, blob: Blob, part: u64) {
        let node = &self.nodes[&to];
        let file = node.provided.get(&blob).and_then(|path| node.disk.get(path));
        let bytes = file.and_then(|bytes| {
            let start = usize::try_from(part * PART_BYTES).ok()?;
            bytes.get(start..start + part_bytes(blob, part) as usize).map(Arc::from)
        });
        self.launch(to, from, Cargo::Part { blob, part, bytes });
    }

    /// Takes a part, if it is the right one: what is not, is the provider's fault.
    pub(super) fn take_part(
        &mut self,
        from: PeerId,
        to: PeerId,
        blob: Blob,
        part: u64,
        bytes: Option<Arc<[u8]>>,
    ) {
        let truth = self.truth.get(&blob.hash).filter(|truth| truth.len() as u64 == blob.size);
        let start = (part * PART_BYTES) as usize;
        let is_right =
            bytes.as_ref().is_some_and(|bytes| truth.is_some_and(|truth| truth[start..].starts_with(bytes)));
        let node = self.nodes.get_mut(&to).expect("the peer has joined");
        let Some(fetch) = node.fetches.get_mut(&blob) else { return };
        if fetch.providers.get(fetch.provider) != Some(&from) || !fetch.waiting.remove(&part) {
            return;
        }
        if !is_right {
            node.counts.malformed += u64::from(bytes.is_some());
            return self.next_provider(to, blob, "it has no such blob, or other bytes");
        }
        let parts = node.parts.get_mut(&blob).expect("a fetch has parts");
        assert!(parts.insert(part), "what is here is not asked for");
        fetch.fetched += part_bytes(blob, part);
        fetch.fruitless = 0;
        let done: u64 = parts.iter().map(|&part| part_bytes(blob, part)).sum();
        if done / PROGRESS_BYTES != (done - part_bytes(blob, part)) / PROGRESS_BYTES {
            node.tell(Event::Progress { blob, done });
        }
        self.go_on(to, blob);
    }

    pub(super) fn stalled(&mut self, peer: PeerId, blob: Blob, mark: u64) {
        if self.node(peer).fetches.get(&blob).is_some_and(|fetch| fetch.mark == mark) {
            self.next_provider(peer, blob, "it sends nothing");
        }
    }

    fn next_provider(&mut self, peer: PeerId, blob: Blob, reason: &str) {
        let fetch = self.node(peer).fetches.get_mut(&blob).expect("the fetch is under way");
        fetch.waiting.clear();
        fetch.fruitless += 1;
        let count = fetch.providers.len();
        fetch.provider = (fetch.provider + 1) % count;
        if fetch.fruitless >= FETCH_ROUNDS * count as u32 {
            return self.give_up(peer, blob, reason);
        }
        self.go_on(peer, blob);
    }

    fn give_up(&mut self, peer: PeerId, blob: Blob, reason: &str) {
        let here: u64 = self.node(peer).parts[&blob].iter().map(|&part| part_bytes(blob, part)).sum();
        let missing = blob.size - here;
        self.end(peer, blob, Err(BlobError::Missing { missing, reason: reason.to_owned() }));
    }

    fn end(&mut self, peer: PeerId, blob: Blob, fetched: Result<u64, BlobError>) {
        let node = self.node(peer);
        if node.fetches.remove(&blob).is_some() {
            node.tell(Event::Fetched { blob, fetched });
        }
    }
}
