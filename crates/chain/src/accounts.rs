//! Keys that everybody has.

use alloy::primitives::{Address, B256};
use alloy::signers::local::coins_bip39::English;
use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner};
use serde::{Deserialize, Serialize};

/// The phrase that development chains have used for years: wallets and tools know its accounts. **Whatever these accounts own on
/// a public chain is taken at once.**
pub const PHRASE: &str = "test test test test test test test test test test test junk";

/// The most accounts that a development chain funds.
pub const ACCOUNTS: u32 = 256;

/// The `index`-th key of [`PHRASE`] (BIP-44: m/44'/60'/0'/0/index).
///
/// # Panics
/// When the index is not below [`ACCOUNTS`].
pub fn key(index: u32) -> PrivateKeySigner {
    assert!(index < ACCOUNTS, "account {index} of {ACCOUNTS}");
    let builder = MnemonicBuilder::<English>::default().phrase(PHRASE).index(index);
    builder.and_then(|builder| builder.build()).expect("the phrase and the path are valid")
}

/// An account that everybody has the key of, as it is printed and written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccount {
    /// Its address.
    pub address: Address,
    /// Its private key.
    pub private_key: B256,
}

impl PublicAccount {
    /// The account of a key.
    pub fn of(key: &PrivateKeySigner) -> Self {
        Self { address: key.address(), private_key: key.to_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;

    #[test]
    fn wallets_know_these_accounts() {
        assert_eq!(key(0).address(), address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert_eq!(key(9).address(), address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"));
    }
}
