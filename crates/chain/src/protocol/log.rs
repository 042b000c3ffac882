//! The chain block by block, with all that the contracts have accepted.
//!
//! Every block is told, once for each branch: its name and its beacon count also when nothing was said in it. After a reorg the next block is one whose
//! parent was told before. Old blocks are read by ranges, a batch of headers and one request for all events; new ones by their hashes. A
//! poll makes a bounded number of requests and keeps what it has read until it is told, so that a failed request loses nothing.

use super::contracts::Contracts;
use super::message::Message;
use super::{Block, ProtocolError, Said, owner};
use crate::client::{BlockName, Change, Client, Event, Log, LogOptions, Sent};
use crate::heard::{Heard, heard};
use crate::limits;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolValue;
use samebit_commit::Digest;
use samebit_dispute::Message as Argument;
use samebit_market::{Height, MarketMessage, Message as MarketOrMoney, Moment, Seconds};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A reader of the chain's blocks.
#[derive(Debug)]
pub struct BlockLog {
    client: Client,
    contracts: Contracts,
    log: Log,
    /// What was read and is not told yet: blocks, each before its events.
    pending: VecDeque<Change>,
    /// Transactions of what is pending.
    sent: BTreeMap<B256, Sent>,
}

impl BlockLog {
    /// The blocks of a chain from block `first` on, which is at most the one in which Market was made.
    pub fn new(client: &Client, contracts: Contracts, first: u64, options: LogOptions) -> BlockLog {
        let filter = Filter::new().address(contracts.told().to_vec());
        let log = client.log(filter, first, options).of_blocks();
        BlockLog { client: client.clone(), contracts, log, pending: VecDeque::new(), sent: BTreeMap::new() }
    }

    /// The blocks since the last poll, in order; none if it is up to date. A long history takes several polls. After an error nothing is lost: the next
    /// poll goes on there.
    ///
    /// # Errors
    /// The chain did not answer, or what it says cannot be the contracts'.
    pub async fn poll(&mut self) -> Result<Vec<Block>, ProtocolError> {
        self.read().await?;
        let mut blocks = Vec::new();
        match self.tell_into(&mut blocks).await {
            // What could be told counts; the error comes back with the next poll if it lasts.
            Err(error) if blocks.is_empty() => Err(error),
            _ => Ok(blocks),
        }
    }

    /// Reads on; when too much waits to be told, only whether that still is what the chain says.
    async fn read(&mut self) -> Result<(), ProtocolError> {
        let changes = match self.pending.len() < limits::PENDING_CHANGES {
            true => self.log.poll().await?,
            false => self.log.roll_back().await?.into_iter().collect(),
        };
        for change in changes {
            match change {
                Change::RolledBack(kept) => self.forget_after(kept),
                change => self.pending.push_back(change),
            }
        }
        Ok(())
    }

    /// What was never told and never happened need not be told. That told blocks are gone is what the next one's parent says.
    fn forget_after(&mut self, kept: Option<u64>) {
        let is_gone = |change: &Change| match change {
            Change::Block(block) => kept.is_none_or(|kept| block.number > kept),
            Change::Added(event) => kept.is_none_or(|kept| event.block > kept),
            Change::RolledBack(_) => true,
        };
        while self.pending.back().is_some_and(is_gone) {
            self.pending.pop_back();
        }
    }

    async fn tell_into(&mut self, blocks: &mut Vec<Block>) -> Result<(), ProtocolError> {
        while blocks.len() < limits::BLOCKS_AT_ONCE {
            let Some((name, events)) = self.next_block() else { break };
            let count = events.len();
            self.fetch(count).await?;
            blocks.push(self.block(name, events)?);
            self.pending.drain(..=count);
        }
        if self.pending.is_empty() {
            self.sent.clear();
        }
        Ok(())
    }

    /// The block in front and its events: a block is read with all of them.
    fn next_block(&self) -> Option<(BlockName, Vec<Event>)> {
        let mut pending = self.pending.iter();
        let Change::Block(name) = pending.next()? else { unreachable!("events follow their block") };
        let event = |change: &Change| match change {
            Change::Added(event) => Some(event.clone()),
            _ => None,
        };
        Some((*name, pending.map_while(event).collect()))
    }

    /// Fetches the transactions of the block in front, which has so many events, and of those after it as many as one batch has.
    async fn fetch(&mut self, event_count: usize) -> Result<(), ProtocolError> {
        let is_missing = |transaction: &B256| !self.sent.contains_key(transaction);
        let transaction = |change: &Change| match change {
            Change::Added(event) => Some(event.transaction),
            _ => None,
        };
        let front = self.pending.iter().take(1 + event_count).filter_map(transaction);
        let needed = front.filter(is_missing).collect::<BTreeSet<B256>>().len();
        if needed == 0 {
            return Ok(());
        }
        // What is needed lies in front.
        let (mut seen, most) = (BTreeSet::new(), needed.max(limits::TRANSACTIONS_AT_ONCE));
        let missing = self.pending.iter().filter_map(transaction).filter(is_missing);
        let wanted: Vec<B256> = missing.filter(|transaction| seen.insert(*transaction)).take(most).collect();
        for batch in wanted.chunks(limits::TRANSACTIONS_AT_ONCE) {
            let found = self.client.sent(batch).await?;
            let known = batch.iter().zip(found).filter_map(|(transaction, sent)| Some((*transaction, sent?)));
            self.sent.extend(known);
        }
        Ok(())
    }

    fn block(&mut self, name: BlockName, events: Vec<Event>) -> Result<Block, ProtocolError> {
        let (mut said, mut done) = (Vec::new(), Vec::new());
        let mut rest = events.into_iter().peekable();
        while let Some(first) = rest.next() {
            let transaction = first.transaction;
            let mut events = vec![first];
            while let Some(event) = rest.next_if(|event| event.transaction == transaction) {
                events.push(event);
            }
            // Of a block that is gone the chain may know no transactions; whether it is gone is asked with the next poll.
            let sent = self.sent.get(&transaction).ok_or(ProtocolError::Moved { block: name.number })?;
            let told = heard(&self.contracts.told(), Some(sent), events);
            let told = told.and_then(|told| self.contracts.said(told));
            said.extend(told.ok_or(ProtocolError::Unreadable { transaction })?);
            done.push(transaction);
        }
        // Of a block that is told nothing is asked again.
        done.iter().for_each(|transaction| drop(self.sent.remove(transaction)));
        Ok(Block {
            moment: Moment { time: Seconds(name.timestamp), height: Height(name.number) },
            name: Digest(name.hash.0),
            parent: Digest(name.parent.0),
            beacon: beacon(self.contracts.beacon, name.number, name.hash),
            said,
        })
    }
}

/// What `BlockBeacon` at this address says of a block.
pub(super) fn beacon(at: Address, number: u64, hash: B256) -> Digest {
    Digest(keccak256((hash, at, U256::from(number)).abi_encode()).0)
}

impl Contracts {
    /// The messages of one transaction; a challenge with what Market has asked Dispute for it, which is no message of its own. Nothing if one
    /// does not decode.
    pub(crate) fn said(&self, told: Vec<Heard>) -> Option<Vec<Said>> {
        let mut said: Vec<Said> = Vec::new();
        for heard in told {
            let message = self.decode(heard.to, &heard.data)?;
            if heard.sender == self.market {
                let Message::Dispute(Argument::OpenQuestion { question, header }) = message else {
                    return None;
                };
                let asked = said.last_mut().filter(|said| is_unasked(&said.message))?;
                let Message::Market(MarketOrMoney::Market(challenge)) = asked.message.clone() else {
                    return None;
                };
                asked.message = Message::Challenge { challenge, question, header };
            } else {
                said.push(Said { sender: owner(heard.sender), message });
            }
        }
        said.iter().all(|said| !is_unasked(&said.message)).then_some(said)
    }
}

/// Whether it is a challenge whose question is not told yet.
fn is_unasked(message: &Message) -> bool {
    matches!(message, Message::Market(MarketOrMoney::Market(MarketMessage::Challenge { .. })))
}
