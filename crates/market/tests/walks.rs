//! Random walks of many jobs: nothing panics, a refused message changes nothing, money stays whole, every stage and every refusal is met.

use samebit_market::testing::{Chain, Step, Walk, owner};
use samebit_market::{Event, FaultKind, Message};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a walk, and walks: 10^5 steps in all.
const STEPS: usize = 5_000;
const WALKS: u64 = 20;

/// The first word of what something prints.
fn word(thing: &impl std::fmt::Debug) -> String {
    let text = format!("{thing:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

#[test]
fn walks_keep_money_whole_and_meet_everything() {
    let people: Vec<_> = (1..=9).map(owner).collect();
    let (mut accepted, mut refusals) = (BTreeMap::new(), BTreeMap::new());
    let (mut faults, mut endings) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..WALKS {
        let mut walk = Walk::new(seed, Chain::new(seed), &people);
        for _ in 0..STEPS {
            let Step::Say { message: Message::Market(message), result, .. } = walk.step() else { continue };
            match result {
                Ok(events) => {
                    *accepted.entry(word(&message)).or_insert(0u64) += 1;
                    for event in events {
                        match event {
                            Event::Faulted { fault: FaultKind::Late(cause), .. } => {
                                faults.insert(word(&cause));
                            }
                            Event::Faulted { fault, .. } => {
                                faults.insert(word(&fault));
                            }
                            Event::Ended { ending, .. } => {
                                endings.insert(ending);
                            }
                            _ => {}
                        }
                    }
                }
                Err(refusal) => *refusals.entry(word(&refusal)).or_insert(0u64) += 1,
            }
        }
    }
    println!("accepted: {accepted:?}\nrefused: {refusals:?}\nfaults: {faults:?}\nendings: {endings:?}");
    let total: u64 = accepted.values().sum();
    assert!(total > 30_000, "{total} messages were accepted");
    assert_eq!(accepted.len(), 27, "a kind of message was never accepted");
    assert_eq!(endings.len(), 3);
    assert!(refusals.len() > 40, "{} kinds of refusals", refusals.len());
}
