//! Where a dispute is settled: the embedded chain or one at a URL, with the contracts, two funded owners and a clock.

use crate::arguments::Court;
use crate::failure::{Exit, Failure};
use crate::machine::ChainConfig;
use crate::screen::Screen;
use samebit_chain::dispute::{self, DisputeContract, DisputeError};
use samebit_chain::types::{Address, PrivateKeySigner};
use samebit_chain::{Client, ClientError, Devnet, Genesis, SenderOptions, accounts, deploy};
use samebit_dispute::{Owner, Question, Seconds};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Wherever half of a lost bond goes.
pub fn fund() -> Owner {
    dispute::owner(accounts::key(0).address())
}

/// Between two looks at a chain whose clock nobody moves.
const PAUSE: Duration = Duration::from_millis(500);

/// The chain of a dispute.
pub struct Place {
    pub contract: DisputeContract,
    pub client: Client,
    /// The owners' keys.
    pub keys: [PrivateKeySigner; 2],
    /// The first block of the dispute.
    pub first_block: u64,
    can_move_time: bool,
    /// Keeps the embedded chain, and its folder if that is a temporary one.
    _embedded: Option<(Devnet, Option<TempDir>)>,
}

impl Place {
    /// Opens the chain that is asked for and deploys the contracts if they are not there.
    pub async fn open(court: &Court, screen: &Screen) -> Result<Place, Failure> {
        let config = ChainConfig::of_project()?;
        let url = court.rpc_url.as_ref().or(config.rpc_url.as_ref());
        match url.filter(|_| court.chain.is_none()) {
            Some(url) => {
                let known =
                    config.contracts.get(dispute::DISPUTE).filter(|_| config.rpc_url.as_ref() == Some(url));
                let known = known.map(|text| parse_address(text).map_err(Failure::input)).transpose()?;
                Place::remote(url, court.contract.or(known), court, screen).await
            }
            None => Place::embedded(court.chain.as_deref(), fund()).await,
        }
    }

    /// Opens the embedded chain, in this folder or a temporary one, with the contracts that give half of a lost bond to this fund.
    pub async fn embedded(folder: Option<&Path>, fund: Owner) -> Result<Place, Failure> {
        let (folder, temporary) = match folder {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let temporary =
                    TempDir::new().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let mut devnet = Devnet::in_folder(&folder);
        for artifact in dispute::artifacts(fund) {
            devnet = devnet.deploy(artifact);
        }
        let devnet = devnet.start().await.map_err(failed)?;
        let address = devnet.config.contracts[dispute::DISPUTE];
        let client = devnet.client.clone();
        let contract = DisputeContract::at(&client, address).await?;
        let first_block = client.head().await?.number;
        let keys = [accounts::key(1), accounts::key(2)];
        let _embedded = Some((devnet, temporary));
        Ok(Place { contract, client, keys, first_block, can_move_time: true, _embedded })
    }

    async fn remote(
        url: &str,
        contract: Option<Address>,
        court: &Court,
        screen: &Screen,
    ) -> Result<Place, Failure> {
        let client = Client::connect(url).await?;
        let keys = owners(&client, court)?;
        let address = match contract {
            Some(address) => address,
            None => {
                screen.note("deploying the contracts, unless they are there");
                let sender = client.sender(keys[0].clone(), SenderOptions::default());
                let deployed = deploy(&client, &sender, &dispute::artifacts(fund())).await.map_err(failed)?;
                deployed[dispute::DISPUTE]
            }
        };
        let contract = DisputeContract::at(&client, address).await?;
        let first_block = client.head().await?.number;
        let can_move_time = contract.advance_clock(0).await?;
        Ok(Place { contract, client, keys, first_block, can_move_time, _embedded: None })
    }

    /// Whether time passes when it is told to.
    pub fn can_move_time(&self) -> bool {
        self.can_move_time
    }

    /// The question, or one that differs from it in nothing that matters if it was asked before.
    pub async fn distinct(&self, mut question: Question) -> Result<Question, Failure> {
        while self.contract.status(question.id()).await?.is_some() {
            question.entry_seconds = Seconds(question.entry_seconds.0 + 1);
        }
        Ok(question)
    }

    /// The time of the last block.
    pub async fn now(&self) -> Result<Seconds, Failure> {
        Ok(Seconds(self.client.head().await?.timestamp))
    }

    /// Lets time pass: up to `due` on a chain for development, a moment elsewhere.
    pub async fn wait(&self, due: Option<Seconds>) -> Result<(), Failure> {
        match due.filter(|_| self.can_move_time) {
            Some(due) => {
                let seconds = due.0.saturating_sub(self.now().await?.0);
                self.contract.advance_clock(seconds).await?;
            }
            None => tokio::time::sleep(PAUSE).await,
        }
        Ok(())
    }
}

/// The keys of the two owners: from the environment, or those that everybody has on a development chain.
fn owners(client: &Client, court: &Court) -> Result<[PrivateKeySigner; 2], Failure> {
    let parse = |text: &String| {
        text.parse::<PrivateKeySigner>().map_err(|_| {
            Failure::input("a key is 32 bytes in hexadecimal digits")
                .with_hint("SAMEBIT_KEY_A and SAMEBIT_KEY_B are the private keys of the two owners")
        })
    };
    match (&court.key_a, &court.key_b) {
        (Some(a), Some(b)) => Ok([parse(a)?, parse(b)?]),
        (None, None) if client.chain_id() == Genesis::DEVELOPMENT_CHAIN_ID => {
            Ok([accounts::key(1), accounts::key(2)])
        }
        _ => Err(Failure::input(format!(
            "chain {} is no development chain: whose claims are they?",
            client.chain_id()
        ))
        .with_hint("set SAMEBIT_KEY_A and SAMEBIT_KEY_B to the private keys of two funded accounts")),
    }
}

/// What the chain says when it does not work.
pub fn failed(error: impl std::fmt::Display) -> Failure {
    let text = error.to_string();
    let text = match text.strip_suffix(')').and_then(|text| text.rsplit_once(" (hint: ")) {
        Some((message, hint)) => format!("{message}\nhint: {hint}"),
        None => text,
    };
    Failure::new(Exit::Failed, text)
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match &error {
            ClientError::Request { .. } => Failure { exit: Exit::Unreachable, ..failed(error) }.with_hint(
                "is the chain running? its URL is from --rpc-url, SAMEBIT_RPC_URL or samebit.toml here",
            ),
            ClientError::Url { .. } => Failure { exit: Exit::Input, ..failed(error) },
            _ => failed(error),
        }
    }
}

impl From<DisputeError> for Failure {
    fn from(error: DisputeError) -> Failure {
        match error {
            DisputeError::Client(error) => error.into(),
            DisputeError::NoContract(_) => Failure { exit: Exit::Input, ..failed(error) },
            _ => failed(error),
        }
    }
}

/// Reads an address.
pub fn parse_address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| "an address is 0x and 40 hexadecimal digits".to_owned())
}
