//! The one thread that makes blocks. What arrives while a block is being written goes into the next one (group commit), so
//! the disk's latency, not the number of senders, sets the pace.

use super::Shared;
use super::block::{self, Accepted, Block, Outcome};
use super::pool::Pool;
use crate::error::StoreError;
use alloy::consensus::{Header, Sealed};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;
use tokio::sync::oneshot;

/// What the writer is asked for.
#[derive(Default)]
pub struct Queue {
    pub pool: Pool,
    /// Those who wait for a block whether or not there is something to write.
    pub wanted: Vec<oneshot::Sender<u64>>,
    pub is_closed: bool,
    /// Why there will be no more blocks.
    pub failure: Option<String>,
}

/// What the next block is for.
struct Work {
    candidates: Vec<Arc<Accepted>>,
    /// Those who wait for the block itself.
    wanted: Vec<oneshot::Sender<u64>>,
}

/// Makes blocks until the chain is closed or its store fails.
pub fn run(shared: &Shared, mut head: Sealed<Header>) {
    let _on_panic = OnPanic(shared);
    let mut last_block = Instant::now();
    while let Some(Work { candidates, wanted }) = next_work(shared, last_block) {
        last_block = Instant::now();
        match write(shared, &head, candidates, !wanted.is_empty() || shared.options.empty_blocks.is_some()) {
            Ok(Some(header)) => head = header,
            Ok(None) => {}
            Err(error) => return fail(shared, &error.to_string()),
        }
        for waiter in wanted {
            // Who does not wait any more need not be told.
            let _ = waiter.send(head.number);
        }
    }
}

/// Waits until there is something to write; `None` when the chain is closed.
fn next_work(shared: &Shared, last_block: Instant) -> Option<Work> {
    let mut queue = shared.lock();
    loop {
        let now = Instant::now();
        queue.pool.expire(now);
        if queue.is_closed {
            queue.pool.refuse_all("it was closed");
            return None;
        }
        let due = shared.options.empty_blocks.map(|interval| last_block + interval);
        let is_due = due.is_some_and(|due| due <= now);
        if queue.pool.is_ready() || !queue.wanted.is_empty() || is_due {
            return Some(Work {
                candidates: queue.pool.take_ready(),
                wanted: std::mem::take(&mut queue.wanted),
            });
        }
        let until = due.into_iter().chain(queue.pool.next_expiry()).min();
        queue = wait(shared, queue, until);
    }
}

fn wait<'a>(
    shared: &'a Shared,
    queue: MutexGuard<'a, Queue>,
    until: Option<Instant>,
) -> MutexGuard<'a, Queue> {
    const POISONED: &str = "nobody panics with the queue";
    match until {
        Some(until) => {
            let left = until.saturating_duration_since(Instant::now());
            shared.arrived.wait_timeout(queue, left).expect(POISONED).0
        }
        None => shared.arrived.wait(queue).expect(POISONED),
    }
}

/// Writes one block and tells everyone whose transaction is in it; `None` if there was nothing to write.
fn write(
    shared: &Shared,
    head: &Sealed<Header>,
    candidates: Vec<Arc<Accepted>>,
    may_be_empty: bool,
) -> Result<Option<Sealed<Header>>, StoreError> {
    let snapshot = shared.store.snapshot()?;
    let Outcome { block, refused, orphaned, left } =
        block::make(&snapshot, head, shared.chain_id, shared.now(), candidates)?;
    drop(snapshot);
    let is_written = may_be_empty || !block.transactions.is_empty();
    if is_written {
        shared.store.append(&block)?;
    }
    let mut queue = shared.lock();
    queue.pool.put_back(left);
    queue.pool.refuse(refused, orphaned, Instant::now());
    let Block { header, transactions, .. } = block;
    for executed in transactions {
        queue.pool.acknowledge(&executed.transaction);
    }
    Ok(is_written.then_some(header))
}

fn fail(shared: &Shared, why: &str) {
    let mut queue = shared.lock();
    queue.pool.refuse_all(why);
    queue.failure = Some(why.to_owned());
    queue.wanted.clear();
}

/// Lets nobody wait for a writer that broke an invariant and is gone.
struct OnPanic<'a>(&'a Shared);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail(self.0, "its writer panicked, which is a defect");
        }
    }
}
