//! What forced errors are worth: their rate, to a predictor, to a blind whistleblower, and to a solver that catches itself.

use samebit_commit::{Digest, Tag, Tree, Words};
use samebit_market::testing::{Chain, Script, Toy, owner};
use samebit_market::{
    Amount, AttemptId, BatchId, BatchStage, MarketMessage, Owner, Pot, Ppm, SegmentId, Terms, names, params,
};

const JOBS: u64 = 162;
const SEGMENTS: u64 = 64;
const FIRST: AttemptId = AttemptId(0);

fn begin(seed: u64) -> (Chain, Script) {
    let mut chain = Chain::new(seed);
    let people: Vec<Owner> = (1..=6).map(owner).collect();
    Script::seat(&mut chain, &people[4..]);
    let terms = Terms { draw_rate: Ppm(0), credit: 64, checkers: 1, ..Script::terms() };
    let toy = Toy { seed, steps: SEGMENTS, segment_steps: 1 };
    let script = Script::post(&mut chain, &people, toy, terms, seed);
    (chain, script)
}

/// Plays until the only batch stands there.
fn until(chain: &mut Chain, script: &Script, wanted: BatchStage) {
    for _ in 0..1_000 {
        let stage =
            script.held(chain).attempt.as_ref().and_then(|running| Some(running.batches.first()?.stage));
        if stage == Some(wanted) {
            return;
        }
        if !script.round(chain) {
            chain.wait(12);
        }
    }
    panic!("it never happens: {:?}", script.held(chain));
}

/// What everybody can see of an undrawn segment before it is revealed, and whether it was forced.
struct Seen {
    public: Digest,
    is_forced: bool,
}

/// All segments of all jobs, through the whole transition.
fn seen() -> Vec<Seen> {
    let mut all = Vec::new();
    for seed in 0..JOBS {
        let (mut chain, script) = begin(seed);
        until(&mut chain, &script, BatchStage::Announced);
        let due = script.due(&chain);
        let announced: Vec<Digest> = due
            .iter()
            .filter_map(|(_, due)| match due {
                MarketMessage::CommitCatch { announced, .. } => Some(*announced),
                _ => None,
            })
            .collect();
        until(&mut chain, &script, BatchStage::Revealed);
        let batch = script.held(&chain).attempt.as_ref().expect("it runs").batches[0].clone();
        for at in (0..SEGMENTS).filter(|at| batch.drawn() >> at & 1 == 0) {
            let leaf = script.leaf(&chain, FIRST, at);
            let words = Words::new().digest(leaf.seal).digest(batch.luck.0).number(at);
            let public = words.hash(Tag::File);
            all.push(Seen { public, is_forced: batch.forced >> at & 1 == 1 });
        }
        // Only who has run a segment knows which announcement is false.
        assert_eq!(announced.len() as u32, batch.forced.count_ones());
    }
    all
}

/// Whether a count of successes is inside the 99 % interval of so many trials at the rate of forced errors.
fn is_chance(count: u64, trials: u64) -> bool {
    let rate = f64::from(params::FORCED.0) / 1e6;
    let (mean, deviation) = (trials as f64 * rate, (trials as f64 * rate * (1.0 - rate)).sqrt());
    (count as f64 - mean).abs() <= 2.576 * deviation + 0.5
}

#[test]
fn errors_are_forced_at_their_rate_and_cannot_be_predicted() {
    let all = seen();
    let forced = all.iter().filter(|seen| seen.is_forced).count() as u64;
    println!("{forced} of {} segments were forced", all.len());
    assert!(all.len() >= 10_000);
    assert!(is_chance(forced, all.len() as u64));

    // The predictor weighs every bit of what is public by how often it went with force so far, and names the likeliest tenth of what follows.
    let bit = |seen: &Seen, at: usize| i64::from(seen.public.0[at / 8] >> (at % 8) & 1) * 2 - 1;
    let (past, future) = all.split_at(all.len() / 2);
    let weigh = |at| past.iter().filter(|seen| seen.is_forced).map(|seen| bit(seen, at)).sum::<i64>();
    let weights: Vec<i64> = (0..256).map(weigh).collect();
    let score = |seen: &&Seen| -(0..256).map(|at| weights[at] * bit(seen, at)).sum::<i64>();
    let mut ranked: Vec<&Seen> = future.iter().collect();
    ranked.sort_by_key(score);
    let named = &ranked[..future.len() / 10];
    let hits = named.iter().filter(|seen| seen.is_forced).count() as u64;
    println!("a predictor names {} segments, of which {hits} were forced", named.len());
    assert!(is_chance(hits, named.len() as u64));
}

#[test]
fn a_blind_whistleblower_loses_its_bonds() {
    let (mut chain, script) = begin(7);
    let blind = owner(9);
    chain.fund(blind, Amount(1 << 80));
    let before = chain.market.free(blind);
    until(&mut chain, &script, BatchStage::Announced);
    let batch = script.held(&chain).attempt.as_ref().expect("it runs").batches[0].clone();
    let mut count = 0;
    for at in (0..SEGMENTS).filter(|at| batch.drawn() >> at & 1 == 0) {
        // It guesses that the announcement is false, and what the truth is.
        let roots: Vec<Digest> = announced(&chain, &script);
        let commitment =
            names::catch(script.job, FIRST, SegmentId(at), blind, Digest([1; 32]), Digest([2; 32]));
        let message = MarketMessage::CommitCatch {
            job: script.job,
            attempt: FIRST,
            batch: BatchId(0),
            segment: SegmentId(at),
            announced: roots[at as usize],
            siblings: Tree::new(roots.clone()).open(at).expect("inside").siblings,
            commitment,
        };
        chain.tell(blind, message).expect("anybody may commit");
        count += 1;
    }
    script.run(&mut chain);
    let lost = before.less(chain.market.free(blind));
    assert_eq!(lost, params::CATCH_BOND.times(count));
}

/// The announced roots of the only batch, 0 where a segment is drawn.
fn announced(chain: &Chain, script: &Script) -> Vec<Digest> {
    let batch = &script.held(chain).attempt.as_ref().expect("it runs").batches[0];
    let falses = |at: u64| batch.luck.forces(SegmentId(at), script.secret(FIRST, at));
    let root = |at: u64| {
        let interior = script.interior(FIRST, at);
        match (batch.drawn() >> at & 1 == 1, falses(at)) {
            (true, _) => Digest::ZERO,
            (_, true) => Words::new().digest(interior).hash(Tag::File),
            (_, false) => interior,
        }
    };
    (0..SEGMENTS).map(root).collect()
}

#[test]
fn who_catches_itself_gets_its_own_tax_back_at_best() {
    let jackpot = Script::terms().jackpot;
    assert!(Script::terms().tax().0 * 1_000_000 >= jackpot.0 * u128::from(params::FORCED.0));
    let (mut taxes, mut prizes, mut caught) = (0, 0, 0);
    for seed in 0..JOBS {
        let (mut chain, script) = begin(seed);
        script.run(&mut chain);
        // Solver and watcher are one. Every pot begins empty here: a prize is at most what the job itself has paid.
        let tax = script.terms.tax().0 * u128::from(SEGMENTS);
        let left = chain.market.pot(Pot::Jackpot).0;
        assert!(left <= tax);
        taxes += tax;
        prizes += tax - left;
        caught += script.held(&chain).marks.values().map(|mark| mark.valid).sum::<u64>();
    }
    println!("{caught} caught: {prizes} back of {taxes} paid");
    assert!(caught > 0 && prizes < taxes);
}
