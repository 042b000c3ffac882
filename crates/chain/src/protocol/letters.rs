//! What people say by signature (EIP-712, job.md §5): a solver that asks for a job or claims, a custodian that holds.
//!
//! A word counts for one Market on one chain, and the attempt in it makes it count once. The contracts take 65 bytes of a key, `v` of 27 or 28 and
//! the lower half of `s` alone, so that nobody can make a second signature of one; so does [`signer`]. Accounts that are contracts sign otherwise
//! (ERC-1271), which only the chain can check: their words are not passed on here.

use super::field::Field;
use alloy::primitives::{Address, B256, Signature as Parts};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol;
use alloy::sol_types::{Eip712Domain, SolStruct, eip712_domain};
use samebit_commit::Digest;
use samebit_market::{Amount, AttemptId, BatchId, JobId, Owner, Seconds, SegmentId, Site};

/// A signature as the contracts take it: r, s, v.
pub type Signature = [u8; 65];

mod typed {
    use super::sol;

    sol! {
        struct Ask { bytes32 job; uint64 attempt; uint128 price; bytes32 secrets; uint64 expiry; }
        struct Claim { bytes32 job; uint64 attempt; uint64 first; bytes32 root; uint64 lastCount; }
        struct Hold { bytes32 job; uint64 attempt; uint64 batch; bytes32 root; }
    }
}

/// For which contract a word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain {
    /// The chain.
    pub chain_id: u64,
    /// Market.
    pub market: Owner,
}

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// A solver's offer to run a job: what `accept` carries.
    Ask {
        /// The job.
        job: JobId,
        /// The attempt that it would be.
        attempt: AttemptId,
        /// For a segment.
        price: Amount,
        /// List root of its secrets.
        secrets: Digest,
        /// Until when it stands.
        expiry: Seconds,
    },
    /// A solver's claim of a batch, for somebody else to send.
    Claim {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: AttemptId,
        /// The batch's first segment.
        first: SegmentId,
        /// Its root.
        root: Digest,
        /// Steps of its last segment.
        last_count: u64,
    },
    /// A custodian's word that it holds a batch: what `hold` carries.
    Hold {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: AttemptId,
        /// The batch.
        batch: BatchId,
        /// Its root.
        root: Digest,
    },
}

/// Why a signature is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// It has not as many bytes as one.
    #[error("a signature has 65 bytes, not {0}")]
    Length(usize),
    /// The last byte is not 27 or 28.
    #[error("the last byte of a signature is 27 or 28, not {0}")]
    Parity(u8),
    /// The upper half of `s`, of which everybody can make the lower one.
    #[error("the signature has the upper s of its two (hint: sign with the lower one, as EIP-2 asks)")]
    Malleable,
    /// No key makes it.
    #[error("no key makes this signature")]
    NoKey,
}

impl From<&Site> for Domain {
    fn from(site: &Site) -> Domain {
        Domain { chain_id: site.chain_id, market: site.market }
    }
}

impl Domain {
    fn typed(&self) -> Eip712Domain {
        eip712_domain! {
            name: "Samebit",
            version: "1",
            chain_id: self.chain_id,
            verifying_contract: Address::from(self.market.0),
        }
    }
}

impl Word {
    /// What is signed of it.
    pub fn digest(&self, domain: &Domain) -> Digest {
        let domain = domain.typed();
        let hash = match self {
            Word::Ask { job, attempt, price, secrets, expiry } => typed::Ask {
                job: job.given(),
                attempt: attempt.0,
                price: price.0,
                secrets: secrets.given(),
                expiry: expiry.0,
            }
            .eip712_signing_hash(&domain),
            Word::Claim { job, attempt, first, root, last_count } => typed::Claim {
                job: job.given(),
                attempt: attempt.0,
                first: first.0,
                root: root.given(),
                lastCount: *last_count,
            }
            .eip712_signing_hash(&domain),
            Word::Hold { job, attempt, batch, root } => {
                typed::Hold { job: job.given(), attempt: attempt.0, batch: batch.0, root: root.given() }
                    .eip712_signing_hash(&domain)
            }
        };
        Digest(hash.0)
    }
}

/// A key's signature of a word.
///
/// # Panics
/// If the key is none; every [`PrivateKeySigner`] has one.
pub fn sign(key: &PrivateKeySigner, domain: &Domain, word: &Word) -> Signature {
    let hash = B256::from(word.digest(domain).0);
    key.sign_hash_sync(&hash).expect("a key in memory signs every hash").as_bytes()
}

/// Who has signed a word.
///
/// # Errors
/// What the contracts refuse too. A signature of something else is one of somebody else: compare whom it gives.
pub fn signer(domain: &Domain, word: &Word, signature: &[u8]) -> Result<Owner, LetterError> {
    let signature: &Signature = signature.try_into().map_err(|_| LetterError::Length(signature.len()))?;
    let parity = match signature[64] {
        27 => false,
        28 => true,
        other => return Err(LetterError::Parity(other)),
    };
    let parts = Parts::from_bytes_and_parity(&signature[..64], parity);
    if parts.normalize_s().is_some() {
        return Err(LetterError::Malleable);
    }
    let hash = B256::from(word.digest(domain).0);
    let address = parts.recover_address_from_prehash(&hash).map_err(|_| LetterError::NoKey)?;
    Ok(Owner(address.0.0))
}
