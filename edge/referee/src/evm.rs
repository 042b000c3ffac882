//! An EVM in memory with one caller that pays nothing: Osaka's rules, so that the calldata floor (EIP-7623) and the cap on a
//! transaction's gas (EIP-7825) count as they do on a chain.

use alloy_primitives::{Address, Bytes, Log, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use revm::context::result::{EVMError, ExecutionResult};
use revm::context::{CfgEnv, Context, ContextTr, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountInfo, Bytecode};
use revm::{Database, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext};
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

/// A chain's state as it was once.
#[derive(Clone)]
pub struct Snapshot(Db);

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

    /// The state as it is now.
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot(self.inner.ctx.db_mut().clone())
    }

    /// Goes back to a state, as a chain does that forgets its last blocks.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        *self.inner.ctx.db_mut() = snapshot.0.clone();
    }

    /// Sets the time of the blocks from here on, in seconds.
    pub fn set_time(&mut self, seconds: u64) {
        self.inner.ctx.modify_block(|block| block.timestamp = U256::from(seconds));
    }

    /// Sets the number of the blocks from here on.
    pub fn set_height(&mut self, number: u64) {
        self.inner.ctx.modify_block(|block| block.number = U256::from(number));
    }

    /// Has an account do what the code at `to` says (EIP-7702).
    pub fn delegate(&mut self, owner: Address, to: Address) {
        let info = AccountInfo::from_bytecode(Bytecode::new_eip7702(to));
        self.inner.ctx.db_mut().insert_account_info(owner, info);
    }

    /// Gives an account without code this balance.
    pub fn fund(&mut self, owner: Address, balance: U256) {
        let info = AccountInfo::from_balance(balance);
        self.inner.ctx.db_mut().insert_account_info(owner, info);
    }

    /// Puts a word into an account's storage.
    pub fn store(&mut self, account: Address, slot: U256, word: U256) {
        let stored = self.inner.ctx.db_mut().insert_account_storage(account, slot, word);
        stored.expect("a database in memory");
    }

    /// What an account holds.
    pub fn balance(&mut self, owner: Address) -> U256 {
        let info = self.inner.ctx.db_mut().basic(owner).expect("a database in memory");
        info.map_or(U256::ZERO, |info| info.balance)
    }

    /// Sends a transaction from an account with enough balance, and keeps what it changes.
    pub fn send(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Result<Answer<Bytes>, EvmError> {
        Ok(self.send_logged(from, to, value, data)?.0)
    }

    /// As [`Evm::send`], with the transaction's log.
    pub fn send_logged(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Result<(Answer<Bytes>, Vec<Log>), EvmError> {
        let result = self.inner.transact_commit(transaction(from, to, value, data)).map_err(refused)?;
        logged(result)
    }

    /// As [`Evm::send_logged`], but nothing is kept.
    pub fn dry(
        &mut self,
        from: Address,
        to: Address,
        data: Bytes,
    ) -> Result<(Answer<Bytes>, Vec<Log>), EvmError> {
        let result = self.inner.transact(transaction(from, to, U256::ZERO, data)).map_err(refused)?;
        logged(result.result)
    }

    /// Deploys creation bytecode without constructor arguments.
    pub fn deploy(&mut self, bytecode: &Bytes) -> Result<Address, EvmError> {
        self.deploy_with(bytecode, &[])
    }

    /// Deploys creation bytecode with ABI-encoded constructor arguments.
    pub fn deploy_with(&mut self, bytecode: &Bytes, arguments: &[u8]) -> Result<Address, EvmError> {
        let data = Bytes::from([bytecode.as_ref(), arguments].concat());
        let transaction = TxEnv::builder().kind(TxKind::Create).data(data).gas_limit(TRANSACTION_GAS_CAP);
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

    /// Calls a contract with encoded data, as [`Evm::call`].
    pub fn call_raw(&mut self, to: Address, data: Bytes) -> Result<Answer<Bytes>, EvmError> {
        self.raw_with_limit(to, data, TRANSACTION_GAS_CAP)
    }

    fn call_with_limit<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
        gas_limit: u64,
    ) -> Result<Answer<C::Return>, EvmError> {
        let data = Bytes::from(call.abi_encode());
        let Answer { value, gas, floor } = self.raw_with_limit(to, data, gas_limit)?;
        Ok(Answer { value: C::abi_decode_returns(&value)?, gas, floor })
    }

    fn raw_with_limit(
        &mut self,
        to: Address,
        data: Bytes,
        gas_limit: u64,
    ) -> Result<Answer<Bytes>, EvmError> {
        let transaction =
            TxEnv::builder().kind(TxKind::Call(to)).data(data).gas_limit(gas_limit).build_fill();
        let result = self.inner.transact(transaction).map_err(refused)?.result;
        let (gas, floor) = (result.tx_gas_used(), result.gas().floor_gas());
        Ok(Answer { value: succeeded(result)?, gas, floor })
    }
}

fn transaction(from: Address, to: Address, value: U256, data: Bytes) -> TxEnv {
    let builder = TxEnv::builder().caller(from).kind(TxKind::Call(to)).value(value).data(data);
    builder.gas_limit(TRANSACTION_GAS_CAP).build_fill()
}

fn logged(result: ExecutionResult) -> Result<(Answer<Bytes>, Vec<Log>), EvmError> {
    let (gas, floor, logs) = (result.tx_gas_used(), result.gas().floor_gas(), result.logs().to_vec());
    Ok((Answer { value: succeeded(result)?, gas, floor }, logs))
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
