//! One account that sends messages, however many tasks send them.
//!
//! The account hands out its nonces itself, so concurrent senders never collide. A message runs in a task of its own: whoever
//! stops waiting for it leaves no gap in the nonces. What happens to a message:
//!
//! ```text
//! estimate ──reverts──> WouldRevert        nonce ──> sign ──> submit ──refused──> Refused, the nonce is used by another
//!                                                                │                message or filled with an empty one
//!                       lost or unanswered: submit again <──> wait for the receipt ──> Receipt, or Reverted, or TimedOut
//! ```

use super::Client;
use super::error::{ClientError, Revert, SendError, revert};
use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use alloy::transports::TransportError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How often a nonce that somebody else used is replaced by the next.
const NONCE_TRIES: usize = 8;
/// What an empty message costs.
const EMPTY_GAS: u64 = 21_000;
/// How much more gas than estimated a message may use, in hundredths: other messages may come before it.
const GAS_MARGIN: u64 = 125;
/// Raised fees are a replacement only if they rise by a tenth at least; by how much they rise, in hundredths.
const FEE_RISE: u128 = 125;
/// When a message that was not taken for the moment is submitted again.
const SOON: Duration = Duration::from_millis(200);
/// The first pause between two looks for a receipt.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// How an account sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderOptions {
    /// How long to wait for a receipt.
    pub timeout: Duration,
    /// How long to wait before a message is submitted again.
    pub resubmit_after: Duration,
    /// The longest pause between two looks for a receipt.
    pub longest_pause: Duration,
    /// Blocks that must lie over a message, its own included, before it counts.
    pub confirmations: u64,
}

impl Default for SenderOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(120),
            resubmit_after: Duration::from_secs(5),
            longest_pause: Duration::from_secs(1),
            confirmations: 1,
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The contract or account; [`TxKind::Create`] makes a contract.
    pub to: TxKind,
    /// The encoded call, or the code that makes the contract.
    pub data: Bytes,
    /// Wei that go with it.
    pub value: U256,
    /// The most gas that it may use; estimated if not given. With a limit it is sent even if it would revert.
    pub gas_limit: Option<u64>,
}

impl Message {
    /// A call of a contract.
    pub fn call<C: SolCall>(to: Address, call: &C) -> Self {
        Self { to: TxKind::Call(to), data: call.abi_encode().into(), value: U256::ZERO, gas_limit: None }
    }

    /// A payment.
    pub fn pay(to: Address, value: U256) -> Self {
        Self { to: TxKind::Call(to), data: Bytes::new(), value, gas_limit: None }
    }

    /// A new contract.
    pub fn create(code: Bytes) -> Self {
        Self { to: TxKind::Create, data: code, value: U256::ZERO, gas_limit: None }
    }

    /// The message with a bound on its gas.
    pub fn with_gas_limit(self, gas: u64) -> Self {
        Self { gas_limit: Some(gas), ..self }
    }
}

/// What a message did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction that carried it.
    pub transaction: B256,
    /// The block's number.
    pub block: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// The gas it used.
    pub gas_used: u64,
    /// The contract that it made.
    pub contract: Option<Address>,
    /// The events it emitted.
    pub logs: Vec<alloy::primitives::Log>,
}

/// A sender of messages. Clones are the same account.
#[derive(Clone, Debug)]
pub struct Sender(Arc<Account>);

impl Sender {
    pub(super) fn of(account: Arc<Account>) -> Self {
        Self(account)
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.0.key.address()
    }

    /// Sends a message and waits until it is in a block. If nobody waits any more it is sent all the same.
    pub async fn send(&self, message: Message) -> Result<Receipt, SendError> {
        let account = Arc::clone(&self.0);
        tokio::spawn(async move { account.send(message).await }).await.map_err(|_| SendError::Stopping)?
    }
}

/// Nonces that are not used yet.
#[derive(Debug, Default)]
struct Nonces {
    /// The first that was never handed out; `None` until the chain was asked.
    next: Option<u64>,
    /// Lower ones that came back unused.
    free: BTreeSet<u64>,
    /// Those that are with a message now.
    out: BTreeSet<u64>,
}

/// An account: a key and its nonces.
pub(super) struct Account {
    client: Client,
    key: PrivateKeySigner,
    options: SenderOptions,
    nonces: Mutex<Nonces>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Account").field("address", &self.key.address()).finish_non_exhaustive()
    }
}

/// What a chain says to a submitted transaction.
enum Submission {
    /// It has it, or may have it.
    Sent,
    /// It has not taken it but may soon.
    Later,
    /// The nonce belongs to another transaction.
    NonceUsed,
    Refused(String),
}

#[derive(Clone, Copy)]
struct Fees {
    highest: u128,
    tip: u128,
}

impl Account {
    pub(super) fn new(client: Client, key: PrivateKeySigner, options: SenderOptions) -> Self {
        Self { client, key, options, nonces: Mutex::default() }
    }

    async fn send(&self, message: Message) -> Result<Receipt, SendError> {
        let gas_limit = match message.gas_limit {
            Some(gas_limit) => gas_limit,
            None => self.estimate(&message).await?,
        };
        for _ in 0..NONCE_TRIES {
            let fees = self.fees().await?;
            let nonce = self.take_nonce().await?;
            let transaction = self.transaction(&message, nonce, gas_limit, fees);
            match self.carry(transaction).await {
                Carried::NonceUsed => self.resynchronise(nonce).await?,
                Carried::Refused(why) => {
                    self.give_back(nonce, fees).await;
                    return Err(SendError::Refused(why));
                }
                Carried::Done(receipt) => {
                    self.lock().out.remove(&nonce);
                    return self.judge(message, gas_limit, *receipt).await;
                }
                Carried::Failed(error) => {
                    let mut nonces = self.lock();
                    nonces.out.remove(&nonce);
                    // Nobody has the transaction, or so it seems: the next message tries the nonce. If it is used after all,
                    // the chain will say so.
                    if !matches!(error, SendError::Replaced { .. }) {
                        nonces.free.insert(nonce);
                    }
                    return Err(error);
                }
            }
        }
        let nonce = self.lock().next.unwrap_or(0);
        Err(SendError::Replaced { nonce })
    }

    fn lock(&self) -> MutexGuard<'_, Nonces> {
        self.nonces.lock().expect("nobody panics with the nonces")
    }

    async fn estimate(&self, message: &Message) -> Result<u64, SendError> {
        let estimate = self.client.provider.estimate_gas(self.request(message)).await;
        match estimate {
            Ok(gas) => {
                Ok((gas.saturating_mul(GAS_MARGIN) / 100).min(crate::limits::TRANSACTION_GAS).max(gas))
            }
            Err(error) => Err(match ClientError::of("eth_estimateGas", error) {
                ClientError::Reverted(revert) => SendError::WouldRevert(revert),
                other => other.into(),
            }),
        }
    }

    fn request(&self, message: &Message) -> TransactionRequest {
        let mut request = TransactionRequest::default()
            .from(self.key.address())
            .value(message.value)
            .input(message.data.clone().into());
        request.to = Some(message.to);
        request
    }

    async fn fees(&self) -> Result<Fees, SendError> {
        let fees = self.client.provider.estimate_eip1559_fees().await;
        let fees = fees.map_err(|source| ClientError::of("eth_feeHistory", source))?;
        Ok(Fees { highest: fees.max_fee_per_gas, tip: fees.max_priority_fee_per_gas })
    }

    /// The lowest nonce that no message has.
    async fn take_nonce(&self) -> Result<u64, SendError> {
        if let Some(nonce) = self.lock().take() {
            return Ok(nonce);
        }
        let pending = self.pending_nonce().await?;
        let mut nonces = self.lock();
        // Another task may have asked meanwhile; the first answer counts.
        nonces.next.get_or_insert(pending);
        Ok(nonces.take().expect("the next nonce is known"))
    }

    async fn pending_nonce(&self) -> Result<u64, ClientError> {
        let pending = self.client.provider.get_transaction_count(self.key.address()).pending().await;
        pending.map_err(|source| ClientError::of("eth_getTransactionCount", source))
    }

    /// Skips the nonces that somebody else used.
    async fn resynchronise(&self, used: u64) -> Result<(), ClientError> {
        self.lock().out.remove(&used);
        let pending = self.pending_nonce().await?.max(used + 1);
        let mut nonces = self.lock();
        nonces.free = nonces.free.split_off(&pending);
        nonces.next = nonces.next.max(Some(pending));
        Ok(())
    }

    /// Takes a nonce back. If messages wait for it, an empty one takes its place.
    async fn give_back(&self, nonce: u64, fees: Fees) {
        let is_awaited = {
            let mut nonces = self.lock();
            nonces.out.remove(&nonce);
            let is_awaited = nonces.out.last().is_some_and(|last| *last > nonce);
            if !is_awaited {
                nonces.free.insert(nonce);
            } else {
                nonces.out.insert(nonce);
            }
            is_awaited
        };
        if is_awaited {
            let empty = Message::pay(self.key.address(), U256::ZERO);
            let transaction = self.transaction(&empty, nonce, EMPTY_GAS, fees);
            let carried = self.carry(transaction).await;
            let mut nonces = self.lock();
            nonces.out.remove(&nonce);
            if let Carried::Refused(_) = carried {
                nonces.free.insert(nonce);
            }
        }
    }

    fn transaction(&self, message: &Message, nonce: u64, gas_limit: u64, fees: Fees) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.client.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.highest,
            max_priority_fee_per_gas: fees.tip,
            to: message.to,
            value: message.value,
            access_list: Default::default(),
            input: message.data.clone(),
        }
    }

    async fn sign(&self, mut transaction: TxEip1559) -> Result<(B256, Bytes), SendError> {
        let signature = self.key.sign_transaction(&mut transaction).await?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Ok((*envelope.tx_hash(), envelope.encoded_2718().into()))
    }

    async fn submit(&self, bytes: &Bytes) -> Submission {
        match self.client.provider.send_raw_transaction(bytes).await {
            Ok(_) => Submission::Sent,
            Err(error) => submission(&error),
        }
    }

    /// Brings a transaction into a block.
    async fn carry(&self, mut transaction: TxEip1559) -> Carried {
        let nonce = transaction.nonce;
        let (hash, mut bytes) = match self.sign(transaction.clone()).await {
            Ok(signed) => signed,
            Err(error) => return Carried::Failed(error),
        };
        // Every version that was sent: any of them may end up in a block.
        let mut hashes = vec![hash];
        let begun = Instant::now();
        let mut resubmit_after = match self.submit(&bytes).await {
            Submission::Sent => self.options.resubmit_after,
            Submission::Later => SOON.min(self.options.resubmit_after),
            Submission::NonceUsed => return Carried::NonceUsed,
            Submission::Refused(why) => return Carried::Refused(why),
        };
        let mut submitted = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            if let Some(receipt) = self.receipt(&hashes).await {
                return Carried::Done(Box::new(receipt));
            }
            if begun.elapsed() >= self.options.timeout {
                let transaction = *hashes.last().expect("one was sent");
                return Carried::Failed(SendError::TimedOut {
                    transaction,
                    seconds: self.options.timeout.as_secs(),
                });
            }
            if submitted.elapsed() >= resubmit_after {
                if let Some(raised) = self.raised(&transaction).await {
                    transaction = raised;
                    match self.sign(transaction.clone()).await {
                        Ok((hash, signed)) => {
                            hashes.push(hash);
                            bytes = signed;
                        }
                        Err(error) => return Carried::Failed(error),
                    }
                }
                resubmit_after = self.options.resubmit_after;
                match self.submit(&bytes).await {
                    Submission::NonceUsed if self.is_lost(nonce, &hashes).await => {
                        return Carried::Failed(SendError::Replaced { nonce });
                    }
                    Submission::Later => resubmit_after = SOON.min(resubmit_after),
                    // Refused now, but an earlier submission may have been taken: its receipt decides.
                    Submission::Sent | Submission::NonceUsed | Submission::Refused(_) => {}
                }
                submitted = Instant::now();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.options.longest_pause);
        }
    }

    /// The receipt of any version, once enough blocks lie over it. A request that fails is made again with the next look.
    async fn receipt(&self, hashes: &[B256]) -> Option<TransactionReceipt> {
        for hash in hashes {
            let Ok(Some(receipt)) = self.client.provider.get_transaction_receipt(*hash).await else {
                continue;
            };
            let Some(block) = receipt.block_number else { continue };
            if self.options.confirmations <= 1 {
                return Some(receipt);
            }
            let head = self.client.provider.get_block_number().await.ok()?;
            if head.saturating_add(1).saturating_sub(block) >= self.options.confirmations {
                return Some(receipt);
            }
        }
        None
    }

    /// The transaction with higher fees, if the block's fee has risen above them.
    async fn raised(&self, transaction: &TxEip1559) -> Option<TxEip1559> {
        let head = self.client.provider.get_block_by_number(BlockNumberOrTag::Latest).await.ok()??;
        let base = u128::from(head.header.base_fee_per_gas?);
        if base <= transaction.max_fee_per_gas {
            return None;
        }
        let fees = self.fees().await.ok()?;
        let mut raised = transaction.clone();
        let rise = |fee: u128| fee.saturating_mul(FEE_RISE).div_ceil(100);
        raised.max_fee_per_gas = fees.highest.max(rise(transaction.max_fee_per_gas));
        raised.max_priority_fee_per_gas = fees.tip.max(rise(transaction.max_priority_fee_per_gas));
        Some(raised)
    }

    /// Whether the nonce is used in a block and none of our versions is what used it.
    async fn is_lost(&self, nonce: u64, hashes: &[B256]) -> bool {
        let mined = self.client.provider.get_transaction_count(self.key.address()).latest().await;
        if mined.is_ok_and(|mined| mined > nonce) {
            for hash in hashes {
                if !matches!(self.client.provider.get_transaction_receipt(*hash).await, Ok(None)) {
                    return false;
                }
            }
            return true;
        }
        false
    }

    /// Tells a message that did its work from one that reverted.
    async fn judge(
        &self,
        message: Message,
        gas_limit: u64,
        receipt: TransactionReceipt,
    ) -> Result<Receipt, SendError> {
        let transaction = receipt.transaction_hash;
        let (Some(block), Some(block_hash)) = (receipt.block_number, receipt.block_hash) else {
            let detail = "a receipt without a block".to_owned();
            return Err(ClientError::Answer { request: "eth_getTransactionReceipt", detail }.into());
        };
        if !receipt.status() {
            let revert = self.replay(&message, gas_limit, block).await;
            return Err(SendError::Reverted { transaction, revert });
        }
        let (gas_used, contract) = (receipt.gas_used, receipt.contract_address);
        let logs = receipt.inner.into_logs().into_iter().map(|log| log.inner).collect();
        Ok(Receipt { transaction, block, block_hash, gas_used, contract, logs })
    }

    /// What a message that reverted in `block` says when it is called after it. Chains without old states can only be asked
    /// about the last block, and other messages may have come between, so this may be another answer, or none.
    async fn replay(&self, message: &Message, gas_limit: u64, block: u64) -> Option<Revert> {
        let request = self.request(message).gas_limit(gas_limit);
        for block in [BlockId::number(block), BlockId::latest()] {
            match self.client.provider.call(request.clone()).block(block).await {
                Ok(_) => return None,
                Err(error) => {
                    if let Some(revert) = revert(&error) {
                        return Some(revert);
                    }
                }
            }
        }
        None
    }
}

/// How bringing a transaction into a block ended.
enum Carried {
    Done(Box<TransactionReceipt>),
    NonceUsed,
    Refused(String),
    Failed(SendError),
}

impl Nonces {
    fn take(&mut self) -> Option<u64> {
        let nonce = match self.free.pop_first() {
            Some(nonce) => nonce,
            None => {
                let next = self.next.as_mut()?;
                *next += 1;
                *next - 1
            }
        };
        self.out.insert(nonce);
        Some(nonce)
    }
}

/// The words by which chains name what happened to a transaction: there are no codes.
const KNOWN: [&str; 3] = ["already known", "already imported", "known transaction"];
const NONCE_USED: [&str; 4] =
    ["nonce too low", "nonce is too low", "invalid nonce", "replacement transaction underpriced"];
const MAY_WORK_LATER: [&str; 5] =
    ["nonce too high", "pool is full", "txpool is full", "timed out", "timeout"];
/// The code by which chains say that something took too long or was too much.
const LIMIT_CODE: i64 = -32005;

fn submission(error: &TransportError) -> Submission {
    let Some(response) = error.as_error_resp() else {
        // No answer: the transaction may have arrived.
        return Submission::Sent;
    };
    let message = response.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&KNOWN) || response.code == LIMIT_CODE {
        Submission::Sent
    } else if says(&MAY_WORK_LATER) {
        Submission::Later
    } else if says(&NONCE_USED) {
        Submission::NonceUsed
    } else {
        Submission::Refused(response.message.to_string())
    }
}
