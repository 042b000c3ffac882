//! The disputant alone, told events one by one.

use samebit_commit::Digest;
use samebit_dispute::{
    Amount, ClaimId, Dispute, Event as Logged, Header, Message, Opened, Owner, Question, QuestionStatus,
    Seconds,
};
use samebit_roles::{Action, Arithmetic, Astray, Disputant, Event, Mirror, Task, limits};

const ME: Owner = Owner([1; 20]);
const OTHER: Owner = Owner([2; 20]);

fn question() -> (Question, Header) {
    let top = |byte| samebit_commit::steps::total(byte);
    let header = Header {
        version: 1,
        table_declarations: Digest([1; 32]),
        grad_norm: 1,
        initial: Digest([2; 32]),
        steps: 8,
        segment_steps: 8,
        profile: "f32".into(),
        nodes_top: top(1),
        states_top: top(2),
        sinks_top: top(3),
        tables_top: top(4),
    };
    let root = |count, byte| samebit_commit::merkle::list_root(count, top(byte));
    let mut question = Question {
        job: Digest::ZERO,
        nodes: root(2, 1),
        states: root(1, 2),
        sinks: root(1, 3),
        tables: root(1, 4),
        start: Digest([2; 32]),
        node_count: 2,
        state_count: 1,
        table_count: 1,
        loss: 0,
        first_step: 0,
        step_count: 8,
        bond: Amount(100),
        entry_seconds: Seconds(50),
        clock_seconds: Seconds(500),
        extension_seconds: Seconds(10),
        asker: Owner::default(),
        nonce: Digest::ZERO,
    };
    question.job = header.job(&question);
    (question, header)
}

fn opened(byte: u8) -> Opened {
    Opened { state: Digest([byte; 32]), count: 8, steps_top: Digest([byte; 32]) }
}

fn disputant() -> Disputant {
    let (question, header) = question();
    Disputant::new(question, header, ME, opened(1))
}

fn sent(actions: Vec<Action>) -> Vec<Message> {
    let message = |action| match action {
        Action::Send(message) => message,
        Action::Compute(task) => panic!("nothing to compute: {task:?}"),
    };
    actions.into_iter().map(message).collect()
}

/// A chain on which both have claimed, with its log.
fn claimed() -> (Dispute, Vec<(Seconds, Logged)>) {
    let (question, header) = question();
    let (id, bond) = (question.id(), question.bond);
    let mut dispute = Dispute::new(Owner::default());
    let mut log = Vec::new();
    let claim = |byte| Message::Claim { question: id, opened: opened(byte), value: bond };
    let messages = [(ME, Message::OpenQuestion { question, header }), (ME, claim(1)), (OTHER, claim(2))];
    for (at, (sender, message)) in (10..).zip(messages) {
        let events = dispute.apply(&Arithmetic, Seconds(at), sender, &message).expect("a message in order");
        log.extend(events.into_iter().map(|event| (Seconds(at), event)));
    }
    (dispute, log)
}

#[test]
fn it_opens_claims_and_asks_again_only_after_a_while() {
    let mut machine = disputant();
    let (question, header) = question();
    let open = Message::OpenQuestion { question: question.clone(), header };
    assert_eq!(sent(machine.on(Seconds(10), Event::Tick)), std::slice::from_ref(&open));
    assert_eq!(sent(machine.on(Seconds(11), Event::Tick)), [], "it is under way");
    let later = Seconds(10 + limits::RETRY.0);
    assert_eq!(sent(machine.on(later, Event::Tick)), [open], "it was lost");
    let closes = Seconds(100);
    let logged = Logged::QuestionOpened { question: question.clone(), closes };
    let claim = Message::Claim { question: question.id(), opened: opened(1), value: question.bond };
    assert_eq!(sent(machine.on(later, Event::Logged(logged.clone()))), [claim]);
    assert!(!machine.is_done());
    assert_eq!(sent(machine.on(closes, Event::Tick)), [], "no claim enters any more");
    assert!(machine.is_done());
}

#[test]
fn what_does_not_appear_is_asked_for_for_ever_and_ever_less_often() {
    let mut machine = disputant();
    let mut attempts = Vec::new();
    for second in 0..20 * limits::LONGEST_PAUSE.0 {
        let actions = sent(machine.on(Seconds(second), Event::Tick));
        attempts.extend(actions.iter().map(|_| second));
        assert!(machine.wakes().is_some_and(|wake| wake > Seconds(second)), "another attempt will be due");
    }
    let pauses: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..6], [30, 60, 120, 240, 480, 480]);
    assert!(attempts.last().is_some_and(|last| *last > 18 * limits::LONGEST_PAUSE.0), "{attempts:?}");
}

#[test]
fn the_younger_claim_starts_the_game_and_the_older_one_waits_for_it() {
    let (_, log) = claimed();
    let (question, header) = question();
    let mut older = disputant();
    let mut younger = Disputant::new(question, header, OTHER, opened(2));
    let tell = |machine: &mut Disputant| {
        log.iter().for_each(|(at, event)| machine.recall(*at, event));
        sent(machine.on(Seconds(12), Event::Tick))
    };
    assert_eq!(tell(&mut older), []);
    let pair = tell(&mut younger);
    assert!(matches!(&pair[..], [Message::Pair { claims: [ClaimId(0), ClaimId(1)], .. }]), "{pair:?}");
    assert_eq!(older.wakes(), Some(Seconds(12 + limits::PATIENCE.0)));
    assert_eq!(sent(older.on(Seconds(12 + limits::PATIENCE.0), Event::Tick)), pair);
    assert_eq!((older.claim(), younger.claim()), (Some(ClaimId(0)), Some(ClaimId(1))));
}

#[test]
fn it_wins_by_the_clock_and_takes_its_money() {
    let (mut dispute, mut log) = claimed();
    let mut machine = disputant();
    let (asked, _) = question();
    let pair = Message::Pair {
        question: asked.id(),
        claims: [ClaimId(0), ClaimId(1)],
        opened: [opened(1), opened(2)],
    };
    let events = dispute.apply(&Arithmetic, Seconds(13), OTHER, &pair).expect("a game");
    log.extend(events.into_iter().map(|event| (Seconds(13), event)));
    log.iter().for_each(|(at, event)| machine.recall(*at, event));
    // It is on turn, and its story says nothing: the task is asked once.
    let actions = machine.on(Seconds(14), Event::Tick);
    let [Action::Compute(task)] = &actions[..] else { panic!("{actions:?}") };
    let done = Event::Computed { task: task.clone(), messages: Vec::new() };
    assert_eq!(machine.on(Seconds(15), done), []);
    assert_eq!(machine.on(Seconds(400), Event::Tick), [], "nothing to say, and no clock to wait for");

    // The other machine is not on turn, and waits for this one's clock.
    let (asked, header) = question();
    let mut other = Disputant::new(asked, header, OTHER, opened(2));
    log.iter().for_each(|(at, event)| other.recall(*at, event));
    let actions = other.on(Seconds(60), Event::Tick);
    let [Action::Compute(task)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(other.on(Seconds(60), Event::Computed { task: task.clone(), messages: Vec::new() }), []);
    let out = Seconds(13 + 500);
    assert_eq!(other.wakes(), Some(out));
    let mut now = out;
    let mut money = 0;
    for _ in 0..4 {
        for message in sent(other.on(now, Event::Tick)) {
            for event in dispute.apply(&Arithmetic, now, OTHER, &message).expect("a message in order") {
                if let Logged::Withdrawn { amount, .. } = event {
                    money += amount.0;
                }
                other.recall(now, &event);
            }
        }
        now = now.plus(Seconds(1));
    }
    assert!(other.is_done() && dispute.is_balanced());
    assert_eq!(other.seen().map(|seen| seen.status), Some(QuestionStatus::Answered(opened(2).root())));
    assert_eq!(money, 150, "its own bond and half of the other's");
}

#[test]
fn a_mirror_follows_its_question_and_says_when_it_cannot() {
    let (asked, header) = question();
    let mut mirror = Mirror::new(asked.id());
    let open = Message::OpenQuestion { question: asked.clone(), header: header.clone() };
    let events = mirror.follow(Seconds(5), ME, &open, None).expect("the same game");
    assert!(matches!(&events[..], [Logged::QuestionOpened { .. }]));
    let foreign =
        Message::Resolve { question: samebit_dispute::QuestionId(Digest([9; 32])), claim: ClaimId(0) };
    assert_eq!(mirror.follow(Seconds(6), ME, &foreign, None), Ok(Vec::new()));
    assert_eq!(
        mirror.follow(Seconds(6), ME, &Message::Withdraw, None),
        Ok(Vec::new()),
        "of another question"
    );
    let early = Message::Resolve { question: asked.id(), claim: ClaimId(0) };
    assert!(matches!(mirror.follow(Seconds(6), ME, &early, None), Err(Astray::Refused(_))));
}

/// A chain with a log, on which anybody can claim and pair.
struct Bench {
    dispute: Dispute,
    log: Vec<(Seconds, Logged)>,
    now: Seconds,
}

impl Bench {
    /// With a question.
    fn new() -> Bench {
        let (question, header) = question();
        let mut bench = Bench { dispute: Dispute::new(Owner::default()), log: Vec::new(), now: Seconds(9) };
        bench.say(OTHER, &Message::OpenQuestion { question, header });
        bench
    }

    /// With [`ME`] as claim 0.
    fn claimed() -> Bench {
        let mut bench = Bench::new();
        bench.claim(ME, opened(1));
        bench
    }

    fn say(&mut self, sender: Owner, message: &Message) {
        self.now = self.now.plus(Seconds(1));
        let events = self.dispute.apply(&Arithmetic, self.now, sender, message).expect("a message in order");
        self.log.extend(events.into_iter().map(|event| (self.now, event)));
    }

    fn claim(&mut self, owner: Owner, opened: Opened) {
        let (question, _) = question();
        self.say(owner, &Message::Claim { question: question.id(), opened, value: question.bond });
    }

    fn pair(&mut self, a: (u64, Opened), b: (u64, Opened)) {
        let (question, _) = question();
        let (claims, opened) = ([ClaimId(a.0), ClaimId(b.0)], [a.1, b.1]);
        self.say(OTHER, &Message::Pair { question: question.id(), claims, opened });
    }

    /// A machine that has been told everything.
    fn told(&self) -> Disputant {
        let mut machine = disputant();
        self.log.iter().for_each(|(at, event)| machine.recall(*at, event));
        machine
    }
}

/// The claim with this number among those of strangers.
fn stranger(number: u64) -> (u64, Opened) {
    let count = 1 + number % 8;
    let byte = u8::try_from(10 + number / 8).expect("few strangers");
    (number, Opened { count, ..opened(byte) })
}

#[test]
fn games_of_strangers_take_no_place_and_are_ended_by_the_clock() {
    let mut bench = Bench::new();
    // 24 strangers, each in a game with every other: more games than a disputant plays.
    const { assert!(24 * 23 / 2 > limits::GAMES) };
    (0..24).for_each(|number| bench.claim(OTHER, stranger(number).1));
    for a in 0..24 {
        (a + 1..24).for_each(|b| bench.pair(stranger(a), stranger(b)));
    }
    let mut me = bench.told();
    // Time for entry is long over by then.
    let claimed = Logged::Claimed {
        question: me.seen().expect("it was opened").question.id(),
        claim: ClaimId(24),
        owner: ME,
        opened: opened(1),
    };
    me.recall(bench.now, &claimed);
    let pairs = sent(me.on(bench.now, Event::Tick));
    assert_eq!(pairs.len(), limits::UNHURRIED);
    let is_mine = |message: &Message| matches!(message, Message::Pair { claims: [_, ClaimId(24)], .. });
    assert!(pairs.iter().all(is_mine), "{pairs:?}");

    // A stranger's clock runs out; each timeout that is called is accepted.
    let out = bench.now.plus(Seconds(500));
    assert!(me.wakes().is_some_and(|wake| wake <= out));
    let mut dead = 0;
    for round in 0..100 {
        bench.now = out.plus(Seconds(round * limits::RETRY.0));
        for message in sent(me.on(bench.now, Event::Tick)) {
            if !matches!(message, Message::Timeout { .. }) {
                continue;
            }
            // The rival may have died of the timeout before.
            let Ok(events) = bench.dispute.apply(&Arithmetic, bench.now, ME, &message) else { continue };
            dead += events.iter().filter(|event| matches!(event, Logged::ClaimDied { .. })).count();
            events.iter().for_each(|event| me.recall(bench.now, event));
        }
    }
    assert_eq!(dead, 23, "all but one of the strangers");
}

#[test]
fn a_claim_of_the_own_root_is_not_timed_out() {
    let mut bench = Bench::claimed();
    bench.claim(Owner([3; 20]), opened(1));
    bench.claim(OTHER, opened(2));
    bench.pair((1, opened(1)), (2, opened(2)));
    let mut machine = bench.told();
    let late = bench.now.plus(Seconds(1_000));
    assert_eq!(sent(machine.on(late, Event::Tick)), []);
    let actions = sent(machine.on(late.plus(limits::PATIENCE), Event::Tick));
    assert!(matches!(&actions[..], [Message::Pair { .. }]), "{actions:?}");
}

#[test]
fn a_task_that_fails_is_asked_for_again_until_the_clock_is_out() {
    let mut bench = Bench::claimed();
    bench.claim(OTHER, opened(2));
    bench.pair((0, opened(1)), (1, opened(2)));
    let mut machine = bench.told();
    let out = bench.now.plus(Seconds(500));
    let mut attempts = Vec::new();
    for second in bench.now.0..out.0 {
        for task in computed(machine.on(Seconds(second), Event::Tick)) {
            attempts.push(second);
            assert!(machine.awaits(&task));
            assert_eq!(machine.on(Seconds(second), Event::Failed { task }), []);
        }
    }
    assert!(attempts.len() >= 6, "{attempts:?}");
    assert!(attempts.last().is_some_and(|last| out.0 - last <= limits::RETRY.0), "{attempts:?}");

    // What comes of the last one counts.
    let task = computed(machine.on(out.plus(Seconds(100)), Event::Tick)).pop().expect("a task");
    let messages = vec![Message::Withdraw];
    let actions = machine.on(out.plus(Seconds(101)), Event::Computed { task, messages: messages.clone() });
    assert_eq!(sent(actions), messages);
}

fn computed(actions: Vec<Action>) -> Vec<Task> {
    let task = |action| match action {
        Action::Compute(task) => Some(task),
        Action::Send(_) => None,
    };
    actions.into_iter().filter_map(task).collect()
}

#[test]
fn the_task_whose_clock_ends_first_is_done_first_and_once() {
    let mut bench = Bench::claimed();
    (1..=9).for_each(|number| bench.claim(OTHER, stranger(number).1));
    // Neither rising nor falling.
    for number in [4, 2, 9, 1, 7, 5, 3, 8, 6] {
        bench.pair((0, opened(1)), stranger(number));
    }
    let mut machine = bench.told();
    let mut order = Vec::new();
    let mut actions = machine.on(bench.now, Event::Tick);
    while let Some(task) = computed(actions).pop() {
        order.push(task.position.claims[1].0);
        let later = bench.now.plus(limits::RETRY);
        assert_eq!(computed(machine.on(later, Event::Tick)), [], "one at a time, however long it takes");
        actions = machine.on(bench.now, Event::Computed { task, messages: Vec::new() });
    }
    assert_eq!(order, [4, 2, 9, 1, 7, 5, 3, 8, 6]);
}
