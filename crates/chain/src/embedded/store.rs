//! The file that the chain lives in: a block is one transaction of redb, durable with one fsync, there or not there.

use super::block::{Block, Executed};
use super::genesis::Genesis;
use super::records::{
    ABOUT, ACCOUNTS, BODIES, BodyRecord, CODES, GENESIS, HASHES, HEADERS, LOGS, LogRecord, NUMBERS, RECEIPTS,
    STORAGE, TRANSACTIONS, encode, slot_key,
};
use super::snapshot::Snapshot;
use super::state::Changes;
use crate::error::{ChainError, StoreError};
use crate::limits;
use alloy::primitives::B256;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, WriteTransaction};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The file's handle; it can be open once.
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the chain in a file, or begins it there.
    pub fn open(path: &Path, genesis: &Genesis) -> Result<Self, ChainError> {
        if !path.exists() {
            create(path, genesis)?;
        }
        let store = Self { database: open(path)? };
        store.check_genesis(path, genesis)?;
        Ok(store)
    }

    fn check_genesis(&self, path: &Path, genesis: &Genesis) -> Result<(), ChainError> {
        let expected = genesis.digest();
        let about = self.database.begin_read()?.open_table(ABOUT)?;
        let found = about.get(GENESIS)?.map_or(B256::ZERO, |digest| B256::from(digest.value()));
        if found == expected {
            Ok(())
        } else {
            Err(ChainError::OtherGenesis { path: path.to_owned(), expected, found })
        }
    }

    /// The chain as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::of(&self.database)
    }

    /// Adds a block. When this returns, the block survives the process and the machine's power.
    pub fn append(&self, block: &Block) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        write_block(&transaction, block)?;
        transaction.commit()?;
        Ok(())
    }
}

fn open(path: &Path) -> Result<Database, ChainError> {
    let result = Database::builder().set_cache_size(limits::CACHE_BYTES).create(path);
    result.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => ChainError::OpenElsewhere(path.to_owned()),
        other => other.into(),
    })
}

/// Writes block 0 beside the file's place and links it there: a file that exists is a chain, and nobody replaces it.
fn create(path: &Path, genesis: &Genesis) -> Result<(), ChainError> {
    let file = |source| ChainError::File { path: path.to_owned(), source };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(file)?;
    let beside = beside(path);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(file(error)),
        _ => {}
    }
    write_genesis(&beside, genesis)?;
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside).map_err(file)?;
    match linked {
        // Somebody else began the chain meanwhile: that one counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked.and_then(|()| sync_folder(parent)).map_err(file),
    }
}

/// A name that nobody else uses: not another process, and not another thread of this one.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}.{count}.tmp", std::process::id()))
}

fn write_genesis(path: &Path, genesis: &Genesis) -> Result<(), ChainError> {
    let database = open(path)?;
    let transaction = database.begin_write()?;
    let digest = genesis.digest();
    transaction.open_table(ABOUT)?.insert(GENESIS, digest.0)?;
    let block = super::block::genesis(genesis.timestamp, genesis.changes(), digest);
    write_block(&transaction, &block)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn write_block(transaction: &WriteTransaction, block: &Block) -> Result<(), StoreError> {
    let (number, hash) = (block.header.number, block.header.hash());
    transaction.open_table(HEADERS)?.insert(number, encode(block.header.inner()).as_slice())?;
    transaction.open_table(HASHES)?.insert(number, hash.0)?;
    transaction.open_table(NUMBERS)?.insert(hash.0, number)?;
    write_transactions(transaction, number, &block.transactions)?;
    write_logs(transaction, number, &block.transactions)?;
    write_changes(transaction, &block.changes)
}

fn write_transactions(
    transaction: &WriteTransaction,
    number: u64,
    executed: &[Executed],
) -> Result<(), StoreError> {
    let mut bodies = transaction.open_table(BODIES)?;
    let mut receipts = transaction.open_table(RECEIPTS)?;
    let mut places = transaction.open_table(TRANSACTIONS)?;
    for (index, executed) in (0..).zip(executed) {
        let accepted = &executed.transaction;
        let body = BodyRecord { sender: accepted.sender, bytes: accepted.bytes.clone() };
        bodies.insert((number, index), encode(&body).as_slice())?;
        receipts.insert((number, index), encode(&executed.receipt).as_slice())?;
        places.insert(accepted.hash.0, (number, index))?;
    }
    Ok(())
}

fn write_logs(transaction: &WriteTransaction, number: u64, executed: &[Executed]) -> Result<(), StoreError> {
    let mut logs = transaction.open_table(LOGS)?;
    for (index, executed) in (0..).zip(executed) {
        for (position, log) in (executed.receipt.first_log..).zip(&executed.logs) {
            let record = LogRecord { transaction: index, log: log.clone() };
            logs.insert((number, position), encode(&record).as_slice())?;
        }
    }
    Ok(())
}

fn write_changes(transaction: &WriteTransaction, changes: &Changes) -> Result<(), StoreError> {
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    for (address, account) in &changes.accounts {
        match account {
            Some(account) => accounts.insert(address.0.0, encode(account).as_slice())?,
            None => accounts.remove(address.0.0)?,
        };
    }
    let mut storage = transaction.open_table(STORAGE)?;
    for ((address, slot), value) in &changes.storage {
        let key = slot_key(*address, *slot);
        if value.is_zero() {
            storage.remove(key)?;
        } else {
            storage.insert(key, value.to_be_bytes::<32>())?;
        }
    }
    let mut codes = transaction.open_table(CODES)?;
    for (hash, code) in &changes.codes {
        if codes.get(hash.0)?.is_none() {
            codes.insert(hash.0, code.as_ref())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two processes find no file at once and both begin a chain.
    #[test]
    fn whoever_begins_a_chain_second_opens_the_first_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let [first, second] =
            [1, 2].map(|timestamp| Genesis { timestamp, ..Genesis::funding(&[], 0).unwrap() });
        create(&path, &first).unwrap();
        create(&path, &second).unwrap();
        Store::open(&path, &first).unwrap();
        assert!(matches!(Store::open(&path, &second), Err(ChainError::OtherGenesis { .. })));
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["chain"], "nothing is left beside it");
    }

    #[test]
    fn many_who_begin_a_chain_at_once_have_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, genesis) = (folder.path().join("chain"), Genesis::funding(&[], 0).unwrap());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| create(&path, &genesis).unwrap());
            }
        });
        Store::open(&path, &genesis).unwrap();
    }
}
