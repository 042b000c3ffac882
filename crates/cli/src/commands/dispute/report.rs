//! What came of a dispute, for scripts and for people.

use super::party::Party;
use crate::screen::{Screen, duration, grouped};
use samebit_dispute::{
    ClaimId, Event as Logged, JudgeKind, Message, Position, QuestionStatus, Side, Stage, Verdict,
};
use samebit_graph::Program;
use samebit_trace::Job;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the log and the receipts say.
pub struct Settled {
    pub status: QuestionStatus,
    position: Option<Position>,
    judged: Option<(JudgeKind, Verdict)>,
    timed_out: Option<Side>,
    gas: u64,
    transactions: u64,
    gas_by: BTreeMap<&'static str, u64>,
    /// Of the game's sides.
    names: [&'static str; 2],
}

impl Default for Settled {
    fn default() -> Settled {
        Settled {
            status: QuestionStatus::Open,
            position: None,
            judged: None,
            timed_out: None,
            gas: 0,
            transactions: 0,
            gas_by: BTreeMap::new(),
            names: [""; 2],
        }
    }
}

impl Settled {
    /// Says whose claim is which side of the game.
    pub fn name(&mut self, owners: impl Fn(ClaimId) -> Option<&'static str>) {
        if let Some(position) = &self.position {
            self.names = position.claims.map(|claim| owners(claim).unwrap_or_default());
        }
    }

    /// Takes note of what the chain has logged.
    pub fn note(&mut self, event: &Logged) {
        match event {
            Logged::Paired { position } | Logged::Moved { position, .. } => {
                self.position = Some(position.clone());
            }
            Logged::Judged { kind, verdict, .. } => self.judged = Some((*kind, *verdict)),
            Logged::TimedOut { side, .. } => self.timed_out = Some(*side),
            _ => {}
        }
    }

    /// Takes note of what a message has cost.
    pub fn sent(&mut self, message: &Message, gas: u64) {
        let what = match message {
            Message::OpenQuestion { .. } => "open",
            Message::Claim { .. } => "claims",
            Message::Pair { .. } => "pair",
            Message::Move { .. } => "moves",
            Message::Keep { .. } => "keeps",
            Message::Judge { .. } => "judge",
            Message::Timeout { .. } => "timeout",
            Message::Resolve { .. } | Message::Release { .. } | Message::Withdraw => "settle",
        };
        *self.gas_by.entry(what).or_default() += gas;
        self.gas += gas;
        self.transactions += 1;
    }
}

/// Where a position is, in words.
pub fn place_of(position: &Position) -> String {
    let mut text = format!("step {} of the segment", position.step);
    match position.stage {
        Stage::Steps => return format!("the tree of steps, level {}", position.level),
        Stage::State | Stage::Sink => text += ", state",
        Stage::Trace if !position.in_row() => {
            text += &format!(", the tree of nodes, level {}", position.level)
        }
        stage if stage.has_node() || position.in_row() => text += &format!(", node {}", position.node),
        _ => {}
    }
    if position.in_row() {
        text += &format!(", element {}, body node {}", position.element, position.body_node);
    }
    format!("{text}: {:?}", position.stage)
}

/// What the command reports. Nulls where there is nothing to say.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub winner: Option<&'static str>,
    segment: Option<u64>,
    pub step: Option<u64>,
    pub node: Option<u64>,
    op: Option<String>,
    page: Option<u64>,
    element: Option<u64>,
    /// The state that differs, where a node was not written to it.
    state: Option<String>,
    /// Of a composite: the node of its body, its operator, and the element of its output.
    body_node: Option<u64>,
    body_op: Option<String>,
    body_element: Option<u64>,
    /// Of a fold.
    block: Option<u64>,
    lane: Option<u8>,
    moves: u32,
    /// What was redone.
    pub leaf: Option<String>,
    /// How it ended, in words.
    verdict: String,
    /// Of all messages, without deployment.
    gas: u64,
    gas_by: BTreeMap<&'static str, u64>,
    transactions: u64,
    seconds: f64,
}

/// Where in the job a game has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The step, its number in the job.
    pub step: Option<u64>,
    /// The node.
    pub node: Option<u64>,
    /// The page of its output.
    pub page: Option<u64>,
    /// The element, flat in the tensor.
    pub element: Option<u64>,
}

impl Spot {
    /// Where a position is in a segment whose first step is `first`.
    pub fn of(program: &Program, first: u64, position: &Position) -> Spot {
        let stage = position.stage;
        let step = (stage != Stage::Steps).then_some(first + position.step);
        if stage == Stage::Sink {
            let node = program.sinks.get(position.node as usize).map(|node| u64::from(*node));
            return Spot { step, node, ..Spot::default() };
        }
        if !stage.has_node() && !position.in_row() {
            return Spot { step, ..Spot::default() };
        }
        let is_reached = position.in_row() || matches!(stage as u8, 7..=15 | 23);
        let element = if position.in_row() { position.element } else { position.element_index() };
        Spot {
            step,
            node: Some(position.node.into()),
            page: (stage == Stage::Page || is_reached).then_some(element / samebit_graph::limits::PAGE),
            element: is_reached.then_some(element),
        }
    }
}

impl Report {
    /// There is nothing to settle.
    pub fn equal(note: String, elapsed: Duration) -> Report {
        Report { verdict: note, seconds: elapsed.as_secs_f64(), ..Report::default() }
    }

    pub fn new(
        job: &Job,
        segment: u64,
        parties: &[Party<'_>],
        settled: Settled,
        elapsed: Duration,
    ) -> Report {
        let winner = match settled.status {
            QuestionStatus::Answered(root) => {
                parties.iter().find(|party| party.opened.root() == root).map(|party| party.name)
            }
            _ => None,
        };
        let verdict = verdict(&settled);
        let mut report = Report {
            winner,
            segment: Some(segment),
            leaf: settled.judged.map(|(kind, _)| kind.to_string()),
            verdict,
            gas: settled.gas,
            gas_by: settled.gas_by,
            transactions: settled.transactions,
            seconds: elapsed.as_secs_f64(),
            ..Report::default()
        };
        if let Some(position) = settled.position {
            report.locate(job, job.segment(segment).start, &position);
        }
        report
    }

    /// Puts the last position into words.
    fn locate(&mut self, job: &Job, first: u64, position: &Position) {
        let (program, stage) = (&job.program, position.stage);
        let spot = Spot::of(program, first, position);
        self.moves = position.moves;
        (self.step, self.node, self.page, self.element) = (spot.step, spot.node, spot.page, spot.element);
        if stage == Stage::Sink {
            let entry = position.node as usize;
            self.op = Some("sink".to_owned());
            self.state = program.states.get(entry).map(|state| state.name.clone());
            return;
        }
        if spot.node.is_none() {
            self.op = match stage {
                Stage::Ended => Some("ending".to_owned()),
                Stage::SegmentEnd => Some("sink".to_owned()),
                _ => None,
            };
            return;
        }
        let held = program.nodes.get(position.node as usize);
        self.op = held.map(|node| node.op.clone());
        if position.in_row() {
            self.body_node = Some(position.body_node.into());
            self.body_element = Some(position.body_element);
            self.body_op = match held.map(|node| &node.kind) {
                Some(samebit_graph::Kind::Composite { body, .. }) => {
                    body.get(position.body_node as usize).map(|node| node.op.clone())
                }
                _ => None,
            };
        }
        self.block = matches!(stage as u8, 11..=15).then_some(position.block);
        self.lane = (stage == Stage::Lane).then_some(position.lane);
    }

    pub fn say(&self, screen: &Screen) {
        match self.winner {
            Some(winner) => screen.say(format!("{winner} is right: {}", self.verdict)),
            None => screen.say(&self.verdict),
        }
        if self.segment.is_none() {
            return;
        }
        let part = |name: &str, value: Option<u64>| value.map(|value| format!("{name} {value}"));
        let op = |node: Option<u64>, op: &Option<String>, name: &str| {
            let op = op.as_ref().map(|op| format!(" ({op})")).unwrap_or_default();
            node.map(|node| format!("{name} {node}{op}"))
        };
        let parts = [
            part("segment", self.segment),
            part("step", self.step),
            op(self.node, &self.op, "node"),
            self.state.as_ref().map(|state| format!("state {state}")),
            part("page", self.page),
            part("element", self.element),
            op(self.body_node, &self.body_op, "body node"),
            part("element", self.body_element),
            part("block", self.block),
            part("lane", self.lane.map(u64::from)),
        ];
        screen.say(parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
        let (gas, seconds) = (grouped(self.gas), duration(self.seconds));
        screen.say(format!("{} moves, {} transactions, gas {gas}, {seconds}", self.moves, self.transactions));
    }
}

/// How it ended. The sides of a game are its claims in the order in which they came, not those of the arguments.
fn verdict(settled: &Settled) -> String {
    let name = |side: Side| settled.names[side.index()];
    match (settled.status, settled.judged, settled.timed_out) {
        (QuestionStatus::Void, ..) => "the job itself is malformed, there is no answer".to_owned(),
        (_, Some((kind, Verdict::False(side))), _) => {
            format!("{kind} of {} was redone and is false", name(side))
        }
        (_, Some((kind, _)), _) => format!("{kind} was redone, and both are false"),
        (_, None, Some(side)) => format!("{} stopped moving and lost by its clock", name(side)),
        _ => "nothing was judged".to_owned(),
    }
}
