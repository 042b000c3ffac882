//! Transactions on their way into a block, by sender in order of nonce.
//!
//! ```text
//! submitted ──nonce follows──> ready ──taken──> being written ──durable──> acknowledged
//!     └──nonce ahead──> waiting ──the gap closes──┘        ├──refused──> told why
//!                          └<──behind one that was refused─┘
//! ```
//! Whoever submitted a transaction is told once: that it is durable, or why it is not.

use super::block::Accepted;
use crate::error::Refusal;
use crate::limits;
use alloy::consensus::Transaction;
use alloy::primitives::{Address, B256, U256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What a submitter is told.
pub type Verdict = Result<(), Refusal>;

/// Where a verdict will arrive.
pub type Waiter = oneshot::Receiver<Verdict>;

struct Waiting {
    transaction: Arc<Accepted>,
    until: Instant,
}

/// The transactions that are not durable yet.
#[derive(Default)]
pub struct Pool {
    ready: VecDeque<Arc<Accepted>>,
    waiting: BTreeMap<(Address, u64), Waiting>,
    /// The nonce after the last one that is ready or being written.
    next: BTreeMap<Address, u64>,
    waiters: BTreeMap<B256, Vec<oneshot::Sender<Verdict>>>,
    bytes: usize,
}

impl Pool {
    /// Takes a transaction in; `stored` is its account's next nonce on the chain and `balance` its wei, read while nobody else has the pool.
    pub fn submit(
        &mut self,
        transaction: Accepted,
        stored: u64,
        balance: U256,
        now: Instant,
    ) -> Result<Waiter, Refusal> {
        if self.waiters.contains_key(&transaction.hash) {
            return self.wait_for(transaction.hash);
        }
        let count = self.waiters.len();
        if count >= limits::POOL_TRANSACTIONS || self.bytes + transaction.bytes.len() > limits::POOL_BYTES {
            return Err(Refusal::PoolFull(count));
        }
        let (sender, found) = (transaction.sender, transaction.envelope.nonce());
        let next = self.next_nonce(sender, stored);
        if found < stored {
            return Err(Refusal::NonceTooLow { next: stored, found });
        }
        if found < next || self.waiting.contains_key(&(sender, found)) {
            return Err(Refusal::NonceTaken(found));
        }
        if found - next > limits::NONCE_GAP {
            return Err(Refusal::NonceTooHigh { next, found });
        }
        // What runs at once is refused by the EVM at once; what waits would take the place of others at no cost.
        if found > next {
            self.check_funds(&transaction, balance)?;
        }
        let (hash, transaction) = (transaction.hash, Arc::new(transaction));
        self.bytes += transaction.bytes.len();
        self.waiters.insert(hash, Vec::new());
        if found == next {
            self.make_ready(transaction);
            self.promote(sender);
        } else {
            let until = now + limits::NONCE_GAP_WAIT;
            self.waiting.insert((sender, found), Waiting { transaction, until });
        }
        self.wait_for(hash)
    }

    /// Whether the account can pay for the transaction and all that wait for a nonce before them; what it could not pay for even alone will be
    /// refused in its turn, and costs it nothing.
    fn check_funds(&self, transaction: &Accepted, balance: U256) -> Result<(), Refusal> {
        let sender = transaction.sender;
        let waiting = self.waiting.range((sender, 0)..=(sender, u64::MAX));
        let waiting = waiting.map(|(_, waiting)| cost(&waiting.transaction)).filter(|cost| *cost <= balance);
        let cost = waiting.fold(cost(transaction), U256::saturating_add);
        if cost > balance { Err(Refusal::Funds { balance, cost }) } else { Ok(()) }
    }

    fn wait_for(&mut self, hash: B256) -> Result<Waiter, Refusal> {
        let waiters = self.waiters.get_mut(&hash).expect("the transaction is in the pool");
        // Who hung up makes room.
        waiters.retain(|waiter| !waiter.is_closed());
        if waiters.len() >= limits::WAITERS {
            return Err(Refusal::TooManyWaiters(waiters.len()));
        }
        let (sender, receiver) = oneshot::channel();
        waiters.push(sender);
        Ok(receiver)
    }

    fn make_ready(&mut self, transaction: Arc<Accepted>) {
        self.next.insert(transaction.sender, transaction.envelope.nonce() + 1);
        self.ready.push_back(transaction);
    }

    /// Makes ready what waited for the nonce before it.
    fn promote(&mut self, sender: Address) {
        while let Some(next) = self.next.get(&sender).copied() {
            let Some(waiting) = self.waiting.remove(&(sender, next)) else { return };
            self.make_ready(waiting.transaction);
        }
    }

    /// The nonce that a sender should use next, given its next one on the chain.
    pub fn next_nonce(&self, sender: Address, stored: u64) -> u64 {
        self.next.get(&sender).copied().unwrap_or(0).max(stored)
    }

    /// Whether there is something to write.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Everything that is ready, in order of arrival.
    pub fn take_ready(&mut self) -> Vec<Arc<Accepted>> {
        std::mem::take(&mut self.ready).into()
    }

    /// Puts back what a block had no room for, before what arrived meanwhile.
    pub fn put_back(&mut self, left: Vec<Arc<Accepted>>) {
        for transaction in left.into_iter().rev() {
            self.ready.push_front(transaction);
        }
    }

    /// Forgets a transaction that is durable and tells those who wait for it.
    pub fn acknowledge(&mut self, transaction: &Accepted) {
        self.tell(transaction, &Ok(()));
        let (sender, after) = (transaction.sender, transaction.envelope.nonce() + 1);
        // Nothing of this sender is behind it: the chain's own nonce counts again.
        if self.next.get(&sender) == Some(&after) {
            self.next.remove(&sender);
        }
    }

    /// Forgets transactions that cannot run. Whatever is behind one of them waits for another with its nonce.
    pub fn refuse(
        &mut self,
        refused: Vec<(Arc<Accepted>, Refusal)>,
        orphaned: Vec<Arc<Accepted>>,
        now: Instant,
    ) {
        let mut broken: BTreeSet<Address> = orphaned.iter().map(|orphan| orphan.sender).collect();
        for (transaction, refusal) in refused {
            self.tell(&transaction, &Err(refusal));
            broken.insert(transaction.sender);
        }
        if broken.is_empty() {
            return;
        }
        self.next.retain(|sender, _| !broken.contains(sender));
        let ready = std::mem::take(&mut self.ready).into_iter();
        let (behind, ready): (Vec<_>, Vec<_>) = ready.partition(|ready| broken.contains(&ready.sender));
        self.ready = ready.into();
        let until = now + limits::NONCE_GAP_WAIT;
        for transaction in orphaned.into_iter().chain(behind) {
            let place = (transaction.sender, transaction.envelope.nonce());
            let other = self.waiting.insert(place, Waiting { transaction, until });
            assert!(other.is_none(), "two transactions with nonce {} of {}", place.1, place.0);
        }
    }

    fn tell(&mut self, transaction: &Accepted, verdict: &Verdict) {
        self.bytes -= transaction.bytes.len();
        for waiter in self.waiters.remove(&transaction.hash).unwrap_or_default() {
            // A submitter that does not wait any more need not be told.
            let _ = waiter.send(verdict.clone());
        }
    }

    /// Refuses what has waited too long for the nonce before it.
    pub fn expire(&mut self, now: Instant) {
        let expired: Vec<(Address, u64)> =
            self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(key, _)| *key).collect();
        for key in expired {
            let Waiting { transaction, .. } = self.waiting.remove(&key).expect("it was there");
            self.refuse_waiting(&transaction);
        }
    }

    fn refuse_waiting(&mut self, transaction: &Accepted) {
        let missing = self.next.get(&transaction.sender).copied();
        let missing = missing.unwrap_or(transaction.envelope.nonce().saturating_sub(1));
        let refusal = Refusal::NonceGap { missing, seconds: limits::NONCE_GAP_WAIT.as_secs() };
        self.tell(transaction, &Err(refusal));
    }

    /// When the first of those that wait has waited too long.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    /// Refuses everything: the chain stops.
    pub fn refuse_all(&mut self, why: &str) {
        for waiter in std::mem::take(&mut self.waiters).into_values().flatten() {
            let _ = waiter.send(Err(Refusal::Stopped(why.to_owned())));
        }
        *self = Self::default();
    }
}

/// The most wei that a transaction may take from its account.
fn cost(transaction: &Accepted) -> U256 {
    let envelope = &transaction.envelope;
    let gas = U256::from(envelope.gas_limit()).saturating_mul(U256::from(envelope.max_fee_per_gas()));
    gas.saturating_add(envelope.value())
}
