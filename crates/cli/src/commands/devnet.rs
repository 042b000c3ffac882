//! `samebit devnet`: the embedded chain with the contracts, served on this machine until somebody stops it.
//!
//! Its accounts are funded, and everybody has their keys: it is for one machine and for tests. The folder keeps the chain; started again, it goes
//! on where it was. While it runs, the folder has a samebit.toml with the chain's URL and contracts, so that commands started there use it.

use super::dispute::failed;
use crate::arguments::Devnet as Arguments;
use crate::failure::{Exit, Failure, Outcome};
use crate::files::write_whole;
use crate::interrupt::Interrupt;
use crate::screen::Screen;
use samebit_chain::{ChainError, Devnet, DevnetBuilder, DevnetConfig, DevnetError, Options, PacedClock};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The chain's seconds from a block to the next, at most: less than those of a slow block, so that its clocks run as on any chain.
const BLOCK_SECONDS: u64 = 25;

/// Where commands look for a chain.
pub const CONFIG: &str = "samebit.toml";

/// How the file begins that a development chain has written.
const INSECURE: &str = "# INSECURE: everybody has the keys of";

/// What scripts are told when the chain is served.
#[derive(Serialize)]
struct Report {
    rpc_url: String,
    chain_id: u64,
    contracts: BTreeMap<String, String>,
    /// Everybody has these keys.
    insecure_accounts: Vec<Account>,
    config: PathBuf,
}

#[derive(Serialize)]
struct Account {
    address: String,
    private_key: String,
}

/// Runs a development chain.
pub fn devnet(arguments: &Arguments, screen: &Screen) -> Outcome {
    std::fs::create_dir_all(&arguments.dir).map_err(|error| Failure::file(&arguments.dir, &error))?;
    check_folder(&arguments.dir)?;
    let interrupt = Interrupt::listen();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("no threads for the chain: {error}")))?;
    runtime.block_on(async {
        let devnet = start(arguments).await?;
        let path = arguments.dir.join(CONFIG);
        write_whole(&path, toml(&devnet.config).as_bytes())?;
        let report = Report::new(&devnet.config, path.clone());
        report.say(screen);
        screen.object(&report);
        while !interrupt.is_asked() {
            tokio::time::sleep(LOOK).await;
        }
        devnet.stop().await;
        // The chain is no longer where it says.
        std::fs::remove_file(&path).map_err(|error| Failure::file(&path, &error))
    })?;
    screen.note(format!(
        "the chain is stopped; `samebit devnet --dir {}` goes on with it",
        arguments.dir.display()
    ));
    Ok(Exit::Ok)
}

/// The folder is a chain's or empty: what is written into it, and removed, is nobody else's.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    let config = folder.join(CONFIG);
    let is_foreign = match std::fs::read_to_string(&config) {
        Ok(text) => !text.starts_with(INSECURE),
        Err(_) => config.exists(),
    };
    let mut names = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    if is_foreign || (!folder.join(Devnet::FILE).exists() && names.next().is_some()) {
        return Err(Failure::input(format!(
            "{} holds something else than a development chain",
            folder.display()
        ))
        .with_hint("give another --dir"));
    }
    Ok(())
}

/// A development chain in a folder, with the contracts, served on a port of this machine.
pub fn builder(folder: &Path, port: u16, pace: u32) -> DevnetBuilder {
    let block = Duration::from_millis(BLOCK_SECONDS * 1_000 / u64::from(pace)).min(Duration::from_secs(1));
    let options = Options { empty_blocks: Some(block), development_clock: true };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Devnet::in_folder(folder).options(options).serve(address).deploy_protocol()
}

async fn start(arguments: &Arguments) -> Result<Devnet, Failure> {
    let clock = PacedClock::new(arguments.pace);
    builder(&arguments.dir, arguments.port, arguments.pace).start_with_clock(clock).await.map_err(|error| {
        match error {
            DevnetError::Chain(
                error @ (ChainError::OpenElsewhere(_)
                | ChainError::Listen { .. }
                | ChainError::OtherGenesis { .. }),
            ) => Failure { exit: Exit::Input, ..failed(error) },
            error => failed(error),
        }
    })
}

/// The part of samebit.toml that says where the chain is.
pub fn toml(config: &DevnetConfig) -> String {
    let mut text = format!("{INSECURE} a development chain's accounts. Never use them elsewhere.\n[chain]\n");
    let url = config.rpc_url.as_deref().unwrap_or_default();
    write!(text, "chain_id = {}\nrpc_url = {url:?}\n\n[chain.contracts]\n", config.chain_id).expect("memory");
    for (name, address) in &config.contracts {
        writeln!(text, "{name} = \"{address}\"").expect("memory");
    }
    for account in &config.insecure_accounts {
        let (address, key) = (account.address, account.private_key);
        write!(text, "\n[[chain.insecure_accounts]]\naddress = \"{address}\"\nprivate_key = \"{key}\"\n")
            .expect("memory");
    }
    text
}

impl Report {
    fn new(config: &DevnetConfig, path: PathBuf) -> Report {
        let contracts = config.contracts.iter().map(|(name, address)| (name.clone(), address.to_string()));
        let accounts = config.insecure_accounts.iter().map(|account| Account {
            address: account.address.to_string(),
            private_key: account.private_key.to_string(),
        });
        Report {
            rpc_url: config.rpc_url.clone().unwrap_or_default(),
            chain_id: config.chain_id,
            contracts: contracts.collect(),
            insecure_accounts: accounts.collect(),
            config: path,
        }
    }

    fn say(&self, screen: &Screen) {
        screen.say(format!("chain {} at {}", self.chain_id, self.rpc_url));
        for (name, address) in &self.contracts {
            screen.say(format!("contract {name:<8} {address}"));
        }
        screen.say("INSECURE accounts: everybody has these keys; never use them on another chain");
        for Account { address, private_key } in &self.insecure_accounts {
            screen.say(format!("  {address}  {private_key}"));
        }
        screen.say(format!("written to {}; Ctrl-C stops the chain", Path::new(&self.config).display()));
    }
}
