//! What can go wrong, with the values in it.

use alloy::primitives::{Address, B256, U256};
use std::path::PathBuf;

/// Why the embedded chain could not be opened or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Another process, or another handle of this one, has the chain open.
    #[error("the chain {} is open elsewhere (hint: stop the other process, or talk to it over HTTP)", .0.display())]
    OpenElsewhere(PathBuf),
    /// The file is a chain with another beginning.
    #[error("the chain {} began differently: {found} instead of {expected} (hint: name another folder, or remove the file)", path.display())]
    OtherGenesis {
        /// The file.
        path: PathBuf,
        /// The digest of the genesis that was asked for.
        expected: B256,
        /// The digest of the genesis that the file was made with.
        found: B256,
    },
    /// The genesis gives an account more than an amount may be, or the same account twice.
    #[error("the genesis names the account {0} twice")]
    GenesisTwice(Address),
    /// A file or folder could not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed.
    #[error("the chain's store failed: {0}")]
    Store(#[from] StoreError),
    /// The address is not one of this machine alone.
    #[error(
        "{0} is not a loopback address: the embedded chain is served to this machine only (hint: 127.0.0.1:8545)"
    )]
    NotLoopback(std::net::SocketAddr),
    /// The port could not be listened on.
    #[error("cannot listen on {address}: {source} (hint: another port, or 0 for any free one)")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A transaction was not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The option for development is off.
    #[error("the clock of this chain cannot be moved (hint: open it with `development_clock`)")]
    ClockIsReal,
    /// A step of the clock is too long.
    #[error("the clock cannot be moved by {0} seconds at once")]
    ClockStep(u64),
}

/// What the store says when it fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system or the format of the file.
    #[error("{0}")]
    Redb(#[from] Box<redb::Error>),
    /// A stored value does not decode.
    #[error(
        "the entry of table {table} does not decode: {detail} (hint: the file was changed by something else)"
    )]
    Entry {
        /// The table.
        table: &'static str,
        /// What the decoder said.
        detail: String,
    },
    /// A value that another one names is missing.
    #[error("table {table} lacks the entry of {key}")]
    Missing {
        /// The table.
        table: &'static str,
        /// What was looked up.
        key: String,
    },
}

/// Why a transaction was not accepted. Nothing of it is on the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not a transaction.
    #[error("the transaction does not decode: {0}")]
    Encoding(String),
    /// The bytes are too many.
    #[error("the transaction has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Transactions with blobs need a chain that stores blobs.
    #[error("transactions of type 3 (blobs) are not supported")]
    Blobs,
    /// No key signed this.
    #[error("the signature is invalid")]
    Signature,
    /// It was signed for another chain, or for any chain.
    #[error("invalid chain id: the transaction is for {found:?}, this is chain {expected}")]
    ChainId {
        /// This chain.
        expected: u64,
        /// The chain that was signed for.
        found: Option<u64>,
    },
    /// It asks for more gas than one transaction may use.
    #[error("the gas limit {gas} exceeds {limit}, the cap of a transaction (EIP-7825)")]
    GasLimit {
        /// The gas asked for.
        gas: u64,
        /// The bound.
        limit: u64,
    },
    /// It pays less than every transaction pays.
    #[error("max fee per gas less than block base fee: {offered} < {base} wei")]
    FeeTooLow {
        /// The most that it pays for a unit of gas.
        offered: u128,
        /// The base fee.
        base: u64,
    },
    /// Its nonce was used.
    #[error("nonce too low: next nonce {next}, transaction nonce {found}")]
    NonceTooLow {
        /// The account's next nonce.
        next: u64,
        /// The transaction's.
        found: u64,
    },
    /// Its nonce is too far ahead.
    #[error("nonce too high: next nonce {next}, transaction nonce {found}")]
    NonceTooHigh {
        /// The account's next nonce.
        next: u64,
        /// The transaction's.
        found: u64,
    },
    /// The transaction with the nonce before it did not come in time.
    #[error("nonce too high: no transaction with nonce {missing} arrived in {seconds} seconds")]
    NonceGap {
        /// The nonce that is missing.
        missing: u64,
        /// How long was waited.
        seconds: u64,
    },
    /// The account cannot pay for what would wait for an earlier nonce.
    #[error(
        "insufficient funds: {cost} wei for the transactions that wait for an earlier nonce, the account has {balance}"
    )]
    Funds {
        /// What it has.
        balance: U256,
        /// The most that this transaction and those that wait may cost.
        cost: U256,
    },
    /// Another transaction with this nonce is waiting.
    #[error("replacement transaction underpriced: another transaction with nonce {0} is waiting")]
    NonceTaken(u64),
    /// Too many transactions wait.
    #[error("the pool is full: {0} transactions wait (hint: try again)")]
    PoolFull(usize),
    /// Too many callers wait for this transaction.
    #[error("already known: {0} callers wait for this transaction")]
    TooManyWaiters(usize),
    /// The EVM's rules for a transaction before it runs.
    #[error("{0}")]
    Invalid(String),
    /// The chain was closed or its store failed.
    #[error("the chain has stopped: {0}")]
    Stopped(String),
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for StoreError {
            fn from(error: redb::$kind) -> Self {
                Self::Redb(Box::new(error.into()))
            }
        }
        impl From<redb::$kind> for ChainError {
            fn from(error: redb::$kind) -> Self {
                Self::Store(error.into())
            }
        }
    )*};
}
from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError);

impl revm::database_interface::DBErrorMarker for StoreError {}
