//! What the network takes beside a run alone: processor time of all roles, by part.

use super::cast::{Cast, LOCAL, WATCHER};
use crate::screen::{Screen, duration};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds of processor time.
#[derive(Debug, Default, Serialize)]
pub struct Overhead {
    /// Of each process; `chain` is this one, which serves the chain and follows it.
    cpu_seconds: BTreeMap<String, f64>,
    /// Of each process by part; what is in no part is following the chain and moving bytes.
    parts: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of the run alone.
    local: f64,
    /// Of all others but whoever runs what nobody is drawn for.
    network: f64,
    /// Of that one.
    watching: f64,
    /// All others beside the run alone.
    of_local: f64,
}

impl Overhead {
    /// What the processes have told and the system counts.
    pub fn of(cast: &Cast, own: Duration) -> Overhead {
        let mut overhead = Overhead::default();
        for member in cast.members() {
            let parts = parts(cast, &member.name);
            let told = parts.values().sum::<f64>();
            // A process that was killed has told nothing; one that has ended had used more than when it was looked at last.
            let seconds = member.cpu_seconds.max(told);
            overhead.cpu_seconds.insert(member.name.clone(), seconds);
            overhead.parts.insert(member.name.clone(), parts);
        }
        overhead.cpu_seconds.insert("chain".to_owned(), own.as_secs_f64());
        let of = |name: &str| overhead.cpu_seconds.get(name).copied().unwrap_or_default();
        let (local, watching) = (of(LOCAL), of(WATCHER));
        let network = overhead.cpu_seconds.values().sum::<f64>() - local - watching;
        let of_local = if local > 0.0 { network / local } else { 0.0 };
        Overhead { local, watching, network, of_local, ..overhead }
    }

    /// Tells it.
    pub fn say(&self, screen: &Screen) {
        let columns = ["run", "load", "store", "check", "dispute"];
        screen.say(format!(
            "{:<14} {:>10} {}",
            "CPU time",
            "all",
            columns.map(|name| format!("{name:>10}")).concat()
        ));
        for (name, seconds) in &self.cpu_seconds {
            let part = |column| self.parts.get(name).and_then(|parts| parts.get(column)).copied();
            let cell = |column| part(column).map_or(String::new(), duration);
            let cells = columns.map(|column| format!("{:>10}", cell(column))).concat();
            screen.say(format!("{name:<14} {:>10} {cells}", duration(*seconds)));
        }
        screen.say(format!(
            "all but {LOCAL} and {WATCHER}: {:.2} times the run alone ({})",
            self.of_local,
            duration(self.local)
        ));
    }
}

/// What a process has told when it ended.
fn parts(cast: &Cast, name: &str) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(cast.log(name, "jsonl")).unwrap_or_default();
    let last = text.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = last.and_then(|value| serde_json::from_value(value["cpu_seconds_by_part"].clone()).ok());
    told.unwrap_or_default()
}
