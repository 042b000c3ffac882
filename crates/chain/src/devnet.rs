//! A chain for development in one call: funded accounts, contracts, HTTP if wanted, and a configuration to write down.

use crate::accounts::{self, PublicAccount};
use crate::client::{Client, ClientError, SenderOptions};
use crate::deployment::{Artifact, DeployError, deploy};
use crate::embedded::{Chain, Clock, Genesis, Options, Server, SystemClock};
use crate::error::ChainError;
use crate::{dispute, market};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Wei of each account: ten thousand ether.
const FUNDS_WEI: u128 = 10_000 * 10u128.pow(18);
/// Accounts that are funded unless told otherwise.
const DEFAULT_ACCOUNTS: u32 = 10;
/// The account of the seed, which has no key.
const SEED: Address = Address::with_last_byte(0x5e);
/// How long a development chain goes without a block: contracts see time pass.
const EMPTY_BLOCKS: Duration = Duration::from_secs(1);

/// Why a development chain did not start.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A contract was not deployed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Too many or too few accounts.
    #[error("{0} accounts are not 1 to {max}", max = accounts::ACCOUNTS)]
    Accounts(u32),
}

/// What to start.
#[derive(Clone, Debug)]
pub struct DevnetBuilder {
    folder: PathBuf,
    accounts: u32,
    options: Options,
    address: Option<SocketAddr>,
    artifacts: Vec<Artifact>,
    made: BTreeMap<String, Address>,
    seed: u64,
}

/// A development chain that runs; dropping it stops it. What it wrote stays in its folder.
#[derive(Debug)]
pub struct Devnet {
    /// The chain.
    pub chain: Chain,
    /// A client of it in this process.
    pub client: Client,
    /// The HTTP server, if one was asked for.
    pub server: Option<Server>,
    /// What programs need to know of it.
    pub config: DevnetConfig,
}

/// What programs need to know of a chain. It is written as TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevnetConfig {
    /// The number that signatures are bound to.
    pub chain_id: u64,
    /// Where it is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpc_url: Option<String>,
    /// The contracts by name.
    pub contracts: BTreeMap<String, Address>,
    /// The funded accounts. **Everybody has their keys.**
    pub insecure_accounts: Vec<PublicAccount>,
}

impl DevnetConfig {
    /// The configuration as a file, with a warning above it.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string(self).expect("numbers, strings and tables can be written as TOML");
        format!(
            "# A development chain. INSECURE: everybody has the keys of these accounts. Never use them elsewhere.\n{body}"
        )
    }

    /// Reads what [`to_toml`](Self::to_toml) wrote.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

impl Devnet {
    /// The chain's file in its folder.
    pub const FILE: &str = "chain.redb";

    /// A development chain in this folder, which is made if it is not there.
    pub fn in_folder(folder: impl Into<PathBuf>) -> DevnetBuilder {
        let options = Options { empty_blocks: Some(EMPTY_BLOCKS), development_clock: true };
        DevnetBuilder {
            folder: folder.into(),
            accounts: DEFAULT_ACCOUNTS,
            options,
            address: None,
            artifacts: Vec::new(),
            made: BTreeMap::new(),
            seed: 0,
        }
    }

    /// Stops serving, waits for what was asked, and closes the chain.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

impl DevnetBuilder {
    /// How many accounts are funded; they are part of the genesis, so a chain keeps the number it began with.
    pub fn accounts(self, accounts: u32) -> Self {
        Self { accounts, ..self }
    }

    /// How the chain behaves.
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Serves the chain over HTTP on a loopback address; port 0 takes any free one.
    pub fn serve(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Deploys a contract, after those before it, unless it is there.
    pub fn deploy(mut self, artifact: Artifact) -> Self {
        self.artifacts.push(artifact);
        self
    }

    /// Deploys all contracts of the protocol, over a token that everybody may make, with the first account as the treasury.
    pub fn deploy_protocol(self) -> Self {
        let treasury = accounts::key(0).address();
        let court = dispute::artifacts(dispute::owner(treasury));
        let token = market::test_token();
        let trade = market::artifacts(court[2].address(), token.address(), treasury, market::SLOW_BLOCK);
        let made = market::made_by(trade[trade.len() - 1].address());
        let all = court.into_iter().chain([token]).chain(trade);
        let net = all.fold(self, Self::deploy);
        made.into_iter().fold(net, |net, (name, address)| net.made(name, address))
    }

    /// Names a contract that one of the deployed ones makes.
    pub fn made(mut self, name: impl Into<String>, address: Address) -> Self {
        self.made.insert(name.into(), address);
        self
    }

    /// What its beacon follows from, besides its blocks: part of the genesis, as what nobody's account has.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Starts it with the machine's clock.
    pub async fn start(self) -> Result<Devnet, DevnetError> {
        self.start_with_clock(SystemClock).await
    }

    /// Starts it with another clock.
    pub async fn start_with_clock(self, clock: impl Clock) -> Result<Devnet, DevnetError> {
        if !(1..=accounts::ACCOUNTS).contains(&self.accounts) {
            return Err(DevnetError::Accounts(self.accounts));
        }
        let keys: Vec<_> = (0..self.accounts).map(accounts::key).collect();
        let addresses: Vec<Address> = keys.iter().map(|key| key.address()).collect();
        let mut genesis = Genesis::funding(&addresses, FUNDS_WEI)?;
        if self.seed > 0 {
            genesis.balances.insert(SEED, self.seed.into());
        }
        let chain = Chain::open_with_clock(self.folder.join(Devnet::FILE), &genesis, self.options, clock)?;
        let client = Client::in_process(&chain).await?;
        let sender = client.sender(keys[0].clone(), SenderOptions::default());
        let mut contracts = deploy(&client, &sender, &self.artifacts).await?;
        contracts.extend(self.made);
        let server = match self.address {
            Some(address) => Some(Server::start(&chain, address).await?),
            None => None,
        };
        let config = DevnetConfig {
            chain_id: chain.chain_id(),
            rpc_url: server.as_ref().map(Server::url),
            contracts,
            insecure_accounts: keys.iter().map(PublicAccount::of).collect(),
        };
        Ok(Devnet { chain, client, server, config })
    }
}
