//! Block 0: who has what before the first transaction.

use super::records::AccountRecord;
use super::state::Changes;
use crate::error::ChainError;
use alloy::consensus::constants::KECCAK_EMPTY;
use alloy::primitives::{Address, B256, Bytes, U256, address, hex, keccak256};
use std::collections::BTreeMap;

/// The contract that deploys code at an address that depends on the code alone. Other chains have it at the same address.
pub const DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The runtime code of [`DEPLOYER`]: `create2(value, input[32..], salt = input[..32])`, or a revert.
const DEPLOYER_CODE: [u8; 69] = hex!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// What a chain begins with. Two chains with the same genesis and the same transactions in the same blocks have the same hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The number that signatures are bound to.
    pub chain_id: u64,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Wei by account.
    pub balances: BTreeMap<Address, u128>,
}

impl Genesis {
    /// The chain id that development chains have unless told otherwise.
    pub const DEVELOPMENT_CHAIN_ID: u64 = 31_337;

    /// A genesis that gives each account the same amount.
    pub fn funding(accounts: &[Address], wei: u128) -> Result<Self, ChainError> {
        let mut balances = BTreeMap::new();
        for account in accounts {
            if balances.insert(*account, wei).is_some() {
                return Err(ChainError::GenesisTwice(*account));
            }
        }
        Ok(Self { chain_id: Self::DEVELOPMENT_CHAIN_ID, timestamp: 0, balances })
    }

    /// The state of block 0: the balances and the contract that deploys contracts.
    pub(super) fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        for (account, wei) in &self.balances {
            let record = AccountRecord { nonce: 0, balance: U256::from(*wei), code_hash: KECCAK_EMPTY };
            changes.accounts.insert(*account, Some(record));
        }
        let code = Bytes::from_static(&DEPLOYER_CODE);
        let (code_hash, balance) =
            (keccak256(&code), U256::from(self.balances.get(&DEPLOYER).copied().unwrap_or(0)));
        changes.accounts.insert(DEPLOYER, Some(AccountRecord { nonce: 1, balance, code_hash }));
        changes.codes.insert(code_hash, code);
        changes
    }

    /// The digest of everything in it.
    pub(super) fn digest(&self) -> B256 {
        let mut bytes = b"samebit/chain/genesis/1".to_vec();
        bytes.extend(self.chain_id.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        for (account, wei) in &self.balances {
            bytes.extend(account.as_slice());
            bytes.extend(wei.to_be_bytes());
        }
        keccak256(bytes)
    }
}
