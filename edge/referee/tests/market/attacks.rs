//! The attacks of `samebit_market::testing::attacks`, message for message against the contracts: whatever the twin says of one, they say too, and
//! everybody ends with the same money.

use super::town::{check_money, close, compare, sow, wallets};
use samebit_market::testing::{ATTACKS, Chain, Told, watch};

/// Says all that was said to a chain to contracts that were just deployed.
fn replay(log: &[Told]) {
    let (mut bazaar, people) = wallets();
    let mut chain = Chain::at(bazaar.site(), 0);
    for told in log {
        match told {
            Told::Closed { nonce, question, claims } => {
                close(&mut bazaar, *nonce, *question, claims);
                chain.court.restore(*nonce, *question, claims.clone());
            }
            Told::Said { seed, now, sender, message, result } => {
                if chain.seed != *seed {
                    sow(&mut bazaar, *seed);
                }
                (chain.seed, chain.now) = (*seed, *now);
                let name = format!("{message:?} by {sender} at {now:?}");
                assert_eq!(chain.say(*sender, message), *result, "{name}: another answer than before");
                compare(&name, result, bazaar.send(*now, *sender, message));
            }
        }
    }
    check_money(&mut bazaar, &chain.market, &people, "the end");
}

#[test]
fn every_attack_ends_on_the_contracts_as_it_does_on_their_twin() {
    let site = wallets().0.site();
    for (name, attack) in ATTACKS {
        println!("{name}");
        watch(site, replay, attack);
    }
}
