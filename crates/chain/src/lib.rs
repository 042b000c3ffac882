//! The EVM as a log of events and a sender of messages, and a chain of our own to run it on.
//!
//! ```text
//!   any chain at a URL ──HTTP──┐                        ┌── Log: events in order, rolled back and read again after a reorg
//!                              ├── alloy ── Client ─────┤
//!   Chain, in this process ────┘                        └── Sender: one account, any number of tasks, typed reverts
//!     revm over one file; a block is one durable write; JSON-RPC for everybody else on this machine
//! ```
//! [`protocol`] is both for the contracts of the marketplace, as messages of their twins: what a peer reads, block by block, and sends.
//! [`ContractReferee`] judges by the code of the referee's contracts what was judged on a chain.
//!
//! Nothing else in the workspace names alloy or revm. Programs see the two types that matter, [`Log`] and [`Sender`], and
//! cannot tell an embedded chain from a rollup; the embedded one is for one machine and for tests.
//!
//! ```
//! use samebit_chain::types::U256;
//! use samebit_chain::{Devnet, Message, SenderOptions, accounts};
//! # #[tokio::main(flavor = "multi_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let devnet = Devnet::in_folder(folder).accounts(2).start().await?;
//! let sender = devnet.client.sender(accounts::key(0), SenderOptions::default());
//! let friend = devnet.config.insecure_accounts[1].address;
//! let before = devnet.client.balance(friend).await?;
//!
//! // When this returns, the payment is on the disk.
//! let receipt = sender.send(Message::pay(friend, U256::from(7))).await?;
//! assert_eq!(receipt.gas_used, 21_000);
//! assert_eq!(devnet.client.balance(friend).await? - before, U256::from(7));
//! # Ok(())
//! # }
//! ```

mod abi;
pub mod accounts;
pub mod client;
mod deployment;
mod devnet;
pub mod dispute;
pub mod embedded;
mod error;
mod heard;
pub mod limits;
pub mod market;
pub mod protocol;
mod referee;
mod refusals;
#[cfg(feature = "testing")]
pub mod testing;

pub use client::{
    BlockName, Change, Client, ClientError, Event, Log, LogOptions, Message, Moment, Receipt, Revert,
    SendError, Sender, SenderOptions,
};
pub use deployment::{Artifact, DeployError, deploy};
pub use devnet::{Devnet, DevnetBuilder, DevnetConfig, DevnetError};
pub use embedded::{Chain, Clock, Genesis, InProcess, ManualClock, Options, PacedClock, Server, SystemClock};
pub use error::{ChainError, Refusal, StoreError};
pub use referee::ContractReferee;

/// alloy's names that programs need: addresses, numbers, `sol!`, filters, keys.
pub mod types {
    pub use alloy::primitives::{Address, B256, Bytes, I256, TxKind, U256, address, b256, hex, keccak256};
    pub use alloy::rpc::types::Filter;
    pub use alloy::signers::local::PrivateKeySigner;
    pub use alloy::sol;
    pub use alloy::sol_types::{SolCall, SolError, SolEvent, SolInterface};
}
