//! A chain's configuration. Input: the file's text.

use samebit_chain::DevnetConfig;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(config) = DevnetConfig::from_toml(text) else { return };
    let again = DevnetConfig::from_toml(&config.to_toml()).expect("what was written is read");
    assert!(again == config, "{config:?} is read back as {again:?}");
}
