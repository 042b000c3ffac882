//! Ways in for tests that bring bytes where the product has a connection.

use crate::client::{Event, Sent};
use crate::embedded::{Chain, Rpc, check_records};
use crate::heard::heard;
use crate::protocol::{Contracts, Said};
use crate::types::{Address, B256, Bytes};
use alloy::primitives::LogData;

/// A chain's answer to a body of JSON-RPC; nothing if it has notifications only.
pub async fn answer(chain: &Chain, body: &[u8]) -> Option<String> {
    Rpc::new(chain.clone()).answer_body(body).await
}

/// Reads bytes as each kind of record of the chain's file, and checks that those that are one are written so.
///
/// # Panics
/// If a record has two encodings.
pub fn records(bytes: &[u8]) {
    check_records(bytes);
}

/// What one transaction has said to the contracts, by its sender, its input and the events that the chain tells of it: each of a contract, with topics and data.
pub fn said(
    contracts: &Contracts,
    (from, to, input): (Address, Option<Address>, Bytes),
    events: Vec<(Address, Vec<B256>, Bytes)>,
) -> Option<Vec<Said>> {
    let event = |(index, (address, topics, data)): (u64, (Address, Vec<B256>, Bytes))| Event {
        block: 1,
        block_hash: B256::ZERO,
        index,
        transaction: B256::ZERO,
        data: alloy::primitives::Log { address, data: LogData::new_unchecked(topics, data) },
    };
    let events = (0..).zip(events).map(event).collect();
    contracts.said(heard(&contracts.told(), Some(&Sent { from, to, input }), events)?)
}
