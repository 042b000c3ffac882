//! Scenes that walks come to only by luck, played out move by move.

use super::{Bag, Hears, Said};
use crate::ids::{Amount, AttemptId, BatchId, Owner, Ppm, SegmentId};
use crate::job::{BatchStage, CatchStage, ChallengeStage, JobStage};
use crate::message::{MarketMessage, Message, StakeMessage};
use crate::names;
use crate::params::SEAT;
use crate::terms::Terms;
use crate::testing::{Chain, Conduct, Script, Step, Toy};
use crate::world::Question;

/// A job, and what is done otherwise than its script says.
struct Scene {
    segments: u64,
    terms: Terms,
    conduct: Conduct,
    /// What is not said though it is due.
    keeps_back: fn(&Script, &Chain, &MarketMessage) -> bool,
    /// What is said besides.
    adds: fn(&Script, &Chain) -> Vec<Said>,
    /// How Dispute closes a question about a segment, if it does.
    answers: fn(&Script, &Chain, SegmentId) -> Option<Verdict>,
}

/// How Dispute closes a question.
enum Verdict {
    Truth,
    Unanswered,
}

/// Rounds after which a scene is over however it stands.
const ROUNDS: usize = 1_500;
/// Seeds that are looked through for a forced segment; one in a hundred is forced.
const FORCED_SEEDS: std::ops::Range<u64> = 1_000..1_064;
/// Accepted messages from one moment at which everything is tried to the next, in scenes of many segments.
const SPARSE: usize = 16;
const FIRST: AttemptId = AttemptId(0);
const PURSE: Amount = Amount(1 << 80);

/// Plays all scenes.
pub(super) fn play_all(hears: &mut dyn Hears) {
    for (seed, scene) in (900..).zip([left_asked(), left_answered(), never_contested(), never_held()]) {
        Play::begin(seed, &scene, hears, Some(1)).play_out();
    }
    for scene in [forced(|_, _| Vec::new()), forced(challenge_when_caught)] {
        // Where the contracts are is part of what decides which segments are forced.
        let is_caught = |seed: &u64| Play::begin(*seed, &scene, hears, None).play_out();
        let seed = FORCED_SEEDS.clone().find(is_caught).expect("a segment is forced");
        Play::begin(seed, &scene, hears, Some(SPARSE)).play_out();
    }
}

/// A job of which only what must be is drawn, in batches of two.
fn scene(segments: u64) -> Scene {
    Scene {
        segments,
        terms: Terms { draw_rate: Ppm(0), ..Script::terms() },
        conduct: Conduct::default(),
        keeps_back: |_, _, _| false,
        adds: |_, _| Vec::new(),
        answers: |_, _, _| Some(Verdict::Truth),
    }
}

fn stage(script: &Script, chain: &Chain) -> Option<BatchStage> {
    let running = script.held(chain).attempt.as_ref()?;
    running.batches.first().map(|batch| batch.stage)
}

/// Challenges of the first two segments of the first attempt.
fn both(script: &Script, chain: &Chain, interior: bool) -> Vec<Said> {
    let job = script.held(chain);
    let Some(running) = job.attempt.as_ref().filter(|_| job.attempts == 1) else { return Vec::new() };
    let challenge = |segment| {
        let is_made = job.challenges.contains_key(&(FIRST, SegmentId(segment), 0));
        let message = script.challenge(
            chain,
            (FIRST, BatchId(0)),
            &running.batches[0],
            segment,
            interior && segment == 0,
        );
        (!is_made).then_some((script.heir, message))
    };
    (0..2).filter_map(challenge).collect()
}

/// Two segments are challenged as soon as they are drawn; about the second one nobody claims anything, which ends the attempt with the first
/// question open.
fn left_asked() -> Scene {
    Scene {
        adds: |script, chain| match stage(script, chain) {
            Some(BatchStage::Drawn) => both(script, chain, false),
            _ => Vec::new(),
        },
        answers: |_, _, segment| (segment == SegmentId(1)).then_some(Verdict::Unanswered),
        ..scene(4)
    }
}

/// The same with the first one answered, and its interior argued about.
fn left_answered() -> Scene {
    fn is_answered(script: &Script, chain: &Chain) -> bool {
        let challenge = script.held(chain).challenges.get(&(FIRST, SegmentId(0), 0));
        challenge.is_some_and(|challenge| challenge.stage == ChallengeStage::Answered)
    }
    Scene {
        adds: |script, chain| match stage(script, chain) {
            Some(BatchStage::Revealed) => both(script, chain, true),
            _ => Vec::new(),
        },
        keeps_back: |script, chain, message| {
            let is_first = script.held(chain).attempt.is_some() && script.held(chain).attempts == 1;
            is_first && matches!(message, MarketMessage::Finish { .. } | MarketMessage::Settle { .. })
        },
        answers: |script, chain, segment| match segment {
            SegmentId(0) => Some(Verdict::Truth),
            _ => is_answered(script, chain).then_some(Verdict::Unanswered),
        },
        ..scene(4)
    }
}

/// A verifier opens garbage, and the solver does not challenge it, as it must.
fn never_contested() -> Scene {
    Scene {
        terms: Terms { draw_rate: Ppm(1_000_000), ..Script::terms() },
        conduct: Conduct { garbage: Some(0), ..Conduct::default() },
        keeps_back: |script, chain, message| {
            script.held(chain).attempts == 1 && matches!(message, MarketMessage::Challenge { .. })
        },
        ..scene(6)
    }
}

/// Nobody holds what the first solver claims.
fn never_held() -> Scene {
    Scene {
        keeps_back: |script, chain, message| {
            script.held(chain).attempts == 1 && matches!(message, MarketMessage::Hold { .. })
        },
        ..scene(2)
    }
}

/// A job of so many segments that one is forced, and caught. Where somebody challenges, nobody claims anything.
fn forced(adds: fn(&Script, &Chain) -> Vec<Said>) -> Scene {
    let terms = Terms { draw_rate: Ppm(0), credit: 32, ..Script::terms() };
    Scene { terms, adds, answers: |_, _, _| Some(Verdict::Unanswered), ..scene(64) }
}

fn caught(script: &Script, chain: &Chain) -> Option<(AttemptId, SegmentId)> {
    let catches = &script.held(chain).catches;
    let valid = catches.iter().find(|(_, catch)| catch.stage == CatchStage::Valid);
    valid.map(|(&(attempt, segment, _), _)| (attempt, segment))
}

/// Whoever has caught a forced error has its batch go, too: the catch is worth nothing.
fn challenge_when_caught(script: &Script, chain: &Chain) -> Vec<Said> {
    let job = script.held(chain);
    let Some(running) = job.attempt.as_ref().filter(|_| job.attempts == 1) else { return Vec::new() };
    let Some((_, segment)) = caught(script, chain) else { return Vec::new() };
    let is_in = |batch: &crate::job::Batch| (batch.first..batch.first + batch.count).contains(&segment.0);
    let Some(at) = running.batches.iter().position(is_in) else { return Vec::new() };
    if job.challenges.contains_key(&(FIRST, segment, 0)) {
        return Vec::new();
    }
    let about = (FIRST, BatchId(at as u64));
    vec![(script.heir, script.challenge(chain, about, &running.batches[at], segment.0, false))]
}

/// A scene as it is played.
struct Play<'a> {
    scene: &'a Scene,
    script: Script,
    chain: Chain,
    hears: &'a mut dyn Hears,
    bag: Bag,
    /// Accepted messages from one moment at which everything is tried to the next; if none, nobody hears of it.
    every: Option<usize>,
    accepted: usize,
}

impl<'a> Play<'a> {
    fn begin(seed: u64, scene: &'a Scene, hears: &'a mut dyn Hears, every: Option<usize>) -> Play<'a> {
        let (chain, people) = hears.begin(seed);
        let toy = Toy::new(scene.segments);
        let mut script = Script::of(&chain, &people[..8], toy, scene.terms.clone(), 0);
        script.conduct = scene.conduct.clone();
        let bag = Bag::default();
        let mut play = Play { scene, script, chain, hears, bag, every, accepted: 0 };
        for &person in &people[..8] {
            play.say(person, Message::Stake(StakeMessage::Deposit(Amount(PURSE.0 + SEAT.0))));
        }
        for &person in &people[4..8] {
            play.say(person, Message::Stake(StakeMessage::Join));
        }
        play.chain.blocks(1);
        play.say(play.script.poster, Message::Market(play.script.post.clone()));
        play
    }

    /// Plays until nothing is owed to anybody; whether a forced error was caught.
    fn play_out(mut self) -> bool {
        let mut is_caught = false;
        for _ in 0..ROUNDS {
            let job = self.script.held(&self.chain);
            if !matches!(job.stage, JobStage::Open | JobStage::Running) && job.locked() == Amount(0) {
                return is_caught;
            }
            let has_happened = self.answer() || self.speak();
            if !has_happened {
                self.chain.wait(20);
            }
            is_caught |= caught(&self.script, &self.chain).is_some();
        }
        panic!("a scene goes on: {:?}", self.script.held(&self.chain));
    }

    /// Says the first thing that is accepted, of what the scene adds, what is due and what is late.
    fn speak(&mut self) -> bool {
        let (script, scene) = (self.script.clone(), self.scene);
        let late = script.expiries(&self.chain).into_iter().map(|late| (script.watcher, late));
        let due = (scene.adds)(&script, &self.chain).into_iter().chain(script.due(&self.chain)).chain(late);
        let spoken = due.filter(|(_, message)| !(scene.keeps_back)(&script, &self.chain, message));
        let is_taken = |(sender, message): &Said| self.chain.clone().tell(*sender, message.clone()).is_ok();
        let Some((sender, message)) = spoken.collect::<Vec<_>>().into_iter().find(is_taken) else {
            return false;
        };
        self.say(sender, Message::Market(message));
        true
    }

    fn say(&mut self, sender: Owner, message: Message) {
        let (before, now) = (self.chain.clone(), self.chain.now);
        let result = self.chain.say(sender, &message);
        assert!(result.is_ok(), "{message:?}: {result:?}");
        let Some(every) = self.every else { return };
        let is_about_job = matches!(message, Message::Market(_));
        let is_catch = matches!(message, Message::Market(MarketMessage::RevealCatch { .. }));
        let step = Step::Say { now, sender, message, result };
        self.bag.note(before.clone(), &step, self.hears);
        self.hears.happened(&step, &self.chain);
        if !is_about_job {
            return;
        }
        self.bag.keep(&self.chain, &self.script);
        self.accepted += 1;
        if self.accepted.is_multiple_of(every) || is_catch || self.has_ended(&before) {
            self.bag.try_all(&self.chain, self.hears);
        }
    }

    /// Whether the last message has ended an attempt.
    fn has_ended(&self, before: &Chain) -> bool {
        let ends = |chain: &Chain| chain.market.job(self.script.job).map_or(0, |job| job.ends.len());
        ends(&self.chain) > ends(before)
    }

    /// Has Dispute close a question, if the scene says so.
    fn answer(&mut self) -> bool {
        let challenges = self.script.held(&self.chain).challenges.clone();
        let asked = challenges.iter().filter(|(_, challenge)| challenge.stage == ChallengeStage::Asked);
        for (&(attempt, segment, number), challenge) in asked {
            let nonce = names::asked(self.script.job, attempt, segment, number);
            if self.chain.court.is_closed(nonce) {
                continue;
            }
            let truth = self.script.toy.answer(segment.0);
            match (self.scene.answers)(&self.script, &self.chain, segment) {
                None => continue,
                Some(Verdict::Truth) => self.chain.court.answer(nonce, &truth, &[(challenge.owner, true)]),
                Some(Verdict::Unanswered) => self.chain.court.close(nonce, Question::Unanswered),
            }
            if self.every.is_some() {
                let (question, claims) = self.chain.court.of(nonce).expect("it was closed");
                self.hears.happened(&Step::Close { nonce, question, claims }, &self.chain);
            }
            return true;
        }
        false
    }
}
