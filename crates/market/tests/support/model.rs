//! The life of a job as stateright checks it: the state is the production transition's, the actions are what honest and lying parties say, time,
//! what Dispute answers, and a reorganisation of the chain.
//!
//! Time passes in steps, but never past the last moment at which an honest party can say what it has to say: an honest party may be slow, not
//! asleep. A reorganisation forgets the last message; what was due after it may still be taken into the chain at any time.
#![allow(dead_code)]

use samebit_market::testing::{Chain, Conduct, Script, Toy, owner};
use samebit_market::{
    Amount, AttemptId, BatchId, BatchStage, DrawId, DrawStage, Height, JobStage, MarketMessage, Owner,
    PlaceId, Ppm, Seconds, SegmentId, Terms, names, params,
};
use stateright::{Model, Property};

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub chain: Chain,
    before: Option<Box<Chain>>,
    /// What no order of messages should have led to.
    broken: Option<&'static str>,
    reorgs: u8,
    ticks: u8,
    stalls: u8,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Action {
    /// Somebody's message is taken into the chain.
    Say(Owner, MarketMessage),
    /// Time passes, with blocks.
    Tick,
    /// Time passes, without blocks.
    Stall,
    /// Dispute answers with the truth.
    Answer(AttemptId, SegmentId, u64),
    /// The chain forgets its last message.
    Reorganise,
}

impl Action {
    /// What happens, in a few words.
    pub fn short(&self) -> String {
        match self {
            Action::Say(sender, message) => {
                let text = format!("{message:?}");
                format!("{} {}", sender.0[0], text.split(' ').next().unwrap_or_default())
            }
            other => format!("{other:?}"),
        }
    }
}

/// A job and its parties.
pub struct Life {
    pub script: Script,
    /// The chain with the job just posted.
    pub start: Chain,
    /// Who has lied or may lie.
    pub liars: Vec<Owner>,
    pub reorgs: u8,
    pub stalls: u8,
    pub horizon: u8,
    pub wealth: Vec<(Owner, u128)>,
}

/// Seconds and blocks of a tick: every deadline of the terms is one tick.
const TICK: (u64, u64) = (30, 5);

fn terms((draw_rate, credit, claim_ticks): (u32, u8, u64)) -> Terms {
    let tick = Seconds(TICK.0);
    Terms {
        draw_rate: Ppm(draw_rate),
        credit,
        claim_seconds: Seconds(claim_ticks * TICK.0),
        hold_seconds: tick,
        announce_seconds: tick,
        seal_seconds: tick,
        open_seconds: Seconds(2 * TICK.0),
        challenge_seconds: tick,
        reveal_seconds: tick,
        contest_seconds: tick,
        entry_seconds: tick,
        ..Script::terms()
    }
}

impl Life {
    /// A job of so many segments with so many seats; `rates` are the draws' rate, credit and the ticks from one claim to the next; `conduct`
    /// is that of the liars.
    pub fn new(
        seed: u64,
        (segments, seats): (u64, u8),
        rates: (u32, u8, u64),
        conduct: Conduct,
        liars: &[Owner],
    ) -> Life {
        let mut start = Chain::new(seed);
        let people: Vec<Owner> = (1..=4 + seats).map(owner).collect();
        Script::seat(&mut start, &people[4..]);
        let toy = Toy { seed: 0, steps: segments, segment_steps: 1 };
        let mut script = Script::post(&mut start, &people, toy, terms(rates), 0);
        script.conduct = conduct;
        let wealth = people.iter().map(|&owner| (owner, wealth(&start, &script, owner))).collect();
        Life { script, start, liars: liars.to_vec(), reorgs: 0, stalls: 0, horizon: 14, wealth }
    }

    /// What a job costs somebody honest: its poster what was settled and checked, its solver the taxes.
    fn cost(&self, state: &State, owner: Owner) -> u128 {
        let (job, terms) = (self.script.held(&state.chain), &self.script.terms);
        let checks = u128::from(terms.draws(job.segments()) - job.draws);
        let segments = u128::from(job.segments());
        if owner == self.script.poster {
            let segment = terms.price.0 + u128::from(terms.custodians) * terms.hold_fee.0;
            return u128::from(job.settled) * segment
                + checks * u128::from(terms.checkers) * terms.check_fee.0;
        }
        if owner == self.script.solver || owner == self.script.heir { segments * terms.tax().0 } else { 0 }
    }

    fn is_honest(&self, owner: Owner) -> bool {
        !self.liars.contains(&owner)
    }

    /// Whether an honest party must speak before time passes: what it has to say would be refused then, or its silence punished.
    fn is_waited_for(&self, chain: &Chain, due: &[(Owner, MarketMessage)]) -> bool {
        let mut later = chain.clone();
        tick(&mut later);
        let is_taken = |chain: &Chain, (sender, message): &(Owner, MarketMessage)| {
            chain.clone().tell(*sender, message.clone()).is_ok()
        };
        let honest: Vec<_> =
            due.iter().filter(|said| self.is_honest(said.0) && is_taken(chain, said)).collect();
        let running = self.script.held(chain).attempt.as_ref();
        let is_punished = running.is_some_and(|_| {
            // What anybody may say a solver says itself; to compare what was opened is for those who opened.
            let speaks = honest.iter().any(|said| !matches!(said.1, MarketMessage::Conclude { .. }));
            let late = self.script.expiries(chain).into_iter().map(|late| (self.script.watcher, late));
            speaks && late.into_iter().any(|late| is_taken(&later, &late))
        });
        let is_challenge =
            |said: &&&(Owner, MarketMessage)| matches!(said.1, MarketMessage::Challenge { .. });
        let is_settled = honest.iter().any(|said| is_challenge(&said))
            && due
                .iter()
                .any(|said| matches!(said.1, MarketMessage::Settle { .. }) && is_taken(&later, said));
        is_punished || is_settled || honest.iter().any(|said| !is_taken(&later, said))
    }

    /// What liars and strangers try besides what is due.
    fn attacks(&self, chain: &Chain, actions: &mut Vec<Action>) {
        let script = &self.script;
        let held = script.held(chain);
        let (job, stranger) = (script.job, script.watcher);
        actions.extend(script.expiries(chain).into_iter().map(|late| Action::Say(stranger, late)));
        if !self.is_honest(script.poster) {
            actions.push(Action::Say(script.poster, MarketMessage::Cancel { job }));
        }
        for &(attempt, segment, owner) in held.catches.keys() {
            actions.push(Action::Say(stranger, MarketMessage::PayCatch { job, attempt, segment, owner }));
        }
        for (&(attempt, segment, number), challenge) in &held.challenges {
            if challenge.winners > 0 || !challenge.paid.is_empty() {
                let claim = 0;
                let pay = MarketMessage::PayWinner { job, attempt, segment, number, claim };
                actions.push(Action::Say(stranger, pay));
            }
        }
        let Some(running) = &held.attempt else { return };
        let attempt = AttemptId(held.attempts - 1);
        for (at, batch) in (0..).map(BatchId).zip(&running.batches) {
            let settle = MarketMessage::Settle { job, attempt, batch: at };
            actions.push(Action::Say(stranger, settle));
            if !self.is_honest(running.solver) {
                let root = batch.root;
                actions.push(Action::Say(
                    running.solver,
                    MarketMessage::Retract { job, attempt, batch: at, root },
                ));
            }
            if !self.is_honest(script.poster) && batch.stage == BatchStage::Claimed {
                let signers = vec![script.poster];
                let hold = MarketMessage::Hold { job, attempt, batch: at, root: batch.root, signers };
                actions.push(Action::Say(script.poster, hold));
            }
            for (number, draw) in (0..).map(DrawId).zip(&batch.draws) {
                if draw.stage == DrawStage::Opening {
                    self.copy_openings(chain, (attempt, at, number), batch.root, draw, actions);
                }
            }
            self.spam(chain, (attempt, at), batch, actions);
        }
    }

    /// A verifier that has not sealed does so with what others have opened.
    fn copy_openings(
        &self,
        chain: &Chain,
        (attempt, batch, draw): (AttemptId, BatchId, DrawId),
        root: samebit_commit::Digest,
        drawn: &samebit_market::job::Draw,
        actions: &mut Vec<Action>,
    ) {
        for (place, taken) in (0..).map(PlaceId).zip(&drawn.places) {
            let Some((_, owner)) = taken.seat.filter(|_| taken.seal.is_none()) else { continue };
            let (salt, interior) = self.script.sealed(owner, drawn.segment.0);
            let of = (self.script.job, attempt, drawn.segment);
            let seal = chain.market.site().seal(of, (names::Role::Verifier, owner), salt, interior);
            let job = self.script.job;
            actions.push(Action::Say(
                owner,
                MarketMessage::Seal { job, attempt, batch, draw, place, root, seal },
            ));
        }
    }

    /// A liar challenges what is right, once a segment.
    fn spam(
        &self,
        chain: &Chain,
        (attempt, id): (AttemptId, BatchId),
        batch: &samebit_market::job::Batch,
        actions: &mut Vec<Action>,
    ) {
        let spammer = self.script.heir;
        if self.is_honest(spammer) || !matches!(batch.stage, BatchStage::Announced | BatchStage::Revealed) {
            return;
        }
        let key = (attempt, SegmentId(batch.first), 0);
        if !self.script.held(chain).challenges.contains_key(&key) {
            let message = self.script.challenge(chain, (attempt, id), batch, batch.first, false);
            actions.push(Action::Say(spammer, message));
        }
    }

    /// Whether the solver knows what is drawn of a batch that is not settled.
    fn has_known_draw(&self, chain: &Chain) -> bool {
        let running = self.script.held(chain).attempt.as_ref();
        running.is_some_and(|running| {
            running.batches.iter().any(|batch| match batch.stage {
                BatchStage::Claimed | BatchStage::Settled => false,
                BatchStage::Held => chain.now.height.0 > batch.setting.height.0 + params::DRAW_DELAY,
                _ => true,
            })
        })
    }

    /// What a message would break if it were taken.
    fn breaks(&self, chain: &Chain, message: &MarketMessage) -> Option<&'static str> {
        let running = self.script.held(chain).attempt.as_ref()?;
        let batch = |batch: BatchId| running.batches.get(batch.0 as usize);
        let opened = |id: BatchId, draw: DrawId| {
            let draw = batch(id)?.draws.get(draw.0 as usize)?;
            Some(draw.places.iter().filter(|place| place.interior.is_some()).count())
        };
        match message {
            MarketMessage::Retract { batch: id, .. } => {
                let batch = batch(*id)?;
                let known = batch.setting.height.0 + params::DRAW_DELAY;
                let is_known = batch.stage != BatchStage::Claimed && chain.now.height.0 > known;
                is_known.then_some("a draw was known and its batch withdrawn")
            }
            MarketMessage::OpenSolver { batch, draw, .. } => (opened(*batch, *draw) == Some(0))
                .then_some("a root was shown to verifiers that may be drawn again"),
            MarketMessage::Seal { batch, draw, .. } => opened(*batch, *draw)
                .is_some_and(|count| count > 0)
                .then_some("a root was shown to who sealed later"),
            _ => None,
        }
    }

    fn says(&self, chain: &Chain, due: Vec<(Owner, MarketMessage)>, actions: &mut Vec<Action>) {
        for (sender, message) in due {
            // What is refused leads nowhere.
            if chain.clone().tell(sender, message.clone()).is_ok() {
                actions.push(Action::Say(sender, message));
            }
        }
    }
}

fn tick(chain: &mut Chain) {
    chain.now.time.0 += TICK.0;
    chain.now.height = Height(chain.now.height.0 + TICK.1);
}

/// What somebody owns, seats, bonds and the poster's escrow included.
pub fn wealth(chain: &Chain, script: &Script, owner: Owner) -> u128 {
    let vault = chain.market.vault();
    let seats: u128 = vault.seats().iter().filter(|seat| seat.owner == owner).map(|seat| seat.rest.0).sum();
    let job = script.held(chain);
    let escrow = if owner == script.poster { job.escrow.0 } else { 0 };
    let running = job.attempt.as_ref().filter(|running| running.solver == owner);
    let deposit = running.map_or(0, |running| job.terms.deposit.0 + running.taxes.0);
    let open = job.challenges.values().filter(|challenge| {
        challenge.owner == owner && challenge.stage != samebit_market::ChallengeStage::Closed
    });
    let bonds: u128 = open.map(|challenge| challenge.bond.0).sum();
    let catches = job.catches.iter().filter(|((.., catcher), catch)| {
        *catcher == owner && catch.stage != samebit_market::CatchStage::Closed
    });
    vault.free(owner).0 + seats + escrow + deposit + bonds + catches.count() as u128 * params::CATCH_BOND.0
}

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (chain, reorgs, stalls) = (self.start.clone(), self.reorgs, self.stalls);
        vec![State { chain, before: None, broken: None, reorgs, ticks: 0, stalls }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let due = self.script.due(&state.chain);
        if state.ticks < self.horizon && !self.is_waited_for(&state.chain, &due) {
            actions.push(Action::Tick);
        }
        // Later a deadline may have had all its blocks before the chain stood still.
        if state.stalls > 0 && state.ticks == 0 && self.script.held(&state.chain).attempt.is_some() {
            actions.push(Action::Stall);
        }
        self.says(&state.chain, due, actions);
        self.attacks(&state.chain, actions);
        for (&(attempt, segment, number), challenge) in &self.script.held(&state.chain).challenges {
            let nonce = names::asked(self.script.job, attempt, segment, number);
            if challenge.stage == samebit_market::ChallengeStage::Asked && !state.chain.court.is_closed(nonce)
            {
                actions.push(Action::Answer(attempt, segment, number));
            }
        }
        if state.before.is_some() {
            actions.push(Action::Reorganise);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = State { before: None, ..last.clone() };
        match action {
            Action::Tick => {
                tick(&mut state.chain);
                state.ticks += 1;
            }
            Action::Stall => {
                state.chain.now.time.0 += 1_000_000;
                state.stalls -= 1;
            }
            Action::Answer(attempt, segment, number) => {
                let owner = self.script.held(&state.chain).challenges[&(attempt, segment, number)].owner;
                let claims = [(owner, true), (self.script.verifiers[0], true)];
                let nonce = names::asked(self.script.job, attempt, segment, number);
                state.chain.court.answer(nonce, &self.script.toy.answer(segment.0), &claims);
            }
            Action::Reorganise => {
                state.chain = *last.before.clone()?;
                state.reorgs -= 1;
            }
            Action::Say(sender, message) => {
                let broken = self.breaks(&last.chain, &message);
                let is_late = matches!(message, MarketMessage::Expire { .. });
                state.chain.tell(sender, message).ok()?;
                let free = |chain: &Chain| chain.market.free(self.script.solver);
                let has_gained = free(&state.chain) > free(&last.chain);
                let has_ended =
                    self.script.held(&state.chain).ends.len() > self.script.held(&last.chain).ends.len();
                let is_cheap = is_late && has_ended && self.has_known_draw(&last.chain) && has_gained;
                let cheap = is_cheap.then_some("whoever stopped after a draw got something back");
                state.broken = last.broken.or(broken).or(cheap);
                if last.reorgs > 0 {
                    state.before = Some(Box::new(last.chain.clone()));
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("money in is money out", |_: &Life, state: &State| {
                state.chain.market.is_balanced()
            }),
            Property::always("no message breaks an order", |_: &Life, state: &State| state.broken.is_none()),
            Property::always("an honest solver is never at fault", |life: &Life, state: &State| {
                let job = life.script.held(&state.chain);
                let faults = if job.stage == JobStage::Done { job.ends.len() - 1 } else { job.ends.len() };
                faults <= usize::from(!life.is_honest(life.script.solver))
            }),
            Property::always("every winner is paid once", |life: &Life, state: &State| {
                let job = life.script.held(&state.chain);
                job.challenges.iter().all(|(&(attempt, segment, number), challenge)| {
                    let nonce = names::asked(life.script.job, attempt, segment, number);
                    let claims = state.chain.court.of(nonce).map_or(0, |(_, claims)| claims.len());
                    let shared = challenge.paid.len() + challenge.winners as usize;
                    shared == 0 || shared == claims
                })
            }),
            Property::always("honest people have what they had", |life: &Life, state: &State| {
                life.wealth.iter().filter(|(owner, _)| life.is_honest(*owner)).all(|&(owner, before)| {
                    let now = wealth(&state.chain, &life.script, owner);
                    now + life.cost(state, owner) >= before
                })
            }),
            Property::always("what is settled is right", |life: &Life, state: &State| {
                let job = life.script.held(&state.chain);
                job.settled == 0 || job.state == life.script.toy.state(job.settled - 1)
            }),
            Property::always("what was not sealed rightly is not settled", |life: &Life, state: &State| {
                let job = life.script.held(&state.chain);
                let end = job.ends.first().copied().unwrap_or(job.settled);
                let lies = [life.script.conduct.false_seal, life.script.conduct.false_state];
                let announced = [life.script.conduct.false_announcement];
                lies.iter().chain(&announced).flatten().all(|lie| end <= *lie)
            }),
            Property::always("nothing is paid twice", |life: &Life, state: &State| {
                let job = life.script.held(&state.chain);
                let solver = life.script.solver;
                let before = life.wealth.iter().find(|(owner, _)| *owner == solver).expect("it is there").1;
                let most = job.settled as u128 * life.script.terms.price.0;
                let bonds: u128 = job.challenges.values().map(|challenge| challenge.bond.0 / 2).sum();
                let costs = job.challenges.len() as u128 * life.script.terms.challenge_cost.0;
                wealth(&state.chain, &life.script, solver) <= before + most + bonds + costs
            }),
            Property::always(
                "the watcher gets no more than there is to get",
                |life: &Life, state: &State| {
                    let job = life.script.held(&state.chain);
                    let watcher = life.script.watcher;
                    let before =
                        life.wealth.iter().find(|(owner, _)| *owner == watcher).expect("it is there").1;
                    let jackpots: u128 = job
                        .marks
                        .values()
                        .map(|mark| mark.valid * u64::from(mark.prize.is_some()))
                        .map(u128::from)
                        .sum::<u128>()
                        * life.script.terms.jackpot.0;
                    let most = jackpots + life.script.terms.deposit.0 * u128::from(!job.ends.is_empty());
                    wealth(&state.chain, &life.script, watcher) <= before + most
                },
            ),
            Property::always(
                "from everywhere honest people come to an end with nothing stuck",
                |life: &Life, state: &State| {
                    if state.ticks < life.horizon {
                        return true;
                    }
                    let mut chain = state.chain.clone();
                    let mut script = life.script.clone();
                    // Whoever has lied is gone; the others bring the job to its end.
                    script.heir = owner(9);
                    if chain.market.free(script.heir) == Amount(0) {
                        chain.fund(script.heir, Amount(1 << 80));
                    }
                    script.ends(&mut chain, 300)
                },
            ),
            Property::sometimes("the job is done", |life: &Life, state: &State| {
                life.script.held(&state.chain).stage == JobStage::Done
            }),
        ]
    }
}
