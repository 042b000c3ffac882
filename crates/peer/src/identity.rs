//! Who a peer is: one key, from which everything else follows that it must not lose.
//!
//! ```text
//! key ──> account on the chain: money, signatures
//!     ├─> name on the network
//!     └─> secret of the roles: seals, salts, forced errors
//! ```
//! It is kept encrypted by a password, as Foundry and Geth keep theirs (Web3 Secret Storage, version 3), so that either can make or take it.

use eth_keystore::KeystoreError;
use samebit_chain::dispute::owner;
use samebit_chain::types::{B256, PrivateKeySigner};
use samebit_commit::{Tag, hash};
use samebit_market::Owner;
use samebit_roles::Secret;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is there, the password is not its own.
    #[error("{}: the password is wrong", path.display())]
    Password {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written, or is no keystore.
    #[error("{}: {detail}; hint: `cast wallet new DIR` and `cast wallet import` make such files", path.display())]
    Keystore {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The bytes are no key.
    #[error("a key has 32 bytes, not all 0 and below the order of secp256k1")]
    Bytes,
}

/// See the module.
#[derive(Clone)]
pub struct Identity {
    key: Zeroizing<[u8; 32]>,
    signer: PrivateKeySigner,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Identity of {}", self.owner())
    }
}

impl Identity {
    /// Who has this key.
    ///
    /// # Errors
    /// [`KeyError::Bytes`].
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Identity, KeyError> {
        let key = Zeroizing::new(bytes);
        let signer = PrivateKeySigner::from_bytes(&B256::from(bytes)).map_err(|_| KeyError::Bytes)?;
        Ok(Identity { key, signer })
    }

    /// Who has this key of the chain.
    pub fn from_signer(signer: PrivateKeySigner) -> Identity {
        Identity { key: Zeroizing::new(signer.to_bytes().0), signer }
    }

    /// Somebody new.
    pub fn generate() -> Identity {
        Identity::from_signer(PrivateKeySigner::random())
    }

    /// Reads a keystore.
    ///
    /// # Errors
    /// A wrong password, and a file that is none.
    pub fn load(path: &Path, password: &str) -> Result<Identity, KeyError> {
        let bytes = match eth_keystore::decrypt_key(path, password) {
            Err(KeystoreError::MacMismatch) => return Err(KeyError::Password { path: path.to_owned() }),
            bytes => bytes.map_err(|error| keystore(path, &error))?,
        };
        let bytes = Zeroizing::new(bytes);
        Identity::from_bytes(bytes[..].try_into().map_err(|_| KeyError::Bytes)?)
    }

    /// Writes a keystore.
    ///
    /// # Errors
    /// A file that is there, or cannot be written.
    pub fn save(&self, path: &Path, password: &str) -> Result<(), KeyError> {
        let there = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(folder), Some(name), false) = (path.parent(), name, path.exists()) else {
            return Err(KeyError::Keystore { path: path.to_owned(), detail: there.to_string() });
        };
        // Whole and on the disk before it has its name: money may be sent to it as soon as this returns.
        let partial = format!("{name}.partial");
        let mut random = rand::rngs::OsRng;
        let written = eth_keystore::encrypt_key(folder, &mut random, &self.key[..], password, Some(&partial));
        written.map_err(|error| keystore(path, &error))?;
        let place = || {
            std::fs::File::open(folder.join(&partial))?.sync_all()?;
            std::fs::rename(folder.join(&partial), path)?;
            std::fs::File::open(folder)?.sync_all()
        };
        place().map_err(|error: std::io::Error| KeyError::Keystore {
            path: path.to_owned(),
            detail: error.to_string(),
        })
    }

    /// Whose money it uses.
    pub fn owner(&self) -> Owner {
        Owner(owner(self.signer.address()).0)
    }

    /// What signs for it.
    pub fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// Its name on the network, with what proves it.
    pub fn network(&self) -> samebit_net::Secret {
        samebit_net::Secret::from_bytes(&hash(Tag::Secret, &[b"network", &self.key[..]]).0)
    }

    /// What seals and salts follow from.
    pub fn secret(&self) -> Secret {
        Secret(hash(Tag::Secret, &[b"roles", &self.key[..]]))
    }
}

fn keystore(path: &Path, error: &KeystoreError) -> KeyError {
    KeyError::Keystore { path: path.to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.json");
        let identity = Identity::generate();
        identity.save(&path, "correct horse").expect("a file");
        let read = Identity::load(&path, "correct horse").expect("the same");
        assert_eq!((read.owner(), read.secret()), (identity.owner(), identity.secret()));
        assert!(matches!(Identity::load(&path, "battery"), Err(KeyError::Password { .. })));
        assert!(matches!(identity.save(&path, "again"), Err(KeyError::Keystore { .. })), "nothing is lost");
        std::fs::write(&path, "{}").expect("a file");
        assert!(matches!(Identity::load(&path, "correct horse"), Err(KeyError::Keystore { .. })));
    }

    /// The vector of the Web3 Secret Storage Definition with PBKDF2, as other programs write it.
    #[test]
    fn files_of_others_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.json");
        std::fs::write(
            &path,
            r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#,
        )
        .expect("a file");
        let identity = Identity::load(&path, "testpassword").expect("the definition's vector");
        assert_eq!(identity.owner().to_string().to_lowercase(), "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
    }

    #[test]
    fn what_follows_from_a_key_is_not_the_key() {
        let key = [7; 32];
        let identity = Identity::from_bytes(key).expect("a key");
        let all = [identity.network().to_bytes(), identity.secret().0.0, key];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert!(matches!(Identity::from_bytes([0; 32]), Err(KeyError::Bytes)));
    }
}
