// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A time, or a length of time.
type Seconds is uint64;

using {add as +, less as <} for Seconds global;

function add(Seconds x, Seconds y) pure returns (Seconds) {
    return Seconds.wrap(Seconds.unwrap(x) + Seconds.unwrap(y));
}

function less(Seconds x, Seconds y) pure returns (bool) {
    return Seconds.unwrap(x) < Seconds.unwrap(y);
}

/// @title Chess clocks (docs/spec/dispute.md §6)
library Clock {
    /// @notice The side on turn has thought for `spent` seconds and had `left`; it has lost.
    error ClockOut(Seconds spent, Seconds left);
    /// @notice The side on turn has thought for `spent` seconds of `left`.
    error ClockRuns(Seconds spent, Seconds left);

    /// @dev What the block says.
    function time() internal view returns (Seconds) {
        return Seconds.wrap(uint64(block.timestamp));
    }

    /// @dev What is left of a clock that runs since `since`, filled up to the extension; refused if nothing is left.
    function pass(Seconds left, Seconds since, Seconds extension) internal view returns (Seconds) {
        Seconds spent = _spent(since);
        if (!(spent < left)) revert ClockOut(spent, left);
        Seconds rest = Seconds.wrap(Seconds.unwrap(left) - Seconds.unwrap(spent));
        return rest < extension ? extension : rest;
    }

    /// @dev Refuses as long as something is left.
    function checkOut(Seconds left, Seconds since) internal view {
        Seconds spent = _spent(since);
        if (spent < left) revert ClockRuns(spent, left);
    }

    /// @dev A chain's time never runs backwards.
    function _spent(Seconds since) private view returns (Seconds) {
        return Seconds.wrap(Seconds.unwrap(time()) - Seconds.unwrap(since));
    }
}
