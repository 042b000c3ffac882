//! The messages that the contract has accepted, in order.

use super::{DisputeError, message, wire};
use crate::abi::DISPUTE;
use crate::client::{Change, Client, Event, Log, LogOptions};
use crate::heard::{heard, is_relayed};
use crate::limits;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolValue;
use samebit_commit::Digest;
use samebit_dispute::{Message, Owner, Seconds};
use std::collections::VecDeque;

/// A message that the contract has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The number of its block.
    pub block: u64,
    /// The time of its block.
    pub at: Seconds,
    /// The transaction that carried it.
    pub transaction: B256,
    /// Who sent it.
    pub sender: Owner,
    /// What was said.
    pub message: Message,
    /// After a move: the hash of the game's position.
    pub moved: Option<Digest>,
}

/// What happened to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeChange {
    /// A message after all those before it.
    Accepted(Box<Accepted>),
    /// Every message in blocks after this one was never sent; `None`: no message was.
    RolledBack(Option<u64>),
}

/// A reader of the contract's log.
#[derive(Debug)]
pub struct DisputeLog {
    client: Client,
    contract: Address,
    log: Log,
    /// What was read and is not told yet: a request about it may fail, and the log reads nothing twice.
    pending: VecDeque<Change>,
    /// The last block whose time was asked for.
    time: Option<(B256, Seconds)>,
}

impl DisputeLog {
    pub(super) fn new(client: &Client, contract: Address, first: u64, options: LogOptions) -> DisputeLog {
        let log = client.log(Filter::new().address(contract), first, options);
        DisputeLog { client: client.clone(), contract, log, pending: VecDeque::new(), time: None }
    }

    /// What happened since the last poll, in order; nothing if it is up to date. After an error nothing is lost: the next poll goes on there.
    ///
    /// # Errors
    /// The chain did not answer, or what it says cannot be the contract's.
    pub async fn poll(&mut self) -> Result<Vec<DisputeChange>, DisputeError> {
        self.read().await?;
        let mut changes = Vec::new();
        match self.tell_into(&mut changes).await {
            // What could be told counts; the error comes back with the next poll if it lasts.
            Err(error) if changes.is_empty() => Err(error),
            _ => Ok(changes),
        }
    }

    /// Reads on; when too much waits to be told, only whether that still is what the chain says.
    async fn read(&mut self) -> Result<(), DisputeError> {
        let changes = match self.pending.len() < limits::PENDING_CHANGES {
            true => self.log.poll().await?,
            false => self.log.roll_back().await?.into_iter().collect(),
        };
        for change in changes {
            if let Change::RolledBack(kept) = change {
                self.forget_after(kept);
            }
            self.pending.push_back(change);
        }
        Ok(())
    }

    /// Events that were never told and never happened need not be told: the chain can no longer be asked about them.
    fn forget_after(&mut self, kept: Option<u64>) {
        let is_gone = |change: &Change| matches!(change, Change::Added(event) if kept.is_none_or(|kept| event.block > kept));
        while self.pending.back().is_some_and(is_gone) {
            self.pending.pop_back();
        }
    }

    async fn tell_into(&mut self, changes: &mut Vec<DisputeChange>) -> Result<(), DisputeError> {
        while let Some(change) = self.pending.front() {
            if let Change::RolledBack(block) = *change {
                changes.push(DisputeChange::RolledBack(block));
                self.pending.pop_front();
                continue;
            }
            let events = self.next_transaction();
            let count = events.len();
            changes.extend(self.accepted(events).await?);
            self.pending.drain(..count);
        }
        Ok(())
    }

    /// The events in front that are of one transaction.
    fn next_transaction(&self) -> Vec<Event> {
        let place = |event: &Event| (event.block_hash, event.transaction);
        let mut events: Vec<Event> = Vec::new();
        for change in &self.pending {
            match change {
                Change::Added(event) if events.first().is_none_or(|first| place(first) == place(event)) => {
                    events.push(event.clone());
                }
                _ => break,
            }
        }
        events
    }

    /// The messages of one transaction, by its events.
    async fn accepted(&mut self, events: Vec<Event>) -> Result<Vec<DisputeChange>, DisputeError> {
        let place = events[0].clone();
        let (block, transaction, at) = (place.block, place.transaction, self.time(&place).await?);
        // Dispute hands over control to what has code alone: beside a message that came through a contract there is none of the transaction's own.
        let sent = match events.iter().any(is_relayed) {
            true => None,
            false => self.client.sent(&[transaction]).await?.remove(0),
        };
        let unreadable = || DisputeError::Unreadable { transaction };
        let told = heard(&[self.contract], sent.as_ref(), events).ok_or_else(unreadable)?;
        let accepted = told.into_iter().map(|heard| {
            let message = message::decode(&heard.data).ok_or_else(unreadable)?;
            let moved = heard
                .events
                .iter()
                .find(|event| event.data.topics().first() == Some(&DISPUTE.topic("Moved")));
            let moved = moved.map(|event| B256::abi_decode(&event.data.data.data).map(wire::digest));
            let moved = moved.transpose().map_err(|_| unreadable())?;
            let accepted =
                Accepted { block, at, transaction, sender: wire::owner(heard.sender), message, moved };
            Ok(DisputeChange::Accepted(Box::new(accepted)))
        });
        accepted.collect()
    }

    async fn time(&mut self, event: &Event) -> Result<Seconds, DisputeError> {
        if let Some((_, time)) = self.time.filter(|(block, _)| *block == event.block_hash) {
            return Ok(time);
        }
        let block = self.client.block(BlockNumberOrTag::Number(event.block)).await?;
        let block = block.filter(|block| block.hash == event.block_hash);
        let time =
            block.map(|block| Seconds(block.timestamp)).ok_or(DisputeError::Moved { block: event.block })?;
        self.time = Some((event.block_hash, time));
        Ok(time)
    }
}
