//! Messages of the Rust twin as calls of the contract: those that go to a chain.

use alloy_primitives::{Address, Bytes, U256};
use samebit_dispute::{Message, Question};

/// The call of `message`, which is about `question`, and what it pays in.
pub fn call(message: &Message, question: &Question) -> (Bytes, U256) {
    let call = samebit_chain::dispute::encode(Address::ZERO, question, message);
    (call.data, call.value)
}
