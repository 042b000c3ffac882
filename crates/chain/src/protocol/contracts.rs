//! Where the contracts are, and a message's way to one of them and back.

use super::field::Field;
use super::message::{self, EncodeError, Message, Papers};
use crate::client;
use crate::dispute::message as game;
use crate::{dispute, market};
use alloy::primitives::{Address, U256};
use samebit_dispute::Message as Argument;
use samebit_market::{Message as MarketOrMoney, Owner};
use std::collections::BTreeMap;

/// The contracts of the protocol on a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contracts {
    /// The life of jobs.
    pub market: Address,
    /// Who holds money.
    pub stake: Address,
    /// The pots.
    pub fund: Address,
    /// The game.
    pub dispute: Address,
    /// Where chance comes from.
    pub beacon: Address,
    /// What everything is paid in.
    pub token: Address,
}

/// A configuration names not all of the contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has no contract `{0}` (hint: `samebit devnet` writes all of them)")]
pub struct Unnamed(pub &'static str);

impl Contracts {
    /// By the names of a configuration.
    ///
    /// # Errors
    /// Which one is not named.
    pub fn named(names: &BTreeMap<String, Address>) -> Result<Contracts, Unnamed> {
        let at = |name: &'static str| names.get(name).copied().ok_or(Unnamed(name));
        Ok(Contracts {
            market: at(market::MARKET)?,
            stake: at(market::STAKE)?,
            fund: at(market::FUND)?,
            dispute: at(dispute::DISPUTE)?,
            beacon: at(market::BEACON)?,
            token: at(market::TOKEN)?,
        })
    }

    /// The call that carries a message of `sender`'s.
    ///
    /// # Errors
    /// What it needs besides is not among the papers.
    pub fn encode(
        &self,
        sender: Owner,
        message: &Message,
        papers: &dyn Papers,
    ) -> Result<client::Message, EncodeError> {
        let (to, data) = match message {
            Message::Market(MarketOrMoney::Stake(message)) => (self.stake, message::stake(message)),
            Message::Market(MarketOrMoney::Fund(message)) => (self.fund, message::fund(message)),
            Message::Market(MarketOrMoney::Market(message)) => {
                (self.market, message::market(sender, message, papers)?)
            }
            Message::Challenge { challenge, question, header } => {
                let call = message::challenge(challenge, question, header);
                (self.market, call.ok_or(EncodeError::NoChallenge)?)
            }
            Message::Dispute(message) => return self.argue(message, papers),
        };
        Ok(client::Message { to: to.into(), data, value: U256::ZERO, gas_limit: None })
    }

    fn argue(&self, message: &Argument, papers: &dyn Papers) -> Result<client::Message, EncodeError> {
        let question = match (message, game::question_of(message)) {
            (Argument::OpenQuestion { question, .. }, _) => question.clone(),
            (_, Some(id)) => papers.question(id).ok_or(EncodeError::NoQuestion(id))?,
            // What is credited is of all questions.
            (_, None) => return Ok(game::withdraw(self.dispute)),
        };
        Ok(game::encode(self.dispute, &question, message))
    }

    /// The message that `bytes` carry to the contract at `to`: of a challenge without its question. Nothing if there is none of ours, or it would
    /// not have taken them.
    pub fn decode(&self, to: Address, bytes: &[u8]) -> Option<Message> {
        let message = match to {
            _ if to == self.market => MarketOrMoney::Market(message::decode_market(bytes)?),
            _ if to == self.stake => MarketOrMoney::Stake(message::decode_stake(bytes)?),
            _ if to == self.fund => MarketOrMoney::Fund(message::decode_fund(bytes)?),
            _ if to == self.dispute => return game::decode(bytes).map(Message::Dispute),
            _ => return None,
        };
        Some(Message::Market(message))
    }

    /// All of them by name.
    pub(super) fn names(&self) -> [(&'static str, Address); 6] {
        [
            (market::MARKET, self.market),
            (market::STAKE, self.stake),
            (market::FUND, self.fund),
            (dispute::DISPUTE, self.dispute),
            (market::BEACON, self.beacon),
            (market::TOKEN, self.token),
        ]
    }

    /// The contracts that are told messages.
    pub(crate) fn told(&self) -> [Address; 4] {
        [self.market, self.stake, self.fund, self.dispute]
    }
}

/// The account of an owner.
pub fn address(owner: Owner) -> Address {
    owner.given()
}

/// The owner that an account is.
pub fn owner(address: Address) -> Owner {
    Owner(address.0.0)
}
