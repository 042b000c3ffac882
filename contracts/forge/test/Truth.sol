// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Market} from "../../src/Market.sol";
import {Merkle} from "../../src/Merkle.sol";
import {AttemptId, JobId} from "../../src/market/Ids.sol";
import {Names} from "../../src/market/Names.sol";

/// @title What a run of four made-up segments gives, and what opens it
library Truth {
    uint64 internal constant SEGMENTS = 4;

    /// @dev A segment of an attempt at a job.
    struct Place {
        JobId job;
        AttemptId attempt;
        uint64 segment;
    }

    function state(uint64 segment) internal pure returns (bytes32) {
        return keccak256(abi.encode("state", segment));
    }

    function interior(uint64 segment) internal pure returns (bytes32) {
        return keccak256(abi.encode("interior", segment));
    }

    /// @dev The salt of all seals of a segment, the solver's secret too.
    function secret(Place memory place) internal pure returns (bytes32) {
        return keccak256(abi.encode("secret", place));
    }

    function secretLeaves(JobId job, AttemptId attempt) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](SEGMENTS);
        for (uint64 i = 0; i < SEGMENTS; i++) {
            leaves[i] = Names.secret(secret(Place(job, attempt, i)));
        }
    }

    /// @dev `Names.seal` names the contract that calls it: this one names Market.
    function seal(Market market, Place memory place, uint256 role, address owner) internal view returns (bytes32) {
        bytes memory words =
            abi.encode(block.chainid, market, place, role, owner, secret(place), interior(place.segment));
        return Names.ofWords(Names.TAG_SEAL, words);
    }

    /// @dev What the solver claims.
    function leaf(Market market, Place memory place, address solver) internal view returns (bytes32) {
        return Names.claimed(state(place.segment), seal(market, place, Names.SOLVER, solver));
    }

    /// @dev What opens a segment's secret among all.
    function siblings(Place memory place) internal view returns (bytes32[] memory opening) {
        bytes32[] memory leaves = secretLeaves(place.job, place.attempt);
        opening = new bytes32[](2);
        opening[0] = leaves[place.segment ^ 1];
        opening[1] = siblingsOfPair(place.job, place.attempt, place.segment & 2)[0];
    }

    /// @dev What opens the two secrets from `first` on: the node over the other two.
    function siblingsOfPair(JobId job, AttemptId attempt, uint64 first) internal view returns (bytes32[] memory opening) {
        bytes32[] memory leaves = secretLeaves(job, attempt);
        uint64 other = first ^ 2;
        opening = new bytes32[](1);
        opening[0] = Merkle.join(leaves[other], leaves[other + 1]);
    }
}
