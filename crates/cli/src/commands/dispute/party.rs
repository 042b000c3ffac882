//! The driver of one disputant: it reads the chain's log, computes what is asked of the story, and sends.
//!
//! A bond is at stake as long as a game goes on, so that no failure ends the driver but that of the chain to be the game that this version knows,
//! and an outage longer than any clock. What is refused or fails is left to the disputant, which asks again after a pause.

use super::chain::Place;
use super::report::{Settled, place_of};
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, grouped};
use samebit_chain::dispute::{self, Accepted, DisputeChange, DisputeError, DisputeLog};
use samebit_chain::{ClientError, LogOptions, Receipt, Sender, SenderOptions};
use samebit_dispute::{
    Event as Logged, Header, Message, Opened, Owner, Question, QuestionStatus, Seconds, Story,
};
use samebit_roles::{Action, Arithmetic, Disputant, Event, Mirror, Task};
use std::collections::VecDeque;
use std::time::Duration;

/// Names of the sides, in the order of the arguments.
pub const NAMES: [&str; 2] = ["a", "b"];

/// Refusals that say no more than that the other side was faster.
const OVERTAKEN: [&str; 9] = [
    "QuestionExists",
    "GameExists",
    "ClaimExists",
    "KeptBefore",
    "UnknownGame",
    "WrongPosition",
    "QuestionNotOpen",
    "ClaimNotLiving",
    "NothingToWithdraw",
];

/// Rounds of a dispute: each is an action of a side, or a wait.
const ROUNDS: usize = 100_000;
/// Rounds in a row in which the chain does not answer, before it is given up: with their pauses longer than the clocks of a question.
const FAILED_ROUNDS: u32 = 600;
/// The first pause after a failed round, and the longest: it doubles.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Why a round ended early.
enum Trouble {
    /// The chain did not answer; it may the next time.
    Passing(Failure),
    /// The chain's game is not the one that this version knows.
    Lasting(Failure),
}

impl From<DisputeError> for Trouble {
    fn from(error: DisputeError) -> Trouble {
        Trouble::Passing(error.into())
    }
}

/// One side at the chain.
pub struct Party<'a> {
    pub name: &'static str,
    pub opened: Opened,
    /// Whether it stops after its first move.
    pub stalls: bool,
    question: Question,
    header: Header,
    owner: Owner,
    story: &'a dyn Story,
    sender: Sender,
    log: DisputeLog,
    /// What the chain has accepted, to be told again if the chain takes it back.
    accepted: Vec<Accepted>,
    mirror: Mirror,
    disputant: Disputant,
    actions: VecDeque<Action>,
    moves: u32,
}

impl<'a> Party<'a> {
    pub async fn new(
        place: &Place,
        at: usize,
        story: &'a dyn Story,
        question: &Question,
        header: &Header,
    ) -> Result<Party<'a>, Failure> {
        let sender = place.client.sender(place.keys[at].clone(), SenderOptions::default());
        let owner = dispute::owner(place.keys[at].address());
        let opened = story.opened().map_err(|error| Failure::new(Exit::Failed, error))?;
        Ok(Party {
            name: NAMES[at],
            opened,
            stalls: false,
            question: question.clone(),
            header: header.clone(),
            owner,
            story,
            sender,
            log: log(place),
            accepted: Vec::new(),
            mirror: Mirror::new(question.id()),
            disputant: Disputant::new(question.clone(), header.clone(), owner, opened),
            actions: VecDeque::new(),
            moves: 0,
        })
    }

    /// Whether it does nothing any more.
    fn is_over(&self) -> bool {
        self.is_stalled() || (self.disputant.is_done() && self.actions.is_empty())
    }

    fn is_stalled(&self) -> bool {
        self.stalls && self.moves > 0
    }

    /// Takes note of what the chain has accepted since.
    async fn read(
        &mut self,
        place: &Place,
        now: Seconds,
        mut settled: Option<&mut Settled>,
    ) -> Result<(), Trouble> {
        let changes = match self.log.poll().await {
            Err(DisputeError::Client(ClientError::ReorgTooDeep { .. })) => {
                self.log = log(place);
                vec![DisputeChange::RolledBack(None)]
            }
            changes => changes?,
        };
        for change in changes {
            match change {
                DisputeChange::Accepted(accepted) => {
                    let events = self.follow(&accepted).map_err(Trouble::Lasting)?;
                    if let Some(settled) = &mut settled {
                        events.iter().for_each(|event| settled.note(event));
                    }
                    for event in events {
                        let actions = self.disputant.on(accepted.at, Event::Logged(event));
                        self.actions.extend(actions);
                    }
                    self.accepted.push(*accepted);
                }
                DisputeChange::RolledBack(last) => self.roll_back(last).map_err(Trouble::Lasting)?,
            }
        }
        if self.actions.is_empty() {
            let actions = self.disputant.on(now, Event::Tick);
            self.actions.extend(actions);
        }
        Ok(())
    }

    fn follow(&mut self, accepted: &Accepted) -> Result<Vec<Logged>, Failure> {
        let Accepted { at, sender, message, moved, .. } = accepted;
        self.mirror.follow(*at, *sender, message, *moved).map_err(|error| {
            Failure::new(Exit::Failed, format!("transaction {}: {error}", accepted.transaction))
        })
    }

    /// Begins again with what is left of the log.
    fn roll_back(&mut self, last: Option<u64>) -> Result<(), Failure> {
        let mut kept = std::mem::take(&mut self.accepted);
        kept.retain(|accepted| last.is_some_and(|last| accepted.block <= last));
        self.mirror = Mirror::new(self.question.id());
        self.disputant = Disputant::new(self.question.clone(), self.header.clone(), self.owner, self.opened);
        self.actions.clear();
        for accepted in &kept {
            for event in self.follow(accepted)? {
                self.disputant.recall(accepted.at, &event);
            }
        }
        self.accepted = kept;
        Ok(())
    }

    /// Does the next thing that the disputant asks for; whether there was one.
    async fn act(&mut self, place: &Place, now: Seconds, settled: &mut Settled, screen: &Screen) -> bool {
        match self.actions.pop_front() {
            None => return false,
            Some(Action::Compute(task)) => self.compute(task, now, screen),
            Some(Action::Send(message)) => self.send(&message, place, settled, screen).await,
        }
        true
    }

    fn compute(&mut self, task: Task, now: Seconds, screen: &Screen) {
        if !self.disputant.awaits(&task) {
            return;
        }
        let event = match task.run(self.story, &Arithmetic) {
            Ok(messages) => Event::Computed { task, messages },
            // Whoever lies may have nothing that shows it. Whoever does not may have failed to read or to replay, which may work the next time.
            Err(error) => {
                screen.note(format!("{}  has no answer yet: {error}", self.name));
                Event::Failed { task }
            }
        };
        let actions = self.disputant.on(now, event);
        self.actions.extend(actions);
    }

    async fn send(&mut self, message: &Message, place: &Place, settled: &mut Settled, screen: &Screen) {
        match place.contract.send(&self.sender, &self.question, message).await {
            Ok(receipt) => {
                self.moves += u32::from(matches!(message, Message::Move { .. }));
                settled.sent(message, receipt.gas_used);
                self.tell(message, &receipt, screen);
            }
            Err(DisputeError::Refused { name: Some(name), .. }) if OVERTAKEN.contains(&name) => {}
            Err(error) => screen.note(format!("{}  {error}", self.name)),
        }
    }

    /// One line for each message.
    fn tell(&self, message: &Message, receipt: &Receipt, screen: &Screen) {
        let gas = grouped(receipt.gas_used);
        let what = match message {
            Message::Move { position, .. } => {
                format!("move {} at {}", position.moves + 1, place_of(position))
            }
            Message::Judge { position, kind, .. } => format!("{kind} redone at {}", place_of(position)),
            Message::Keep { position, slot, .. } => format!("operand {slot} kept at {}", place_of(position)),
            other => dispute::what(other).to_owned(),
        };
        screen.note(format!("{}  {what}, gas {gas}", self.name));
    }
}

/// The chain's log from the dispute's first block.
fn log(place: &Place) -> DisputeLog {
    place.contract.log(place.first_block, LogOptions::default())
}

/// Lets both sides argue until the question is closed and each has its money.
pub async fn argue(place: &Place, parties: &mut [Party<'_>], screen: &Screen) -> Result<Settled, Failure> {
    let mut settled = Settled::default();
    let mut failed = 0;
    for _ in 0..ROUNDS {
        match round(place, parties, &mut settled, screen).await {
            Ok(true) => return Ok(settled),
            Ok(false) => failed = 0,
            Err(Trouble::Passing(failure)) if failed < FAILED_ROUNDS => {
                screen.note(&failure.message);
                tokio::time::sleep(pause(failed)).await;
                failed += 1;
            }
            Err(Trouble::Passing(failure) | Trouble::Lasting(failure)) => return Err(failure),
        }
    }
    Err(Failure::new(Exit::Failed, format!("the dispute is not settled after {ROUNDS} rounds")))
}

/// The pause after so many failed rounds and one more.
fn pause(failed: u32) -> Duration {
    let [shortest, longest] = PAUSES;
    shortest.saturating_mul(1_u32.checked_shl(failed).unwrap_or(u32::MAX)).min(longest)
}

/// One action of each side, or a wait; whether all is settled.
async fn round(
    place: &Place,
    parties: &mut [Party<'_>],
    settled: &mut Settled,
    screen: &Screen,
) -> Result<bool, Trouble> {
    let now = place.now().await.map_err(Trouble::Passing)?;
    let mut is_busy = false;
    for (at, party) in parties.iter_mut().enumerate() {
        // Both read the same log; it is taken note of once.
        party.read(place, now, (at == 0).then_some(&mut *settled)).await?;
        if !party.is_stalled() {
            is_busy |= party.act(place, now, settled, screen).await;
        }
    }
    if parties.iter().all(Party::is_over) {
        let status = place.contract.status(parties[0].question.id()).await?;
        settled.status = status.unwrap_or(QuestionStatus::Open);
        let owner = |claim| parties.iter().find(|party| party.disputant.claim() == Some(claim));
        settled.name(|claim| owner(claim).map(|party| party.name));
        return Ok(true);
    }
    if !is_busy {
        let waiting = parties.iter().filter(|party| !party.is_stalled());
        let due = waiting.filter_map(|party| party.disputant.wakes()).min();
        place.wait(due).await.map_err(Trouble::Passing)?;
    }
    Ok(false)
}
