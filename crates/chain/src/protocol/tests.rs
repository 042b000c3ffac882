//! The bindings say what the artifacts say.

use super::wire::{Calls, FundCalls, Reads, StakeCalls};
use crate::abi::{Abi, FUND, MARKET, STAKE};
use alloy::primitives::keccak256;
use alloy::sol_types::SolCall;

fn check(contract: &Abi, bound: &[(&str, [u8; 4])], read_only: &[&str]) {
    for (name, selector) in bound {
        assert_eq!(contract.selector(name), *selector, "{name}");
    }
    let is_known = |name: &str| bound.iter().any(|(bound, _)| *bound == name) || read_only.contains(&name);
    let unbound: Vec<&str> = contract.names().map(|(name, _)| name).filter(|name| !is_known(name)).collect();
    assert!(unbound.is_empty(), "{unbound:?} are neither messages nor read only");
}

macro_rules! bound {
    ($($calls:ident::$call:ident),* $(,)?) => {
        [$((&$calls::$call::SIGNATURE[..$calls::$call::SIGNATURE.find('(').expect("a signature")], $calls::$call::SELECTOR)),*]
    };
}

#[test]
fn every_call_has_the_contracts_signature() {
    let market = bound![
        Calls::cancelCall,
        Calls::acceptCall,
        Calls::appointCall,
        Calls::claimCall,
        Calls::retractCall,
        Calls::holdCall,
        Calls::drawCall,
        Calls::announceCall,
        Calls::sealCall,
        Calls::closeCall,
        Calls::openVerifierCall,
        Calls::openSolverCall,
        Calls::concludeCall,
        Calls::redrawCall,
        Calls::challengeCall,
        Calls::judgeCall,
        Calls::showCall,
        Calls::refuteCall,
        Calls::finishCall,
        Calls::payWinnerCall,
        Calls::commitCatchCall,
        Calls::revealCatchCall,
        Calls::payCatchCall,
        Calls::revealCall,
        Calls::settleCall,
        Calls::expireCall,
    ];
    // Its terms are bound in parts.
    let post =
        Calls::postCall::SIGNATURE.replace("((", "(").replace("),(", ",").replace("),address)", ",address)");
    let whole = "post((uint32,uint32,uint32,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,uint64,uint64),string,\
(uint128,uint128,uint128,uint128,uint128,uint128,uint128,uint128,uint32,uint8,uint8,uint8,uint8,uint64,uint64,uint64,uint64,uint64,uint64,\
uint64,uint64,uint64,uint64,uint64,address),uint64)";
    assert_eq!(post.replace("post(", "post(("), whole, "the same words in one struct");
    let selector: [u8; 4] = keccak256(whole)[..4].try_into().expect("four bytes");
    assert_eq!(MARKET.selector("post"), selector);
    let views =
        ["post", "stake", "slowBlock", "jobOf", "attemptOf", "batchOf", "drawOf", "challengeOf", "catchOf"];
    check(&MARKET, &market, &views);
    let stake = bound![
        StakeCalls::depositCall,
        StakeCalls::withdrawCall,
        StakeCalls::registerCall,
        StakeCalls::joinCall,
        StakeCalls::leaveSeatCall,
        StakeCalls::collectCall,
    ];
    // What Market and Fund alone may call, and views.
    let others = [
        "lock",
        "pay",
        "fill",
        "drawJackpot",
        "fine",
        "take",
        "market",
        "fund",
        "token",
        "total",
        "ownerAt",
        "seatCount",
        "freeOf",
        "seatOf",
    ];
    check(&STAKE, &stake, &others);
    check(&FUND, &bound![FundCalls::takeCall], &["add", "award", "potOf", "stake", "treasury"]);
    for contract in [&*MARKET, &*STAKE, &*FUND] {
        assert_eq!(contract.topic("Relayed"), keccak256("Relayed(address,bytes)"));
    }
}

#[test]
fn what_is_read_in_part_has_the_same_words_before() {
    let head = |signature: &'static str| signature.split(',').count();
    assert_eq!(head(Reads::holdCall::SIGNATURE), head(Calls::holdCall::SIGNATURE));
    let fields =
        |signature: &str, from: &str| signature[signature.find(from).expect("it has one")..].to_owned();
    let challenge = fields(Calls::challengeCall::SIGNATURE, "(bytes32,uint64");
    let read = fields(Reads::challengeCall::SIGNATURE, "(bytes32,uint64");
    let program = "(bytes32,bytes32,bytes32,bytes32,uint64,uint64,uint64)";
    let at = challenge.find(program).expect("the program's fields");
    assert_eq!(read, format!("{}bytes32[7],bytes32)", &challenge[..at]));
}
