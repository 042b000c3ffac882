//! Where the contracts of a job's life are: Market with its parts, Stake and Fund, over Dispute, a beacon and a token.
//!
//! Everything is deployed by its code, so that a chain has it once. Stake and Fund are made by Market, and knew it before anybody could tell them.

use crate::abi::{Abi, MARKET as MARKET_ABI};
use crate::deployment::Artifact;
use alloy::primitives::{Address, Bytes};
use alloy::sol_types::SolValue;
use std::sync::LazyLock;

/// What Market is called in a configuration.
pub const MARKET: &str = "market";
/// What Stake is called in a configuration.
pub const STAKE: &str = "stake";
/// What Fund is called in a configuration.
pub const FUND: &str = "fund";
/// What the beacon is called in a configuration.
pub const BEACON: &str = "beacon";
/// What the token of a development chain is called in a configuration.
pub const TOKEN: &str = "token";

/// Seconds of a slow block of a development chain.
pub const SLOW_BLOCK: u32 = 30;

/// The parts of Market in the order of its constructor, with whether they ask the beacon.
const PARTS: [(&str, &str, bool); 9] = [
    ("begin", include_str!("../../../contracts/artifacts/Begin.json"), true),
    ("claims", include_str!("../../../contracts/artifacts/Claims.json"), false),
    ("draws", include_str!("../../../contracts/artifacts/Draws.json"), true),
    ("check", include_str!("../../../contracts/artifacts/Check.json"), true),
    ("reveals", include_str!("../../../contracts/artifacts/Reveals.json"), false),
    ("catches", include_str!("../../../contracts/artifacts/Catches.json"), false),
    ("argue", include_str!("../../../contracts/artifacts/Argue.json"), false),
    ("interior", include_str!("../../../contracts/artifacts/Interior.json"), false),
    ("settle", include_str!("../../../contracts/artifacts/Settle.json"), false),
];

/// What the parts say of themselves.
pub(crate) static PART_ABIS: LazyLock<Vec<Abi>> =
    LazyLock::new(|| PARTS.iter().map(|(_, artifact, _)| Abi::parse(artifact)).collect());

/// The token of a development chain, of which everybody may make as much as it likes.
pub fn test_token() -> Artifact {
    Artifact::new(TOKEN, code(include_str!("../../../contracts/artifacts/TestToken.json")))
}

/// The contracts in the order in which they are deployed: the beacon, the parts, Market. Slow blocks of the chain take `slow_block` seconds.
pub fn artifacts(dispute: Address, token: Address, treasury: Address, slow_block: u32) -> Vec<Artifact> {
    let beacon = Artifact::new(BEACON, code(include_str!("../../../contracts/artifacts/BlockBeacon.json")));
    let part = |(name, artifact, asks): &(&str, &str, bool)| {
        let argument = match *name {
            "argue" => dispute.abi_encode(),
            _ if *asks => beacon.address().abi_encode(),
            _ => Vec::new(),
        };
        Artifact::new(format!("market_{name}"), with(&code(artifact), &argument))
    };
    let parts: Vec<Artifact> = PARTS.iter().map(part).collect();
    // A struct of addresses is encoded as they are one after the other.
    let parts_at = parts.iter().flat_map(|part| part.address().abi_encode());
    let arguments: Vec<u8> = (token, treasury, slow_block).abi_encode().into_iter().chain(parts_at).collect();
    let market = Artifact::new(MARKET, with(&MARKET_ABI.code, &arguments));
    [beacon].into_iter().chain(parts).chain([market]).collect()
}

/// Where Stake and Fund are, which Market makes: its first contract, and that one's.
pub fn made_by(market: Address) -> [(&'static str, Address); 2] {
    let stake = market.create(1);
    [(STAKE, stake), (FUND, stake.create(1))]
}

fn code(artifact: &str) -> Bytes {
    Abi::parse(artifact).code
}

fn with(code: &Bytes, arguments: &[u8]) -> Vec<u8> {
    [&code[..], arguments].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn market_knows_what_it_stands_on() {
        let [dispute, token, treasury] = [1, 2, 3].map(|byte| Address::from([byte; 20]));
        let all = artifacts(dispute, token, treasury, 30);
        let addresses: BTreeSet<Address> = all.iter().map(Artifact::address).collect();
        assert_eq!(addresses.len(), 11, "the beacon, nine parts and Market, each at its own address");
        let market = all.last().expect("it is the last");
        let tail = &market.creation_code[market.creation_code.len() - 12 * 32..];
        let words: Vec<Address> = tail.chunks(32).map(|word| Address::from_slice(&word[12..])).collect();
        assert_eq!(words[..2], [token, treasury]);
        assert_eq!(words[2], Address::with_last_byte(30), "the time of a slow block");
        assert_eq!(words[3..], all[1..10].iter().map(Artifact::address).collect::<Vec<_>>());
        let other = artifacts(Address::from([9; 20]), token, treasury, 30);
        assert_ne!(other[7].address(), all[7].address(), "another court is another part");
        assert_ne!(other[10].address(), market.address(), "and another market");
        let [(_, stake), (_, fund)] = made_by(market.address());
        assert!(stake != fund && !addresses.contains(&stake));
    }
}
