//! Whose money a command uses: a keystore with its password, or an account of a development chain, of which everybody has the key.

use crate::arguments::Key;
use crate::failure::{Exit, Failure};
use samebit_chain::accounts;
use samebit_peer::{Identity, KeyError};
use std::path::Path;

/// The chain of development, on which keys are worth nothing.
const DEVELOPMENT_CHAIN: u64 = 31_337;
/// The largest file of a password, in bytes.
const PASSWORD_BYTES_LIMIT: u64 = 4_096;

/// The identity that the flags name. Without any it is the keystore in the folder, which is made if it is not there.
///
/// # Errors
/// No password, a wrong one, an insecure account on a chain that is not for development.
pub fn identity(key: &Key, folder: &Path, chain_id: u64) -> Result<Identity, Failure> {
    if let Some(account) = key.account {
        if chain_id != DEVELOPMENT_CHAIN {
            return Err(Failure::input(format!("--account on chain {chain_id}: everybody has that key"))
                .with_hint("give --keystore"));
        }
        return Ok(Identity::from_signer(accounts::key(account)));
    }
    let own = folder.join("key.json");
    let path = key.keystore.as_deref().unwrap_or(&own);
    let password = password(key)?;
    if path.exists() || key.keystore.is_some() {
        return Identity::load(path, &password).map_err(bad_key);
    }
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    let identity = Identity::generate();
    identity.save(path, &password).map_err(bad_key)?;
    Ok(identity)
}

fn password(key: &Key) -> Result<String, Failure> {
    if let Some(path) = &key.password_file {
        let bytes = samebit_trace::regular::read(path, PASSWORD_BYTES_LIMIT)?;
        let text =
            String::from_utf8(bytes).map_err(|_| Failure::input(format!("{}: not UTF-8", path.display())))?;
        return Ok(text.trim_end_matches(['\n', '\r']).to_owned());
    }
    std::env::var("SAMEBIT_PASSWORD").map_err(|_| {
        Failure::input("the keystore needs a password")
            .with_hint("give --password-file, or set SAMEBIT_PASSWORD; on a development chain --account N")
    })
}

fn bad_key(error: KeyError) -> Failure {
    Failure::new(Exit::Input, error.to_string())
}
