//! The table of docs/spec/job.md, message for message through the contracts: at every stage of what a message is about they take it or refuse it for
//! the reason that their twin has, tell the same, and everybody has the same money after it.

use super::town::{bazaar, check_money, close, compare};
use samebit_market::testing::table::{Hears, Pair, Said, TABLE, survey};
use samebit_market::testing::{Chain, Step};
use samebit_market::{Event, Message, Owner, Refusal};
use samebit_referee::market::{Bazaar, refusals};
use std::collections::BTreeMap;

/// How often the contracts hear a pair that ends in the same way; the twin's own test hears all of them.
const HEARD: u64 = 48;
/// How often of these they do what they are told, everybody's money is counted, and the chain goes back.
const DONE: u64 = 8;

struct Both {
    bazaar: Bazaar,
    people: Vec<Owner>,
    /// How often a pair has ended so: the name of its refusal, or none.
    heard: BTreeMap<(Pair, String), u64>,
    tried: u64,
}

impl Both {
    fn new() -> Both {
        let (bazaar, people) = bazaar(0);
        Both { bazaar, people, heard: BTreeMap::new(), tried: 0 }
    }

    /// Has the contracts do what they are told, counts, and goes back.
    fn undo(&mut self, name: &str, said: &Said, result: &Result<Vec<Event>, Refusal>, after: &Chain) {
        let before = self.bazaar.evm.snapshot();
        let found = self.bazaar.send(after.now, said.0, &Message::Market(said.1.clone()));
        compare(name, result, found);
        check_money(&mut self.bazaar, &after.market, &self.people, name);
        self.bazaar.evm.restore(&before);
    }
}

impl Hears for Both {
    fn begin(&mut self, seed: u64) -> (Chain, Vec<Owner>) {
        let (bazaar, people) = bazaar(seed);
        let chain = Chain::at(bazaar.site(), seed);
        (self.bazaar, self.people) = (bazaar, people.clone());
        (chain, people)
    }

    fn happened(&mut self, step: &Step, after: &Chain) {
        match step {
            Step::Close { nonce, question, claims } => close(&mut self.bazaar, *nonce, *question, claims),
            Step::Say { now, sender, message, result } => {
                let name = format!("{message:?} by {sender} at {now:?}");
                compare(&name, result, self.bazaar.send(*now, *sender, message));
                check_money(&mut self.bazaar, &after.market, &self.people, &name);
            }
        }
    }

    fn tried(&mut self, pair: &Pair, said: &Said, result: &Result<Vec<Event>, Refusal>, after: &Chain) {
        let ending = result.as_ref().err().map_or_else(String::new, refusals::of_twin);
        let heard = self.heard.entry((pair.clone(), ending)).or_default();
        *heard += 1;
        let count = *heard;
        if count > HEARD {
            return;
        }
        self.tried += 1;
        let name = format!("{pair:?}: {:?} by {} at {:?}", said.1, said.0, after.now);
        if count <= DONE {
            return self.undo(&name, said, result, after);
        }
        let found = self.bazaar.dry(after.now, said.0, &Message::Market(said.1.clone()));
        compare(&name, result, found);
    }
}

#[test]
fn the_contracts_take_and_refuse_what_the_table_says() {
    let mut both = Both::new();
    survey(&mut both);
    let taken: Vec<&Pair> =
        both.heard.keys().filter(|(_, ending)| ending.is_empty()).map(|(pair, _)| pair).collect();
    let refused = |pair: &Pair| both.heard.keys().any(|(of, ending)| of == pair && !ending.is_empty());
    let (mut pairs, mut missing) = (0, Vec::new());
    for (message, stages, legal) in TABLE {
        for stage in *stages {
            let pair = (message.to_string(), stage.to_string());
            let (is_legal, is_taken) = (legal.contains(stage), taken.contains(&&pair));
            assert!(is_legal || !is_taken, "{pair:?} is taken and not in the table");
            pairs += 1;
            if is_legal && !is_taken || !is_legal && !refused(&pair) {
                missing.push(pair);
            }
        }
    }
    println!("{} messages tried of {pairs} pairs, {} ways in which they end", both.tried, both.heard.len());
    assert!(missing.is_empty(), "not met: {missing:?}");
}
