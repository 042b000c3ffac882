//! What the tests of the game share.
#![allow(dead_code, reason = "each test binary uses a part")]

use samebit_dispute::testing::{Below, Conduct, Job, Lie, Peer, Tale, Terms, World};
use samebit_dispute::{ClaimStatus, Event, JudgeKind, QuestionStatus, Seconds, Verdict};
use std::sync::Arc;

/// By when a question must have ended: the entry, and the bound on games of dispute.md §6.
pub fn bound(world: &World, terms: &Terms) -> Seconds {
    let games = 2 * terms.clock_seconds.0 + 64 * terms.extension_seconds.0;
    world.now.plus(terms.entry_seconds).plus(Seconds(games))
}

/// Plays a question among these peers to its end.
pub fn played(job: &Arc<Job>, terms: &Terms, peers: &[Peer]) -> World {
    let mut world = World::new(job, terms);
    let limit = bound(&world, terms);
    world.play(peers, limit);
    assert!(world.dispute.is_balanced());
    world
}

/// What must hold at the end of a question among an honest peer and others with false roots.
pub fn check_honest_wins(world: &World, honest: &Peer, liars: &[Peer], what: &str) {
    let (_, status) = world.claim_of(honest).expect("the honest peer has claimed");
    assert_eq!(status, ClaimStatus::Released, "{what}: the honest peer's claim\n{}", story_of(world));
    assert_eq!(
        world.dispute.status(world.question),
        Some(QuestionStatus::Answered(honest.root())),
        "{what}: the answer"
    );
    for liar in liars.iter().filter(|liar| liar.root() != honest.root()) {
        let (_, status) = world.claim_of(liar).expect("the liar has claimed");
        assert_eq!(status, ClaimStatus::Dead, "{what}: a false root\n{}", story_of(world));
    }
}

/// The verdicts of the log, for messages.
pub fn verdicts(world: &World) -> Vec<(JudgeKind, Verdict)> {
    let verdict = |event: &Event| match event {
        Event::Judged { kind, verdict, .. } => Some((*kind, *verdict)),
        _ => None,
    };
    world.log.iter().filter_map(verdict).collect()
}

/// The stages that the log passes, for messages.
pub fn story_of(world: &World) -> String {
    let line = |event: &Event| match event {
        Event::Moved { position, .. } => format!("  move {} to {}", position.moves, position.stage),
        Event::Paired { position } => format!("  pair at {}", position.stage),
        Event::Judged { kind, verdict, .. } => format!("  {kind}: {verdict:?}"),
        Event::TimedOut { side, .. } => format!("  side {side} times out"),
        event => format!("  {}", format!("{event:?}").split([' ', '{']).next().unwrap_or_default()),
    };
    world.log.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Ways to lie below an element.
pub fn belows() -> Vec<Below> {
    let mut belows = vec![Below::default()];
    for block in [0, 1] {
        belows.push(Below { block: Some(block), ..Below::default() });
        belows.push(Below { block: Some(block), lane: Some(5), ..Below::default() });
    }
    for body in 0..4 {
        belows.push(Below { body: Some(body), lane: Some(15), ..Below::default() });
        belows.push(Below { body: Some(body), block: Some(0), ..Below::default() });
    }
    belows.push(Below { row_end: true, lane: Some(0), ..Below::default() });
    belows
}

/// An honest peer.
pub fn honest(job: &Arc<Job>, number: u8) -> Peer {
    Peer::new(number, Arc::new(Tale::honest(job)), Conduct::Best)
}

/// A peer that lies.
pub fn liar(job: &Arc<Job>, number: u8, lie: Lie, below: Below, conduct: Conduct) -> Peer {
    Peer::new(number, Arc::new(Tale::lying(job, lie, below)), conduct)
}
