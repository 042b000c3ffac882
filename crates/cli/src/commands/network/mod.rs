//! What all commands of the network need: the chain and its contracts, a key, amounts of money.

pub mod amount;
pub mod keys;
pub mod liar;
pub mod planted;
pub mod reader;
pub mod story;
pub mod terms;

use crate::arguments::Connection;
use crate::failure::{Exit, Failure};
use crate::machine::ChainConfig;
use samebit_chain::Client;
use samebit_chain::protocol::{Contracts, Protocol};
use std::collections::BTreeMap;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Reaches the contracts that flags and samebit.toml name.
///
/// # Errors
/// No chain is named, it does not answer, or the contracts are not there.
pub async fn reach(connection: &Connection, config: &ChainConfig) -> Result<Protocol, Failure> {
    let url = connection.rpc_url.as_ref().or(config.rpc_url.as_ref()).ok_or_else(|| {
        Failure::input("no chain is named").with_hint(
            "start `samebit devnet` and work in its folder, or give --rpc-url and a samebit.toml with [chain.contracts]",
        )
    })?;
    let parse = |(name, text): (&String, &String)| match text.parse() {
        Ok(address) => Ok((name.clone(), address)),
        Err(_) => {
            Err(Failure::input(format!("samebit.toml: contract {name} is {text:?}, which is no address")))
        }
    };
    let names: BTreeMap<_, _> = config.contracts.iter().map(parse).collect::<Result<_, _>>()?;
    let contracts = Contracts::named(&names).map_err(Failure::input)?;
    let client = Client::connect(url).await.map_err(|error| unreachable(url, &error))?;
    Protocol::at(&client, contracts).await.map_err(|error| unreachable(url, &error))
}

/// The chain does not answer.
fn unreachable(url: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Unreachable, format!("{url}: {error}")).with_hint("is the chain running?")
}

/// Threads for a command that waits for others.
///
/// # Errors
/// The system has none.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("no threads for the network: {error}")))
}

/// Writes what our crates remark to stderr: as much as SAMEBIT_LOG says, one of off, error, warn, info, debug and trace.
///
/// # Errors
/// It says something else.
pub fn remark(default: LevelFilter) -> Result<(), Failure> {
    let level = match std::env::var("SAMEBIT_LOG") {
        Ok(text) => text.parse().map_err(|_| {
            Failure::input(format!("SAMEBIT_LOG is {text:?}"))
                .with_hint("off, error, warn, info, debug or trace")
        })?,
        Err(_) => default,
    };
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
    let ours = Targets::new().with_target("samebit", level);
    // Somebody else may have chosen: then it is said there.
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
    Ok(())
}
