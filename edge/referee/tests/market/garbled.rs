//! Calls of which a few words are others. Whatever the contracts accept, everybody can read, and the twin accepts it too: else nobody could follow the
//! chain any more.

use super::town::slow_bazaar;
use samebit_chain::protocol::Message as Told;
use samebit_market::testing::{Chain, Random, Step, Walk};
use samebit_market::{Message, Moment, Owner, params};
use samebit_referee::EvmError;
use samebit_referee::market::Bazaar;
use std::collections::BTreeMap;

const WALKS: u64 = 4;
const STEPS: u64 = 1_500;
/// Tries of each accepted message.
const TRIES: usize = 8;

/// Damage that keeps most of the structure: a word that is zero, full, small, negative or another of the call's, a byte, bytes behind the end.
fn garble(data: &mut Vec<u8>, random: &mut Random) {
    let words = (data.len() - 4) / 32;
    if words == 0 {
        return data.push(random.below(256) as u8);
    }
    let at = 4 + 32 * random.below(words as u64) as usize;
    let word: [u8; 32] = match random.below(7) {
        0 => [0; 32],
        1 => [0xff; 32],
        2 => small(32 * random.below(64)),
        3 => small(random.below(4)),
        // An offset backwards.
        4 => small(32 * (1 + random.below(24))).map(|byte| !byte),
        5 => {
            let from = 4 + 32 * random.below(words as u64) as usize;
            data[from..from + 32].try_into().expect("a word")
        }
        _ => {
            data[at + random.below(32) as usize] ^= 1 << random.below(8);
            return data.extend(vec![7; random.below(40) as usize]);
        }
    };
    data[at..at + 32].copy_from_slice(&word);
}

fn small(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// Says a garbled message to a copy of the chain; whether it was accepted as another one, or as the same.
fn try_one(
    bazaar: &mut Bazaar,
    before: &Chain,
    (now, sender, message): (Moment, Owner, &Message),
    random: &mut Random,
) -> Option<bool> {
    let (to, data) = bazaar.call(message);
    let mut data = data.to_vec();
    (0..1 + random.below(2)).for_each(|_| garble(&mut data, random));
    let outcome = match bazaar.dry_data(now, sender, to, data.clone().into()) {
        Ok(outcome) => outcome,
        Err(EvmError::Reverted(_)) => return None,
        Err(error) => panic!("{error}: {message:?}"),
    };
    let told = bazaar.contracts().decode(to, &data);
    let Some(Told::Market(told)) = told else {
        panic!("the contracts took what nobody reads: {message:?} {data:?}")
    };
    let mut twin = before.clone();
    twin.now = now;
    match twin.say(sender, &told) {
        Ok(events) => assert_eq!(events, outcome.events, "{told:?}"),
        Err(refusal) => panic!("{refusal}: the contracts took {told:?}"),
    }
    Some(told == *message)
}

#[test]
fn what_the_contracts_accept_everybody_reads() {
    let (mut same, mut other, mut refused) = (0, 0, 0);
    let mut kinds = BTreeMap::<String, u64>::new();
    for seed in 1..=WALKS {
        let (mut bazaar, people) = slow_bazaar(seed, params::SLOW_BLOCK);
        let mut walk = Walk::new(seed, Chain::at(bazaar.site(), seed), &people);
        let mut random = Random::new(seed);
        for _ in 0..STEPS {
            let before = walk.chain.clone();
            match walk.step() {
                Step::Close { nonce, question, claims } => {
                    super::town::close(&mut bazaar, nonce, question, &claims);
                }
                Step::Say { now, sender, message, result } => {
                    for _ in 0..if result.is_ok() { TRIES } else { 1 } {
                        match try_one(&mut bazaar, &before, (now, sender, &message), &mut random) {
                            Some(true) => same += 1,
                            Some(false) => {
                                other += 1;
                                *kinds.entry(super::town::kind(&message)).or_default() += 1;
                            }
                            None => refused += 1,
                        }
                    }
                    let _ = bazaar.send(now, sender, &message);
                }
            }
        }
    }
    println!("{same} accepted as they were meant, {other} as others: {kinds:?}; {refused} refused");
    assert!(same > 100 && other > 20 && refused > 1_000, "{same} {other} {refused}");
}
