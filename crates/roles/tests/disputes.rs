//! Two sides of a segment argue over the pure transition, move for move, with the referee of the workspace: the honest one wins, whatever the
//! other said and wherever.

mod common;

use common::liars::{Below, Roots, Told, lies, no_root, other_root};
use common::{Court, FUND, STEP, Settled, argue, malformed, operators, worlds};
use samebit_dispute::{JudgeKind, Owner, QuestionStatus, Story, Verdict};
use samebit_trace::{Claims, Fault};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of an operator and a phase of a step, in the two fixtures and in every operator trained alone. Whoever adds one sees here that it is
/// disputed too.
const CASES: usize = 87;

fn assert_won(settled: &Settled, winner: &'static str, how: &str) {
    assert_eq!(settled.winners, [winner], "{how}: {settled:?}");
    assert!(!settled.mute.contains_key(winner), "{how}: {settled:?}");
    let Some((_, Verdict::False(side))) = settled.judged else { panic!("{how}: {settled:?}") };
    let loser = settled.owners[settled.place().claims[side.index()].0 as usize];
    assert_eq!(loser, Owner([if winner == "a" { 2 } else { 1 }; 20]), "{how}");
}

/// An operator without a case does not get past [`operators`].
#[test]
fn a_lie_in_every_operator_loses() {
    let (mut covered, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    let (mut most, mut count) = ((0, 0), 0);
    for world in worlds().into_iter().chain(operators()) {
        let honest = world.segment(&[]);
        for ((op, phase), node) in world.cases() {
            covered.insert((op.to_owned(), phase));
            let held = &world.job.program.nodes[node as usize];
            for (how, liar, expected) in lies(&world, node, &honest) {
                // The sides take turns at being a: who claims first moves first.
                count += 1;
                let (settled, winner) = match count % 2 {
                    0 => (argue(&world, &honest, &*liar), "a"),
                    _ => (argue(&world, &*liar, &honest), "b"),
                };
                assert_won(&settled, winner, &how);
                let place = settled.place();
                assert_eq!((place.step, place.node), (STEP, node), "{how}");
                let (kind, _) = settled.judged.expect("a judgement");
                assert!(expected.contains(&kind), "{how}: {kind}");
                if kind != JudgeKind::Source {
                    assert_eq!(place.element, held.len() * 2 / 3, "{how}");
                }
                kinds.insert(kind);
                if !place.in_row() {
                    most = most.max((place.moves, settled.messages));
                }
            }
        }
    }
    println!("{count} lies in {} cases, at most {} moves and {} messages", covered.len(), most.0, most.1);
    assert_eq!(covered.len(), CASES);
    use JudgeKind::{Block, Lane, LaneFold, Map, RowEnd, Source};
    assert_eq!(kinds, BTreeSet::from([Source, Map, Block, Lane, LaneFold, RowEnd]));
    assert!(most.0 <= 16, "at most 8 moves a side: {most:?}");
}

#[test]
fn wrong_rows_skipped_steps_and_wrong_rates_lose_and_swapping_the_sides_swaps_the_answer() {
    for world in worlds() {
        let honest = world.segment(&[]);
        for (fault, kind) in [
            (Fault::Row { step: STEP }, JudgeKind::Map),
            (Fault::Skip { step: STEP }, JudgeKind::Sink),
            (Fault::Skip { step: 0 }, JudgeKind::Sink),
            (Fault::Rate { step: STEP, factor: 0.5 }, JudgeKind::Map),
        ] {
            let how = format!("{}: {fault}", world.name);
            let liar = world.segment(std::slice::from_ref(&fault));
            let first = argue(&world, &honest, &liar);
            assert_won(&first, "a", &how);
            let swapped = argue(&world, &liar, &honest);
            assert_won(&swapped, "b", &how);
            for settled in [first, swapped] {
                assert_eq!(settled.judged.expect("a judgement").0, kind, "{how}");
                assert_eq!(settled.place().step, fault.step(), "{how}");
            }
        }
    }
}

#[test]
fn lies_that_no_replay_tells_lose() {
    let [world, _] = worlds();
    let honest = world.segment(&[]);
    let check = |liar: &dyn Story, kind: JudgeKind| {
        for (settled, winner) in [(argue(&world, &honest, liar), "a"), (argue(&world, liar, &honest), "b")] {
            assert_won(&settled, winner, &kind.to_string());
            assert_eq!(settled.judged.expect("a judgement").0, kind);
        }
    };
    let sink = Roots::changed(world.replay(&[]), |step, trace| {
        if step == STEP {
            trace.state[1].root = no_root();
        }
    });
    check(&world.tell(sink), JudgeKind::Sink);
    check(&world.tell(Roots::cut(world.replay(&[]), 1)), JudgeKind::Ended);
    check(&world.segment(&[]).ending_in(no_root()), JudgeKind::SegmentEnd);

    let node = world.cases()[&("gelu_tanh", 0)];
    let words = world.replay(&[]).node_words(STEP, node).expect("words");
    let dtype = world.job.program.nodes[node as usize].dtype;
    let shape = Roots::changed(world.replay(&[]), |step, trace| {
        if step == STEP {
            trace.nodes[node as usize] = other_root(dtype, &words);
        }
    });
    let lie = Below::Shape { step: STEP, node };
    check(&Told { story: world.tell(shape), lie, row: None }, JudgeKind::Shape);
}

#[test]
fn a_malformed_node_makes_the_question_void() {
    let (world, node) = malformed();
    let (honest, liar) = (world.segment(&[]), world.segment(&[world.wrong_value(node)]));
    let settled = argue(&world, &honest, &liar);
    assert_eq!(settled.judged, Some((JudgeKind::Malformed, Verdict::Void)), "{settled:?}");
    assert_eq!((settled.status, settled.place().node), (QuestionStatus::Void, node));
    let both = BTreeMap::from([(Owner([1; 20]), 1_000), (Owner([2; 20]), 1_000)]);
    assert_eq!(settled.paid, both, "nobody is to blame but the poster");
}

#[test]
fn honest_sides_have_nothing_to_argue_about() {
    let [world, _] = worlds();
    let (a, b) = (world.segment(&[]), world.segment(&[]));
    let settled = argue(&world, &a, &b);
    assert_eq!((settled.winners, settled.places.len(), settled.judged), (vec!["a", "b"], 0, None));
    assert_eq!(settled.paid, BTreeMap::from([(Owner([1; 20]), 1_000), (Owner([2; 20]), 1_000)]));
}

#[test]
fn a_side_that_stops_moving_loses_by_its_clock() {
    let [world, _] = worlds();
    let fault = world.wrong_value(world.cases()[&("linear", 0)]);
    let (honest, liar) = (world.segment(&[]), world.segment(&[fault]));
    for stalling in [0, 1] {
        for after in [0, 1, 3] {
            let court = Court::new(&world);
            let mut parties = vec![court.party("a", 1, &honest), court.party("b", 2, &liar)];
            parties[stalling].stalls_after = (after > 0).then_some(after);
            // Whoever never moves has claimed at least.
            let settled = court.settle(parties);
            let winner = if after > 0 && stalling == 0 { "b" } else { "a" };
            assert_eq!(settled.winners, [winner], "{stalling} {after}");
            assert_eq!(settled.timeouts, usize::from(after > 0), "{stalling} {after}");
        }
    }
}

#[test]
fn many_claims_of_two_roots_and_the_money_of_all() {
    let [world, _] = worlds();
    let lie = |op: (&'static str, u8)| world.segment(&[world.wrong_value(world.cases()[&op])]);
    let honest = world.segment(&[]);
    let (first, second) = (lie(("linear", 0)), lie(("adamw_p", 2)));
    let court = Court::new(&world);
    let parties = vec![
        court.party("first", 1, &first),
        court.party("honest", 2, &honest),
        court.party("friend", 3, &honest),
        court.party("second", 4, &second),
    ];
    let settled = court.settle(parties);
    assert_eq!(settled.winners, ["honest", "friend"]);
    let paid: u128 = settled.paid.values().sum();
    let of = |number: u8| settled.paid.get(&Owner([number; 20])).copied().unwrap_or(0);
    assert!(of(2) >= 1_000 && of(3) >= 1_000, "nobody honest loses: {settled:?}");
    assert!(paid <= 4_000 - 1_000, "half of each lost bond is the fund's: {settled:?}");
    assert!(!settled.paid.contains_key(&FUND));
}

#[test]
fn a_story_is_its_roots() {
    for world in worlds() {
        let (segment, replay) = (world.segment(&[]), world.replay(&[]));
        let (steps, same) = (segment.steps(), &replay as &dyn samebit_commit::Sequence);
        assert_eq!(steps.root().expect("a root"), same.root().expect("a root"));
        let roots = replay.roots().expect("roots").step(STEP);
        assert_eq!(segment.end().expect("an end"), samebit_commit::state::root(&roots.state));
        let step = steps.enter(STEP).expect("a step").expect("a step");
        assert_eq!(step.root().expect("a root"), steps.node(0, STEP).expect("a leaf"));
        let trace = step.enter(0).expect("a trace").expect("a trace");
        let tensor = trace.enter(5).expect("a tensor").expect("a tensor");
        assert_eq!(tensor.root().expect("a root"), roots.nodes[5]);
        let state = step.enter(1).expect("a state").expect("a state");
        assert_eq!(state.root().expect("a root"), segment.end().expect("an end"));
        assert!(state.enter(0).expect("an entry").is_none());
        for (what, is_there) in [(1, true), (2, false), (u64::MAX, false)] {
            assert_eq!(steps.enter(what).is_ok(), is_there, "step {what}");
        }
        let outside = samebit_dispute::Output { step: 0, node: u32::MAX, inside: None };
        assert!(segment.page(outside, 0).is_err() && segment.structure(outside).is_err());
        let output = samebit_dispute::Output { step: 0, node: 5, inside: None };
        assert!(segment.page(output, u64::MAX).is_err() && segment.totals(output, u64::MAX).is_err());
    }
}
