// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A time or a length of time.
type Seconds is uint64;

using {add as +, sub as -, less as <} for Seconds global;

function add(Seconds x, Seconds y) pure returns (Seconds) {
    return Seconds.wrap(Seconds.unwrap(x) + Seconds.unwrap(y));
}

function sub(Seconds x, Seconds y) pure returns (Seconds) {
    return Seconds.wrap(Seconds.unwrap(x) - Seconds.unwrap(y));
}

function less(Seconds x, Seconds y) pure returns (bool) {
    return Seconds.unwrap(x) < Seconds.unwrap(y);
}
