//! What was seen of a peer last.

use samebit_market::{Amount, JobStage};
use samebit_peer::{Meter, Observer, Party};
use samebit_roles::Message;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long nothing may be heard of the chain.
const SILENCE: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub struct Vitals {
    pub(crate) meter: Arc<Meter>,
    seen: Mutex<Seen>,
    begun: Instant,
}

/// What a peer has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub heard: Option<Instant>,
    pub height: u64,
    pub time: u64,
    pub free: Amount,
    pub jobs: BTreeMap<&'static str, u64>,
    pub running: u64,
    pub seats: u64,
    pub accepted: u64,
    pub failed: u64,
    pub gas: u64,
}

impl Vitals {
    /// Nothing seen yet of a peer with this meter.
    pub fn new(meter: Arc<Meter>) -> Arc<Vitals> {
        Arc::new(Vitals { meter, seen: Mutex::default(), begun: Instant::now() })
    }

    /// Why the peer is not well, if it is not.
    pub fn illness(&self) -> Option<String> {
        let heard = self.seen().heard;
        let silent = heard.unwrap_or(self.begun).elapsed();
        match heard {
            _ if silent > SILENCE => Some(format!("nothing heard of the chain for {} s", silent.as_secs())),
            None => Some("the chain is being read".to_owned()),
            Some(_) => None,
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panics with it").clone()
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("nobody panics with it"));
    }

    fn look(&self, party: &Party) {
        let ledger = party.history().head();
        let (market, me) = (ledger.market(), party.owner());
        let mut jobs: BTreeMap<&'static str, u64> = BTreeMap::new();
        market.jobs().for_each(|job| *jobs.entry(stage(job.stage)).or_default() += 1);
        let mine = market.jobs().filter_map(|job| job.attempt.as_ref());
        let running = mine.filter(|attempt| attempt.solver == me).count() as u64;
        let seats = market.vault().seats().iter().filter(|seat| seat.owner == me && seat.left.is_none());
        let (now, seats) = (ledger.now(), seats.count() as u64);
        self.change(|seen| {
            (seen.height, seen.time) = (now.height.0, now.time.0);
            (seen.free, seen.jobs, seen.running, seen.seats) = (market.free(me), jobs, running, seats);
            seen.heard = Some(Instant::now());
        });
    }
}

fn stage(stage: JobStage) -> &'static str {
    match stage {
        JobStage::Open => "open",
        JobStage::Running => "running",
        JobStage::Done => "done",
        JobStage::Cancelled => "cancelled",
        JobStage::Void => "void",
    }
}

/// An observer that notes what it sees, and passes it on.
pub struct Watched {
    /// Where it is noted.
    pub vitals: Arc<Vitals>,
    /// Who else looks on.
    pub observer: Box<dyn Observer>,
}

impl Observer for Watched {
    fn sent(&mut self, message: &Message, gas: Option<u64>) {
        self.vitals.change(|seen| match gas {
            Some(gas) => (seen.accepted, seen.gas) = (seen.accepted + 1, seen.gas + gas),
            None => seen.failed += 1,
        });
        self.observer.sent(message, gas);
    }

    fn changed(&mut self, party: &Party) -> ControlFlow<()> {
        self.vitals.look(party);
        self.observer.changed(party)
    }
}
