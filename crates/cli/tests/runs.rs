//! One job, one final state: over every schedule, and over every way of being interrupted.

mod support;

use samebit_ops::simd::Isa;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;
use support::{LLAMA, World};

#[test]
fn a_run_leaves_a_whole_directory() {
    let world = World::new();
    world.job("job.yaml", &[]);
    let ran = world.samebit(&["--json", "run", "job.yaml", "--out", "deep/er/out"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["start", "step", "step", "step", "step", "step", "end"]);
    let names: Vec<String> = world.files("deep/er/out");
    let expected = [
        "config.json",
        "job.json",
        "metrics.jsonl",
        "model.safetensors",
        "program.bin",
        "receipt.json",
        "run.json",
        "states/00000000.bin",
        "states/00000002.bin",
        "states/00000004.bin",
        "states/00000005.bin",
        "tables/order.bin",
        "tables/schedule.bin",
        "tables/tokens.bin",
    ];
    assert_eq!(names, expected.map(|name| format!("deep/er/out/{name}")));
    let metrics = String::from_utf8(world.read("deep/er/out/metrics.jsonl")).expect("UTF-8");
    let losses: Vec<f64> = metrics
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            for key in ["step", "loss", "grad_norm", "learning_rate"] {
                assert!(line[key].is_number(), "{key} in {line}");
            }
            line["loss"].as_f64().expect("a number")
        })
        .collect();
    assert!((losses[0] - 256f64.ln()).abs() < 0.1 && losses[4] < losses[0], "{losses:?}");
    let receipt: serde_json::Value =
        serde_json::from_slice(&world.read("deep/er/out/receipt.json")).expect("JSON");
    for key in ["job", "program", "profile", "engine_version", "initial_state", "data", "final_state"] {
        assert!(receipt[key].is_string(), "{key}");
    }
    assert!(receipt["signatures"].as_array().is_some_and(Vec::is_empty));
    assert!(receipt["cost"]["flops"].as_u64().is_some_and(|flops| flops > 0));
    assert_eq!(lines[6]["final_state"], receipt["final_state"]);
}

#[test]
fn no_schedule_changes_a_bit() {
    let world = World::new();
    let batches = [("6", "1"), ("3", "2"), ("2", "3")];
    let jobs = [("gpt", None), ("llama", Some(LLAMA))];
    let lacking: Vec<&str> = Isa::ALL.into_iter().filter(|isa| !isa.is_available()).map(Isa::name).collect();
    println!("instruction sets that this processor lacks and that were not tried: {lacking:?}");
    for (name, model) in jobs {
        let mut states = Vec::new();
        for (micro, accumulate) in batches {
            let mut changes = vec![
                ("micro_batch_size", micro),
                ("gradient_accumulation_steps", accumulate),
                ("max_steps", "3"),
            ];
            changes.extend(model);
            world.job("job.yaml", &changes);
            for isa in Isa::available().map(Isa::name) {
                for threads in ["1", "2", "3", "7"] {
                    let out = format!("{name}-{micro}-{isa}-{threads}");
                    world.run("job.yaml", &out, &["--backend", isa, "--threads", threads]);
                    states.push((
                        world.final_state(&out),
                        world.read(&format!("{out}/model.safetensors")),
                        out,
                    ));
                }
            }
        }
        let first = &states[0];
        for (state, weights, out) in &states {
            assert_eq!((state, weights), (&first.0, &first.1), "{out} and {}", first.2);
        }
    }
}

#[test]
fn the_reference_and_a_memory_budget_change_no_bit() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "1"), ("sequence_len", "7"), ("micro_batch_size", "2")]);
    world.run("job.yaml", "fast", &[]);
    world.run("job.yaml", "slow", &["--backend", "reference"]);
    assert_eq!(world.final_state("fast"), world.final_state("slow"));

    world.job("wide.yaml", &[]);
    world.run("wide.yaml", "whole", &[]);
    let quote = world.samebit(&["--json", "quote", "wide.yaml"]).json();
    let budget = (quote["peak_memory"].as_u64().expect("a number") - 1).to_string();
    world.run("wide.yaml", "cut", &["--memory", &budget]);
    assert_eq!(world.final_state("whole"), world.final_state("cut"));
    let record: serde_json::Value = serde_json::from_slice(&world.read("cut/run.json")).expect("JSON");
    assert!(record["micro_batches"].as_u64().is_some_and(|parts| parts > 1), "{record}");
    // A single row cannot be cut: what does not fit is computed again.
    let deep = "{model_type: gpt2, n_layer: 4, n_embd: 12, n_head: 2, n_positions: 20, vocab_size: 256}";
    world.job("deep.yaml", &[("model_config", deep), ("micro_batch_size", "1"), ("max_steps", "2")]);
    world.run("deep.yaml", "kept", &[]);
    let quote = world.samebit(&["--json", "quote", "deep.yaml"]).json();
    let budget = (quote["peak_memory"].as_u64().expect("a number") - 1).to_string();
    world.run("deep.yaml", "again", &["--memory", &budget]);
    assert_eq!(world.final_state("kept"), world.final_state("again"));

    let ran = world.samebit(&["run", "wide.yaml", "--out", "none", "--memory", "1K"]);
    assert_eq!((ran.code, world.path("none").exists()), (2, false), "{ran:?}");
}

#[test]
fn settings_come_from_flags_then_environment_then_files() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "1")]);
    let backend = |out: &str| {
        let record: serde_json::Value =
            serde_json::from_slice(&world.read(&format!("{out}/run.json"))).expect("JSON");
        (record["backend"].as_str().expect("a name").to_owned(), record["threads"].as_u64())
    };
    std::fs::create_dir_all(world.path(".config/samebit")).expect("a directory");
    world.write(".config/samebit/config.toml", "backend = \"reference\"\nthreads = 3\n");
    world.run("job.yaml", "user", &[]);
    assert_eq!(backend("user"), ("reference".to_owned(), Some(3)));
    world.write("samebit.toml", "backend = \"scalar\"\n");
    world.run("job.yaml", "project", &[]);
    assert_eq!(backend("project"), ("scalar".to_owned(), Some(3)));
    let mut command = world.command();
    command.env("SAMEBIT_THREADS", "2").env("SAMEBIT_BACKEND", "reference");
    let output = command.args(["run", "job.yaml", "--out", "environment", "--backend", "scalar"]).output();
    assert!(output.expect("the binary").status.success());
    assert_eq!(backend("environment"), ("scalar".to_owned(), Some(2)));
    world.write("samebit.toml", "bakend = \"scalar\"\n");
    let ran = world.samebit(&["run", "job.yaml", "--out", "typo"]);
    assert!(ran.code == 2 && ran.stderr.contains("bakend") && ran.stderr.contains("hint:"), "{ran:?}");
}

#[test]
fn a_directory_in_use_is_refused_and_a_finished_run_stays() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    let before = world.read("out/receipt.json");
    let ran = world.samebit(&["run", "job.yaml", "--out", "out"]);
    assert!(ran.code == 2 && ran.stderr.contains("--resume"), "{ran:?}");
    world.run("job.yaml", "out", &["--resume"]);
    assert_eq!(world.read("out/receipt.json"), before);
    world.job("other.yaml", &[("seed", "8")]);
    let ran = world.samebit(&["run", "other.yaml", "--out", "out", "--resume"]);
    assert!(ran.code == 2 && ran.stderr.contains("another job"), "{ran:?}");
    assert_eq!(world.read("out/receipt.json"), before);
}

#[test]
fn a_run_that_is_killed_resumes_to_the_same_bits() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "40")]);
    world.run("job.yaml", "whole", &[]);
    for keep in ["all", "last"] {
        let mut kills = 0;
        for delay in [3, 11, 24, 30, 37, 52, 45, 66] {
            let mut command = world.command();
            command.args(["run", "job.yaml", "--out", keep, "--resume", "--keep", keep]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary");
            std::thread::sleep(Duration::from_millis(delay));
            kills += u32::from(child.try_wait().expect("a child").is_none());
            child.kill().expect("a child");
            child.wait().expect("a child");
        }
        assert!(kills > 0, "every run was over before it was killed");
        world.run("job.yaml", keep, &["--resume", "--keep", keep]);
        assert_eq!(world.final_state(keep), world.final_state("whole"));
        for name in ["metrics.jsonl", "model.safetensors", "config.json", "job.json"] {
            assert_eq!(world.read(&format!("{keep}/{name}")), world.read(&format!("whole/{name}")), "{name}");
        }
        assert_eq!(world.samebit(&["verify", keep, "--sample", "0.1"]).code, 0);
        assert!(world.files(keep).iter().all(|name| !name.ends_with(".partial")));
    }
    assert_eq!(world.files("last/states").len(), 2);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_stops_at_a_step_and_resumes_to_the_same_bits() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "300"), ("verify", "{segment_steps: 50}")]);
    world.run("job.yaml", "whole", &[]);
    for signal in ["-INT", "-TERM"] {
        let out = format!("out{signal}");
        let mut command = world.command();
        command
            .args(["--json", "run", "job.yaml", "--out", &out])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let seen = lines.by_ref().find(|line| line.as_ref().is_ok_and(|line| line.contains("\"step\":60,")));
        assert!(seen.is_some());
        let killed = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        let last = lines.last().expect("a line").expect("text");
        let end: serde_json::Value = serde_json::from_str(&last).expect("JSON");
        assert_eq!(child.wait().expect("a child").code(), Some(1));
        assert_eq!(end["ending"], "stopped", "{end}");
        assert!(end["steps_run"].as_u64().is_some_and(|steps| (50..300).contains(&steps)), "{end}");
        assert_eq!(world.samebit(&["verify", &out]).code, 0);
        world.run("job.yaml", &out, &["--resume"]);
        assert_eq!(world.final_state(&out), world.final_state("whole"));
    }
}

#[test]
fn an_interrupted_lie_goes_on_lying() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "lie", &["--inject-fault", "rate:3:2"]);
    let lie = world.final_state("lie");
    // As a kill between two segments leaves it.
    let mut receipt: samebit_trace::Receipt =
        serde_json::from_slice(&world.read("lie/receipt.json")).expect("a receipt");
    receipt.segments.truncate(1);
    receipt.final_state = receipt.segments[0].state_root;
    receipt.ending = samebit_trace::Ending::Running;
    receipt.weights = None;
    receipt.files.remove("metrics.jsonl");
    receipt.seal();
    world.write("lie/receipt.json", receipt.to_bytes());
    let ran = world.samebit(&["run", "job.yaml", "--out", "lie", "--resume", "--inject-fault", "skip:3"]);
    assert!(ran.code == 2 && ran.stderr.contains("--inject-fault"), "{ran:?}");
    world.run("job.yaml", "lie", &["--resume"]);
    assert_eq!(world.final_state("lie"), lie);
}
