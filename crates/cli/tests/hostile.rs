//! What lies where a file should be, and what fails while a run goes on: never a hang, never a panic, never half a file.
#![cfg(unix)]

mod support;

use samebit_commit::DType;
use samebit_graph::Program;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Ran, World};

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

/// Puts something in a file's place.
type Put = fn(&Path);

/// The word at a place of a table.
type Word = fn(u32) -> u32;

/// What may lie in a file's place.
const STRANGERS: [(&str, Put); 5] = [
    ("pipe", pipe),
    ("device", |path| symlink("/dev/zero", path).expect("a link")),
    ("directory", |path| std::fs::create_dir(path).expect("a directory")),
    ("loop", |path| symlink(path, path).expect("a link")),
    ("dangling link", |path| symlink("nothing", path).expect("a link")),
];

#[test]
fn strange_parts_of_a_run_are_refused_at_once() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    let files = world.files("out");
    world.copy("out", "strange");
    for name in files.iter().map(|name| name.replacen("out", "strange", 1)) {
        let bytes = world.read(&name);
        for (what, put) in STRANGERS {
            std::fs::remove_file(world.path(&name)).expect("a file");
            put(&world.path(&name));
            let told = |arguments: &[&str]| {
                let ran = world.timed(arguments);
                assert!(!ran.stderr.contains("panicked"), "{what} as {name}: {ran:?}");
                ran.code
            };
            let verified = told(&["verify", "strange", "--segment", "0"]);
            let is_claimed = !name.ends_with("run.json");
            assert!([2, 4].contains(&verified) || !is_claimed, "{what} as {name}: exit {verified}");
            assert!(
                [0, 2, 4].contains(&told(&["generate", "strange", "--prompt", "x", "--tokens", "1"])),
                "{what} as {name}"
            );
            assert!([0, 2, 4].contains(&told(&["pinpoint", "out", "strange"])), "{what} as {name}");
            assert!(
                [0, 2, 4].contains(&told(&["run", "job.yaml", "--out", "strange", "--resume"])),
                "{what} as {name}"
            );
            match what {
                "directory" => std::fs::remove_dir(world.path(&name)),
                _ => std::fs::remove_file(world.path(&name)),
            }
            .expect("what was put there");
            world.write(&name, &bytes);
        }
    }
    assert_eq!(world.samebit(&["verify", "strange", "--all"]).code, 0);
}

#[test]
fn strange_inputs_of_a_job_are_refused_at_once() {
    let world = World::new();
    world.job("first.yaml", &[("max_steps", "1")]);
    world.run("first.yaml", "base", &[]);
    let refused = |name: &str, changes: &[(&str, &str)]| {
        let path = world.path(name);
        let before = std::fs::read(&path).ok();
        for (what, put) in STRANGERS {
            let _ = std::fs::remove_file(&path);
            put(&path);
            if name != "job.yaml" {
                world.job("job.yaml", changes);
            }
            let ran = world.timed(&["run", "job.yaml", "--out", "out"]);
            assert!(ran.code == 2 && ran.stderr.contains("hint:"), "{what} as {name}: {ran:?}");
            assert!(!world.path("out").exists(), "{what} as {name}");
            let _ = std::fs::remove_dir(&path);
        }
        let _ = std::fs::remove_file(&path);
        before.into_iter().for_each(|bytes| world.write(name, bytes));
    };
    refused("job.yaml", &[]);
    refused("data/strange.jsonl", &[("datasets", "[{path: data/strange.jsonl}]")]);
    refused("data/strange.txt", &[("datasets", "[{path: data/strange.txt}]")]);
    refused("data/strange.parquet", &[("datasets", "[{path: data/strange.parquet}]")]);
    refused("tokenizer.json", &[("tokenizer", "tokenizer.json")]);
    refused("base/config.json", &[("model_config", ""), ("base_model", "base")]);
    refused("base/model.safetensors", &[("model_config", ""), ("base_model", "base")]);
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let world = World::new();
    world.job("job.yaml", &[]);
    std::fs::create_dir_all(world.path("mine/states")).expect("a directory");
    for (name, text) in
        [("mine/thesis.partial", "a"), ("mine/config.json", "b"), ("mine/states/x.partial", "c")]
    {
        world.write(name, text);
    }
    std::fs::create_dir(world.path("model")).expect("a directory");
    world.write("model/config.json", "{}");
    world.write("model/tokenizer.json", "{}");
    for directory in ["mine", "model", "data"] {
        let before: Vec<(String, Vec<u8>)> =
            world.files(directory).into_iter().map(|name| (name.clone(), world.read(&name))).collect();
        for more in [&[][..], &["--resume"]] {
            let ran = world.samebit(&[&["run", "job.yaml", "--out", directory], more].concat());
            assert!(ran.code == 2 && ran.stderr.contains("hint:"), "{directory} {more:?}: {ran:?}");
        }
        let after: Vec<(String, Vec<u8>)> =
            world.files(directory).into_iter().map(|name| (name.clone(), world.read(&name))).collect();
        assert_eq!(before, after);
    }
    // What a run leaves that is killed before its first receipt is no foreign directory.
    world.run("job.yaml", "whole", &["--inject-fault", "skip:3"]);
    world.copy("whole", "begun");
    for name in ["receipt.json", "metrics.jsonl", "model.safetensors", "program.bin", "states/00000002.bin"] {
        std::fs::remove_file(world.path(&format!("begun/{name}"))).expect("a file");
    }
    world.write("begun/program.partial", "half");
    let ran = world.samebit(&["run", "job.yaml", "--out", "begun"]);
    assert!(ran.code == 2 && ran.stderr.contains("--resume"), "{ran:?}");
    world.run("job.yaml", "begun", &["--resume"]);
    assert_eq!(world.final_state("begun"), world.final_state("whole"), "the lie goes on");
    // A run of another job is not touched either.
    world.write("whole/model.partial", "half");
    world.job("other.yaml", &[("seed", "8")]);
    assert_eq!(world.samebit(&["run", "other.yaml", "--out", "whole", "--resume"]).code, 2);
    assert!(world.path("whole/model.partial").exists());
}

#[test]
fn two_processes_never_run_into_one_directory() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "300")]);
    world.run("job.yaml", "whole", &[]);
    let spawn = |_| {
        let mut command = world.command();
        command.args(["run", "job.yaml", "--out", "out", "--resume"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary")
    };
    let children: Vec<_> = (0..4).map(spawn).collect();
    let codes: Vec<Option<i32>> =
        children.into_iter().map(|mut child| child.wait().expect("a child").code()).collect();
    assert!(
        codes.contains(&Some(0)) && codes.iter().all(|code| [Some(0), Some(2)].contains(code)),
        "{codes:?}"
    );
    assert_eq!(world.final_state("out"), world.final_state("whole"));
    assert_eq!(world.read("out/metrics.jsonl"), world.read("whole/metrics.jsonl"));
    assert_eq!(world.samebit(&["verify", "out", "--sample", "0.1"]).code, 0);
}

#[test]
fn a_model_beyond_the_memory_is_refused() {
    let world = World::new();
    let model = "{model_type: gpt2, n_layer: 80, n_embd: 8192, n_head: 64, n_positions: 64, vocab_size: 256}";
    world.job("job.yaml", &[("model_config", model)]);
    for arguments in
        [&["run", "job.yaml", "--out", "out"][..], &["quote", "job.yaml"], &["program", "job.yaml"]]
    {
        let ran = world.timed(arguments);
        assert!(ran.code == 2 && ran.stderr.contains("of memory") && ran.stderr.contains("hint:"), "{ran:?}");
    }
    assert!(!world.path("out").exists());
}

#[test]
fn tables_of_any_words_end_in_a_finding() {
    let world = World::new();
    world.job("job.yaml", &[("micro_batch_size", "2"), ("gradient_accumulation_steps", "3")]);
    world.run("job.yaml", "out", &[]);
    let words: [(&str, Word); 4] = [
        ("zero", |_| 0),
        ("greatest", |_| u32::MAX >> 1),
        ("any", |at| samebit_num::canonical(at.wrapping_mul(0x9e37_79b9))),
        ("infinite", |at| if at % 2 == 0 { f32::INFINITY.to_bits() } else { f32::NEG_INFINITY.to_bits() }),
    ];
    for name in ["order", "schedule", "tokens"] {
        for (what, word) in words {
            let _ = std::fs::remove_dir_all(world.path("lie"));
            world.copy("out", "lie");
            let file = format!("lie/tables/{name}.bin");
            let count = world.read(&file).len() as u32 / 4;
            let words: Vec<u32> = (0..count).map(word).collect();
            world.write(&file, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>());
            let dtype = if name == "schedule" { DType::F32 } else { DType::U32 };
            world.reseal("lie", |receipt| {
                let root = samebit_commit::tensor::root_of(dtype, &words);
                receipt.tables.insert(name.to_owned(), root);
                receipt.data = receipt.tables["tokens"];
                let program: Program =
                    samebit_commit::Canonical::from_bytes(&world.read("lie/program.bin")).expect("a program");
                let spec = samebit_graph::Spec {
                    program: receipt.program,
                    initial_state: receipt.initial_state,
                    tables: program.tables.iter().map(|table| receipt.tables[&table.name]).collect(),
                    steps: receipt.steps,
                    segment_steps: receipt.segment_steps,
                    profile: receipt.profile.clone(),
                };
                receipt.job = spec.digest();
            });
            let ran = world.timed(&["--json", "verify", "lie", "--all"]);
            assert_eq!(ran.code, 4, "{what} words as table {name}: {ran:?}");
            assert!(ran.json()["finding"]["message"].is_string(), "{ran:?}");
        }
    }
}

#[test]
fn a_lost_line_is_told_and_no_gap_is_left() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "6"), ("verify", "{segment_steps: 2}")]);
    world.run("job.yaml", "whole", &[]);
    let whole = String::from_utf8(world.read("whole/metrics.jsonl")).expect("UTF-8");
    let line = |at: usize| whole.split_inclusive('\n').nth(at).expect("a line");
    for (what, text, is_whole) in [
        ("half a line more", format!("{}{}{}", line(0), line(1), &line(2)[..20]), true),
        ("lines of steps to come", whole.clone(), true),
        ("half a line less", line(0).to_owned() + &line(1)[..20], false),
        ("a line less", line(0).to_owned(), false),
        ("a line twice", line(0).to_owned() + line(0), false),
    ] {
        let _ = std::fs::remove_dir_all(world.path("out"));
        world.copy("whole", "out");
        // As a kill in the second segment leaves it.
        world.reseal("out", |receipt| {
            receipt.segments.truncate(1);
            receipt.final_state = receipt.segments[0].state_root;
            receipt.ending = samebit_trace::Ending::Running;
            receipt.weights = None;
            receipt.cost.flops /= 3;
            receipt.cost.bytes /= 3;
            receipt.cost.work_units /= 3;
            receipt.files.remove("metrics.jsonl");
        });
        std::fs::remove_file(world.path("out/model.safetensors")).expect("a file");
        world.write("out/metrics.jsonl", text);
        let verified = world.samebit(&["verify", "out", "--all"]);
        assert_eq!(verified.code, if is_whole { 0 } else { 4 }, "{what}: {verified:?}");
        let ran = world.samebit(&["run", "job.yaml", "--out", "out", "--resume"]);
        assert_eq!(ran.code, if is_whole { 0 } else { 4 }, "{what}: {ran:?}");
        if is_whole {
            assert_eq!(world.read("out/metrics.jsonl"), whole.as_bytes(), "{what}");
            assert_eq!(world.samebit(&["verify", "out", "--all"]).code, 0, "{what}");
        }
    }
}

#[test]
fn a_disk_that_fills_in_mid_run_costs_a_segment_at_most() {
    let model = "{model_type: gpt2, n_layer: 1, n_embd: 2, n_head: 1, n_positions: 20, vocab_size: 256}";
    // Long segments: the metrics outgrow the limit first. Short ones: the receipt does.
    for (steps, segment) in [("1200", "{segment_steps: 50}"), ("500", "{segment_steps: 1}")] {
        let world = World::new();
        let changes = [
            ("model_config", model),
            ("max_steps", steps),
            ("verify", segment),
            ("sequence_len", "3"),
            ("micro_batch_size", "1"),
        ];
        world.job("job.yaml", &changes);
        world.run("job.yaml", "whole", &[]);
        let size = |name: &str| world.read(&format!("whole/{name}")).len();
        let fixed =
            ["program.bin", "states/00000000.bin", "tables/tokens.bin", "tables/schedule.bin", "job.json"];
        let blocks = fixed.into_iter().map(size).max().expect("a file") / 512 + 8;
        let grown = size("metrics.jsonl").max(size("receipt.json"));
        assert!(grown > blocks * 512 * 5 / 4, "{grown} bytes are not more than {blocks} blocks");
        let limited = format!("ulimit -f {blocks}; exec \"$0\" run job.yaml --out out");
        let mut command = Command::new("sh");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_samebit")]).current_dir(world.path(""));
        let ran = Ran::of(command.env("NO_COLOR", "1").output().expect("sh"));
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("hint: there is no room") && ran.stderr.contains("--resume"), "{ran:?}");
        assert!(world.files("out").iter().all(|name| !name.contains("partial")), "{:?}", world.files("out"));
        let verified = world.samebit(&["--json", "verify", "out", "--sample", "0.02", "--seed", "1"]);
        assert_eq!(verified.code, 0, "{verified:?}");
        let done = verified.json()["segments"].as_u64().expect("a number");
        assert!(done > 0, "the disk filled before the first segment's end");
        world.run("job.yaml", "out", &["--resume"]);
        assert_eq!(world.final_state("out"), world.final_state("whole"));
        assert_eq!(world.read("out/metrics.jsonl"), world.read("whole/metrics.jsonl"));
    }
}
