//! A peer as its owner sees it: the drill before work, metrics and health, an orderly end.

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};
use support::World;

/// A child that ends with the test.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(world: &World, arguments: &[&str]) -> Running {
        let mut command = world.command();
        command.args(["--json", "--threads", "1"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary");
        let lines = BufReader::new(child.stdout.take().expect("stdout"));
        Running { child, lines }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it is served");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let code = text.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, text)
}

#[test]
fn a_planted_lie_goes_through_the_whole_dispute() {
    let world = World::new();
    let ran = world.samebit(&["--json", "drill", "--dir", "peer"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!((&shown["outcome"], &shown["report"]["winner"]), (&"ok".into(), &"a".into()));
    assert!(shown["report"]["node"].is_u64() && shown["report"]["leaf"].is_string(), "{shown}");
    let passed: Value = serde_json::from_slice(&world.read("peer/drill.json")).expect("JSON");
    assert_eq!(passed["dispute"], shown["dispute"]);
}

#[test]
fn a_peer_is_drilled_tells_how_it_is_and_ends_when_it_is_asked_to() {
    let world = World::new();
    let mut devnet = Running::start(&world, &["devnet", "--dir", "net", "--port", "0"]);
    devnet.line();
    std::fs::copy(world.path("net/samebit.toml"), world.path("samebit.toml")).expect("a file");
    let peer = ["peer", "--roles", "verifier", "--account", "3", "--poll-ms", "100", "--metrics"];
    let public = world.samebit(&[&peer[..], &["0.0.0.0:0"]].concat());
    assert_eq!(public.code, 2, "{public:?}");
    let mut running = Running::start(&world, &[&peer[..], &["127.0.0.1:0"]].concat());
    let started = running.line();
    assert_eq!(started["event"], "started");
    let passed: Value = serde_json::from_slice(&world.read("peer/drill.json")).expect("JSON");
    let config = String::from_utf8(world.read("samebit.toml")).expect("UTF-8");
    let dispute = passed["dispute"].as_str().expect("an address");
    assert!(config.to_lowercase().contains(dispute), "the drill was with the contracts of the chain");
    let address = started["metrics"].as_str().expect("an address");
    let begun = Instant::now();
    while !get(address, "/metrics").1.contains("\nsamebit_seats 1") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", get(address, "/metrics").1);
        std::thread::sleep(Duration::from_millis(100));
    }
    let (code, text) = get(address, "/metrics");
    assert_eq!(code, 200);
    for line in ["samebit_messages_total{result=\"accepted\"} ", "samebit_free_tokens 1000", "# EOF"] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert_eq!(get(address, "/health").0, 200);
    assert_eq!(get(address, "/nothing").0, 404);
    let id = rustix::process::Pid::from_raw(running.child.id() as i32).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
    let stopped = std::iter::from_fn(|| Some(running.line())).find(|line| line["event"] == "stopped");
    assert!(stopped.expect("it tells what it took")["cpu_seconds"].as_f64() > Some(0.0));
    assert!(running.child.wait().expect("it ends").success());
}
