//! The bill: who was paid, who was caught, what it took, and whether the result is that of a local run.

use super::cast::{Cast, LIAR, Member};
use super::overhead::Overhead;
use crate::commands::dispute::report::Spot;
use crate::commands::network::amount::show;
use crate::commands::network::planted::Planted;
use crate::commands::network::story::Names;
use crate::failure::{Exit, Failure, Outcome};
use crate::screen::{Screen, duration, grouped};
use samebit_commit::Digest;
use samebit_dispute::{Event as Argued, Position, QuestionId};
use samebit_market::{Amount, Event, FaultKind, Job, Moment, Owner};
use samebit_roles::{Arguing, Ledger, Logged, Said};
use samebit_trace::Folder;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was noted on the way.
#[derive(Default)]
pub struct Bill {
    begun: Option<Moment>,
    deposited: BTreeMap<Owner, u128>,
    fined: BTreeMap<Owner, u128>,
}

/// Somebody who was caught.
#[derive(Serialize)]
struct Caught {
    who: String,
    how: String,
    by: String,
}

/// A dispute that has ended.
#[derive(Serialize)]
struct Disputed {
    #[serde(flatten)]
    spot: Spot,
    winner: Vec<String>,
    moves: u32,
    gas: u64,
}

/// A segment that another solver did again.
#[derive(Serialize)]
struct Redone {
    segment: u64,
    from: String,
    by: String,
}

/// Whether an event is told as it happens: money that moves is on the bill.
pub fn is_told(event: &Logged) -> bool {
    !matches!(
        event,
        Logged::Market(
            Event::Paid { .. }
                | Event::Filled { .. }
                | Event::Deposited { .. }
                | Event::Registered { .. }
                | Event::Signed { .. }
                | Event::Closed { .. }
        )
    )
}

impl Bill {
    /// Takes note of an event.
    pub fn note(&mut self, ledger: &Ledger, said: &Said, event: &Logged) {
        let now = ledger.now();
        let _ = self.begun.get_or_insert(now);
        match event {
            Logged::Market(Event::Deposited { owner, amount }) => {
                *self.deposited.entry(*owner).or_default() += amount.0;
            }
            Logged::Market(Event::Fined { seat, amount }) => {
                let seats = ledger.market().vault().seats();
                let owner = seats.get(seat.0 as usize).map_or(said.sender, |seat| seat.owner);
                *self.fined.entry(owner).or_default() += amount.0;
            }
            _ => {}
        }
    }

    /// Seconds of the chain's clock since the first event.
    pub fn since(&self, at: Moment) -> u64 {
        self.begun.map_or(0, |begun| at.time.0.saturating_sub(begun.time.0))
    }

    /// Writes the bill.
    ///
    /// # Errors
    /// The result is not that of the local run, or nobody was caught.
    pub fn report(
        &self,
        screen: &Screen,
        cast: &Cast,
        ledger: &Ledger,
        local: &Planted,
        overhead: Overhead,
        elapsed: Duration,
    ) -> Outcome {
        let names = cast.names();
        let job =
            ledger.market().jobs().next().ok_or_else(|| Failure::new(Exit::Failed, "no job was posted"))?;
        let [result, truth] = [cast.out(), cast.local()].map(|path| Folder::at(path).receipt());
        let (result, truth): (Digest, Digest) = (result?.final_state, truth?.final_state);
        let caught = self.caught(ledger, job, names);
        let disputes = disputes(ledger, local, names, &gas(cast));
        let redone = redone(ledger, job, names);
        let people: Vec<&Member> =
            cast.members().iter().filter(|member| member.owner != Owner::default()).collect();
        let balance = |member: &&Member| (member.name.clone(), self.balance(ledger, member.owner));
        let balances: BTreeMap<String, i128> = people.iter().map(balance).collect();
        for Caught { who, how, by } in &caught {
            screen.say(format!("caught: {who}, {how}; by {by}"));
        }
        for Disputed { spot, winner, moves, gas } in &disputes {
            let Spot { step, node, page, element } = spot;
            let place = [("step", step), ("node", node), ("page", page), ("element", element)]
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| format!("{name} {value}")))
                .collect::<Vec<_>>()
                .join(", ");
            screen.say(format!(
                "dispute: {place}; {} right after {moves} moves, {} gas",
                winner.join(" and "),
                grouped(*gas)
            ));
        }
        for Redone { segment, from, by } in &redone {
            screen.say(format!("segment {segment} of {from} was done again by {by}"));
        }
        screen.say(format!("{:<14} {:>24}", "", "money"));
        for (name, balance) in &balances {
            screen.say(format!("{name:<14} {:>24}", signed(*balance)));
        }
        overhead.say(screen);
        screen.say(format!("in all {}", duration(elapsed.as_secs_f64())));
        let is_same = result == truth;
        screen.say(format!("delivered   {result}\nlocal run   {truth}"));
        screen.say(if is_same { "the same to the last bit" } else { "NOT THE SAME" });
        let has_liar = cast.members().iter().any(|member| member.name == LIAR);
        let is_caught = !has_liar || caught.iter().any(|caught| caught.who == LIAR);
        let outcome = match (is_same, is_caught) {
            (true, true) => "ok",
            (true, false) => "the liar was not caught",
            _ => "another state was delivered",
        };
        screen.object(&json!({
            "outcome": outcome, "job": job.id.to_string(), "final_state": result, "local_final_state": truth,
            "processes": cast.members().iter().map(|member| &member.name).collect::<Vec<_>>(),
            "killed": cast.victim(), "disputes": disputes, "caught": caught,
            "slashed": self.slashed(ledger, job, names), "reassigned": redone,
            "paid": balances.iter().map(|(name, balance)| (name, signed(*balance))).collect::<BTreeMap<_, _>>(),
            "overhead": overhead,
            "seconds": elapsed.as_secs_f64(),
        }));
        match outcome {
            "ok" => Ok(Exit::Ok),
            "the liar was not caught" => Err(Failure::new(Exit::Failed, outcome)),
            _ => Err(Failure::new(Exit::Mismatch, outcome)),
        }
    }

    /// What somebody has more than it has paid in.
    fn balance(&self, ledger: &Ledger, owner: Owner) -> i128 {
        let market = ledger.market();
        let seats = market.vault().seats().iter().filter(|seat| seat.owner == owner);
        let held = market.free(owner).0 + seats.map(|seat| seat.rest.0).sum::<u128>();
        held as i128 - self.deposited.get(&owner).copied().unwrap_or_default() as i128
    }

    fn caught(&self, ledger: &Ledger, job: &Job, names: &Names) -> Vec<Caught> {
        let mut caught: Vec<Caught> = Vec::new();
        for tenure in ledger.tenures(job.id) {
            let segment = match tenure.fault {
                Some(FaultKind::State(segment) | FaultKind::Interior(segment)) => segment,
                _ => continue,
            };
            let winners: Vec<String> = ledger
                .questions()
                .filter(|(_, arguing)| arguing.job == job.id && arguing.key.1 == segment)
                .flat_map(|(_, arguing)| standing(arguing))
                .map(|owner| names.of(owner))
                .collect();
            let by = if winners.is_empty() { "the contracts".to_owned() } else { winners.join(" and ") };
            caught.push(Caught {
                who: names.of(tenure.solver),
                how: format!("a false segment {segment}"),
                by,
            });
        }
        for owner in self.fined.keys() {
            caught.push(Caught {
                who: names.of(*owner),
                how: "it was drawn, and opened no seal of its own".to_owned(),
                by: "the contracts".to_owned(),
            });
        }
        caught
    }

    /// Who has lost what by being caught, late or silent.
    fn slashed(&self, ledger: &Ledger, job: &Job, names: &Names) -> BTreeMap<String, String> {
        let mut slashed: BTreeMap<String, String> = BTreeMap::new();
        for tenure in ledger.tenures(job.id).iter().filter(|tenure| tenure.fault.is_some()) {
            let lost = -self.balance(ledger, tenure.solver);
            slashed.insert(names.of(tenure.solver), signed(lost.max(0)));
        }
        for (owner, amount) in &self.fined {
            slashed.insert(names.of(*owner), show(Amount(*amount)));
        }
        slashed
    }
}

/// Segments that were claimed in an attempt that failed and settled in a later one.
fn redone(ledger: &Ledger, job: &Job, names: &Names) -> Vec<Redone> {
    let tenures = ledger.tenures(job.id);
    let mut redone = Vec::new();
    for (attempt, tenure) in tenures.iter().enumerate().filter(|(_, tenure)| tenure.fault.is_some()) {
        let from = job.ends.get(attempt).copied().unwrap_or_default();
        let claimed = ledger.claimed_segments(job.id, samebit_market::AttemptId(attempt as u64));
        let next = tenures.iter().enumerate().skip(attempt + 1);
        for segment in from..claimed.max(from) {
            let by = next.clone().find(|(later, _)| job.ends.get(*later).is_none_or(|end| *end > segment));
            if let Some((_, by)) = by.filter(|_| segment < job.settled) {
                let (from, by) = (names.of(tenure.solver), names.of(by.solver));
                redone.push(Redone { segment, from, by });
            }
        }
    }
    redone
}

fn disputes(ledger: &Ledger, local: &Planted, names: &Names, gas: &BTreeMap<String, u64>) -> Vec<Disputed> {
    let of = |(id, arguing): (QuestionId, &Arguing)| {
        let position = last_position(arguing)?;
        Some(Disputed {
            spot: Spot::of(&local.job().program, arguing.question.first_step, position),
            winner: standing(arguing).into_iter().map(|owner| names.of(owner)).collect(),
            moves: position.moves,
            gas: gas.get(&id.0.to_string()).copied().unwrap_or_default(),
        })
    };
    ledger.questions().filter_map(of).collect()
}

fn last_position(arguing: &Arguing) -> Option<&Position> {
    arguing.log.iter().rev().find_map(|(_, event)| match event {
        Argued::Moved { position, .. } | Argued::Paired { position } => Some(position),
        _ => None,
    })
}

/// Whose claims in a question have not died.
fn standing(arguing: &Arguing) -> Vec<Owner> {
    let mut living = BTreeMap::new();
    for (_, event) in &arguing.log {
        match event {
            Argued::Claimed { claim, owner, .. } => {
                living.insert(*claim, Owner(owner.0));
            }
            Argued::ClaimDied { claim, .. } => {
                living.remove(claim);
            }
            _ => {}
        }
    }
    living.into_values().collect()
}

/// Gas of the messages to Dispute, by question, as the processes have told.
fn gas(cast: &Cast) -> BTreeMap<String, u64> {
    let mut gas: BTreeMap<String, u64> = BTreeMap::new();
    for member in cast.members() {
        let text = std::fs::read_to_string(cast.log(&member.name, "jsonl")).unwrap_or_default();
        for line in text.lines() {
            let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
            if let (Some(question), Some(used)) = (value["question"].as_str(), value["gas"].as_u64()) {
                *gas.entry(question.to_owned()).or_default() += used;
            }
        }
    }
    gas
}

/// An amount with its sign.
fn signed(amount: i128) -> String {
    let text = show(Amount(amount.unsigned_abs()));
    if amount < 0 { format!("-{text}") } else { text }
}
