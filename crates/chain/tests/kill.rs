//! A process that runs the chain under load is killed at random moments; what it acknowledged is there afterwards.

mod common;

use alloy::providers::Provider;
use common::{LedgerProbe, amount, ledger};
use samebit_chain::embedded::BASE_FEE_WEI;
use samebit_chain::types::{Address, B256, U256};
use samebit_chain::{Chain, Client, Genesis, Message, Moment, Options, SenderOptions, accounts, deploy};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Names the folder of the chain to the process that is to be killed.
const FOLDER: &str = "SAMEBIT_CHAIN_KILLED";
const KILLS: u64 = 50;
const SENDERS: u32 = 5;
const TASKS_EACH: usize = 6;
const WEI_EACH: u128 = 1_000 * 10u128.pow(18);

fn file(folder: &Path) -> PathBuf {
    folder.join("chain.redb")
}

fn open(folder: &Path) -> Chain {
    let funded: Vec<Address> = (0..SENDERS).map(|index| accounts::key(index).address()).collect();
    let genesis = Genesis::funding(&funded, WEI_EACH).unwrap();
    Chain::open(file(folder), &genesis, Options::default()).unwrap()
}

/// The process that is killed: not a test by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let chain = open(Path::new(&folder));
    let client = Client::in_process(&chain).await.unwrap();
    let deployer = client.sender(accounts::key(0), SenderOptions::default());
    let contract = deploy(&client, &deployer, &[ledger()]).await.unwrap()["ledger"];
    say("ready");
    let mut running = tokio::task::JoinSet::new();
    for index in 0..SENDERS {
        for task in 0..TASKS_EACH {
            let sender = client.sender(accounts::key(index), SenderOptions::default());
            let to = accounts::key((index + 1) % SENDERS).address();
            running.spawn(async move {
                let mint = LedgerProbe::mintCall { amount: amount(1_000_000) };
                let give = LedgerProbe::moveCall { to, amount: amount(task as u64 + 1) };
                let mut message = Message::call(contract, &mint);
                loop {
                    let receipt = sender.send(message.with_gas_limit(150_000)).await.unwrap();
                    say(&format!("{index} {} {} {}", receipt.transaction, receipt.block, receipt.block_hash));
                    message = Message::call(contract, &give);
                }
            });
        }
    }
    running.join_all().await;
}

/// Writes a line that outlives the process: one write to the pipe.
fn say(line: &str) {
    // The test's own output is on the same pipe; the mark tells ours.
    std::io::stdout().lock().write_all(format!("\n>{line}\n").as_bytes()).unwrap();
}

/// What one life acknowledged.
struct Acknowledged {
    account: u32,
    transaction: B256,
    block: u64,
    block_hash: B256,
}

/// Starts the process, kills it, and returns what it acknowledged.
fn live_and_die(folder: &Path, round: u64) -> Vec<Acknowledged> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed", "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (lines, received) = std::sync::mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        for line in output.lines() {
            if lines.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    // Some lives end before the chain is open or has begun; most under load.
    let random = random(round);
    let is_early = round % 5 == 4;
    if !is_early {
        while received.recv_timeout(Duration::from_secs(60)).expect("the process gets ready") != ">ready" {}
    }
    std::thread::sleep(Duration::from_micros(random % if is_early { 60_000 } else { 400_000 }));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    received.try_iter().filter_map(|line| acknowledged(&line)).collect()
}

fn acknowledged(line: &str) -> Option<Acknowledged> {
    let words: Vec<&str> = line.strip_prefix('>')?.split(' ').collect();
    let [account, transaction, block, block_hash] = words.as_slice() else { return None };
    Some(Acknowledged {
        account: account.parse().ok()?,
        transaction: transaction.parse().ok()?,
        block: block.parse().ok()?,
        block_hash: block_hash.parse().ok()?,
    })
}

/// Numbers that are the same in every run (SplitMix64).
fn random(seed: u64) -> u64 {
    let mut z = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut count, mut slowest) = (0, Duration::ZERO);
    let mut by_account: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut gas, mut checked) = (0, 0);
    for round in 0..KILLS {
        let acknowledged = live_and_die(folder.path(), round);
        let began = Instant::now();
        let chain = open(folder.path());
        let elapsed = began.elapsed();
        assert!(elapsed < Duration::from_secs(3), "life {round}: reopening took {elapsed:?}");
        slowest = slowest.max(elapsed);
        let client = Client::in_process(&chain).await.unwrap();
        for one in &acknowledged {
            let receipt = client.provider().get_transaction_receipt(one.transaction).await.unwrap();
            let receipt = receipt.unwrap_or_else(|| panic!("life {round}: {} is lost", one.transaction));
            assert!(receipt.status());
            assert_eq!((receipt.block_number, receipt.block_hash), (Some(one.block), Some(one.block_hash)));
            *by_account.entry(one.account).or_default() += 1;
        }
        count += acknowledged.len();
        for (account, acknowledged) in &by_account {
            assert!(chain.nonce(accounts::key(*account).address()).unwrap() >= *acknowledged);
        }
        // Every block is whole, and only the base fee of its gas is gone.
        let head = chain.head().unwrap();
        for number in checked..=head.number {
            let block = client.provider().get_block_by_number(number.into()).await.unwrap().unwrap();
            let receipts = client.provider().get_block_receipts(number.into()).await.unwrap().unwrap();
            assert_eq!(receipts.len(), block.transactions.len());
            assert_eq!(receipts.iter().map(|receipt| receipt.gas_used).sum::<u64>(), block.header.gas_used);
            gas += block.header.gas_used;
        }
        checked = head.number + 1;
        let burnt = U256::from(gas) * U256::from(BASE_FEE_WEI);
        assert_eq!(chain.wei_of_all().unwrap() + burnt, U256::from(u128::from(SENDERS) * WEI_EACH));
        ledger_agrees(&client).await;
    }
    let blocks = checked;
    let bytes = std::fs::metadata(file(folder.path())).unwrap().len();
    println!(
        "{KILLS} kills, {count} acknowledged, {blocks} blocks, {bytes} bytes, slowest reopening {slowest:?}"
    );
    assert!(count > KILLS as usize, "too little load: {count} acknowledged");
}

/// The contract's own books: the sum of all balances is what was minted.
async fn ledger_agrees(client: &Client) {
    let contract = ledger().address();
    if client.code(contract).await.unwrap().is_empty() {
        return;
    }
    let total = client.call(contract, &LedgerProbe::totalCall {}, Moment::LastBlock).await.unwrap();
    let mut sum = U256::ZERO;
    for index in 0..SENDERS {
        let account = accounts::key(index).address();
        sum +=
            client.call(contract, &LedgerProbe::balanceOfCall { account }, Moment::LastBlock).await.unwrap();
    }
    assert_eq!(sum, total);
}
