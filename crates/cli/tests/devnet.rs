//! A development chain is served, used by another process, stopped and continued.

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use support::World;
use support::flaky::Flaky;

struct Running {
    child: Child,
    report: Value,
}

fn start(world: &World) -> Running {
    let mut command = world.command();
    command
        .args(["--json", "devnet", "--dir", "net", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let report = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    Running { child, report }
}

impl Running {
    fn url(&self) -> &str {
        self.report["rpc_url"].as_str().expect("a URL")
    }

    /// Asks it to stop, as Ctrl-C does.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn a_chain_is_served_stopped_and_continued() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "honest", &[]);
    world.run("job.yaml", "liar", &["--inject-fault", "row:1"]);
    let first = start(&world);
    assert_eq!(first.report["insecure_accounts"].as_array().map(Vec::len), Some(10));
    let config = String::from_utf8(world.read("net/samebit.toml")).expect("text");
    assert!(config.contains(first.url()) && config.contains("INSECURE"), "{config}");
    let contract = first.report["contracts"]["dispute"].as_str().expect("an address").to_owned();
    let settle = |url: &str| {
        let ran = world.samebit(&[
            "--json",
            "dispute",
            "honest",
            "liar",
            "--rpc-url",
            url,
            "--contract",
            &contract,
        ]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.json()["winner"], "a");
    };
    settle(first.url());
    first.stop();
    assert!(!world.path("net/samebit.toml").exists(), "no chain is where it says");
    // The same chain: the contracts are where they were, and the first question is not asked again.
    let second = start(&world);
    assert_eq!(second.report["contracts"]["dispute"], contract.as_str());
    second.stop();
}

/// A refusal that nobody expects and a request that fails cost a pause, not the game.
#[test]
fn a_dispute_goes_on_whatever_the_chain_answers() {
    let world = World::new();
    world.job("job.yaml", &[]);
    world.run("job.yaml", "honest", &[]);
    world.run("job.yaml", "liar", &["--inject-fault", "row:1"]);
    let net = start(&world);
    let contract = net.report["contracts"]["dispute"].as_str().expect("an address").to_owned();
    let flaky = Flaky::before(net.url());
    let arguments = ["--json", "dispute", "honest", "liar", "--rpc-url", &flaky.url, "--contract", &contract];
    let ran = world.samebit(&arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["winner"], "a");
    let is_told = |word| ran.stderr.contains(word);
    assert!(is_told("busy") && is_told("refuses to"), "{} failures: {ran:?}", flaky.failures());
    net.stop();
}

#[test]
fn a_folder_of_somebody_else_is_left_as_it_was() {
    let world = World::new();
    std::fs::create_dir(world.path("net")).expect("a folder");
    world.write("net/samebit.toml", "threads = 1\n");
    let ran = world.samebit(&["devnet", "--dir", "net", "--port", "0"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("hint: give another --dir"), "{ran:?}");
    assert_eq!(world.read("net/samebit.toml"), b"threads = 1\n");
    assert!(!world.path("net/chain.redb").exists());
}
