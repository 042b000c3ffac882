//! Two disputants argue over a stored segment, and the contracts hear every message: they take what the Rust twin takes, stand where it stands,
//! and judge as it judges.

#[path = "../../../crates/roles/tests/common/mod.rs"]
mod common;

use common::liars::{Below, Roots, Told, no_root};
use common::{Court as Twin, FUND, STEP, World, worlds};
use samebit_commit::Digest;
use samebit_dispute::{Event, JudgeKind, Message, Owner, Story};
use samebit_graph::node::{Kind, NodeId};
use samebit_referee::{Court, Referee};
use samebit_trace::Fault;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Lets the honest side, which is number `at`, argue with a liar; the leaf that was redone.
    fn check(&mut self, world: &World, liar: &dyn Story, at: usize, how: &str) -> JudgeKind {
        self.questions += 1;
        let (number, mut gas, mut total) = (self.questions, Vec::new(), 0);
        let court = &mut self.court;
        let honest = world.segment(&[]);
        let settled = {
            let twin = Twin::new(world).heard_by(
                number,
                Box::new(|now, sender, message, question, events| {
                    let answer = court.send(now, sender, message, question);
                    let answer = answer.unwrap_or_else(|error| panic!("{how}: {error}: {message:?}"));
                    total += answer.gas;
                    if let Message::Judge { kind, .. } = message {
                        gas.push((kind.to_string(), answer.gas));
                    }
                    for event in events {
                        let (Event::Moved { position, .. } | Event::Paired { position }) = event else {
                            continue;
                        };
                        let held = court.game(position.game()).expect("a game");
                        assert_eq!(Digest(held.0), position.hash(), "{how}");
                    }
                }),
            );
            let sides: [(&dyn Story, &str); 2] =
                if at == 0 { [(&honest, "a"), (liar, "b")] } else { [(liar, "a"), (&honest, "b")] };
            let parties = vec![twin.party("a", 1, sides[0].0), twin.party("b", 2, sides[1].0)];
            twin.settle(parties)
        };
        gas.push(("a whole dispute".to_owned(), total));
        assert_eq!(settled.winners, [["a", "b"][at]], "{how}: {settled:?}");
        let (kind, _) = settled.judged.unwrap_or_else(|| panic!("{how}: {settled:?}"));
        println!(
            "{how}: {kind}, {} moves, {} messages, gas {total}",
            settled.place().moves,
            settled.messages
        );
        for (what, gas) in gas {
            let most = self.most.entry(what).or_default();
            *most = gas.max(*most);
        }
        kind
    }
}

fn cases(world: &World) -> BTreeMap<(&str, u8), NodeId> {
    let program = &world.job.program;
    let phase = |node| u8::from(node > program.loss) + u8::from(node >= program.grad_norm);
    (0..).zip(&program.nodes).map(|(id, node)| ((node.op.as_str(), phase(id)), id)).collect()
}

fn wrong_value(world: &World, node: NodeId) -> Fault {
    let element = world.job.program.nodes[node as usize].len() * 2 / 3;
    Fault::Value { step: STEP, node, element, ulps: 1 << 20 }
}

/// The last node of every operator in every phase of both fixtures.
#[test]
fn the_contracts_find_for_the_honest_side_in_every_operator() {
    let mut contracts = Contracts::deploy();
    let mut covered = BTreeSet::new();
    for world in worlds() {
        for (at, ((op, phase), node)) in cases(&world).into_iter().enumerate() {
            let liar = world.segment(&[wrong_value(&world, node)]);
            let kind = contracts.check(&world, &liar, at % 2, &format!("{} {op}", world.name));
            let held = &world.job.program.nodes[node as usize].kind;
            assert_eq!(kind == JudgeKind::Source, matches!(held, Kind::State(_) | Kind::Table(_)), "{op}");
            covered.insert((op.to_owned(), phase));
        }
    }
    println!("{} cases, most gas: {:?}", covered.len(), contracts.most);
    assert_eq!(covered.len(), 68, "an operator without a dispute");
    assert!(contracts.most["a whole dispute"] <= 3_000_000, "{:?}", contracts.most);
}

#[test]
fn the_contracts_find_for_the_honest_side_at_every_leaf() {
    let [world, _] = worlds();
    let mut contracts = Contracts::deploy();
    let mut kinds = BTreeSet::new();
    let value = |op: &'static str, phase| world.segment(&[wrong_value(&world, cases(&world)[&(op, phase)])]);
    let honest = world.segment(&[]);
    let lanes = Told { story: value("norm_sum", 0), lie: Below::Lane, row: None };
    let row = Told { story: value("attention", 0), lie: Below::Row, row: Some(&honest) };
    let sink = Roots::changed(world.replay(&[]), |step, trace| {
        if step == STEP {
            trace.state[1].root = no_root();
        }
    });
    let liars: [(&str, Box<dyn Story>); 8] = [
        ("a false lane", Box::new(lanes)),
        ("a true row", Box::new(row)),
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
    for kind in [JudgeKind::Lane, JudgeKind::RowEnd, JudgeKind::Sink, JudgeKind::Ended, JudgeKind::SegmentEnd]
    {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn the_contracts_find_against_a_side_that_stops_moving() {
    let [world, _] = worlds();
    let mut contracts = Contracts::deploy();
    let (honest, liar) =
        (world.segment(&[]), world.segment(&[wrong_value(&world, cases(&world)[&("linear", 0)])]));
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
