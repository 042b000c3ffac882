//! `eth_getLogs`: a scan over the logs of a bounded range of blocks.

use super::answer::{RpcError, RpcResult, raw};
use super::blocks::resolve;
use super::parameters::Parameters;
use super::transactions::rpc_log;
use crate::embedded::Chain;
use crate::embedded::records::{LogRecord, Place};
use crate::embedded::snapshot::Snapshot;
use crate::error::StoreError;
use crate::limits;
use alloy::consensus::{Header, Sealed};
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, keccak256};
use alloy::rpc::types::{Filter, FilterBlockOption, Log};

pub fn logs(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let filter: Filter = parameters.required(0, "filter")?;
    let alternatives = filter.address.len() + filter.topics.iter().map(|topic| topic.len()).sum::<usize>();
    if alternatives > limits::FILTER_ALTERNATIVES {
        return Err(RpcError::limit(format!(
            "the filter names more than {} values",
            limits::FILTER_ALTERNATIVES
        )));
    }
    let snapshot = chain.snapshot()?;
    let Some((from, to)) = range(&snapshot, &filter)? else { return raw(&[(); 0]) };
    let found = snapshot.logs((from, 0), (to, u32::MAX), limits::LOGS_SCANNED + 1)?;
    if found.len() > limits::LOGS_SCANNED {
        return Err(too_many(limits::LOGS_SCANNED));
    }
    let matching: Vec<_> = found.into_iter().filter(|(_, record)| filter.matches(&record.log)).collect();
    if matching.len() > limits::LOGS_RETURNED {
        return Err(too_many(limits::LOGS_RETURNED));
    }
    raw(&named(&snapshot, matching)?)
}

fn too_many(limit: usize) -> RpcError {
    RpcError::limit(format!("the range has more than {limit} logs (hint: ask for fewer blocks)"))
}

/// The blocks that a filter means; `None` if there are none of them yet.
fn range(snapshot: &Snapshot, filter: &Filter) -> Result<Option<(u64, u64)>, RpcError> {
    let head = snapshot.head()?.number;
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = snapshot.number(hash)?;
            let number = number.ok_or_else(|| RpcError::server(format!("unknown block {hash}")))?;
            (number, number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let number = |block: Option<BlockNumberOrTag>| resolve(block.unwrap_or_default(), head);
            (number(from_block), number(to_block))
        }
    };
    if from > to {
        return Err(RpcError::invalid_parameters(format!("the range {from}..={to} is empty")));
    }
    let to = to.min(head);
    if from > to {
        return Ok(None);
    }
    if to - from >= limits::LOG_BLOCKS {
        return Err(RpcError::limit(format!("the range has more than {} blocks", limits::LOG_BLOCKS)));
    }
    Ok(Some((from, to)))
}

/// Gives each log its block's and its transaction's names.
fn named(snapshot: &Snapshot, logs: Vec<(Place, LogRecord)>) -> Result<Vec<Log>, StoreError> {
    let mut block: Option<(Sealed<Header>, Vec<B256>)> = None;
    let mut named = Vec::with_capacity(logs.len());
    for ((number, position), record) in logs {
        if block.as_ref().is_none_or(|(header, _)| header.number != number) {
            block = Some(block_of(snapshot, number)?);
        }
        let (header, hashes) = block.as_ref().expect("it was read");
        let missing =
            || StoreError::Missing { table: "bodies", key: format!("{:?}", (number, record.transaction)) };
        let hash = *hashes.get(record.transaction as usize).ok_or_else(missing)?;
        named.push(rpc_log(header, hash, position, record));
    }
    Ok(named)
}

/// A block's header and its transactions' hashes.
fn block_of(snapshot: &Snapshot, number: u64) -> Result<(Sealed<Header>, Vec<B256>), StoreError> {
    let missing = || StoreError::Missing { table: "headers", key: number.to_string() };
    let header = snapshot.header(number)?.ok_or_else(missing)?;
    // The hash of a transaction is the hash of its EIP-2718 bytes.
    let hashes = snapshot.bodies(number)?.iter().map(|body| keccak256(&body.bytes)).collect();
    Ok((header, hashes))
}
