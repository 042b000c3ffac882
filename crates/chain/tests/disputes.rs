//! Two disputants argue over the contracts on the embedded chain, each by what the chain's log says alone.

#[path = "../../roles/tests/common/mod.rs"]
mod common;

use alloy::primitives::Bytes;
use alloy::sol_types::SolValue;
use common::liars::{Below, Roots, Told, no_root};
use common::{FUND, STEP, World, worlds};
use samebit_chain::dispute::{
    DISPUTE, DisputeChange, DisputeContract, DisputeError, DisputeLog, artifacts, owner,
};
use samebit_chain::{Artifact, Devnet, LogOptions, Sender, SenderOptions, accounts};
use samebit_dispute::{
    Amount, Event as Logged, Header, JudgeKind, Message, Opened, Question, QuestionStatus, Seconds, Story,
    Verdict,
};
#[cfg(feature = "slow")]
use samebit_graph::node::Kind;
use samebit_roles::{Action, Arithmetic, Disputant, Event, Mirror};
use samebit_trace::Fault;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tempfile::TempDir;

/// A development chain with the contracts.
struct Court {
    devnet: Devnet,
    contract: DisputeContract,
    /// A contract that hands on what it is told.
    relay: DisputeContract,
    _folder: TempDir,
    questions: u64,
    /// Which sides say everything through it.
    relayed: [bool; 2],
    bond: Amount,
}

/// One side, driven by the chain's log.
struct Party<'a> {
    sender: Sender,
    /// Where it sends its messages.
    to: DisputeContract,
    log: DisputeLog,
    mirror: Mirror,
    disputant: Disputant,
    story: &'a dyn Story,
    opened: Opened,
    actions: VecDeque<Action>,
}

/// How it ended.
#[derive(Debug, Default)]
struct Settled {
    /// 0 or 1.
    winner: Option<usize>,
    judged: Option<(JudgeKind, Verdict)>,
    moves: u32,
    gas: BTreeMap<&'static str, u64>,
}

impl Court {
    async fn open() -> Court {
        let folder = TempDir::new().expect("a folder");
        let contracts = artifacts(FUND).into_iter().chain([relay()]);
        let builder = contracts.fold(Devnet::in_folder(folder.path()), |net, code| net.deploy(code));
        let devnet = builder.start().await.expect("a chain");
        let address = devnet.config.contracts[DISPUTE];
        let contract = DisputeContract::at(&devnet.client, address).await.expect("a contract");
        let address = devnet.config.contracts["relay"];
        let relay = DisputeContract::at(&devnet.client, address).await.expect("a contract");
        Court {
            devnet,
            contract,
            relay,
            _folder: folder,
            questions: 0,
            relayed: [false; 2],
            bond: Amount(1_000),
        }
    }

    async fn party<'a>(
        &self,
        at: usize,
        story: &'a dyn Story,
        question: &Question,
        header: &Header,
    ) -> Party<'a> {
        let key = accounts::key(at as u32 + 1);
        let (me, to) = match self.relayed[at] {
            true => (self.relay.address(), self.relay.clone()),
            false => (key.address(), self.contract.clone()),
        };
        let (me, opened) = (owner(me), story.opened().expect("a claim"));
        Party {
            to,
            sender: self.devnet.client.sender(key, SenderOptions::default()),
            log: self.contract.log(0, LogOptions::default()),
            mirror: Mirror::new(question.id()),
            disputant: Disputant::new(question.clone(), header.clone(), me, opened),
            story,
            opened,
            actions: VecDeque::new(),
        }
    }

    /// Lets two sides argue about another question of the same job.
    async fn settle(&mut self, world: &World, stories: [&dyn Story; 2]) -> Settled {
        let (mut question, header) = world.question();
        self.questions += 1;
        question.entry_seconds = Seconds(question.entry_seconds.0 + self.questions);
        question.bond = self.bond;
        let mut parties = Vec::new();
        for (at, story) in stories.into_iter().enumerate() {
            parties.push(self.party(at, story, &question, &header).await);
        }
        let mut settled = Settled::default();
        while !parties.iter().all(|party| party.disputant.is_done() && party.actions.is_empty()) {
            let now = Seconds(self.devnet.client.head().await.expect("a head").timestamp);
            let mut is_busy = false;
            for (at, party) in parties.iter_mut().enumerate() {
                party.read(now, (at == 0).then_some(&mut settled)).await;
                is_busy |= party.act(&question, now, &mut settled).await;
            }
            if !is_busy && !parties.iter().all(|party| party.disputant.is_done()) {
                let due = parties.iter().filter_map(|party| party.disputant.wakes()).min();
                let due = due.unwrap_or_else(|| panic!("nobody waits for anything: {settled:?}"));
                assert!(self.contract.advance_clock(due.since(now).0).await.expect("a clock"));
            }
        }
        let status = self.contract.status(question.id()).await.expect("a status");
        if let Some(QuestionStatus::Answered(root)) = status {
            settled.winner = parties.iter().position(|party| party.opened.root() == root);
        }
        settled
    }
}

impl Party<'_> {
    async fn read(&mut self, now: Seconds, mut settled: Option<&mut Settled>) {
        for change in self.log.poll().await.expect("a log") {
            let DisputeChange::Accepted(accepted) = change else { panic!("the chain never goes back") };
            let followed =
                self.mirror.follow(accepted.at, accepted.sender, &accepted.message, accepted.moved);
            for event in followed.unwrap_or_else(|error| panic!("{error}: {:?}", accepted.message)) {
                match (&event, &mut settled) {
                    (Logged::Judged { kind, verdict, .. }, Some(settled)) => {
                        settled.judged = Some((*kind, *verdict));
                    }
                    (Logged::Moved { position, .. }, Some(settled)) => settled.moves = position.moves,
                    _ => {}
                }
                let actions = self.disputant.on(accepted.at, Event::Logged(event));
                self.actions.extend(actions);
            }
        }
        if self.actions.is_empty() {
            let actions = self.disputant.on(now, Event::Tick);
            self.actions.extend(actions);
        }
    }

    async fn act(&mut self, question: &Question, now: Seconds, settled: &mut Settled) -> bool {
        let Some(action) = self.actions.pop_front() else { return false };
        match action {
            Action::Compute(task) => {
                // Whoever lies may have nothing that shows it.
                let messages = task.run(self.story, &Arithmetic).unwrap_or_default();
                let actions = self.disputant.on(now, Event::Computed { task, messages });
                self.actions.extend(actions);
            }
            Action::Send(message) => match self.to.send(&self.sender, question, &message).await {
                Ok(receipt) => *settled.gas.entry(name(&message)).or_default() += receipt.gas_used,
                // The other side was faster.
                Err(DisputeError::Refused { name: Some(name), .. }) if OVERTAKEN.contains(&name) => {}
                Err(error) => panic!("{error}: {message:?}"),
            },
        }
        true
    }
}

fn relay() -> Artifact {
    let artifact: serde_json::Value =
        serde_json::from_str(include_str!("../../../contracts/artifacts/Relay.json")).expect("JSON");
    let code: Bytes = artifact["bytecode"].as_str().expect("code").parse().expect("hex");
    let [.., dispute] = artifacts(FUND);
    Artifact::new("relay", [code.to_vec(), dispute.address().abi_encode()].concat())
}

const OVERTAKEN: [&str; 5] =
    ["QuestionExists", "GameExists", "UnknownGame", "QuestionNotOpen", "ClaimNotLiving"];

fn name(message: &Message) -> &'static str {
    match message {
        Message::Move { .. } => "moves",
        Message::Keep { .. } | Message::Judge { .. } => "referee",
        _ => "rest",
    }
}

async fn check(court: &mut Court, world: &World, liar: &dyn Story, at: usize, how: &str) -> JudgeKind {
    let honest = world.segment(&[]);
    let stories: [&dyn Story; 2] = if at == 0 { [&honest, liar] } else { [liar, &honest] };
    let settled = court.settle(world, stories).await;
    assert_eq!(settled.winner, Some(at), "{how}: {settled:?}");
    assert!(settled.moves <= 16, "{how}: {settled:?}");
    let (kind, _) = settled.judged.unwrap_or_else(|| panic!("{how}: {settled:?}"));
    println!("{how}: {kind}, {} moves, gas {:?}", settled.moves, settled.gas);
    kind
}

#[tokio::test(flavor = "multi_thread")]
async fn the_honest_side_wins_at_every_leaf() {
    let [world, _] = worlds();
    let mut court = Court::open().await;
    let mut kinds = BTreeSet::new();
    let value = |op: &'static str, phase| world.segment(&[world.wrong_value(world.cases()[&(op, phase)])]);
    for (at, (op, phase)) in [
        ("state", 0),
        ("table", 0),
        ("gelu_tanh", 0),
        ("linear", 0),
        ("norm_sum", 0),
        ("attention", 0),
        ("adamw_p", 2),
    ]
    .into_iter()
    .enumerate()
    {
        kinds.insert(check(&mut court, &world, &value(op, phase), at % 2, op).await);
    }
    let skip = world.segment(&[Fault::Skip { step: STEP }]);
    kinds.insert(check(&mut court, &world, &skip, 0, "skip").await);
    let lanes = Told { story: value("norm_sum", 0), lie: Below::Lane, row: None };
    kinds.insert(check(&mut court, &world, &lanes, 1, "lanes").await);
    let honest = world.segment(&[]);
    let row = Told { story: value("attention", 0), lie: Below::Row, row: Some(&honest) };
    kinds.insert(check(&mut court, &world, &row, 0, "row").await);
    let cut = world.tell(Roots::cut(world.replay(&[]), 1));
    kinds.insert(check(&mut court, &world, &cut, 1, "ended").await);
    let end = world.segment(&[]).ending_in(no_root());
    kinds.insert(check(&mut court, &world, &end, 0, "segment end").await);
    let expected =
        JudgeKind::ALL.into_iter().filter(|kind| !matches!(kind, JudgeKind::Malformed | JudgeKind::Shape));
    assert_eq!(kinds, expected.collect());
}

/// Every operator in every phase, on the contracts.
#[tokio::test(flavor = "multi_thread")]
#[cfg(feature = "slow")]
async fn the_honest_side_wins_in_every_operator() {
    let mut court = Court::open().await;
    let mut count = 0;
    for world in worlds() {
        for (at, ((op, _), node)) in world.cases().into_iter().enumerate() {
            let liar = world.segment(&[world.wrong_value(node)]);
            let kind = check(&mut court, &world, &liar, at % 2, &format!("{} {op}", world.name)).await;
            let is_given =
                matches!(world.job.program.nodes[node as usize].kind, Kind::State(_) | Kind::Table(_));
            assert_eq!(kind == JudgeKind::Source, is_given, "{op}");
            count += 1;
        }
    }
    assert!(count >= 68, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_through_a_contract_is_followed_to_the_end() {
    use alloy::providers::Provider;
    let [world, _] = worlds();
    let mut court = Court::open().await;
    let liar = world.segment(&[world.wrong_value(world.cases()[&("norm_sum", 0)])]);
    court.relayed = [true, false];
    check(&mut court, &world, &liar, 0, "the honest side through a contract").await;
    check(&mut court, &world, &liar, 1, "the liar through a contract").await;
    // One of them closes the question, and the other is not left waiting for that.
    let (a, b) = (world.segment(&[]), world.segment(&[]));
    for relayed in [[true, false], [false, true]] {
        court.relayed = relayed;
        let settled = court.settle(&world, [&a, &b]).await;
        assert_eq!((settled.winner, settled.judged), (Some(0), None));
    }
    let paid = court.devnet.client.provider().get_balance(court.relay.address()).await.expect("a balance");
    assert_eq!(paid.to::<u64>(), 1_000 + 500 + 2 * 1_000, "three bonds of its own, and half of the liar's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_a_bond_is_followed_to_the_end() {
    let [world, _] = worlds();
    let mut court = Court::open().await;
    court.bond = Amount(0);
    let (a, b) = (world.segment(&[]), world.segment(&[]));
    assert_eq!(court.settle(&world, [&a, &b]).await.winner, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_sides_share_the_answer() {
    let [world, _] = worlds();
    let mut court = Court::open().await;
    let (a, b) = (world.segment(&[]), world.segment(&[]));
    let settled = court.settle(&world, [&a, &b]).await;
    assert_eq!((settled.winner, settled.judged, settled.moves), (Some(0), None, 0));
}
