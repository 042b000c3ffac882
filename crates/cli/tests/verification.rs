//! What is wrong with a run is found and named: exit 4.

mod support;

use serde_json::{Value, json};
use support::World;

fn honest() -> World {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    world
}

/// Takes the record of a lie out of a run's folder, as a liar would.
fn hide(world: &World, out: &str) {
    let name = format!("{out}/run.json");
    let mut record: Value = serde_json::from_slice(&world.read(&name)).expect("JSON");
    record["faults"] = json!([]);
    world.write(&name, record.to_string());
}

#[test]
fn an_honest_run_passes_with_every_selection() {
    let world = honest();
    for (selection, executed) in [
        (vec!["--all"], Some(vec![0, 1, 2])),
        (vec!["--segment", "1"], Some(vec![1])),
        (vec!["--sample", "1"], Some(vec![0, 1, 2])),
        (vec!["--sample", "0.2"], None),
        (vec![], None),
    ] {
        let ran = world.samebit(&[&["--json", "verify", "out"], &selection[..]].concat());
        assert_eq!(ran.code, 0, "{selection:?}: {ran:?}");
        let verdict = ran.json();
        assert_eq!((&verdict["ok"], &verdict["segments"]), (&json!(true), &json!(3)));
        match executed {
            Some(executed) => assert_eq!(verdict["executed"], json!(executed)),
            None => assert!(verdict["executed"].as_array().is_some_and(|executed| !executed.is_empty())),
        }
    }
    let drawn =
        |seed: &str| world.samebit(&["--json", "verify", "out", "--sample", "0.5", "--seed", seed]).json();
    assert_eq!(drawn("4")["executed"], drawn("4")["executed"]);
    assert_eq!(world.samebit(&["verify", "out/receipt.json"]).code, 0);
    assert_eq!(world.samebit(&["verify", "out", "--segment", "3"]).code, 2);
    assert_eq!(world.samebit(&["verify", "nothing"]).code, 2);
}

#[test]
fn other_schedules_verify_a_run() {
    let world = honest();
    for backend in ["scalar", "reference"] {
        let ran = world.samebit(&["verify", "out", "--segment", "2", "--backend", backend, "--threads", "1"]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn any_changed_bit_of_any_claimed_file_is_found() {
    let world = honest();
    let mut found = 0;
    // run.json is the runner's own note, which nobody relies on to verify.
    for name in world.files("out").into_iter().filter(|name| name != "out/run.json") {
        let bytes = world.read(&name);
        for (at, bit) in [(0, 0), (bytes.len() / 3, 5), (bytes.len() - 1, 7)] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            world.write(&name, &changed);
            let ran = world.samebit(&["--json", "verify", "out", "--segment", "0"]);
            assert_eq!(ran.code, 4, "byte {at} of {name}: {ran:?}");
            assert_eq!(ran.json()["ok"], false);
            found += 1;
        }
        world.write(&name, &bytes);
    }
    assert_eq!(found, 3 * 13);
    assert_eq!(world.samebit(&["verify", "out", "--all"]).code, 0);
}

#[test]
fn missing_and_short_files_are_found() {
    let world = honest();
    for name in
        ["out/model.safetensors", "out/states/00000000.bin", "out/tables/tokens.bin", "out/config.json"]
    {
        let bytes = world.read(name);
        world.write(name, &bytes[..bytes.len() / 2]);
        assert_eq!(world.samebit(&["verify", "out"]).code, 4, "half of {name}");
        std::fs::remove_file(world.path(name)).expect("a file");
        let ran = world.samebit(&["--json", "verify", "out", "--segment", "0"]);
        assert_eq!(ran.code, 4, "no {name}: {ran:?}");
        world.write(name, &bytes);
    }
}

#[test]
fn the_first_bad_state_is_named() {
    let world = honest();
    let name = "out/states/00000004.bin";
    let mut bytes = world.read(name);
    bytes[100] ^= 1;
    world.write(name, &bytes);
    let finding = world.samebit(&["--json", "verify", "out"]).json()["finding"].clone();
    assert_eq!((&finding["kind"], &finding["segment"]), (&json!("state"), &json!(1)), "{finding}");
}

#[test]
fn a_liar_who_recomputed_every_root_is_found_by_re_execution() {
    let world = honest();
    for (fault, segment) in [("value:3:60:3:100000", 1), ("skip:0", 0), ("rate:4:1.01", 2), ("row:2", 1)] {
        let out = format!("lie-{}", fault.replace(':', "-"));
        world.run("job.yaml", &out, &["--inject-fault", fault]);
        hide(&world, &out);
        assert_ne!(world.final_state(&out), world.final_state("out"), "{fault} left no trace");
        let ran = world.samebit(&["--json", "verify", &out, "--all"]);
        assert_eq!(ran.code, 4, "{fault}: {ran:?}");
        let finding = ran.json()["finding"].clone();
        assert_eq!(
            (&finding["kind"], &finding["segment"]),
            (&json!("segment"), &json!(segment)),
            "{finding}"
        );
        for other in (0..3).filter(|other| *other != segment) {
            let ran = world.samebit(&["verify", &out, "--segment", &other.to_string()]);
            assert_eq!(ran.code, 0, "{fault}, segment {other}: {ran:?}");
        }
    }
}

#[test]
fn weights_that_do_not_follow_from_the_state_are_found() {
    let world = honest();
    let mut weights = world.read("out/model.safetensors");
    let last = weights.len() - 2;
    weights[last] ^= 1;
    world.write("out/model.safetensors", &weights);
    let mut receipt: samebit_trace::Receipt =
        serde_json::from_slice(&world.read("out/receipt.json")).expect("a receipt");
    receipt.weights = Some(samebit_commit::hash(samebit_commit::Tag::File, &[&weights]));
    receipt.seal();
    world.write("out/receipt.json", receipt.to_bytes());
    let ran = world.samebit(&["--json", "verify", "out", "--segment", "0"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(ran.json()["finding"]["file"], "model.safetensors");
}

#[test]
fn a_run_that_diverged_says_so_and_verifies() {
    let world = World::new();
    world.job(
        "job.yaml",
        &[
            ("optimizer", "sgd"),
            ("learning_rate", "1.0e+3"),
            ("max_grad_norm", ""),
            ("max_steps", "60"),
            ("verify", "{segment_steps: 4}"),
        ],
    );
    let ran = world.samebit(&["--json", "run", "job.yaml", "--out", "out"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let end = ran.json();
    assert_eq!(end["ending"], "diverged");
    let step = end["diverged_at"].as_u64().expect("a step");
    assert!(ran.stderr.contains(&format!("diverged at step {step}")), "{}", ran.stderr);
    let receipt: Value = serde_json::from_slice(&world.read("out/receipt.json")).expect("JSON");
    assert_eq!(receipt["ending"], json!({"diverged_at": step}));
    assert_eq!(world.samebit(&["verify", "out", "--all"]).code, 0);
    // Another run of it that goes a little further on its own account is caught.
    let mut forged: samebit_trace::Receipt =
        serde_json::from_slice(&world.read("out/receipt.json")).expect("a receipt");
    forged.ending = samebit_trace::Ending::Running;
    let last = forged.segments.last_mut().expect("a segment");
    last.steps[1] = (last.steps[0] + 4).min(60);
    forged.seal();
    world.write("out/receipt.json", forged.to_bytes());
    assert_eq!(world.samebit(&["verify", "out", "--all"]).code, 4);
}
