//! The smaller commands, as scripts see them.

mod support;

use serde_json::Value;
use support::{LLAMA, World};

#[test]
fn a_trained_model_continues_text() {
    let world = World::new();
    for (name, changes) in [("gpt", vec![]), ("llama", vec![LLAMA])] {
        world.job("job.yaml", &changes);
        world.run("job.yaml", name, &[]);
        let generate = |more: &[&str]| {
            let all =
                [&["--json", "generate", name, "--prompt", "line ünd", "--tokens", "40"], more].concat();
            let ran = world.samebit(&all);
            assert_eq!(ran.code, 0, "{ran:?}");
            ran.json()
        };
        let greedy = generate(&[]);
        assert_eq!(greedy["tokens"].as_array().map(Vec::len), Some(40));
        assert_eq!(greedy["tokens"], generate(&["--backend", "scalar", "--threads", "1"])["tokens"]);
        let drawn = generate(&["--temperature", "1", "--seed", "3"]);
        assert_eq!(drawn["tokens"], generate(&["--temperature", "1", "--seed", "3"])["tokens"]);
        assert_ne!(drawn["tokens"], generate(&["--temperature", "1", "--seed", "4"])["tokens"]);
        let shown = world.samebit(&["generate", name, "--prompt", "line", "--tokens", "5"]);
        assert!(shown.stdout.starts_with("line"), "{shown:?}");
        // What Hugging Face would be given is enough.
        std::fs::create_dir(world.path("bare")).expect("a directory");
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(world.path(&format!("{name}/{file}")), world.path(&format!("bare/{file}")))
                .expect("a file");
        }
        let bare =
            world.samebit(&["--json", "generate", "bare", "--prompt", "line ünd", "--tokens", "40"]).json();
        assert_eq!(bare["tokens"], greedy["tokens"]);
        std::fs::remove_dir_all(world.path("bare")).expect("a directory");
    }
    assert_eq!(world.samebit(&["generate", "data", "--prompt", "x"]).code, 2);
    assert_eq!(world.samebit(&["generate", "gpt", "--prompt", ""]).code, 2);
}

#[test]
fn training_goes_on_from_a_finished_runs_directory() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "first", &[]);
    world.job("more.yaml", &[("model_config", ""), ("base_model", "first")]);
    world.run("more.yaml", "second", &[]);
    let loss = |out: &str| -> f64 {
        let text = String::from_utf8(world.read(&format!("{out}/metrics.jsonl"))).expect("UTF-8");
        let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        first["loss"].as_f64().expect("a number")
    };
    assert!(loss("second") < loss("first"), "{} {}", loss("second"), loss("first"));
}

#[test]
fn program_and_quote_tell_the_cost() {
    let world = World::new();
    world.job("job.yaml", &[]);
    let program = world.samebit(&["--json", "program", "job.yaml"]).json();
    let nodes = program["nodes"].as_array().expect("nodes");
    for (index, node) in nodes.iter().enumerate() {
        assert_eq!(node["index"], index);
        for key in ["op", "shape", "dtype", "flops"] {
            assert!(!node[key].is_null(), "{key} of {node}");
        }
    }
    let step: u64 = nodes.iter().map(|node| node["flops"].as_u64().expect("a number")).sum();
    let quote = world.samebit(&["--json", "quote", "job.yaml"]).json();
    assert_eq!(quote["flops"], step * 5);
    for key in ["flops", "bytes", "peak_memory", "work_units", "seconds"] {
        assert!(quote[key].as_f64().is_some_and(|value| value > 0.0), "{key} of {quote}");
    }
    world.run("job.yaml", "out", &[]);
    let receipt: Value = serde_json::from_slice(&world.read("out/receipt.json")).expect("JSON");
    for key in ["flops", "bytes", "work_units"] {
        assert_eq!(receipt["cost"][key], quote[key], "{key}: what is charged is what was quoted");
    }
    let table = world.samebit(&["program", "job.yaml"]);
    assert!(table.stdout.lines().count() > nodes.len(), "{table:?}");
}

#[test]
fn doctor_bench_and_completions_answer() {
    let world = World::new();
    let doctor = world.samebit(&["--json", "doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    let doctor = doctor.json();
    assert_eq!(doctor["ok"], true, "{doctor}");
    assert!(doctor["checks"].as_array().is_some_and(|checks| checks.len() == 5));
    let bench = world.samebit(&["--json", "bench", "--threads", "1"]).json();
    assert!(bench["products"].as_array().is_some_and(|products| !products.is_empty()), "{bench}");
    let script = world.samebit(&["completions", "bash"]);
    assert!(script.code == 0 && script.stdout.contains("pinpoint"), "{script:?}");
}

#[test]
fn json_is_all_that_scripts_see() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    for arguments in [
        &["verify", "out"][..],
        &["pinpoint", "out", "out"],
        &["program", "job.yaml"],
        &["run", "job.yaml", "--out", "out"],
    ] {
        let ran = world.samebit(&[&["--json"], arguments].concat());
        assert_eq!(ran.stdout.lines().count(), 1, "{arguments:?}: {}", ran.stdout);
        ran.json();
    }
    for arguments in [&["run", "nowhere.yaml", "--out", "none"][..], &["frobnicate"]] {
        let ran = world.samebit(&[&["--json"], arguments].concat());
        assert_eq!((ran.code, &ran.json()["error"]["exit"]), (2, &Value::from(2)), "{ran:?}");
        assert!(ran.stderr.contains("error:"), "{ran:?}");
    }
}
