//! The terms of a job, from its file and its budget: what the file does not say follows from the price.

use crate::failure::Failure;
use samebit_market::params::{SEAT, SILENCE};
use samebit_market::{Amount, Owner, Ppm, Seconds, Terms};
use samebit_recipe::Market;

/// The share of segments that is checked, unless the job says otherwise: a tenth.
const DRAW_RATE: Ppm = Ppm(100_000);
/// Segments of a batch.
const CREDIT: u8 = 4;
/// Verifiers of a drawn segment.
const CHECKERS: u8 = 2;
/// Seats that hold the states.
const CUSTODIANS: u8 = 3;
/// A claim in Dispute, in the chain's own money: 0.01.
const QUESTION_BOND: Amount = Amount(10_000_000_000_000_000);

/// The terms of a job of so many segments, which may cost `budget` in all.
///
/// # Errors
/// A budget that pays for nothing, or terms that no market takes.
pub fn terms(market: &Market, budget: Amount, segments: u64) -> Result<Terms, Failure> {
    let draw_rate = market.draw.map_or(DRAW_RATE, |draw| Ppm((f64::from(draw) * 1e6).round() as u32));
    let count =
        |told: Option<usize>, default: u8| told.map_or(default, |told| told.min(u8::MAX.into()) as u8);
    let credit = count(market.credit, CREDIT);
    let challenge = market.challenge_time_seconds.map_or(Seconds(900), |seconds| Seconds(seconds as u64));
    let (checkers, custodians) = (count(market.checkers, CHECKERS), count(market.custodians, CUSTODIANS));
    let quorum = custodians / 2 + 1;
    let mut terms = Terms {
        price: Amount(0),
        check_fee: Amount(0),
        hold_fee: Amount(0),
        deposit: Amount(0),
        challenge_bond: Amount(0),
        challenge_cost: Amount(0),
        jackpot: Amount(0),
        question_bond: QUESTION_BOND,
        draw_rate,
        checkers,
        custodians,
        quorum,
        credit,
        claim_seconds: Seconds(1_200),
        hold_seconds: Seconds(900),
        announce_seconds: Seconds(900),
        seal_seconds: Seconds(900),
        open_seconds: Seconds(900),
        challenge_seconds: challenge,
        reveal_seconds: Seconds(900),
        contest_seconds: Seconds(900),
        entry_seconds: Seconds(1_200),
        clock_seconds: Seconds(2_400),
        extension_seconds: Seconds(120),
        solver: Owner::default(),
    };
    // A check costs a tenth of a segment and holding one a hundredth; what is locked for all of it is the budget.
    let shares = u128::from(segments) * (100 + u128::from(custodians))
        + 10 * u128::from(checkers) * u128::from(terms.draws(segments));
    let price = Amount(budget.0 / shares * 100);
    terms.price = price;
    terms.check_fee = Amount((price.0 / 10).min(SEAT.0 / u128::from(SILENCE)));
    terms.hold_fee = Amount(price.0 / 100);
    terms.deposit = price.times(20);
    terms.challenge_bond = price.times(2);
    terms.challenge_cost = Amount(price.0 / 2);
    terms.jackpot = price.times(5);
    if price.0 == 0 {
        return Err(Failure::input(format!("the budget is too small for {segments} segments")));
    }
    debug_assert!(terms.escrow(segments) <= budget);
    Ok(terms)
}
