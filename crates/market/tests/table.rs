//! The table of docs/spec/job.md: every message is tried at every stage of what it is about. Where the table has it, it is taken in some such
//! state; where it has not, never. `edge/referee` has the contracts hear the same.

use samebit_market::testing::table::{Hears, Pair, Said, TABLE, survey};
use samebit_market::testing::{Chain, Step, owner};
use samebit_market::{Event, Owner, Refusal};
use std::collections::BTreeSet;

/// The twin alone: what it took, and what it refused.
#[derive(Default)]
struct Met {
    taken: BTreeSet<Pair>,
    refused: BTreeSet<Pair>,
    tried: u64,
}

impl Hears for Met {
    fn begin(&mut self, seed: u64) -> (Chain, Vec<Owner>) {
        (Chain::new(seed), (1..=9).map(owner).collect())
    }

    fn happened(&mut self, _: &Step, after: &Chain) {
        assert!(after.market.is_balanced());
    }

    fn tried(&mut self, pair: &Pair, said: &Said, result: &Result<Vec<Event>, Refusal>, after: &Chain) {
        assert!(after.market.is_balanced(), "money was made or lost by {said:?}");
        let met = if result.is_ok() { &mut self.taken } else { &mut self.refused };
        met.insert(pair.clone());
        self.tried += 1;
    }
}

#[test]
fn every_message_is_taken_where_the_table_has_it_and_nowhere_else() {
    let mut met = Met::default();
    survey(&mut met);
    let mut missing = Vec::new();
    for (message, stages, legal) in TABLE {
        for stage in *stages {
            let pair = (message.to_string(), stage.to_string());
            let (is_legal, is_taken) = (legal.contains(stage), met.taken.contains(&pair));
            assert!(is_legal || !is_taken, "{pair:?} is taken and not in the table");
            if is_legal && !is_taken || !is_legal && !met.refused.contains(&pair) {
                missing.push(pair);
            }
        }
    }
    let pairs: usize = TABLE.iter().map(|(_, stages, _)| stages.len()).sum();
    println!("{} tries of {pairs} pairs, of which not met: {missing:?}", met.tried);
    let strays: Vec<_> =
        met.taken.iter().filter(|(kind, _)| !TABLE.iter().any(|(name, ..)| name == kind)).collect();
    assert!(strays.is_empty(), "{strays:?} is not in the table");
    assert!(missing.is_empty(), "not met: {missing:?}");
}
