//! Methods about fees. The base fee is constant and nobody needs to pay more.

use super::answer::{RpcError, RpcResult, raw};
use super::blocks::resolve;
use super::parameters::Parameters;
use super::state::base_fee;
use crate::embedded::{BASE_FEE_WEI, Chain};
use crate::limits;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{U64, U256};
use alloy::rpc::types::FeeHistory;

pub fn gas_price(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&base_fee())
}

pub fn priority_fee(_: &Chain, _: &Parameters) -> RpcResult {
    raw(&U256::ZERO)
}

pub fn fee_history(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let count: U64 = parameters.required(0, "block count")?;
    let newest: BlockNumberOrTag = parameters.optional(1, "newest block")?.unwrap_or_default();
    let percentiles: Vec<f64> = parameters.optional(2, "reward percentiles")?.unwrap_or_default();
    let count: u64 = count.to();
    if count == 0 || count > limits::FEE_HISTORY_BLOCKS {
        return Err(RpcError::limit(format!(
            "block count {count} is not in 1..={}",
            limits::FEE_HISTORY_BLOCKS
        )));
    }
    if percentiles.len() > limits::FEE_HISTORY_PERCENTILES {
        return Err(RpcError::limit(format!("more than {} percentiles", limits::FEE_HISTORY_PERCENTILES)));
    }
    let snapshot = chain.snapshot()?;
    let head = snapshot.head()?.number;
    let newest = resolve(newest, head).min(head);
    let oldest = (newest + 1).saturating_sub(count);
    let mut history = FeeHistory { oldest_block: oldest, ..FeeHistory::default() };
    for number in oldest..=newest {
        let header = snapshot
            .header(number)?
            .ok_or_else(|| RpcError::internal(format!("block {number} is missing")))?;
        history.base_fee_per_gas.push(BASE_FEE_WEI.into());
        history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit as f64);
        history.base_fee_per_blob_gas.push(1);
        history.blob_gas_used_ratio.push(0.0);
    }
    history.base_fee_per_gas.push(BASE_FEE_WEI.into());
    history.base_fee_per_blob_gas.push(1);
    if !percentiles.is_empty() {
        let rows = history.gas_used_ratio.len();
        history.reward = Some(vec![vec![0; percentiles.len()]; rows]);
    }
    raw(&history)
}
