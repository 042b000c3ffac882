//! What somebody has signed counts once: on its chain, in its market, for its job and its attempt.

use super::town::{Town, deploy_over, names_of, toy_court};
use alloy_primitives::Bytes;
use samebit_chain::protocol::{Domain, Papers, Signature, Word};
use samebit_commit::Digest;
use samebit_dispute::{Question, QuestionId};
use samebit_market::testing::{Script, Toy};
use samebit_market::{Amount, AttemptId, JobId, MarketMessage, Message, Owner, Seconds, params};
use samebit_referee::market::Keys;
use samebit_referee::{EvmError, TestToken};

/// A solver's word, given to the contract by the poster.
fn accept(town: &Town, script: &Script, word: &Word, domain: Domain) -> Bytes {
    let (signed, keys) = (signed(script), &town.bazaar.keys);
    let MarketMessage::Accept { solver, .. } = signed else { panic!("an acceptance") };
    let papers = One(keys.sign(solver, &domain, word));
    let call = town.bazaar.contracts().encode(script.poster, &signed.into(), &papers);
    call.expect("the word is there").data
}

/// The acceptance that comes with the solver's word.
fn signed(script: &Script) -> MarketMessage {
    let mut accept = script.accept(AttemptId(0));
    let MarketMessage::Accept { expiry, is_signed, .. } = &mut accept else { panic!("an acceptance") };
    (*expiry, *is_signed) = (EXPIRY, true);
    accept
}

/// One signature, whatever is asked for.
struct One(Signature);

impl Papers for One {
    fn signature(&self, _: Owner, _: &Word) -> Option<Signature> {
        Some(self.0)
    }

    fn question(&self, _: QuestionId) -> Option<Question> {
        None
    }
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
    let (at, here) = (town.bazaar.at.market, town.bazaar.domain());
    let MarketMessage::Accept { price, secrets, .. } = script.accept(AttemptId(0)) else {
        panic!("it accepts")
    };
    let ask = |job, attempt, price, secrets| Word::Ask { job, attempt, price, secrets, expiry: EXPIRY };
    let right = ask(script.job, AttemptId(0), price, secrets);
    let other_job = ask(JobId(Digest([9; 32])), AttemptId(0), price, secrets);
    let other_attempt = ask(script.job, AttemptId(1), price, secrets);
    let other_price = ask(script.job, AttemptId(0), Amount(price.0 - 1), secrets);
    let other_secrets = ask(script.job, AttemptId(0), price, Digest([1; 32]));
    let sooner = Word::Ask { job: script.job, attempt: AttemptId(0), price, secrets, expiry: Seconds(7) };
    let elsewhere = Domain { market: Owner(town.bazaar.at.stake.0.0), ..here };
    let other_chain = Domain { chain_id: here.chain_id + 1, ..here };
    let wrong = [
        (&right, other_chain),
        (&right, elsewhere),
        (&other_job, here),
        (&other_attempt, here),
        (&other_price, here),
        (&other_secrets, here),
        (&sooner, here),
    ];
    town.bazaar.set(town.chain.now);
    for (word, domain) in wrong {
        let data = accept(&town, &script, word, domain);
        let Err(EvmError::Reverted(data)) = town.bazaar.say(script.poster, at, data) else {
            panic!("{word:?} counts of {domain:?}")
        };
        assert_eq!(names_of(&data).as_deref(), Some("WrongSignature"), "{word:?}");
    }
    let signed = signed(&script);
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
