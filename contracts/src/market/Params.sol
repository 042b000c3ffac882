// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What the protocol fixes (docs/spec/job.md §2, §9), equal in `market::params`
library Params {
    uint256 internal constant MILLION = 1_000_000;

    /// @dev What a seat costs.
    uint128 internal constant SEAT = 1_000e18;
    /// @dev From leaving a seat to its money.
    uint256 internal constant UNBONDING = 14 days;
    /// @dev Blocks from setting a draw to its beacon.
    uint256 internal constant DRAW_DELAY = 4;
    /// @dev Blocks from a draw's beacon to its expiry.
    uint256 internal constant DRAW_LIFE = 200;
    /// @dev Blocks from the last seal to the first opening.
    uint256 internal constant OPEN_DELAY = 4;
    /// @dev Draws of verifiers after the first, and lapses of custody, that are borne.
    uint256 internal constant REDRAWS = 3;
    /// @dev How long an attempt's end keeps a poster from cancelling.
    uint256 internal constant OPEN_LIMIT = 1 days;

    /// @dev Segments that must be announced falsely, of those not drawn.
    uint256 internal constant FORCED = 10_000;
    uint128 internal constant CATCH_BOND = 1e18;
    /// @dev Fine of silence, in fees for a check.
    uint128 internal constant SILENCE = 25;
    /// @dev Of the deposit, for withdrawing a batch before its draw.
    uint256 internal constant RETRACT_FEE = 10_000;
    /// @dev Of the deposit, for vanishing when nothing was decided yet.
    uint256 internal constant VANISH = 500_000;
    /// @dev Of the price, for the protocol.
    uint256 internal constant PROTOCOL_FEE = 10_000;
    /// @dev Of what is left of a deposit, for the winners.
    uint256 internal constant PRIZE = 400_000;

    /// @dev Picks that are tried for one place.
    uint256 internal constant TRIES = 16;
    /// @dev Draws beyond twice the expected number.
    uint256 internal constant SPARE_DRAWS = 8;

    /// @dev The most money in the system.
    uint256 internal constant MAX_MONEY = 1 << 120;
    /// @dev The greatest amount of the terms.
    uint256 internal constant MAX_AMOUNT = 1 << 88;
    uint256 internal constant MAX_SEGMENTS = 1 << 32;
    uint256 internal constant MAX_SEGMENT_STEPS = 4096;
    uint256 internal constant MAX_SEATS = 1 << 32;
    uint256 internal constant MAX_CHECKERS = 8;
    uint256 internal constant MAX_CUSTODIANS = 16;
    /// @dev Segments of a batch.
    uint256 internal constant MAX_CREDIT = 64;
    uint256 internal constant MAX_SECONDS = 30 days;
    /// @dev The longest time of a slow block.
    uint256 internal constant MAX_SLOW_BLOCK = 1 hours;
    /// @dev Bytes of a peer's network address.
    uint256 internal constant MAX_ADDRESS_BYTES = 256;
    /// @dev Moves of a game, each of which may extend its clock (docs/spec/dispute.md §9).
    uint256 internal constant GAME_MOVES = 64;
}
