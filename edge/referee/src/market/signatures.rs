//! What people say by signature (EIP-712), with keys that everybody knows.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolValue;
use k256::ecdsa::SigningKey;
use samebit_commit::Digest;
use samebit_market::{Amount, AttemptId, BatchId, JobId, Owner, Seconds, SegmentId};
use std::collections::BTreeMap;

/// The keys of people.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<Owner, SigningKey>);

/// What is signed.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// A solver's offer to run a job.
    Ask(JobId, AttemptId, Amount, Digest, Seconds),
    /// A solver's claim of a batch, by its first segment, root and last count.
    Claim(JobId, AttemptId, SegmentId, Digest, u64),
    /// A custodian's word that it holds a batch.
    Hold(JobId, AttemptId, BatchId, Digest),
}

impl Keys {
    /// `count` people, each with a key of its own.
    ///
    /// # Panics
    /// If there are more than 200.
    pub fn new(count: u8) -> (Keys, Vec<Owner>) {
        assert!(count <= 200, "a key is made of its number");
        let key = |number: u8| {
            let key = SigningKey::from_slice(&[number + 1; 32]).expect("a number below the curve's order");
            (owner(&key), key)
        };
        let all: Vec<(Owner, SigningKey)> = (0..count).map(key).collect();
        let people = all.iter().map(|(owner, _)| *owner).collect();
        (Keys(all.into_iter().collect()), people)
    }

    /// Somebody's signature, for the contract at this address; bytes that are none if it has no key.
    pub fn sign(&self, signer: Owner, chain_id: u64, market: Address, purpose: &Purpose) -> Bytes {
        let Some(key) = self.0.get(&signer) else { return vec![0; 65].into() };
        let digest = purpose.digest(chain_id, market);
        let (signature, recovery) =
            key.sign_prehash_recoverable(digest.as_ref()).expect("a digest of 32 bytes");
        [&signature.to_bytes()[..], &[27 + recovery.to_byte()]].concat().into()
    }
}

fn owner(key: &SigningKey) -> Owner {
    let point = key.verifying_key().to_encoded_point(false);
    let hash = keccak256(&point.as_bytes()[1..]);
    Owner(hash[12..].try_into().expect("20 bytes"))
}

impl Purpose {
    fn digest(&self, chain_id: u64, market: Address) -> B256 {
        let b = |digest: &Digest| B256::from(digest.0);
        let message = match self {
            Purpose::Ask(job, attempt, price, secrets, expiry) => {
                let kind =
                    keccak256("Ask(bytes32 job,uint64 attempt,uint128 price,bytes32 secrets,uint64 expiry)");
                (kind, b(&job.0), attempt.0, price.0, b(secrets), expiry.0).abi_encode()
            }
            Purpose::Claim(job, attempt, first, root, last_count) => {
                let kind =
                    keccak256("Claim(bytes32 job,uint64 attempt,uint64 first,bytes32 root,uint64 lastCount)");
                (kind, b(&job.0), attempt.0, first.0, b(root), *last_count).abi_encode()
            }
            Purpose::Hold(job, attempt, batch, root) => {
                let kind = keccak256("Hold(bytes32 job,uint64 attempt,uint64 batch,bytes32 root)");
                (kind, b(&job.0), attempt.0, batch.0, b(root)).abi_encode()
            }
        };
        let kind =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        let domain = (kind, keccak256("Samebit"), keccak256("1"), U256::from(chain_id), market).abi_encode();
        let parts = [&[0x19, 0x01], keccak256(domain).as_slice(), keccak256(message).as_slice()].concat();
        keccak256(parts)
    }
}
