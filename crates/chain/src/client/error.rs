//! What a chain's client can be told, or not told.

use alloy::primitives::{B256, Bytes, hex};
use alloy::sol_types::SolInterface;
use alloy::transports::TransportError;

/// What a contract reverted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The ABI-encoded error: its selector and its operands.
    pub data: Bytes,
}

impl Revert {
    /// The error as one of a contract's, for example `Ledger::LedgerErrors` of `sol!`.
    pub fn decode<E: SolInterface>(&self) -> Option<E> {
        E::abi_decode(&self.data).ok()
    }
}

impl std::fmt::Display for Revert {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.data.is_empty() {
            return formatter.write_str("without a reason");
        }
        match alloy::sol_types::decode_revert_reason(&self.data) {
            Some(reason) => formatter.write_str(&reason),
            None => write!(formatter, "with 0x{}", hex::encode(&self.data)),
        }
    }
}

/// Why a request to a chain gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is no URL.
    #[error("`{url}` is not the URL of a chain: {detail} (hint: http://127.0.0.1:8545)")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The chain could not be reached, or it answered with an error.
    #[error("the chain did not answer `{request}`: {source}")]
    Request {
        /// What was asked.
        request: &'static str,
        /// What alloy said.
        source: TransportError,
    },
    /// The contract reverted.
    #[error("the contract reverted {0}")]
    Reverted(Revert),
    /// The answer is not what was asked for.
    #[error("the chain answered `{request}` wrongly: {detail}")]
    Answer {
        /// What was asked.
        request: &'static str,
        /// What is wrong with the answer.
        detail: String,
    },
    /// Blocks were replaced that are older than those whose hashes are remembered.
    #[error(
        "the chain was reorganised below block {below}, deeper than the {depth} blocks that are remembered (hint: read the log again from its first block)"
    )]
    ReorgTooDeep {
        /// The oldest block whose hash was known, which is gone.
        below: u64,
        /// How many are remembered.
        depth: usize,
    },
    /// The chain changes faster than it can be read.
    #[error("the chain was reorganised {0} times while it was read (hint: try again)")]
    Unsteady(usize),
}

impl ClientError {
    /// The error of a request, a revert told apart.
    pub(crate) fn of(request: &'static str, source: TransportError) -> Self {
        match revert(&source) {
            Some(revert) => Self::Reverted(revert),
            None => Self::Request { request, source },
        }
    }
}

/// What a contract reverted with, if the error says so.
pub(crate) fn revert(error: &TransportError) -> Option<Revert> {
    let response = error.as_error_resp()?;
    match response.as_revert_data() {
        Some(data) => Some(Revert { data }),
        None if response.message.contains("execution reverted") => Some(Revert { data: Bytes::new() }),
        None => None,
    }
}

/// Why a transaction was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A request failed before anything was sent.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The contract would revert, so nothing was sent.
    #[error("the contract would revert {0}")]
    WouldRevert(Revert),
    /// The transaction is in a block, and its contract reverted.
    #[error("the contract reverted{}, in transaction {transaction}", .revert.as_ref().map(|revert| format!(" {revert}")).unwrap_or_default())]
    Reverted {
        /// The transaction.
        transaction: B256,
        /// What the contract said, if the chain could still be asked.
        revert: Option<Revert>,
    },
    /// The chain did not accept the transaction.
    #[error("the chain refused the transaction: {0}")]
    Refused(String),
    /// The key could not sign.
    #[error("the transaction could not be signed: {0}")]
    Signing(#[from] alloy::signers::Error),
    /// Something else that has the key used the same nonce.
    #[error("another transaction of this account took nonce {nonce} (hint: one program per key)")]
    Replaced {
        /// The nonce.
        nonce: u64,
    },
    /// The transaction did not appear in a block in time. It may still appear.
    #[error(
        "transaction {transaction} is in no block after {seconds} seconds (hint: it may still appear: ask for its receipt)"
    )]
    TimedOut {
        /// The last version of the transaction.
        transaction: B256,
        /// How long was waited.
        seconds: u64,
    },
    /// The runtime is shutting down.
    #[error("the program is stopping")]
    Stopping,
}
