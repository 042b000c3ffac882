use super::*;
use crate::limits::{ANSWER_WAIT, FETCH_ROUNDS, PROGRESS_BYTES};
use crate::{AskError, Blob, BlobError, Command, Event, Network, RequestId, Topic};
use std::path::PathBuf;

const NETWORK: NetworkId = NetworkId([0; 32]);

/// A world of peers that know each other.
fn world(count: u8, seed: u64) -> (World, Vec<PeerId>) {
    let mut world = World::new(NETWORK, seed);
    let peers = (1..=count).map(|number| world.join(Secret::from_bytes(&[number; 32]))).collect();
    world.introduce_all();
    (world, peers)
}

fn publish(world: &mut World, peer: PeerId, body: &[u8]) {
    let command = Command::Publish { topic: Topic([0; 32]), life: 60_000, body: body.to_vec() };
    world.at(peer).send(command).expect("nothing waits in a world");
}

fn events(world: &mut World, peer: PeerId) -> Vec<Event> {
    let mut port = world.at(peer);
    std::iter::from_fn(|| port.next()).collect()
}

/// The bodies of the notices that a peer heard.
fn heard(world: &mut World, peer: PeerId) -> Vec<Vec<u8>> {
    let body = |event| if let Event::Notice(notice) = event { Some(notice.body) } else { None };
    events(world, peer).into_iter().filter_map(body).collect()
}

fn ask(world: &mut World, from: PeerId, to: PeerId, request: u64, body: &[u8]) {
    let command = Command::Ask { request: RequestId(request), peer: to, body: body.to_vec() };
    world.at(from).send(command).expect("nothing waits in a world");
}

/// Answers every question with its body reversed.
fn reply(world: &mut World, peer: PeerId) -> usize {
    let mut count = 0;
    for event in events(world, peer) {
        if let Event::Asked { question, mut body, .. } = event {
            body.reverse();
            count += 1;
            world.at(peer).send(Command::Answer { question, answer: Ok(body) }).expect("nothing waits");
        }
    }
    count
}

fn answers(world: &mut World, peer: PeerId) -> Vec<Result<Vec<u8>, AskError>> {
    let answer = |event| if let Event::Answered { answer, .. } = event { Some(answer) } else { None };
    events(world, peer).into_iter().filter_map(answer).collect()
}

#[test]
fn a_notice_reaches_everybody_once() {
    let (mut world, peers) = world(6, 1);
    publish(&mut world, peers[0], b"a");
    world.run(100);
    assert_eq!(heard(&mut world, peers[0]).len(), 0);
    for &peer in &peers[1..] {
        assert_eq!(heard(&mut world, peer), [b"a"]);
    }
}

#[test]
fn requests_are_answered_or_end_in_time() {
    let (mut world, peers) = world(3, 1);
    ask(&mut world, peers[0], peers[1], 1, b"abc");
    world.run(10);
    assert_eq!(reply(&mut world, peers[1]), 1);
    world.run(10);
    assert_eq!(answers(&mut world, peers[0]), [Ok(b"cba".to_vec())]);
    ask(&mut world, peers[0], peers[2], 2, b"nobody answers");
    world.run(ANSWER_WAIT.as_millis() as u64 - 1);
    assert!(answers(&mut world, peers[0]).is_empty());
    world.run(1);
    assert_eq!(answers(&mut world, peers[0]), [Err(AskError::Silent)]);
}

#[test]
fn a_cut_ends_requests_and_healing_brings_what_lives() {
    let (mut world, peers) = world(4, 1);
    world.run(10);
    ask(&mut world, peers[0], peers[3], 1, b"x");
    world.cut_off(&peers[..2]);
    assert_eq!(answers(&mut world, peers[0]), [Err(AskError::Cut)]);
    publish(&mut world, peers[0], b"here");
    publish(&mut world, peers[3], b"there");
    world.run(100);
    assert_eq!(
        (heard(&mut world, peers[1]), heard(&mut world, peers[2])),
        (vec![b"here".to_vec()], vec![b"there".to_vec()])
    );
    ask(&mut world, peers[0], peers[3], 2, b"x");
    assert!(matches!(answers(&mut world, peers[0])[..], [Err(AskError::Unreachable { .. })]));
    world.heal();
    world.run(100);
    assert_eq!(
        (heard(&mut world, peers[1]), heard(&mut world, peers[2])),
        (vec![b"there".to_vec()], vec![b"here".to_vec()])
    );
}

#[test]
fn a_peer_that_sends_a_false_notice_is_banned_for_a_while() {
    let (mut world, peers) = world(3, 1);
    world.inject(peers[0], peers[1], &b"garbage"[..]);
    world.run(10);
    assert_eq!(world.at(peers[1]).counts().malformed, 1);
    assert!(
        events(&mut world, peers[1])
            .iter()
            .any(|event| matches!(event, Event::Down { peer, .. } if *peer == peers[0]))
    );
    publish(&mut world, peers[0], b"by way of the third");
    world.run(10);
    assert_eq!(heard(&mut world, peers[1]).len(), 1, "the ban is the link's, not the author's");
    world.run(crate::limits::BAN.as_millis() as u64);
    assert!(events(&mut world, peers[1]).contains(&Event::Up(peers[0])));
}

#[test]
fn with_faults_everything_still_ends_and_the_same_seed_is_the_same_history() {
    let history = |seed| {
        let (mut world, peers) = world(5, seed);
        world.set_faults(Faults { delay: 1..=400, lost: 100_000, doubled: 100_000 });
        let mut log = Vec::new();
        for round in 0..20u64 {
            publish(&mut world, peers[(round % 5) as usize], &round.to_be_bytes());
            ask(&mut world, peers[0], peers[1], round, b"abc");
            for _ in 0..20 {
                world.run(50);
                reply(&mut world, peers[1]);
            }
        }
        world.run(60_000);
        for &peer in &peers {
            log.push(events(&mut world, peer));
        }
        let answered = log[0].iter().filter(|event| matches!(event, Event::Answered { .. })).count();
        assert_eq!(answered, 20, "each request ends once");
        log
    };
    assert_eq!(history(3), history(3));
    assert_ne!(history(3), history(4));
}

#[test]
fn a_doubled_request_is_asked_twice_and_answered_once() {
    let (mut world, peers) = world(2, 1);
    world.set_faults(Faults { doubled: 1_000_000, ..Faults::default() });
    ask(&mut world, peers[0], peers[1], 1, b"abc");
    world.run(10);
    assert_eq!(reply(&mut world, peers[1]), 2);
    world.run(10);
    assert_eq!(answers(&mut world, peers[0]).len(), 1);
}

/// A state of a size that is no multiple of anything, on the first peer's disk.
fn provided(world: &mut World, peer: PeerId) -> (Blob, Arc<[u8]>) {
    let bytes: Arc<[u8]> = (0..5_000_001u32).map(|at| ((at * 7) >> 3) as u8).collect();
    world.write(peer, Path::new("state"), bytes.clone());
    world.at(peer).send(Command::Provide("state".into())).expect("nothing waits");
    let blob = Blob::of(&bytes);
    assert!(events(world, peer).contains(&Event::Provided { path: "state".into(), blob: Ok(blob) }));
    (blob, bytes)
}

fn fetch(world: &mut World, peer: PeerId, blob: Blob, providers: &[PeerId]) {
    let command = Command::Fetch { blob, providers: providers.to_vec(), path: PathBuf::from("copy") };
    world.at(peer).send(command).expect("nothing waits");
}

fn fetched(world: &mut World, peer: PeerId) -> Vec<Result<u64, BlobError>> {
    let end = |event| if let Event::Fetched { fetched, .. } = event { Some(fetched) } else { None };
    events(world, peer).into_iter().filter_map(end).collect()
}

#[test]
fn a_blob_is_fetched_with_progress() {
    let (mut world, peers) = world(2, 1);
    let (blob, bytes) = provided(&mut world, peers[0]);
    fetch(&mut world, peers[1], blob, &peers[..1]);
    world.run(1_000);
    let events = events(&mut world, peers[1]);
    let progress = events
        .iter()
        .filter(|event| matches!(event, Event::Progress { done, .. } if *done >= PROGRESS_BYTES));
    assert_eq!(progress.count(), 1);
    assert!(events.contains(&Event::Fetched { blob, fetched: Ok(blob.size) }));
    assert_eq!(world.read(peers[1], Path::new("copy")), Some(bytes));
}

#[test]
fn a_crash_or_a_lost_provider_costs_only_what_is_missing() {
    let (mut world, peers) = world(3, 1);
    let (blob, bytes) = provided(&mut world, peers[0]);
    fetch(&mut world, peers[1], blob, &peers[..1]);
    world.run(20);
    world.crash(peers[1]);
    world.restart(peers[1]);
    world.introduce_all();
    fetch(&mut world, peers[1], blob, &peers[..1]);
    world.run(1_000);
    let [Ok(second)] = fetched(&mut world, peers[1])[..] else { panic!("it is fetched") };
    assert!(second < blob.size * 3 / 4, "{second} of {}", blob.size);
    // The first provider is gone in the middle; the other one gives the rest.
    fetch(&mut world, peers[2], blob, &peers[..2]);
    world.run(20);
    world.crash(peers[0]);
    world.run(60_000);
    assert_eq!(fetched(&mut world, peers[2]), [Ok(blob.size)]);
    assert_eq!(world.read(peers[2], Path::new("copy")), Some(bytes));
}

#[test]
fn a_provider_with_other_bytes_is_left_for_the_next_and_a_fetch_without_one_fails() {
    let (mut world, peers) = world(3, 1);
    let (blob, bytes) = provided(&mut world, peers[0]);
    fetch(&mut world, peers[1], blob, &peers[..1]);
    world.run(1_000);
    world.write(peers[0], Path::new("state"), vec![0; blob.size as usize]);
    fetch(&mut world, peers[2], blob, &peers[..1]);
    world.run(1_000);
    let ends = fetched(&mut world, peers[2]);
    assert!(
        matches!(ends[..], [Err(BlobError::Missing { missing, .. })] if missing == blob.size),
        "{ends:?}"
    );
    assert_eq!(world.at(peers[2]).counts().malformed, u64::from(FETCH_ROUNDS));
    fetch(&mut world, peers[2], blob, &peers[..2]);
    world.run(1_000);
    assert_eq!(fetched(&mut world, peers[2]), [Ok(blob.size)]);
    assert_eq!(world.read(peers[2], Path::new("copy")), Some(bytes));
}

#[test]
fn a_fetch_ends_when_it_is_forgotten() {
    let (mut world, peers) = world(2, 1);
    let (blob, _) = provided(&mut world, peers[0]);
    fetch(&mut world, peers[1], blob, &peers[..1]);
    world.run(5);
    fetch(&mut world, peers[1], blob, &peers[..1]);
    assert_eq!(fetched(&mut world, peers[1]), [Err(BlobError::Busy)]);
    world.at(peers[1]).send(Command::Forget(blob)).expect("nothing waits");
    world.run(1_000);
    assert_eq!(fetched(&mut world, peers[1]), [Err(BlobError::Forgotten)]);
}
