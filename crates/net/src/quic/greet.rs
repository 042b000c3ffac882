//! The greeting of two peers (network.md §2). Whoever called speaks first; each says its version, so that both can name both.

use super::Close;
use crate::NetworkId;
use crate::limits::HELLO_BYTES;
use crate::wire::{Hello, Mismatch};
use iroh::endpoint::{Connection, RecvStream, SendStream};
use std::time::Duration;

/// How long whoever was called waits for the caller to read why it is refused.
const FAREWELL_WAIT: Duration = Duration::from_secs(1);

/// Why there was no greeting.
#[derive(Debug, thiserror::Error)]
pub enum GreetError {
    /// The two do not suit each other.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// What the other said is no greeting.
    #[error("what the other side said is no greeting")]
    Malformed,
    /// The connection broke, or the other side closed it.
    #[error("{0}")]
    Broken(String),
}

/// Greets whoever was called.
pub async fn greet(connection: &Connection, network: NetworkId) -> Result<(), GreetError> {
    let (mut send, mut receive) = connection.open_bi().await.map_err(broken)?;
    say(&mut send, network).await?;
    let suits = hear(&mut receive, network).await;
    if let Err(error) = &suits {
        connection.close(Close::Mismatch.into(), error.to_string().as_bytes());
    }
    suits
}

/// Greets whoever called.
pub async fn greet_back(connection: &Connection, network: NetworkId) -> Result<(), GreetError> {
    let (mut send, mut receive) = connection.accept_bi().await.map_err(broken)?;
    let suits = hear(&mut receive, network).await;
    say(&mut send, network).await?;
    if let Err(error) = &suits {
        // The caller closes once it has read the version.
        tokio::time::timeout(FAREWELL_WAIT, connection.closed()).await.ok();
        connection.close(Close::Mismatch.into(), error.to_string().as_bytes());
    }
    suits
}

async fn say(send: &mut SendStream, network: NetworkId) -> Result<(), GreetError> {
    send.write_all(&Hello::bytes(network)).await.map_err(broken)?;
    send.finish().map_err(broken)
}

async fn hear(receive: &mut RecvStream, network: NetworkId) -> Result<(), GreetError> {
    let bytes = match receive.read_to_end(HELLO_BYTES).await {
        Ok(bytes) => bytes,
        Err(iroh::endpoint::ReadToEndError::TooLong) => return Err(GreetError::Malformed),
        Err(error) => return Err(broken(error)),
    };
    let hello = Hello::read(&bytes).map_err(|_| GreetError::Malformed)?;
    Ok(hello.suits(network)?)
}

fn broken(error: impl std::fmt::Display) -> GreetError {
    GreetError::Broken(error.to_string())
}
