//! Contracts at addresses that follow from their code: deploying twice is deploying once, on every chain.

use crate::client::{Client, ClientError, Message, SendError, Sender};
use crate::embedded::DEPLOYER;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use std::collections::BTreeMap;

/// A contract to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What it is called in the configuration.
    pub name: String,
    /// Its creation code with the constructor's arguments behind it. Its constructor is called by the deployer, not by the
    /// account that pays.
    pub creation_code: Bytes,
}

impl Artifact {
    /// A contract by name.
    pub fn new(name: impl Into<String>, creation_code: impl Into<Bytes>) -> Self {
        Self { name: name.into(), creation_code: creation_code.into() }
    }

    /// Where it will be, on every chain that has the deployer.
    pub fn address(&self) -> Address {
        DEPLOYER.create2(B256::ZERO, keccak256(&self.creation_code))
    }
}

/// Why contracts were not deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The chain lacks the contract that deploys.
    #[error(
        "chain {chain_id} has no deployer at {DEPLOYER} (hint: https://github.com/Arachnid/deterministic-deployment-proxy)"
    )]
    NoDeployer {
        /// The chain.
        chain_id: u64,
    },
    /// Two contracts have the same name.
    #[error("two contracts are called `{0}`")]
    NameTwice(String),
    /// The chain could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The transaction failed.
    #[error("`{name}` was not deployed: {source}")]
    Send {
        /// The contract.
        name: String,
        /// What went wrong.
        source: SendError,
    },
    /// The transaction went through, but the code is not there.
    #[error(
        "`{name}` is not at {address} after its deployment (hint: its constructor reverts, or the chain limits the size of code)"
    )]
    NoCode {
        /// The contract.
        name: String,
        /// Where it should be.
        address: Address,
    },
}

/// Deploys what is not there yet, in order, and returns where everything is.
pub async fn deploy(
    client: &Client,
    sender: &Sender,
    artifacts: &[Artifact],
) -> Result<BTreeMap<String, Address>, DeployError> {
    if client.code(DEPLOYER).await?.is_empty() {
        return Err(DeployError::NoDeployer { chain_id: client.chain_id() });
    }
    let mut addresses = BTreeMap::new();
    for artifact in artifacts {
        let (name, address) = (&artifact.name, artifact.address());
        if addresses.insert(name.clone(), address).is_some() {
            return Err(DeployError::NameTwice(name.clone()));
        }
        if client.code(address).await?.is_empty() {
            deploy_one(client, sender, artifact, address).await?;
        }
    }
    Ok(addresses)
}

async fn deploy_one(
    client: &Client,
    sender: &Sender,
    artifact: &Artifact,
    address: Address,
) -> Result<(), DeployError> {
    let salted = [B256::ZERO.as_slice(), &artifact.creation_code].concat();
    let message = Message { to: DEPLOYER.into(), ..Message::create(salted.into()) };
    let sent = sender.send(message).await;
    // Somebody else may have been faster; what counts is that the code is there.
    let is_there = !client.code(address).await?.is_empty();
    match sent {
        _ if is_there => Ok(()),
        Ok(_) => Err(DeployError::NoCode { name: artifact.name.clone(), address }),
        Err(source) => Err(DeployError::Send { name: artifact.name.clone(), source }),
    }
}
