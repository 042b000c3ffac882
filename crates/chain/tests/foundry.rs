//! The same client on another engine (anvil), and another client (cast) on our chain. They come from npm:
//! `cargo xtask foundry` installs them and runs these tests, which are behind the feature `foundry`.

mod common;

use alloy::providers::Provider;
use common::{LedgerProbe, amount, fold, ledger, log_of};
use samebit_chain::types::{Address, PrivateKeySigner};
use samebit_chain::{Client, Devnet, LogOptions, Message, SenderOptions, accounts, deploy};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program of that name among npm's packages in the folder that the environment names. It is the program itself, not the
/// script that starts it and cannot be ended together with it.
fn program(name: &str) -> PathBuf {
    let folder =
        std::env::var("SAMEBIT_FOUNDRY").expect("SAMEBIT_FOUNDRY names the folder of npm's packages");
    let packages = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let is_platform = |file: &str| file.starts_with(&format!("{name}-"));
    let mut packages = packages.filter(|entry| is_platform(&entry.file_name().to_string_lossy()));
    let package = packages.next().unwrap_or_else(|| panic!("no {name} for this machine in {folder}"));
    package.path().join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// anvil with a block a second; it ends with this value.
struct Anvil {
    process: Child,
    url: String,
}

impl Anvil {
    async fn start() -> (Self, Client) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program("anvil"));
        command.args(["--silent", "--block-time", "1", "--port", &port.to_string()]);
        let process = command.stdout(Stdio::null()).spawn().unwrap();
        let anvil = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        loop {
            if let Ok(client) = Client::connect(&anvil.url).await {
                return (anvil, client);
            }
            assert!(began.elapsed() < Duration::from_secs(30), "anvil does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_passes_on_anvil() {
    let (_anvil, client) = Anvil::start().await;
    common::suite::run(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_follows_anvil_through_a_reorg() {
    let (_anvil, client) = Anvil::start().await;
    let sender = client.sender(accounts::key(0), SenderOptions::default());
    let contract = deploy(&client, &sender, &[ledger()]).await.unwrap()["ledger"];
    let mint = LedgerProbe::mintCall { amount: amount(1) };
    sender.send(Message::call(contract, &mint)).await.unwrap();
    let (mut log, mut events) = (log_of(&client, contract, 0, LogOptions::default()), Vec::new());
    fold(&mut log, &mut events).await;
    sender.send(Message::call(contract, &mint)).await.unwrap();
    fold(&mut log, &mut events).await;
    assert_eq!(events.len(), 2);
    let gone = events[1].block;
    // Replaces the last block by empty ones: the second event never happened.
    let depth = client.head().await.unwrap().number - gone + 1;
    let _: serde_json::Value =
        client.provider().raw_request("anvil_reorg".into(), (depth, [(); 0])).await.unwrap();
    fold(&mut log, &mut events).await;
    assert_eq!(events.len(), 1);
    let again = common::read_all(&mut log_of(&client, contract, 0, LogOptions::default())).await;
    assert_eq!(events, again);
}

/// Runs cast and returns what it prints.
fn cast(url: &str, arguments: &[&str]) -> String {
    let output = Command::new(program("cast")).args(arguments).args(["--rpc-url", url]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cast {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What `cast` reads and writes, the same on every chain.
async fn cast_agrees(url: &str, client: &Client) {
    let sender = client.sender(accounts::key(1), SenderOptions::default());
    let contract = deploy(client, &sender, &[ledger()]).await.unwrap()["ledger"];
    let mint = LedgerProbe::mintCall { amount: amount(77) };
    let receipt = sender.send(Message::call(contract, &mint)).await.unwrap();
    let (address, account) = (contract.to_string(), sender.address().to_string());
    assert_eq!(cast(url, &["chain-id"]), client.chain_id().to_string());
    assert!(cast(url, &["block-number"]).parse::<u64>().unwrap() >= receipt.block);
    assert_eq!(cast(url, &["call", &address, "balanceOf(address)(uint256)", &account]), "77");
    assert_eq!(cast(url, &["storage", &address, "1"]).trim_start_matches("0x").trim_start_matches('0'), "4d");
    assert!(cast(url, &["code", &address]).len() > 100);
    assert!(
        cast(url, &["receipt", &receipt.transaction.to_string(), "blockNumber"])
            .contains(&receipt.block.to_string())
    );
    assert!(
        cast(url, &["tx", &receipt.transaction.to_string()]).contains(&address.to_lowercase()[2..])
            || cast(url, &["tx", &receipt.transaction.to_string()]).contains(&address)
    );
    let event = "Moved(uint256 indexed,address indexed,address indexed,uint256)";
    assert!(cast(url, &["logs", "--from-block", "0", "--address", &address, event]).contains("blockNumber"));
    assert!(cast(url, &["block", "latest"]).contains("baseFeePerGas"));
    assert_eq!(cast(url, &["nonce", &account]), "2");
    let to: Address = PrivateKeySigner::random().address();
    let key = accounts::key(2).to_bytes().to_string();
    let arguments = ["send", &to.to_string(), "--value", "5", "--private-key", &key];
    assert!(cast(url, &arguments).contains("status               1"));
    assert_eq!(cast(url, &["balance", &to.to_string()]), "5");
    assert!(
        cast(url, &["estimate", &to.to_string(), "--value", "5", "--from", &account]).parse::<u64>().unwrap()
            >= 21_000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cast_reads_and_writes_our_chain() {
    let folder = tempfile::tempdir().unwrap();
    let devnet =
        Devnet::in_folder(folder.path()).serve("127.0.0.1:0".parse().unwrap()).start().await.unwrap();
    let url = devnet.config.rpc_url.clone().unwrap();
    cast_agrees(&url, &devnet.client).await;
    devnet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cast_reads_our_contracts_on_anvil() {
    let (anvil, client) = Anvil::start().await;
    cast_agrees(&anvil.url.clone(), &client).await;
}
