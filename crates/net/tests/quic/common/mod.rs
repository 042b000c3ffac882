//! Peers on loopback for tests.

pub mod attacker;

use samebit_net::quic::{Config, Quic};
use samebit_net::{
    AskError, Command, Event, Network, NetworkId, PeerAddress, PeerId, RequestId, Secret, Topic,
};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const NETWORK: NetworkId = NetworkId([5; 32]);
pub const TOPIC: Topic = Topic([1; 32]);
/// Longer than anything in a test may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn secret(number: u8) -> Secret {
    Secret::from_bytes(&[number; 32])
}

pub fn config(number: u8, store: &Path) -> Config {
    Config {
        secret: secret(number),
        network: NETWORK,
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        store: store.to_owned(),
        relay: None,
    }
}

/// A peer and its folder.
pub struct Peer {
    net: Quic,
    folder: TempDir,
    seen: Vec<Event>,
}

impl Deref for Peer {
    type Target = Quic;

    fn deref(&self) -> &Quic {
        &self.net
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Quic {
        &mut self.net
    }
}

impl Peer {
    pub async fn start(number: u8) -> Self {
        Self::start_with(number, |_| {}).await
    }

    pub async fn start_with(number: u8, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(number, &folder.path().join("store"));
        change(&mut config);
        let net = Quic::start(config).await.expect("a peer starts");
        Self { net, folder, seen: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn address(&self) -> PeerAddress {
        PeerAddress { peer: self.peer(), addresses: self.addresses() }
    }

    pub fn know(&mut self, peers: &[PeerAddress]) {
        self.send(Command::Peers(peers.to_vec())).expect("few commands wait");
    }

    pub fn publish(&mut self, body: &[u8]) {
        let command = Command::Publish { topic: TOPIC, life: 60_000, body: body.to_vec() };
        self.send(command).expect("few commands wait");
    }

    /// Waits for an event; the others are kept for later.
    pub async fn wait<T>(&mut self, what: impl Fn(&Event) -> Option<T>) -> T {
        if let Some(at) = self.seen.iter().position(|event| what(event).is_some()) {
            return what(&self.seen.remove(at)).expect("it was there");
        }
        let search = async {
            loop {
                let event = self.net.event().await.expect("the peer runs");
                if let Some(found) = what(&event) {
                    return found;
                }
                self.seen.push(event);
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("only {:?}", self.seen))
    }

    pub async fn wait_up(&mut self, peer: PeerId) {
        self.wait(|event| (*event == Event::Up(peer)).then_some(())).await;
    }

    pub async fn wait_notice(&mut self) -> Vec<u8> {
        self.wait(|event| if let Event::Notice(notice) = event { Some(notice.body.clone()) } else { None })
            .await
    }

    pub async fn ask(&mut self, peer: PeerId, body: &[u8]) -> Result<Vec<u8>, AskError> {
        let request = RequestId(0);
        self.send(Command::Ask { request, peer, body: body.to_vec() }).expect("few commands wait");
        self.wait(
            |event| if let Event::Answered { answer, .. } = event { Some(answer.clone()) } else { None },
        )
        .await
    }

    /// Answers one question with its body reversed.
    pub async fn reply(&mut self) {
        let (question, mut body) = self
            .wait(|event| {
                if let Event::Asked { question, body, .. } = event {
                    Some((*question, body.clone()))
                } else {
                    None
                }
            })
            .await;
        body.reverse();
        self.send(Command::Answer { question, answer: Ok(body) }).expect("few commands wait");
    }

    pub async fn close(self) -> TempDir {
        self.net.close().await;
        self.folder
    }
}
