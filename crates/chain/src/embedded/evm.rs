//! revm behind a few functions: Osaka's rules, as `edge/referee` uses them for its gas figures.

use super::block::{Accepted, BASE_FEE_WEI};
use alloy::consensus::{Header, Transaction};
use revm::context::either::Either;
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::database_interface::Database;
use revm::handler::MainnetContext;
use revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE;
use revm::primitives::hardfork::SpecId;
use revm::primitives::{B256, U256};
use revm::{MainBuilder, MainContext, MainnetEvm};

/// The rules of the chain.
pub const RULES: SpecId = SpecId::OSAKA;

/// An EVM over a database in a block; no transaction may use more than `gas_cap`.
pub fn evm<D: Database>(
    database: D,
    chain_id: u64,
    block: BlockEnv,
    gas_cap: u64,
) -> MainnetEvm<MainnetContext<D>> {
    configured(database, chain_id, block, gas_cap, false)
}

/// An EVM that runs calls that nobody signed: the caller may be a contract and pays nothing.
pub fn unsigned<D: Database>(
    database: D,
    chain_id: u64,
    block: BlockEnv,
    gas_cap: u64,
) -> MainnetEvm<MainnetContext<D>> {
    configured(database, chain_id, block, gas_cap, true)
}

fn configured<D: Database>(
    database: D,
    chain_id: u64,
    block: BlockEnv,
    gas_cap: u64,
    is_unsigned: bool,
) -> MainnetEvm<MainnetContext<D>> {
    let context = Context::mainnet().with_db(database).modify_cfg_chained(|cfg| {
        *cfg = CfgEnv::new_with_spec(RULES);
        cfg.chain_id = chain_id;
        cfg.tx_gas_limit_cap = Some(gas_cap);
        cfg.disable_nonce_check = is_unsigned;
        cfg.disable_base_fee = is_unsigned;
        cfg.disable_eip3607 = is_unsigned;
    });
    context.with_block(block).build_mainnet()
}

/// What code sees of a block.
pub fn environment(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: BASE_FEE_WEI,
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE)),
        slot_num: 0,
    }
}

/// A signed transaction as the EVM takes it.
pub fn transaction_environment(accepted: &Accepted) -> TxEnv {
    let transaction = &accepted.envelope;
    let authorizations = transaction.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: transaction.tx_type().into(),
        caller: accepted.sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: Vec::<B256>::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
