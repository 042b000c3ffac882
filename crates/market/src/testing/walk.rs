//! Random walks of many jobs and people: what is due, what is not, from anybody, at any time.

use super::chain::Chain;
use super::disturb::disturb;
use super::random::Random;
use super::script::{Conduct, Script};
use super::toy::Toy;
use crate::clock::Moment;
use crate::event::Event;
use crate::ids::{Amount, AttemptId, BatchId, Owner, Ppm, SeatId};
use crate::job::{ChallengeStage, JobStage};
use crate::message::{Answer, FundMessage, MarketMessage, Message, Pot, StakeMessage};
use crate::names;
use crate::params::SEAT;
use crate::refusal::Refusal;
use crate::terms::Terms;
use crate::world::{Claim, Question};
use samebit_commit::Digest;

/// One step of a walk.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Step {
    /// Dispute has closed the question with this nonce.
    Close {
        /// The nonce of the question.
        nonce: Digest,
        /// How it was closed.
        question: Question,
        /// Its claims, by number.
        claims: Vec<Claim>,
    },
    /// Somebody has said something.
    Say {
        /// When.
        now: Moment,
        /// Who.
        sender: Owner,
        /// What.
        message: Message,
        /// What the contracts do.
        result: Result<Vec<Event>, Refusal>,
    },
}

/// A walk.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The chain after the last step.
    pub chain: Chain,
    /// The jobs.
    pub scripts: Vec<Script>,
    random: Random,
    people: Vec<Owner>,
    past: Vec<(Owner, MarketMessage)>,
    opening: Vec<(Owner, Message)>,
    nonce: u64,
}

/// Jobs that are played at once.
const JOBS: usize = 4;
/// Messages that may be said again.
const PAST: usize = 200;
/// Money that everybody has at first.
const PURSE: Amount = Amount(1 << 80);

impl Walk {
    /// A walk on a new chain with these people, at least eight; all but four of them take seats.
    pub fn new(seed: u64, chain: Chain, people: &[Owner]) -> Walk {
        assert!(people.len() >= 8, "a poster, a solver, an heir, a watcher and verifiers");
        let mut opening = Vec::new();
        for &person in people {
            opening.push((person, Message::Stake(StakeMessage::Deposit(PURSE))));
        }
        for &person in &people[4..] {
            opening.push((person, Message::Stake(StakeMessage::Join)));
        }
        opening.reverse();
        let (people, random) = (people.to_vec(), Random::new(seed));
        Walk { chain, scripts: Vec::new(), random, people, past: Vec::new(), opening, nonce: 0 }
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        if let Some((sender, message)) = self.opening.pop() {
            return self.say(sender, message);
        }
        if self.random.once_in(25) {
            let pause = [1, 12, 60, 60, 120, 600, 3_600, 90_000];
            let seconds = *self.random.pick(&pause).expect("there are some");
            self.chain.wait(seconds);
        }
        self.scripts.retain(|script| {
            let job = script.held(&self.chain);
            matches!(job.stage, JobStage::Open | JobStage::Running) || job.locked().0 > 0
        });
        if self.scripts.len() < JOBS && self.random.once_in(10) || self.scripts.is_empty() {
            let (sender, post) = self.job();
            return self.say(sender, Message::Market(post));
        }
        let at = self.random.below(self.scripts.len() as u64) as usize;
        let script = self.scripts[at].clone();
        match self.random.below(20) {
            0 => {
                let (sender, message) = self.stray();
                self.say(sender, message)
            }
            1 => self.close(&script),
            2 => {
                let mut expiries = script.expiries(&self.chain);
                let at = self.random.below(expiries.len() as u64) as usize;
                match expiries.get(at).is_some() {
                    true => self.say(script.watcher, Message::Market(expiries.swap_remove(at))),
                    false => self.due(&script, false),
                }
            }
            3 => match self.random.pick(&self.past).cloned() {
                Some((sender, message)) => self.say(sender, Message::Market(message)),
                None => self.due(&script, false),
            },
            4 => {
                let (sender, message) = self.other(&script);
                self.say(sender, Message::Market(message))
            }
            5..=7 => self.due(&script, true),
            _ => self.due(&script, false),
        }
    }

    /// Something that is due in a job, perhaps with a change.
    fn due(&mut self, script: &Script, is_bent: bool) -> Step {
        let mut due = script.due(&self.chain);
        let mut chosen = None;
        while !due.is_empty() {
            let at = self.random.below(due.len() as u64) as usize;
            let (sender, message) = due.swap_remove(at);
            let is_accepted = self.chain.clone().tell(sender, message.clone()).is_ok();
            chosen = Some((sender, message));
            if is_accepted {
                break;
            }
        }
        let Some((mut sender, mut message)) = chosen else {
            self.chain.wait(30);
            return self.say(script.poster, Message::Market(MarketMessage::Cancel { job: script.job }));
        };
        if is_bent {
            match self.random.once_in(4) {
                true => sender = self.somebody(),
                false => disturb(&mut message, &mut self.random),
            }
        } else {
            self.past.push((sender, message.clone()));
            if self.past.len() > PAST {
                self.past.remove(0);
            }
        }
        self.say(sender, Message::Market(message))
    }

    fn say(&mut self, sender: Owner, message: Message) -> Step {
        let (now, before) = (self.chain.now, self.random.once_in(16).then(|| self.chain.market.clone()));
        let result = self.chain.say(sender, &message);
        if let (Err(refusal), Some(before)) = (&result, before) {
            assert_eq!(self.chain.market, before, "refused ({refusal}) and changed: {message:?}");
        }
        assert!(self.chain.market.is_balanced(), "money was made or lost by {message:?}");
        if result.is_err() {
            // Nobody waits for a message that does not come.
            self.chain.wait(1);
        }
        Step::Say { now, sender, message, result }
    }

    fn somebody(&mut self) -> Owner {
        *self.random.pick(&self.people).expect("there are people")
    }

    /// A job of other people with other terms.
    fn job(&mut self) -> (Owner, MarketMessage) {
        let mut people = self.people.clone();
        let turn = self.random.below(4) as usize;
        people[..4].rotate_left(turn);
        let random = &mut self.random;
        let custodians = 1 + random.below(3) as u8;
        let terms = Terms {
            credit: 1 + random.below(4) as u8,
            draw_rate: Ppm([0, 300_000, 700_000, 1_000_000][random.below(4) as usize]),
            checkers: 1 + random.below(3) as u8,
            custodians,
            quorum: 1 + random.below(custodians.into()) as u8,
            solver: if random.once_in(4) { people[1] } else { Owner::default() },
            ..Script::terms()
        };
        let lie = |random: &mut Random| random.once_in(6).then(|| random.below(5));
        let conduct = Conduct {
            false_state: lie(random),
            false_seal: lie(random),
            false_announcement: lie(random),
            ignores_force: random.once_in(6),
            stops: lie(random),
            silent: lie(random).map(|at| at as usize),
            garbage: lie(random).map(|at| at as usize),
            shut: lie(random).map(|at| at as usize),
        };
        let toy = Toy::new(1 + random.below(7));
        self.nonce += 1;
        let mut script = Script::of(&self.chain, &people, toy, terms, self.nonce);
        script.conduct = conduct;
        let said = (script.poster, script.post.clone());
        // A job that cannot be paid is posted, and refused, and nobody plays it.
        if self.chain.clone().tell(said.0, said.1.clone()).is_ok() {
            self.scripts.push(script);
        }
        said
    }

    /// What people say of their own money, and governors of the fund's.
    fn stray(&mut self) -> (Owner, Message) {
        let (sender, random) = (self.somebody(), &mut self.random);
        let seat = SeatId(random.below(8) as u32);
        let amount = Amount(match random.below(4) {
            0 => 0,
            1 => SEAT.0,
            2 => u128::MAX,
            _ => 1_000,
        });
        let message = match random.below(8) {
            0 => StakeMessage::Deposit(Amount(amount.0.min(u128::MAX >> 1))),
            1 => StakeMessage::Withdraw(Amount(amount.0.min(1_000))),
            2 => StakeMessage::Register(vec![7; random.below(300) as usize]),
            3 => StakeMessage::Join,
            4 => StakeMessage::Leave(seat),
            5 => StakeMessage::Collect(seat),
            _ => {
                let pots = [Pot::Jackpot, Pot::Insurance, Pot::Fees];
                let pot = *random.pick(&pots).expect("there are three");
                let site = self.chain.market.site();
                let to = if random.once_in(4) { site.market } else { sender };
                let governor = if random.once_in(3) { sender } else { site.treasury };
                let amount = Amount(random.below(2_000).into());
                return (governor, Message::Fund(FundMessage::Take { pot, to, amount }));
            }
        };
        (sender, Message::Stake(message))
    }

    /// What is rarely due: withdrawals, cancellations, acceptance by the poster, the poster's own word.
    fn other(&mut self, script: &Script) -> (Owner, MarketMessage) {
        let job = script.held(&self.chain);
        let attempt = AttemptId(job.attempts.saturating_sub(u64::from(job.attempt.is_some())));
        let last = job.attempt.as_ref().and_then(|running| {
            let last = running.batches.last()?;
            Some((BatchId(running.batches.len() as u64 - 1), last.root, running.solver))
        });
        let job = script.job;
        match (self.random.below(4), last) {
            (0, Some((batch, root, solver))) => {
                (solver, MarketMessage::Retract { job, attempt, batch, root })
            }
            (1, Some((batch, root, _))) => {
                let signers = vec![script.poster];
                (script.poster, MarketMessage::Hold { job, attempt, batch, root, signers })
            }
            (2, _) => {
                let mut accept = script.accept(attempt);
                if let MarketMessage::Accept { is_signed, expiry, .. } = &mut accept {
                    (*is_signed, *expiry) = (true, self.chain.now.time.plus(crate::ids::Seconds(5)));
                }
                (script.poster, accept)
            }
            _ => (script.poster, MarketMessage::Cancel { job }),
        }
    }

    /// Dispute answers a question, mostly with the truth.
    fn close(&mut self, script: &Script) -> Step {
        let job = script.held(&self.chain);
        let asked = job.challenges.iter().filter(|(_, challenge)| challenge.stage == ChallengeStage::Asked);
        let nonces = asked.map(|(&(attempt, segment, number), challenge)| {
            (names::asked(script.job, attempt, segment, number), segment, challenge.owner, challenge.state)
        });
        let open: Vec<_> = nonces.filter(|(nonce, ..)| !self.chain.court.is_closed(*nonce)).collect();
        let Some(&(nonce, segment, owner, _)) = self.random.pick(&open) else {
            return self.due(script, false);
        };
        let truth: Answer = script.toy.answer(segment.0);
        let claims = [(script.solver, false), (owner, true), (script.watcher, true)];
        match self.random.below(12) {
            0 => self.chain.court.close(nonce, Question::Unanswered),
            1 => self.chain.court.close(nonce, Question::Void),
            2 => self.chain.court.answer(nonce, &script.toy.false_run().answer(segment.0), &claims[..2]),
            _ => self.chain.court.answer(nonce, &truth, &claims),
        }
        let (question, claims) = self.chain.court.of(nonce).expect("it was closed");
        Step::Close { nonce, question, claims }
    }
}
