//! Parameters and limits (job.md §2, §9), equal to those of the contracts.

use crate::ids::{Amount, Ppm, Seconds};

/// A token in its smallest units.
const TOKEN: u128 = 1_000_000_000_000_000_000;
const DAY: u64 = 86_400;

/// What a seat costs.
pub const SEAT: Amount = Amount(1_000 * TOKEN);
/// From leaving a seat to its money.
pub const UNBONDING: Seconds = Seconds(14 * DAY);
/// Blocks from setting a draw to its beacon.
pub const DRAW_DELAY: u64 = 4;
/// Blocks from a draw's beacon to its expiry.
pub const DRAW_LIFE: u64 = 200;
/// Blocks from the last seal to the first opening.
pub const OPEN_DELAY: u64 = 4;
/// Time of a slow block where contracts are deployed without another one: those of development chains and of most tests.
pub const SLOW_BLOCK: Seconds = Seconds(30);
/// Times that silent verifiers, or custodians, are drawn again.
pub const REDRAWS: u8 = 3;
/// From an attempt's end until the poster may cancel.
pub const OPEN_LIMIT: Seconds = Seconds(DAY);
/// Segments whose solver must announce a false root.
pub const FORCED: Ppm = Ppm(10_000);
/// What a whistleblower locks.
pub const CATCH_BOND: Amount = Amount(TOKEN);
/// A silent verifier's fine, in fees for a check.
pub const SILENCE: u64 = 25;
/// Of the deposit, for withdrawing a batch before its draw.
pub const RETRACT_FEE: Ppm = Ppm(10_000);
/// Of the deposit, for vanishing when nothing was decided yet.
pub const VANISH: Ppm = Ppm(500_000);
/// Of the price, for the protocol.
pub const PROTOCOL_FEE: Ppm = Ppm(10_000);
/// Of what is left of a deposit, for the winners.
pub const PRIZE: Ppm = Ppm(400_000);

/// Picks that are tried for one place.
pub const TRIES: u64 = 16;
/// Draws beyond twice the expected number.
pub const SPARE_DRAWS: u64 = 8;

/// The most money in the system.
pub const MONEY_LIMIT: Amount = Amount(1 << 120);
/// The greatest amount of the terms.
pub const AMOUNT_LIMIT: Amount = Amount(1 << 88);
/// Segments of a job.
pub const SEGMENT_LIMIT: u64 = 1 << 32;
/// Steps of a segment.
pub const SEGMENT_STEPS_LIMIT: u64 = 4096;
/// Seats, taken or not.
pub const SEAT_LIMIT: u64 = 1 << 32;
/// Verifiers of a drawn segment.
pub const CHECKERS_LIMIT: u8 = 8;
/// Custodians of a job.
pub const CUSTODIANS_LIMIT: u8 = 16;
/// Segments of a batch.
pub const CREDIT_LIMIT: u8 = 64;
/// The longest time of the terms.
pub const SECONDS_LIMIT: Seconds = Seconds(30 * DAY);
/// The longest time of a slow block.
pub const SLOW_BLOCK_LIMIT: Seconds = Seconds(3_600);
/// Bytes of a peer's network address.
pub const ADDRESS_BYTES_LIMIT: usize = 256;
/// Moves of a game, each of which may extend its clock (dispute.md §9).
pub const GAME_MOVES: u64 = 64;
