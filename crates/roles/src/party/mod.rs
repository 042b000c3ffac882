//! A peer of the market: its roles over one view of the chain.
//!
//! ```text
//! blocks ────────> History ┐
//! results, bytes ─> Records ┼─> what every role wants now ──less what is under way──> actions
//! notices ───────> Hearsay ┘
//! ```
//! A role is a function from what is known to what it wants next (`docs/spec/roles.md`). It remembers nothing: what is known is a fold over the chain's
//! log and the own store, so that whoever is told both again after a crash goes on where it was, and a chain that takes back its last blocks
//! takes back all that followed from them. Secrets follow from one that is in the keystore. What is under way and what was only heard may be lost.

mod desk;
mod pace;
mod sweep;
mod work;

pub use desk::Hearsay;
pub(crate) use desk::{Desk, Lot};
pub use work::{Outcome, Outline, Ran, Record, Records, Task};

use crate::arguing::{self, Bench};
use crate::ledger::{History, Ledger, Refusal, Taken};
use crate::limits::{NOTICES, SWEEP};
use crate::message::{Ask, Blob, Block, Message, Notice, Piece, Secret};
use crate::planted::{Bug, planted};
use crate::{chores, custodian, solver, submitter, verifier, whistleblower};
use desk::{fetch_key, task_key};
use pace::{Key, Means, Pace, Want};
use samebit_commit::Digest;
use samebit_dispute::Referee;
use samebit_market::{JobStage, Owner, Seconds, Site};

/// What happens to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Event {
    /// The next block of the chain's log, or the first one of a branch that takes the place of the last blocks.
    Block(Block),
    /// Time has passed.
    Tick,
    /// Somebody has told all, signed.
    Notice {
        /// Who.
        from: Owner,
        /// What.
        notice: Notice,
    },
    /// Somebody wants to fetch something.
    Asked {
        /// What.
        blob: Blob,
        /// Who.
        by: Owner,
    },
    /// Bytes have come, and lie where [`Task::Check`] finds them.
    Arrived {
        /// What was asked for.
        blob: Blob,
        /// Who has sent it.
        from: Owner,
    },
    /// Somebody who was asked for something does not have it, or does not answer.
    Absent(Blob),
    /// A task has ended.
    Done(Task, Outcome),
    /// At the start: what the store holds.
    Recalled(Record),
}

/// What a peer wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Action {
    /// To be sent to the chain.
    Send(Message),
    /// To be computed, and answered by [`Event::Done`].
    Compute(Task),
    /// To be kept, before anything that comes after it is done.
    Store(Record),
    /// Not to be kept any longer; of a job, all that came of it, too.
    Drop(Blob),
    /// To be asked of a peer.
    Fetch {
        /// What.
        blob: Blob,
        /// How many bytes it has, if that is known.
        bytes: Option<u64>,
        /// Whom.
        from: Owner,
    },
    /// To be sent to a peer.
    Serve {
        /// What.
        blob: Blob,
        /// Whom.
        to: Owner,
    },
    /// To be signed and told to all.
    Gossip(Notice),
}

/// A role, with what its owner has decided.
#[derive(Clone, Debug)]
pub enum Role {
    /// Has jobs run.
    Submitter(submitter::Submitter),
    /// Runs jobs.
    Solver(solver::Solver),
    /// Checks what it is drawn for.
    Verifier(verifier::Verifier),
    /// Holds states of jobs that it is drawn for.
    Custodian(custodian::Custodian),
    /// Runs what nobody is drawn for.
    Whistleblower(whistleblower::Whistleblower),
}

impl Role {
    /// The Specs of the jobs that it has run.
    fn ordered(&self) -> Vec<Digest> {
        match self {
            Role::Submitter(role) => role.orders.iter().map(|order| order.spec.digest()).collect(),
            _ => Vec::new(),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Party<R> {
    me: Owner,
    secret: Secret,
    roles: Vec<Role>,
    referee: R,
    history: History,
    records: Records,
    hearsay: Hearsay,
    pace: Pace,
    bench: Bench,
    /// Why the twins have refused a block that the chain has: nothing after it can be followed.
    refused: Option<Refusal>,
    now: Seconds,
    /// When it has looked last for what is kept for nothing.
    swept: Seconds,
}

impl<R: Referee> Party<R> {
    /// A peer that knows nothing yet; `genesis` is the name of the block before the first that it will be told.
    pub fn new(
        me: Owner,
        secret: Secret,
        site: Site,
        genesis: Digest,
        roles: Vec<Role>,
        referee: R,
    ) -> Party<R> {
        Party {
            me,
            secret,
            roles,
            referee,
            history: History::new(Ledger::new(site, genesis)),
            records: Records::default(),
            hearsay: Hearsay::default(),
            pace: Pace::default(),
            bench: Bench::default(),
            refused: None,
            now: Seconds(0),
            swept: Seconds(0),
        }
    }

    /// Whose it is.
    pub fn owner(&self) -> Owner {
        self.me
    }

    /// The chain as it has been told.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Why it follows the chain no more: the chain has accepted what the twins refuse.
    pub fn refused(&self) -> Option<&Refusal> {
        self.refused.as_ref()
    }

    /// What it keeps.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Takes note of an event at the chain's time `now`, and says what is to be done.
    pub fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        let is_tick = event == Event::Tick;
        let mut actions = self.recall(now, event);
        if is_tick {
            actions.extend(self.sweep());
        }
        actions.extend(self.act());
        actions
    }

    /// Whether a notice is about something of this peer's, whoever says it.
    pub fn concerns(&self, notice: &Notice) -> bool {
        let job = |id| self.history.head().job(id);
        match notice {
            Notice::Ask(ask) => job(ask.job).is_some_and(|job| job.poster == self.me),
            Notice::Holds(holding) => {
                let running = job(holding.job).and_then(|job| job.attempt.as_ref());
                running.is_some_and(|running| running.solver == self.me)
            }
        }
    }

    /// Whether a notice of somebody's is one that the roles go by.
    pub fn remembers(&self, from: Owner, notice: &Notice) -> bool {
        let Hearsay { asks, holdings, .. } = &self.hearsay;
        match notice {
            Notice::Ask(ask) => asks.get(&(ask.job, from)) == Some(ask),
            Notice::Holds(holding) => holdings.get(holding).is_some_and(|heard| heard.contains(&from)),
        }
    }

    /// Takes note of an event without acting on it, but for what is to be kept or served: for a start, when much is told at once.
    pub fn recall(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        match event {
            Event::Block(block) => {
                let taken = self.history.take(&self.referee, block);
                if let Taken::Refused(refusal) = &taken {
                    self.refused = Some(refusal.clone());
                }
                if taken == Taken::Rewound && !planted(Bug::StaleBench) {
                    self.bench.clear();
                }
                self.hearsay.forget(self.history.head());
            }
            Event::Tick => {}
            Event::Notice { from, notice } => self.hear(from, notice),
            Event::Asked { blob, by } if self.records.holds(blob) => {
                return vec![Action::Serve { blob, to: by }];
            }
            Event::Asked { .. } => {}
            Event::Arrived { blob, .. } if self.records.holds(blob) => {}
            Event::Arrived { blob: Blob::State(root), .. } if planted(Bug::UncheckedBytes) => {
                self.records.add(Record::State(root));
                return vec![Action::Store(Record::State(root))];
            }
            Event::Arrived { blob, from } => return vec![Action::Compute(Task::Check { blob, from })],
            Event::Absent(blob) => self.pace.absent(fetch_key(blob)),
            Event::Done(task, outcome) => return self.done(task, outcome),
            Event::Recalled(record) => self.records.add(record),
        }
        Vec::new()
    }

    fn hear(&mut self, from: Owner, notice: Notice) {
        let Hearsay { asks, holdings, .. } = &mut self.hearsay;
        match notice {
            // For an own job that is open, of who can pay its deposit: others cannot fill the list.
            Notice::Ask(ask)
                if (asks.len() < NOTICES || asks.contains_key(&(ask.job, from)))
                    && can_accept(self.history.head(), self.me, &ask, from) =>
            {
                asks.insert((ask.job, from), ask);
            }
            // Of an own batch, of who is drawn to hold it: others cannot fill the list.
            Notice::Holds(holding)
                if (holdings.len() < NOTICES || holdings.contains_key(&holding))
                    && is_custodian(self.history.head(), self.me, &holding, from) =>
            {
                holdings.entry(holding).or_default().insert(from);
            }
            _ => {}
        }
    }

    fn done(&mut self, task: Task, outcome: Outcome) -> Vec<Action> {
        let key = task_key(&task);
        let record = match (task, outcome) {
            (Task::Check { blob: Blob::State(root), .. }, Outcome::State) => Record::State(root),
            (Task::Check { blob: Blob::Job(spec), .. }, Outcome::Job(outline)) => Record::Job(spec, outline),
            (Task::Check { blob, from }, Outcome::False) => {
                let known = &mut self.hearsay.false_blobs;
                if known.len() < NOTICES {
                    known.insert((blob, from));
                }
                return Vec::new();
            }
            (Task::Weigh(piece, seconds), Outcome::Weighed(true)) => {
                self.hearsay.fits.insert((piece, seconds));
                return Vec::new();
            }
            (Task::Run(piece), Outcome::Ran(ran)) => Record::Ran(piece, ran),
            (Task::Trace(piece), Outcome::Traced(opened)) => Record::Traced(piece, opened),
            (Task::Evidence(piece, index), Outcome::Evidence(evidence)) => {
                if self.hearsay.evidence.len() >= NOTICES {
                    self.hearsay.evidence.pop_first();
                }
                self.hearsay.evidence.insert((piece, index), *evidence);
                return Vec::new();
            }
            (Task::Answer(_, task), outcome) => {
                // What failed is not silence: it is asked for again.
                let messages = match outcome {
                    Outcome::Answered(messages) => Some(messages),
                    _ => None,
                };
                let due = self.bench.answered(self.now, task, messages);
                return due.into_iter().map(Action::from).collect();
            }
            _ => {
                self.pace.failed(self.now, key);
                return Vec::new();
            }
        };
        self.records.add(record.clone());
        vec![Action::Store(record)]
    }

    /// Forgets from time to time what is kept for nothing.
    fn sweep(&mut self) -> Vec<Action> {
        if self.now < self.swept.plus(Seconds(SWEEP)) {
            return Vec::new();
        }
        self.swept = self.now;
        let ordered: Vec<Digest> = self.roles.iter().flat_map(Role::ordered).collect();
        let spent = sweep::spent(self.me, self.now, self.history.head(), &self.records, &ordered);
        spent.iter().for_each(|blob| self.records.forget(*blob));
        spent.into_iter().map(Action::Drop).collect()
    }

    /// What is wanted and not under way.
    fn act(&mut self) -> Vec<Action> {
        let (wants, standing) = self.wants();
        let head = self.history.head();
        let argued = self.bench.argue(self.me, self.now, head, &standing);
        let mut actions: Vec<Action> = argued.into_iter().map(Action::from).collect();
        self.pace.keep(&wants);
        for Want { key, patience, means } in wants {
            let want = Want { key, patience, means };
            let Some(times) = self.pace.is_due(self.now, head.name(), &want) else { continue };
            let action = match want.means {
                Means::Send(message) => {
                    if head.permits(&self.referee, self.now, self.me, &message).is_err() {
                        self.pace.refused(head.name(), key);
                        continue;
                    }
                    Action::Send(message)
                }
                Means::Compute(task) => Action::Compute(task),
                Means::Fetch { blob, bytes, providers } => {
                    let from = providers[times as usize % providers.len()];
                    Action::Fetch { blob, bytes, from }
                }
                Means::Gossip(notice, _) => Action::Gossip(notice),
            };
            self.pace.met(self.now, key);
            actions.push(action);
        }
        actions
    }

    /// Everything that the roles want now, met or not, and the questions in which this peer stands by a claim.
    fn wants(&mut self) -> (Vec<Want>, Vec<arguing::Standing>) {
        let mut desk = Desk {
            me: self.me,
            secret: self.secret,
            now: self.now,
            ledger: self.history.head(),
            records: &self.records,
            hearsay: &mut self.hearsay,
            wants: Vec::new(),
        };
        for role in &self.roles {
            match role {
                Role::Submitter(role) => role.wants(&mut desk),
                Role::Solver(role) => role.wants(&mut desk),
                Role::Verifier(role) => role.wants(&mut desk),
                Role::Custodian(role) => role.wants(&mut desk),
                Role::Whistleblower(role) => role.wants(&mut desk),
            }
        }
        let standing = arguing::wants(&mut desk);
        chores::wants(&mut desk);
        let mut seen: std::collections::BTreeSet<Key> = std::collections::BTreeSet::new();
        desk.wants.retain(|want| seen.insert(want.key));
        (desk.wants, standing)
    }
}

/// Whether somebody could have the job of this poster that it asks for.
fn can_accept(ledger: &Ledger, poster: Owner, ask: &Ask, from: Owner) -> bool {
    let job = ledger.job(ask.job).filter(|job| job.stage == JobStage::Open && job.poster == poster);
    job.is_some_and(|job| {
        ask.attempt.0 == job.attempts
            && ask.price <= job.terms.price
            && ask.expiry >= ledger.now().time
            && ledger.market().free(from) >= job.terms.deposit
    })
}

/// Whether somebody is drawn to hold a batch that this solver has claimed.
fn is_custodian(ledger: &Ledger, solver: Owner, holding: &crate::message::Holding, from: Owner) -> bool {
    let Some(job) = ledger.job(holding.job).filter(|job| job.attempts == holding.attempt.0 + 1) else {
        return false;
    };
    let Some(running) = job.attempt.as_ref().filter(|running| running.solver == solver) else { return false };
    let batch = usize::try_from(holding.batch.0).ok().and_then(|at| running.batches.get(at));
    batch.is_some_and(|batch| {
        batch.root == holding.root && running.committees[batch.committee].contains(&from)
    })
}

impl From<(Piece, crate::disputant::Action)> for Action {
    fn from((piece, action): (Piece, crate::disputant::Action)) -> Action {
        match action {
            crate::disputant::Action::Send(message) => Action::Send(Message::Dispute(message)),
            crate::disputant::Action::Compute(task) => Action::Compute(Task::Answer(piece, task)),
        }
    }
}
