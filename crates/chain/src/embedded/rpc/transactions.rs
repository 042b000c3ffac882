//! Methods about transactions.

use super::answer::{RpcError, RpcResult, raw};
use super::blocks::header_of;
use super::parameters::Parameters;
use crate::embedded::records::{BodyRecord, LogRecord, Place, ReceiptRecord};
use crate::embedded::snapshot::Snapshot;
use crate::embedded::{BASE_FEE_WEI, Chain, Submitted};
use crate::error::StoreError;
use alloy::consensus::transaction::Recovered;
use alloy::consensus::{
    Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Sealed, Transaction as _, TxEnvelope,
};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::{B256, Bloom, Bytes};
use alloy::rpc::types::{Log, Transaction, TransactionReceipt};

pub fn send_raw(chain: &Chain, parameters: &Parameters) -> Result<Submitted, RpcError> {
    let bytes: Bytes = parameters.required(0, "transaction")?;
    Ok(chain.begin_submit(bytes)?)
}

pub fn transaction(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let snapshot = chain.snapshot()?;
    let Some(place) = snapshot.place(parameters.required(0, "hash")?)? else { return raw(&()) };
    let (header, body) = (header(&snapshot, place.0)?, body(&snapshot, place)?);
    raw(&rpc_transaction(&header, place.1, body)?)
}

pub fn receipt(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let snapshot = chain.snapshot()?;
    let Some(place) = snapshot.place(parameters.required(0, "hash")?)? else { return raw(&()) };
    let header = header(&snapshot, place.0)?;
    let missing = || StoreError::Missing { table: "receipts", key: format!("{place:?}") };
    let record = snapshot.receipt(place)?.ok_or_else(missing)?;
    raw(&rpc_receipt(&snapshot, &header, place.1, &record)?)
}

pub fn block_receipts(chain: &Chain, parameters: &Parameters) -> RpcResult {
    let snapshot = chain.snapshot()?;
    let Some(header) = header_of(&snapshot, parameters.required(0, "block")?)? else { return raw(&()) };
    let records = snapshot.receipts(header.number)?;
    let receipts = (0..).zip(&records).map(|(index, record)| rpc_receipt(&snapshot, &header, index, record));
    raw(&receipts.collect::<Result<Vec<_>, StoreError>>()?)
}

fn header(snapshot: &Snapshot, number: u64) -> Result<Sealed<Header>, StoreError> {
    let missing = || StoreError::Missing { table: "headers", key: number.to_string() };
    snapshot.header(number)?.ok_or_else(missing)
}

fn body(snapshot: &Snapshot, place: Place) -> Result<BodyRecord, StoreError> {
    let missing = || StoreError::Missing { table: "bodies", key: format!("{place:?}") };
    snapshot.body(place)?.ok_or_else(missing)
}

fn envelope(body: &BodyRecord) -> Result<TxEnvelope, StoreError> {
    TxEnvelope::decode_2718_exact(&body.bytes)
        .map_err(|error| StoreError::Entry { table: "bodies", detail: error.to_string() })
}

/// A transaction as clients see it.
pub fn rpc_transaction(
    header: &Sealed<Header>,
    index: u32,
    body: BodyRecord,
) -> Result<Transaction, StoreError> {
    let envelope = envelope(&body)?;
    Ok(Transaction {
        effective_gas_price: Some(envelope.effective_gas_price(Some(BASE_FEE_WEI))),
        inner: Recovered::new_unchecked(envelope, body.sender),
        block_hash: Some(header.hash()),
        block_number: Some(header.number),
        transaction_index: Some(index.into()),
        block_timestamp: Some(header.timestamp),
    })
}

/// A log as clients see it.
pub fn rpc_log(header: &Sealed<Header>, transaction: B256, position: u32, record: LogRecord) -> Log {
    Log {
        inner: record.log,
        block_hash: Some(header.hash()),
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_hash: Some(transaction),
        transaction_index: Some(record.transaction.into()),
        log_index: Some(position.into()),
        removed: false,
    }
}

fn rpc_receipt(
    snapshot: &Snapshot,
    header: &Sealed<Header>,
    index: u32,
    record: &ReceiptRecord,
) -> Result<TransactionReceipt, StoreError> {
    let body = body(snapshot, (header.number, index))?;
    let envelope = envelope(&body)?;
    let hash = *envelope.tx_hash();
    let logs = logs_of(snapshot, header, hash, record)?;
    let bloom = logs.iter().map(|log| &log.inner).collect::<Bloom>();
    let receipt =
        Receipt { status: record.success.into(), cumulative_gas_used: record.cumulative_gas_used, logs };
    let inner =
        ReceiptEnvelope::from_typed(envelope.tx_type(), ReceiptWithBloom { receipt, logs_bloom: bloom });
    let is_creation = envelope.kind().is_create() && record.success;
    Ok(TransactionReceipt {
        inner,
        transaction_hash: hash,
        transaction_index: Some(index.into()),
        block_hash: Some(header.hash()),
        block_number: Some(header.number),
        gas_used: record.gas_used,
        effective_gas_price: envelope.effective_gas_price(Some(BASE_FEE_WEI)),
        blob_gas_used: None,
        blob_gas_price: None,
        from: body.sender,
        to: envelope.to(),
        contract_address: is_creation.then(|| body.sender.create(envelope.nonce())),
    })
}

fn logs_of(
    snapshot: &Snapshot,
    header: &Sealed<Header>,
    transaction: B256,
    record: &ReceiptRecord,
) -> Result<Vec<Log>, StoreError> {
    let Some(last) = record.logs.checked_sub(1) else { return Ok(Vec::new()) };
    let (from, to) = ((header.number, record.first_log), (header.number, record.first_log + last));
    let logs = snapshot.logs(from, to, usize::MAX)?;
    Ok(logs.into_iter().map(|(place, log)| rpc_log(header, transaction, place.1, log)).collect())
}
