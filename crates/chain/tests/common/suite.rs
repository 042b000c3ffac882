//! What a client of this crate may expect of any chain.

use super::{LedgerProbe, amount, fold, ledger, log_of, read_all};
use samebit_chain::types::{Address, PrivateKeySigner, SolEvent, U256};
use samebit_chain::{
    Client, ClientError, LogOptions, Message, Moment, SendError, SenderOptions, accounts, deploy,
};
use std::collections::BTreeSet;

/// Runs everything against a chain whose development accounts are funded.
pub async fn run(client: Client) {
    let contract = deployment_is_idempotent(&client).await;
    payments_move_wei(&client).await;
    reverts_are_typed(&client, contract).await;
    failed_messages_leave_no_gap(&client, contract).await;
    concurrent_senders_do_not_collide(&client, contract).await;
    abandoned_messages_leave_no_gap(&client, contract).await;
    logs_are_read_in_order(&client, contract).await;
    time_passes_for_calls(&client, contract).await;
    heads_are_linked(&client).await;
}

fn quick() -> SenderOptions {
    SenderOptions { longest_pause: std::time::Duration::from_millis(100), ..SenderOptions::default() }
}

async fn deployment_is_idempotent(client: &Client) -> Address {
    let sender = client.sender(accounts::key(0), quick());
    let first = deploy(client, &sender, &[ledger()]).await.unwrap();
    let head = client.head().await.unwrap();
    let again = deploy(client, &sender, &[ledger()]).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(first["ledger"], ledger().address());
    assert!(!client.code(first["ledger"]).await.unwrap().is_empty());
    assert!(client.head().await.unwrap().number >= head.number);
    first["ledger"]
}

async fn payments_move_wei(client: &Client) {
    let sender = client.sender(accounts::key(1), quick());
    let to = PrivateKeySigner::random().address();
    let receipt = sender.send(Message::pay(to, amount(12_345))).await.unwrap();
    assert_eq!(receipt.gas_used, 21_000);
    assert_eq!(client.balance(to).await.unwrap(), amount(12_345));
    let broke = client.sender(PrivateKeySigner::random(), quick());
    let error = broke.send(Message::pay(to, amount(1)).with_gas_limit(21_000)).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Refused(why) if why.to_lowercase().contains("insufficient funds")),
        "{error}"
    );
}

async fn reverts_are_typed(client: &Client, contract: Address) {
    let sender = client.sender(accounts::key(2), quick());
    let to = accounts::key(3).address();
    let call = LedgerProbe::moveCall { to, amount: U256::MAX };
    let expected = |balance| LedgerProbe::NotEnough { account: sender.address(), balance, amount: U256::MAX };
    let balance = balance_of(client, contract, sender.address()).await;

    // Found out before anything is sent.
    let error = sender.send(Message::call(contract, &call)).await.unwrap_err();
    let SendError::WouldRevert(revert) = error else { panic!("{error}") };
    let typed = revert.decode::<LedgerProbe::LedgerProbeErrors>();
    assert_eq!(typed, Some(LedgerProbe::LedgerProbeErrors::NotEnough(expected(balance))));

    // Sent all the same, since its gas was given.
    let error = sender.send(Message::call(contract, &call).with_gas_limit(200_000)).await.unwrap_err();
    let SendError::Reverted { revert: Some(revert), .. } = error else { panic!("{error}") };
    assert_eq!(revert.decode::<LedgerProbe::LedgerProbeErrors>(), typed);

    let error =
        client.call(contract, &LedgerProbe::enterCall { opening: U256::MAX }, Moment::Now).await.unwrap_err();
    let ClientError::Reverted(revert) = error else { panic!("{error}") };
    let typed = revert.decode::<LedgerProbe::LedgerProbeErrors>();
    assert!(
        matches!(typed, Some(LedgerProbe::LedgerProbeErrors::TooEarly(early)) if early.opening == U256::MAX)
    );
}

async fn balance_of(client: &Client, contract: Address, account: Address) -> U256 {
    let call = LedgerProbe::balanceOfCall { account };
    client.call(contract, &call, Moment::LastBlock).await.unwrap()
}

/// A payment that no account can make.
fn too_much() -> Message {
    let wei = U256::from(10).pow(amount(40));
    Message::pay(accounts::key(0).address(), wei).with_gas_limit(21_000)
}

async fn failed_messages_leave_no_gap(client: &Client, contract: Address) {
    let sender = client.sender(accounts::key(4), quick());
    // More than it has: refused, and its nonce is used by the next.
    let call = LedgerProbe::mintCall { amount: amount(5) };
    let error = sender.send(too_much()).await.unwrap_err();
    assert!(matches!(error, SendError::Refused(_)), "{error}");
    sender.send(Message::call(contract, &call)).await.unwrap();
}

async fn concurrent_senders_do_not_collide(client: &Client, contract: Address) {
    const EACH: u64 = 12;
    let keys = [5, 6].map(accounts::key);
    let before = [
        balance_of(client, contract, keys[0].address()).await,
        balance_of(client, contract, keys[1].address()).await,
    ];
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..EACH {
        for key in &keys {
            // Each asks for its own sender of the same account; one in three messages is refused.
            let sender = client.sender(key.clone(), quick());
            running.spawn(async move {
                let call = LedgerProbe::mintCall { amount: amount(1) };
                assert!(matches!(sender.send(too_much()).await, Err(SendError::Refused(_))));
                sender.send(Message::call(contract, &call)).await.unwrap();
                sender.send(Message::call(contract, &call).with_gas_limit(150_000)).await.unwrap().transaction
            });
        }
    }
    let mut hashes = BTreeSet::new();
    while let Some(hash) = running.join_next().await {
        hashes.insert(hash.unwrap());
    }
    assert_eq!(hashes.len() as u64, 2 * EACH);
    for (key, before) in keys.iter().zip(before) {
        assert_eq!(balance_of(client, contract, key.address()).await - before, amount(2 * EACH));
    }
}

async fn abandoned_messages_leave_no_gap(client: &Client, contract: Address) {
    let sender = client.sender(accounts::key(7), quick());
    let call = LedgerProbe::mintCall { amount: amount(1) };
    for _ in 0..3 {
        let message = Message::call(contract, &call);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(300), sender.send(message)).await;
    }
    sender.send(Message::call(contract, &call)).await.unwrap();
}

async fn logs_are_read_in_order(client: &Client, contract: Address) {
    let sender = client.sender(accounts::key(8), quick());
    let mut log = log_of(client, contract, 0, LogOptions::default());
    let mut events = read_all(&mut log).await;
    let read = events.len();
    for value in 1..=5 {
        let call = LedgerProbe::mintCall { amount: amount(value) };
        sender.send(Message::call(contract, &call)).await.unwrap();
        fold(&mut log, &mut events).await;
    }
    assert_eq!(events.len(), read + 5);
    for (index, event) in events.iter().enumerate() {
        let moved = LedgerProbe::Moved::decode_log(&event.data).unwrap();
        assert_eq!(moved.index, amount(index as u64));
    }
    let places: Vec<(u64, u64)> = events.iter().map(|event| (event.block, event.index)).collect();
    assert!(places.is_sorted());
    // The same from pages of another size, block by block, and from the middle.
    for options in [
        LogOptions { page_blocks: 3, reorg_depth: 1 },
        LogOptions { page_blocks: 100_000, reorg_depth: 4 },
        LogOptions { page_blocks: 1, reorg_depth: 500 },
    ] {
        assert_eq!(read_all(&mut log_of(client, contract, 0, options)).await, events, "{options:?}");
    }
    let middle = events[events.len() / 2].block;
    let later: Vec<_> = events.iter().filter(|event| event.block >= middle).cloned().collect();
    assert_eq!(read_all(&mut log_of(client, contract, middle, LogOptions::default())).await, later);
}

async fn time_passes_for_calls(client: &Client, contract: Address) {
    let opening = client.head().await.unwrap().timestamp + 2;
    let call = LedgerProbe::enterCall { opening: amount(opening) };
    let began = std::time::Instant::now();
    // Nobody sends anything, and still a call sees the opening come.
    loop {
        match client.call(contract, &call, Moment::Now).await {
            Ok(time) => {
                assert!(time >= amount(opening));
                return;
            }
            Err(ClientError::Reverted(_)) => {}
            Err(other) => panic!("{other}"),
        }
        assert!(began.elapsed().as_secs() < 30, "the chain's time stands still");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn heads_are_linked(client: &Client) {
    let head = client.head().await.unwrap();
    assert!(head.number > 1);
    let parent = client.block((head.number - 1).into()).await.unwrap().unwrap();
    assert_eq!(head.parent, parent.hash);
    assert!(head.timestamp >= parent.timestamp);
    assert_eq!(client.block((head.number + 1_000_000).into()).await.unwrap(), None);
}
