//! Two runs are searched down to the first element that differs.

mod support;

use serde_json::{Value, json};
use support::World;

const PLACE: [&str; 5] = ["step", "node", "op", "page", "element"];

fn honest() -> World {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "honest", &[]);
    world
}

fn pinpoint(world: &World, a: &str, b: &str) -> Value {
    let ran = world.samebit(&["--json", "pinpoint", a, b]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

fn lie(world: &World, fault: &str) -> Value {
    let out = fault.replace(':', "-");
    world.run("job.yaml", &out, &["--inject-fault", fault]);
    pinpoint(world, "honest", &out)
}

#[test]
fn equal_runs_have_no_place() {
    let world = honest();
    world.run("job.yaml", "again", &["--backend", "scalar", "--threads", "3"]);
    let found = pinpoint(&world, "honest", "again");
    assert!(PLACE.iter().all(|key| found[key].is_null()), "{found}");
    assert_eq!(found["hashes_opened"], 1);
    assert_eq!(found["absorbed"], json!([]));
}

#[test]
fn a_wrong_value_is_found_in_nodes_of_every_kind() {
    let world = honest();
    let program = world.samebit(&["--json", "program", "job.yaml"]).json();
    let nodes = program["nodes"].as_array().expect("nodes");
    let size = |node: &Value| -> u64 {
        node["shape"]
            .as_array()
            .expect("a shape")
            .iter()
            .map(|extent| extent.as_u64().expect("a number"))
            .product()
    };
    // The first and the last node of every kind: forward, backward, optimiser.
    let mut chosen: Vec<&Value> = Vec::new();
    for kind in ["state", "table", "map", "fold", "composite"] {
        let of_kind = || nodes.iter().filter(|node| node["kind"] == kind);
        chosen.extend(of_kind().next());
        chosen.extend(of_kind().next_back());
    }
    assert_eq!(chosen.len(), 10);
    let mut found_count = 0;
    for node in chosen {
        let element = size(node) * 2 / 3;
        let found = lie(&world, &format!("value:3:{}:{element}:2000000", node["index"]));
        if found["step"].is_null() {
            assert_eq!(found["absorbed"].as_array().map(Vec::len), Some(1), "{found}");
            continue;
        }
        found_count += 1;
        let expected =
            [json!(3), node["index"].clone(), node["op"].clone(), json!(element / 256), json!(element)];
        assert_eq!(PLACE.map(|key| found[key].clone()), expected, "{found}");
        assert!(found["hashes_opened"].as_u64().is_some_and(|opened| opened < 1500), "{found}");
        let below = ["block", "body_node", "body_element"].map(|key| found[key].is_u64());
        match node["kind"].as_str() {
            Some("fold") => assert_eq!(below, [true, false, false], "{found}"),
            Some("composite") => assert_eq!(below[1..], [true, true], "{found}"),
            _ => assert_eq!(below, [false; 3], "{found}"),
        }
    }
    assert!(found_count >= 6, "only {found_count} of the lies left a trace");
}

#[test]
fn the_block_of_a_long_fold_is_named() {
    let world = honest();
    let program = world.samebit(&["--json", "program", "job.yaml"]).json();
    // The squares of the largest tensor's gradient: 256 · 12 terms are 12 blocks, and a lie in the sum is in the last one.
    let nodes = program["nodes"].as_array().expect("nodes");
    let flops = |node: &&Value| node["flops"].as_u64();
    let sum =
        nodes.iter().filter(|node| node["op"] == "square_sum" && node["kind"] == "fold").max_by_key(flops);
    let place = sum.expect("a sum of squares")["index"].clone();
    let found = lie(&world, &format!("value:1:{place}:0:5"));
    assert_eq!((&found["node"], &found["block"]), (&place, &json!(11)), "{found}");
    let ran = world.samebit(&["pinpoint", "honest", &format!("value-1-{place}-0-5")]);
    assert!(ran.stdout.contains("in block 11"), "{ran:?}");
}

#[test]
fn what_a_directory_without_states_hides_is_said() {
    let world = honest();
    world.run("job.yaml", "hidden", &["--inject-fault", "rate:1:2", "--keep", "last"]);
    let mut record: Value = serde_json::from_slice(&world.read("hidden/run.json")).expect("JSON");
    record["faults"] = json!([]);
    world.write("hidden/run.json", record.to_string());
    let found = pinpoint(&world, "honest", "hidden");
    assert!(found["element"].is_null() && found["segment"] == 0, "{found}");
    let note = found["note"].as_str().expect("a note");
    assert!(note.contains("steps 0 to 1 cannot be known") && note.contains("--keep last"), "{note}");
}

#[test]
fn skipped_steps_wrong_rows_and_rates_are_found() {
    let world = honest();
    let skipped = lie(&world, "skip:2");
    assert_eq!((&skipped["step"], &skipped["op"]), (&json!(2), &json!("sink")), "{skipped}");
    assert!(skipped["element"].is_u64() && skipped["node"].is_u64(), "{skipped}");
    let row = lie(&world, "row:1");
    assert_eq!((&row["step"], &row["op"]), (&json!(1), &json!("ids")), "{row}");
    let rate = lie(&world, "rate:4:0.5");
    assert_eq!(rate["step"], 4, "{rate}");
    assert!(rate["node"].is_u64() && rate["op"] != "sink", "{rate}");
}

#[test]
fn an_absorbed_fault_is_called_absorbed() {
    let world = honest();
    let found = lie(&world, "value:1:70:0:0");
    assert!(PLACE.iter().all(|key| found[key].is_null()), "{found}");
    assert_eq!(found["absorbed"], json!(["value:1:70:0:0"]));
    let ran = world.samebit(&["pinpoint", "honest", "value-1-70-0-0"]);
    assert!(ran.stdout.contains("absorbed"), "{ran:?}");
}

#[test]
fn a_hidden_lie_is_found_in_the_stored_state() {
    let world = honest();
    world.run("job.yaml", "hidden", &["--inject-fault", "rate:2:2"]);
    let mut record: Value = serde_json::from_slice(&world.read("hidden/run.json")).expect("JSON");
    record["faults"] = json!([]);
    world.write("hidden/run.json", record.to_string());
    let found = pinpoint(&world, "honest", "hidden");
    assert_eq!((&found["segment"], &found["op"]), (&json!(1), &json!("sink")), "{found}");
    assert!(found["note"].as_str().is_some_and(|note| note.contains("of b does not follow")), "{found}");
    assert!(found["element"].is_u64(), "{found}");
}

#[test]
fn runs_that_end_elsewhere_are_compared_as_far_as_they_go() {
    let world = World::new();
    let changes = [
        ("optimizer", "sgd"),
        ("learning_rate", "1.0e+3"),
        ("max_grad_norm", ""),
        ("max_steps", "60"),
        ("verify", "{segment_steps: 4}"),
    ];
    world.job("job.yaml", &changes);
    for (out, fault) in [("a", "rate:0:1"), ("b", "rate:0:0.000001")] {
        let ran = world.samebit(&["run", "job.yaml", "--out", out, "--inject-fault", fault]);
        assert_eq!(ran.code, 1, "{ran:?}");
    }
    let found = pinpoint(&world, "a", "b");
    assert_eq!((&found["step"], &found["segment"]), (&json!(0), &json!(0)), "{found}");
    assert!(found["element"].is_u64(), "{found}");
}

#[test]
fn only_runs_of_one_job_are_compared() {
    let world = honest();
    world.write("data2.txt", "other words ".repeat(100));
    for (changes, word) in [
        (vec![("seed", "8")], "first weights"),
        (vec![("learning_rate", "2.0e-2")], "learning rates"),
        (vec![("max_steps", "6")], "5 and 6 steps"),
        (vec![("datasets", "[{path: data2.txt}]")], "tokens"),
        (vec![("verify", "{segment_steps: 3}")], "segments of 2 and 3 steps"),
        (vec![("max_grad_norm", "2.0")], "node"),
    ] {
        world.job("other.yaml", &changes);
        let out = word.replace(' ', "-");
        world.run("other.yaml", &out, &[]);
        let ran = world.samebit(&["pinpoint", "honest", &out]);
        assert!(ran.code == 2 && ran.stderr.contains(word), "{changes:?}: {ran:?}");
    }
}

#[test]
fn a_fault_out_of_range_is_refused_before_anything_is_written() {
    let world = World::new();
    world.job("job.yaml", &[]);
    for fault in [
        "skip:5",
        "value:0:100000:0:1",
        "value:0:0:99999999:1",
        "value:0:0:0",
        "rate:1:x",
        "rate:1:nan",
        "bogus:1",
    ] {
        let ran = world.samebit(&["run", "job.yaml", "--out", "out", "--inject-fault", fault]);
        assert_eq!((ran.code, world.path("out").exists()), (2, false), "{fault}: {ran:?}");
    }
}
