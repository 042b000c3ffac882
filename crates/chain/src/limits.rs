//! Every bound of this crate by name. What exceeds one is refused with a message that says the bound.

use std::time::Duration;

/// The most gas that one transaction may use (EIP-7825).
pub const TRANSACTION_GAS: u64 = 1 << 24;
/// The most gas of all transactions of a block.
pub const BLOCK_GAS: u64 = 60_000_000;
/// The most gas that `eth_call` may use: a call may look at more than a transaction may do.
pub const CALL_GAS: u64 = BLOCK_GAS;
/// Bytes of one signed transaction.
pub const TRANSACTION_BYTES: usize = 128 << 10;
/// Transactions that may wait to be written.
pub const POOL_TRANSACTIONS: usize = 8_192;
/// Bytes of transactions that may wait to be written.
pub const POOL_BYTES: usize = 64 << 20;
/// How far a transaction's nonce may be ahead of its account's next one.
pub const NONCE_GAP: u64 = 1_024;
/// How long a transaction may wait for the one with the nonce before it.
pub const NONCE_GAP_WAIT: Duration = Duration::from_secs(10);
/// Callers that may wait for the same transaction.
pub const WAITERS: usize = 16;
/// Topics of a filter and addresses or alternatives in each of its places.
pub const FILTER_ALTERNATIVES: usize = 256;
/// Blocks that one `eth_getLogs` may cover.
pub const LOG_BLOCKS: u64 = 10_000;
/// Logs that one `eth_getLogs` may look at.
pub const LOGS_SCANNED: usize = 200_000;
/// Logs that one `eth_getLogs` may return.
pub const LOGS_RETURNED: usize = 10_000;
/// Blocks of one `eth_feeHistory`.
pub const FEE_HISTORY_BLOCKS: u64 = 1_024;
/// Percentiles of one `eth_feeHistory`.
pub const FEE_HISTORY_PERCENTILES: usize = 100;
/// Blocks and events that were read and not told; beyond these nothing more is read.
pub const PENDING_CHANGES: usize = 65_536;
/// Blocks and events after which one poll reads no further.
pub const CHANGES_AT_ONCE: usize = 8_192;
/// Blocks' headers of one batch: half of what our own chain takes, and what public ones take.
pub const HEADERS_AT_ONCE: u64 = 100;
/// Transactions of one batch.
pub const TRANSACTIONS_AT_ONCE: usize = 50;
/// Blocks that one poll tells.
pub const BLOCKS_AT_ONCE: usize = 1_024;
/// Seconds that one call may move a development chain's clock.
pub const CLOCK_STEP_SECONDS: u64 = 10 * 365 * 86_400;
/// Bytes of one request over HTTP.
pub const REQUEST_BYTES: usize = 2 << 20;
/// Requests of one batch.
pub const BATCH_REQUESTS: usize = 256;
/// Bytes of one answer to a batch: the requests that would exceed them are refused.
pub const BATCH_RESPONSE_BYTES: usize = 64 << 20;
/// How long one request may take.
pub const REQUEST_WAIT: Duration = Duration::from_secs(30);
/// How long a connection may take to send a request's headers.
pub const HEADER_WAIT: Duration = Duration::from_secs(30);
/// Connections at once.
pub const CONNECTIONS: usize = 256;
/// Requests that are computed at once.
pub const REQUESTS_COMPUTED: usize = 16;
/// Memory in which the embedded chain keeps pages of its file.
pub const CACHE_BYTES: usize = 128 << 20;
