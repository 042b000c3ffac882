//! Who plays: each a process of its own, of this very program.

use super::town::Town;
use crate::commands::network::story::Names;
use crate::failure::{Exit, Failure};
use crate::screen::Screen;
use samebit_chain::accounts;
use samebit_chain::protocol::owner;
use samebit_market::job::BatchStage;
use samebit_market::{Job, Owner};
use samebit_roles::Ledger;
use samebit_trace::Fault;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a process may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the submitter has for a segment and its checks: enough for every solver here.
const SEGMENT_BUDGET: u64 = 40;
/// Who has the job done.
const SUBMITTER: &str = "submitter";
/// The solver that errs.
pub const LIAR: &str = "solver-1";
/// Who runs what nobody is drawn for.
pub const WATCHER: &str = "whistleblower";
/// Who runs the job without the network.
pub const LOCAL: &str = "local";

/// A process.
pub struct Member {
    /// What people call it.
    pub name: String,
    /// Whose money it uses.
    pub owner: Owner,
    /// CPU seconds that it has taken.
    pub cpu_seconds: f64,
    child: Child,
    has_succeeded: Option<bool>,
}

/// See the module.
pub struct Cast {
    folder: PathBuf,
    /// How often they look at the chain.
    look: Duration,
    members: Vec<Member>,
    names: Names,
    late: Vec<(u32, Part)>,
    /// The solver that was killed.
    victim: Option<String>,
}

/// A part to play.
struct Part {
    name: &'static str,
    arguments: Vec<String>,
    /// Whether it begins when the liar has the job: whoever is first gets it.
    is_late: bool,
}

/// Who plays: with a lie also those who lie, and who takes over from them.
fn parts(job: &Path, out: &Path, lie: Option<&Fault>) -> Vec<Part> {
    let part = |name, arguments: &[&str]| Part {
        name,
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        is_late: false,
    };
    let solver = |name, price: &str| Part {
        is_late: name != LIAR,
        ..part(name, &["peer", "--roles", "solver", "--price", price])
    };
    let [job, out] = [job, out].map(|path| path.display().to_string());
    let submitter = part(SUBMITTER, &["submit", &job, "--out", &out]);
    let verifier = |name| part(name, &["peer", "--roles", "verifier"]);
    let Some(lie) = lie else {
        let solver = part("solver", &["peer", "--roles", "solver", "--price", "10"]);
        let mut all = vec![submitter, solver];
        all.extend(["verifier-1", "verifier-2", "verifier-3"].map(verifier));
        all.push(part(WATCHER, &["peer", "--roles", "whistleblower"]));
        return all;
    };
    let mut liar = solver(LIAR, "10");
    liar.arguments.extend(["--inject-fault".to_owned(), lie.to_string()]);
    vec![
        submitter,
        liar,
        solver("solver-2", "11"),
        solver("solver-3", "12"),
        solver("solver-4", "13"),
        verifier("verifier-1"),
        verifier("verifier-2"),
        part("copier", &["peer", "--roles", "verifier", "--lie", "copies-seal"]),
        part(WATCHER, &["peer", "--roles", "whistleblower"]),
    ]
}

impl Cast {
    /// Starts all of them.
    ///
    /// # Errors
    /// A process that cannot be started.
    pub fn start(
        town: &Town,
        job: &Path,
        lie: Option<&Fault>,
        draw: f64,
        segments: u64,
        look: Duration,
    ) -> Result<Cast, Failure> {
        let budget = segments * SEGMENT_BUDGET;
        let folder = town.folder.clone();
        let names = Names(BTreeMap::new());
        let mut cast = Cast { folder, look, members: Vec::new(), names, late: Vec::new(), victim: None };
        for (account, part) in (1u32..).zip(parts(job, &cast.out(), lie)) {
            match part.is_late {
                true => cast.late.push((account, part)),
                false => cast.begin(account, &part, Some((draw, budget)))?,
            }
        }
        let out = cast.local().display().to_string();
        let command =
            cast.command(LOCAL, &["run".to_owned(), job.display().to_string(), "--out".to_owned(), out])?;
        cast.add(LOCAL, Owner::default(), command)?;
        Ok(cast)
    }

    fn begin(&mut self, account: u32, part: &Part, offer: Option<(f64, u64)>) -> Result<(), Failure> {
        let mut command = self.command(part.name, &part.arguments)?;
        let poll = self.look.as_millis().to_string();
        command.args(["--account", &account.to_string(), "--poll-ms", &poll]);
        match offer.filter(|_| part.name == SUBMITTER) {
            Some((draw, budget)) => {
                command.args(["--draw", &draw.to_string(), "--budget", &budget.to_string()])
            }
            None => command.args(["--dir", part.name]),
        };
        self.add(part.name, owner(accounts::key(account).address()), command)
    }

    /// Starts the solvers that come late, once the liar has the job.
    ///
    /// # Errors
    /// A process that cannot be started.
    pub fn start_late(&mut self, ledger: &Ledger) -> Result<(), Failure> {
        if ledger.market().jobs().any(|job| job.attempts > 0) {
            for (account, part) in std::mem::take(&mut self.late) {
                self.begin(account, &part, None)?;
            }
        }
        Ok(())
    }

    fn command(&self, name: &str, arguments: &[String]) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(|error| failed("this program", &error))?;
        let [out, errors] = [self.log(name, "jsonl"), self.log(name, "log")]
            .map(|path| File::create(&path).map_err(|error| Failure::file(&path, &error)));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(["--json", "--threads", "1"])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(out?)
            .stderr(errors?)
            .kill_on_drop(true);
        Ok(command)
    }

    fn add(&mut self, name: &str, owner: Owner, mut command: Command) -> Result<(), Failure> {
        let child = command.spawn().map_err(|error| failed(name, &error))?;
        self.names.0.insert(owner, name.to_owned());
        let name = name.to_owned();
        self.members.push(Member { name, owner, cpu_seconds: 0.0, child, has_succeeded: None });
        Ok(())
    }

    /// Where the result goes.
    pub fn out(&self) -> PathBuf {
        self.folder.join("result")
    }

    /// Where the local run goes.
    pub fn local(&self) -> PathBuf {
        self.folder.join(LOCAL)
    }

    /// What a process has written: `jsonl` for scripts, `log` for people.
    pub fn log(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{name}.{kind}"))
    }

    /// How people call them.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// All processes.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Kills the first honest solver of whose claims others hold the states: all that it has done and not settled is done again.
    pub fn kill_when_due(&mut self, ledger: &Ledger, screen: &Screen) {
        // Nobody is killed where nobody lies.
        if self.victim.is_some() || self.members.iter().all(|member| member.name != LIAR) {
            return;
        }
        let held = |job: &Job| {
            let running = job.attempt.as_ref()?;
            let is_held = running.batches.iter().any(|batch| batch.stage != BatchStage::Claimed);
            is_held.then_some(running.solver)
        };
        let solvers: Vec<Owner> = ledger.market().jobs().filter_map(held).collect();
        let is_due = |member: &&mut Member| member.name != LIAR && solvers.contains(&member.owner);
        let Some(member) = self.members.iter_mut().find(is_due) else { return };
        member.measure();
        // It may have ended by itself.
        let _ = member.child.start_kill();
        screen.say(format!("          {} is killed with signal 9", member.name));
        self.victim = Some(member.name.clone());
    }

    /// Who was killed.
    pub fn victim(&self) -> Option<&str> {
        self.victim.as_deref()
    }

    /// Reads what CPU time the processes have taken.
    pub fn measure(&mut self) {
        self.members.iter_mut().for_each(Member::measure);
    }

    /// Whether the submitter and the local run have ended.
    ///
    /// # Errors
    /// One of them has failed, or a process that should still run has ended.
    pub fn have_ended(&mut self) -> Result<bool, Failure> {
        let victim = self.victim.clone();
        let mut open = 2;
        for member in &mut self.members {
            let ended = member.child.try_wait().map_err(|error| failed(&member.name, &error))?;
            let Some(status) = ended else { continue };
            let may_end = [SUBMITTER, LOCAL].contains(&member.name.as_str());
            member.has_succeeded = Some(status.success());
            let is_killed = victim.as_ref() == Some(&member.name);
            if may_end && status.success() {
                open -= 1;
            } else if !is_killed {
                let log = self.folder.join(format!("{}.log", member.name));
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let last = text
                    .lines()
                    .rev()
                    .take(4)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
                    .join("\n");
                return Err(Failure::new(
                    Exit::Failed,
                    format!("{} has ended ({status}):\n{last}", member.name),
                ));
            }
        }
        Ok(open == 0)
    }

    /// Asks all that still run to end, and ends those that do not.
    pub async fn stop(&mut self) {
        for member in &mut self.members {
            ask_to_end(&member.child);
        }
        for member in &mut self.members {
            if tokio::time::timeout(FAREWELL, member.child.wait()).await.is_err() {
                let _ = member.child.kill().await;
            }
        }
    }
}

impl Member {
    fn measure(&mut self) {
        if let Some(seconds) = self.child.id().and_then(cpu_seconds) {
            self.cpu_seconds = seconds;
        }
    }
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{what}: {error}"))
}

#[cfg(unix)]
fn ask_to_end(child: &Child) {
    let id = child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32));
    if let Some(id) = id {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_to_end(_: &Child) {}

/// CPU seconds of a process, where the system tells: clock ticks of user and system time, a hundred a second.
fn cpu_seconds(id: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 / 100.0)
}
