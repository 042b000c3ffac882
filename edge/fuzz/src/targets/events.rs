//! What a chain tells of a transaction, and the records of the embedded chain's file.
//!
//! Input: kind u8 · 0: a record · else: own u8 (whom the transaction calls) · its input (bytes) · events: contract u8, topics (short list of kind u8
//! and word), data (bytes).

use super::calls::contracts;
use samebit_chain::testing::{records, said};
use samebit_chain::types::{Address, B256, Bytes, keccak256};
use samebit_commit::{DecodeError, Decoder};

/// Events of a transaction.
const EVENTS: u32 = 64;
/// Topics of an event.
const TOPICS: u8 = 4;

pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        0 => records(rest),
        _ => transaction(rest).unwrap_or(()),
    }
}

fn transaction(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let (to, input) = (place(decoder.u8("to")?), decoder.bytes("input", u32::MAX)?.to_vec());
    let events = decoder.list("events", EVENTS, |decoder| {
        let address = place(decoder.u8("contract")?);
        let topics = decoder.short_list("topics", TOPICS, topic)?;
        Ok((address, topics, Bytes::copy_from_slice(decoder.bytes("data", u32::MAX)?)))
    })?;
    let sender = Address::with_last_byte(9);
    if let Some(said) = said(&contracts(), (sender, Some(to), input.into()), events.clone()) {
        let relayed = events.iter().filter(|(_, topics, _)| topics.first() == Some(&relayed())).count();
        assert!(said.len() <= 1 + relayed, "{said:?}");
    }
    Ok(())
}

fn relayed() -> B256 {
    keccak256("Relayed(address,bytes)")
}

/// The topics that mean something, an account, or any word.
fn topic(decoder: &mut Decoder<'_>) -> Result<B256, DecodeError> {
    Ok(match decoder.u8("topic")? {
        0 => relayed(),
        1 => keccak256("Moved(bytes32)"),
        last @ 2..=15 => place(last).into_word(),
        _ => B256::from_slice(decoder.raw("word", 32)?),
    })
}

fn place(last: u8) -> Address {
    Address::with_last_byte(last % 16)
}
