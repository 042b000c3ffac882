//! What somebody has signed counts once: on its chain, in its market, for its job and its attempt.

use super::town::{Town, deploy_over, names_of, toy_court};
use alloy_primitives::Address;
use samebit_commit::Digest;
use samebit_market::testing::{Script, Toy};
use samebit_market::{Amount, AttemptId, JobId, MarketMessage, Message, Seconds, params};
use samebit_referee::market::{Keys, Purpose, calls};
use samebit_referee::{EvmError, TestToken};

/// A solver's word, given to the contract by the poster.
fn accept(
    town: &Town,
    script: &Script,
    purpose: &Purpose,
    chain_id: u64,
    market: Address,
) -> alloy_primitives::Bytes {
    let MarketMessage::Accept { solver, price, secrets, .. } = script.accept(AttemptId(0)) else {
        panic!("an acceptance")
    };
    let signature = town.bazaar.keys.sign(solver, chain_id, market, purpose);
    calls::accept(script.job, AttemptId(0), solver, price, secrets, EXPIRY, signature)
}

const EXPIRY: Seconds = Seconds(u64::MAX);

#[test]
fn a_word_counts_once_and_in_one_place() {
    let mut town = Town::new(3);
    let people = town.people.clone();
    for &person in &people {
        town.fund(person, Amount(1 << 80));
    }
    let script = Script::of(&town.chain, &people, Toy::new(2), Script::terms(), 0);
    town.tell(script.poster, script.post.clone()).expect("it is well formed");
    let (here, one) = (town.bazaar.at.market, samebit_referee::market::CHAIN_ID);
    let MarketMessage::Accept { price, secrets, .. } = script.accept(AttemptId(0)) else {
        panic!("it accepts")
    };
    let ask = |job: JobId, attempt, price, secrets| Purpose::Ask(job, attempt, price, secrets, EXPIRY);
    let right = ask(script.job, AttemptId(0), price, secrets);
    let other_job = ask(JobId(Digest([9; 32])), AttemptId(0), price, secrets);
    let other_attempt = ask(script.job, AttemptId(1), price, secrets);
    let other_price = ask(script.job, AttemptId(0), Amount(price.0 - 1), secrets);
    let other_secrets = ask(script.job, AttemptId(0), price, Digest([1; 32]));
    let sooner = Purpose::Ask(script.job, AttemptId(0), price, secrets, Seconds(7));
    let elsewhere: Address = town.bazaar.at.stake;
    let wrong = [
        (&right, one + 1, here),
        (&right, one, elsewhere),
        (&other_job, one, here),
        (&other_attempt, one, here),
        (&other_price, one, here),
        (&other_secrets, one, here),
        (&sooner, one, here),
    ];
    town.bazaar.set(town.chain.now);
    for (purpose, chain_id, market) in wrong {
        let data = accept(&town, &script, purpose, chain_id, market);
        let Err(EvmError::Reverted(data)) = town.bazaar.say(script.poster, here, data) else {
            panic!("{purpose:?} counts on chain {chain_id} at {market}")
        };
        assert_eq!(names_of(&data).as_deref(), Some("WrongSignature"), "{purpose:?}");
    }
    let signed = match script.accept(AttemptId(0)) {
        MarketMessage::Accept { job, attempt, solver, price, secrets, .. } => {
            MarketMessage::Accept { job, attempt, solver, price, secrets, expiry: EXPIRY, is_signed: true }
        }
        _ => panic!("it accepts"),
    };
    // Nobody but the poster may make use of it, and nobody twice.
    assert!(town.tell(script.watcher, signed.clone()).is_err());
    town.tell(script.poster, signed.clone()).expect("the solver has signed it");
    assert!(town.say(script.poster, &Message::Market(signed)).is_err());
}

#[test]
fn a_slow_block_takes_from_a_second_to_an_hour() {
    let limit = params::SLOW_BLOCK_LIMIT;
    for (seconds, is_right) in [(0, false), (1, true), (limit.0, true), (limit.0 + 1, false)] {
        let deployed = deploy_over(&TestToken::BYTECODE, toy_court, Seconds(seconds), Keys::default());
        match deployed {
            Ok(mut bazaar) => assert_eq!((bazaar.slow_block(), is_right), (Seconds(seconds), true)),
            Err(EvmError::Reverted(data)) => {
                assert_eq!((names_of(&data).as_deref(), is_right), (Some("OutOfRange"), false));
            }
            Err(error) => panic!("{seconds}: {error}"),
        }
    }
}
