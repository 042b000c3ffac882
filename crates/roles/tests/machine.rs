//! The disputant alone, told events one by one.

use samebit_commit::Digest;
use samebit_dispute::{
    Amount, ClaimId, Dispute, Event as Logged, Header, Message, Opened, Owner, Question, QuestionStatus,
    Seconds,
};
use samebit_roles::{Action, Arithmetic, Astray, Disputant, Event, Mirror, limits};

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
    let mut late = disputant();
    for round in 0..2 * u64::from(limits::ATTEMPTS) {
        let actions = sent(late.on(Seconds(round * limits::RETRY.0), Event::Tick));
        assert_eq!(actions.len(), usize::from(round < limits::ATTEMPTS.into()), "it gives up");
    }
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
