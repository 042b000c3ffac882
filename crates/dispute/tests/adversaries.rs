//! Adversaries × rules: every lie at every place, told in every way, against an honest peer on either side.

mod support;

use samebit_dispute::testing::{Below, Conduct, Job, Lie, Peer, Tale, Terms};
use samebit_dispute::{ClaimStatus, Event, JudgeKind, QuestionStatus, Side, Stage, Verdict};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{belows, check_honest_wins, honest, liar, played, story_of, verdicts};

/// The ways to go on below that make a difference for a lie.
fn ways(job: &Job, lie: Lie) -> Vec<Below> {
    let Lie::Word { node, .. } = lie else { return vec![Below::default()] };
    match job.nodes[node as usize].structure() {
        samebit_dispute::Structure::Map | samebit_dispute::Structure::Source => vec![Below::default()],
        _ => belows(),
    }
}

/// Plays a lie on both sides; what was seen: stages, kinds of judgement, the most moves.
fn both_sides(job: &Arc<Job>, lie: Lie, below: Below, conduct: Conduct, seen: &mut Seen) {
    let terms = Terms::default();
    let (first, second) = (honest(job, 1), liar(job, 2, lie, below, conduct));
    let worlds = [
        played(job, &terms, &[first.clone(), second.clone()]),
        played(job, &terms, &[second.clone(), first.clone()]),
    ];
    for world in &worlds {
        check_honest_wins(
            world,
            &first,
            std::slice::from_ref(&second),
            &format!("{lie:?} {below:?} {conduct:?}"),
        );
        seen.look(world);
    }
    // The same piece is found from either side, and the verdict swaps.
    if conduct == Conduct::Best {
        let found = worlds.each_ref().map(verdicts);
        if let [[(first, a)], [(second, b)]] = found.each_ref().map(Vec::as_slice) {
            let is_swapped = matches!((a, b), (Verdict::False(Side::B), Verdict::False(Side::A)));
            assert!(is_swapped, "{lie:?} {below:?}: {first} {a:?}, {second} {b:?}");
        }
    }
}

#[derive(Default)]
struct Seen {
    stages: BTreeSet<Stage>,
    kinds: BTreeSet<JudgeKind>,
    moves: u32,
    games: u32,
}

impl Seen {
    fn look(&mut self, world: &samebit_dispute::testing::World) {
        self.games += 1;
        for event in &world.log {
            match event {
                Event::Paired { position } | Event::Moved { position, .. } => {
                    self.stages.insert(position.stage);
                    self.moves = self.moves.max(position.moves);
                }
                Event::Judged { kind, .. } => {
                    self.kinds.insert(*kind);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_lie_loses_at_every_place() {
    let mut seen = Seen::default();
    for job in [Job::new(3, 5, 3, None), Job::new(4, 3, 5, Some(1)), Job::new(5, 2, 2, Some(0))] {
        let job = Arc::new(job);
        for lie in Tale::lies(&job) {
            for below in ways(&job, lie) {
                both_sides(&job, lie, below, Conduct::Best, &mut seen);
            }
        }
    }
    for length in [9, 7] {
        let job = Arc::new(Job::small(length, None));
        both_sides(&job, Lie::Undercounted, Below::default(), Conduct::Best, &mut seen);
    }
    // Trees of several rounds.
    let job = Arc::new(Job::new(70, 300, 70, None));
    let word = |step, node, element| Lie::Word { step, node, element, carry: false };
    for (lie, block) in
        [(word(69, 4, 299), 66), (word(0, 5, 3), 0), (word(33, 8, 6), 69), (word(64, 3, 256), 0)]
    {
        let below = Below { block: Some(block), body: Some(1), ..Below::default() };
        both_sides(&job, lie, below, Conduct::Best, &mut seen);
    }
    println!("{} games, at most {} moves", seen.games, seen.moves);
    let all: BTreeSet<Stage> = Stage::ALL.into();
    assert_eq!(all.difference(&seen.stages).collect::<Vec<_>>(), Vec::<&Stage>::new(), "stages not seen");
    assert!(seen.moves > 12);
    let kinds: BTreeSet<JudgeKind> = JudgeKind::ALL.into();
    assert_eq!(kinds.difference(&seen.kinds).collect::<Vec<_>>(), [&JudgeKind::Malformed], "kinds not seen");
}

#[test]
fn bad_conduct_does_not_help() {
    let mut seen = Seen::default();
    let job = Arc::new(Job::new(2, 3, 3, None));
    let conducts =
        [Conduct::Silent, Conduct::Late, Conduct::Garbage].into_iter().chain((0..12).map(Conduct::Stops));
    for conduct in conducts {
        for (at, lie) in Tale::lies(&job).into_iter().enumerate() {
            // Late players play long: a part of the lies is enough, a different one for each conduct.
            if at % 3 == 0 || conduct != Conduct::Late {
                let below = Below { lane: Some(3), block: Some(1), ..Below::default() };
                both_sides(&job, lie, below, conduct, &mut seen);
            }
        }
    }
}

#[test]
fn a_late_honest_player_wins_too() {
    let job = Arc::new(Job::new(2, 3, 3, None));
    let terms = Terms::default();
    for lie in Tale::lies(&job) {
        let late = Peer { conduct: Conduct::Late, ..honest(&job, 1) };
        let liar = liar(&job, 2, lie, Below::default(), Conduct::Late);
        let world = played(&job, &terms, &[late.clone(), liar.clone()]);
        check_honest_wins(&world, &late, &[liar], &format!("{lie:?}"));
    }
}

/// A saboteur claims the true root and plays badly: it alone pays.
#[test]
fn a_saboteur_of_the_true_root_harms_only_itself() {
    let job = Arc::new(Job::new(2, 3, 3, None));
    let terms = Terms::default();
    let conducts = [Conduct::Best, Conduct::Silent, Conduct::Garbage, Conduct::Stops(4), Conduct::Stops(7)];
    let mut dead = 0;
    for lie in Tale::lies(&job) {
        for (conduct, below) in conducts.iter().zip(belows()) {
            let saboteur = Peer::new(3, Arc::new(Tale::saboteur(&job, below)), *conduct);
            let (good, bad) = (honest(&job, 1), liar(&job, 2, lie, below, Conduct::Best));
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
                let peers = order.map(|at| [&good, &bad, &saboteur][at].clone());
                let world = played(&job, &terms, &peers);
                check_honest_wins(&world, &good, std::slice::from_ref(&bad), &format!("{lie:?} {conduct:?}"));
                dead += u32::from(world.claim_of(&saboteur).is_some_and(|(_, at)| at == ClaimStatus::Dead));
            }
        }
    }
    assert!(dead > 0, "no saboteur ever lost");
}

/// Many at once: two honest strangers, four liars of different kinds, each game with each.
#[test]
fn a_crowd() {
    let job = Arc::new(Job::new(3, 4, 3, None));
    let terms = Terms::default();
    let lies = Tale::lies(&job);
    for (round, chunk) in lies.chunks(4).enumerate() {
        let mut peers = vec![honest(&job, 1), honest(&job, 2)];
        let conducts = [Conduct::Best, Conduct::Late, Conduct::Best, Conduct::Garbage];
        for (at, lie) in chunk.iter().enumerate() {
            let below = belows()[(round + at) % belows().len()];
            peers.push(liar(&job, 10 + at as u8, *lie, below, conducts[at]));
        }
        peers.rotate_left(round % 3);
        let world = played(&job, &terms, &peers);
        for number in [1, 2] {
            let good = honest(&job, number);
            check_honest_wins(&world, &good, &peers, &format!("{chunk:?}"));
        }
    }
}

#[test]
fn honest_strangers_have_nothing_to_settle() {
    let job = Arc::new(Job::new(3, 4, 3, None));
    let world = played(&job, &Terms::default(), &[honest(&job, 1), honest(&job, 2)]);
    assert!(world.log.iter().all(|event| !matches!(event, Event::Paired { .. } | Event::ClaimDied { .. })));
    for number in [1, 2] {
        assert_eq!(
            world.claim_of(&honest(&job, number)).map(|(_, status)| status),
            Some(ClaimStatus::Released)
        );
    }
}

/// Two liars without anybody honest: at least one dies, money stays whole, and it ends.
#[test]
fn liars_among_themselves_end() {
    let job = Arc::new(Job::new(3, 4, 3, Some(2)));
    let terms = Terms::default();
    let lies = Tale::lies(&job);
    let (mut both, mut one) = (0, 0);
    for (at, first) in lies.iter().enumerate() {
        for second in lies.iter().skip(at + 1).step_by(3) {
            let peers = [
                liar(&job, 1, *first, Below::default(), Conduct::Best),
                liar(&job, 2, *second, Below { block: Some(0), ..Below::default() }, Conduct::Best),
            ];
            if peers[0].root() == peers[1].root() {
                continue;
            }
            let world = played(&job, &terms, &peers);
            let dead = peers
                .iter()
                .filter(|peer| world.claim_of(peer).is_some_and(|(_, at)| at == ClaimStatus::Dead));
            match dead.count() {
                2 => both += 1,
                1 => one += 1,
                _ => panic!("{first:?} against {second:?}: nobody died\n{}", story_of(&world)),
            }
        }
    }
    println!("both dead {both}, one dead {one}");
    assert!(both > 0 && one > 0);
}

#[test]
fn a_malformed_job_is_void_and_costs_nobody() {
    let mut job = Job::new(2, 3, 3, None);
    job.malformed = Some(3);
    let job = Arc::new(job);
    let lie = Lie::Word { step: 1, node: 3, element: 0, carry: true };
    let peers = [honest(&job, 1), liar(&job, 2, lie, Below::default(), Conduct::Best)];
    let world = played(&job, &Terms::default(), &peers);
    assert_eq!(verdicts(&world), [(JudgeKind::Malformed, Verdict::Void)]);
    assert_eq!(world.dispute.status(world.question), Some(QuestionStatus::Void));
    for peer in &peers {
        assert_eq!(world.claim_of(peer).map(|(_, status)| status), Some(ClaimStatus::Released));
    }
}
