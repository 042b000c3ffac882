//! A side of a connection that says whatever a test wants.

use super::{NETWORK, secret};
use iroh::endpoint::{ConnectError, Connection, Endpoint, RelayMode, presets};
use iroh_base::{EndpointAddr, PublicKey, SecretKey, TransportAddr};
use samebit_net::wire::{ALPN, Hello};
use samebit_net::{Notice, PeerAddress, Signed, Time};
use std::time::{SystemTime, UNIX_EPOCH};

/// An endpoint that keeps none of our rules.
pub struct Attacker {
    pub endpoint: Endpoint,
    number: u8,
}

impl Attacker {
    pub async fn new(number: u8) -> Self {
        Self::at(number, "127.0.0.1:0").await
    }

    pub async fn at(number: u8, address: &str) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .secret_key(SecretKey::from_bytes(&[number; 32]))
            .alpns(vec![ALPN.to_vec()])
            .relay_mode(RelayMode::Disabled)
            .clear_ip_transports()
            .bind_addr(address)
            .expect("an address")
            .bind()
            .await
            .expect("it binds");
        Self { endpoint, number }
    }

    pub fn address(&self) -> PeerAddress {
        PeerAddress { peer: secret(self.number).peer(), addresses: self.endpoint.bound_sockets() }
    }

    /// A connection without a greeting.
    pub async fn connect(&self, to: &PeerAddress) -> Connection {
        self.try_connect(to).await.expect("it connects")
    }

    /// The same where there may be no place.
    pub async fn try_connect(&self, to: &PeerAddress) -> Result<Connection, ConnectError> {
        let key = PublicKey::from_bytes(&to.peer.0).expect("a key");
        let address = EndpointAddr::from_parts(key, to.addresses.iter().copied().map(TransportAddr::Ip));
        self.endpoint.connect(address, ALPN).await
    }

    /// A connection with this greeting; what came back, or why it was closed.
    pub async fn say_hello(&self, to: &PeerAddress, hello: &[u8]) -> (Connection, Result<Vec<u8>, String>) {
        let connection = self.connect(to).await;
        let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
        send.write_all(hello).await.ok();
        send.finish().ok();
        let answer = receive.read_to_end(1 << 10).await.map_err(|error| error.to_string());
        (connection, answer)
    }

    /// A link as an honest peer has it.
    pub async fn link(&self, to: &PeerAddress) -> Connection {
        let (connection, answer) = self.say_hello(to, &Hello::bytes(NETWORK)).await;
        answer.expect("it is greeted");
        connection
    }

    /// A notice of this attacker, signed as it should be.
    pub fn notice(&self, sequence: u64, body: Vec<u8>) -> Vec<u8> {
        use samebit_commit::Canonical;
        let secret = secret(self.number);
        let expires = now() + 60_000;
        let notice = Notice { author: secret.peer(), topic: super::TOPIC, sequence, expires, body };
        Signed::new(notice, &secret, NETWORK).to_bytes()
    }
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Time(since.as_millis() as u64)
}

pub fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}
