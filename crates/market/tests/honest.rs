//! Jobs in which everybody is honest: they end, and everybody gets what the terms promise.

use samebit_market::testing::{Chain, Script, owner};
use samebit_market::{Amount, JobStage, Pot, protocol_fee};

/// A job of so many segments from its posting to its end.
fn run(seed: u64, segments: u64) -> (Chain, Script) {
    let mut chain = Chain::new(seed);
    let script = Script::new(&mut chain, segments);
    script.run(&mut chain);
    (chain, script)
}

#[test]
fn honest_jobs_end_and_everybody_is_paid() {
    for seed in 0..40 {
        let segments = 1 + seed % 9;
        let before = {
            let mut chain = Chain::new(seed);
            let script = Script::new(&mut chain, segments);
            [script.solver, script.poster].map(|owner| chain.market.free(owner))
        };
        let (chain, script) = run(seed, segments);
        let job = script.held(&chain);
        assert_eq!((job.stage, job.settled, job.attempts), (JobStage::Done, segments, 1));
        let price = Amount(script.terms.price.0 - 7);
        let pay = price.less(protocol_fee(price)).times(segments);
        let tax = script.terms.tax().times(segments);
        let [solver, _] = before;
        assert_eq!(chain.market.free(script.solver), solver.plus(pay).less(tax));
        assert_eq!(chain.market.pot(Pot::Fees), protocol_fee(price).times(segments));
        assert_eq!(chain.market.pot(Pot::Insurance), Amount(0));
        assert!(chain.market.is_balanced());
    }
}

#[test]
fn a_forced_error_that_is_caught_pays_its_jackpot() {
    let mut caught = 0;
    for seed in 0..60 {
        let (chain, script) = run(seed, 12);
        let job = script.held(&chain);
        let valid: u64 = job.marks.values().map(|mark| mark.valid).sum();
        caught += valid;
        if valid == 0 {
            let tax = script.terms.tax().times(12);
            assert_eq!(chain.market.pot(Pot::Jackpot), tax);
        }
        assert_eq!(chain.market.free(owner(0xdd)), Amount(0));
    }
    assert!(caught > 0, "no error was forced in 720 segments");
}
