//! A report finds what is short, what should not be, and what was not to be expected.

use super::Report;
use crate::forecast::Forecast;
use crate::plays::STAGES;
use crate::run::{Liar, Outcome};
use crate::scene::{Part, SCENES, Scene};
use samebit_market::{Amount, Owner};

/// A run of a scene that reached these stages and caught some of its liars.
fn outcome(number: u64, stages: &[&'static str], liars: Vec<Liar>) -> Outcome {
    Outcome {
        scene: Scene::new(number, 4),
        audit: 0,
        wrong: Vec::new(),
        counts: stages.iter().map(|stage| (*stage, 1)).collect(),
        liars,
        harm: Amount(0),
        is_watched: true,
        is_false: false,
        stage: None,
        blocks: 1,
        refused: [0; 2],
    }
}

fn liar(caught: f64, is_caught: bool, loss: u128) -> Liar {
    let forecast = Forecast { owner: Owner([2; 20]), caught, cost: Amount(5)..=Amount(7), mean: None };
    Liar { part: Part::Seat, forecast, is_caught, loss: Amount(loss) }
}

fn failures(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<String> {
    let mut report = Report::default();
    outcomes.into_iter().for_each(|outcome| report.add(&outcome));
    report.failures()
}

#[test]
fn a_stage_that_two_thousand_seeds_do_not_reach_is_named() {
    let all = || (0..2_000 * SCENES).map(|number| outcome(number, &["claimed", "settled"], Vec::new()));
    let short = failures(all());
    assert!(short.contains(
        &"solver: stale state, calm: `leaf judged` was reached in 0 runs, less than 20".to_owned()
    ));
    assert!(!short.iter().any(|wrong| wrong.contains("`claimed`")), "{short:?}");
    assert!(failures(all().take(1_000)).is_empty(), "few seeds need not reach anything");
}

#[test]
fn a_stage_to_which_nothing_leads_is_named() {
    // The first scene is one of nobody's lies, on a calm day.
    let wrong = failures([outcome(0, &["claimed", "contested"], Vec::new())]);
    assert_eq!(wrong, ["nobody lies, calm: `contested` was reached in 1 runs, though nothing leads there"]);
    let beyond = failures([outcome(6, &STAGES, Vec::new())]);
    assert!(beyond.iter().all(|wrong| !wrong.contains("faulted")), "{beyond:?}");
}

#[test]
fn a_liar_that_does_what_cannot_be_is_named() {
    let of = |liar| failures([outcome(0, &[], vec![liar])]);
    assert!(of(liar(1.0, true, 6)).is_empty() && of(liar(0.0, false, 0)).is_empty());
    assert!(of(liar(0.5, true, 5)).is_empty() && of(liar(0.5, false, 0)).is_empty());
    for wrong in [liar(1.0, false, 0), liar(0.0, true, 6), liar(1.0, true, 4), liar(0.5, true, 8)] {
        assert_eq!(of(wrong.clone()).len(), 1, "{wrong:?}");
    }
    // Beyond the budgets anything may be.
    assert!(failures([outcome(6, &[], vec![liar(1.0, false, 0)])]).is_empty());
}

#[test]
fn a_share_that_is_far_from_its_forecast_is_named() {
    let share = |caught: u64| {
        let runs = (0..100).map(|at| outcome(0, &[], vec![liar(0.5, at < caught, 6)]));
        failures(runs).len()
    };
    assert_eq!(share(50), 0);
    // Of the play, and of all.
    assert_eq!(share(80), 2);
    assert_eq!(share(20), 2);
}
