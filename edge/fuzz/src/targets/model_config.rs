//! A model's `config.json`: what is read is written and read again alike.

use crate::scratch;
use samebit_recipe::ModelConfig;

pub fn run(bytes: &[u8]) {
    let Ok(config) = ModelConfig::load(&scratch::file("config.json", bytes)) else { return };
    let again = ModelConfig::load(&scratch::file("config.json", config.to_json().as_bytes()));
    assert_eq!(again.expect("what was written"), config);
    config.parameter_count();
}
