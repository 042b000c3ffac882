//! The contracts on a chain: what they were deployed with, what they are told, what they tell.

use super::contracts::{Contracts, address, owner};
use super::field::Field;
use super::log::BlockLog;
use super::message::{EncodeError, Message, Papers};
use crate::client::{self, Client, ClientError, LogOptions, Moment, Receipt, SendError, Sender};
use crate::refusals::{explain, name};
use crate::{dispute, market};
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, U256};
use alloy::sol;
use alloy::sol_types::SolCall;
use samebit_commit::Digest;
use samebit_market::{Amount, Message as MarketOrMoney, Owner, Pot, Seconds, Site, StakeMessage};

sol! {
    interface Views {
        function stake() returns (address);
        function fund() returns (address);
        function token() returns (address);
        function treasury() returns (address);
        function slowBlock() returns (uint32);
        function freeOf(address owner) returns (uint128);
        function potOf(uint8 pot) returns (uint128);
    }

    interface Token {
        function mint(address to, uint256 amount);
        function approve(address spender, uint256 value) returns (bool);
        function balanceOf(address account) returns (uint256);
    }
}

/// Why the contracts were not reached, or refused.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The chain did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Something that the message needs is not known.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The contract refuses the message.
    #[error("the contracts refuse `{what}`: {reason}")]
    Refused {
        /// The message.
        what: String,
        /// The error's name, if it is one of the contracts'.
        name: Option<&'static str>,
        /// In words.
        reason: String,
    },
    /// The transaction was not carried out.
    #[error(transparent)]
    Send(SendError),
    /// A transaction whose events are the contracts' has no message to them.
    #[error(
        "transaction {transaction} carries no message of the contracts (hint: are these the addresses of contracts of this version?)"
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
    #[error(
        "there is no contract `{name}` at {address} (hint: deploy it with `samebit devnet`, or name its address)"
    )]
    NoContract {
        /// What it is called.
        name: &'static str,
        /// Where it should be.
        address: Address,
    },
    /// The contracts are not one system of this version.
    #[error(
        "`{name}` is at {found}, contracts of this version with this configuration have it at {expected} (hint: name the contracts of one deployment)"
    )]
    Foreign {
        /// What does not fit.
        name: &'static str,
        /// What was given or read.
        found: Address,
        /// What it must be.
        expected: Address,
    },
}

/// The contracts on a chain.
#[derive(Clone, Debug)]
pub struct Protocol {
    client: Client,
    contracts: Contracts,
    site: Site,
}

impl Protocol {
    /// The contracts at these addresses. What they say of each other, and Market's address, which follows from its code and from all that it was made
    /// with, tell that they are one system of this version.
    ///
    /// # Errors
    /// The chain does not answer, or they are not.
    pub async fn at(client: &Client, contracts: Contracts) -> Result<Protocol, ProtocolError> {
        for (name, address) in contracts.names() {
            if client.code(address).await?.is_empty() {
                return Err(ProtocolError::NoContract { name, address });
            }
        }
        let now = Moment::LastBlock;
        let Contracts { market, stake, fund, dispute, beacon, token } = contracts;
        same(market::STAKE, stake, client.call(market, &Views::stakeCall {}, now).await?)?;
        same(market::FUND, fund, client.call(stake, &Views::fundCall {}, now).await?)?;
        same(market::TOKEN, token, client.call(stake, &Views::tokenCall {}, now).await?)?;
        let treasury = client.call(fund, &Views::treasuryCall {}, now).await?;
        let slow_block = client.call(market, &Views::slowBlockCall {}, now).await?;
        let [.., game] = dispute::artifacts(dispute::owner(treasury));
        same(dispute::DISPUTE, dispute, game.address())?;
        let made = market::artifacts(dispute, token, treasury, slow_block);
        same(market::BEACON, beacon, made[0].address())?;
        same(market::MARKET, market, made[made.len() - 1].address())?;
        let site = Site {
            chain_id: client.chain_id(),
            market: owner(market),
            fund: owner(fund),
            treasury: owner(treasury),
            slow_block: Seconds(slow_block.into()),
        };
        Ok(Protocol { client: client.clone(), contracts, site })
    }

    /// What the twin of the contracts is made with.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Where the contracts are.
    pub fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// The chain.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// All blocks from block `first` on, which is at most the one in which Market was made.
    pub fn log(&self, first: u64, options: LogOptions) -> BlockLog {
        BlockLog::new(&self.client, self.contracts, first, options)
    }

    /// The name of the block before block `number`: where a log from there begins.
    ///
    /// # Errors
    /// The chain does not answer, or has no such block.
    pub async fn name_before(&self, number: u64) -> Result<Digest, ProtocolError> {
        let block = self.client.block(BlockNumberOrTag::Number(number)).await?;
        Ok(Digest(block.ok_or(ProtocolError::Moved { block: number })?.parent.0))
    }

    /// Sends a message. When this returns it is on the chain.
    ///
    /// # Errors
    /// A contract refuses it, the chain did not take it, or something that it needs is not among the papers.
    pub async fn send(
        &self,
        sender: &Sender,
        message: &Message,
        papers: &dyn Papers,
    ) -> Result<Receipt, ProtocolError> {
        let call = self.contracts.encode(owner(sender.address()), message, papers)?;
        sender.send(call).await.map_err(|error| refused(&what(message), error))
    }

    /// What somebody may withdraw, lock or turn into a seat.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn free(&self, of: Owner) -> Result<Amount, ProtocolError> {
        let call = Views::freeOfCall { owner: address(of) };
        Ok(Amount(self.client.call(self.contracts.stake, &call, Moment::LastBlock).await?))
    }

    /// What is in a pot.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn pot(&self, pot: Pot) -> Result<Amount, ProtocolError> {
        let call = Views::potOfCall { pot: pot.given() };
        Ok(Amount(self.client.call(self.contracts.fund, &call, Moment::LastBlock).await?))
    }

    /// How much of the token somebody has outside of Stake.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn tokens(&self, of: Owner) -> Result<Amount, ProtocolError> {
        let call = Token::balanceOfCall { account: address(of) };
        let tokens = self.client.call(self.contracts.token, &call, Moment::LastBlock).await?;
        Ok(Amount(tokens.saturating_to()))
    }

    /// Lets Stake take so much of the sender's tokens, and pays it in.
    ///
    /// # Errors
    /// As [`Protocol::send`]; the sender needs the tokens.
    pub async fn deposit(&self, sender: &Sender, amount: Amount) -> Result<Receipt, ProtocolError> {
        let approve = Token::approveCall { spender: self.contracts.stake, value: U256::from(amount.0) };
        self.say(sender, "approve", &approve).await?;
        self.send(sender, &StakeMessage::Deposit(amount).into(), &()).await
    }

    /// Makes tokens of a development chain from nothing, and pays them in.
    ///
    /// # Errors
    /// As [`Protocol::send`]; a token that is worth something refuses.
    pub async fn mint(&self, sender: &Sender, amount: Amount) -> Result<Receipt, ProtocolError> {
        let mint = Token::mintCall { to: sender.address(), amount: U256::from(amount.0) };
        self.say(sender, "mint", &mint).await?;
        self.deposit(sender, amount).await
    }

    async fn say(&self, sender: &Sender, what: &str, call: &impl SolCall) -> Result<Receipt, ProtocolError> {
        let sent = sender.send(client::Message::call(self.contracts.token, call)).await;
        sent.map_err(|error| refused(what, error))
    }
}

fn same(name: &'static str, found: Address, expected: Address) -> Result<(), ProtocolError> {
    if found == expected { Ok(()) } else { Err(ProtocolError::Foreign { name, found, expected }) }
}

/// The name of a message.
fn what(message: &Message) -> String {
    let text = match message {
        Message::Market(MarketOrMoney::Market(message)) => format!("{message:?}"),
        Message::Market(MarketOrMoney::Stake(message)) => format!("{message:?}"),
        Message::Market(MarketOrMoney::Fund(message)) => format!("{message:?}"),
        Message::Challenge { .. } => "Challenge".to_owned(),
        Message::Dispute(message) => return dispute::what(message).to_owned(),
    };
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn refused(what: &str, error: SendError) -> ProtocolError {
    let revert = match &error {
        SendError::WouldRevert(revert) => Some(revert),
        SendError::Reverted { revert, .. } => revert.as_ref(),
        _ => None,
    };
    match revert {
        Some(revert) => {
            ProtocolError::Refused { what: what.to_owned(), name: name(revert), reason: explain(revert) }
        }
        None => ProtocolError::Send(error),
    }
}
