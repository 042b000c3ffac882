//! What people read when something is wrong: what, with which value, and what to do.

mod support;

use support::{Ran, World};

/// The exit code and what stands on stderr.
fn told(world: &World, ran: &Ran) -> String {
    assert_eq!(ran.stdout, "");
    world.plain(&format!("exit {}\n{}", ran.code, ran.stderr))
}

/// Tries to run the job with these changes; nothing may be written.
fn refused(world: &World, changes: &[(&str, &str)]) -> String {
    world.job("job.yaml", changes);
    let ran = world.samebit(&["run", "job.yaml", "--out", "out"]);
    assert!(!world.path("out").exists(), "{changes:?} left a directory");
    told(world, &ran)
}

#[test]
fn job_files() {
    let world = World::new();
    world.write("empty.txt", "");
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("misspelt key", &[("learning_rat", "0.1")]),
        ("unknown key", &[("frobnicate", "1")]),
        ("misspelt model key", &[("model_config", "{model_type: gpt2, n_layers: 1}")]),
        (
            "impossible shape",
            &[(
                "model_config",
                "{model_type: gpt2, n_layer: 1, n_embd: 13, n_head: 2, n_positions: 20, vocab_size: 256}",
            )],
        ),
        ("row beyond the model", &[("sequence_len", "21")]),
        ("missing data", &[("datasets", "[{path: 'nowhere/*.txt'}]")]),
        ("empty data", &[("datasets", "[{path: empty.txt}]")]),
        ("too little data", &[("micro_batch_size", "60000"), ("max_steps", "1")]),
        (
            "token beyond the vocabulary",
            &[(
                "model_config",
                "{model_type: gpt2, n_layer: 1, n_embd: 12, n_head: 2, n_positions: 20, vocab_size: 100}",
            )],
        ),
        ("unknown profile", &[("numerics", "exact41")]),
    ];
    let told: Vec<String> =
        cases.iter().map(|(name, changes)| format!("# {name}\n{}", refused(&world, changes))).collect();
    insta::assert_snapshot!("job_files", told.join("\n"));
}

#[test]
fn weight_files() {
    let world = World::new();
    world.job("first.yaml", &[("max_steps", "1")]);
    world.run("first.yaml", "base", &[]);
    let whole = world.read("base/model.safetensors");
    let text = String::from_utf8_lossy(&whole[8..]).into_owned();
    let mut lying = whole.clone();
    let at = 8 + text.find("\"shape\":[").expect("a shape") + "\"shape\":[".len();
    lying[at] = b'9';
    let mut long = whole.clone();
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut told = Vec::new();
    for (name, bytes) in [
        ("truncated header", &whole[..100]),
        ("truncated data", &whole[..whole.len() - 1]),
        ("endless header", &long[..]),
        ("lying shape", &lying[..]),
        ("empty", &[]),
    ] {
        world.write("base/model.safetensors", bytes);
        let text = refused(&world, &[("model_config", ""), ("base_model", "base")]);
        told.push(format!("# {name}\n{text}"));
    }
    insta::assert_snapshot!("weight_files", told.join("\n"));
}

#[test]
fn usage() {
    let world = World::new();
    world.job("job.yaml", &[]);
    let mut told_all = Vec::new();
    for arguments in [
        &["frobnicate"][..],
        &["demo", "--dir", "data"],
        &["run", "job.yaml"],
        &["run", "nowhere.yaml", "--out", "out"],
        &["run", "job.yaml", "--out", "data"],
        &["run", "job.yaml", "--out", "out", "--threads", "0"],
        &["run", "job.yaml", "--out", "out", "--backend", "cuda"],
        &["run", "job.yaml", "--out", "out", "--inject-fault", "value:1"],
        &["run", "job.yaml", "--out", "out", "--inject-fault", "skip:9"],
        &["verify", "data"],
        &["verify", "data", "--sample", "1.5"],
        &["pinpoint", "data", "data"],
        &["generate", "data", "--prompt", "x"],
    ] {
        let ran = world.samebit(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}");
        told_all.push(format!("# {}\n{}", arguments.join(" "), told(&world, &ran)));
    }
    insta::assert_snapshot!("usage", told_all.join("\n"));
}

#[test]
fn receipts() {
    let world = World::new();
    world.job("job.yaml", &[("max_steps", "2")]);
    world.run("job.yaml", "out", &[]);
    world.job(
        "other.yaml",
        &[
            ("max_steps", "2"),
            (
                "model_config",
                "{model_type: gpt2, n_layer: 2, n_embd: 12, n_head: 2, n_positions: 20, vocab_size: 256}",
            ),
        ],
    );
    world.run("other.yaml", "other", &[]);
    let verify = |world: &World| {
        let ran = world.samebit(&["verify", "out"]);
        world.plain(&format!("exit {}\n{}{}", ran.code, ran.stdout, ran.stderr))
    };
    let mut receipt: samebit_trace::Receipt =
        serde_json::from_slice(&world.read("out/receipt.json")).expect("a receipt");
    let mut told = Vec::new();
    world.write("out/receipt.json", world.read("other/receipt.json"));
    // Digests are of no use to a reader of this test.
    let without_digests = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with("  "));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    told.push(format!("# of another job\n{}", without_digests(verify(&world))));
    let schema = receipt.schema;
    receipt.schema = schema + 1;
    receipt.seal();
    world.write("out/receipt.json", receipt.to_bytes());
    told.push(format!("# of another version\n{}", verify(&world)));
    receipt.schema = schema;
    receipt.cost.flops += 1;
    world.write("out/receipt.json", receipt.to_bytes());
    told.push(format!("# changed\n{}", verify(&world)));
    world.write("out/receipt.json", "{}");
    told.push(format!("# no receipt\n{}", verify(&world)));
    insta::assert_snapshot!("receipts", told.join("\n"));
}

#[test]
fn exit_codes() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    world.write("file", "text");
    world.copy("out", "changed");
    let mut state = world.read("changed/states/00000005.bin");
    state[7] ^= 1;
    world.write("changed/states/00000005.bin", state);
    world.copy("out", "short");
    std::fs::remove_file(world.path("short/states/00000000.bin")).expect("a file");
    world.copy("out", "garbage");
    world.write("garbage/receipt.json", "garbage");
    world.copy("out", "unnoted");
    world.write("unnoted/run.json", "garbage");
    world.job("sliced.yaml", &[("learning_rate", "1e300")]);
    let cases: &[&[&str]] = &[
        &["run", "job.yaml", "--out", "file"],
        &["run", "job.yaml", "--out", "file/below"],
        &["run", "job.yaml", "--out", "data", "--resume"],
        &["run", "job.yaml", "--out", "garbage", "--resume"],
        &["run", "job.yaml", "--out", "unnoted", "--resume"],
        &["run", "job.yaml", "--out", "changed", "--resume"],
        &["run", "job.yaml", "--out", "none", "--max-work", "1"],
        &["run", "sliced.yaml", "--out", "none"],
        &["quote", "data"],
        &["verify", "file"],
        &["verify", "garbage"],
        &["verify", "short", "--segment", "0"],
        &["verify", "out", "--all", "--max-work", "1"],
        &["pinpoint", "out", "garbage"],
        &["pinpoint", "out", "unnoted"],
        &["generate", "changed", "--prompt", "x"],
        &["generate", "garbage", "--prompt", "x"],
        &["generate", "out", "--prompt", "x", "--tokens", "0"],
    ];
    let is_digest = |word: &str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    let without_digests = |text: &str| {
        let words =
            text.split(' ').map(|word| if is_digest(word.trim_end_matches(',')) { "DIGEST" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let told: Vec<String> = cases
        .iter()
        .map(|arguments| {
            let ran = world.samebit(arguments);
            let lines = [ran.stdout, ran.stderr].concat();
            let lines = lines.lines().map(without_digests).collect::<Vec<_>>().join("\n");
            format!("# {}\nexit {}\n{}\n", arguments.join(" "), ran.code, world.plain(&lines))
        })
        .collect();
    insta::assert_snapshot!("exit_codes", told.join("\n"));
}

#[test]
fn a_job_that_diverges() {
    let world = World::new();
    world.job(
        "job.yaml",
        &[("optimizer", "sgd"), ("learning_rate", "1.0e+3"), ("max_grad_norm", ""), ("max_steps", "60")],
    );
    let ran = world.samebit(&["run", "job.yaml", "--out", "out"]);
    insta::assert_snapshot!("diverged", format!("exit {}\n{}{}", ran.code, ran.stdout, ran.stderr));
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "whole", &[]);
    // A file beyond the limit fails as one on a full disk does. Blocks are 512 bytes; the states are the largest files.
    let state_blocks = world.read("whole/states/00000000.bin").len() / 512;
    let limited = format!("ulimit -f {}; exec \"$0\" run job.yaml --out out --threads 1", state_blocks - 1);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_samebit")]).current_dir(world.path(""));
    let ran = Ran::of(command.env("NO_COLOR", "1").output().expect("sh"));
    insta::assert_snapshot!("full_disk", told(&world, &ran));
    assert!(world.files("out").iter().all(|name| !name.contains("partial")), "{:?}", world.files("out"));
    world.run("job.yaml", "out", &["--resume"]);
    assert_eq!(world.final_state("out"), world.final_state("whole"));
}
