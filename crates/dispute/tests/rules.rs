//! The rules of questions, claims, money and clocks, one by one.

mod support;

use samebit_commit::Digest;
use samebit_dispute::testing::{Below, Conduct, Job, Lie, Peer, Terms, World};
use samebit_dispute::{
    Amount, ClaimId, ClaimStatus, Event, Header, Message, Owner, Player, Position, Question, QuestionStatus,
    Refusal, Seconds, View,
};
use std::sync::Arc;
use support::{belows, honest, liar, played};

const LIE: Lie = Lie::Word { step: 1, node: 4, element: 2, carry: true };

fn world() -> (World, Peer, Peer) {
    let job = Arc::new(Job::new(2, 3, 3, None));
    let (good, bad) = (honest(&job, 1), liar(&job, 2, LIE, Below::default(), Conduct::Best));
    (World::new(&job, &Terms::default()), good, bad)
}

fn claim(world: &World, peer: &Peer) -> Message {
    let messages = peer.messages(world.question, &world.view, world.now);
    messages.into_iter().find(|message| matches!(message, Message::Claim { .. })).expect("it would claim")
}

/// Both claims and the game between them.
fn paired() -> (World, Peer, Peer) {
    let (mut world, good, bad) = world();
    for peer in [&good, &bad] {
        let message = claim(&world, peer);
        world.send(peer.owner, &message).expect("it may enter");
    }
    let pair = good.messages(world.question, &world.view, world.now).remove(0);
    world.send(Owner::default(), &pair).expect("anybody may pair");
    (world, good, bad)
}

fn position(world: &World) -> Position {
    let asked = world.view.question(world.question).expect("it was opened");
    asked.games.values().next().expect("there is a game").position.clone()
}

#[test]
fn a_question_is_checked_against_its_job() {
    let job = Job::new(3, 3, 3, None);
    let (question, header) = job.question(&Terms::default());
    let mut world = World::new(&Arc::new(job), &Terms::default());
    let again = Message::OpenQuestion { question: question.clone(), header: header.clone() };
    assert_eq!(world.send(Owner::default(), &again), Err(Refusal::QuestionExists(question.id())));
    let refused = |change: &dyn Fn(&mut Question, &mut Header)| {
        let (mut question, mut header) = (question.clone(), header.clone());
        change(&mut question, &mut header);
        let mut world = World::new(&Arc::new(Job::small(1, None)), &Terms::default());
        world.send(Owner::default(), &Message::OpenQuestion { question, header }).expect_err("it is false")
    };
    assert!(matches!(
        refused(&|question, _| question.bond.0 = 1 << 97),
        Refusal::OverLimit { what: "bond", .. }
    ));
    assert!(matches!(refused(&|question, _| question.clock_seconds.0 = 0), Refusal::Nothing { .. }));
    assert!(matches!(refused(&|question, _| question.step_count = 0), Refusal::Nothing { .. }));
    assert!(matches!(refused(&|question, _| question.loss = 99), Refusal::OverLimit { what: "loss", .. }));
    type Change<'a> = &'a dyn Fn(&mut Question, &mut Header);
    let changes: [Change<'_>; 12] = [
        &|question, _| question.node_count += 1,
        &|question, _| question.state_count += 1,
        &|question, _| question.table_count += 1,
        &|question, _| question.nodes.0[0] ^= 1,
        &|question, _| question.job.0[0] ^= 1,
        &|question, _| question.loss -= 1,
        &|question, _| question.start.0[0] ^= 1,
        &|_, header| header.version = 2,
        &|_, header| header.grad_norm ^= 1,
        &|_, header| header.profile.push('2'),
        &|_, header| header.profile = "x".repeat(70_000),
        &|_, header| header.tables_top.0[0] ^= 1,
    ];
    for change in changes {
        let refusal = refused(change);
        assert!(matches!(refusal, Refusal::WrongDigest(_)), "{refusal}");
    }
    let segment = |change: &dyn Fn(&mut Question, &mut Header)| {
        let (mut question, mut header) = (question.clone(), header.clone());
        change(&mut question, &mut header);
        question.job = header.job(&question);
        let message = Message::OpenQuestion { question, header };
        World::new(&Arc::new(Job::small(1, None)), &Terms::default()).send(Owner::default(), &message)
    };
    assert!(matches!(segment(&|question, _| question.first_step = 1), Err(Refusal::Segment { .. })));
    assert!(matches!(segment(&|question, _| question.step_count = 2), Err(Refusal::Segment { .. })));
    assert!(matches!(segment(&|_, header| header.segment_steps = 0), Err(Refusal::Segment { .. })));
    let second = segment(&|question, header| {
        (header.segment_steps, question.first_step, question.step_count) = (2, 2, 1);
        question.start = Digest([7; 32]);
    });
    assert!(second.is_ok(), "a later segment starts where it likes: {second:?}");
}

#[test]
fn its_asker_alone_opens_a_question() {
    let (plain, header) = Job::small(1, None).question(&Terms::default());
    let [asker, stranger] = [Owner([3; 20]), Owner([4; 20])];
    let asked = |nonce| Question { asker, nonce: Digest([nonce; 32]), ..plain.clone() };
    let mut world = World::new(&Arc::new(Job::small(1, None)), &Terms::default());
    for nonce in [0, 1] {
        let question = asked(nonce);
        assert_ne!(question.id(), plain.id());
        let message = Message::OpenQuestion { question, header: header.clone() };
        assert_eq!(world.send(stranger, &message), Err(Refusal::NotAsker { sender: stranger, asker }));
        assert_eq!(world.send(asker, &message), Ok(1));
    }
    assert_ne!(asked(0).id(), asked(1).id());
}

#[test]
fn claims_enter_in_time_once_and_for_the_bond() {
    let (mut world, good, bad) = world();
    let message = claim(&world, &good);
    let Message::Claim { question, opened, value } = message.clone() else { panic!("it is a claim") };
    let with = |value| Message::Claim { question, opened, value };
    let refused = world.send(good.owner, &with(Amount(value.0 + 1)));
    assert!(matches!(refused, Err(Refusal::WrongBond { .. })));
    let mut empty = opened;
    empty.count = 0;
    let refused = world.send(good.owner, &Message::Claim { question, opened: empty, value });
    assert!(matches!(refused, Err(Refusal::WrongStepCount { .. })));
    world.send(good.owner, &message).expect("it may enter");
    assert!(matches!(world.send(good.owner, &message), Err(Refusal::ClaimExists { .. })));
    world.send(bad.owner, &message).expect("another owner may claim the same");
    let closes = world.view.question(question).expect("it was opened").closes;
    let lie = claim(&world, &bad);
    world.now = closes;
    assert_eq!(world.send(bad.owner, &lie), Err(Refusal::EntryClosed { now: closes, closes }));
    world.now = Seconds(closes.0 - 1);
    let resolve = Message::Resolve { question, claim: ClaimId(0) };
    assert!(matches!(world.send(bad.owner, &resolve), Err(Refusal::EntryOpen { .. })));
    world.send(bad.owner, &lie).expect("the last second counts");
}

#[test]
fn games_are_between_living_claims_of_different_roots() {
    let (mut world, good, bad) = paired();
    let question = world.question;
    let asked = world.view.question(question).expect("it was opened");
    let opened = [asked.claims[0].opened, asked.claims[1].opened];
    let pair = |claims: [u64; 2], opened| Message::Pair { question, claims: claims.map(ClaimId), opened };
    assert!(matches!(world.send(good.owner, &pair([0, 1], opened)), Err(Refusal::GameExists(_))));
    assert!(matches!(world.send(good.owner, &pair([1, 0], opened)), Err(Refusal::WrongOrder(_))));
    assert!(matches!(world.send(good.owner, &pair([0, 0], opened)), Err(Refusal::WrongOrder(_))));
    assert!(matches!(world.send(good.owner, &pair([0, 9], opened)), Err(Refusal::UnknownClaim(_))));
    let friend = Peer { owner: Owner([3; 20]), ..good.clone() };
    let message = claim(&world, &friend);
    world.send(friend.owner, &message).expect("it may enter");
    let same = [opened[0], opened[0]];
    assert!(matches!(world.send(good.owner, &pair([0, 2], same)), Err(Refusal::SameRoot(_))));
    assert!(matches!(world.send(good.owner, &pair([1, 2], same)), Err(Refusal::WrongDigest(_))));
    world.send(bad.owner, &pair([1, 2], [opened[1], opened[0]])).expect("the stranger on the honest side");
}

#[test]
fn a_message_answers_one_position() {
    let (mut world, good, _) = paired();
    let before = position(&world);
    let first = good.messages(world.question, &world.view, world.now).remove(0);
    world.send(good.owner, &first).expect("the first move");
    assert!(matches!(world.send(good.owner, &first), Err(Refusal::WrongPosition { .. })));
    // The same move a second later is another position: an answer to the first does not answer it.
    let (mut later, ..) = paired();
    later.now = Seconds(later.now.0 + 1);
    later.send(good.owner, &first).expect("the position before is the same");
    assert_ne!(position(&later).hash(), position(&world).hash());
    assert_eq!(position(&later).clocks[0], Seconds(before.clocks[0].0 - 1));
}

#[test]
fn clocks_run_out_and_are_extended() {
    let (mut world, good, bad) = paired();
    let terms = Terms::default();
    let start = world.now;
    let timeout = |world: &World| Message::Timeout { position: position(world) };
    world.now = Seconds(start.0 + terms.clock_seconds.0 - 1);
    let early = timeout(&world);
    assert!(matches!(world.send(bad.owner, &early), Err(Refusal::ClockRuns { .. })));
    let play = good.messages(world.question, &world.view, world.now).remove(0);
    world.send(good.owner, &play).expect("the last second counts");
    assert_eq!(position(&world).clocks, [terms.extension_seconds, terms.clock_seconds]);
    world.now = Seconds(world.now.0 + terms.clock_seconds.0);
    let reply = bad.messages(world.question, &world.view, world.now);
    assert!(reply.is_empty(), "a good player knows that it is late");
    let late = timeout(&world);
    world.send(Owner([77; 20]), &late).expect("anybody may call it");
    assert_eq!(world.claim_of(&bad).map(|(_, status)| status), Some(ClaimStatus::Dead));
    assert!(matches!(world.send(good.owner, &late), Err(Refusal::UnknownGame(_))));
}

#[test]
fn half_of_a_bond_is_the_winners_and_the_rest_the_funds() {
    let (world, good, bad) = world();
    let mut world = { played(&world.referee.job, &Terms::default(), &[good.clone(), bad.clone()]) };
    let bond = Terms::default().bond.0;
    assert_eq!(world.dispute.credit(good.owner), Amount(bond + bond / 2));
    assert_eq!(world.dispute.credit(world.dispute.fund()), Amount(bond - bond / 2));
    assert_eq!(world.dispute.credit(bad.owner), Amount(0));
    let release = Message::Release { question: world.question, claim: ClaimId(0) };
    assert!(matches!(world.send(good.owner, &release), Err(Refusal::ClaimNotLiving { .. })));
    world.send(good.owner, &Message::Withdraw).expect("there is something");
    assert_eq!(world.send(good.owner, &Message::Withdraw), Err(Refusal::NothingToWithdraw(good.owner)));
    assert!(world.dispute.is_balanced());
}

#[test]
fn a_question_without_claims_has_no_answer() {
    let (mut world, good, _) = world();
    world.now = Seconds(world.now.0 + 50);
    let resolve = Message::Resolve { question: world.question, claim: ClaimId(0) };
    world.send(good.owner, &resolve).expect("nothing lives");
    assert_eq!(world.dispute.status(world.question), Some(QuestionStatus::Unanswered));
    assert!(matches!(world.send(good.owner, &resolve), Err(Refusal::QuestionNotOpen { .. })));
}

/// A player that starts anew before each message, from the log alone, says the same as one that goes on.
#[test]
fn players_go_on_after_a_crash() {
    let job = Arc::new(Job::new(2, 3, 3, None));
    for below in belows() {
        let lie = Lie::Word { step: 1, node: 8, element: 5, carry: false };
        let peers = [honest(&job, 1), liar(&job, 2, lie, below, Conduct::Best)];
        let world = played(&job, &Terms::default(), &peers);
        for length in 0..=world.log.len() {
            let mut view = View::default();
            world.log[..length].iter().for_each(|event| view.observe(event));
            let anew = View::of(&world.log[..length]);
            for peer in &peers {
                let player = Player { story: &*peer.tale, owner: peer.owner, question: world.question };
                let said = |view: &View| -> Vec<_> {
                    player
                        .messages(view, world.now)
                        .into_iter()
                        .map(|said| said.expect("the toy answers"))
                        .collect()
                };
                assert_eq!(said(&view), said(&anew));
            }
        }
        assert!(world.log.iter().any(|event| matches!(event, Event::Judged { .. })));
    }
}

/// The encoding of a position, by hand: 39 words, in the order of the specification.
#[test]
fn a_position_has_39_words() {
    let (world, ..) = paired();
    let position = position(&world);
    let bytes = position.canonical();
    let word = |at: usize| Digest(bytes[32 * at..32 * (at + 1)].try_into().expect("32 bytes"));
    assert_eq!(bytes.len(), 39 * 32);
    assert_eq!(word(0), world.question.0);
    assert_eq!([word(1), word(2)], [0, 1].map(samebit_dispute::number));
    assert_eq!([word(5), word(6), word(7)], [40, 40, 1000].map(samebit_dispute::number));
    assert_eq!([word(9), word(10)], [2, 1].map(samebit_dispute::number), "two steps, one level");
    assert_eq!([word(13), word(14)], position.held);
    assert!((15..39).all(|at| word(at) == Digest::ZERO));
    let preimage = [&[0x0f][..], &bytes].concat();
    assert_eq!(position.hash(), samebit_commit::hash(samebit_commit::Tag::Position, &[&preimage[1..]]));
}
