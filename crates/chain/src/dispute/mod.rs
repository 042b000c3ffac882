//! The contract that settles disputes, as the messages of `samebit_dispute`.
//!
//! ```text
//!   Message ──encode──> call ──Sender──> Dispute.sol ──events──> DisputeLog ──decode──> Accepted { at, sender, message }
//! ```
//! Everything that the contract accepts can be read back from the chain, message for message: whoever applies them in order to a
//! [`samebit_dispute::Dispute`] holds what the contract holds.

mod log;
pub(crate) mod message;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

pub use crate::refusals::{explain, name as error_name};
pub use log::{Accepted, DisputeChange, DisputeLog};
pub use message::{decode, encode};

use crate::client::{Client, ClientError, LogOptions, Moment, Receipt, SendError, Sender};
use crate::deployment::Artifact;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolValue;
use samebit_commit::Digest;
use samebit_dispute::{Amount, Message, Owner, Question, QuestionId, QuestionStatus};

/// What the game is called in a configuration.
pub const DISPUTE: &str = "dispute";
/// What the referee is called in a configuration.
pub const STEP: &str = "step";
/// What the part of the referee is called that looks things up.
pub const LEDGER: &str = "ledger";

/// Why the contract was not reached, or refused.
#[derive(Debug, thiserror::Error)]
pub enum DisputeError {
    /// The chain did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The contract refuses the message.
    #[error("the contract refuses to {what}: {reason}")]
    Refused {
        /// The message.
        what: &'static str,
        /// The error's name, if it is one of the contract's.
        name: Option<&'static str>,
        /// In words.
        reason: String,
    },
    /// The transaction was not carried out.
    #[error(transparent)]
    Send(SendError),
    /// A transaction whose events are the contract's has no message of it.
    #[error(
        "transaction {transaction} carries no message of the contract (hint: is this the address of a Dispute contract of this version?)"
    )]
    Unreadable {
        /// The transaction.
        transaction: B256,
    },
    /// A block was replaced while it was read.
    #[error("block {block} was replaced while it was read (hint: try again)")]
    Moved {
        /// Its number.
        block: u64,
    },
    /// There is no such contract.
    #[error("there is no contract at {0} (hint: deploy it with `samebit devnet`, or name its address)")]
    NoContract(Address),
}

/// The contracts in the order in which they are deployed: the referee's two, then the game with its fund.
pub fn artifacts(fund: Owner) -> [Artifact; 3] {
    let with = |code: &Bytes, arguments: Vec<u8>| [&code[..], &arguments].concat();
    let ledger = Artifact::new(LEDGER, crate::abi::LEDGER.code.clone());
    let step = Artifact::new(STEP, with(&crate::abi::STEP.code, ledger.address().abi_encode()));
    let arguments = (step.address(), wire::address(fund)).abi_encode_params();
    let dispute = Artifact::new(DISPUTE, with(&crate::abi::DISPUTE.code, arguments));
    [ledger, step, dispute]
}

/// Who an account is to the contract.
pub fn owner(address: Address) -> Owner {
    wire::owner(address)
}

/// The contract on a chain.
#[derive(Clone, Debug)]
pub struct DisputeContract {
    client: Client,
    address: Address,
}

impl DisputeContract {
    /// The contract at an address.
    ///
    /// # Errors
    /// The chain does not answer, or nothing is there.
    pub async fn at(client: &Client, address: Address) -> Result<DisputeContract, DisputeError> {
        if client.code(address).await?.is_empty() {
            return Err(DisputeError::NoContract(address));
        }
        Ok(DisputeContract { client: client.clone(), address })
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The messages that it has accepted, from block `first` on.
    pub fn log(&self, first: u64, options: LogOptions) -> DisputeLog {
        DisputeLog::new(&self.client, self.address, first, options)
    }

    /// Sends a message about a question. When this returns it is on the chain.
    ///
    /// # Errors
    /// The contract refuses it, or the chain did not take it.
    pub async fn send(
        &self,
        sender: &Sender,
        question: &Question,
        message: &Message,
    ) -> Result<Receipt, DisputeError> {
        debug_assert!(
            message::question_of(message).is_none_or(|id| id == question.id()),
            "another question's message"
        );
        let sent = sender.send(message::encode(self.address, question, message)).await;
        sent.map_err(|error| {
            let revert = match &error {
                SendError::WouldRevert(revert) => Some(revert),
                SendError::Reverted { revert, .. } => revert.as_ref(),
                _ => None,
            };
            match revert {
                Some(revert) => {
                    let (name, reason) = (error_name(revert), explain(revert));
                    DisputeError::Refused { what: what(message), name, reason }
                }
                None => DisputeError::Send(error),
            }
        })
    }

    /// Moves the chain's clock ahead and makes a block, where the chain is one for development; whether it is.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn advance_clock(&self, seconds: u64) -> Result<bool, DisputeError> {
        Ok(self.client.advance_clock(seconds).await?)
    }

    /// Where a question stands; nothing if it was never opened.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn status(&self, question: QuestionId) -> Result<Option<QuestionStatus>, DisputeError> {
        let call = wire::Views::statusOfCall { question: wire::word(question.0) };
        let found = self.client.call(self.address, &call, Moment::LastBlock).await?;
        Ok(match found.status {
            1 => Some(QuestionStatus::Open),
            2 => Some(QuestionStatus::Answered(Digest(found.answer.0))),
            3 => Some(QuestionStatus::Unanswered),
            4 => Some(QuestionStatus::Void),
            _ => None,
        })
    }

    /// What somebody may withdraw.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn credit(&self, owner: Owner) -> Result<Amount, DisputeError> {
        let call = wire::Views::creditOfCall { owner: wire::address(owner) };
        let credit = self.client.call(self.address, &call, Moment::LastBlock).await?;
        Ok(Amount(credit.saturating_to()))
    }
}

/// What a message does, in words.
pub fn what(message: &Message) -> &'static str {
    match message {
        Message::OpenQuestion { .. } => "open the question",
        Message::Claim { .. } => "take the claim",
        Message::Pair { .. } => "start the game",
        Message::Move { .. } => "move",
        Message::Keep { .. } => "keep the operand",
        Message::Judge { .. } => "judge",
        Message::Timeout { .. } => "end the game by the clock",
        Message::Resolve { .. } => "close the question",
        Message::Release { .. } => "give the bond back",
        Message::Withdraw => "pay out",
    }
}
