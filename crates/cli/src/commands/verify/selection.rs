//! Which segments are re-executed.

use crate::arguments::Verify;
use crate::failure::{Exit, Failure};
use samebit_num::philox::Stream;
use samebit_recipe::random::SAMPLE_STREAM;
use samebit_trace::Selection;

/// The share of segments that is re-executed if nothing is said.
const DEFAULT_SAMPLE: f64 = 0.1;

/// The segments that the flags ask for, of so many.
///
/// # Errors
/// A segment that the run has not; no randomness.
pub fn selection(arguments: &Verify, segments: u64) -> Result<Selection, Failure> {
    if arguments.all {
        return Ok(Selection::All);
    }
    if let Some(beyond) = arguments.segment.iter().find(|segment| **segment >= segments) {
        let last = segments.saturating_sub(1);
        return Err(Failure::input(format!(
            "--segment {beyond}: the run has {segments} segments\nhint: give a number from 0 to {last}"
        )));
    }
    if !arguments.segment.is_empty() {
        return Ok(Selection::Only(arguments.segment.clone()));
    }
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => {
            getrandom::u64().map_err(|error| Failure::new(Exit::Failed, format!("no randomness: {error}")))?
        }
    };
    Ok(Selection::Only(sample(seed, arguments.sample.unwrap_or(DEFAULT_SAMPLE), segments)))
}

/// Each segment with this probability; one of them if that gives none.
fn sample(seed: u64, probability: f64, segments: u64) -> Vec<u64> {
    let stream = Stream { seed, stream: SAMPLE_STREAM, step: 0 };
    let is_drawn = |segment: &u64| f64::from(stream.uniform(*segment)) < probability;
    let mut drawn: Vec<u64> = (0..segments).filter(is_drawn).collect();
    if drawn.is_empty() && segments > 0 {
        let [low, high, ..] = Stream { step: 1, ..stream }.words(0);
        drawn.push((u64::from(high) << 32 | u64::from(low)) % segments);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_and_never_nothing() {
        assert_eq!(sample(1, 1.0, 5), [0, 1, 2, 3, 4]);
        assert!(sample(1, 0.0, 0).is_empty());
        let mut seen = [0; 7];
        for seed in 0..200 {
            let drawn = sample(seed, 0.0, 7);
            assert_eq!(drawn.len(), 1);
            seen[drawn[0] as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
        let many = sample(3, 0.2, 10_000).len();
        assert!((1800..2200).contains(&many), "{many}");
    }
}
