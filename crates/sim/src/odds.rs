//! The odds of a job's draws, from its terms alone (job.md §6).
#![allow(clippy::float_arithmetic, reason = "odds are for reports: nothing that is played depends on them")]

use samebit_market::Terms;

/// A batch: its first segment, and how many it has.
type Batch = (u64, u64);

/// Every way in which the numbers of draws of an attempt's batches can come out, with its probability.
#[derive(Clone, Debug)]
pub struct Odds {
    batches: Vec<Batch>,
    ways: Vec<(Vec<u64>, f64)>,
}

impl Odds {
    /// The odds of an attempt at a job of so many segments, claimed in batches as large as may be.
    pub fn new(terms: &Terms, segments: u64) -> Odds {
        let credit = u64::from(terms.credit);
        let starts = (0..segments).step_by(credit as usize);
        let batches: Vec<Batch> = starts.map(|first| (first, credit.min(segments - first))).collect();
        let rate = f64::from(terms.draw_rate.0) / 1e6;
        let mut ways = vec![(Vec::new(), 1.0)];
        for (at, (_, count)) in batches.iter().enumerate() {
            let is_final = at + 1 == batches.len();
            ways = ways.into_iter().flat_map(|way| longer(way, *count as f64 * rate, is_final)).collect();
        }
        Odds { batches, ways }
    }

    /// That a segment is drawn: of each stratum one is.
    pub fn drawn(&self, segment: u64) -> f64 {
        let holds = |(first, count): &Batch| (*first..first + count).contains(&segment);
        let at = self.batches.iter().position(holds).expect("a batch has the segment");
        let (first, count) = self.batches[at];
        let share = |draws: u64| {
            let bound = |stratum: u64| stratum * count / draws;
            let stratum = (0..draws).find(|stratum| segment - first < bound(stratum + 1));
            stratum.map_or(0.0, |stratum| 1.0 / (bound(stratum + 1) - bound(stratum)) as f64)
        };
        self.ways.iter().map(|(draws, probability)| probability * share(draws[at])).sum()
    }

    /// That of something that befalls each draw by itself with this probability, none is befallen.
    pub fn never(&self, probability: f64) -> f64 {
        let spared = |draws: &[u64]| (1.0 - probability).powi(draws.iter().sum::<u64>() as i32);
        self.ways.iter().map(|(draws, way)| way * spared(draws)).sum()
    }

    /// The mean number of draws.
    pub fn mean(&self) -> f64 {
        self.ways.iter().map(|(draws, way)| way * draws.iter().sum::<u64>() as f64).sum()
    }

    /// The most draws.
    pub fn most(&self) -> u64 {
        self.ways.iter().map(|(draws, _)| draws.iter().sum()).max().unwrap_or_default()
    }
}

/// The ways in which one more batch can come out: the expected number is rounded up or down by chance, and a final batch has a draw if none was before.
fn longer((before, probability): (Vec<u64>, f64), expected: f64, is_final: bool) -> Vec<(Vec<u64>, f64)> {
    let least = u64::from(is_final && before.iter().all(|draws| *draws == 0));
    let (low, up) = (expected.floor(), expected.fract());
    let way = |draws: f64, part: f64| {
        let draws = before.iter().copied().chain([(draws as u64).max(least)]).collect();
        (draws, probability * part)
    };
    vec![way(low, 1.0 - up), way(low + 1.0, up)].into_iter().filter(|(_, part)| *part > 0.0).collect()
}

/// That of `picked`, taken from `of` without putting back, at least `least` are of a group of so many.
pub fn at_least(least: u64, group: u64, picked: u64, of: u64) -> f64 {
    let exactly = |inside: u64| {
        let outside = picked - inside;
        choices(group, inside) * choices(of.saturating_sub(group), outside) / choices(of, picked)
    };
    (least..=picked).map(exactly).sum()
}

/// In how many ways so many can be picked of a number.
fn choices(of: u64, picked: u64) -> f64 {
    (0..picked).map(|at| of.saturating_sub(at) as f64 / (at + 1) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::terms;
    use samebit_market::Ppm;

    fn check(rate: u32, segment: u64, expected: f64) {
        let odds = Odds::new(&terms(Ppm(rate)), 4);
        assert!((odds.drawn(segment) - expected).abs() < 1e-12, "{rate} {segment}: {}", odds.drawn(segment));
    }

    #[test]
    fn a_segment_is_drawn_at_the_rate_and_in_a_final_batch_more_often() {
        (0..4).for_each(|segment| check(1_000_000, segment, 1.0));
        (0..4).for_each(|segment| check(500_000, segment, 0.5));
        (0..2).for_each(|segment| check(250_000, segment, 0.25));
        // Half of the time nothing was drawn before, and one of two is.
        (2..4).for_each(|segment| check(250_000, segment, 0.5 * 0.5 + 0.5 * 0.25));
    }

    #[test]
    fn who_is_in_each_draw_with_a_probability_is_spared_by_all_with_its_power() {
        let odds = |rate| Odds::new(&terms(Ppm(rate)), 4);
        assert!((odds(1_000_000).never(0.4) - 0.6f64.powi(4)).abs() < 1e-12);
        assert!((odds(250_000).never(0.4) - (0.75 * 0.6 + 0.25 * 0.36)).abs() < 1e-12);
        assert!((odds(250_000).mean() - 1.25).abs() < 1e-12);
        assert!((at_least(2, 2, 2, 5) - 0.1).abs() < 1e-12);
        assert!((at_least(2, 2, 3, 5) - 0.3).abs() < 1e-12);
        assert!((at_least(1, 1, 2, 5) - 0.4).abs() < 1e-12);
        assert!(at_least(2, 1, 2, 5) == 0.0);
    }
}
