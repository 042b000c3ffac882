//! What the store keeps: one table a kind, one RLP record an entry.
//!
//! ```text
//! headers      number                -> header            transactions  hash             -> (block, index)
//! hashes       number                -> block hash        accounts      address          -> nonce, balance, code hash
//! numbers      block hash            -> number            storage       address ‖ slot   -> value (zero: no entry)
//! bodies       (block, index)        -> sender, bytes     codes         code hash        -> code
//! receipts     (block, index)        -> receipt           logs          (block, index)   -> log
//! about        "genesis"             -> digest
//! ```

use crate::error::StoreError;
use alloy::primitives::{Address, B256, Bytes, Log, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use redb::TableDefinition;

/// A transaction's or a log's place: its block and its index there.
pub type Place = (u64, u32);

pub const ABOUT: TableDefinition<&str, [u8; 32]> = TableDefinition::new("about");
pub const HEADERS: TableDefinition<u64, &[u8]> = TableDefinition::new("headers");
pub const HASHES: TableDefinition<u64, [u8; 32]> = TableDefinition::new("hashes");
pub const NUMBERS: TableDefinition<[u8; 32], u64> = TableDefinition::new("numbers");
pub const BODIES: TableDefinition<Place, &[u8]> = TableDefinition::new("bodies");
pub const RECEIPTS: TableDefinition<Place, &[u8]> = TableDefinition::new("receipts");
pub const LOGS: TableDefinition<Place, &[u8]> = TableDefinition::new("logs");
pub const TRANSACTIONS: TableDefinition<[u8; 32], Place> = TableDefinition::new("transactions");
pub const ACCOUNTS: TableDefinition<[u8; 20], &[u8]> = TableDefinition::new("accounts");
pub const STORAGE: TableDefinition<[u8; 52], [u8; 32]> = TableDefinition::new("storage");
pub const CODES: TableDefinition<[u8; 32], &[u8]> = TableDefinition::new("codes");

/// The entry of `about` that names the genesis.
pub const GENESIS: &str = "genesis";

/// An account of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AccountRecord {
    pub nonce: u64,
    pub balance: U256,
    pub code_hash: B256,
}

/// A transaction of a block: who sent it, and its EIP-2718 bytes.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BodyRecord {
    pub sender: Address,
    pub bytes: Bytes,
}

/// What a transaction did; its logs are in their own table, from `first_log` on.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ReceiptRecord {
    pub success: bool,
    pub gas_used: u64,
    pub cumulative_gas_used: u64,
    pub first_log: u32,
    pub logs: u32,
}

/// A log with the index of its transaction.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct LogRecord {
    pub transaction: u32,
    pub log: Log,
}

/// The key of a slot of storage.
pub fn slot_key(address: Address, slot: U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

/// A record's bytes.
pub fn encode(record: &impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(record)
}

/// The record of these bytes, all of them.
pub fn decode<T: Decodable>(table: &'static str, mut bytes: &[u8]) -> Result<T, StoreError> {
    let record =
        T::decode(&mut bytes).map_err(|error| StoreError::Entry { table, detail: error.to_string() })?;
    if bytes.is_empty() {
        Ok(record)
    } else {
        Err(StoreError::Entry { table, detail: format!("{} bytes are left over", bytes.len()) })
    }
}

/// See `testing::records`.
#[cfg(feature = "testing")]
pub fn check(bytes: &[u8]) {
    fn one<T: Decodable + Encodable>(bytes: &[u8]) {
        if let Ok(record) = decode::<T>("a table", bytes) {
            assert!(encode(&record) == bytes, "a record has two encodings");
        }
    }
    one::<AccountRecord>(bytes);
    one::<BodyRecord>(bytes);
    one::<ReceiptRecord>(bytes);
    one::<LogRecord>(bytes);
}
