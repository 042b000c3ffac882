//! How connections come about: calling, and being called.

use super::driver::Input;
use super::gate::{Entry, Gate, Place};
use super::greet::{GreetError, greet, greet_back};
use super::{Close, SharedCounts};
use crate::limits::HANDSHAKE_WAIT;
use crate::{NetworkId, PeerId, wire};
use iroh::endpoint::{Connection, Endpoint, Incoming, IncomingAddr};
use iroh_base::{EndpointAddr, PublicKey, TransportAddr};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Calls a peer and tells the driver how it ended.
pub async fn call(
    endpoint: Endpoint,
    network: NetworkId,
    peer: PeerId,
    addresses: Vec<SocketAddr>,
    inputs: mpsc::Sender<Input>,
) {
    let attempt = async {
        let key = PublicKey::from_bytes(&peer.0).map_err(|_| Refusal::broken("its name is no key"))?;
        let address = EndpointAddr::from_parts(key, addresses.into_iter().map(TransportAddr::Ip));
        let connection = endpoint.connect(address, wire::ALPN).await.map_err(Refusal::broken)?;
        greet(&connection, network).await.map_err(|error| refusal(error, &connection))?;
        Ok(connection)
    };
    let input = match timeout(HANDSHAKE_WAIT, attempt).await {
        Ok(Ok(connection)) => Input::Linked { peer, connection, place: None },
        Ok(Err(Refusal { reason, is_final })) => Input::NotLinked { peer, reason, is_final },
        Err(_) => Input::NotLinked { peer, reason: "it does not answer".to_owned(), is_final: false },
    };
    inputs.send(input).await.ok();
}

/// Why there is no connection.
struct Refusal {
    reason: String,
    /// Whether it will not be otherwise when it is tried again.
    is_final: bool,
}

impl Refusal {
    fn broken(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), is_final: false }
    }
}

/// What the other side gave as a reason for closing says more than that it closed.
fn refusal(error: GreetError, connection: &Connection) -> Refusal {
    let is_final = matches!(error, GreetError::Mismatch(_) | GreetError::Malformed);
    let reason = match (is_final, connection.close_reason()) {
        (false, Some(reason)) => reason.to_string(),
        _ => error.to_string(),
    };
    Refusal { reason, is_final }
}

/// Takes what others begin, as far as there are places, until there is no driver or no endpoint.
pub async fn accept(
    endpoint: Endpoint,
    network: NetworkId,
    counts: SharedCounts,
    inputs: mpsc::Sender<Input>,
) {
    let gate = Gate::default();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = inputs.closed() => None,
        };
        let Some(incoming) = incoming else { return };
        let address = match incoming.remote_addr() {
            IncomingAddr::Ip(address) => Some(address.ip()),
            _ => None,
        };
        match gate.knock(address, incoming.remote_addr_validated()) {
            Entry::Place(place) => {
                tokio::spawn(receive(incoming, place, network, counts.clone(), inputs.clone()));
            }
            Entry::Prove => {
                incoming.retry().ok();
            }
            Entry::Full => {
                counts.update(|counts| counts.turned_away += 1);
                incoming.refuse();
            }
        }
    }
}

async fn receive(
    incoming: Incoming,
    mut place: Place,
    network: NetworkId,
    counts: SharedCounts,
    inputs: mpsc::Sender<Input>,
) {
    let set_up = async {
        let connection = incoming.await.map_err(|error| GreetError::Broken(error.to_string()))?;
        Ok((greet_back(&connection, network).await, connection))
    };
    match timeout(HANDSHAKE_WAIT, set_up).await {
        Ok(Ok((Ok(()), connection))) => {
            place.settle();
            let peer = PeerId(*connection.remote_id().as_bytes());
            inputs.send(Input::Linked { peer, connection, place: Some(place) }).await.ok();
        }
        Ok(Ok((Err(GreetError::Mismatch(mismatch)), connection))) => {
            let peer = PeerId(*connection.remote_id().as_bytes());
            inputs.send(Input::Mismatched { peer, mismatch }).await.ok();
        }
        Ok(Ok((Err(GreetError::Malformed), connection))) => {
            counts.update(|counts| counts.malformed += 1);
            connection.close(Close::Rules.into(), b"what you said is no greeting");
        }
        Ok(
            Ok((Err(GreetError::Broken(_)), _))
            | Err(GreetError::Mismatch(_) | GreetError::Malformed | GreetError::Broken(_)),
        )
        | Err(_) => {
            counts.update(|counts| counts.turned_away += 1);
        }
    }
}
