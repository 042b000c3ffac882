//! Random walks of many jobs and people, legal and illegal, through the contracts and their twin in Rust: the same answer to every message, the same
//! events, the same money after every one.
//!
//! `SAMEBIT_WALK_MESSAGES=1000000 cargo test --workspace --test market` walks as far as one likes.

use super::town::{check_money, close, compare, kind, slow_bazaar};
use samebit_market::testing::{Chain, Step, Walk};
use samebit_market::{SeatId, Seconds, params};
use samebit_referee::market::{Bazaar, refusals};
use std::collections::BTreeMap;

/// Messages of a walk.
const LENGTH: u64 = 2_000;
/// Times of slow blocks of the chains that are walked on.
const SLOW_BLOCKS: [Seconds; 4] = [params::SLOW_BLOCK, Seconds(12), Seconds(1), Seconds(3_600)];

/// How many messages to walk.
fn messages() -> u64 {
    let given = std::env::var("SAMEBIT_WALK_MESSAGES").ok();
    given.map_or(100_000, |count| count.parse().expect("SAMEBIT_WALK_MESSAGES is a number"))
}

struct Held {
    bazaar: Bazaar,
    walk: Walk,
    people: Vec<samebit_market::Owner>,
    accepted: u64,
    refused: BTreeMap<String, u64>,
    kinds: BTreeMap<String, u64>,
}

impl Held {
    fn new(seed: u64) -> Held {
        let slow_block = SLOW_BLOCKS[seed as usize % SLOW_BLOCKS.len()];
        let (bazaar, people) = slow_bazaar(seed, slow_block);
        let chain = Chain::at(bazaar.site(), seed);
        let walk = Walk::new(seed, chain, &people);
        Held { bazaar, walk, people, accepted: 0, refused: BTreeMap::new(), kinds: BTreeMap::new() }
    }

    fn step(&mut self) {
        match self.walk.step() {
            Step::Close { nonce, question, claims } => close(&mut self.bazaar, nonce, question, &claims),
            Step::Say { now, sender, message, result } => {
                let name = format!("{message:?} by {sender} at {now:?}");
                let found = self.bazaar.send(now, sender, &message);
                compare(&name, &result, found);
                match result {
                    Ok(_) => {
                        self.accepted += 1;
                        *self.kinds.entry(kind(&message)).or_default() += 1;
                    }
                    Err(refusal) => *self.refused.entry(refusals::of_twin(&refusal)).or_default() += 1,
                }
                check_money(&mut self.bazaar, &self.walk.chain.market, &self.people, &name);
            }
        }
    }

    /// The seats and jobs stand alike.
    fn check_rest(&mut self) {
        let seats = self.walk.chain.market.vault().seats().to_vec();
        assert_eq!(self.bazaar.seats() as usize, seats.len());
        assert_eq!(self.bazaar.slow_block(), self.walk.chain.market.site().slow_block);
        for (at, seat) in seats.iter().enumerate() {
            assert_eq!(self.bazaar.seat(SeatId(at as u32)), *seat, "seat {at}");
        }
        let jobs: Vec<_> = self.walk.chain.market.jobs().cloned().collect();
        for job in jobs {
            let held = self.bazaar.job(job.id);
            assert_eq!(held.stage, job.stage as u8 + 1, "job {}", job.id);
            assert_eq!((held.escrow, held.settled, held.draws), (job.escrow.0, job.settled, job.draws));
            assert_eq!((held.state.0, held.attempts), (job.state.0, job.attempts));
        }
    }
}

#[test]
fn the_twins_agree_on_random_walks() {
    let count = messages();
    let (mut sent, mut accepted, mut seed) = (0, 0, 1);
    let (mut refused, mut kinds) = (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
    while sent < count {
        let mut held = Held::new(seed);
        for _ in 0..LENGTH.min(count) {
            held.step();
            sent += 1;
        }
        held.check_rest();
        accepted += held.accepted;
        held.refused.into_iter().for_each(|(name, count)| *refused.entry(name).or_default() += count);
        held.kinds.into_iter().for_each(|(name, count)| *kinds.entry(name).or_default() += count);
        seed += 1;
    }
    println!("{sent} messages, {accepted} accepted: {kinds:?}");
    println!("refused: {refused:?}");
    assert!(accepted * 3 > sent, "most messages are refused");
    if sent >= 4_000 {
        assert!(kinds.len() >= 25, "too few kinds of messages: {kinds:?}");
        assert!(refused.len() >= 25, "too few kinds of refusal: {refused:?}");
    }
}
