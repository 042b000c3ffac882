// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice Whether the random bytes of a block can be had.
enum BeaconStatus {
    NotYet,
    Known,
    Expired
}

/// @title Randomness that nobody knows before its block (docs/spec/job.md §3)
interface IBeacon {
    /// @notice The random bytes of a block, if it has passed and is not too long ago.
    function valueAt(uint256 height) external view returns (BeaconStatus status, bytes32 value);
}
