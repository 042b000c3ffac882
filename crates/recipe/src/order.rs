//! Which rows a step sees (docs/spec/recipe.md §2 and §3).
//!
//! ```text
//! tokens   t0 t1 t2 t3 t4 t5 t6 t7 t8 t9 …            T = 4
//! row 0    t0 t1 t2 t3 (t4)          inputs t0 … t3, labels t1 … t4
//! row 1                t4 t5 t6 t7 (t8)
//! ```
//! Rows are shuffled anew in every epoch, and the epochs' rows in a row are cut into batches.

use samebit_num::philox::Stream;

use crate::error::{Error, Result};
use crate::random::ORDER_STREAM;

/// How many rows a token stream has: every row needs `sequence_len` tokens and the one after them.
pub fn row_count(token_count: usize, sequence_len: usize) -> usize {
    token_count.saturating_sub(1) / sequence_len
}

/// The rows of every step, as a table u32 [`steps`, `rows_per_step`] in row-major order.
///
/// # Errors
/// [`Error::TooLittleData`] if the tokens do not fill one step.
pub fn order_table(
    seed: u64,
    token_count: usize,
    sequence_len: usize,
    rows_per_step: usize,
    steps: usize,
) -> Result<Vec<u32>> {
    let rows = row_count(token_count, sequence_len);
    if rows < rows_per_step {
        return Err(Error::TooLittleData { tokens: token_count, rows, sequence_len, rows_per_step });
    }
    let rows = u32::try_from(rows).map_err(|_| Error::Limit {
        what: "the data's row count",
        value: rows as u128,
        limit: u32::MAX.into(),
        hint: "use less data or longer rows".into(),
    })?;
    let count = steps * rows_per_step;
    let mut table = Vec::with_capacity(count);
    for epoch in 0.. {
        if table.len() == count {
            break;
        }
        let taken = (count - table.len()).min(rows as usize);
        table.extend_from_slice(&permutation(seed, epoch, rows)[..taken]);
    }
    Ok(table)
}

/// The shuffled rows 0 … `rows` − 1 of an epoch: Fisher–Yates from the end, one Philox block for each exchange.
fn permutation(seed: u64, epoch: u32, rows: u32) -> Vec<u32> {
    let stream = Stream { seed, stream: ORDER_STREAM, step: epoch };
    let mut permuted: Vec<u32> = (0..rows).collect();
    for last in (1..rows as usize).rev() {
        let [low, high, ..] = stream.words(last as u64);
        let draw = u128::from(u64::from(high) << 32 | u64::from(low));
        permuted.swap(last, ((draw * (last as u128 + 1)) >> 64) as usize);
    }
    permuted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_share_one_token_with_the_next() {
        for (tokens, rows) in [(0, 0), (1, 0), (4, 0), (5, 1), (8, 1), (9, 2), (12, 2), (13, 3)] {
            assert_eq!(row_count(tokens, 4), rows, "{tokens} tokens");
        }
    }

    #[test]
    fn every_epoch_has_every_row_once() {
        let table = order_table(7, 4 * 10 + 1, 4, 3, 20).unwrap();
        assert_eq!(table.len(), 60);
        let epochs: Vec<&[u32]> = table.chunks(10).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<u32>>());
        }
        assert_ne!(epochs[0], epochs[1]);
    }

    #[test]
    fn more_steps_only_append() {
        let short = order_table(7, 1000, 8, 4, 10).unwrap();
        let long = order_table(7, 1000, 8, 4, 100).unwrap();
        assert_eq!(short[..], long[..short.len()]);
        assert_ne!(short, order_table(8, 1000, 8, 4, 10).unwrap());
    }

    #[test]
    fn order_is_fixed_for_ever() {
        assert_eq!(order_table(7, 81, 8, 5, 4).unwrap(), GOLDEN);
    }

    #[test]
    fn places_are_uniform() {
        let mut counts = [[0u32; 5]; 5];
        for epoch in 0..20_000 {
            for (place, row) in permutation(1, epoch, 5).into_iter().enumerate() {
                counts[place][row as usize] += 1;
            }
        }
        for count in counts.as_flattened() {
            assert!((3_700..4_300).contains(count), "{counts:?}");
        }
    }

    #[test]
    fn too_little_data_says_what_is_missing() {
        insta::assert_snapshot!(order_table(7, 100, 32, 8, 10).unwrap_err(), @"
        the data gives 100 tokens, which is 3 rows of 32, but one step takes 8 rows
        hint: add data, or lower sequence_len, micro_batch_size or gradient_accumulation_steps
        ");
        assert_eq!(order_table(7, 97, 32, 3, 1).unwrap().len(), 3, "exactly one batch is enough");
    }

    const GOLDEN: [u32; 20] = [8, 7, 4, 6, 3, 2, 1, 5, 0, 9, 9, 7, 1, 0, 4, 8, 5, 6, 2, 3];
}
