//! What a job costs on chain, held to the limits of the project and to the snapshot in contracts/snapshots/market.json.
//!
//! `SAMEBIT_WRITE_SNAPSHOTS=1 cargo test --workspace --test market` writes the snapshot.

use super::town::Town;
use samebit_market::testing::{Script, Toy};
use samebit_market::{Amount, JobStage, Ppm, Seconds, Terms, params};
use std::collections::BTreeMap;

/// Segments of a whole batch.
const BATCH: u64 = 64;
/// The most that a settled segment of a whole batch may cost all roles together.
const SEGMENT_LIMIT: u64 = 60_000;
/// The most that posting, accepting and closing a job may cost.
const JOB_LIMIT: u64 = 600_000;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/snapshots/market.json");

/// A tenth is drawn, by so many verifiers each; two of three custodians sign.
fn terms(checkers: u8) -> Terms {
    Terms {
        draw_rate: Ppm(100_000),
        checkers,
        custodians: 3,
        quorum: 2,
        credit: BATCH as u8,
        hold_seconds: Seconds(600),
        seal_seconds: Seconds(600),
        open_seconds: Seconds(600),
        entry_seconds: Seconds(600),
        ..Script::terms()
    }
}

/// Runs a job of so many segments to its end; everybody has had money before, as in a system that is used.
fn run(segments: u64, checkers: u8) -> Town {
    let mut town = Town::new(5);
    let people = town.people.clone();
    for &person in &people {
        town.fund(person, Amount(1 << 80));
    }
    for &person in &people[4..] {
        town.seat(person);
    }
    // A first job fills what was empty: Market's money, the pots, the verifiers' accounts.
    let first = Script::of(&town.chain, &people, Toy::new(1), terms(checkers), 0);
    play(&mut town, &first);
    town.gas.clear();
    let script = Script::of(&town.chain, &people, Toy::new(segments), terms(checkers), 1);
    play(&mut town, &script);
    town.check_money("the end");
    town
}

fn play(town: &mut Town, script: &Script) {
    town.tell(script.poster, script.post.clone()).expect("it is well formed");
    for _ in 0..10_000 {
        if script.held(&town.chain).stage == JobStage::Done {
            return;
        }
        let mut happened = false;
        for (sender, message) in script.due(&town.chain) {
            // What is too early is not said.
            if town.chain.clone().tell(sender, message.clone()).is_ok() {
                happened = true;
                town.tell(sender, message).expect("it was accepted");
            }
        }
        if !happened {
            town.chain.wait(12);
        }
    }
    panic!("the job goes on");
}

/// Gas of a message, by its name: the most that one cost.
fn most(town: &Town) -> BTreeMap<String, u64> {
    town.gas.iter().map(|(name, all)| (name.clone(), *all.iter().max().expect("it was said"))).collect()
}

/// Gas of all messages with these names.
fn sum(town: &Town, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| town.gas.get(*name)).flatten().sum()
}

/// What a batch costs all roles together, without its job's end: as it was played, but with as many draws and catches (of this cost) as are
/// expected.
fn batch(town: &Town, closing: u64, caught: u64) -> u64 {
    let all = sum(town, &["Claim", "Hold", "Draw", "Announce", "Reveal", "Settle"]) - closing;
    let draws = town.gas["OpenSolver"].len() as u64;
    let draw = sum(town, &["Seal", "Close", "OpenVerifier", "OpenSolver", "Conclude"]) / draws;
    let (rate, forced) = (u64::from(terms(1).draw_rate.0), u64::from(params::FORCED.0));
    let undrawn = BATCH * (1_000_000 - rate) / 1_000_000;
    all + BATCH * rate * draw / 1_000_000 + undrawn * forced * caught / 1_000_000
}

#[test]
fn a_job_costs_what_the_snapshot_says() {
    let town = run(BATCH, 1);
    let mut found = most(&town);
    // Closing: what settling the last batch costs more than settling another one does.
    let settled = &run(2 * BATCH, 1).gas["Settle"];
    let closing = settled[settled.len() - 1].saturating_sub(settled[0]);
    let job = town.gas["Post"][0] + town.gas["Accept"][0] + closing;
    found.insert("post, accept and close a job".to_owned(), job);
    let catches = town.gas["PayCatch"].len() as u64;
    let caught = sum(&town, &["CommitCatch", "RevealCatch", "PayCatch"]) / catches;
    let [one, two] = [1, 2].map(|checkers| batch(&run(BATCH, checkers), closing, caught) / BATCH);
    found.insert(format!("a segment of a batch of {BATCH}, one to check each drawn one"), one);
    found.insert(format!("a segment of a batch of {BATCH}, two to check each drawn one"), two);
    found.iter().for_each(|(name, gas)| println!("{name}: {gas}"));
    check_snapshot(&found);
    assert!(one <= SEGMENT_LIMIT, "{one} gas a segment");
    assert!(job <= JOB_LIMIT, "{job} gas a job");
}

fn check_snapshot(found: &BTreeMap<String, u64>) {
    if std::env::var_os("SAMEBIT_WRITE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(found).expect("numbers by name");
        std::fs::write(SNAPSHOT, text + "\n").expect("the snapshot is written");
    }
    let text = std::fs::read_to_string(SNAPSHOT).expect("the snapshot");
    let expected: BTreeMap<String, u64> = serde_json::from_str(&text).expect("numbers by name");
    assert_eq!(*found, expected, "hint: SAMEBIT_WRITE_SNAPSHOTS=1 writes contracts/snapshots/market.json");
}
