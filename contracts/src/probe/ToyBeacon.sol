// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BeaconStatus, IBeacon} from "../interfaces/IBeacon.sol";
import {Names} from "../market/Names.sol";

/// @title The beacon of `market::testing::Chain`, for tests. Everybody knows it beforehand.
contract ToyBeacon is IBeacon {
    uint256 private constant MEMORY = 256;
    uint256 private constant TAG_FILE = 0x0d;

    uint256 private _seed;

    /// @notice Other values from here on, as after a reorganisation.
    function sow(uint256 seed) external {
        _seed = seed;
    }

    /// @inheritdoc IBeacon
    function valueAt(uint256 height) external view returns (BeaconStatus, bytes32) {
        if (block.number <= height) return (BeaconStatus.NotYet, 0);
        if (block.number - height > MEMORY) return (BeaconStatus.Expired, 0);
        return (BeaconStatus.Known, Names.ofWords(TAG_FILE, abi.encode(_seed, height)));
    }
}
