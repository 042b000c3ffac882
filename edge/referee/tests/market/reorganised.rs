//! The chain forgets blocks between seals and openings, and what was said comes in another order: nobody has shown a root to somebody who can still
//! seal, whoever hoped for it is poorer, and the honest have what they would have had.

use super::town::{Town, sow};
use samebit_market::testing::{Chain, Script, Toy};
use samebit_market::{
    Amount, BatchId, BatchStage, Conclusion, DrawStage, Event, JobStage, MarketMessage, Owner, PlaceId, Ppm,
    Refusal, Terms, params,
};
use samebit_referee::Snapshot;

const SEED: u64 = 7;

/// A block to which the chain may go back, of both twins.
struct Block {
    chain: Chain,
    state: Snapshot,
}

impl Block {
    fn of(town: &mut Town) -> Block {
        Block { chain: town.chain.clone(), state: town.bazaar.evm.snapshot() }
    }

    /// Forgets what came after it. `seed` is that of the beacon of the blocks that follow.
    fn restore(&self, town: &mut Town, seed: u64) {
        town.chain = self.chain.clone();
        town.chain.seed = seed;
        town.bazaar.evm.restore(&self.state);
        sow(&mut town.bazaar, seed);
    }
}

type Said = (Owner, MarketMessage);

/// A job of one segment, which is drawn.
fn begin() -> (Town, Script) {
    let mut town = Town::new(SEED);
    let people = town.people.clone();
    people.iter().for_each(|&person| town.fund(person, Amount(1 << 80)));
    people[4..8].iter().for_each(|&person| town.seat(person));
    town.chain.blocks(1);
    let terms = Terms { draw_rate: Ppm(1_000_000), ..Script::terms() };
    let script = Script::of(&town.chain, &people, Toy::new(1), terms, 0);
    town.tell(script.poster, script.post.clone()).expect("it is well formed");
    (town, script)
}

/// Says what is due, unless `keeps_back` says otherwise, until something holds.
fn until(
    town: &mut Town,
    script: &Script,
    keeps_back: impl Fn(Owner, &MarketMessage) -> bool,
    holds: impl Fn(&Chain) -> bool,
) {
    for _ in 0..2_000 {
        if holds(&town.chain) {
            return;
        }
        let due = script.due(&town.chain).into_iter();
        let mut happened = false;
        for (sender, message) in due.filter(|(sender, due)| !keeps_back(*sender, due)) {
            happened = town.chain.clone().tell(sender, message.clone()).is_ok();
            if happened {
                town.tell(sender, message).expect("it was accepted");
                break;
            }
        }
        if !happened {
            town.chain.blocks(1);
        }
    }
    panic!("it never happens: {:?}", script.held(&town.chain));
}

fn draw_stage(chain: &Chain, script: &Script) -> Option<DrawStage> {
    let running = script.held(chain).attempt.as_ref()?;
    running.batches.first()?.draws.first().map(|draw| draw.stage)
}

fn is_done(chain: &Chain, script: &Script) -> bool {
    script.held(chain).stage == JobStage::Done && script.held(chain).locked() == Amount(0)
}

fn to_the_end(town: &mut Town, script: &Script) {
    until(town, script, |_, _| false, |chain| is_done(chain, script));
    town.check_money("the end");
}

fn wealth(town: &Town, owner: Owner) -> u128 {
    let vault = town.chain.market.vault();
    let seats = vault.seats().iter().filter(|seat| seat.owner == owner);
    vault.free(owner).0 + seats.map(|seat| seat.rest.0).sum::<u128>()
}

/// Everything is said up to the seals, and none is in.
fn before_seals(town: &mut Town, script: &Script) {
    let is_seal = |_: Owner, message: &MarketMessage| matches!(message, MarketMessage::Seal { .. });
    until(town, script, is_seal, |chain| draw_stage(chain, script) == Some(DrawStage::Sealing));
}

/// What is due of these messages, in the order of places.
fn due(town: &Town, script: &Script, wanted: fn(&MarketMessage) -> bool) -> Vec<Said> {
    script.due(&town.chain).into_iter().filter(|(_, due)| wanted(due)).collect()
}

fn is_seal(message: &MarketMessage) -> bool {
    matches!(message, MarketMessage::Seal { .. })
}

fn is_opening(message: &MarketMessage) -> bool {
    matches!(message, MarketMessage::OpenVerifier { .. })
}

fn is_solvers(message: &MarketMessage) -> bool {
    matches!(message, MarketMessage::OpenSolver { .. })
}

fn say(town: &mut Town, said: &Said) -> Result<Vec<Event>, Refusal> {
    town.tell(said.0, said.1.clone())
}

/// What everybody owns when all were honest and the chain forgot nothing.
fn honest() -> Vec<u128> {
    let (mut town, script) = begin();
    to_the_end(&mut town, &script);
    town.people.iter().map(|&owner| wealth(&town, owner)).collect()
}

/// Somebody who has run nothing sells out its own seal for that of its neighbour, and hopes that the chain forgets it once it has seen a root.
#[test]
fn a_copier_sees_no_root_before_its_seal_is_final() {
    let honest = honest();
    for depth in 1..=params::OPEN_DELAY {
        let (mut town, script) = begin();
        before_seals(&mut town, &script);
        let block = Block::of(&mut town);
        let seals = due(&town, &script, is_seal);
        let [verifier, copier] = [seals[0].0, seals[1].0];
        let copied = copy(&seals);
        seals[..1].iter().chain([&copied]).for_each(|seal| drop(say(&mut town, seal).expect("a seal")));
        assert_eq!(draw_stage(&town.chain, &script), Some(DrawStage::Opening));
        // Whatever the chain still may forget, it has shown nothing.
        for _ in 0..depth {
            let [opening, solvers] = [is_opening, is_solvers].map(|of| due(&town, &script, of));
            assert!(matches!(say(&mut town, &opening[0]), Err(Refusal::TooEarly(_))), "{depth}");
            assert_eq!(say(&mut town, &solvers[0]), Err(Refusal::NobodyOpened), "{depth}");
            town.chain.blocks(1);
        }
        block.restore(&mut town, SEED);
        // The same seals in another order; the copy comes first.
        for seal in [&copied, &seals[0]] {
            say(&mut town, seal).expect("it is a seal in this order too");
        }
        town.chain.blocks(params::OPEN_DELAY);
        let openings = due(&town, &script, is_opening);
        say(&mut town, &openings[0]).expect("it is its own");
        let stolen = (copier, reveal_of(&openings[0].1, PlaceId(1)));
        assert_eq!(
            say(&mut town, &stolen),
            Err(Refusal::Mismatch { what: "seal" }),
            "a seal binds its owner"
        );
        assert!(matches!(say(&mut town, &seals[1]), Err(Refusal::WrongDrawStage { .. })), "it is too late");
        to_the_end(&mut town, &script);
        let before = |owner| honest[town.people.iter().position(|&person| person == owner).expect("known")];
        assert!(wealth(&town, copier) < before(copier), "the copier has lost");
        for owner in [verifier, script.solver, script.poster, script.watcher] {
            assert!(wealth(&town, owner) >= before(owner), "{owner} has {}", wealth(&town, owner));
        }
    }
}

/// The first one's seal in the second one's place.
fn copy(seals: &[Said]) -> Said {
    let (mut copied, MarketMessage::Seal { seal: first, .. }) = (seals[1].clone(), &seals[0].1) else {
        panic!("a seal")
    };
    let MarketMessage::Seal { seal, .. } = &mut copied.1 else { panic!("a seal") };
    *seal = *first;
    copied
}

/// An opening, of another place.
fn reveal_of(opening: &MarketMessage, at: PlaceId) -> MarketMessage {
    let mut other = opening.clone();
    let MarketMessage::OpenVerifier { place, .. } = &mut other else { panic!("an opening") };
    *place = at;
    other
}

/// Seals and openings as honest people have said them before the chain forgot them, taken into it again in every order.
#[test]
fn what_is_forgotten_and_said_again_ends_alike_in_every_order() {
    let honest = honest();
    let (mut town, script) = begin();
    before_seals(&mut town, &script);
    let block = Block::of(&mut town);
    let mut said = due(&town, &script, is_seal);
    said.clone().iter().for_each(|seal| drop(say(&mut town, seal).expect("a seal")));
    town.chain.blocks(params::OPEN_DELAY);
    for wanted in [is_opening, is_solvers] {
        let openings = due(&town, &script, wanted);
        openings.iter().for_each(|opening| drop(say(&mut town, opening).expect("an opening")));
        said.extend(openings);
    }
    let orders = orders(said.len());
    println!("{} orders of {} messages", orders.len(), said.len());
    for order in orders {
        block.restore(&mut town, SEED);
        let mut left: Vec<&Said> = order.iter().map(|&at| &said[at]).collect();
        // What is refused waits in the pool, and is tried again in each block.
        for _ in 0..=2 * params::OPEN_DELAY {
            left.retain(|said| !matches!(say(&mut town, said), Ok(events) if !is_wrong(&events)));
            town.chain.blocks(1);
        }
        assert!(left.is_empty(), "{order:?}: {left:?}");
        assert_eq!(draw_stage(&town.chain, &script), Some(DrawStage::Checked), "{order:?}");
        to_the_end(&mut town, &script);
        let now: Vec<u128> = town.people.iter().map(|&owner| wealth(&town, owner)).collect();
        assert_eq!(now, honest, "{order:?}");
    }
}

/// Whether a draw was concluded otherwise than as checked.
fn is_wrong(events: &[Event]) -> bool {
    let otherwise = |event: &Event| matches!(event, Event::Concluded { conclusion, .. } if *conclusion != Conclusion::Checked);
    events.iter().any(otherwise)
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let longer = |shorter: Vec<usize>, last: usize| {
        (0..=shorter.len()).map(move |at| {
            let mut order = shorter.clone();
            order.insert(at, last);
            order
        })
    };
    (0..count).fold(vec![Vec::new()], |orders, last| {
        orders.into_iter().flat_map(|shorter| longer(shorter, last)).collect()
    })
}

/// A solver that has sealed garbage, sees that it is drawn, and has the chain go back before the draw.
#[test]
fn who_has_seen_a_draw_that_was_forgotten_has_learnt_nothing() {
    let honest = honest();
    let (mut town, script) = begin();
    let is_draw = |_: Owner, message: &MarketMessage| matches!(message, MarketMessage::Draw { .. });
    let stage = |chain: &Chain| {
        let running = script.held(chain).attempt.as_ref();
        running.and_then(|running| running.batches.first()).map(|batch| batch.stage)
    };
    until(&mut town, &script, is_draw, |chain| stage(chain) == Some(BatchStage::Held));
    let held = Block::of(&mut town);
    town.chain.blocks(params::DRAW_DELAY + 1);
    let ready = Block::of(&mut town);
    let draw = due(&town, &script, |message| matches!(message, MarketMessage::Draw { .. }));
    say(&mut town, &draw[0]).expect("it is drawn");
    let batch = |town: &Town| script.held(&town.chain).attempt.as_ref().expect("it runs").batches[0].clone();
    let (luck, root) = (batch(&town).luck, batch(&town).root);
    let seals = due(&town, &script, is_seal);
    let retract = MarketMessage::Retract {
        job: script.job,
        attempt: samebit_market::AttemptId(0),
        batch: BatchId(0),
        root,
    };
    // The beacon has passed: it is too late, on the old branch and on the new one.
    ready.restore(&mut town, SEED + 1);
    let refused = say(&mut town, &(script.solver, retract.clone()));
    assert!(matches!(refused, Err(Refusal::TooLate(_))), "{refused:?}");
    say(&mut town, &draw[0]).expect("it is drawn");
    assert_ne!(batch(&town).luck, luck, "another branch, another draw");
    // Seals for places that others have are refused; those of the same people are as good as before.
    let places = batch(&town).draws[0].places.clone();
    for ((sender, seal), place) in seals.iter().zip(places) {
        let is_same = place.seat.is_some_and(|(_, owner)| owner == *sender);
        assert_eq!(say(&mut town, &(*sender, seal.clone())).is_ok(), is_same);
    }
    to_the_end(&mut town, &script);
    // Further back the draw that was seen is none that will come, and withdrawing has its price.
    held.restore(&mut town, SEED + 1);
    say(&mut town, &(script.solver, retract)).expect("nobody knows the draw");
    to_the_end(&mut town, &script);
    let at = town.people.iter().position(|&owner| owner == script.solver).expect("known");
    assert!(wealth(&town, script.solver) < honest[at], "it has paid for nothing");
}
