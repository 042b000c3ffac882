//! The state while a block is made: what the store has, with the block's changes over it.

use super::records::{AccountRecord, slot_key};
use super::snapshot::Snapshot;
use crate::error::StoreError;
use alloy::consensus::constants::KECCAK_EMPTY;
use alloy::primitives::{Address, B256, Bytes, Keccak256, U256};
use revm::bytecode::Bytecode;
use revm::database_interface::{Database, DatabaseCommit, DatabaseRef};
use revm::primitives::AddressMap;
use revm::state::{Account, AccountInfo};
use std::collections::BTreeMap;

/// What a block changes. `None` is an account that is no more; a slot that became zero is zero.
#[derive(Debug, Default)]
pub struct Changes {
    pub accounts: BTreeMap<Address, Option<AccountRecord>>,
    pub storage: BTreeMap<(Address, U256), U256>,
    pub codes: BTreeMap<B256, Bytes>,
}

impl Changes {
    /// What the chain's headers carry as state root: a hash of the one before and of every change in order. It binds the
    /// state as a Merkle root does, but nothing can be proved against it.
    pub fn root_after(&self, before: B256) -> B256 {
        let mut hash = Keccak256::new();
        hash.update(before);
        hash.update((self.accounts.len() as u64).to_be_bytes());
        for (address, account) in &self.accounts {
            hash.update(address);
            let account =
                account.unwrap_or(AccountRecord { nonce: 0, balance: U256::ZERO, code_hash: B256::ZERO });
            hash.update(account.nonce.to_be_bytes());
            hash.update(account.balance.to_be_bytes::<32>());
            hash.update(account.code_hash);
        }
        for ((address, slot), value) in &self.storage {
            hash.update(slot_key(*address, *slot));
            hash.update(value.to_be_bytes::<32>());
        }
        hash.finalize()
    }
}

/// A snapshot of the store and the changes since: the database that the EVM sees.
pub struct Overlay<'a> {
    base: &'a Snapshot,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// No changes yet.
    pub fn over(base: &'a Snapshot) -> Self {
        Self { base, changes: Changes::default() }
    }

    /// The changes of everything that was committed to it.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn commit_account(&mut self, address: Address, account: Account) {
        let info = &account.info;
        // Only what was created in the same transaction can be destroyed (EIP-6780), so nothing of its storage was stored.
        let is_gone = account.is_selfdestructed() || account.is_empty();
        if is_gone {
            self.changes.accounts.insert(address, None);
            return;
        }
        let record = AccountRecord { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
        self.changes.accounts.insert(address, Some(record));
        if let Some(code) = info.code.as_ref().filter(|_| info.code_hash != KECCAK_EMPTY) {
            self.changes.codes.entry(info.code_hash).or_insert_with(|| code.original_bytes());
        }
        for (slot, value) in account.changed_storage_slots() {
            self.changes.storage.insert((address, *slot), value.present_value());
        }
    }
}

impl Database for Overlay<'_> {
    type Error = StoreError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StoreError> {
        match self.changes.accounts.get(&address) {
            Some(account) => Ok(account.map(info)),
            None => self.base.basic_ref(address),
        }
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StoreError> {
        match self.changes.codes.get(&code_hash) {
            Some(code) => Ok(Bytecode::new_raw(code.clone())),
            None => self.base.code_by_hash_ref(code_hash),
        }
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StoreError> {
        match self.changes.storage.get(&(address, slot)) {
            Some(value) => Ok(*value),
            None => self.base.storage_ref(address, slot),
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StoreError> {
        self.base.block_hash_ref(number)
    }
}

impl DatabaseCommit for Overlay<'_> {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if account.is_touched() {
                self.commit_account(address, account);
            }
        }
    }
}

/// An account as the EVM wants it; its code is fetched when it is needed.
pub fn info(record: AccountRecord) -> AccountInfo {
    AccountInfo {
        balance: record.balance,
        nonce: record.nonce,
        code_hash: record.code_hash,
        code: None,
        account_id: None,
    }
}
