//! Making a block: transactions run one after another on the EVM over a snapshot.

use super::evm::{environment, evm, transaction_environment};
use super::records::ReceiptRecord;
use super::snapshot::Snapshot;
use super::state::{Changes, Overlay};
use crate::error::{Refusal, StoreError};
use crate::limits;
use alloy::consensus::constants::EMPTY_WITHDRAWALS;
use alloy::consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy::consensus::{
    EMPTY_OMMER_ROOT_HASH, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Sealable, Sealed, Transaction,
    TxEnvelope,
};
use alloy::eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy::primitives::{Address, B64, B256, Bloom, Bytes, Log, U256, keccak256};
use revm::ExecuteCommitEvm;
use revm::context::result::{EVMError, InvalidTransaction};
use std::sync::Arc;

/// What every unit of gas costs at least, and what of it is burnt. It is constant: a block is written when there is something
/// to write, so full blocks say nothing about demand.
pub const BASE_FEE_WEI: u64 = 1_000_000_000;

/// Who gets what is paid above the base fee.
pub const BENEFICIARY: Address = Address::with_last_byte(0xfe);

/// A signed transaction that passed every check that needs no state.
#[derive(Debug)]
pub struct Accepted {
    pub hash: B256,
    pub sender: Address,
    pub bytes: Bytes,
    pub envelope: TxEnvelope,
}

/// A transaction that ran.
pub struct Executed {
    pub transaction: Arc<Accepted>,
    pub receipt: ReceiptRecord,
    pub logs: Vec<Log>,
}

/// A block that is ready to be written.
pub struct Block {
    pub header: Sealed<Header>,
    pub transactions: Vec<Executed>,
    pub changes: Changes,
}

/// What became of the candidates.
pub struct Outcome {
    pub block: Block,
    /// Those that cannot run; nothing of them is in the block.
    pub refused: Vec<(Arc<Accepted>, Refusal)>,
    /// Those behind one that was refused: they can run when another takes its nonce.
    pub orphaned: Vec<Arc<Accepted>>,
    /// Those for which the block has no room, in order.
    pub left: Vec<Arc<Accepted>>,
}

/// The block after `parent` at `timestamp` that runs the candidates in order.
pub fn make(
    snapshot: &Snapshot,
    parent: &Sealed<Header>,
    chain_id: u64,
    timestamp: u64,
    candidates: Vec<Arc<Accepted>>,
) -> Result<Outcome, StoreError> {
    let header = after(parent, timestamp);
    let mut evm = evm(Overlay::over(snapshot), chain_id, environment(&header), limits::TRANSACTION_GAS);
    let (mut executed, mut refused, mut orphaned, mut left) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut gas_used, mut first_log) = (0, 0);
    for transaction in candidates {
        if gas_used + transaction.envelope.gas_limit() > limits::BLOCK_GAS || !left.is_empty() {
            left.push(transaction);
            continue;
        }
        let result = match evm.transact_commit(transaction_environment(&transaction)) {
            Ok(result) => result,
            Err(error) => {
                match refusal(error)? {
                    Refusal::NonceTooHigh { .. } => orphaned.push(transaction),
                    refusal => refused.push((transaction, refusal)),
                }
                continue;
            }
        };
        gas_used += result.tx_gas_used();
        let (success, used) = (result.is_success(), result.tx_gas_used());
        let logs = result.into_logs();
        let count = u32::try_from(logs.len()).expect("a log costs gas");
        let receipt =
            ReceiptRecord { success, gas_used: used, cumulative_gas_used: gas_used, first_log, logs: count };
        first_log += count;
        executed.push(Executed { transaction, receipt, logs });
    }
    let changes = evm.ctx.journaled_state.database.take_changes();
    let header = complete(header, parent, &executed, gas_used, &changes);
    Ok(Outcome { block: Block { header, transactions: executed, changes }, refused, orphaned, left })
}

/// Block 0.
pub fn genesis(timestamp: u64, changes: Changes, digest: B256) -> Block {
    let nothing = Header { parent_hash: digest, ..Header::default() }.seal_unchecked(digest);
    let header = Header { number: 0, ..after(&nothing, timestamp) };
    let header = complete(header, &nothing, &[], 0, &changes);
    Block { header, transactions: Vec::new(), changes }
}

/// A header as far as it is known before anything runs.
fn after(parent: &Sealed<Header>, timestamp: u64) -> Header {
    Header {
        parent_hash: parent.hash(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: BENEFICIARY,
        difficulty: U256::ZERO,
        number: parent.number + 1,
        gas_limit: limits::BLOCK_GAS,
        timestamp: timestamp.max(parent.timestamp),
        // Known as soon as the parent is: on a chain of one machine nobody is kept from knowing it.
        mix_hash: keccak256(parent.hash()),
        nonce: B64::ZERO,
        base_fee_per_gas: Some(BASE_FEE_WEI),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// The header of the block that would come next, for calls that look at it.
pub fn pending(parent: &Sealed<Header>, timestamp: u64) -> Header {
    after(parent, timestamp)
}

fn complete(
    header: Header,
    parent: &Sealed<Header>,
    executed: &[Executed],
    gas_used: u64,
    changes: &Changes,
) -> Sealed<Header> {
    let envelopes: Vec<&TxEnvelope> =
        executed.iter().map(|executed| &executed.transaction.envelope).collect();
    let receipts: Vec<ReceiptEnvelope> = executed.iter().map(consensus_receipt).collect();
    let logs_bloom = executed.iter().flat_map(|executed| &executed.logs).collect::<Bloom>();
    let header = Header {
        state_root: changes.root_after(parent.state_root),
        transactions_root: calculate_transaction_root(&envelopes),
        receipts_root: calculate_receipt_root(&receipts),
        logs_bloom,
        gas_used,
        ..header
    };
    header.seal_slow()
}

fn consensus_receipt(executed: &Executed) -> ReceiptEnvelope {
    let receipt = Receipt {
        status: executed.receipt.success.into(),
        cumulative_gas_used: executed.receipt.cumulative_gas_used,
        logs: executed.logs.clone(),
    };
    ReceiptEnvelope::from_typed(executed.transaction.envelope.tx_type(), ReceiptWithBloom::from(receipt))
}

/// Why the EVM would not run a transaction; a failure of the store is not the transaction's.
fn refusal(error: EVMError<StoreError>) -> Result<Refusal, StoreError> {
    match error {
        EVMError::Database(error) => Err(error),
        EVMError::Transaction(InvalidTransaction::NonceTooLow { tx, state }) => {
            Ok(Refusal::NonceTooLow { next: state, found: tx })
        }
        EVMError::Transaction(InvalidTransaction::NonceTooHigh { tx, state }) => {
            Ok(Refusal::NonceTooHigh { next: state, found: tx })
        }
        EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { fee, balance }) => {
            Ok(Refusal::Invalid(format!(
                "insufficient funds for gas * price + value: needs {fee} wei, has {balance}"
            )))
        }
        other => Ok(Refusal::Invalid(other.to_string())),
    }
}
