//! Ten thousand messages a second from one peer: what it does to another's memory, and to an honest peer beside it.
//!
//! The victim is a process of its own, this test run again, so that its memory is its own.

use crate::common::attacker::{Attacker, frame};
use crate::common::{NETWORK, Peer, config};
use samebit_commit::Canonical;
use samebit_net::quic::Quic;
use samebit_net::wire::{Hello, RequestFrame, STREAM_REQUEST};
use samebit_net::{Command, Event, Network, PeerAddress, RequestId};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const VICTIM: &str = "SAMEBIT_NET_VICTIM";
const FLOOD: Duration = Duration::from_secs(4);
/// Messages a second that the attacker tries to send.
const PACE: u64 = 10_000;
/// By how much the victim may grow.
const GROWTH_KIB: u64 = 64 << 10;
/// How long an honest request may take, in the median.
const MEDIAN: Duration = Duration::from_millis(100);

/// Not a test: the victim, when another test starts it. It answers every request until its input ends.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Ok(store) = std::env::var(VICTIM) else { return };
    let mut net = Quic::start(config(1, store.as_ref())).await.expect("the victim starts");
    println!("\nat {}", net.addresses()[0]);
    std::io::stdout().flush().expect("a pipe");
    std::thread::spawn(|| {
        // The parent's end closes our input.
        std::io::stdin().lines().count();
        std::process::exit(0);
    });
    while let Some(event) = net.event().await {
        if let Event::Asked { question, body, .. } = event {
            net.send(Command::Answer { question, answer: Ok(body) }).ok();
        }
    }
}

struct Victim {
    child: Child,
    at: PeerAddress,
    _folder: tempfile::TempDir,
}

impl Victim {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["flood::victim", "--exact", "--nocapture", "--test-threads=1"])
            .env(VICTIM, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("at ")?.parse().ok());
        let address = address.expect("it says where it is");
        Self {
            child,
            at: PeerAddress { peer: crate::common::secret(1).peer(), addresses: vec![address] },
            _folder: folder,
        }
    }

    /// The most memory that it has had, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        peak.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How long an honest peer's requests take while `during` runs.
async fn honest(peer: &mut Peer, at: &PeerAddress, time: Duration) -> Vec<Duration> {
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let asked = Instant::now();
        let answer = peer.ask(at.peer, b"are you there").await;
        assert_eq!(answer, Ok(b"are you there".to_vec()));
        took.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took.sort();
    took
}

/// Floods a victim for a while; says what was tried and how it stood it.
async fn stands<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    flood: impl FnOnce(PeerAddress, Arc<AtomicU64>) -> F,
) {
    let victim = Victim::start();
    let at = victim.at.clone();
    let mut peer = Peer::start(2).await;
    peer.know(std::slice::from_ref(&at));
    peer.wait_up(at.peer).await;
    let quiet = honest(&mut peer, &at, Duration::from_secs(1)).await;
    let before = victim.peak();
    let sent = Arc::new(AtomicU64::new(0));
    let flood = tokio::spawn(flood(at.clone(), sent.clone()));
    let took = honest(&mut peer, &at, FLOOD).await;
    flood.abort();
    let growth = victim.peak() - before;
    let (quiet, median) = (quiet[quiet.len() / 2], took[took.len() / 2]);
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "{name}: {sent} sent in {FLOOD:?}, {growth} KiB more than {before}, {} honest requests, median {median:?}, quiet {quiet:?}",
        took.len()
    );
    assert!(sent > 0, "there was a flood");
    assert!(growth < GROWTH_KIB, "{name}: grew by {growth} KiB");
    assert!(median < MEDIAN, "{name}: {median:?} in the median");
    // It lives, and hears those who keep the rules.
    assert!(peer.ask(at.peer, b"still").await.is_ok());
}

/// Keeps the pace that was asked for, as far as the victim lets it.
struct Pace {
    start: Instant,
    count: u64,
}

impl Pace {
    fn new() -> Self {
        Self { start: Instant::now(), count: 0 }
    }

    async fn next(&mut self, sent: &AtomicU64) -> u64 {
        self.count += 1;
        sent.store(self.count, Ordering::Relaxed);
        let due = self.start + Duration::from_micros(self.count * 1_000_000 / PACE);
        if due > Instant::now() + Duration::from_millis(2) {
            tokio::time::sleep_until(due.into()).await;
        }
        self.count
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_signed_notices() {
    stands("signed notices", |at, sent| async move {
        let attacker = Attacker::new(3).await;
        let connection = attacker.link(&at).await;
        let mut stream = connection.open_uni().await.expect("a stream");
        let mut pace = Pace::new();
        loop {
            let sequence = pace.next(&sent).await;
            let notice = frame(&attacker.notice(sequence, vec![0; 4_000]));
            stream.write_all(&notice).await.expect("notices that are right do not end the link");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replays() {
    stands("replays", |at, sent| async move {
        let attacker = Attacker::new(3).await;
        let connection = attacker.link(&at).await;
        let mut stream = connection.open_uni().await.expect("a stream");
        let notice = frame(&attacker.notice(1, vec![0; 4_000]));
        let mut pace = Pace::new();
        loop {
            pace.next(&sent).await;
            stream.write_all(&notice).await.expect("a replay does not end the link");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests() {
    stands("requests", |at, sent| async move {
        let attacker = Attacker::new(3).await;
        let connection = attacker.link(&at).await;
        let request = [&[STREAM_REQUEST][..], &RequestFrame(vec![0; 60_000]).to_bytes()].concat();
        let request: Arc<[u8]> = request.into();
        let mut pace = Pace::new();
        loop {
            pace.next(&sent).await;
            let (mut send, receive) = connection.open_bi().await.expect("a request does not end the link");
            let request = request.clone();
            // The answer is never read.
            tokio::spawn(async move {
                send.write_all(&request).await.ok();
                send.finish().ok();
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(receive);
            });
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_garbage_from_ever_new_peers() {
    stands("garbage", |at, sent| async move {
        let mut pace = Pace::new();
        for number in (4..=255u8).cycle() {
            let attacker = Attacker::new(number).await;
            let connection = attacker.connect(&at).await;
            let Ok((mut send, _)) = connection.open_bi().await else { continue };
            send.write_all(&Hello::bytes(NETWORK)).await.ok();
            send.finish().ok();
            let Ok(mut stream) = connection.open_uni().await else { continue };
            while stream.write_all(&frame(&[number; 200])).await.is_ok() {
                pace.next(&sent).await;
            }
        }
    })
    .await;
}

/// A peer asks from another and lets the answers wait: its own memory is bounded too.
#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_are_refused_at_once() {
    let mut peer = Peer::start(1).await;
    let silent = Peer::start(2).await;
    let at = silent.address();
    peer.know(std::slice::from_ref(&at));
    peer.wait_up(at.peer).await;
    for request in 0..samebit_net::limits::ASKED as u64 + 1 {
        let command = Command::Ask { request: RequestId(request), peer: at.peer, body: vec![0; 100] };
        while peer.send(command.clone()).is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let refused = peer
        .wait(|event| match event {
            Event::Answered { request, answer: Err(error) } => Some((*request, error.clone())),
            _ => None,
        })
        .await;
    assert_eq!(refused, (RequestId(256), samebit_net::AskError::Busy));
}
