//! Methods about accounts and about the chain itself.

use super::answer::{RpcError, RpcResult, raw};
use super::parameters::Parameters;
use crate::embedded::snapshot::Snapshot;
use crate::embedded::{BASE_FEE_WEI, Chain};
use alloy::consensus::{Header, Sealed};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, U64, U256};
use revm::database_interface::DatabaseRef;

/// Which state a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateOf {
    /// After the last block.
    Latest,
    /// After the last block, as the next block would see it.
    Pending,
}

/// Finds out which state a block parameter means; the chain keeps the latest one only.
pub fn state_of(block: Option<BlockId>, head: &Sealed<Header>) -> Result<StateOf, RpcError> {
    let is_latest = match block.unwrap_or_default() {
        BlockId::Hash(hash) => hash.block_hash == head.hash(),
        BlockId::Number(BlockNumberOrTag::Pending) => return Ok(StateOf::Pending),
        BlockId::Number(BlockNumberOrTag::Number(number)) => number == head.number,
        BlockId::Number(BlockNumberOrTag::Earliest) => head.number == 0,
        BlockId::Number(_) => true,
    };
    match is_latest {
        true => Ok(StateOf::Latest),
        false => Err(RpcError::server(format!(
            "the state of that block is not kept: the embedded chain has the latest state only, of block {} (hint: \"latest\" or \"pending\")",
            head.number
        ))),
    }
}

fn latest(chain: &Chain, block: Option<BlockId>) -> Result<(Snapshot, StateOf), RpcError> {
    let snapshot = chain.snapshot()?;
    let state = state_of(block, &snapshot.head()?)?;
    Ok((snapshot, state))
}

pub fn chain_id(chain: &Chain, _: &Parameters) -> RpcResult {
    raw(&U64::from(chain.chain_id()))
}

pub fn net_version(chain: &Chain, _: &Parameters) -> RpcResult {
    raw(&chain.chain_id().to_string())
}

pub fn client_version(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&concat!("samebit/", env!("CARGO_PKG_VERSION"), "/embedded"))
}

pub fn listening(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&true)
}

pub fn syncing(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&false)
}

/// The chain holds no keys.
pub fn accounts(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&[Address::ZERO; 0])
}

pub fn balance(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let account: Address = parameters.required(0, "address")?;
    let (snapshot, _) = latest(chain, parameters.optional(1, "block")?)?;
    raw(&snapshot.account(account)?.map_or(U256::ZERO, |account| account.balance))
}

pub fn transaction_count(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let account: Address = parameters.required(0, "address")?;
    let (snapshot, state) = latest(chain, parameters.optional(1, "block")?)?;
    let nonce = match state {
        StateOf::Latest => snapshot.nonce(account)?,
        StateOf::Pending => chain.pending_nonce(account)?,
    };
    raw(&U64::from(nonce))
}

pub fn code(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let account: Address = parameters.required(0, "address")?;
    let (snapshot, _) = latest(chain, parameters.optional(1, "block")?)?;
    raw(&snapshot.code(account)?)
}

pub fn storage(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let account: Address = parameters.required(0, "address")?;
    let slot: U256 = parameters.required(1, "slot")?;
    let (snapshot, _) = latest(chain, parameters.optional(2, "block")?)?;
    raw(&B256::from(snapshot.storage_ref(account, slot)?))
}

/// Moves the clock of a development chain; answers how far it is ahead.
pub fn increase_time(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let seconds: U64 = parameters.required(0, "seconds")?;
    raw(&U64::from(chain.advance_clock(seconds.to())?))
}

/// The base fee as a number of wei.
pub fn base_fee() -> U256 {
    U256::from(BASE_FEE_WEI)
}
