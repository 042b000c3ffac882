//! Jobs in exact profiles, through the binary: one result on every schedule, checked, searched and judged as any other; text goes on with training's bits.

mod support;

use samebit_engine::{Engine, Settings, Watch};
use samebit_graph::{NodeId, Program};
use samebit_num::fold::Numerics;
use samebit_ops::{Backend, Buffer, Cpu};
use samebit_recipe::model::training_program;
use samebit_recipe::prepare::training_tables;
use samebit_recipe::{Forward, Job, ModelConfig, Sites, load_model, order_table};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use support::{LLAMA, World};

const PROFILES: [&str; 4] =
    ["exact8", "exact14", "exact21", "{default: exact8, attention: exact21, lm_head: exact14, c_proj: f32}"];

fn start(program: &Program, tables: &[Vec<u32>], states: &[Vec<u32>]) -> Engine {
    let backend = Arc::new(Cpu::detect());
    let mut engine =
        Engine::new(Arc::new(program.clone()), tables, backend, &Settings::default()).expect("a plan");
    for (state, words) in states.iter().enumerate() {
        engine.write_state(state, words).expect("words");
    }
    engine
}

fn final_state(ran: &Value) -> String {
    ran["final_state"].as_str().expect("a root").to_owned()
}

#[test]
fn every_schedule_of_an_exact_job_has_one_final_state() {
    let world = World::new();
    let mut states = Vec::new();
    for profile in PROFILES {
        world.job("job.yaml", &[("numerics", profile)]);
        world.job(
            "split.yaml",
            &[("numerics", profile), ("micro_batch_size", "2"), ("gradient_accumulation_steps", "3")],
        );
        let run = |job: &str, backend: &str, threads: &str| {
            let out = format!("{}-{job}-{backend}-{threads}", states.len());
            final_state(&world.run(job, &out, &["--backend", backend, "--threads", threads]))
        };
        let expected = run("job.yaml", "scalar", "1");
        for backend in ["avx2", "avx512"].into_iter().filter(|name| samebit_ops::backend(name).is_ok()) {
            assert_eq!(run("job.yaml", backend, "1"), expected, "{profile} {backend}");
            assert_eq!(run("split.yaml", backend, "2"), expected, "{profile} {backend}, split");
        }
        assert_eq!(run("split.yaml", "scalar", "2"), expected, "{profile} split");
        states.push(expected);
    }
    world.job("tiny.yaml", &[("numerics", "exact14"), ("max_steps", "1"), ("micro_batch_size", "1")]);
    let tiny = |backend: &str| final_state(&world.run("tiny.yaml", backend, &["--backend", backend]));
    assert_eq!(tiny("reference"), tiny("scalar"));
    let distinct: std::collections::BTreeSet<&String> = states.iter().collect();
    assert_eq!(distinct.len(), PROFILES.len(), "each profile is a job of its own");
}

#[test]
fn an_exact_run_is_verified_searched_and_judged() {
    let world = World::new();
    world.job("job.yaml", &[("numerics", "exact14")]);
    world.run("job.yaml", "honest", &["--self-check", "0.01"]);
    let receipt: Value = serde_json::from_slice(&world.read("honest/receipt.json")).expect("JSON");
    assert_eq!(receipt["profile"], "exact14");
    assert_eq!(world.samebit(&["verify", "honest", "--all"]).code, 0);
    let program = world.samebit(&["--json", "program", "job.yaml"]).json();
    let nodes = program["nodes"].as_array().expect("nodes");
    for (at, op) in ["linear", "linear_dx", "linear_dw"].into_iter().enumerate() {
        let node = &nodes.iter().rfind(|node| node["op"] == op).expect("a node")["index"];
        let out = format!("lie-{at}");
        world.run("job.yaml", &out, &["--inject-fault", &format!("value:3:{node}:17:50000000")]);
        let found = world.samebit(&["--json", "pinpoint", "honest", &out]).json();
        assert_eq!(
            [&found["step"], &found["node"], &found["element"]],
            [&json!(3), node, &json!(17)],
            "{found}"
        );
        let settled = world.samebit(&["--json", "dispute", &out, "honest"]).json();
        assert_eq!([&settled["winner"], &settled["leaf"]], [&json!("b"), &json!("Block")], "{settled}");
        assert_eq!([&settled["node"], &settled["element"]], [node, &json!(17)], "{settled}");
        let gas = settled["gas_by"]["judge"].as_u64().expect("gas");
        assert!(gas <= 300_000, "{op}: the leaf took {gas} gas: {settled}");
        println!("{op}: {gas} gas for the leaf");
    }
    // The runner's record says that nothing was wrong: only execution shows that it was.
    let mut record: Value = serde_json::from_slice(&world.read("lie-0/run.json")).expect("JSON");
    record["faults"] = json!([]);
    world.write("lie-0/run.json", record.to_string());
    let ran = world.samebit(&["verify", "lie-0", "--all"]);
    assert_eq!(ran.code, 4, "{ran:?}");
}

#[test]
fn text_goes_on_in_the_jobs_numerics() {
    let world = World::new();
    world.job("job.yaml", &[("numerics", "exact8")]);
    world.run("job.yaml", "run", &[]);
    let text = |more: &[&str]| {
        let ran =
            world.samebit(&[&["generate", "run", "--prompt", "line 3", "--tokens", "8"], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    assert_eq!(text(&["--backend", "scalar"]), text(&[]));
}

/// The likeliest tokens after a prompt, each by a pass over all that the model sees.
fn continued(world: &World, run: &str, profile: &str, prompt: &str, count: usize) -> Vec<u32> {
    let path = |name: &str| world.path(&format!("{run}/{name}"));
    let config = ModelConfig::load(&path("config.json")).expect("a config");
    let weights = load_model(&config, &path("model.safetensors")).expect("weights");
    let numerics = Numerics::ALL.into_iter().find(|numerics| numerics.name() == profile).expect("a profile");
    let numerics = Sites::uniform(&config, numerics);
    let mut tokens: Vec<u32> = prompt.bytes().map(u32::from).collect();
    for _ in 0..count {
        let seen = &tokens[tokens.len().saturating_sub(config.positions())..];
        let forward = Forward::new(&config, &numerics, seen.len());
        let mut engine = start(&forward.program, &forward.tables(seen), &forward.states(&weights));
        engine.step(0).expect("a step");
        let mut logits = vec![0; forward.vocabulary];
        engine.read_state(forward.logits_state(), (seen.len() - 1) * forward.vocabulary, &mut logits);
        let logit = |token: &usize| f32::from_bits(logits[*token]);
        let best =
            (1..logits.len()).fold(0, |best, token| if logit(&token) > logit(&best) { token } else { best });
        tokens.push(best as u32);
    }
    tokens.split_off(prompt.len())
}

/// What `generate` keeps between tokens changes none of them, past the model's positions either.
#[test]
fn text_is_what_whole_passes_make_of_it() {
    let world = World::new();
    for profile in ["f32", "exact8", "exact21"] {
        for (name, model) in [("gpt", None), ("llama", Some(LLAMA))] {
            let job: Vec<_> = [("numerics", profile)].into_iter().chain(model).collect();
            world.job("job.yaml", &job);
            let run = format!("{name}-{profile}");
            world.run("job.yaml", &run, &[]);
            let arguments = ["--json", "generate", &run, "--prompt", "line 3", "--tokens", "40"];
            let tokens = world.samebit(&arguments).json()["tokens"].clone();
            assert_eq!(tokens, json!(continued(&world, &run, profile, "line 3", 40)), "{run}");
        }
    }
}

/// Keeps the words of one node.
struct Keep(NodeId, Vec<u32>);

impl Watch for Keep {
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, words: usize) {
        if node == self.0 {
            self.1 = vec![0; words];
            backend.read(buffer, 0, &mut self.1);
        }
    }
}

/// A forward pass has the bits that training had, position by position, however many positions it is made for.
#[test]
fn positions_have_training_s_bits() {
    for profile in PROFILES {
        let text = format!(
            "model_config: {{model_type: gpt2, n_layer: 1, n_embd: 24, n_head: 2, n_positions: 600, vocab_size: 31}}\n\
             tokenizer: bytes\ndatasets: [{{path: x}}]\nsequence_len: 300\nmicro_batch_size: 2\nmax_steps: 1\n\
             learning_rate: 1.0e-3\nnumerics: {profile}\n"
        );
        let job = Job::parse(&text, Path::new("job.yaml")).expect("a job");
        let (config, training) = (&job.model.config, &job.training);
        let tokens: Vec<u32> = (0..901u32).map(|at| (at * at + at / 3) % 31).collect();
        let order = order_table(training.seed, tokens.len(), 300, 2, 1).expect("rows");
        let program = training_program(config, training, tokens.len() as u64);
        let tables = training_tables(&program, config, training, tokens.clone(), order.clone());
        let weights = samebit_recipe::model::initial_weights(config, 5);
        let head = program.nodes.iter().rposition(|node| node.op == "linear").expect("a head");
        let mut trained = Keep(head as NodeId, Vec::new());
        start(&program, &tables, &weights).traced_step(0, &mut trained).expect("a step");
        for (at, row) in order.iter().enumerate() {
            let row = &tokens[*row as usize * 300..][..300];
            for (time, seen) in [(300, 300), (512, 300), (600, 270), (64, 64), (257, 257), (1, 1)] {
                let forward = Forward::new(config, &training.numerics, time);
                let mut engine =
                    start(&forward.program, &forward.tables(&row[..seen]), &forward.states(&weights));
                engine.step(0).expect("a step");
                let mut logits = vec![0; seen * forward.vocabulary];
                engine.read_state(forward.logits_state(), 0, &mut logits);
                let expected = &trained.1[at * 300 * 31..][..seen * 31];
                let wrong = logits.iter().zip(expected).position(|(found, expected)| found != expected);
                assert_eq!(
                    wrong.map(|at| at / 31),
                    None,
                    "{profile}, {time} positions: the first other position"
                );
            }
        }
    }
}
