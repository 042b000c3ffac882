//! The store at one block: what readers see, whatever is written meanwhile.

use super::records::{
    ACCOUNTS, AccountRecord, BODIES, BodyRecord, CODES, HASHES, HEADERS, LOGS, LogRecord, NUMBERS, Place,
    RECEIPTS, ReceiptRecord, STORAGE, TRANSACTIONS, decode, slot_key,
};
use super::state::info;
use crate::error::StoreError;
use alloy::consensus::constants::KECCAK_EMPTY;
use alloy::consensus::{Header, Sealable, Sealed};
use alloy::primitives::{Address, B256, Bytes, U256};
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value};
use revm::bytecode::Bytecode;
use revm::database_interface::DatabaseRef;
use revm::state::AccountInfo;

/// The chain as it was when the last block before this snapshot was durable.
pub struct Snapshot {
    transaction: ReadTransaction,
    accounts: ReadOnlyTable<[u8; 20], &'static [u8]>,
    storage: ReadOnlyTable<[u8; 52], [u8; 32]>,
    codes: ReadOnlyTable<[u8; 32], &'static [u8]>,
    hashes: ReadOnlyTable<u64, [u8; 32]>,
}

impl Snapshot {
    /// The store now.
    pub fn of(database: &redb::Database) -> Result<Self, StoreError> {
        let transaction = database.begin_read()?;
        Ok(Self {
            accounts: transaction.open_table(ACCOUNTS)?,
            storage: transaction.open_table(STORAGE)?,
            codes: transaction.open_table(CODES)?,
            hashes: transaction.open_table(HASHES)?,
            transaction,
        })
    }

    /// The last block's header.
    pub fn head(&self) -> Result<Sealed<Header>, StoreError> {
        let headers = self.table(HEADERS)?;
        let (_, bytes) = headers
            .last()?
            .ok_or(StoreError::Missing { table: "headers", key: "the last block".to_owned() })?;
        let header: Header = decode("headers", bytes.value())?;
        self.seal(header)
    }

    /// The header of a block.
    pub fn header(&self, number: u64) -> Result<Option<Sealed<Header>>, StoreError> {
        let header = self.table(HEADERS)?.get(number)?;
        let header = header.map(|bytes| decode::<Header>("headers", bytes.value())).transpose()?;
        header.map(|header| self.seal(header)).transpose()
    }

    fn seal(&self, header: Header) -> Result<Sealed<Header>, StoreError> {
        let hash = self.block_hash_ref(header.number)?;
        Ok(header.seal_unchecked(hash))
    }

    /// The number of the block with this hash.
    pub fn number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        Ok(self.table(NUMBERS)?.get(hash.0)?.map(|number| number.value()))
    }

    /// Where a transaction is.
    pub fn place(&self, transaction: B256) -> Result<Option<Place>, StoreError> {
        Ok(self.table(TRANSACTIONS)?.get(transaction.0)?.map(|place| place.value()))
    }

    /// A transaction.
    pub fn body(&self, place: Place) -> Result<Option<BodyRecord>, StoreError> {
        let body = self.table(BODIES)?.get(place)?;
        body.map(|bytes| decode("bodies", bytes.value())).transpose()
    }

    /// The transactions of a block in order.
    pub fn bodies(&self, block: u64) -> Result<Vec<BodyRecord>, StoreError> {
        let range = self.table(BODIES)?.range((block, 0)..=(block, u32::MAX))?;
        range.map(|entry| decode("bodies", entry?.1.value())).collect()
    }

    /// What a transaction did.
    pub fn receipt(&self, place: Place) -> Result<Option<ReceiptRecord>, StoreError> {
        let receipt = self.table(RECEIPTS)?.get(place)?;
        receipt.map(|bytes| decode("receipts", bytes.value())).transpose()
    }

    /// The receipts of a block in order.
    pub fn receipts(&self, block: u64) -> Result<Vec<ReceiptRecord>, StoreError> {
        let range = self.table(RECEIPTS)?.range((block, 0)..=(block, u32::MAX))?;
        range.map(|entry| decode("receipts", entry?.1.value())).collect()
    }

    /// Logs in order of block and index; at most `limit` of them.
    pub fn logs(&self, from: Place, to: Place, limit: usize) -> Result<Vec<(Place, LogRecord)>, StoreError> {
        let range = self.table(LOGS)?.range(from..=to)?;
        let logs = range.take(limit).map(|entry| {
            let (place, bytes) = entry?;
            Ok((place.value(), decode("logs", bytes.value())?))
        });
        logs.collect()
    }

    /// An account, if it has anything.
    pub fn account(&self, address: Address) -> Result<Option<AccountRecord>, StoreError> {
        let account = self.accounts.get(address.0.0)?;
        account.map(|bytes| decode("accounts", bytes.value())).transpose()
    }

    /// An account's next nonce.
    pub fn nonce(&self, address: Address) -> Result<u64, StoreError> {
        Ok(self.account(address)?.map_or(0, |account| account.nonce))
    }

    /// The code at an address.
    pub fn code(&self, address: Address) -> Result<Bytes, StoreError> {
        match self.account(address)? {
            Some(account) if account.code_hash != KECCAK_EMPTY => self.code_of(account.code_hash),
            _ => Ok(Bytes::new()),
        }
    }

    fn code_of(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        let code = self.codes.get(code_hash.0)?;
        let code = code.ok_or_else(|| StoreError::Missing { table: "codes", key: code_hash.to_string() })?;
        Ok(Bytes::copy_from_slice(code.value()))
    }

    /// Wei of all accounts together.
    pub fn wei_of_all(&self) -> Result<U256, StoreError> {
        self.accounts.iter()?.try_fold(U256::ZERO, |sum, entry| {
            let account: AccountRecord = decode("accounts", entry?.1.value())?;
            Ok(sum + account.balance)
        })
    }

    fn table<K: Key, V: Value>(
        &self,
        definition: TableDefinition<K, V>,
    ) -> Result<ReadOnlyTable<K, V>, StoreError> {
        Ok(self.transaction.open_table(definition)?)
    }
}

impl DatabaseRef for Snapshot {
    type Error = StoreError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StoreError> {
        Ok(self.account(address)?.map(info))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StoreError> {
        Ok(Bytecode::new_raw(self.code_of(code_hash)?))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let value = self.storage.get(slot_key(address, slot))?;
        Ok(value.map_or(U256::ZERO, |value| U256::from_be_bytes(value.value())))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StoreError> {
        Ok(self.hashes.get(number)?.map_or(B256::ZERO, |hash| B256::from(hash.value())))
    }
}
