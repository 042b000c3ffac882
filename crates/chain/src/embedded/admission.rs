//! What can be said of a transaction's bytes without the state.

use super::block::{Accepted, BASE_FEE_WEI};
use crate::error::Refusal;
use crate::limits;
use alloy::consensus::transaction::SignerRecoverable;
use alloy::consensus::{Transaction, TxEnvelope};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::Bytes;

/// Decodes a transaction, finds out who signed it and checks what no state can change.
pub fn accept(bytes: Bytes, chain_id: u64) -> Result<Accepted, Refusal> {
    if bytes.len() > limits::TRANSACTION_BYTES {
        return Err(Refusal::TooLong { bytes: bytes.len(), limit: limits::TRANSACTION_BYTES });
    }
    let envelope =
        TxEnvelope::decode_2718_exact(&bytes).map_err(|error| Refusal::Encoding(error.to_string()))?;
    if envelope.is_eip4844() {
        return Err(Refusal::Blobs);
    }
    if envelope.chain_id() != Some(chain_id) {
        return Err(Refusal::ChainId { expected: chain_id, found: envelope.chain_id() });
    }
    if envelope.gas_limit() > limits::TRANSACTION_GAS {
        return Err(Refusal::GasLimit { gas: envelope.gas_limit(), limit: limits::TRANSACTION_GAS });
    }
    if envelope.max_fee_per_gas() < u128::from(BASE_FEE_WEI) {
        return Err(Refusal::FeeTooLow { offered: envelope.max_fee_per_gas(), base: BASE_FEE_WEI });
    }
    let sender = envelope.recover_signer().map_err(|_| Refusal::Signature)?;
    Ok(Accepted { hash: *envelope.tx_hash(), sender, bytes, envelope })
}
