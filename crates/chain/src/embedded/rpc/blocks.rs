//! Methods about blocks.

use super::answer::{RpcResult, raw};
use super::parameters::Parameters;
use super::transactions::rpc_transaction;
use crate::embedded::Chain;
use crate::embedded::block::pending;
use crate::embedded::snapshot::Snapshot;
use crate::error::StoreError;
use alloy::consensus::{Header, Sealable, Sealed};
use alloy::eips::eip4895::Withdrawals;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{B256, U64, U256};
use alloy::rpc::types::{Block, BlockTransactions, Header as RpcHeader};
use alloy_rlp::Encodable;

/// The number that a tag means on a chain without reorgs.
pub fn resolve(block: BlockNumberOrTag, head: u64) -> u64 {
    match block {
        BlockNumberOrTag::Number(number) => number,
        BlockNumberOrTag::Earliest => 0,
        BlockNumberOrTag::Pending => head.saturating_add(1),
        BlockNumberOrTag::Latest | BlockNumberOrTag::Safe | BlockNumberOrTag::Finalized => head,
    }
}

/// The header that a block parameter means, if there is such a block.
pub fn header_of(snapshot: &Snapshot, block: BlockId) -> Result<Option<Sealed<Header>>, StoreError> {
    let number = match block {
        BlockId::Hash(hash) => snapshot.number(hash.block_hash)?,
        BlockId::Number(number) => Some(resolve(number, snapshot.head()?.number)),
    };
    number.map_or(Ok(None), |number| snapshot.header(number))
}

pub fn block_number(chain: &Chain, _: &Parameters) -> RpcResult {
    raw(&U64::from(chain.snapshot()?.head()?.number))
}

pub fn block_by_hash(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let hash: B256 = parameters.required(0, "hash")?;
    let is_full = parameters.optional(1, "full transactions")?.unwrap_or(false);
    let snapshot = chain.snapshot()?;
    let header = header_of(&snapshot, hash.into())?;
    raw(&header.map(|header| block(&snapshot, header, is_full)).transpose()?)
}

pub fn block_by_number(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let number: BlockNumberOrTag = parameters.required(0, "block")?;
    let is_full = parameters.optional(1, "full transactions")?.unwrap_or(false);
    let snapshot = chain.snapshot()?;
    let header = match number {
        // What the next block would be if it were made now, with nothing in it.
        BlockNumberOrTag::Pending => Some(pending(&snapshot.head()?, chain.now()).seal_slow()),
        number => header_of(&snapshot, number.into())?,
    };
    raw(&header.map(|header| block(&snapshot, header, is_full)).transpose()?)
}

pub fn transaction_count(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let snapshot = chain.snapshot()?;
    let header = header_of(&snapshot, parameters.required(0, "block")?)?;
    let count = header.map(|header| snapshot.receipts(header.number).map(|receipts| receipts.len()));
    raw(&count.transpose()?.map(U64::from))
}

fn block(snapshot: &Snapshot, header: Sealed<Header>, is_full: bool) -> Result<Block, StoreError> {
    let bodies = snapshot.bodies(header.number)?;
    let transactions = (0..).zip(bodies).map(|(index, body)| rpc_transaction(&header, index, body));
    let transactions = transactions.collect::<Result<Vec<_>, StoreError>>()?;
    let transactions = match is_full {
        true => BlockTransactions::Full(transactions),
        false => {
            BlockTransactions::Hashes(transactions.iter().map(|full| *full.inner.inner().tx_hash()).collect())
        }
    };
    let size = U256::from(header.length());
    let header = RpcHeader::from_consensus(header, Some(U256::ZERO), Some(size));
    Ok(Block { header, uncles: Vec::new(), transactions, withdrawals: Some(Withdrawals::default()) })
}
