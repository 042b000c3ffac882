//! An EVM in memory with one caller that pays nothing: Osaka's rules, so that the calldata floor (EIP-7623) and the cap on a
//! transaction's gas (EIP-7825) count as they do on a chain.

use alloy_primitives::{Address, Bytes, TxKind, hex};
use alloy_sol_types::SolCall;
use revm::context::result::{EVMError, ExecutionResult};
use revm::context::{CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};
use std::convert::Infallible;

/// The most gas that one transaction may use on a chain with EIP-7825.
pub const TRANSACTION_GAS_CAP: u64 = 1 << 24;

/// The limit of calls that batch many cases and could not be made on a chain.
const BATCH_GAS_LIMIT: u64 = 1 << 40;

/// Why a call or a deployment gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum EvmError {
    /// The contract refused; the data is its ABI-encoded custom error.
    #[error("the contract reverted with 0x{}", hex::encode(.0))]
    Reverted(Bytes),
    /// The EVM stopped: out of gas, an invalid instruction, or code over the size limit.
    #[error("the EVM halted after {gas} gas: {reason}")]
    Halted {
        /// What the EVM said.
        reason: String,
        /// Gas used when it stopped.
        gas: u64,
    },
    /// The transaction was not valid, so nothing ran.
    #[error("the transaction was refused: {0} (hint: its gas limit must cover its calldata)")]
    Refused(String),
    /// The output is not what the ABI promises.
    #[error("the answer does not decode: {0}")]
    Decode(#[from] alloy_sol_types::Error),
}

/// What a call gave and what it cost.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// The decoded return value.
    pub value: T,
    /// Gas of the whole transaction: 21,000, calldata or its floor, and execution.
    pub gas: u64,
    /// The part of `gas` that is the least a transaction with this calldata can cost.
    pub floor: u64,
}

type Db = CacheDB<EmptyDB>;

/// An EVM in memory.
pub struct Evm {
    inner: revm::MainnetEvm<revm::handler::MainnetContext<Db>>,
}

impl Default for Evm {
    fn default() -> Self {
        Self::new()
    }
}

impl Evm {
    /// An empty chain.
    pub fn new() -> Self {
        let context = Context::mainnet().with_db(Db::default()).modify_cfg_chained(|cfg| {
            *cfg = CfgEnv::new_with_spec(SpecId::OSAKA);
            cfg.disable_nonce_check = true;
            cfg.tx_gas_limit_cap = Some(BATCH_GAS_LIMIT);
        });
        let context = context.modify_block_chained(|block| block.gas_limit = BATCH_GAS_LIMIT);
        Self { inner: context.build_mainnet() }
    }

    /// Deploys creation bytecode without constructor arguments.
    pub fn deploy(&mut self, bytecode: &Bytes) -> Result<Address, EvmError> {
        let transaction =
            TxEnv::builder().kind(TxKind::Create).data(bytecode.clone()).gas_limit(TRANSACTION_GAS_CAP);
        let result = self.inner.transact_commit(transaction.build_fill()).map_err(refused)?;
        let created = result.created_address();
        succeeded(result)?;
        Ok(created.expect("a creation that succeeded has an address"))
    }

    /// Calls a contract within [`TRANSACTION_GAS_CAP`]; no state is kept.
    pub fn call<C: SolCall>(&mut self, to: Address, call: &C) -> Result<Answer<C::Return>, EvmError> {
        self.call_with_limit(to, call, TRANSACTION_GAS_CAP)
    }

    /// Calls a contract with many cases at once, without the cap that a chain sets.
    pub fn batch<C: SolCall>(&mut self, to: Address, call: &C) -> Result<Answer<C::Return>, EvmError> {
        self.call_with_limit(to, call, BATCH_GAS_LIMIT)
    }

    fn call_with_limit<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
        gas_limit: u64,
    ) -> Result<Answer<C::Return>, EvmError> {
        let data = Bytes::from(call.abi_encode());
        let transaction =
            TxEnv::builder().kind(TxKind::Call(to)).data(data).gas_limit(gas_limit).build_fill();
        let result = self.inner.transact(transaction).map_err(refused)?.result;
        let (gas, floor) = (result.tx_gas_used(), result.gas().floor_gas());
        let output = succeeded(result)?;
        Ok(Answer { value: C::abi_decode_returns(&output)?, gas, floor })
    }
}

fn refused(error: EVMError<Infallible>) -> EvmError {
    EvmError::Refused(error.to_string())
}

fn succeeded(result: ExecutionResult) -> Result<Bytes, EvmError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(EvmError::Reverted(output)),
        ExecutionResult::Halt { reason, gas, .. } => {
            Err(EvmError::Halted { reason: format!("{reason:?}"), gas: gas.tx_gas_used() })
        }
    }
}
