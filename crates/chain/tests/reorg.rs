//! A reader of events while the chain changes its mind: a transport that serves forks, switched between any two requests.

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{Header, Signed, TxEnvelope, TxLegacy};
use alloy::primitives::{Address, B256, Bytes, Log as EventData, Signature, TxKind, keccak256};
use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::rpc::types::{Block, Filter, FilterBlockOption, Header as RpcHeader, Log as RpcLog, Transaction};
use alloy::sol_types::SolValue;
use alloy::transports::{TransportError, TransportFut};
use proptest::prelude::*;
use samebit_chain::dispute::{DisputeChange, DisputeContract};
use samebit_chain::protocol::{Block as Told, BlockLog, Contracts};
use samebit_chain::{Change, Client, ClientError, Event, Log, LogOptions};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

/// A block: its hash, and how many events it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FakeBlock {
    parent: B256,
    hash: B256,
    events: u8,
}

/// A chain that may be reorganised, now or before a later request.
#[derive(Debug, Default)]
struct World {
    blocks: Vec<FakeBlock>,
    salt: u64,
    /// Reorgs to come: after how many more requests, how deep, and by how many blocks of how many events.
    planned: Vec<(u32, usize, u8)>,
    /// Whether no block follows the one before it, as when every request is answered from another fork.
    is_torn: bool,
    /// Whether every event tells of a message of a dispute.
    is_dispute: bool,
    /// Blocks of which one request for logs may be, beyond the few that are always granted.
    pages_limit: usize,
    /// Requests and batches that were made.
    packets: usize,
    /// Requests for a block by its number that are answered before one fails.
    blocks_until_failure: Option<u32>,
}

impl World {
    fn extend(&mut self, events: u8) {
        self.salt += 1;
        let parent = self.blocks.last().map_or(B256::ZERO, |block| block.hash);
        let hash = keccak256([parent.as_slice(), &self.salt.to_be_bytes()].concat());
        self.blocks.push(FakeBlock { parent, hash, events });
    }

    /// Replaces the last blocks, and adds one.
    fn reorganise(&mut self, depth: usize, events: u8) {
        let depth = depth.min(self.blocks.len() - 1);
        self.blocks.truncate(self.blocks.len() - depth);
        for _ in 0..=depth {
            self.extend(events);
        }
    }

    fn event(&self, number: usize, index: u8) -> RpcLog {
        let block = &self.blocks[number];
        let data = [block.hash.as_slice(), &[index]].concat();
        let plain = EventData::new_unchecked(Address::ZERO, vec![], Bytes::from(data));
        RpcLog {
            inner: if self.is_dispute { relayed(block.hash) } else { plain },
            block_hash: Some(block.hash),
            block_number: Some(number as u64),
            transaction_hash: Some(keccak256([index])),
            transaction_index: Some(0),
            log_index: Some(index.into()),
            ..RpcLog::default()
        }
    }

    fn events(&self, from: usize, to: usize) -> Vec<RpcLog> {
        let numbers = from..(to + 1).min(self.blocks.len());
        numbers
            .flat_map(|number| (0..self.blocks[number].events).map(move |index| self.event(number, index)))
            .collect()
    }

    fn answer(&mut self, request: &SerializedRequest) -> ResponsePayload {
        for planned in &mut self.planned {
            planned.0 = planned.0.saturating_sub(1);
        }
        if let Some(position) = self.planned.iter().position(|planned| planned.0 == 0) {
            let (_, depth, events) = self.planned.remove(position);
            self.reorganise(depth, events);
        }
        let parameters = request.params().map_or("[]", RawValue::get);
        match request.method() {
            "eth_chainId" => success(&"0x1"),
            "eth_getCode" => success(&"0x01"),
            "eth_getBlockByNumber" => {
                let (number, _): (String, bool) = serde_json::from_str(parameters).unwrap();
                let number = match number.strip_prefix("0x") {
                    Some(digits) => usize::from_str_radix(digits, 16).unwrap(),
                    None => self.blocks.len() - 1,
                };
                match &mut self.blocks_until_failure {
                    Some(0) => {
                        self.blocks_until_failure = None;
                        return failure("busy");
                    }
                    Some(left) => *left -= 1,
                    None => {}
                }
                let block = self.blocks.get(number).copied();
                let parent = |block: FakeBlock| if self.is_torn { block.hash } else { block.parent };
                success(&block.map(|block| rpc_block(number, &FakeBlock { parent: parent(block), ..block })))
            }
            "eth_getTransactionByHash" => {
                let (hash,): (B256,) = serde_json::from_str(parameters).unwrap();
                success(&foreign(hash))
            }
            "eth_getLogs" => {
                let (filter,): (Filter,) = serde_json::from_str(parameters).unwrap();
                self.logs(&filter)
            }
            other => panic!("{other}"),
        }
    }

    fn logs(&self, filter: &Filter) -> ResponsePayload {
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => {
                match self.blocks.iter().position(|block| block.hash == hash) {
                    Some(number) => (number, number),
                    None => return failure("unknown block"),
                }
            }
            FilterBlockOption::Range { .. } => {
                let (from, to) = filter.extract_block_range();
                (from.unwrap() as usize, to.unwrap() as usize)
            }
        };
        if to - from > self.pages_limit.max(4) {
            return failure("query returned too many blocks");
        }
        success(&self.events(from, to))
    }
}

/// A withdrawal that reached the contract through another one; its sender says in which block.
fn relayed(block: B256) -> EventData {
    let sender = Address::from_slice(&block[..20]);
    let message = Bytes::copy_from_slice(&keccak256("withdraw()")[..4]);
    let topics = vec![keccak256("Relayed(address,bytes)"), sender.into_word()];
    EventData::new_unchecked(Address::ZERO, topics, message.abi_encode().into())
}

/// A transaction to a contract that is none of ours, of an account that has said nothing.
fn foreign(hash: B256) -> Transaction {
    let payment = TxLegacy { to: TxKind::Call(Address::repeat_byte(9)), ..TxLegacy::default() };
    let signed = Signed::new_unchecked(payment, Signature::test_signature(), hash);
    Transaction {
        inner: Recovered::new_unchecked(TxEnvelope::Legacy(signed), Address::repeat_byte(8)),
        block_hash: Some(B256::ZERO),
        block_number: Some(0),
        transaction_index: Some(0),
        effective_gas_price: Some(0),
        block_timestamp: None,
    }
}

fn rpc_block(number: usize, block: &FakeBlock) -> Block {
    let inner = Header { number: number as u64, parent_hash: block.parent, ..Header::default() };
    Block {
        header: RpcHeader { hash: block.hash, inner, total_difficulty: None, size: None },
        ..Block::default()
    }
}

fn success(value: &impl serde::Serialize) -> ResponsePayload {
    ResponsePayload::Success(to_raw_value(value).unwrap())
}

fn failure(message: &'static str) -> ResponsePayload {
    ResponsePayload::Failure(ErrorPayload { code: -32000, message: message.into(), data: None })
}

#[derive(Clone)]
struct Fake(Arc<Mutex<World>>);

impl tower::Service<RequestPacket> for Fake {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let mut world = self.0.lock().unwrap();
        world.packets += 1;
        let mut answer = |request: &SerializedRequest| {
            let payload = world.answer(request);
            Response { id: request.id().clone(), payload }
        };
        let answers = match &packet {
            RequestPacket::Single(request) => ResponsePacket::Single(answer(request)),
            RequestPacket::Batch(requests) => {
                ResponsePacket::Batch(requests.iter().map(&mut answer).collect())
            }
        };
        Box::pin(async move { Ok(answers) })
    }
}

/// One thing that happens between polls.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Extend {
        blocks: u8,
        events: u8,
    },
    Reorganise {
        depth: usize,
        events: u8,
    },
    /// A reorg in the middle of a later poll.
    Plan {
        requests: u32,
        depth: usize,
        events: u8,
    },
    Poll,
}

const DEPTH: usize = 6;

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => (1..12u8, 0..3u8).prop_map(|(blocks, events)| Happening::Extend { blocks, events }),
        1 => (0..DEPTH - 1, 0..3u8).prop_map(|(depth, events)| Happening::Reorganise { depth, events }),
        1 => (1..30u32, 0..2usize, 0..3u8)
            .prop_map(|(requests, depth, events)| Happening::Plan { requests, depth, events }),
        3 => Just(Happening::Poll),
    ]
}

fn fold(events: &mut Vec<Event>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Added(event) => {
                let place = |event: &Event| (event.block, event.index);
                assert!(events.last().is_none_or(|last| place(last) < place(&event)), "events out of order");
                events.push(event);
            }
            Change::RolledBack(kept) => events.retain(|event| kept.is_some_and(|kept| event.block <= kept)),
            Change::Block(block) => panic!("a log of events tells block {block:?}"),
        }
    }
}

async fn client(world: &Arc<Mutex<World>>) -> Client {
    Client::over(Fake(Arc::clone(world))).await.unwrap()
}

fn log(client: &Client, first: u64) -> Log {
    client.log(Filter::new(), first, LogOptions { page_blocks: 9, reorg_depth: DEPTH })
}

async fn settle(log: &mut Log, events: &mut Vec<Event>) {
    loop {
        let before = log.next_block();
        let changes = log.poll().await.unwrap();
        if changes.is_empty() && log.next_block() == before {
            return;
        }
        fold(events, changes);
    }
}

#[test]
fn folded_changes_are_always_what_the_chain_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(happenings in prop::collection::vec(happening(), 1..40), first in 0..5u64)| {
        runtime.block_on(async {
            let world = Arc::new(Mutex::new(World::default()));
            world.lock().unwrap().extend(1);
            let client = client(&world).await;
            let (mut log, mut events) = (log(&client, first), Vec::new());
            let mut depth_since_poll = 0;
            for happening in happenings {
                match happening {
                    Happening::Extend { blocks, events } => {
                        (0..blocks).for_each(|_| world.lock().unwrap().extend(events));
                    }
                    // Deeper than what is remembered would be an error, and is another test.
                    Happening::Reorganise { depth, events } if depth_since_poll + depth + 1 < DEPTH => {
                        depth_since_poll += depth + 1;
                        world.lock().unwrap().reorganise(depth, events);
                    }
                    Happening::Plan { requests, depth, events } if world.lock().unwrap().planned.is_empty() => {
                        depth_since_poll += depth + 1;
                        world.lock().unwrap().planned.push((requests, depth, events));
                    }
                    Happening::Poll => {
                        settle(&mut log, &mut events).await;
                        if world.lock().unwrap().planned.is_empty() {
                            depth_since_poll = 0;
                        }
                    }
                    _ => {}
                }
            }
            world.lock().unwrap().planned.clear();
            settle(&mut log, &mut events).await;
            let world = world.lock().unwrap();
            let expected = world.events(first as usize, world.blocks.len() - 1);
            let found: Vec<_> = events.into_iter().map(|event| (event.block_hash, event.index, event.data)).collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|log| (log.block_hash.unwrap(), log.log_index.unwrap(), log.inner))
                .collect();
            assert_eq!(found, expected);
        });
    });
}

#[tokio::test]
async fn a_reorg_deeper_than_memory_is_an_error_that_stays() {
    let world = Arc::new(Mutex::new(World::default()));
    (0..60).for_each(|_| world.lock().unwrap().extend(1));
    let client = client(&world).await;
    let (mut log, mut events) = (log(&client, 0), Vec::new());
    settle(&mut log, &mut events).await;
    assert_eq!(events.len(), 60);
    world.lock().unwrap().reorganise(50, 1);
    for _ in 0..3 {
        assert!(matches!(log.poll().await, Err(ClientError::ReorgTooDeep { depth: DEPTH, .. })));
    }
}

#[tokio::test]
async fn a_chain_that_never_fits_together_is_an_error() {
    let world = Arc::new(Mutex::new(World::default()));
    (0..4).for_each(|_| world.lock().unwrap().extend(1));
    let client = client(&world).await;
    world.lock().unwrap().is_torn = true;
    let mut log = log(&client, 0);
    assert!(matches!(log.poll().await, Err(ClientError::Unsteady(_))));
    world.lock().unwrap().is_torn = false;
    assert_eq!(log.poll().await.unwrap().len(), 4);
}

/// Whichever request fails once, each message is told once and nothing of what the chain took back is left.
#[tokio::test]
async fn a_dispute_loses_nothing_to_a_failed_request() {
    for failing in 0..24 {
        let world = Arc::new(Mutex::new(World { is_dispute: true, ..World::default() }));
        (0..4).for_each(|_| world.lock().unwrap().extend(2));
        let contract = DisputeContract::at(&client(&world).await, Address::ZERO).await.unwrap();
        let mut log = contract.log(0, LogOptions { page_blocks: 9, reorg_depth: DEPTH });
        let (mut told, mut failures) = (Vec::new(), 0);
        for depth in [0, 2, 1] {
            world.lock().unwrap().reorganise(depth, 2);
            world.lock().unwrap().blocks_until_failure = Some(failing);
            // What failed while it was read is gone by the next time.
            for is_changed in [true, false, false] {
                match log.poll().await {
                    Ok(changes) => tell(&mut told, changes),
                    Err(_) => failures += 1,
                }
                if is_changed {
                    world.lock().unwrap().reorganise(1, 2);
                }
            }
        }
        world.lock().unwrap().blocks_until_failure = None;
        let changes = log.poll().await.unwrap();
        tell(&mut told, changes);
        let world = world.lock().unwrap();
        // Events of a block are of one transaction each.
        let of_block =
            |(number, block): (u64, &FakeBlock)| [(); 2].map(|()| (number, block.hash[..20].to_vec()));
        let expected: Vec<_> = (0..).zip(&world.blocks).flat_map(of_block).collect();
        assert_eq!(told, expected, "request {failing}, {failures} failures");
    }
}

fn tell(told: &mut Vec<(u64, Vec<u8>)>, changes: Vec<DisputeChange>) {
    for change in changes {
        match change {
            DisputeChange::Accepted(accepted) => told.push((accepted.block, accepted.sender.0.to_vec())),
            DisputeChange::RolledBack(kept) => {
                told.retain(|(block, _)| kept.is_some_and(|kept| *block <= kept))
            }
        }
    }
}

fn blocks_of(client: &Client, first: u64) -> BlockLog {
    let [market, stake, fund, beacon, token] = [1, 2, 3, 4, 5].map(Address::with_last_byte);
    let contracts = Contracts { market, stake, fund, dispute: Address::ZERO, beacon, token };
    BlockLog::new(client, contracts, first, LogOptions { page_blocks: 9, reorg_depth: DEPTH })
}

/// Blocks as a peer folds them: one whose parent was told before is another branch.
fn fold_blocks(told: &mut Vec<Told>, blocks: Vec<Told>) {
    for block in blocks {
        while told.last().is_some_and(|last| last.name != block.parent) {
            told.pop();
        }
        told.push(block);
    }
}

/// Polls until all is read; requests may fail a few times.
async fn settle_blocks(log: &mut BlockLog, told: &mut Vec<Told>) {
    let mut failures = 0;
    loop {
        match log.poll().await {
            Ok(blocks) if blocks.is_empty() => return,
            Ok(blocks) => fold_blocks(told, blocks),
            Err(error) => {
                failures += 1;
                assert!(failures < 4, "{error}");
            }
        }
    }
}

/// What is folded is what the chain says: every block, and in each all that was said.
fn check_blocks(world: &World, first: u64, told: &[Told]) {
    let expected: Vec<(Vec<u8>, u64, usize)> = (0..)
        .zip(&world.blocks)
        .skip(first as usize)
        .map(|(number, block)| (block.hash.to_vec(), number, usize::from(block.events)))
        .collect();
    let found: Vec<(Vec<u8>, u64, usize)> =
        told.iter().map(|block| (block.name.0.to_vec(), block.moment.height.0, block.said.len())).collect();
    assert_eq!(found, expected);
    for block in told {
        assert!(block.said.iter().all(|said| said.sender.0 == block.name.0[..20]), "of this branch");
    }
}

#[test]
fn folded_blocks_are_always_what_the_chain_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let failing = prop::option::weighted(0.3, 0..20u32);
    let happenings = prop::collection::vec((happening(), failing), 1..30);
    proptest!(config, |(happenings in happenings, first in 0..2u64)| {
        runtime.block_on(async {
            let world = Arc::new(Mutex::new(World { is_dispute: true, ..World::default() }));
            (0..3).for_each(|_| world.lock().unwrap().extend(1));
            let client = client(&world).await;
            let (mut log, mut told, mut depth_since_poll) = (blocks_of(&client, first), Vec::new(), 0);
            for (happening, failing) in happenings {
                match happening {
                    Happening::Extend { blocks, events } => {
                        (0..blocks).for_each(|_| world.lock().unwrap().extend(events));
                    }
                    Happening::Reorganise { depth, events } if depth_since_poll + depth + 1 < DEPTH => {
                        // The first block that was read is never taken back.
                        let depth = depth.min(world.lock().unwrap().blocks.len() - 2);
                        depth_since_poll += depth + 1;
                        world.lock().unwrap().reorganise(depth, events);
                    }
                    Happening::Plan { requests, depth, events } if world.lock().unwrap().planned.is_empty() => {
                        depth_since_poll += depth + 1;
                        world.lock().unwrap().planned.push((requests, depth, events));
                    }
                    Happening::Poll => {
                        world.lock().unwrap().blocks_until_failure = failing;
                        settle_blocks(&mut log, &mut told).await;
                        world.lock().unwrap().blocks_until_failure = None;
                        if world.lock().unwrap().planned.is_empty() {
                            depth_since_poll = 0;
                        }
                    }
                    _ => {}
                }
            }
            world.lock().unwrap().planned.clear();
            settle_blocks(&mut log, &mut told).await;
            check_blocks(&world.lock().unwrap(), first, &told);
            // Who comes late is told the same.
            let (mut late, mut again) = (blocks_of(&client, first), Vec::new());
            settle_blocks(&mut late, &mut again).await;
            assert!(again == told);
        });
    });
}

/// Thousands of empty blocks: a poll is bounded, and a request is not made for each.
#[tokio::test]
async fn a_long_history_takes_few_requests() {
    let world = Arc::new(Mutex::new(World { is_dispute: true, ..World::default() }));
    (0..5_000).for_each(|number| world.lock().unwrap().extend(u8::from(number % 1_000 == 0)));
    let client = client(&world).await;
    let contracts = Contracts {
        market: Address::with_last_byte(1),
        stake: Address::with_last_byte(2),
        fund: Address::with_last_byte(3),
        dispute: Address::ZERO,
        beacon: Address::with_last_byte(4),
        token: Address::with_last_byte(5),
    };
    let options = LogOptions { page_blocks: 1_000, reorg_depth: DEPTH };
    let (mut log, mut told) = (BlockLog::new(&client, contracts, 0, options), Vec::new());
    world.lock().unwrap().pages_limit = 1_000;
    world.lock().unwrap().packets = 0;
    let mut polls = 0;
    loop {
        let blocks = log.poll().await.unwrap();
        assert!(blocks.len() <= samebit_chain::limits::BLOCKS_AT_ONCE);
        if blocks.is_empty() {
            break;
        }
        polls += 1;
        fold_blocks(&mut told, blocks);
    }
    check_blocks(&world.lock().unwrap(), 0, &told);
    let packets = world.lock().unwrap().packets;
    println!("{packets} requests in {polls} polls");
    assert!(packets < 300, "{packets} requests for 5,000 blocks");
}
