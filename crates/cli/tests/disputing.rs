//! Two runs that differ are judged by the contracts on the embedded chain, through the binary.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::World;

fn honest() -> World {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "honest", &[]);
    world
}

fn lie(world: &World, fault: &str) -> String {
    let out = fault.replace(':', "-");
    world.run("job.yaml", &out, &["--inject-fault", fault]);
    out
}

fn dispute(world: &World, arguments: &[&str]) -> Value {
    let ran = world.samebit(&[&["--json", "dispute"], arguments].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

/// Nodes of the job, with their numbers.
fn nodes(world: &World) -> Vec<Value> {
    let program = world.samebit(&["--json", "program", "job.yaml"]).json();
    program["nodes"].as_array().expect("nodes").clone()
}

fn size(node: &Value) -> u64 {
    let extents = node["shape"].as_array().expect("a shape").iter();
    extents.map(|extent| extent.as_u64().expect("a number")).product()
}

/// Disputes a wrong value in this node and checks that the honest side wins there; the leaf that was redone.
fn wrong_value(world: &World, node: &Value, is_swapped: bool) -> String {
    let element = size(node) * 2 / 3;
    let out = lie(world, &format!("value:3:{}:{element}:1000000", node["index"]));
    let found = match is_swapped {
        false => dispute(world, &["honest", &out]),
        true => dispute(world, &[&out, "honest"]),
    };
    let winner = if is_swapped { "b" } else { "a" };
    assert_eq!(found["winner"], winner, "{node}: {found}");
    assert_eq!((&found["step"], &found["op"]), (&json!(3), &node["op"]), "{found}");
    assert_eq!(found["node"], node["index"], "{found}");
    let leaf = found["leaf"].as_str().expect("a leaf").to_owned();
    if leaf != "Source" {
        assert_eq!((&found["page"], &found["element"]), (&json!(element / 256), &json!(element)), "{found}");
    }
    let (gas, moves) = (found["gas"].as_u64().expect("gas"), found["moves"].as_u64().expect("moves"));
    assert!(moves > 0 && moves <= 16 && gas > 100_000, "{found}");
    assert!(found["transactions"].as_u64().expect("a count") >= moves + 8, "{found}");
    println!("{} {leaf}: {moves} moves, gas {gas}: {}", node["op"], found["gas_by"]);
    leaf
}

#[test]
fn a_wrong_value_loses_at_every_leaf_of_arithmetic() {
    let world = honest();
    let nodes = nodes(&world);
    let last = |op: &str| nodes.iter().rfind(|node| node["op"] == op).unwrap_or_else(|| panic!("{op}"));
    let mut leaves = BTreeSet::new();
    for (at, op) in
        ["state", "table", "layer_norm", "linear", "norm_sum", "attention"].into_iter().enumerate()
    {
        leaves.insert(wrong_value(&world, last(op), at % 2 == 1));
    }
    let leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
    assert_eq!(leaves, ["Block", "LaneFold", "Map", "Source"]);
}

/// Every operator in every phase, on the contracts.
#[test]
#[cfg(feature = "slow")]
fn a_wrong_value_in_every_operator_loses() {
    for model in [None, Some(support::LLAMA)] {
        let world = World::new();
        world.job("job.yaml", model.as_slice());
        world.run("job.yaml", "honest", &[]);
        let nodes = nodes(&world);
        let ops: BTreeSet<&str> = nodes.iter().map(|node| node["op"].as_str().expect("a name")).collect();
        for op in ops {
            let of_op = || nodes.iter().filter(|node| node["op"] == op);
            let mut chosen: Vec<&Value> = of_op().next().into_iter().chain(of_op().next_back()).collect();
            chosen.dedup();
            for (at, node) in chosen.into_iter().enumerate() {
                wrong_value(&world, node, at == 1);
            }
        }
    }
}

#[test]
fn skipped_steps_wrong_rows_and_rates_lose_on_either_side() {
    let world = honest();
    for (fault, step, leaf) in [("skip:2", 2, "Sink"), ("row:1", 1, "Map"), ("rate:4:0.5", 4, "Map")] {
        let out = lie(&world, fault);
        for (sides, winner) in [(["honest", &out], "a"), ([&out, "honest"], "b")] {
            let found = dispute(&world, &sides);
            assert_eq!(
                (&found["winner"], &found["step"], &found["leaf"]),
                (&json!(winner), &json!(step), &json!(leaf)),
                "{found}"
            );
            assert_eq!(found["segment"], step / 2, "{found}");
        }
    }
}

#[test]
fn a_state_that_does_not_follow_from_its_steps_loses() {
    let world = honest();
    let out = lie(&world, "rate:2:2");
    let mut record: Value = serde_json::from_slice(&world.read(&format!("{out}/run.json"))).expect("JSON");
    record["faults"] = json!([]);
    world.write(&format!("{out}/run.json"), record.to_string());
    let found = dispute(&world, &[&out, "honest"]);
    assert_eq!((&found["winner"], &found["leaf"]), (&json!("b"), &json!("SegmentEnd")), "{found}");
}

#[test]
fn equal_runs_have_nothing_to_settle() {
    let world = honest();
    world.run("job.yaml", "again", &["--backend", "scalar"]);
    for more in [&[][..], &["--segment", "1"]] {
        let found = dispute(&world, &[&["honest", "again"], more].concat());
        assert!(
            ["winner", "step", "node", "page", "element"].iter().all(|key| found[key].is_null()),
            "{found}"
        );
        assert_eq!((&found["gas"], &found["transactions"]), (&json!(0), &json!(0)));
    }
    // A fault that leaves the state as it was is still a false trace; one that changes no bit is none.
    let absorbed = lie(&world, "value:1:70:0:0");
    assert!(dispute(&world, &["honest", &absorbed])["winner"].is_null());
}

#[test]
fn a_side_that_stops_moving_loses_by_its_clock() {
    let world = honest();
    let out = lie(&world, "rate:4:0.5");
    for (side, winner) in [("b", "a"), ("a", "b")] {
        let found = dispute(&world, &["honest", &out, "--stall", side]);
        assert_eq!(found["winner"], winner, "{found}");
        assert!(found["verdict"].as_str().is_some_and(|text| text.contains("clock")), "{found}");
        assert!(found["leaf"].is_null(), "{found}");
    }
}

#[test]
fn what_cannot_be_disputed_is_said() {
    let world = honest();
    for (arguments, code, word) in [
        (&["honest", "nowhere"][..], 2, "nowhere"),
        (&["honest", "honest", "--segment", "9"], 2, "segment 9"),
        (&["honest", "honest", "--contract", "zzz"], 2, "address"),
        (&["honest", "honest", "--rpc-url", "http://x", "--chain", "c"], 2, "--chain"),
    ] {
        let ran = world.samebit(&[&["dispute"], arguments].concat());
        assert!(ran.code == code && ran.stderr.contains(word), "{arguments:?}: {ran:?}");
    }
    let out = lie(&world, "rate:4:0.5");
    let ran = world.samebit(&["dispute", "honest", &out, "--rpc-url", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, 3, "{ran:?}");
}
