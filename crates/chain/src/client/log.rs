//! The events of a chain in order, whatever the chain does to its last blocks.
//!
//! A reader keeps the hashes of the last blocks that it has read. Before it reads on it asks whether the newest of them is still
//! there; if not, it goes back to the newest that is and says so ([`Change::RolledBack`]). Whoever folds the changes in order
//! therefore always holds what the chain says, and gets the same from an empty start.
//!
//! ```text
//!   first ─── pages of logs by range ───> head − depth ─── block by block, logs by block hash ───> head
//! ```
//! Near the head a range of numbers may be answered from two forks at once; a block hash means one block for ever, so logs are
//! asked for by hash there and the blocks' parents are checked.

use super::{BlockName, Client, ClientError};
use crate::limits;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, Log as EventData};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log as RpcLog};
use std::collections::VecDeque;
use std::future::Future;
use tokio::task::JoinSet;

/// Steps (a page, or a handful of blocks) that one poll takes.
const STEPS: usize = 64;
/// Blocks near the head that are read at once.
const BLOCKS_AT_ONCE: u64 = 16;
/// How often a reorg may get in the way of one poll.
const REORGS: usize = 8;

/// How a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Blocks that one request covers; halved for as long as the chain says that they are too many.
    pub page_blocks: u64,
    /// How deep a reorg may be.
    pub reorg_depth: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { page_blocks: 1_000, reorg_depth: 64 }
    }
}

/// An event and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The number of its block.
    pub block: u64,
    /// The hash of its block.
    pub block_hash: B256,
    /// Its index among the events of its block.
    pub index: u64,
    /// The transaction that emitted it.
    pub transaction: B256,
    /// Who emitted it, its topics and its data.
    pub data: EventData,
}

/// What happened to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A block, before its events; of a log of blocks alone.
    Block(BlockName),
    /// An event after all those before it.
    Added(Event),
    /// Every event in blocks after this one never happened; `None`: no event happened.
    RolledBack(Option<u64>),
}

/// A reader of a chain's events.
#[derive(Debug)]
pub struct Log {
    client: Client,
    filter: Filter,
    options: LogOptions,
    first: u64,
    next: u64,
    page_blocks: u64,
    /// Whether every block is told, also one without events.
    has_blocks: bool,
    /// Blocks that were read, rising; the newest last.
    known: VecDeque<(u64, B256)>,
}

/// What one step found.
enum Step {
    Changes(Vec<Change>),
    /// A block changed while it was read: what was known must be checked again.
    Moved,
    UpToDate,
}

impl Log {
    pub(super) fn new(client: Client, filter: Filter, first: u64, options: LogOptions) -> Self {
        let page_blocks = options.page_blocks.max(1);
        Self {
            client,
            filter,
            options,
            first,
            next: first,
            page_blocks,
            has_blocks: false,
            known: VecDeque::new(),
        }
    }

    /// The same log, with every block before its events.
    pub(crate) fn of_blocks(self) -> Self {
        Self { has_blocks: true, page_blocks: self.page_blocks.min(limits::HEADERS_AT_ONCE), ..self }
    }

    /// The first block that was not read yet.
    pub fn next_block(&self) -> u64 {
        self.next
    }

    /// What happened since the last poll, in order; nothing if it is up to date. A long history takes several polls.
    pub async fn poll(&mut self) -> Result<Vec<Change>, ClientError> {
        let mut changes = Vec::new();
        match self.poll_into(&mut changes).await {
            // What was read counts; the error comes back with the next poll if it lasts.
            Err(_) if !changes.is_empty() => Ok(changes),
            Err(error) => Err(error),
            Ok(()) => Ok(changes),
        }
    }

    async fn poll_into(&mut self, changes: &mut Vec<Change>) -> Result<(), ClientError> {
        changes.extend(self.roll_back().await?);
        let mut reorgs = 0;
        for _ in 0..STEPS {
            if changes.len() >= limits::CHANGES_AT_ONCE {
                return Ok(());
            }
            match self.step().await? {
                Step::Changes(found) => changes.extend(found),
                Step::UpToDate => return Ok(()),
                Step::Moved => {
                    reorgs += 1;
                    if reorgs > REORGS {
                        return Err(ClientError::Unsteady(reorgs));
                    }
                    changes.extend(self.roll_back().await?);
                }
            }
        }
        Ok(())
    }

    /// Forgets the blocks that the chain no longer has.
    pub(crate) async fn roll_back(&mut self) -> Result<Option<Change>, ClientError> {
        // Nothing is forgotten before all is known: a request in between may fail, and what is lost would never be told.
        let mut count = self.known.len();
        while let Some((number, hash)) = count.checked_sub(1).map(|at| self.known[at]) {
            let now = self.client.block(BlockNumberOrTag::Number(number)).await?;
            if now.is_some_and(|block| block.hash == hash) {
                break;
            }
            count -= 1;
        }
        let Some((lost, _)) = self.known.get(count).copied() else { return Ok(None) };
        self.known.truncate(count);
        let kept = self.known.back().map(|(number, _)| *number);
        if kept.is_none() && lost > self.first {
            // Whatever lies between the first block and the oldest known one cannot be judged any more.
            self.known.push_back((lost, B256::ZERO));
            return Err(ClientError::ReorgTooDeep { below: lost, depth: self.options.reorg_depth });
        }
        self.next = kept.map_or(self.first, |kept| kept + 1);
        Ok(Some(Change::RolledBack(kept)))
    }

    async fn step(&mut self) -> Result<Step, ClientError> {
        let head = self.client.head().await?.number;
        if self.next > head {
            return Ok(Step::UpToDate);
        }
        let settled = head.saturating_sub(self.options.reorg_depth as u64);
        if self.next < settled {
            self.read_page(settled).await
        } else {
            self.read_blocks(head.min(self.next + BLOCKS_AT_ONCE - 1)).await
        }
    }

    /// Reads a range that is too old to change.
    async fn read_page(&mut self, settled: u64) -> Result<Step, ClientError> {
        let last = settled.min(self.next + self.page_blocks - 1);
        let filter = self.filter.clone().from_block(self.next).to_block(last);
        let first = if self.has_blocks { self.next } else { last };
        let found =
            async { Ok((logs(&self.client, &filter).await?, self.client.blocks(first, last).await?)) };
        let (logs, blocks) = match found.await {
            Err(ClientError::Request { .. }) if self.page_blocks > 1 => {
                self.page_blocks /= 2;
                return Ok(Step::Changes(Vec::new()));
            }
            found => found?,
        };
        let Some(blocks) = blocks.filter(|blocks| self.follows(blocks)) else { return Ok(Step::Moved) };
        let is_of_another = |log: &RpcLog| {
            let place = log.block_number.and_then(|number| number.checked_sub(first));
            let block = place.and_then(|place| blocks.get(place as usize));
            block.is_some_and(|block| log.block_hash != Some(block.hash))
        };
        if logs.iter().any(is_of_another) {
            return Ok(Step::Moved);
        }
        let events = events(logs, self.next, last)?;
        self.remember(blocks[blocks.len() - 1]);
        let limit = if self.has_blocks { limits::HEADERS_AT_ONCE } else { u64::MAX };
        self.page_blocks = (self.page_blocks * 2).min(self.options.page_blocks.max(1)).min(limit);
        Ok(Step::Changes(if self.has_blocks { with_blocks(blocks, events) } else { events }))
    }

    /// Reads the blocks up to `last` one by one.
    async fn read_blocks(&mut self, last: u64) -> Result<Step, ClientError> {
        let client = self.client.clone();
        let blocks = gather((self.next..=last).map(|number| {
            let client = client.clone();
            async move { client.block(BlockNumberOrTag::Number(number)).await }
        }));
        let Some(blocks) = blocks.await?.into_iter().collect::<Option<Vec<BlockName>>>() else {
            return Ok(Step::Moved);
        };
        if !self.follows(&blocks) {
            return Ok(Step::Moved);
        }
        let logs = gather(blocks.iter().map(|block| {
            let (client, filter) = (client.clone(), self.filter.clone().at_block_hash(block.hash));
            async move { logs(&client, &filter).await }
        }));
        let logs = match logs.await {
            // A chain that no longer has the block says so in its own words; whether it has is asked again.
            Err(ClientError::Request { .. }) if !self.still_has(&blocks).await? => return Ok(Step::Moved),
            logs => logs?,
        };
        let mut changes = Vec::new();
        for (block, logs) in blocks.iter().zip(logs) {
            if let Some(log) = logs.iter().find(|log| log.block_hash != Some(block.hash)) {
                let detail = format!("a log of block {:?} for block {}", log.block_hash, block.hash);
                return Err(ClientError::Answer { request: "eth_getLogs", detail });
            }
            if self.has_blocks {
                changes.push(Change::Block(*block));
            }
            changes.extend(events(logs, block.number, block.number)?);
        }
        // Only blocks of which every event will be told count as read.
        blocks.into_iter().for_each(|block| self.remember(block));
        Ok(Step::Changes(changes))
    }

    async fn still_has(&self, blocks: &[BlockName]) -> Result<bool, ClientError> {
        let Some(last) = blocks.last() else { return Ok(true) };
        let now = self.client.block(BlockNumberOrTag::Number(last.number)).await?;
        Ok(now.is_some_and(|block| block.hash == last.hash))
    }

    /// Whether the blocks follow one another and what is known.
    fn follows(&self, blocks: &[BlockName]) -> bool {
        let mut before = self.known.back().copied();
        blocks.iter().all(|block| {
            let is_linked =
                before.is_none_or(|(number, hash)| number + 1 != block.number || hash == block.parent);
            before = Some((block.number, block.hash));
            is_linked
        })
    }

    fn remember(&mut self, block: BlockName) {
        self.next = block.number + 1;
        self.known.push_back((block.number, block.hash));
        while self.known.len() > self.options.reorg_depth.max(1) {
            self.known.pop_front();
        }
    }
}

async fn logs(client: &Client, filter: &Filter) -> Result<Vec<RpcLog>, ClientError> {
    let logs = client.provider.get_logs(filter).await;
    logs.map_err(|source| ClientError::of("eth_getLogs", source))
}

/// The logs as events in order, each in the range and once.
fn events(mut logs: Vec<RpcLog>, from: u64, to: u64) -> Result<Vec<Change>, ClientError> {
    let wrong = |detail: String| ClientError::Answer { request: "eth_getLogs", detail };
    logs.sort_by_key(|log| (log.block_number, log.log_index));
    let mut changes = Vec::with_capacity(logs.len());
    let mut before = None;
    for log in logs {
        let (Some(block), Some(block_hash), Some(index), Some(transaction)) =
            (log.block_number, log.block_hash, log.log_index, log.transaction_hash)
        else {
            return Err(wrong("a log without a place".to_owned()));
        };
        if !(from..=to).contains(&block) || log.removed {
            return Err(wrong(format!(
                "a log of block {block} for blocks {from} to {to}, or one that was removed"
            )));
        }
        if before == Some((block, index)) {
            return Err(wrong(format!("log {index} of block {block} twice")));
        }
        before = Some((block, index));
        changes.push(Change::Added(Event { block, block_hash, index, transaction, data: log.inner }));
    }
    Ok(changes)
}

/// Blocks, each before its events; both rise.
fn with_blocks(blocks: Vec<BlockName>, events: Vec<Change>) -> Vec<Change> {
    let mut changes = Vec::with_capacity(blocks.len() + events.len());
    let mut events = events.into_iter().peekable();
    for block in blocks {
        changes.push(Change::Block(block));
        let is_its = |change: &Change| matches!(change, Change::Added(event) if event.block == block.number);
        while let Some(event) = events.next_if(is_its) {
            changes.push(event);
        }
    }
    changes
}

/// Runs a bounded number of requests at once and returns their results in order.
async fn gather<T, F>(requests: impl Iterator<Item = F>) -> Result<Vec<T>, ClientError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    let mut running = JoinSet::new();
    for (position, request) in requests.enumerate() {
        running.spawn(async move { (position, request.await) });
    }
    let mut results = Vec::with_capacity(running.len());
    while let Some(joined) = running.join_next().await {
        let (position, result) = joined.expect("no request panics and none is aborted");
        results.push((position, result?));
    }
    results.sort_by_key(|(position, _)| *position);
    Ok(results.into_iter().map(|(_, value)| value).collect())
}
