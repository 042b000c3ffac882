//! Whoever has claimed the end of a segment and stands by it: the honest strategy from the first message to the last.
//!
//! ```text
//! what the chain has accepted ──fold──> what is wanted now ──less what is under way──> actions
//! ```
//! The machine has no story, no clock and no network. It remembers what the chain has said, in the chain's order, and after each event asks for
//! what its claim needs next: that the question be open, that the claim be in, a game against every other root, an answer in every game, the
//! bond back at the end. What needs the data of the run is a [`Task`] for whoever has it. Since it is a fold, a reorganised chain is a new
//! machine that is told the new log by [`Disputant::recall`].

mod effort;
mod task;

pub use task::Task;

use crate::limits;
use effort::{Effort, NEVER};
use samebit_commit::Digest;
use samebit_dispute::{
    Amount, ClaimId, ClaimStatus, Event as Logged, GameId, Header, Message, Opened, Owner, Question,
    QuestionId, QuestionStatus, Seconds, SeenClaim, SeenGame, SeenQuestion, Side, View,
};
use std::collections::{BTreeMap, BTreeSet};

/// What happens to a disputant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Event {
    /// The chain has logged this, once and in its order.
    Logged(Logged),
    /// Time has passed.
    Tick,
    /// A task is done: the messages to send one after the other, none if this side has nothing to say.
    Computed {
        /// The task.
        task: Task,
        /// What came of it.
        messages: Vec<Message>,
    },
    /// A task could not be done: nobody knows yet whether this side has something to say.
    Failed {
        /// The task.
        task: Task,
    },
}

/// What a disputant wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Action {
    /// To be sent to the chain; messages of one batch in their order.
    Send(Message),
    /// To be computed from the story and answered by [`Event::Computed`].
    Compute(Task),
}

/// One need, to tell whether it is met or under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    Open,
    Claim,
    Pair(GameId),
    Answer(Digest),
    Timeout(Digest),
    Resolve,
    Release,
    Withdraw(Amount),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Disputant {
    id: QuestionId,
    question: Question,
    header: Header,
    me: Owner,
    opened: Opened,
    now: Seconds,
    view: View,
    credit: Amount,
    efforts: BTreeMap<Want, Effort>,
}

impl Disputant {
    /// Whoever is `me` and stands by `opened` as the answer to the question.
    pub fn new(question: Question, header: Header, me: Owner, opened: Opened) -> Disputant {
        Disputant {
            id: question.id(),
            question,
            header,
            me,
            opened,
            now: Seconds(0),
            view: View::default(),
            credit: Amount(0),
            efforts: BTreeMap::new(),
        }
    }

    /// Takes note of an event at the chain's time `now`, and says what is to be done.
    pub fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        match event {
            Event::Logged(logged) => self.recall(now, &logged),
            Event::Tick => self.now = self.now.max(now),
            Event::Computed { task, messages } => {
                self.now = self.now.max(now);
                if let Some(effort) = self.effort(&task) {
                    effort.answered(messages);
                }
            }
            Event::Failed { task } => {
                self.now = self.now.max(now);
                let now = self.now;
                if let Some(effort) = self.effort(&task) {
                    effort.failed(now);
                }
            }
        }
        self.act()
    }

    /// Takes note of what was logged, without acting on it.
    pub fn recall(&mut self, now: Seconds, logged: &Logged) {
        self.now = self.now.max(now);
        self.view.observe(logged);
        match logged {
            Logged::Credited { owner, amount } if *owner == self.me => {
                self.credit = Amount(self.credit.0.saturating_add(amount.0));
            }
            Logged::Withdrawn { owner, amount } if *owner == self.me => {
                self.credit = Amount(self.credit.0.saturating_sub(amount.0));
            }
            _ => {}
        }
    }

    /// The question as the chain tells of it.
    pub fn seen(&self) -> Option<&SeenQuestion> {
        self.view.question(self.id)
    }

    /// The own claim's number, once it is in.
    pub fn claim(&self) -> Option<ClaimId> {
        Some(self.mine(self.seen()?)?.0)
    }

    /// Whether nothing is left to do: the claim's bond is lost or back, or it can no longer enter, and all that was credited is withdrawn.
    pub fn is_done(&self) -> bool {
        let Some(seen) = self.seen() else { return false };
        let is_settled = match self.mine(seen) {
            Some((_, mine)) => mine.status != ClaimStatus::Living,
            None => seen.status != QuestionStatus::Open || self.now >= seen.closes,
        };
        is_settled && self.credit == Amount(0)
    }

    /// Whether the answer to a task is still waited for; the game may have gone on without it.
    pub fn awaits(&self, task: &Task) -> bool {
        self.efforts.contains_key(&Want::Answer(task.position.hash()))
    }

    /// The next time at which something is due that no event announces: the end of the time for entry, the end of a rival's clock, the end
    /// of patience with a younger claim, another attempt. Nothing if it waits for the chain, or for a task, alone.
    pub fn wakes(&self) -> Option<Seconds> {
        let clocks = self.seen().into_iter().flat_map(|seen| self.clocks(seen));
        let attempts = self.efforts.values().filter_map(Effort::due);
        clocks.chain(attempts).filter(|due| *due > self.now).min()
    }

    /// The end of the time for entry and of rivals' clocks, while the own claim has something to win by them.
    fn clocks(&self, seen: &SeenQuestion) -> Vec<Seconds> {
        let is_living = |(_, mine): &(ClaimId, &SeenClaim)| mine.status == ClaimStatus::Living;
        if seen.status != QuestionStatus::Open || self.mine(seen).filter(is_living).is_none() {
            return Vec::new();
        }
        let games = seen.games.values().filter(|game| seen.is_live(game) && self.is_rivals_turn(seen, game));
        games.map(deadline).chain([seen.closes]).collect()
    }

    fn effort(&mut self, task: &Task) -> Option<&mut Effort> {
        self.efforts.get_mut(&Want::Answer(task.position.hash()))
    }

    fn mine<'a>(&self, seen: &'a SeenQuestion) -> Option<(ClaimId, &'a SeenClaim)> {
        let is_mine = |(_, claim): &(u64, &SeenClaim)| claim.owner == self.me && claim.opened == self.opened;
        (0..).zip(&seen.claims).find(is_mine).map(|(id, claim)| (ClaimId(id), claim))
    }

    /// What is wanted and due, the most urgent first, as far as there is room for it beside what is under way.
    fn act(&mut self) -> Vec<Action> {
        let mut wanted = self.wanted();
        wanted.sort_by_key(|wanted| wanted.by);
        let wants: BTreeSet<&Want> = wanted.iter().map(|wanted| &wanted.want).collect();
        self.efforts.retain(|want, _| wants.contains(want));
        let under_way =
            |is: &dyn Fn(&Effort) -> bool| self.efforts.values().filter(|effort| is(effort)).count();
        let mut tasks = limits::TASKS.saturating_sub(under_way(&Effort::is_computing));
        let unhurried = under_way(&|effort| effort.is_unhurried() && effort.was_just_asked(self.now));
        let mut unhurried = limits::UNHURRIED.saturating_sub(unhurried);
        let mut actions = Vec::new();
        for Wanted { want, patience, by, action } in wanted {
            let fresh = || Effort::new(self.now.plus(patience), by);
            let effort = self.efforts.entry(want).or_insert_with(fresh);
            if effort.due().is_none_or(|due| due > self.now) {
                continue;
            }
            let mut unlimited = 1;
            let room = match &action {
                Action::Compute(_) if effort.answer().is_none() => &mut tasks,
                _ if effort.is_unhurried() => &mut unhurried,
                _ => &mut unlimited,
            };
            if *room == 0 {
                continue;
            }
            *room -= 1;
            actions.extend(effort.ask(self.now, action));
        }
        actions
    }

    /// Everything that the claim needs now, met or not.
    fn wanted(&self) -> Vec<Wanted> {
        let question = self.id;
        let Some(seen) = self.seen() else {
            let (asked, header) = (self.question.clone(), self.header.clone());
            // Who asked opens it.
            if ![Owner::default(), self.me].contains(&self.question.asker) {
                return Vec::new();
            }
            return vec![Wanted::send(Want::Open, Message::OpenQuestion { question: asked, header })];
        };
        let is_open = seen.status == QuestionStatus::Open;
        let mut wanted = Vec::new();
        match self.mine(seen) {
            None if is_open && self.now < seen.closes => {
                let (opened, value) = (self.opened, self.question.bond);
                let claim = Wanted::send(Want::Claim, Message::Claim { question, opened, value });
                wanted.push(Wanted { by: seen.closes, ..claim });
            }
            Some((claim, mine)) if mine.status == ClaimStatus::Living => {
                if !is_open {
                    wanted.push(Wanted::send(Want::Release, Message::Release { question, claim }));
                } else if self.now >= seen.closes && self.is_agreed(seen) {
                    wanted.push(Wanted::send(Want::Resolve, Message::Resolve { question, claim }));
                } else {
                    wanted.extend(self.pairs(seen, claim));
                    let games = seen.games.values().filter(|game| seen.is_live(game));
                    wanted.extend(games.filter_map(|game| self.play(seen, claim, game)));
                }
            }
            _ => {}
        }
        if self.credit > Amount(0) {
            wanted.push(Wanted::send(Want::Withdraw(self.credit), Message::Withdraw));
        }
        wanted
    }

    /// Whether all living claims have the own root.
    fn is_agreed(&self, seen: &SeenQuestion) -> bool {
        let mut living = seen.claims.iter().filter(|claim| claim.status == ClaimStatus::Living);
        living.all(|claim| claim.opened == self.opened)
    }

    /// Games to start. The younger claim starts it; the older one waits a while for that.
    fn pairs(&self, seen: &SeenQuestion, mine: ClaimId) -> Vec<Wanted> {
        // Others' games take no place: whoever has the bonds for them could keep this claim out of every game.
        let is_mine = |game: &&SeenGame| game.position.claims.contains(&mine) && seen.is_live(game);
        let live = seen.games.values().filter(is_mine).count();
        let pair = |(other, claim): (u64, &SeenClaim)| {
            let other = ClaimId(other);
            let mut both = [(mine, self.opened), (other, claim.opened)];
            both.sort_by_key(|(claim, _)| *claim);
            let claims = both.map(|(claim, _)| claim);
            let is_rival = claim.status == ClaimStatus::Living && claim.opened.root() != self.opened.root();
            if !is_rival || seen.games.contains_key(&claims) {
                return None;
            }
            let want = Want::Pair(GameId { question: self.id, a: claims[0], b: claims[1] });
            let opened = both.map(|(_, opened)| opened);
            let patience = if other < mine { Seconds(0) } else { limits::PATIENCE };
            let wanted = Wanted::send(want, Message::Pair { question: self.id, claims, opened });
            Some(Wanted { patience, ..wanted })
        };
        (0..).zip(&seen.claims).filter_map(pair).take(limits::GAMES.saturating_sub(live)).collect()
    }

    /// What is to be done in a game: a timeout if a rival has used up its clock, whoever its opponent is, for that kills a rival at no risk; else,
    /// in an own game, an answer if there is one. A piece of arithmetic may be redone whoever is on turn, so the story is asked in every position.
    fn play(&self, seen: &SeenQuestion, mine: ClaimId, game: &SeenGame) -> Option<Wanted> {
        let position = &game.position;
        let is_theirs = self.is_rivals_turn(seen, game);
        if is_theirs && self.now >= deadline(game) {
            let message = Message::Timeout { position: position.clone() };
            return Some(Wanted::send(Want::Timeout(position.hash()), message));
        }
        if !position.claims.contains(&mine) {
            return None;
        }
        let side = if position.claims[0] == mine { Side::A } else { Side::B };
        let roots = [root(seen, position.claims[0])?, root(seen, position.claims[1])?];
        let (question, position, last) = (self.question.clone(), position.clone(), game.last.clone());
        let want = Want::Answer(position.hash());
        let task = Task { question, position, last, side, roots };
        let by = if is_theirs { NEVER } else { deadline(game) };
        Some(Wanted { want, patience: Seconds(0), by, action: Action::Compute(task) })
    }

    /// Whether the side on turn has another root. A claim of the own root is never timed out: it may yet be saved by a judgement.
    fn is_rivals_turn(&self, seen: &SeenQuestion, game: &SeenGame) -> bool {
        let on_turn = root(seen, game.position.claims[game.position.turn.index()]);
        on_turn.is_some_and(|root| root != self.opened.root())
    }
}

/// A want, how long it may wait for somebody else to meet it, when it is too late for it, and the action that begins it.
struct Wanted {
    want: Want,
    patience: Seconds,
    by: Seconds,
    action: Action,
}

impl Wanted {
    fn send(want: Want, message: Message) -> Wanted {
        Wanted { want, patience: Seconds(0), by: NEVER, action: Action::Send(message) }
    }
}

/// The root of a claim.
fn root(seen: &SeenQuestion, claim: ClaimId) -> Option<Digest> {
    Some(seen.claims.get(usize::try_from(claim.0).ok()?)?.opened.root())
}

/// When the side on turn will have used up its clock.
fn deadline(game: &SeenGame) -> Seconds {
    game.position.since.plus(game.position.clocks[game.position.turn.index()])
}
