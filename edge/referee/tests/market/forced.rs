//! Forced errors, through the contracts: as many as there ought to be, where nobody can tell, and worth nothing to those who do not look.

use super::town::Town;
use samebit_commit::{Digest, Tag, Tree, Words};
use samebit_market::testing::{Random, Script, Toy};
use samebit_market::{
    Amount, AttemptId, BatchId, CatchStage, JobStage, MarketMessage, Ppm, SegmentId, Terms, names,
};

/// Segments that go through the contracts.
const SEGMENTS: u64 = 10_240;
const BATCH: u8 = 64;
/// Half the width of a normal distribution's middle 99 %, in hundredths of its deviation.
const WIDTH_99: u64 = 258;

fn terms() -> Terms {
    Terms { draw_rate: Ppm(20_000), checkers: 1, credit: BATCH, ..Script::terms() }
}

fn begin(segments: u64) -> (Town, Script) {
    let mut town = Town::new(77);
    let people = town.people.clone();
    for &person in &people {
        town.fund(person, Amount(1 << 80));
    }
    for &person in &people[4..] {
        town.seat(person);
    }
    let script = Script::of(&town.chain, &people, Toy::new(segments), terms(), 0);
    town.tell(script.poster, script.post.clone()).expect("it is well formed");
    (town, script)
}

/// A segment as everybody sees it before its batch is revealed, and what is known later.
struct Seen {
    segment: u64,
    place: u64,
    luck: Digest,
    leaf: Digest,
    announced: Digest,
    is_forced: bool,
}

/// Says all that is due until the job is done; what was announced and revealed of each segment that was not drawn.
fn play(town: &mut Town, script: &Script, mut watch: impl FnMut(&mut Town, BatchId, &[Digest])) -> Vec<Seen> {
    let mut seen = Vec::new();
    while script.held(&town.chain).stage != JobStage::Done {
        let mut happened = false;
        for (sender, message) in script.due(&town.chain) {
            if matches!(message, MarketMessage::CommitCatch { .. })
                || town.chain.clone().tell(sender, message.clone()).is_err()
            {
                continue;
            }
            happened = true;
            town.tell(sender, message.clone()).expect("it was accepted");
            if let MarketMessage::Announce { batch, roots, .. } = &message {
                watch(town, *batch, roots);
            }
            if let MarketMessage::Reveal { batch, interiors, falses, .. } = &message {
                look(town, script, *batch, interiors, falses, &mut seen);
            }
        }
        if !happened {
            town.chain.wait(24);
        }
    }
    seen
}

fn look(
    town: &Town,
    script: &Script,
    batch: BatchId,
    interiors: &[Digest],
    falses: &[Digest],
    seen: &mut Vec<Seen>,
) {
    let running = script.held(&town.chain).attempt.as_ref().expect("it runs");
    let held = &running.batches[batch.0 as usize];
    let mut falses = falses.iter();
    for place in (0..held.count).filter(|place| held.drawn() >> place & 1 == 0) {
        let is_forced = held.forced >> place & 1 == 1;
        let announced = if is_forced { falses.next() } else { interiors.get(place as usize) };
        let segment = held.first + place;
        seen.push(Seen {
            segment,
            place,
            luck: held.luck.0,
            leaf: script.leaf(&town.chain, AttemptId(0), segment).digest(),
            announced: *announced.expect("as many as were revealed"),
            is_forced,
        });
    }
}

/// Whether `hits` of `count` are within the middle 99 % of a binomial distribution with this many forced in a million.
fn is_inside(hits: u64, count: u64, forced_ppm: u64) -> bool {
    let expected = count * forced_ppm;
    // (hits − np)² ≤ (2.58)² np(1 − p), all times 10^6 squared.
    let distance = u128::from((hits * 1_000_000).abs_diff(expected));
    let variance = u128::from(expected) * u128::from(1_000_000 - forced_ppm);
    distance * distance * 10_000 <= u128::from(WIDTH_99 * WIDTH_99) * variance
}

/// Something that is known of a segment before it is revealed.
type Feature = (&'static str, fn(&Seen) -> u64);

const FEATURES: [Feature; 7] = [
    ("place in the batch", |seen| seen.place),
    ("number", |seen| seen.segment % 61),
    ("announced root", |seen| seen.announced.0[31].into()),
    ("claimed leaf", |seen| seen.leaf.0[31].into()),
    ("draw and number", |seen| word(&[seen.luck], seen.segment)),
    ("draw and root", |seen| word(&[seen.luck, seen.announced], seen.segment)),
    ("leaf and root", |seen| word(&[seen.leaf, seen.announced], 0)),
];

fn word(digests: &[Digest], number: u64) -> u64 {
    let words = digests.iter().fold(Words::new(), |words, digest| words.digest(*digest));
    words.number(number).hash(Tag::File).0[0].into()
}

/// A predictor that has seen all past reveals: it points at the values of a feature at which most was forced so far.
fn points_at(feature: fn(&Seen) -> u64, seen: &[Seen]) -> (u64, u64) {
    let (mut forced, mut all) = (vec![0u64; 256], vec![0u64; 256]);
    let (mut hits, mut tries) = (0, 0);
    for one in seen {
        let value = feature(one) as usize % 256;
        let total: u64 = forced.iter().sum();
        let count: u64 = all.iter().sum();
        // More was forced at this value than elsewhere.
        if all[value] > 0 && forced[value] * count > 2 * total * all[value] {
            tries += 1;
            hits += u64::from(one.is_forced);
        }
        forced[value] += u64::from(one.is_forced);
        all[value] += 1;
    }
    (hits, tries)
}

#[test]
fn forced_errors_come_at_their_rate_and_nobody_sees_them_coming() {
    let (mut town, script) = begin(SEGMENTS);
    let seen = play(&mut town, &script, |_, _, _| {});
    let forced = seen.iter().filter(|one| one.is_forced).count() as u64;
    let count = seen.len() as u64;
    println!("{forced} of {count} segments that were not drawn were forced");
    assert!(count >= 10_000, "{count} segments");
    assert!(is_inside(forced, count, 10_000), "{forced} of {count}");
    for (name, feature) in FEATURES {
        let (hits, tries) = points_at(feature, &seen);
        println!("by its {name}: {hits} of {tries}");
        let base = forced * 1_000_000 / count;
        assert!(tries == 0 || is_inside(hits, tries, base), "its {name} tells: {hits} of {tries}");
    }
}

#[test]
fn who_approves_blindly_pays_for_it() {
    let (mut town, script) = begin(512);
    let watcher = script.watcher;
    let before = town.chain.market.free(watcher);
    let mut random = Random::new(3);
    let mut bonds = 0u128;
    play(&mut town, &script, |town, batch, roots| {
        // It says of a segment what was announced, without running it.
        let running = script.held(&town.chain).attempt.as_ref().expect("it runs");
        let held = &running.batches[batch.0 as usize];
        let (drawn, mut roots) = (held.drawn(), roots.iter());
        let leaf = |at: u64| match drawn >> at & 1 {
            1 => Digest::ZERO,
            _ => *roots.next().expect("one for each that is not drawn"),
        };
        let tree = Tree::new((0..held.count).map(leaf).collect());
        let at = random.below(held.count);
        let (segment, announced) = (SegmentId(held.first + at), tree.leaves()[at as usize]);
        if announced == Digest::ZERO {
            return;
        }
        let siblings = tree.open(at).expect("it is inside").siblings;
        let salt = Digest([7; 32]);
        let commitment = names::catch(script.job, AttemptId(0), segment, watcher, salt, announced);
        let (job, attempt) = (script.job, AttemptId(0));
        let catch =
            MarketMessage::CommitCatch { job, attempt, batch, segment, announced, siblings, commitment };
        town.tell(watcher, catch).expect("anybody may");
        bonds += samebit_market::params::CATCH_BOND.0;
    });
    let job = script.held(&town.chain).clone();
    // Those that were due are paid already.
    let open = job.catches.into_iter().filter(|(_, held)| held.stage != CatchStage::Closed);
    for ((attempt, segment, owner), _) in open {
        let job = script.job;
        town.tell(script.heir, MarketMessage::PayCatch { job, attempt, segment, owner })
            .expect("it is settled");
    }
    assert!(bonds > 0, "nothing was approved");
    assert_eq!(town.chain.market.free(watcher).0, before.0 - bonds, "all its bonds are lost");
    town.check_money("the end");
}
