use super::*;
use crate::limits::{AUTHOR_NOTICES, AUTHOR_RATE, LIVE_BYTES, LIVE_NOTICES, STRANGER_RATE, STRANGERS};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NETWORK: NetworkId = NetworkId([9; 32]);
const START: Time = Time(1_700_000_000_000);
const TOPIC: Topic = Topic([3; 32]);

fn secret(number: u16) -> Secret {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    Secret::from_bytes(&bytes)
}

fn signed(author: u16, sequence: u64, expires: Time, body: &[u8]) -> Arc<[u8]> {
    let secret = secret(author);
    let notice = Notice { author: secret.peer(), topic: TOPIC, sequence, expires, body: body.to_vec() };
    Signed::new(notice, &secret, NETWORK).to_bytes().into()
}

/// A listener, what it counts, and its clock.
struct Ear {
    gossip: Gossip,
    counts: Counts,
    now: Time,
}

impl Ear {
    fn new() -> Self {
        Self { gossip: Gossip::new(secret(0), NETWORK, START), counts: Counts::default(), now: START }
    }

    fn knowing(authors: std::ops::Range<u16>) -> Self {
        let mut ear = Self::new();
        ear.gossip.know(authors.map(|author| secret(author).peer()), START);
        ear
    }

    fn hear(&mut self, bytes: &Arc<[u8]>) -> Verdict {
        self.gossip.receive(bytes, self.now, &mut self.counts)
    }

    fn is_fresh(&mut self, bytes: &Arc<[u8]>) -> bool {
        matches!(self.hear(bytes), Verdict::Fresh(_))
    }
}

#[test]
fn what_one_publishes_another_hears_once() {
    let mut author = Gossip::new(secret(1), NETWORK, START);
    let bytes = author.publish(TOPIC, 1_000, b"hello".to_vec(), START).expect("within all limits");
    let mut ear = Ear::new();
    let Verdict::Fresh(notice) = ear.hear(&bytes) else { panic!("it is fresh") };
    assert_eq!((notice.author, notice.body.as_slice()), (secret(1).peer(), &b"hello"[..]));
    assert_eq!(ear.hear(&bytes), Verdict::Useless);
    assert_eq!((ear.counts.notices, ear.counts.replayed), (1, 1));
    let mut counts = Counts::default();
    assert_eq!(author.receive(&bytes, START, &mut counts), Verdict::Useless, "an author knows its own");
}

#[test]
fn sequence_numbers_rise_within_a_millisecond_and_over_restarts() {
    let sequence = |bytes: &Arc<[u8]>| Signed::from_bytes(bytes).expect("a notice").notice.sequence;
    let mut author = Gossip::new(secret(1), NETWORK, START);
    let mut publish = |now| sequence(&author.publish(TOPIC, 10, vec![], now).expect("within the rate"));
    let first = [publish(START), publish(START), publish(START + 1)];
    assert!(first.is_sorted_by(|a, b| a < b), "{first:?}");
    let mut author = Gossip::new(secret(1), NETWORK, START + 1_000);
    let second = author.publish(TOPIC, 10, vec![], START + 1_000).expect("within the rate");
    assert!(sequence(&second) > first[2]);
}

#[test]
fn whatever_is_changed_in_a_notice_is_hostile_and_nothing_is_remembered_of_it() {
    let good = signed(1, 5, START + 1_000, b"price 7");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1 << bit;
            let mut ear = Ear::knowing(1..2);
            let verdict = ear.hear(&bytes.into());
            // A damaged end may be over, or too far; nothing that is damaged is ever fresh.
            let is_end = (72..80).contains(&at);
            assert!(verdict == Verdict::Hostile || (is_end && verdict == Verdict::Useless), "{at}.{bit}");
            assert!(ear.is_fresh(&good), "the honest notice still comes through");
        }
    }
}

#[test]
fn a_notice_of_another_network_is_falsely_signed() {
    let secret = secret(1);
    let notice =
        Notice { author: secret.peer(), topic: TOPIC, sequence: 1, expires: START + 9, body: vec![] };
    let bytes: Arc<[u8]> = Signed::new(notice, &secret, NetworkId([8; 32])).to_bytes().into();
    let mut ear = Ear::new();
    assert_eq!(ear.hear(&bytes), Verdict::Hostile);
    assert_eq!(ear.counts.false_signatures, 1);
}

#[test]
fn notices_that_are_over_or_live_too_long_are_dropped() {
    let mut ear = Ear::new();
    assert_eq!(ear.hear(&signed(1, 1, START, b"")), Verdict::Useless);
    assert!(ear.is_fresh(&signed(1, 2, START + 1, b"")));
    assert!(ear.is_fresh(&signed(1, 3, START + NOTICE_LIFE + CLOCK_SKEW, b"")));
    assert_eq!(ear.hear(&signed(1, 4, START + NOTICE_LIFE + CLOCK_SKEW + 1, b"")), Verdict::Useless);
    assert_eq!(ear.counts.expired, 2);
}

#[test]
fn order_does_not_matter_while_it_is_remembered_and_then_old_is_old() {
    let mut ear = Ear::knowing(1..2);
    let notice = |sequence| signed(1, sequence, START + 60_000, b"");
    let count = AUTHOR_NOTICES as u64;
    for sequence in (1..=count).rev() {
        assert!(ear.is_fresh(&notice(sequence)), "{sequence}");
    }
    assert!(ear.is_fresh(&notice(count + 1)));
    for sequence in 1..=count + 1 {
        assert!(!ear.is_fresh(&notice(sequence)), "{sequence} was heard");
    }
    assert!(ear.is_fresh(&notice(count + 9)));
    assert!(ear.is_fresh(&notice(count + 5)), "a gap can still be filled");
    assert!(!ear.is_fresh(&notice(0)), "what is below all that was forgotten was perhaps heard");
}

#[test]
fn an_author_of_the_list_has_its_own_rate_and_strangers_share_one() {
    let mut ear = Ear::knowing(1..2);
    let heard = |ear: &mut Ear, author, from: u64, count: u64| {
        (0..count).filter(|at| ear.is_fresh(&signed(author, from + at, ear.now + 60_000, b""))).count()
    };
    assert_eq!(heard(&mut ear, 1, 1, 300), AUTHOR_RATE.burst as usize);
    assert_eq!(heard(&mut ear, 2, 1, 200) + heard(&mut ear, 3, 1, 200), STRANGER_RATE.burst as usize);
    assert_eq!(ear.counts.throttled, 300 + 400 - 512);
    ear.now = START + 1_000;
    assert_eq!(heard(&mut ear, 1, 1_000, 300), AUTHOR_RATE.per_second as usize);
    assert_eq!(heard(&mut ear, 4, 1_000, 300), STRANGER_RATE.per_second as usize);
}

#[test]
fn strangers_have_limited_places_and_do_not_take_those_of_the_list() {
    let mut ear = Ear::knowing(1..2);
    let strangers = STRANGERS as u16;
    for author in 0..strangers {
        ear.now = ear.now + 40;
        assert!(ear.is_fresh(&signed(100 + author, 1, START + 100_000, b"")), "{author}");
    }
    ear.now = ear.now + 1_000;
    assert!(!ear.is_fresh(&signed(50, 1, START + 100_000, b"")), "no place");
    assert!(ear.is_fresh(&signed(1, 1, START + 100_000, b"")), "its own place");
    assert!(ear.is_fresh(&signed(100, 2, START + 100_000, b"")), "it has a place");
    ear.now = START + 100_000;
    assert!(ear.is_fresh(&signed(50, 2, START + 200_000, b"")), "those that are over make room");
}

#[test]
fn whoever_leaves_the_list_and_comes_back_is_not_heard_twice() {
    let mut ear = Ear::knowing(1..2);
    let bytes = signed(1, 1, START + 60_000, b"");
    assert!(ear.is_fresh(&bytes));
    ear.gossip.know([], START);
    assert!(!ear.is_fresh(&bytes));
    ear.gossip.know([secret(1).peer()], START);
    assert!(!ear.is_fresh(&bytes));
}

#[test]
fn what_is_below_the_floor_is_remembered_until_it_is_over() {
    let mut ear = Ear::new();
    let first = signed(1, 1, START + 600_000, b"");
    assert!(ear.is_fresh(&first));
    for sequence in 2..=AUTHOR_NOTICES as u64 + 1 {
        ear.now = ear.now + 40;
        assert!(ear.is_fresh(&signed(1, sequence, START + 30_000, b"")));
    }
    for author in 0..STRANGERS as u16 {
        ear.now = ear.now + 40;
        ear.is_fresh(&signed(100 + author, 1, START + 500_000, b""));
    }
    assert!(
        ear.now > START + 30_000 && !ear.is_fresh(&first),
        "all places are taken, and it is no stranger's first"
    );
}

#[test]
fn lists_may_follow_one_another_for_ever() {
    let mut ear = Ear::new();
    for list in 0..3 {
        let authors = 1 + 3_000 * list..1 + 3_000 * (list + 1);
        ear.gossip.know(authors.clone().map(|author| secret(author).peer()), START);
        authors.for_each(|author| assert!(ear.is_fresh(&signed(author, 1, START + 60_000, b""))));
    }
    ear.gossip.know([], START);
    assert!(ear.gossip.publish(TOPIC, 1_000, Vec::new(), START).is_ok());
    // Some were forgotten; what they have said is heard again, and lives once.
    ear.gossip.know((1..=3_000).map(|author| secret(author).peer()), START);
    let again = (1..=3_000).filter(|author| ear.is_fresh(&signed(*author, 1, START + 60_000, b""))).count();
    let live = ear.gossip.live(START);
    assert!(again > 0 && live.iter().collect::<BTreeSet<_>>().len() == live.len(), "{again}");
}

#[test]
fn a_link_that_comes_up_is_told_what_lives() {
    let mut ear = Ear::knowing(1..2);
    let (short, long) = (signed(1, 1, START + 10, b"short"), signed(1, 2, START + 20, b"long"));
    assert!(ear.is_fresh(&long) && ear.is_fresh(&short));
    assert_eq!(ear.gossip.live(START), [short, long.clone()]);
    assert_eq!(ear.gossip.live(START + 10), [long]);
    assert!(ear.gossip.live(START + 20).is_empty());
}

#[test]
fn what_lives_is_kept_within_its_limits() {
    let mut ear = Ear::knowing(1..40);
    let body = vec![0; NOTICE_BYTES as usize];
    for sequence in 1..=60 {
        for author in 1..40 {
            assert!(ear.is_fresh(&signed(author, sequence, START + 60_000 + sequence, &body)));
        }
    }
    let live = ear.gossip.live(START);
    let bytes: usize = live.iter().map(|bytes| bytes.len()).sum();
    assert!(live.len() <= LIVE_NOTICES && bytes <= LIVE_BYTES, "{} notices, {bytes} bytes", live.len());
    assert!(bytes > LIVE_BYTES - 2 * body.len(), "the limit is used");
}

#[test]
fn an_author_is_told_what_others_would_drop() {
    let mut author = Gossip::new(secret(1), NETWORK, START);
    let mut publish = |life, length| author.publish(TOPIC, life, vec![0; length], START);
    assert_eq!(publish(10, NOTICE_BYTES as usize + 1), Err(PublishError::Length(4_097)));
    assert_eq!(publish(NOTICE_LIFE + 1, 0), Err(PublishError::Life(NOTICE_LIFE + 1)));
    for _ in 0..AUTHOR_RATE.burst {
        publish(NOTICE_LIFE, 4).expect("within the rate");
    }
    assert_eq!(publish(10, 0), Err(PublishError::Rate));
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut ear = Ear::new();
        prop_assert_eq!(ear.hear(&bytes.into()), Verdict::Hostile);
    }

    /// Each notice is heard at most once, whatever the order, the repetitions and the clock.
    #[test]
    fn at_most_once(steps in prop::collection::vec((1u16..4, 1u64..150, 0u64..200), 1..120)) {
        let mut ear = Ear::knowing(1..3);
        let mut heard = std::collections::BTreeSet::new();
        for (author, sequence, pause) in steps {
            ear.now = ear.now + pause;
            let bytes = signed(author, sequence, START + 5_000 + sequence, b"");
            if ear.is_fresh(&bytes) {
                prop_assert!(heard.insert((author, sequence)), "{} {}", author, sequence);
            }
        }
    }
}
