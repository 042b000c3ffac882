// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BeaconStatus, IBeacon} from "./interfaces/IBeacon.sol";

/// @title The hash of a block as a beacon
/// @dev Whoever builds the block can choose among the blocks that it can build, and on a chain with one sequencer everybody trusts
/// the sequencer. A chain with a better source has a beacon of its own.
contract BlockBeacon is IBeacon {
    /// @dev Blocks whose hashes the EVM keeps.
    uint256 private constant KEPT = 256;

    /// @inheritdoc IBeacon
    function valueAt(uint256 height) external view returns (BeaconStatus status, bytes32 value) {
        if (block.number <= height) return (BeaconStatus.NotYet, 0);
        if (block.number - height > KEPT) return (BeaconStatus.Expired, 0);
        return (BeaconStatus.Known, keccak256(abi.encode(blockhash(height), address(this), height)));
    }
}
