//! The game as stateright checks it: the state is the production transition's, the actions are what honest and lying players say, time, and
//! reorganisations of the chain.
//!
//! Time passes in steps of one second, but never past the last moment at which an honest player that has an answer can give it: an honest player
//! may be slow, not asleep. A reorganisation forgets the last message; what the players had answered to it is then still on its way and may be
//! taken into the chain at any time.

use samebit_commit::{Digest, Tree, steps};
use samebit_dispute::testing::{Below, Conduct, Job, Peer, Tale, Terms, ToyReferee};
use samebit_dispute::{
    Amount, Answer, Before, ClaimId, ClaimStatus, Dispute, Event, Message, Move, Opened, Output, Owner,
    Position, Question, QuestionId, QuestionStatus, Seconds, SeenGame, Side, Stage, Story, View, answer,
    number, word_of,
};
use stateright::{Model, Property};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the model's questions are opened.
const START: Seconds = Seconds(10);

/// The chain: what it keeps and what its log says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    pub dispute: Dispute,
    pub view: View,
    /// When the games began.
    started: BTreeMap<[ClaimId; 2], Seconds>,
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub chain: Chain,
    pub now: Seconds,
    /// The chain before its last message, while it can still be forgotten.
    before: Option<Box<Chain>>,
    reorgs: u8,
    /// What was said about a state that was forgotten.
    late: Vec<(usize, Message)>,
    /// How many claims there were when the time for entry was over.
    entered: Option<usize>,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Action {
    /// A player's message is taken into the chain.
    Say(usize, Message),
    /// A message that was said before a reorganisation is.
    Include(usize),
    /// A second passes.
    Tick,
    /// The chain forgets its last message.
    Reorganise,
}

/// Who plays, about what, on which terms.
pub struct Game {
    pub job: Arc<Job>,
    pub terms: Terms,
    pub honest: usize,
    /// The honest players first.
    pub peers: Vec<Peer>,
    /// In which order they have claimed.
    pub order: Vec<usize>,
    /// Whether liars also try what must be refused.
    pub attacks: bool,
    /// How many messages the chain forgets in all.
    pub reorgs: u8,
    /// Seconds from the opening after which time stands still.
    pub horizon: u64,
    truth: Arc<Tale>,
    saboteur: Arc<Tale>,
    referee: ToyReferee,
    asked: Question,
    question: QuestionId,
}

impl Game {
    /// A game with `honest` honest players and these others; `order` is that of the claims.
    pub fn new(job: Job, terms: Terms, honest: usize, others: Vec<Tale>, order: Vec<usize>) -> Game {
        let job = Arc::new(job);
        let truth = Arc::new(Tale::honest(&job));
        let tales = std::iter::repeat_n(truth.clone(), honest).chain(others.into_iter().map(Arc::new));
        let peers =
            tales.enumerate().map(|(at, tale)| Peer::new(at as u8 + 1, tale, Conduct::Best)).collect();
        let below = Below { block: Some(0), lane: Some(1), body: Some(0), ..Below::default() };
        Game {
            saboteur: Arc::new(Tale::saboteur(&job, below)),
            referee: ToyReferee { job: job.clone() },
            question: job.question(&terms).0.id(),
            asked: job.question(&terms).0,
            job,
            terms,
            honest,
            peers,
            order,
            attacks: true,
            reorgs: 0,
            horizon: 2 * terms.clock_seconds.0 + 64 * terms.extension_seconds.0,
            truth,
        }
    }

    fn is_true(&self, root: Digest) -> bool {
        root == self.truth.opened().expect("the toy answers").root()
    }

    fn is_honest(&self, owner: Owner) -> bool {
        self.peers[..self.honest].iter().any(|peer| peer.owner == owner)
    }

    /// The chain after a message, if it is taken.
    fn after(&self, chain: &Chain, now: Seconds, sender: usize, message: &Message) -> Option<Chain> {
        let mut chain = chain.clone();
        let events = chain.dispute.apply(&self.referee, now, self.peers[sender].owner, message).ok()?;
        for event in &events {
            chain.view.observe(event);
            if let Event::Paired { position } = event {
                chain.started.insert(position.claims, now);
            }
        }
        Some(chain)
    }

    fn games<'a>(&self, view: &'a View) -> impl Iterator<Item = &'a SeenGame> + use<'a> {
        view.question(self.question).into_iter().flat_map(|asked| asked.games.values())
    }

    /// Whose claim a side of a position is.
    fn owner(&self, chain: &Chain, position: &Position, side: Side) -> Owner {
        let claim = position.claims[side.index()];
        chain.dispute.claims(self.question)[claim.0 as usize].owner
    }

    /// Whether an honest player must speak in this second: it is on turn, and could answer.
    fn is_waited_for(&self, state: &State) -> bool {
        let asked = state.chain.view.question(self.question).expect("it was opened");
        asked.games.values().filter(|game| asked.is_live(game)).any(|game| {
            let position = &game.position;
            let used = state.now.plus(Seconds(1)).since(position.since);
            let owner = self.owner(&state.chain, position, position.turn);
            let is_due = used >= position.clocks[position.turn.index()] && self.is_honest(owner);
            let Some(at) = self.peers[..self.honest].iter().position(|peer| is_due && peer.owner == owner)
            else {
                return false;
            };
            let answer = answer(&*self.truth, &asked.question, position, position.turn, game.last.as_ref());
            let message = match answer.expect("the toy answers") {
                Some(Answer::Play(play)) => Message::Move { position: position.clone(), play },
                Some(Answer::Judge { .. }) => return true,
                None => return false,
            };
            self.after(&state.chain, state.now, at, &message).is_some()
        })
    }

    /// What liars try besides playing well.
    fn attack(&self, liar: usize, state: &State, actions: &mut Vec<Action>) {
        let asked = state.chain.view.question(self.question).expect("it was opened");
        let peer = &self.peers[liar];
        let mut say = |message| actions.push(Action::Say(liar, message));
        for game in asked.games.values() {
            let position = &game.position;
            say(Message::Timeout { position: position.clone() });
            if !asked.is_live(game) {
                for judge in self.judgements(&self.truth, game) {
                    say(judge);
                }
                continue;
            }
            for side in Side::BOTH {
                let owner = self.owner(&state.chain, position, side);
                if owner == peer.owner {
                    self.attack_own(peer, side, game, &mut say);
                } else if self.is_honest(owner) {
                    self.attack_other(side, game, &mut say);
                }
            }
        }
        let number = asked.claims.iter().position(|claim| claim.owner == peer.owner);
        if let Some(claim) = number.map(|number| ClaimId(number as u64)) {
            say(Message::Resolve { question: self.question, claim });
        }
        for claim in 0..asked.claims.len() as u64 {
            say(Message::Release { question: self.question, claim: ClaimId(claim) });
        }
        if state.now >= asked.closes && asked.claims.len() <= self.peers.len() {
            let opened = Opened { state: Digest([9; 32]), count: 1, steps_top: Digest([8; 32]) };
            say(Message::Claim { question: self.question, opened, value: self.terms.bond });
        }
    }

    /// Bad moves for its own side.
    fn attack_own(&self, peer: &Peer, side: Side, game: &SeenGame, say: &mut impl FnMut(Message)) {
        let position = &game.position;
        if position.turn != side {
            return;
        }
        let asked = &self.asked;
        let play = |story: &Tale| match answer(story, asked, position, side, game.last.as_ref()) {
            Ok(Some(Answer::Play(play))) => Some(play),
            _ => None,
        };
        let own = play(&peer.tale);
        for play in
            own.iter().filter_map(garbage).chain(later(&peer.tale, &own, game)).chain(play(&self.truth))
        {
            say(Message::Move { position: position.clone(), play });
        }
    }

    /// Moves for an honest side, and positions that never were.
    fn attack_other(&self, side: Side, game: &SeenGame, say: &mut impl FnMut(Message)) {
        let position = &game.position;
        let forged = Position { turn: side, clocks: [Seconds(0); 2], ..position.clone() };
        say(Message::Timeout { position: forged });
        let asked = &self.asked;
        if position.turn == side
            && let Ok(Some(Answer::Play(play))) =
                answer(&*self.saboteur, asked, position, side, game.last.as_ref())
        {
            say(Message::Move { position: position.clone(), play });
        }
    }

    fn judgements(&self, story: &Tale, game: &SeenGame) -> Vec<Message> {
        let asked = &self.asked;
        let position = &game.position;
        match answer(story, asked, position, Side::A, game.last.as_ref()) {
            Ok(Some(Answer::Judge { kind, evidence })) if evidence.kept.is_empty() => {
                let (witness, slots) = (evidence.witness, Vec::new());
                vec![Message::Judge { position: position.clone(), kind, witness, slots }]
            }
            _ => Vec::new(),
        }
    }

    /// Whether no game can go on for longer than its clocks and the extensions of its moves.
    fn is_bounded(&self, state: &State) -> bool {
        self.games(&state.chain.view).all(|game| {
            let position = &game.position;
            let extensions = u64::from(position.moves) * self.terms.extension_seconds.0;
            let longest = Seconds(2 * self.terms.clock_seconds.0 + extensions);
            let end = position.since.plus(position.clocks[position.turn.index()]);
            end <= state.chain.started[&position.claims].plus(longest)
        })
    }
}

/// A move that shows what its side does not hold.
fn garbage(play: &Move) -> Option<Move> {
    let mut play = play.clone();
    match &mut play {
        Move::Descend(descent) if !descent.nodes.is_empty() => {
            descent.nodes.iter_mut().for_each(|node| node.0[31] ^= 1);
        }
        Move::Unfold { nodes, .. } if !nodes.is_empty() => nodes.iter_mut().for_each(|node| node.0[31] ^= 1),
        Move::ShowLanes(lanes) => lanes[2] ^= 1,
        _ => return None,
    }
    Some(play)
}

/// The choice of the child after the first difference, with the left siblings of both sides: a later total that follows from a false one.
fn later(story: &Tale, own: &Option<Move>, game: &SeenGame) -> Option<Move> {
    let Some(Move::Descend(descent)) = own else { return None };
    let (Some(Move::Unfold { nodes, .. }), Stage::TotalsHead) = (&game.last, game.position.stage) else {
        return None;
    };
    let first = descent.choice.as_ref()?;
    if first.child % 2 == 1 || first.siblings.len() < 2 {
        return None;
    }
    let totals = story.totals(Output::of(&game.position), game.position.element_index()).ok()?;
    let tree = Tree::new(totals.iter().map(|&word| steps::total(word)).collect());
    let mut descent = descent.clone();
    let chosen = descent.choice.as_mut()?;
    let other = steps::total(word_of(chosen.other)?);
    chosen.siblings[..2].copy_from_slice(&[tree.node(0, chosen.child), other]);
    descent.before = Some(Before {
        word: totals[chosen.child as usize],
        siblings: tree.open(chosen.child).ok()?.siblings,
    });
    chosen.child += 1;
    chosen.own = number((*totals.get(chosen.child as usize)?).into());
    chosen.other = *nodes.get(chosen.child as usize)?;
    Some(Move::Descend(descent))
}

impl Model for Game {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (question, header) = self.job.question(&self.terms);
        let mut chain = Chain {
            dispute: Dispute::new(Owner([0xff; 20])),
            view: View::default(),
            started: BTreeMap::new(),
        };
        chain =
            self.after(&chain, START, 0, &Message::OpenQuestion { question, header }).expect("well formed");
        for &at in &self.order {
            let opened = self.peers[at].tale.opened().expect("the toy answers");
            let claim = Message::Claim { question: self.question, opened, value: self.terms.bond };
            chain = self.after(&chain, START, at, &claim).expect("it may enter");
        }
        let now = START;
        vec![State { chain, now, before: None, reorgs: self.reorgs, late: Vec::new(), entered: None }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (at, peer) in self.peers.iter().enumerate() {
            let messages = peer.messages(self.question, &state.chain.view, state.now);
            actions.extend(messages.into_iter().map(|message| Action::Say(at, message)));
            if at >= self.honest && self.attacks {
                self.attack(at, state, actions);
            }
        }
        actions.extend((0..state.late.len()).map(Action::Include));
        if state.now.0 < START.0 + self.horizon && !self.is_waited_for(state) {
            actions.push(Action::Tick);
        }
        if state.before.is_some() {
            actions.push(Action::Reorganise);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = State { before: None, ..last.clone() };
        match action {
            Action::Tick => {
                state.now = last.now.plus(Seconds(1));
                let asked = last.chain.view.question(self.question).expect("it was opened");
                if state.now >= asked.closes && last.entered.is_none() {
                    state.entered = Some(asked.claims.len());
                }
            }
            Action::Reorganise => {
                let answers = self.peers[..self.honest].iter().enumerate().flat_map(|(at, peer)| {
                    let messages = peer.messages(self.question, &last.chain.view, last.now);
                    messages.into_iter().map(move |message| (at, message))
                });
                state.late = answers.collect();
                state.chain = *last.before.clone()?;
                state.reorgs -= 1;
            }
            Action::Include(at) => {
                let (sender, message) = state.late.remove(at);
                state.chain = self.after(&last.chain, last.now, sender, &message)?;
            }
            Action::Say(sender, message) => {
                state.chain = self.after(&last.chain, last.now, sender, &message)?;
                if last.reorgs > 0 {
                    state.before = Some(Box::new(last.chain.clone()));
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("an honest player never loses its bond", |game: &Game, state: &State| {
                let claims = state.chain.dispute.claims(game.question);
                claims.iter().all(|claim| claim.status != ClaimStatus::Dead || !game.is_honest(claim.owner))
            }),
            Property::always("a false root never survives", |game: &Game, state: &State| {
                let claims = state.chain.dispute.claims(game.question);
                if game.honest == 0 {
                    return true;
                }
                match state.chain.dispute.status(game.question) {
                    Some(QuestionStatus::Answered(root)) => {
                        let dead = |claim: &samebit_dispute::Claim| claim.status == ClaimStatus::Dead;
                        game.is_true(root)
                            && claims.iter().all(|claim| game.is_true(claim.root) || dead(claim))
                    }
                    Some(QuestionStatus::Open) => true,
                    _ => false,
                }
            }),
            Property::always("money in is money out", |_: &Game, state: &State| {
                state.chain.dispute.is_balanced()
            }),
            Property::always(
                "half of a dead bond is the fund's, a released one its owner's",
                |game: &Game, state: &State| {
                    let (dispute, bond) = (&state.chain.dispute, game.terms.bond.0);
                    let claims = dispute.claims(game.question);
                    let dead =
                        claims.iter().filter(|claim| claim.status == ClaimStatus::Dead).count() as u128;
                    let released = claims.iter().filter(|claim| claim.status == ClaimStatus::Released);
                    dispute.credit(dispute.fund()) >= Amount(dead * (bond - bond / 2))
                        && released.clone().all(|claim| dispute.credit(claim.owner) >= Amount(bond))
                },
            ),
            Property::always("the game ends within its bound", |game: &Game, state: &State| {
                game.is_bounded(state)
            }),
            Property::always("no claim enters late", |game: &Game, state: &State| {
                let count = state.chain.dispute.claims(game.question).len();
                state.entered.is_none_or(|entered| entered == count)
            }),
            Property::sometimes(
                "the truth is the answer",
                |game: &Game, state: &State| matches!(state.chain.dispute.status(game.question), Some(QuestionStatus::Answered(root)) if game.is_true(root)),
            ),
        ]
    }
}
