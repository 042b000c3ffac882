//! Whatever a run's directory says of itself is checked, also when the receipt was sealed again after the lie.

mod support;

use samebit_trace::{Ending, Receipt};
use serde_json::{Value, json};
use support::{LLAMA, Ran, World};

fn honest() -> World {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "out", &[]);
    world
}

/// A copy of the run in which the text of a file is changed, with a receipt that says so.
fn lie(world: &World, file: &str, change: impl Fn(&str) -> String) -> Ran {
    let out = "lie";
    let _ = std::fs::remove_dir_all(world.path(out));
    world.copy("out", out);
    let name = format!("{out}/{file}");
    let text = String::from_utf8(world.read(&name)).expect("UTF-8");
    let changed = change(&text);
    assert_ne!(changed, text, "{file} was not changed");
    world.write(&name, changed);
    world.reseal(out, |_| ());
    world.samebit(&["--json", "verify", out, "--all"])
}

fn found(ran: &Ran) -> Value {
    assert_eq!(ran.code, 4, "{ran:?}");
    ran.json()["finding"].clone()
}

/// What is done to a file's text.
type Change<'a> = &'a dyn Fn(&str) -> String;

/// The line of a step with one number moved to its neighbour.
fn nudged(text: &str, step: usize, key: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let start = lines[step].find(key).expect("the key") + key.len() + 2;
    let end = start + lines[step][start..].find([',', '}']).expect("an end");
    let value: f32 = lines[step][start..end].parse().expect("a number");
    lines[step].replace_range(start..end, &value.next_up().to_string());
    lines.join("\n") + "\n"
}

#[test]
fn lines_of_metrics_follow_from_the_steps_to_the_last_bit() {
    let world = honest();
    for (key, step, segment) in [("loss", 0, 0), ("grad_norm", 3, 1), ("loss", 4, 2)] {
        let finding = found(&lie(&world, "metrics.jsonl", |text| nudged(text, step, key)));
        assert_eq!(
            (&finding["kind"], &finding["segment"]),
            (&json!("metrics"), &json!(segment)),
            "{finding}"
        );
        assert!(finding["message"].as_str().is_some_and(|text| text.contains(key)), "{finding}");
    }
    let lines = |text: &str| text.lines().map(|line| format!("{line}\n")).collect::<Vec<_>>();
    let changes: [(&str, Change<'_>); 7] = [
        ("another rate", &|text| nudged(text, 1, "learning_rate")),
        ("a line less", &|text| lines(text)[..4].concat()),
        ("a line more", &|text| text.to_owned() + &lines(text)[4]),
        ("a gap", &|text| [&lines(text)[..2], &lines(text)[3..]].concat().concat()),
        ("another order", &|text| {
            [&lines(text)[..3], &lines(text)[4..], &lines(text)[3..4]].concat().concat()
        }),
        ("another form", &|text| text.replace("\"step\":1,", "\"step\": 1,")),
        ("nothing", &|_| String::new()),
    ];
    for (what, change) in changes {
        let finding = found(&lie(&world, "metrics.jsonl", change));
        assert_eq!(finding["file"], "metrics.jsonl", "{what}: {finding}");
    }
}

#[test]
fn cost_follows_from_the_program_and_seconds_are_called_unchecked() {
    let world = honest();
    let changes: [fn(&mut Receipt); 4] = [
        |receipt| receipt.cost.flops += 1,
        |receipt| receipt.cost.bytes -= 1,
        |receipt| receipt.cost.work_units *= 2,
        |receipt| receipt.cost.flops = 0,
    ];
    for change in changes {
        world.copy("out", "lie");
        world.reseal("lie", change);
        let finding = found(&world.samebit(&["--json", "verify", "lie"]));
        assert_eq!(finding["kind"], "receipt", "{finding}");
    }
    world.reseal("lie", |receipt| {
        receipt.cost =
            serde_json::from_slice::<Receipt>(&world.read("out/receipt.json")).expect("a receipt").cost;
        receipt.cost.seconds = 1e6;
    });
    let ran = world.samebit(&["--json", "verify", "lie"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let unchecked = ran.json()["unchecked"].to_string();
    assert!(unchecked.contains("seconds") && unchecked.contains("job.json lists"), "{unchecked}");
}

#[test]
fn config_and_job_file_make_the_run() {
    for (model, changes) in [
        (
            None,
            vec![
                ("\"n_head\": 2", "\"n_head\": 3"),
                ("0.00001", "0.000001"),
                ("0.02", "0.03"),
                ("gelu_new", "relu"),
            ],
        ),
        (
            Some(LLAMA),
            vec![("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 1"), ("10000.0", "20000.0")],
        ),
    ] {
        let world = World::new();
        world.job("job.yaml", &model.into_iter().collect::<Vec<_>>());
        world.run("job.yaml", "out", &[]);
        let ran = world.samebit(&["--json", "verify", "out"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        for (old, new) in changes {
            let finding = found(&lie(&world, "config.json", |text| text.replacen(old, new, 1)));
            assert_eq!(finding["file"], "config.json", "{old}: {finding}");
        }
        for (old, new) in [
            ("learning_rate: 1.0e-2", "learning_rate: 1.0e-3"),
            ("seed: 7", "seed: 8"),
            ("max_steps: 5", "max_steps: 6"),
            ("segment_steps: 2", "segment_steps: 3"),
            ("micro_batch_size: 6", "micro_batch_size: 5"),
            ("max_grad_norm: 1.0", "max_grad_norm: 2.0"),
            ("weight_decay: 0.1", "weight_decay: 0.2"),
            ("tokenizer: bytes", "tokenizer: other.json"),
            ("\"tokens_per_step\": 114", "\"tokens_per_step\": 115"),
            ("\"schema\"", "\"shema\""),
        ] {
            let finding = found(&lie(&world, "job.json", |text| text.replacen(old, new, 1)));
            assert!(finding["file"].is_string(), "{old}: {finding}");
        }
    }
}

#[test]
fn a_run_of_another_version_is_not_accused() {
    let world = honest();
    world.copy("out", "old");
    let config = String::from_utf8(world.read("old/config.json")).expect("UTF-8");
    world.write("old/config.json", config.replace("gelu_new", "relu"));
    world.reseal("old", |receipt| receipt.engine_version = "0.0.1".to_owned());
    let ran = world.samebit(&["--json", "verify", "old"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.json()["unchecked"].to_string().contains("0.0.1"), "{ran:?}");
}

#[test]
fn files_that_the_receipt_does_not_name_are_not_used() {
    let world = honest();
    world.copy("out", "more");
    world.write("more/tokenizer.json", "{}");
    for arguments in [&["verify", "more"][..], &["generate", "more", "--prompt", "x"]] {
        let ran = world.samebit(arguments);
        assert!(ran.code == 4 && (ran.stdout + &ran.stderr).contains("does not name it"), "{arguments:?}");
    }
    world.copy("out", "less");
    world.reseal("less", |receipt| {
        receipt.files.remove("config.json");
        receipt.files.remove("job.json");
    });
    assert_eq!(world.samebit(&["verify", "less"]).code, 4);
    world.copy("out", "beyond");
    world.reseal("beyond", |receipt| {
        receipt.files.insert("../job.yaml".to_owned(), receipt.job);
    });
    assert_eq!(world.samebit(&["verify", "beyond"]).code, 4);
}

#[test]
fn generate_uses_only_what_the_receipt_names() {
    let world = honest();
    let generate = |out: &str| world.samebit(&["generate", out, "--prompt", "line", "--tokens", "3"]);
    assert_eq!(generate("out").code, 0);
    for (file, at) in
        [("states/00000005.bin", 100), ("program.bin", 90), ("config.json", 20), ("receipt.json", 30)]
    {
        let _ = std::fs::remove_dir_all(world.path("lie"));
        world.copy("out", "lie");
        let name = format!("lie/{file}");
        let mut bytes = world.read(&name);
        bytes[at] ^= 1;
        world.write(&name, &bytes);
        let ran = generate("lie");
        assert!(ran.code == 4 && ran.stderr.contains("hint:"), "{file}: {ran:?}");
    }
}

#[test]
fn expensive_work_is_refused_before_it_is_done() {
    let world = honest();
    let quote = world.samebit(&["--json", "quote", "job.yaml"]).json();
    let units = quote["work_units"].as_u64().expect("a number");
    let limit = |units: u64| units.to_string();
    let ran = world.samebit(&["verify", "out", "--all", "--max-work", &limit(units)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world.samebit(&["verify", "out", "--all", "--max-work", &limit(units - 1)]);
    assert!(ran.code == 2 && ran.stderr.contains("--max-work") && ran.stderr.contains("hint:"), "{ran:?}");
    let ran = world.samebit(&["verify", "out", "--segment", "1", "--max-work", &limit(2 * units / 5)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let run = |out: &str, units: u64| {
        world.samebit(&["run", "job.yaml", "--out", out, "--max-work", &limit(units)])
    };
    assert_eq!(run("fits", units).code, 0);
    let ran = run("large", units - 1);
    assert!(ran.code == 2 && !world.path("large").exists(), "{ran:?}");
    // Neither its data nor its weights are looked at: both would take hours.
    let model =
        "{model_type: gpt2, n_layer: 500, n_embd: 8192, n_head: 64, n_positions: 4096, vocab_size: 256}";
    world.job("absurd.yaml", &[("model_config", model), ("max_steps", "1000000")]);
    let ran = world.timed(&["run", "absurd.yaml", "--out", "absurd", "--max-work", "1000000"]);
    assert!(ran.code == 2 && !world.path("absurd").exists(), "{ran:?}");
}

#[test]
fn every_field_of_a_receipt_is_held_against_the_run() {
    let world = honest();
    let text = String::from_utf8(world.read("out/receipt.json")).expect("UTF-8");
    let receipt: Value = serde_json::from_str(&text).expect("JSON");
    let mut paths = Vec::new();
    leaves(&receipt, &mut Vec::new(), &mut paths);
    // Sealing makes these two again.
    paths.retain(|path| !["digest", "run"].contains(&path[0].as_str()));
    assert!(paths.len() > 30, "{paths:?}");
    world.copy("out", "lie");
    let mut believed = Vec::new();
    for path in &paths {
        for value in others(at(&receipt, path)) {
            let mut changed = receipt.clone();
            *at_mut(&mut changed, path) = value.clone();
            let Ok(mut sealed) = serde_json::from_value::<Receipt>(changed) else { continue };
            sealed.seal();
            world.write("lie/receipt.json", sealed.to_bytes());
            let ran = world.timed(&["verify", "lie", "--segment", "0"]);
            match ran.code {
                0 => believed.push(path.join(".")),
                2 | 4 => {}
                code => panic!("exit {code} after {path:?} became {value}: {}", ran.stderr),
            }
        }
    }
    believed.sort();
    believed.dedup();
    // The roots of segments that were not re-executed are held against the stored states; these are the runner's own word.
    assert_eq!(believed, ["cost.seconds", "engine_version", "posted"]);
    let unfinished = |receipt: &mut Receipt| receipt.ending = Ending::DivergedAt(4);
    world.reseal("lie", unfinished);
    assert_eq!(world.samebit(&["verify", "lie", "--all"]).code, 4);
}

/// Paths to all values that hold no others.
fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => {
            found.push(path.clone());
            return;
        }
    };
    for (key, value) in inner {
        path.push(key);
        leaves(value, path, found);
        path.pop();
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(value, |value, key| match value {
        Value::Array(list) => &list[key.parse::<usize>().expect("an index")],
        value => &value[key],
    })
}

fn at_mut<'a>(value: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(value, |value, key| match value {
        Value::Array(list) => &mut list[key.parse::<usize>().expect("an index")],
        value => &mut value[key],
    })
}

/// Values that stand in the place of one, near and absurd.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) if number.is_u64() => {
            let held = number.as_u64().expect("an integer");
            [held + 1, held.wrapping_sub(1), 0, u64::MAX]
                .into_iter()
                .filter(|new| *new != held)
                .map(|new| json!(new))
                .collect()
        }
        Value::Number(_) => vec![json!(0.0), json!(1e300), json!(-1.0)],
        Value::String(text) => {
            let flipped = text.replacen(
                |c: char| c.is_ascii_hexdigit(),
                if text.starts_with('0') { "1" } else { "0" },
                1,
            );
            vec![json!(flipped), json!("x".repeat(70_000)), json!("")]
        }
        _ => vec![json!(null), json!(0)],
    }
}
