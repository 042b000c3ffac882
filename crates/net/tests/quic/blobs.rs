//! Blobs over real QUIC on loopback: whole, cut, resumed, from several providers.

use crate::common::attacker::Attacker;
use crate::common::{Peer, config};
use samebit_net::quic::Quic;
use samebit_net::{Blob, BlobError, Command, Event, Network, PeerAddress, PeerId};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// What a kill may cost: parts that were verified, told, and not yet written.
const SLACK: u64 = 8 * MIB;
const FETCHER: &str = "SAMEBIT_NET_FETCHER";

/// Writes a file that does not repeat.
fn write_state(path: &Path, bytes: u64, seed: u64) -> Blob {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut content = vec![0; bytes as usize];
    random.fill(&mut content);
    std::fs::write(path, &content).expect("a file");
    Blob::of(&content)
}

async fn provide(peer: &mut Peer, path: &Path) -> Blob {
    peer.send(Command::Provide(path.to_owned())).expect("few commands wait");
    peer.wait(|event| if let Event::Provided { blob, .. } = event { Some(blob.clone()) } else { None })
        .await
        .expect("it is provided")
}

fn fetch(peer: &mut Peer, blob: Blob, providers: &[PeerId], name: &str) {
    let path = peer.path(name);
    peer.send(Command::Fetch { blob, providers: providers.to_vec(), path }).expect("few commands wait");
}

async fn fetched(peer: &mut Peer) -> Result<u64, BlobError> {
    peer.wait(|event| if let Event::Fetched { fetched, .. } = event { Some(fetched.clone()) } else { None })
        .await
}

/// Bytes that the disk has for a folder; holes of files take none.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let size = |entry: std::fs::DirEntry| {
        let metadata = entry.metadata().expect("it is there");
        if metadata.is_dir() { bytes_below(&entry.path()) } else { metadata.blocks() * 512 }
    };
    entries.map(size).sum()
}

/// A provider with a state, and what it is.
async fn provider(number: u8, bytes: u64) -> (Peer, Blob, PathBuf) {
    let mut peer = Peer::start(number).await;
    let path = peer.path("state");
    let blob = write_state(&path, bytes, 1);
    assert_eq!(provide(&mut peer, &path).await, blob);
    (peer, blob, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_fetched_with_progress_and_lies_once_on_each_disk() {
    let (a, blob, path) = provider(1, 48 * MIB + 5).await;
    let kept = bytes_below(&a.path("store"));
    assert!(kept < 4 * MIB, "the provider's store has {kept} bytes beside a file of {}", blob.size);
    let mut b = Peer::start(2).await;
    b.know(&[a.address()]);
    let copy = b.path("copy");
    fetch(&mut b, blob, &[a.peer()], "copy");
    for _ in 0..12 {
        b.wait(|event| matches!(event, Event::Progress { .. }).then_some(())).await;
    }
    assert_eq!(fetched(&mut b).await, Ok(blob.size));
    assert!(std::fs::read(&path).expect("a file") == std::fs::read(&copy).expect("a file"));
    let kept = bytes_below(&b.path("store"));
    assert!(kept < 4 * MIB, "the fetcher's store has {kept} bytes beside its file");
    // Whoever fetched it provides it, and fetching it again costs nothing.
    let mut c = Peer::start(3).await;
    c.know(&[b.address()]);
    let copy = c.path("copy");
    fetch(&mut c, blob, &[b.peer()], "copy");
    assert_eq!(fetched(&mut c).await, Ok(blob.size));
    fetch(&mut c, blob, &[], "second");
    assert_eq!(fetched(&mut c).await, Ok(0));
    assert!(std::fs::read(&copy).expect("a file") == std::fs::read(c.path("second")).expect("a file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_blobs_and_none_at_all() {
    let mut a = Peer::start(1).await;
    let mut b = Peer::start(2).await;
    b.know(&[a.address()]);
    for (at, bytes) in [0u64, 1, 1_024, 16_383, 16_384, 16_385, 100_000].into_iter().enumerate() {
        let path = a.path(&format!("state {at}"));
        let blob = write_state(&path, bytes, at as u64);
        assert_eq!(provide(&mut a, &path).await, blob);
        let name = format!("copy {at}");
        fetch(&mut b, blob, &[a.peer()], &name);
        assert_eq!(fetched(&mut b).await, Ok(bytes), "{bytes}");
        assert!(std::fs::read(&path).expect("a file") == std::fs::read(b.path(&name)).expect("a file"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_size_is_found_before_the_rest_is_fetched() {
    let (a, blob, _) = provider(1, 32 * MIB).await;
    let mut b = Peer::start(2).await;
    b.know(&[a.address()]);
    for size in [blob.size - 1, blob.size + 1, 1 << 39] {
        let wrong = Blob { size, ..blob };
        fetch(&mut b, wrong, &[a.peer()], "copy");
        assert_eq!(fetched(&mut b).await, Err(BlobError::Size));
        assert!(bytes_below(&b.path("store")) < 4 * MIB);
    }
    let wrong = Blob { size: (1 << 40) + 1, ..blob };
    fetch(&mut b, wrong, &[a.peer()], "copy");
    assert_eq!(fetched(&mut b).await, Err(BlobError::Length(wrong.size)));
    fetch(&mut b, blob, &[a.peer()], "copy");
    assert!(fetched(&mut b).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_without_the_blob_or_with_a_changed_file_are_left_for_others() {
    let (a, blob, path) = provider(1, 8 * MIB).await;
    let (liar, same, changed) = provider(2, 8 * MIB).await;
    assert_eq!(blob, same);
    let mut content = std::fs::read(&changed).expect("a file");
    content[5 * MIB as usize] ^= 1;
    std::fs::write(&changed, content).expect("a file");
    let without = Peer::start(3).await;
    let mut b = Peer::start(4).await;
    b.know(&[a.address(), liar.address(), without.address()]);
    fetch(&mut b, blob, &[without.peer(), liar.peer()], "copy");
    let missing = fetched(&mut b).await;
    let Err(BlobError::Missing { missing, .. }) = missing else { panic!("{missing:?}") };
    assert!((1..blob.size).contains(&missing), "{missing}: what was right is kept");
    assert!(!b.path("copy").exists());
    fetch(&mut b, blob, &[without.peer(), liar.peer(), a.peer()], "copy");
    assert_eq!(fetched(&mut b).await, Ok(missing));
    assert!(std::fs::read(&path).expect("a file") == std::fs::read(b.path("copy")).expect("a file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_goes_away_is_replaced_in_the_middle() {
    let (a, blob, path) = provider(1, 96 * MIB).await;
    let (c, _, _) = provider(3, 96 * MIB).await;
    let mut b = Peer::start(2).await;
    let (at_a, at_c) = (a.address(), c.address());
    b.know(&[at_a.clone(), at_c.clone()]);
    fetch(&mut b, blob, &[at_a.peer, at_c.peer], "copy");
    b.wait(|event| matches!(event, Event::Progress { .. }).then_some(())).await;
    let folder = a.close().await;
    let count = fetched(&mut b).await.expect("the other one gives the rest");
    assert!(count <= blob.size + MIB, "{count}: nothing is fetched twice but what was under way");
    drop(folder);
    let copy = std::fs::read(b.path("copy")).expect("a file");
    assert!(Blob::of(&copy) == blob && copy.len() as u64 == blob.size, "{}", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_nothing_is_left_in_time() {
    let (a, blob, _) = provider(1, MIB).await;
    let silent = Attacker::new(9).await;
    let mut b = Peer::start(2).await;
    b.know(&[a.address(), silent.address()]);
    let answering = tokio::spawn({
        let endpoint = silent.endpoint.clone();
        async move {
            let connection = endpoint.accept().await.expect("a call").await.expect("a connection");
            let (mut send, mut receive) = connection.accept_bi().await.expect("a stream");
            let hello = receive.read_to_end(1 << 10).await.expect("a greeting");
            send.write_all(&hello).await.expect("it is sent");
            send.finish().expect("it is sent");
            let stream = connection.accept_bi().await;
            tokio::time::sleep(Duration::from_secs(100)).await;
            drop(stream);
        }
    });
    fetch(&mut b, blob, &[silent.address().peer, a.peer()], "copy");
    assert_eq!(fetched(&mut b).await, Ok(blob.size));
    answering.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_there_are_said_to_be() {
    let mut a = Peer::start(1).await;
    a.send(Command::Provide("/no/such/file".into())).expect("few commands wait");
    let provided =
        |event: &Event| if let Event::Provided { blob, .. } = event { Some(blob.clone()) } else { None };
    assert!(matches!(a.wait(provided).await, Err(BlobError::File { .. })));
    let blob = Blob::of(b"something");
    fetch(&mut a, blob, &[], "copy");
    assert!(matches!(fetched(&mut a).await, Err(BlobError::Missing { missing: 9, .. })));
    fetch(&mut a, blob, &[crate::common::secret(5).peer()], "copy");
    let Err(BlobError::Missing { reason, .. }) = fetched(&mut a).await else { panic!("nobody has it") };
    assert!(reason.contains("not known"), "{reason}");
}

/// Not a test: a fetcher that another test starts and kills. It fetches what it is told and says how far it is.
#[tokio::test(flavor = "multi_thread")]
async fn fetcher() {
    let Ok(text) = std::env::var(FETCHER) else { return };
    let words: Vec<&str> = text.split(' ').collect();
    let [folder, address, hash, size] = words[..] else { panic!("{text}") };
    let folder = Path::new(folder);
    let mut net = Quic::start(config(2, &folder.join("store"))).await.expect("it starts");
    let provider = crate::common::secret(1).peer();
    let addresses = vec![address.parse().expect("an address")];
    net.send(Command::Peers(vec![PeerAddress { peer: provider, addresses }])).expect("few wait");
    let blob = Blob { hash: hash_of(hash), size: size.parse().expect("a size") };
    net.send(Command::Fetch { blob, providers: vec![provider], path: folder.join("copy") })
        .expect("few wait");
    println!();
    loop {
        match net.event().await.expect("it runs") {
            Event::Progress { done, .. } => println!("done {done}"),
            Event::Fetched { fetched, .. } => return println!("fetched {}", fetched.expect("it is fetched")),
            _ => {}
        }
        std::io::stdout().flush().expect("a pipe");
    }
}

fn hash_of(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("two digits"))
}

fn text_of(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `kill -9` in the middle, several times: each start fetches only what is missing, and the sum is the blob once.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_survives_being_killed() {
    let (a, blob, path) = provider(1, 192 * MIB).await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = a.addresses()[0];
    let task = format!("{} {address} {} {}", folder.path().display(), text_of(blob.hash), blob.size);
    let (mut here, mut kills) = (0, 0);
    let last = loop {
        let before = here;
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["blobs::fetcher", "--exact", "--nocapture", "--test-threads=1"])
            .env(FETCHER, &task)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let (mut first, mut end) = (None, None);
        for line in lines {
            match line.split_once(' ') {
                Some(("done", done)) => {
                    let done: u64 = done.parse().expect("a number");
                    first.get_or_insert(done);
                    if kills < 3 && done >= before + 40 * MIB {
                        child.kill().expect("it runs");
                        (here, kills) = (done, kills + 1);
                        break;
                    }
                }
                Some(("fetched", count)) => end = Some(count.parse::<u64>().expect("a number")),
                _ => {}
            }
        }
        child.wait().expect("it ends");
        // Progress goes on where the last process was killed, less what it had told but not yet written.
        assert!(first.is_none_or(|first| first + SLACK >= before), "{first:?} after {before}");
        if let Some(count) = end {
            break count;
        }
    };
    assert_eq!(kills, 3);
    assert!(last <= blob.size - here + SLACK, "{last} were fetched though {here} of {} were here", blob.size);
    assert!(
        std::fs::read(&path).expect("a file") == std::fs::read(folder.path().join("copy")).expect("a file")
    );
}
