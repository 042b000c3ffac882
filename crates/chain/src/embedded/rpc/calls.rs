//! `eth_call` and `eth_estimateGas`: running code without a signature, and keeping nothing of it.

use super::answer::{RpcError, RpcResult, raw};
use super::parameters::Parameters;
use super::state::{StateOf, state_of};
use crate::embedded::Chain;
use crate::embedded::block::pending;
use crate::embedded::evm::{environment, unsigned};
use crate::embedded::snapshot::Snapshot;
use crate::error::StoreError;
use crate::limits;
use alloy::eips::BlockId;
use alloy::primitives::{Bytes, U64};
use alloy::rpc::types::TransactionRequest;
use revm::ExecuteEvm;
use revm::context::either::Either;
use revm::context::result::{EVMError, ExecutionResult, HaltReason, OutOfGasError};
use revm::context::{BlockEnv, TxEnv};
use revm::database::CacheDB;
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::TxKind;

/// How close to the least sufficient gas an estimate must be, in thousandths.
const ESTIMATE_TOLERANCE: u64 = 15;
/// The most halvings of an estimate: enough for the whole range below the cap.
const ESTIMATE_STEPS: usize = 24;

pub fn call(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let request: TransactionRequest = parameters.required(0, "call")?;
    parameters.absent(2, "state overrides")?;
    parameters.absent(3, "block overrides")?;
    let (snapshot, block) = surroundings(chain, parameters.optional(1, "block")?)?;
    let transaction = transaction(&snapshot, request, limits::CALL_GAS)?;
    let mut evm = unsigned(WrapDatabaseRef(&snapshot), chain.chain_id(), block, limits::CALL_GAS);
    let result = evm.transact(transaction).map_err(invalid)?.result;
    raw(&output(result)?)
}

pub fn estimate_gas(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let request: TransactionRequest = parameters.required(0, "call")?;
    let block: Option<BlockId> = parameters.optional(1, "block")?;
    parameters.absent(2, "state overrides")?;
    // What is estimated now runs in the next block, at the next block's time.
    let (snapshot, block) = surroundings(chain, Some(block.unwrap_or(BlockId::pending())))?;
    let transaction = transaction(&snapshot, request, limits::TRANSACTION_GAS)?;
    let mut trial =
        Trial { database: CacheDB::new(&snapshot), chain_id: chain.chain_id(), block, transaction };
    raw(&U64::from(trial.least_gas()?))
}

/// The state and the block that a call sees.
fn surroundings(chain: &Chain, block: Option<BlockId>) -> Result<(Snapshot, BlockEnv), RpcError> {
    let snapshot = chain.snapshot()?;
    let head = snapshot.head()?;
    let environment = match state_of(block, &head)? {
        StateOf::Latest => environment(&head),
        StateOf::Pending => environment(&pending(&head, chain.now())),
    };
    Ok((snapshot, environment))
}

/// A transaction with one gas limit after another.
struct Trial<'a> {
    database: CacheDB<&'a Snapshot>,
    chain_id: u64,
    block: BlockEnv,
    transaction: TxEnv,
}

impl Trial<'_> {
    fn run(&mut self, gas_limit: u64) -> Result<ExecutionResult, EVMError<StoreError>> {
        let transaction = TxEnv { gas_limit, ..self.transaction.clone() };
        let cap = limits::TRANSACTION_GAS;
        let mut evm = unsigned(&mut self.database, self.chain_id, self.block.clone(), cap);
        Ok(evm.transact(transaction)?.result)
    }

    fn suffices(&mut self, gas_limit: u64) -> Result<bool, RpcError> {
        match self.run(gas_limit) {
            Ok(result) => Ok(result.is_success()),
            // Too little gas for the transaction's own bytes.
            Err(EVMError::Transaction(_)) => Ok(false),
            Err(other) => Err(invalid(other)),
        }
    }

    /// A gas limit with which the transaction succeeds, close to the least one.
    fn least_gas(&mut self) -> Result<u64, RpcError> {
        let cap = self.transaction.gas_limit;
        let result = self.run(cap).map_err(invalid)?;
        let (used, refunded) = (result.tx_gas_used(), result.gas().inner_refunded());
        output(result)?;
        // Calls keep a 64th of the gas back, and a refund comes only after it was needed.
        let guess = (used + refunded + 2_300).saturating_mul(64) / 63;
        let (mut low, mut high) = (used - 1, cap);
        let mut middle = guess.min(high);
        for _ in 0..ESTIMATE_STEPS {
            if self.suffices(middle)? {
                high = middle;
            } else {
                low = middle;
            }
            if (high - low) * 1_000 <= high * ESTIMATE_TOLERANCE {
                break;
            }
            middle = low + (high - low) / 2;
        }
        Ok(high)
    }
}

/// A request as the EVM takes it. Its gas limit is the bound unless the request sets a lower one.
fn transaction(snapshot: &Snapshot, request: TransactionRequest, gas_bound: u64) -> Result<TxEnv, RpcError> {
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return Err(RpcError::invalid_parameters("blobs are not supported"));
    }
    let caller = request.from.unwrap_or_default();
    let kind = request.to.unwrap_or(TxKind::Create);
    let data = request.input.try_into_unique_input().map_err(RpcError::invalid_parameters)?;
    let mut transaction = TxEnv {
        tx_type: 0,
        caller,
        gas_limit: request.gas.unwrap_or(gas_bound).min(gas_bound),
        gas_price: request.max_fee_per_gas.or(request.gas_price).unwrap_or(0),
        kind,
        value: request.value.unwrap_or_default(),
        data: data.unwrap_or_default(),
        nonce: request.nonce.unwrap_or(snapshot.nonce(caller)?),
        chain_id: request.chain_id,
        access_list: request.access_list.unwrap_or_default(),
        gas_priority_fee: request.max_priority_fee_per_gas,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: request
            .authorization_list
            .unwrap_or_default()
            .into_iter()
            .map(Either::Left)
            .collect(),
    };
    transaction.derive_tx_type().map_err(RpcError::invalid_parameters)?;
    Ok(transaction)
}

fn output(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(output)),
        ExecutionResult::Halt { reason, gas, .. } => Err(halted(&reason, gas.tx_gas_used())),
    }
}

fn halted(reason: &HaltReason, gas: u64) -> RpcError {
    match reason {
        HaltReason::OutOfGas(OutOfGasError::Basic) => RpcError::server(format!("out of gas after {gas} gas")),
        other => RpcError::server(format!("execution halted after {gas} gas: {other:?}")),
    }
}

fn invalid(error: EVMError<StoreError>) -> RpcError {
    match error {
        EVMError::Database(error) => error.into(),
        other => RpcError::server(other.to_string()),
    }
}
