//! Strangers' processes do a job: the demonstration, and peers that are killed with signal 9 at any moment.

mod support;

use serde_json::Value;
use support::World;
use support::town::Town;

/// Kills of all roles together.
const KILLS: usize = if cfg!(feature = "slow") { 200 } else { 15 };

#[test]
fn the_demonstration_catches_the_liars_and_delivers_the_bits() {
    let world = World::new();
    let ran = world.samebit(&["demo", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!(shown["outcome"], "ok");
    assert_eq!(shown["final_state"], shown["local_final_state"]);
    let list = |name: &str| shown[name].as_array().expect("a list").clone();
    let caught = |who: &str| list("caught").iter().any(|caught| caught["who"] == who);
    assert!(caught("solver-1") && caught("copier"), "{shown}");
    assert!(!list("disputes").is_empty());
    for dispute in list("disputes") {
        assert!(dispute["step"].is_u64() && dispute["gas"].as_u64() > Some(0), "{dispute}");
        let winners = dispute["winner"].as_array().expect("a list");
        assert!(winners.iter().filter_map(Value::as_str).all(|winner| winner != "solver-1"), "{dispute}");
    }
    let killed = shown["killed"].as_str().expect("a solver");
    assert!(list("reassigned").iter().any(|redone| redone["from"] == killed), "{shown}");
    for who in ["solver-1", killed, "copier"] {
        assert!(shown["slashed"].get(who).is_some(), "{shown}");
    }
}

#[test]
fn peers_that_are_killed_go_on_and_lose_nothing() {
    let mut town = Town::found();
    town.world.run("job.yaml", "local", &[]);
    let (mut kills, mut jobs) = (0, 0);
    while kills < KILLS {
        kills += town.job_with_kills(jobs);
        assert_eq!(town.world.final_state(&format!("out-{jobs}")), town.world.final_state("local"));
        let verified = town.world.samebit(&["verify", &format!("out-{jobs}"), "--all"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        jobs += 1;
    }
    let told = town.jobs();
    assert_eq!(told.len(), jobs);
    for job in told {
        assert_eq!(job["stage"], "done");
        assert_eq!(job["attempts"], 1, "the solver lost its attempt: {job}");
        let story = town.story(job["job"].as_str().expect("a name"));
        assert!(story.iter().any(|line| line.contains("DONE")));
        assert!(!story.iter().any(|line| line.contains("fined") || line.contains("bond")), "{story:#?}");
    }
}
