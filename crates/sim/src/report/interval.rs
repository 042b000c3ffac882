//! How sure a measured share is.
#![allow(clippy::float_arithmetic, reason = "of reports only")]

use std::ops::RangeInclusive;

/// Shares that are measured at most, of which all are to lie within their intervals together.
pub const SHARES: usize = 20;
/// A normal variable is farther from its mean than this many standard deviations with probability 0.01 / [`SHARES`].
const DEVIATIONS: f64 = 3.481;

/// Wilson's interval of a share: those of [`SHARES`] shares all hold the true ones with probability 0.99.
pub fn interval(hits: u64, of: u64) -> RangeInclusive<f64> {
    if of == 0 {
        return 0.0..=1.0;
    }
    let (count, share) = (of as f64, hits as f64 / of as f64);
    let spread = DEVIATIONS * DEVIATIONS / count;
    let middle = (share + spread / 2.0) / (1.0 + spread);
    let half = (spread * share * (1.0 - share) + spread * spread / 4.0).sqrt() / (1.0 + spread);
    (middle - half).max(0.0)..=(middle + half).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_share_and_shrinks_with_the_root_of_the_count() {
        let width = |hits, of| interval(hits, of).end() - interval(hits, of).start();
        assert!(interval(30, 100).contains(&0.3) && !interval(30, 100).contains(&0.5));
        assert!(interval(0, 10).contains(&0.0) && interval(10, 10).contains(&1.0));
        assert!((width(50, 100) / width(5_000, 10_000) - 10.0).abs() < 0.6);
        assert_eq!(interval(0, 0), 0.0..=1.0);
    }
}
