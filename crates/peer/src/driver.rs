//! The loop of a peer: what happens goes into its machine, what the machine wants done is done.
//!
//! ```text
//! chain ──blocks──> ┐                      ┌ Send ──> a transaction, in the background
//! network ─events─> ├─> Machine ─actions─> ├ Compute ──> Executor
//! executor ──done─> ┘                      ├ Store, Drop ──> disk, before anything that comes after it
//!                                          └ Fetch, Serve, Gossip ──> network
//! ```
//! The machine's clock is the chain's: the time of its last block. Nothing in the loop waits for a peer or for the chain.

use crate::directory::Directory;
use crate::enrolment::{Duty, Enrolment};
use crate::executor::Executor;
use crate::identity::Identity;
use crate::letters::{Letters, word};
use crate::limits::{DRAIN, NOTICE_LIFE, REFUSALS, SENDING};
use crate::machine::Machine;
use crate::meter::Meter;
use crate::observer::Observer;
use crate::speech::{Spoken, Where};
use crate::store::{Store, StoreError};
use crate::transfers::Transfers;
use samebit_chain::Sender;
use samebit_chain::protocol::{self, Domain, Protocol, ProtocolError};
use samebit_commit::Canonical;
use samebit_dispute::{Message as Argument, Question, QuestionId};
use samebit_market::{Amount, Message as MarketOrMoney, Owner, Seconds, StakeMessage};
use samebit_net::quic::Quic;
use samebit_net::{Command, Event as Heard, Network, PeerId, Topic};
use samebit_roles::party::{Action, Event, Outcome, Ran, Task};
use samebit_roles::{Blob, Block, Message};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// What notices of the roles are about.
const TOPIC: Topic = Topic(*b"samebit roles notices, version 1");

/// Why a peer ends.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// It cannot keep what it has to keep before it says more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not follow the chain any more.
    #[error("the chain cannot be followed: {0}")]
    Chain(ProtocolError),
    /// The chain has accepted what this version refuses: its contracts are not those of this version.
    #[error("the chain has accepted what this version refuses: {0} (hint: use the version of its contracts)")]
    Refused(samebit_roles::Refusal),
    /// Its network has ended.
    #[error("the network has ended")]
    Network,
}

/// A transaction that has ended: its gas, or why there is none.
type Sent = (Message, Result<u64, ProtocolError>);

/// All that a peer consists of.
pub struct Driver {
    /// Its roles.
    pub machine: Box<dyn Machine>,
    /// Its key.
    pub identity: Identity,
    /// What the chain's contracts are told through.
    pub protocol: Protocol,
    /// What carries that.
    pub sender: Sender,
    /// The chain's blocks, several at a time.
    pub blocks: mpsc::Receiver<Result<Vec<Block>, ProtocolError>>,
    /// Told when the chain is known to have more.
    pub news: Arc<Notify>,
    /// The other peers.
    pub network: Quic,
    /// Where they are.
    pub directory: Directory,
    /// What it keeps.
    pub store: Store,
    /// What computes.
    pub executor: Executor,
    /// What was computed.
    pub done: mpsc::UnboundedReceiver<(Task, Outcome)>,
    /// Bytes of a parcel of which nothing else is known.
    pub parcel_bytes: u64,
    /// What counts what it does.
    pub meter: Arc<Meter>,
    /// What it still has to say to take part.
    pub enrolment: Enrolment,
    /// Who looks on.
    pub observer: Box<dyn Observer>,
}

/// See [`Driver::run`].
struct Running {
    parts: Driver,
    letters: Letters,
    transfers: Transfers,
    sending: JoinSet<Vec<Sent>>,
    /// Why there is no link with a peer, as it was told last.
    refusals: BTreeMap<PeerId, String>,
    now: Seconds,
    /// Whether the chain was read to its end once: until then nothing is done about what is long over.
    is_current: bool,
}

impl Driver {
    /// Runs until it is told to stop, or its observer has seen enough; what is under way then may end first, for a while. What it has kept is
    /// enough to begin again, whenever it ends.
    ///
    /// # Errors
    /// [`DriverError`].
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<Box<dyn Machine>, DriverError> {
        for record in self.store.records()? {
            self.machine.recall(Seconds(0), Event::Recalled(record));
        }
        let letters = Letters::new(Domain::from(self.machine.party().history().head().market().site()));
        let transfers = Transfers::new(self.store.shelf().clone(), self.parcel_bytes);
        let mut running = Running {
            parts: self,
            letters,
            transfers,
            sending: JoinSet::new(),
            refusals: BTreeMap::new(),
            now: Seconds(0),
            is_current: false,
        };
        if running.parts.store.is_enrolled()? {
            running.parts.enrolment.recall();
        }
        running.meet();
        let ended = loop {
            let step = tokio::select! {
                biased;
                _ = stop.changed() => break Ok(()),
                Some((task, outcome)) = running.parts.done.recv() => running.done(task, outcome),
                Some(sent) = running.sending.join_next() => running.sent(sent),
                blocks = running.parts.blocks.recv() => match blocks {
                    Some(blocks) => running.follow(blocks),
                    None => break Ok(()),
                },
                event = running.parts.network.event() => match event {
                    Some(event) => running.hear(event),
                    None => break Err(DriverError::Network),
                },
            };
            match step {
                Ok(GO_ON) => {}
                Ok(ControlFlow::Break(())) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if ended.is_ok() && tokio::time::timeout(DRAIN, running.drain()).await.is_err() {
            tracing::warn!("what was begun takes too long; it is begun again at the next start");
        }
        let Running { parts, .. } = running;
        parts.network.close().await;
        ended.map(|()| parts.machine)
    }
}

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

/// Whether to go on.
type Step = Result<ControlFlow<()>, DriverError>;

impl Running {
    /// Tells the machine, and does what it wants; before the chain was read to its end, only what is to be kept.
    fn tell(&mut self, event: Event) -> Step {
        let machine = &mut self.parts.machine;
        let actions = match self.is_current {
            true => machine.on(self.now, event),
            false => machine.recall(self.now, event),
        };
        self.act(actions)?;
        Ok(self.observe())
    }

    fn done(&mut self, task: Task, outcome: Outcome) -> Step {
        if let Task::Check { blob, .. } = &task {
            self.transfers.checked(*blob);
        }
        let is_gone = |ran: &Ran| !self.parts.store.shelf().path(Blob::State(ran.state)).exists();
        let outcome = match outcome {
            // It was swept away for another job.
            Outcome::Ran(ran) if is_gone(&ran) => Outcome::Failed,
            outcome => outcome,
        };
        self.tell(Event::Done(task, outcome))
    }

    /// Waits for the task and the transactions that are under way, keeps what comes of them and begins nothing.
    async fn drain(&mut self) {
        self.parts.executor.close();
        loop {
            let actions = tokio::select! {
                done = self.parts.done.recv() => match done {
                    Some((task, outcome)) => self.parts.machine.recall(self.now, Event::Done(task, outcome)),
                    None => break,
                },
                Some(sent) = self.sending.join_next() => {
                    let _ = self.sent(sent);
                    continue;
                }
            };
            let records = actions.into_iter().filter(|action| matches!(action, Action::Store(_)));
            if let Err(error) = self.act(records.collect()) {
                tracing::warn!(%error, "what was done is not kept");
            }
        }
        while let Some(sent) = self.sending.join_next().await {
            let _ = self.sent(sent);
        }
    }

    fn observe(&mut self) -> ControlFlow<()> {
        self.parts.observer.changed(self.parts.machine.party())
    }

    /// Takes note of blocks, none of them once all are read: acts on the last one only, for those before it are over.
    fn follow(&mut self, blocks: Result<Vec<Block>, ProtocolError>) -> Step {
        let blocks = blocks.map_err(DriverError::Chain)?;
        self.is_current |= blocks.is_empty();
        let mut has_moved = false;
        for block in blocks {
            self.now = self.now.max(block.moment.time);
            for said in &block.said {
                has_moved |= self.parts.directory.hear(said);
            }
            let actions = self.parts.machine.recall(self.now, Event::Block(block));
            self.act(actions)?;
            if let Some(refusal) = self.parts.machine.party().refused() {
                return Err(DriverError::Refused(refusal.clone()));
            }
        }
        if has_moved {
            self.meet();
        }
        if !self.is_current {
            return Ok(GO_ON);
        }
        let was_enrolled = self.parts.enrolment.is_done();
        let (directory, party) = (&self.parts.directory, self.parts.machine.party());
        match self.parts.enrolment.wants(party, directory) {
            Some(Duty::Say(message)) => self.send(vec![message]),
            Some(Duty::PayIn(amount)) => self.pay_in(amount),
            None => {}
        }
        if !was_enrolled && self.parts.enrolment.is_done() {
            self.parts.store.keep_enrolled()?;
        }
        self.tell(Event::Tick)
    }

    /// Tells the network who there is.
    fn meet(&mut self) {
        let me = self.parts.network.peer();
        let market = self.parts.machine.party().history().head().market();
        let stake = |owner| {
            let seats = market.vault().seats().iter().filter(|seat| seat.owner == owner);
            seats.fold(market.free(owner), |sum, seat| sum.plus(seat.rest))
        };
        self.command(Command::Peers(self.parts.directory.others(me, stake)));
    }

    fn act(&mut self, actions: Vec<Action>) -> Result<(), StoreError> {
        let mut actions = actions.into_iter().peekable();
        while let Some(action) = actions.next() {
            match action {
                Action::Store(record) => self.parts.store.keep(&record)?,
                Action::Drop(blob) => {
                    let command = self.transfers.forget(blob);
                    self.commands(command);
                    self.parts.store.forget(blob)?;
                }
                Action::Compute(task) => self.parts.executor.add(task),
                Action::Send(message) => {
                    let mut messages = vec![message];
                    // What is kept for a judgement has to be there before it.
                    while let Some(Action::Send(next)) = actions
                        .next_if(|next| matches!(next, Action::Send(next) if follows(&messages[0], next)))
                    {
                        messages.push(next);
                    }
                    self.send(messages);
                }
                Action::Gossip(notice) => {
                    let spoken = self.letters.speak(&self.parts.identity, notice);
                    let body = spoken.to_bytes();
                    self.command(Command::Publish { topic: TOPIC, life: NOTICE_LIFE, body });
                }
                Action::Fetch { blob, bytes, from } => {
                    if let Some(peer) = self.parts.directory.peer(from) {
                        let commands = self.transfers.fetch(blob, bytes, from, peer);
                        self.commands(commands);
                    }
                }
                Action::Serve { blob, to } => {
                    let commands = self.transfers.serve(blob, to);
                    self.commands(commands);
                }
            }
        }
        Ok(())
    }

    /// Hands a command to the network; one that it has no room for is as lost as one on the way: what is wanted is wanted again.
    fn command(&mut self, command: Command) {
        if let Err(error) = self.parts.network.send(command.clone()) {
            tracing::warn!(%error, "a command is dropped");
            self.transfers.dropped(&command);
        }
    }

    fn commands(&mut self, commands: impl IntoIterator<Item = Command>) {
        commands.into_iter().for_each(|command| self.command(command));
    }

    /// Sends messages to the chain one after the other, in the background; they are wanted again if they do not get there.
    fn send(&mut self, messages: Vec<Message>) {
        if self.sending.len() >= SENDING {
            tracing::warn!("too many transactions are under way");
            return;
        }
        let with_papers = |message: Message| {
            let papers = self.letters.papers(self.question(&message));
            (message, papers)
        };
        let messages: Vec<_> = messages.into_iter().map(with_papers).collect();
        let (protocol, sender) = (self.parts.protocol.clone(), self.parts.sender.clone());
        self.sending.spawn(async move {
            let mut sent = Vec::new();
            for (message, papers) in messages {
                let result = protocol.send(&sender, &protocol_message(message.clone()), &papers).await;
                let is_over = result.is_err();
                sent.push((message, result.map(|receipt| receipt.gas_used)));
                if is_over {
                    break;
                }
            }
            sent
        });
    }

    /// Pays tokens in, in the background: its own, or those of a development chain, which everybody makes.
    fn pay_in(&mut self, amount: Amount) {
        let (protocol, sender) = (self.parts.protocol.clone(), self.parts.sender.clone());
        let owner = self.parts.identity.owner();
        self.sending.spawn(async move {
            let paid = match protocol.tokens(owner).await {
                Ok(held) if held < amount => protocol.mint(&sender, amount).await,
                Ok(_) => protocol.deposit(&sender, amount).await,
                Err(error) => Err(error),
            };
            let message = Message::Market(MarketOrMoney::Stake(StakeMessage::Deposit(amount)));
            vec![(message, paid.map(|receipt| receipt.gas_used))]
        });
    }

    /// The question that a message to Dispute is about.
    fn question(&self, message: &Message) -> Option<Question> {
        let id = question_of(message)?;
        let ledger = self.parts.machine.party().history().head();
        let found = ledger.questions().find(|(held, _)| *held == id);
        found.map(|(_, arguing)| arguing.question.clone())
    }

    fn sent(&mut self, sent: Result<Vec<Sent>, tokio::task::JoinError>) -> Step {
        for (message, result) in sent.unwrap_or_default() {
            match &result {
                Ok(gas) => {
                    tracing::info!(what = name(&message), gas, "sent");
                    self.parts.news.notify_one();
                }
                Err(error) => tracing::info!(what = name(&message), %error, "not sent"),
            }
            self.parts.observer.sent(&message, result.ok());
        }
        Ok(GO_ON)
    }

    fn hear(&mut self, event: Heard) -> Step {
        match event {
            Heard::Notice(notice) if notice.topic == TOPIC => self.notice(&notice.body),
            Heard::Asked { question, peer, body } => self.asked(question, peer, &body),
            Heard::Answered { request, answer } => {
                let answer = answer.as_deref().map_err(ToString::to_string);
                match self.transfers.answered(request, answer) {
                    Ok(command) => self.commands(command),
                    Err(blob) => return self.tell(Event::Absent(blob)),
                }
                Ok(GO_ON)
            }
            Heard::Provided { path, blob } => {
                let commands = self.transfers.provided(&path, blob.ok());
                self.commands(commands);
                Ok(GO_ON)
            }
            Heard::Fetched { blob, fetched } => {
                let arrived = self.transfers.fetched(blob, fetched.is_ok());
                match fetched {
                    Ok(bytes) => self.parts.meter.add_fetched(bytes),
                    Err(error) => tracing::info!(?blob, %error, "not fetched"),
                }
                // The file is going to be moved, or is of no value.
                if !self.transfers.is_provided(blob) {
                    self.command(Command::Forget(blob));
                }
                match arrived {
                    None => Ok(GO_ON),
                    Some((blob, from)) => self.arrived(blob, from),
                }
            }
            Heard::Refused { peer, reason } => {
                self.refused(peer, reason);
                Ok(GO_ON)
            }
            Heard::Up(peer) => {
                self.refusals.remove(&peer);
                tracing::debug!(?peer, "up");
                Ok(GO_ON)
            }
            Heard::Down { peer, reason } => {
                tracing::debug!(?peer, reason, "down");
                Ok(GO_ON)
            }
            _ => Ok(GO_ON),
        }
    }

    /// Who is gone is called again and again: it is told once.
    fn refused(&mut self, peer: Option<PeerId>, reason: String) {
        let told = peer.and_then(|peer| self.refusals.insert(peer, reason.clone()));
        if self.refusals.len() > REFUSALS {
            self.refusals.clear();
        }
        match told.as_ref() == Some(&reason) {
            true => tracing::debug!(?peer, reason, "refused"),
            false => tracing::warn!(?peer, reason, "refused"),
        }
    }

    /// Something has come: it is looked at, unless it has come another way since.
    fn arrived(&mut self, blob: Blob, from: Owner) -> Step {
        if self.parts.machine.party().records().holds(blob) {
            self.transfers.checked(blob);
            std::fs::remove_file(self.parts.store.shelf().incoming(blob, from)).ok();
            return Ok(GO_ON);
        }
        self.tell(Event::Arrived { blob, from })
    }

    /// A notice counts if it is signed; its signature is kept if the roles take note of it.
    fn notice(&mut self, body: &[u8]) -> Step {
        let Ok(spoken) = Spoken::from_bytes(body) else { return Ok(GO_ON) };
        // A signature takes a while, and most notices are for others.
        if !self.parts.machine.party().concerns(&spoken.notice) {
            return Ok(GO_ON);
        }
        let Some(from) = self.letters.signer(&spoken) else { return Ok(GO_ON) };
        let notice = spoken.notice;
        let was_known = self.parts.machine.party().remembers(from, &notice);
        let _ = self.parts.machine.recall(self.now, Event::Notice { from, notice });
        if was_known || !self.parts.machine.party().remembers(from, &notice) {
            return Ok(GO_ON);
        }
        self.letters.keep(from, word(&notice), spoken.signature);
        self.tell(Event::Tick)
    }

    fn asked(&mut self, question: samebit_net::QuestionId, peer: PeerId, body: &[u8]) -> Step {
        let Ok(Where(blob)) = Where::from_bytes(body) else {
            let answer = Err("this question is not understood".to_owned());
            self.command(Command::Answer { question, answer });
            return Ok(GO_ON);
        };
        let by: Owner = self.parts.directory.owner(peer);
        if !self.transfers.ask(blob, by, question) {
            self.command(Command::Answer { question, answer: Err("busy".to_owned()) });
            return Ok(GO_ON);
        }
        let actions = self.parts.machine.recall(self.now, Event::Asked { blob, by });
        if actions.iter().any(|action| matches!(action, Action::Serve { .. })) {
            self.act(actions)?;
        } else {
            let commands = self.transfers.refuse(blob, by);
            self.commands(commands);
        }
        Ok(GO_ON)
    }
}

/// The question that a message to Dispute is about, if it names one.
pub fn question_of(message: &Message) -> Option<QuestionId> {
    let Message::Dispute(message) = message else { return None };
    match message {
        Argument::Move { position, .. }
        | Argument::Keep { position, .. }
        | Argument::Judge { position, .. }
        | Argument::Timeout { position } => Some(position.question),
        Argument::Claim { question, .. }
        | Argument::Pair { question, .. }
        | Argument::Resolve { question, .. }
        | Argument::Release { question, .. } => Some(*question),
        Argument::OpenQuestion { question, .. } => Some(question.id()),
        Argument::Withdraw => None,
    }
}

/// The message as the chain's crate has it.
fn protocol_message(message: Message) -> protocol::Message {
    match message {
        Message::Market(message) => protocol::Message::Market(message),
        Message::Challenge { challenge, question, header } => {
            protocol::Message::Challenge { challenge, question, header }
        }
        Message::Dispute(message) => protocol::Message::Dispute(message),
    }
}

/// The message as the roles have it.
pub fn roles_message(message: protocol::Message) -> Message {
    match message {
        protocol::Message::Market(message) => Message::Market(message),
        protocol::Message::Challenge { challenge, question, header } => {
            Message::Challenge { challenge, question, header }
        }
        protocol::Message::Dispute(message) => Message::Dispute(message),
    }
}

/// Whether a message of a game is to be sent after another one, not beside it.
fn follows(first: &Message, next: &Message) -> bool {
    let position = |message: &Message| match message {
        Message::Dispute(Argument::Keep { position, .. } | Argument::Judge { position, .. }) => {
            Some(position.hash())
        }
        _ => None,
    };
    position(first).is_some_and(|first| position(next) == Some(first))
}

/// A message in a word, for the log.
fn name(message: &Message) -> String {
    let text = format!("{message:?}");
    text.split(['{', ' ']).next().unwrap_or_default().to_owned()
}
