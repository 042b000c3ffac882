//! Two disputants argue over a stored segment, and the contracts hear every message: they take what the Rust twin takes, stand where it stands,
//! and judge as it judges.

#[path = "../../../crates/roles/tests/common/mod.rs"]
mod common;

use common::liars::{Roots, lies, no_root};
use common::{Court as Twin, FUND, STEP, Settled, World, exact_world, malformed, operators, worlds};
use samebit_commit::Digest;
use samebit_dispute::{Event, JudgeKind, Message, Owner, QuestionStatus, Story, Verdict};
use samebit_num::fold::Numerics;
use samebit_referee::{Court, Referee};
use samebit_trace::Fault;
use std::collections::{BTreeMap, BTreeSet};

/// A void question's status in the contract.
const VOID: u8 = 4;

/// The contracts, the number of the next question, and the most that anything has cost.
struct Contracts {
    court: Court,
    questions: u64,
    most: BTreeMap<String, u64>,
}

impl Contracts {
    fn deploy() -> Contracts {
        let mut court = Court::over(Referee::deploy, FUND).expect("contracts");
        [1, 2].into_iter().for_each(|number| court.fund(Owner([number; 20]), 1 << 100));
        Contracts { court, questions: 0, most: BTreeMap::new() }
    }

    /// Lets two sides argue before the twin, whose messages the contracts hear too.
    fn hear(&mut self, world: &World, sides: [&dyn Story; 2], how: &str) -> Settled {
        self.questions += 1;
        let (court, most) = (&mut self.court, &mut self.most);
        let mut note = |what: String, gas: u64| {
            let most = most.entry(what).or_default();
            *most = gas.max(*most);
        };
        let mut total = 0;
        let twin = Twin::new(world).heard_by(
            self.questions,
            Box::new(|now, sender, message, question, events| {
                let answer = court.send(now, sender, message, question);
                let answer = answer.unwrap_or_else(|error| panic!("{how}: {error}: {message:?}"));
                total += answer.gas;
                if let Message::Judge { kind, .. } = message {
                    note(kind.to_string(), answer.gas);
                }
                for event in events {
                    if let Event::Moved { position, .. } | Event::Paired { position } = event {
                        let held = court.game(position.game()).expect("a game");
                        assert_eq!(Digest(held.0), position.hash(), "{how}");
                    }
                    if let Event::QuestionClosed { question, status } = event {
                        let is_void = court.question(*question).expect("a question").status == VOID;
                        assert_eq!(is_void, *status == QuestionStatus::Void, "{how}");
                    }
                }
            }),
        );
        let parties = vec![twin.party("a", 1, sides[0]), twin.party("b", 2, sides[1])];
        let settled = twin.settle(parties);
        note("a whole dispute".to_owned(), total);
        println!(
            "{how}: {:?}, {} moves, {} messages, gas {total}",
            settled.judged,
            settled.place().moves,
            settled.messages
        );
        settled
    }

    /// Lets the honest side, which is number `at`, argue with a liar; the leaf that was redone.
    fn check(&mut self, world: &World, liar: &dyn Story, at: usize, how: &str) -> JudgeKind {
        let honest = world.segment(&[]);
        let sides: [&dyn Story; 2] = if at == 0 { [&honest, liar] } else { [liar, &honest] };
        let settled = self.hear(world, sides, how);
        assert_eq!(settled.winners, [["a", "b"][at]], "{how}: {settled:?}");
        settled.judged.unwrap_or_else(|| panic!("{how}: {settled:?}")).0
    }
}

/// Every lie about the last node of every operator in every phase, of both fixtures and of every operator trained alone.
#[test]
fn the_contracts_find_for_the_honest_side_in_every_operator() {
    let mut contracts = Contracts::deploy();
    let (mut kinds, mut count) = (BTreeSet::new(), 0);
    for world in worlds().into_iter().chain(operators()) {
        let honest = world.segment(&[]);
        for node in world.cases().into_values() {
            for (how, liar, expected) in lies(&world, node, &honest) {
                let kind = contracts.check(&world, &*liar, count % 2, &how);
                assert!(expected.contains(&kind), "{how}: {kind}");
                kinds.insert(kind);
                count += 1;
            }
        }
    }
    println!("{count} lies, most gas: {:?}", contracts.most);
    use JudgeKind::{Block, Lane, LaneFold, Map, RowEnd, Source};
    assert_eq!(kinds, BTreeSet::from([Source, Map, Block, Lane, LaneFold, RowEnd]));
    assert!(contracts.most["a whole dispute"] <= 3_000_000, "{:?}", contracts.most);
}

/// Products of linear layers in every exact profile, a block of which takes no more than 300,000 gas, and of attention, where a block that the mask
/// cuts is an ordered one.
#[test]
fn the_contracts_find_for_the_honest_side_in_exact_products() {
    let mut contracts = Contracts::deploy();
    let worlds: Vec<World> = Numerics::ALL.into_iter().skip(1).map(exact_world).collect();
    let mut judge = |is_of: fn(&str) -> bool| {
        for world in &worlds {
            let cases = world.cases().into_iter().filter(|((op, _), _)| is_of(op));
            for (at, ((op, _), node)) in cases.enumerate() {
                let liar = world.segment(&[world.wrong_value(node)]);
                contracts.check(world, &liar, at % 2, &format!("{} {op}", world.name));
            }
        }
        println!("most gas: {:?}", contracts.most);
        contracts.most["Block"]
    };
    let most = judge(|op| op.starts_with("linear"));
    assert!(most <= 300_000, "{most}");
    let of_attention =
        |op: &str| ["attention", "attention_m", "attention_dq", "attention_dk", "attention_dv"].contains(&op);
    judge(of_attention);
}

#[test]
fn the_contracts_find_for_the_honest_side_beside_the_arithmetic() {
    let [world, _] = worlds();
    let mut contracts = Contracts::deploy();
    let mut kinds = BTreeSet::new();
    let sink = Roots::changed(world.replay(&[]), |step, trace| {
        if step == STEP {
            trace.state[1].root = no_root();
        }
    });
    let liars: [(&str, Box<dyn Story>); 6] = [
        ("a false sink", Box::new(world.tell(sink))),
        ("a false ending", Box::new(world.tell(Roots::cut(world.replay(&[]), 1)))),
        ("a false end", Box::new(world.segment(&[]).ending_in(no_root()))),
        ("a skipped step", Box::new(world.segment(&[Fault::Skip { step: STEP }]))),
        ("a wrong row", Box::new(world.segment(&[Fault::Row { step: STEP }]))),
        ("a wrong rate", Box::new(world.segment(&[Fault::Rate { step: STEP, factor: 0.5 }]))),
    ];
    for (how, liar) in &liars {
        for at in [0, 1] {
            kinds.insert(contracts.check(&world, &**liar, at, how));
        }
    }
    println!("most gas: {:?}", contracts.most);
    for kind in [JudgeKind::Sink, JudgeKind::Ended, JudgeKind::SegmentEnd] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn the_contracts_call_a_malformed_job_void() {
    let (world, node) = malformed();
    let mut contracts = Contracts::deploy();
    let (honest, liar) = (world.segment(&[]), world.segment(&[world.wrong_value(node)]));
    for sides in [[&honest, &liar], [&liar, &honest]] {
        let settled = contracts.hear(&world, sides.map(|side| side as &dyn Story), "malformed");
        assert_eq!(settled.judged, Some((JudgeKind::Malformed, Verdict::Void)), "{settled:?}");
        assert_eq!(settled.status, QuestionStatus::Void);
    }
}

#[test]
fn the_contracts_find_against_a_side_that_stops_moving() {
    let [world, _] = worlds();
    let mut contracts = Contracts::deploy();
    let fault = world.wrong_value(world.cases()[&("linear", 0)]);
    let (honest, liar) = (world.segment(&[]), world.segment(&[fault]));
    for (number, stalling) in [(1, 0), (2, 1)] {
        let court = &mut contracts.court;
        let twin = Twin::new(&world).heard_by(
            number,
            Box::new(move |now, sender, message, question, _| {
                court
                    .send(now, sender, message, question)
                    .unwrap_or_else(|error| panic!("{error}: {message:?}"));
            }),
        );
        let mut parties = vec![twin.party("a", 1, &honest), twin.party("b", 2, &liar)];
        parties[stalling].stalls_after = Some(1);
        let settled = twin.settle(parties);
        assert_eq!((settled.winners, settled.timeouts), (vec![["b", "a"][stalling]], 1));
    }
}
