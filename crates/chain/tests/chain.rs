//! The embedded chain by itself: what it accepts, when it acknowledges, and what is in the file afterwards.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy::eips::BlockNumberOrTag;
use alloy::eips::eip2718::Encodable2718;
use alloy::network::TxSignerSync;
use alloy::primitives::{Address, Bytes, TxKind, U256, hex};
use alloy::providers::Provider;
use samebit_chain::embedded::{BASE_FEE_WEI, BENEFICIARY};
use samebit_chain::types::PrivateKeySigner;
use samebit_chain::{Chain, ChainError, Client, Genesis, ManualClock, Options, Refusal, accounts, limits};
use std::path::Path;
use std::sync::Arc;

const ETHER: u128 = 10u128.pow(18);

fn genesis() -> Genesis {
    let funded: Vec<Address> = (0..4).map(|index| accounts::key(index).address()).collect();
    Genesis::funding(&funded, ETHER).unwrap()
}

fn open(folder: &Path) -> Chain {
    Chain::open(folder.join("chain"), &genesis(), Options::default()).unwrap()
}

fn payment(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: Genesis::DEVELOPMENT_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: u128::from(2 * BASE_FEE_WEI),
        max_priority_fee_per_gas: 3,
        to: TxKind::Call(Address::repeat_byte(7)),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    }
}

fn signed(key: &PrivateKeySigner, mut transaction: TxEip1559) -> Bytes {
    let signature = key.sign_transaction_sync(&mut transaction).unwrap();
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

async fn refusal(chain: &Chain, bytes: impl Into<Bytes>) -> Refusal {
    match chain.submit(bytes).await.unwrap_err() {
        ChainError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

/// Wei that the blocks burnt.
async fn burnt(client: &Client, last: u64) -> U256 {
    let mut gas = 0;
    for number in 0..=last {
        gas += client.provider().get_block_by_number(number.into()).await.unwrap().unwrap().header.gas_used;
    }
    U256::from(gas) * U256::from(BASE_FEE_WEI)
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let (key, mut hashes) = (accounts::key(0), Vec::new());
    let chain = open(folder.path());
    for nonce in 0..5 {
        hashes.push(chain.submit(signed(&key, payment(nonce))).await.unwrap());
    }
    let head = chain.head().unwrap();
    drop(chain);
    let chain = open(folder.path());
    assert_eq!(chain.head().unwrap(), head);
    assert_eq!(chain.nonce(key.address()).unwrap(), 5);
    assert_eq!(chain.balance(Address::repeat_byte(7)).unwrap(), U256::from(5));
    let client = Client::in_process(&chain).await.unwrap();
    for hash in hashes {
        let receipt = client.provider().get_transaction_receipt(hash).await.unwrap().unwrap();
        assert!(receipt.status());
        assert_eq!(receipt.effective_gas_price, u128::from(BASE_FEE_WEI) + 3);
    }
    // Nothing came from nowhere and only the base fee is gone; the tips are with the beneficiary.
    assert_eq!(chain.balance(BENEFICIARY).unwrap(), U256::from(5 * 21_000 * 3));
    let all = U256::from(4 * ETHER);
    assert_eq!(chain.wei_of_all().unwrap() + burnt(&client, head.number).await, all);
}

#[tokio::test]
async fn a_file_is_one_chain_and_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path());
    let again = Chain::open(folder.path().join("chain"), &genesis(), Options::default());
    assert!(matches!(again, Err(ChainError::OpenElsewhere(_))));
    drop(chain);
    let other = Genesis { chain_id: 1, ..genesis() };
    let again = Chain::open(folder.path().join("chain"), &other, Options::default());
    assert!(matches!(again, Err(ChainError::OtherGenesis { .. })));
    std::fs::write(folder.path().join("text"), "this is no chain").unwrap();
    assert!(Chain::open(folder.path().join("text"), &genesis(), Options::default()).is_err());
}

#[tokio::test]
async fn the_same_transactions_make_the_same_blocks() {
    let mut heads = Vec::new();
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain");
        let chain =
            Chain::open_with_clock(path, &genesis(), Options::default(), ManualClock::at(1_000)).unwrap();
        for nonce in 0..3 {
            chain.submit(signed(&accounts::key(1), payment(nonce))).await.unwrap();
        }
        heads.push(chain.head().unwrap());
        let client = Client::in_process(&chain).await.unwrap();
        for number in 0..=3u64 {
            let block = client.provider().get_block_by_number(number.into()).await.unwrap().unwrap();
            assert_eq!(block.header.inner.hash_slow(), block.header.hash);
        }
    }
    assert_eq!(heads[0], heads[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_may_arrive_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (open(folder.path()), accounts::key(2));
    let mut running = tokio::task::JoinSet::new();
    for nonce in [3, 1, 2, 0, 4, 1] {
        let (chain, bytes) = (chain.clone(), signed(&key, payment(nonce)));
        running.spawn(async move { chain.submit(bytes).await.unwrap() });
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(running.join_all().await.len(), 6);
    assert_eq!(chain.nonce(key.address()).unwrap(), 5);
    assert_eq!(chain.pending_nonce(key.address()).unwrap(), 5);
    // What is on the chain is acknowledged again; another transaction with its nonce is not.
    chain.submit(signed(&key, payment(1))).await.unwrap();
    let other = TxEip1559 { value: U256::from(2), ..payment(1) };
    assert_eq!(refusal(&chain, signed(&key, other)).await, Refusal::NonceTooLow { next: 5, found: 1 });
    let far = payment(5 + limits::NONCE_GAP + 1);
    assert!(matches!(refusal(&chain, signed(&key, far)).await, Refusal::NonceTooHigh { next: 5, .. }));
    let gap = refusal(&chain, signed(&key, payment(6))).await;
    assert!(matches!(gap, Refusal::NonceGap { missing: 5, .. }), "{gap}");
    chain.submit(signed(&key, payment(5))).await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_nonce_can_be_paid_for() {
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path());
    let broke = signed(&PrivateKeySigner::random(), payment(3));
    let submitted = tokio::time::timeout(std::time::Duration::from_secs(5), refusal(&chain, broke)).await;
    assert!(matches!(submitted, Ok(Refusal::Funds { balance: U256::ZERO, .. })), "{submitted:?}");

    // Each can be paid for, both cannot.
    let half = |nonce| TxEip1559 { value: U256::from(ETHER / 2), ..payment(nonce) };
    let first = {
        let (chain, bytes) = (chain.clone(), signed(&accounts::key(1), half(2)));
        tokio::spawn(async move { chain.submit(bytes).await })
    };
    tokio::task::yield_now().await;
    let second = refusal(&chain, signed(&accounts::key(1), half(3))).await;
    assert!(matches!(second, Refusal::Funds { cost, .. } if cost > U256::from(ETHER)), "{second}");
    for nonce in 0..2 {
        chain.submit(signed(&accounts::key(1), payment(nonce))).await.unwrap();
    }
    first.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_arrive_together_share_blocks() {
    const EACH: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path());
    let mut running = tokio::task::JoinSet::new();
    for key in (0..4).map(accounts::key) {
        for nonce in 0..EACH {
            let (chain, bytes) = (chain.clone(), signed(&key, payment(nonce)));
            running.spawn(async move { chain.submit(bytes).await.unwrap() });
        }
    }
    assert_eq!(running.join_all().await.len() as u64, 4 * EACH);
    let blocks = chain.head().unwrap().number;
    assert!(blocks < 4 * EACH / 2, "{blocks} blocks");
    for key in (0..4).map(accounts::key) {
        assert_eq!(chain.nonce(key.address()).unwrap(), EACH);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_block_leaves_the_rest_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let chain = open(folder.path());
    let mut running = tokio::task::JoinSet::new();
    for nonce in 0..8 {
        // Creation code that is an invalid instruction uses up all its gas.
        let (to, input) = (TxKind::Create, hex!("fe").into());
        let burning =
            TxEip1559 { to, input, value: U256::ZERO, gas_limit: limits::TRANSACTION_GAS, ..payment(nonce) };
        let (chain, bytes) = (chain.clone(), signed(&accounts::key(0), burning));
        running.spawn(async move { chain.submit(bytes).await.unwrap() });
    }
    running.join_all().await;
    let client = Client::in_process(&chain).await.unwrap();
    let head = chain.head().unwrap().number;
    assert!(head >= 3);
    let mut count = 0;
    for number in 1..=head {
        let block = client.provider().get_block_by_number(number.into()).await.unwrap().unwrap();
        assert!(block.header.gas_used <= limits::BLOCK_GAS);
        count += block.transactions.len();
    }
    assert_eq!(count, 8);
}

#[tokio::test]
async fn what_no_chain_accepts_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (open(folder.path()), accounts::key(0));
    assert!(matches!(refusal(&chain, vec![0x02, 0xc0]).await, Refusal::Encoding(_)));
    assert!(matches!(refusal(&chain, vec![]).await, Refusal::Encoding(_)));
    let long = vec![0; limits::TRANSACTION_BYTES + 1];
    assert!(matches!(refusal(&chain, long).await, Refusal::TooLong { .. }));
    let elsewhere = TxEip1559 { chain_id: 1, ..payment(0) };
    assert!(matches!(
        refusal(&chain, signed(&key, elsewhere)).await,
        Refusal::ChainId { found: Some(1), .. }
    ));
    let greedy = TxEip1559 { gas_limit: limits::TRANSACTION_GAS + 1, ..payment(0) };
    assert!(matches!(refusal(&chain, signed(&key, greedy)).await, Refusal::GasLimit { .. }));
    let cheap = TxEip1559 { max_fee_per_gas: 1, max_priority_fee_per_gas: 0, ..payment(0) };
    assert!(matches!(refusal(&chain, signed(&key, cheap)).await, Refusal::FeeTooLow { .. }));
    let tight = TxEip1559 { gas_limit: 20_999, ..payment(0) };
    assert!(matches!(refusal(&chain, signed(&key, tight)).await, Refusal::Invalid(_)));
    let rich = TxEip1559 { value: U256::from(2 * ETHER), ..payment(0) };
    let poor = refusal(&chain, signed(&key, rich)).await;
    assert!(poor.to_string().contains("insufficient funds"), "{poor}");
    // Without a chain id a signature would count on every chain.
    let mut anywhere = TxLegacy { gas_limit: 21_000, gas_price: BASE_FEE_WEI.into(), ..TxLegacy::default() };
    let signature = key.sign_transaction_sync(&mut anywhere).unwrap();
    let anywhere = TxEnvelope::from(anywhere.into_signed(signature)).encoded_2718();
    assert!(matches!(refusal(&chain, anywhere).await, Refusal::ChainId { found: None, .. }));
    assert_eq!(chain.head().unwrap().number, 0);
    chain.submit(signed(&key, payment(0))).await.unwrap();
}

#[tokio::test]
async fn time_is_the_clocks_and_never_falls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let clock = Arc::new(ManualClock::at(5_000));
    let options = Options { development_clock: true, ..Options::default() };
    let chain = Chain::open_with_clock(&path, &genesis(), options, Arc::clone(&clock)).unwrap();
    let client = Client::in_process(&chain).await.unwrap();
    let now =
        async |client: &Client| client.block(BlockNumberOrTag::Pending).await.unwrap().unwrap().timestamp;
    assert_eq!(now(&client).await, 5_000);
    assert_eq!(chain.mine().await.unwrap(), 1);
    assert_eq!(chain.head().unwrap().timestamp, 5_000);
    clock.advance(7);
    assert_eq!(now(&client).await, 5_007);
    assert_eq!(chain.advance_clock(100).unwrap(), 100);
    chain.mine().await.unwrap();
    assert_eq!(chain.head().unwrap().timestamp, 5_107);
    drop((chain, client));

    // The clock went back: the chain's time stands still until the clock is there again, or goes on where it was.
    let chain = Chain::open_with_clock(&path, &genesis(), Options::default(), ManualClock::at(10)).unwrap();
    chain.mine().await.unwrap();
    assert_eq!(chain.head().unwrap().timestamp, 5_107);
    assert!(matches!(chain.advance_clock(1), Err(ChainError::ClockIsReal)));
    drop(chain);
    let chain = Chain::open_with_clock(&path, &genesis(), options, ManualClock::at(10)).unwrap();
    assert_eq!(chain.now(), 5_107);
    assert!(matches!(chain.advance_clock(limits::CLOCK_STEP_SECONDS + 1), Err(ChainError::ClockStep(_))));
}

#[tokio::test]
async fn empty_blocks_come_when_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { empty_blocks: Some(std::time::Duration::from_millis(20)), ..Options::default() };
    let chain = Chain::open(folder.path().join("chain"), &genesis(), options).unwrap();
    let began = std::time::Instant::now();
    while chain.head().unwrap().number < 3 {
        assert!(began.elapsed().as_secs() < 30);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(chain);
    let chain = open(folder.path());
    let head = chain.head().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(chain.head().unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_a_refused_transaction_waits_for_its_nonce() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (open(folder.path()), accounts::key(3));
    // Nonces 1 to 5 wait for nonce 0; when it comes it cannot run, and then another takes its place.
    let mut running = tokio::task::JoinSet::new();
    for nonce in 1..6 {
        let (chain, bytes) = (chain.clone(), signed(&key, payment(nonce)));
        running.spawn(async move { chain.submit(bytes).await });
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let tight = TxEip1559 { gas_limit: 20_999, ..payment(0) };
    assert!(matches!(refusal(&chain, signed(&key, tight)).await, Refusal::Invalid(_)));
    assert_eq!(chain.pending_nonce(key.address()).unwrap(), 0);
    chain.submit(signed(&key, payment(0))).await.unwrap();
    for result in running.join_all().await {
        result.unwrap();
    }
    assert_eq!(chain.nonce(key.address()).unwrap(), 6);
}
