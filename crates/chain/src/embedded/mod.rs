//! A chain on this machine: the EVM's rules over one file, a block whenever there is something to write.
//!
//! What is promised, and why it holds:
//! - **Acknowledged means durable.** A transaction is acknowledged after the redb commit of its block, which ends with an
//!   fsync. A torn block cannot exist: redb switches from one root to the next in one write that it checksums.
//! - **One writer.** One thread makes blocks; readers see a snapshot of some whole block. There are no forks and no reorgs.
//! - **Time never falls.** A block's timestamp is the clock's, or its parent's if the clock went back. Several blocks may
//!   share a second, as on rollups.
//! - **Bounded.** Every queue, message and wait has its bound in [`limits`](crate::limits).
//!
//! It keeps the latest state only: calls and balances of older blocks are refused, blocks, receipts and logs are kept for ever.

mod admission;
mod block;
mod clock;
pub(crate) mod evm;
mod genesis;
mod pool;
mod records;
mod rpc;
mod snapshot;
mod state;
mod store;
mod writer;

pub use block::{BASE_FEE_WEI, BENEFICIARY};
pub use clock::{Clock, ManualClock, PacedClock, SystemClock};
pub use genesis::{DEPLOYER, Genesis};
#[cfg(feature = "testing")]
pub(crate) use records::check as check_records;
#[cfg(feature = "testing")]
pub(crate) use rpc::Rpc;
pub use rpc::{InProcess, Server};

use crate::error::{ChainError, Refusal, StoreError};
use crate::limits;
use alloy::primitives::{Address, B256, Bytes, U256};
use pool::Waiter;
use snapshot::Snapshot;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Store;
use writer::Queue;

/// How a chain behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How long the chain may go without a block; `None` waits for transactions for ever. Contracts that count blocks or
    /// read the time need blocks when nobody sends anything.
    pub empty_blocks: Option<Duration>,
    /// Lets anybody who reaches the chain move its clock ahead (`evm_increaseTime`, `evm_mine`). For development only.
    pub development_clock: bool,
}

/// The embedded chain. Clones are handles to the same chain; the last one closes it.
#[derive(Clone)]
pub struct Chain(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer and the readers share.
struct Shared {
    store: Store,
    chain_id: u64,
    options: Options,
    clock: Box<dyn Clock>,
    /// Seconds that the chain is ahead of its clock.
    ahead: AtomicU64,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

/// Where the chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last block's number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its time in seconds since the Unix epoch.
    pub timestamp: u64,
}

impl Chain {
    /// Opens the chain in the file `path`, or begins it there with `genesis`.
    pub fn open(path: impl AsRef<Path>, genesis: &Genesis, options: Options) -> Result<Self, ChainError> {
        Self::open_with_clock(path, genesis, options, SystemClock)
    }

    /// Opens the chain with another clock than the machine's.
    pub fn open_with_clock(
        path: impl AsRef<Path>,
        genesis: &Genesis,
        options: Options,
        clock: impl Clock,
    ) -> Result<Self, ChainError> {
        let store = Store::open(path.as_ref(), genesis)?;
        let head = store.snapshot()?.head()?;
        // A development clock that was moved ahead goes on from there.
        let ahead = match options.development_clock {
            true => head.timestamp.saturating_sub(clock.unix_seconds()),
            false => 0,
        };
        let shared = Arc::new(Shared {
            store,
            chain_id: genesis.chain_id,
            options,
            clock: Box::new(clock),
            ahead: AtomicU64::new(ahead),
            queue: Mutex::default(),
            arrived: Condvar::new(),
        });
        let for_writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("samebit-chain".to_owned());
        let writer = thread
            .spawn(move || writer::run(&for_writer, head))
            .map_err(|source| ChainError::File { path: path.as_ref().to_owned(), source })?;
        Ok(Self(Arc::new(Handle { shared, writer: Some(writer) })))
    }

    /// The number that signatures are bound to.
    pub fn chain_id(&self) -> u64 {
        self.0.shared.chain_id
    }

    /// How it was opened.
    pub fn options(&self) -> Options {
        self.0.shared.options
    }

    /// The last durable block.
    pub fn head(&self) -> Result<Head, ChainError> {
        let head = self.snapshot()?.head()?;
        Ok(Head { number: head.number, hash: head.hash(), timestamp: head.timestamp })
    }

    /// The time that a block made now would carry, if the last block's is not later.
    pub fn now(&self) -> u64 {
        self.0.shared.now()
    }

    /// Submits a signed transaction (EIP-2718 bytes) and returns its hash when its block is durable. Submitting it again is
    /// harmless: it is acknowledged again.
    pub async fn submit(&self, transaction: impl Into<Bytes>) -> Result<B256, ChainError> {
        let submitted = self.begin_submit(transaction.into())?;
        submitted.durable().await
    }

    /// Submits a transaction without waiting for its block.
    pub(crate) fn begin_submit(&self, transaction: Bytes) -> Result<Submitted, ChainError> {
        let shared = &self.0.shared;
        let accepted = admission::accept(transaction, shared.chain_id)?;
        let hash = accepted.hash;
        let mut queue = shared.lock();
        if let Some(why) = &queue.failure {
            return Err(Refusal::Stopped(why.clone()).into());
        }
        let snapshot = self.snapshot()?;
        if snapshot.place(hash)?.is_some() {
            return Ok(Submitted { hash, waiter: None });
        }
        let account = snapshot.account(accepted.sender)?;
        let (stored, balance) = account.map_or((0, U256::ZERO), |account| (account.nonce, account.balance));
        let waiter = queue.pool.submit(accepted, stored, balance, Instant::now())?;
        shared.arrived.notify_one();
        Ok(Submitted { hash, waiter: Some(waiter) })
    }

    /// Makes a block, empty if nothing waits, and returns its number when it is durable.
    pub async fn mine(&self) -> Result<u64, ChainError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        {
            let mut queue = self.0.shared.lock();
            if let Some(why) = &queue.failure {
                return Err(Refusal::Stopped(why.clone()).into());
            }
            if queue.wanted.len() >= limits::POOL_TRANSACTIONS {
                return Err(Refusal::PoolFull(queue.wanted.len()).into());
            }
            queue.wanted.push(sender);
            self.0.shared.arrived.notify_one();
        }
        let stopped = |_| Refusal::Stopped("no block was made".to_owned());
        Ok(receiver.await.map_err(stopped)?)
    }

    /// Moves a development chain's clock ahead and returns how far it is ahead of the real one by then, in seconds.
    pub fn advance_clock(&self, seconds: u64) -> Result<u64, ChainError> {
        let shared = &self.0.shared;
        if !shared.options.development_clock {
            return Err(ChainError::ClockIsReal);
        }
        if seconds > limits::CLOCK_STEP_SECONDS {
            return Err(ChainError::ClockStep(seconds));
        }
        Ok(shared.ahead.fetch_add(seconds, Ordering::Relaxed) + seconds)
    }

    /// Wei of an account in the latest state.
    pub fn balance(&self, account: Address) -> Result<U256, ChainError> {
        Ok(self.snapshot()?.account(account)?.map_or(U256::ZERO, |account| account.balance))
    }

    /// The next nonce of an account in the latest state.
    pub fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        Ok(self.snapshot()?.nonce(account)?)
    }

    /// The next nonce of an account after everything that waits to be written.
    pub fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        let queue = self.0.shared.lock();
        let stored = self.snapshot()?.nonce(account)?;
        Ok(queue.pool.next_nonce(account, stored))
    }

    /// Wei of all accounts. It never grows; what falls is the base fee of all gas, which is burnt.
    pub fn wei_of_all(&self) -> Result<U256, ChainError> {
        Ok(self.snapshot()?.wei_of_all()?)
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.0.shared.store.snapshot()
    }
}

/// A transaction under way.
pub(crate) struct Submitted {
    hash: B256,
    /// `None` if it is durable already.
    waiter: Option<Waiter>,
}

impl Submitted {
    /// Waits until the transaction is durable and returns its hash.
    pub(crate) async fn durable(self) -> Result<B256, ChainError> {
        if let Some(waiter) = self.waiter {
            let stopped = |_| Refusal::Stopped("the transaction was not written".to_owned());
            waiter.await.map_err(stopped)??;
        }
        Ok(self.hash)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nobody panics with the queue")
    }

    fn now(&self) -> u64 {
        self.clock.unix_seconds().saturating_add(self.ahead.load(Ordering::Relaxed))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.arrived.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so; the store is whole either way.
            let _ = writer.join();
        }
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chain").field("chain_id", &self.chain_id()).finish_non_exhaustive()
    }
}
