//! What a transaction has said to contracts of ours, by its input and their events.
//!
//! A contract keeps and logs hashes; what is said is in the message. Whoever sends one is either the transaction's own sender, an account without
//! code, and then the transaction's input is the message, or something with code, and then the event `Relayed` of the contract tells sender and message in
//! full, before its other events. So nobody speaks unseen, however many contracts it speaks through.
//!
//! An input counts before what is relayed in its transaction: the only contract that hands over control to others is Stake when it calls its token,
//! and what those say meanwhile has the same effects before a deposit as after it.

use crate::abi::DISPUTE;
use crate::client::{Event, Sent};
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolValue;

/// A message to a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The contract.
    pub to: Address,
    /// Who said it.
    pub sender: Address,
    /// The call.
    pub data: Bytes,
    /// The events after it and before the next message.
    pub events: Vec<Event>,
}

/// Whether an event tells a message.
pub(crate) fn is_relayed(event: &Event) -> bool {
    event.data.topics().first() == Some(&DISPUTE.topic("Relayed"))
}

/// The messages of one transaction to these contracts, in order, by its events; nothing if they do not tell. `sent` is the transaction, if it may have a
/// message of its own.
pub(crate) fn heard(contracts: &[Address], sent: Option<&Sent>, events: Vec<Event>) -> Option<Vec<Heard>> {
    let mut messages: Vec<Heard> = sent.and_then(|sent| own(contracts, sent, &events)).into_iter().collect();
    for event in events {
        if is_relayed(&event) {
            let sender = Address::from_word(*event.data.topics().get(1)?);
            let data = Bytes::abi_decode(&event.data.data.data).ok()?;
            messages.push(Heard { to: event.data.address, sender, data, events: Vec::new() });
        } else {
            messages.last_mut()?.events.push(event);
        }
    }
    Some(messages)
}

/// The transaction's own message, unless its sender has code.
fn own(contracts: &[Address], sent: &Sent, events: &[Event]) -> Option<Heard> {
    let to = sent.to.filter(|to| contracts.contains(to))?;
    let from = B256::from(sent.from.into_word());
    let is_told = |event: &Event| {
        event.data.address == to && is_relayed(event) && event.data.topics().get(1) == Some(&from)
    };
    let heard = Heard { to, sender: sent.from, data: sent.input.clone(), events: Vec::new() };
    (!events.iter().any(is_told)).then_some(heard)
}
