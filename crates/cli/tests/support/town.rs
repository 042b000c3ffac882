//! A chain whose clock runs fast, and peers on it: each a process, killed with signal 9 and started again.

use super::{Ran, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How many times as fast as the wall's the chain's clock runs.
const PACE: &str = "70";
/// A job that takes so long hangs.
const HANG: Duration = Duration::from_secs(240);
/// The roles, with the account that each plays with.
const PEERS: [(&str, u32); 5] =
    [("solver", 2), ("verifier", 3), ("verifier", 4), ("verifier", 5), ("whistleblower", 6)];

/// See the module.
pub struct Town {
    pub world: World,
    devnet: Child,
    peers: BTreeMap<u32, (&'static str, Child)>,
}

impl Town {
    /// The chain and its peers.
    pub fn found() -> Town {
        let world = World::new();
        world.job("job.yaml", &[("market", "{budget: 60, credit: 2, draw: 0.5}")]);
        let mut command = world.command();
        command.args(["--json", "devnet", "--dir", "net", "--port", "0", "--pace", PACE]);
        let mut devnet = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary");
        let mut line = String::new();
        BufReader::new(devnet.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        std::fs::copy(world.path("net/samebit.toml"), world.path("samebit.toml")).expect("a file");
        let mut town = Town { world, devnet, peers: BTreeMap::new() };
        PEERS.iter().for_each(|(role, account)| town.begin(role, *account));
        town
    }

    fn begin(&mut self, role: &'static str, account: u32) {
        let (number, dir) = (account.to_string(), format!("peer-{account}"));
        let arguments = ["peer", "--roles", role, "--account", &number, "--dir", &dir, "--poll-ms", "100"];
        let child = self.spawn(&dir, &arguments);
        self.peers.insert(account, (role, child));
    }

    fn spawn(&self, log: &str, arguments: &[&str]) -> Child {
        let log =
            std::fs::File::options().create(true).append(true).open(self.world.path(&format!("{log}.log")));
        let mut command = self.world.command();
        command.args(["--json", "--threads", "1"]).args(arguments);
        command.stdout(Stdio::null()).stderr(log.expect("a file")).spawn().expect("the binary")
    }

    /// Has the job done once more, killing somebody every now and then, the submitter as well; how often.
    pub fn job_with_kills(&mut self, nonce: usize) -> usize {
        let (out, number) = (format!("out-{nonce}"), nonce.to_string());
        let submit =
            ["submit", "job.yaml", "--out", &out, "--nonce", &number, "--account", "1", "--poll-ms", "100"];
        let mut submitter = self.spawn("submitter", &submit);
        let (begun, mut kills) = (Instant::now(), 0);
        loop {
            // Moments that have nothing to do with what the processes do.
            std::thread::sleep(Duration::from_millis(500 + 97 * (kills as u64 % 13)));
            if let Some(status) = submitter.try_wait().expect("a child") {
                assert!(status.success(), "{}", self.log("submitter"));
                return kills;
            }
            assert!(begun.elapsed() < HANG, "{}", self.log("submitter"));
            kills += 1;
            match kills % (PEERS.len() + 1) {
                0 => {
                    kill(&mut submitter);
                    submitter = self.spawn("submitter", &submit);
                }
                at => {
                    let (role, account) = PEERS[at - 1];
                    let (_, mut child) = self.peers.remove(&account).expect("it runs");
                    kill(&mut child);
                    self.begin(role, account);
                }
            }
        }
    }

    /// What the chain says of the jobs.
    pub fn jobs(&self) -> Vec<Value> {
        let ran: Ran = self.world.samebit(&["--json", "jobs"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()["jobs"].as_array().expect("a list").clone()
    }

    /// What has happened to a job, in words.
    pub fn story(&self, job: &str) -> Vec<String> {
        let ran = self.world.samebit(&["--json", "explain", job]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let lines = ran.json()["log"].as_array().expect("a list").clone();
        lines.iter().map(|line| line["what"].as_str().expect("words").to_owned()).collect()
    }

    fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.world.read(&format!("{name}.log"))).into_owned()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.peers.values_mut().for_each(|(_, child)| kill(child));
        kill(&mut self.devnet);
    }
}

fn kill(child: &mut Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
