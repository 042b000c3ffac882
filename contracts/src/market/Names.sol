// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Text} from "../Text.sol";
import {SpecOpening, Terms} from "../interfaces/IMarket.sol";
import {AttemptId, JobId, SegmentId} from "./Ids.sol";

/// @title The digests of a job's life (docs/spec/job.md §2 … §7)
library Names {
    uint256 internal constant TAG_INTERIOR = 0x10;
    uint256 internal constant TAG_INTERIOR_PAGE = 0x11;
    uint256 internal constant TAG_JOB = 0x12;
    uint256 internal constant TAG_TERMS = 0x13;
    uint256 internal constant TAG_CLAIMED = 0x14;
    uint256 internal constant TAG_SEAL = 0x15;
    uint256 internal constant TAG_SECRET = 0x16;
    uint256 internal constant TAG_CATCH = 0x18;
    uint256 internal constant TAG_ASKED = 0x19;

    /// @dev Whose a seal is.
    uint256 internal constant SOLVER = 0;
    uint256 internal constant VERIFIER = 1;

    /// @dev hash(tag, words), of what `abi.encode` gives of fields of fixed size.
    function ofWords(uint256 tag, bytes memory words) internal view returns (bytes32) {
        uint256 cursor;
        assembly ("memory-safe") {
            cursor := add(words, 32)
        }
        return Merkle.tagged(tag, cursor, words.length);
    }

    function job(address poster, uint64 nonce, bytes32 digest, Terms calldata terms) internal view returns (JobId) {
        bytes32 named = ofWords(TAG_TERMS, abi.encode(terms));
        return JobId.wrap(ofWords(TAG_JOB, abi.encode(block.chainid, address(this), poster, nonce, digest, named)));
    }

    /// @dev The Spec's digest; 0 for a profile that is too long to be encoded or not ASCII, which names no job.
    function spec(SpecOpening calldata opening, string calldata profile) internal view returns (bytes32) {
        bytes32 program = Merkle.ofBytes(
            abi.encodePacked(
                uint8(Merkle.TAG_PROGRAM),
                opening.version,
                opening.states,
                opening.tableDeclarations,
                opening.nodes,
                opening.sinks,
                opening.loss,
                opening.gradNorm
            )
        );
        uint256 length = bytes(profile).length;
        if (length > type(uint16).max || !Text.isAscii(profile)) return 0;
        return Merkle.ofBytes(
            abi.encodePacked(
                uint8(Merkle.TAG_SPEC),
                program,
                opening.initial,
                opening.tables,
                opening.steps,
                opening.segmentSteps,
                uint16(length),
                profile
            )
        );
    }

    /// @dev The leaf of a claimed segment.
    function claimed(bytes32 state, bytes32 sealed_) internal view returns (bytes32) {
        return Merkle.two(TAG_CLAIMED, state, sealed_);
    }

    /// @dev What somebody says a segment's interior root is, without saying it.
    function seal(
        JobId job_,
        AttemptId attempt,
        SegmentId segment,
        uint256 role,
        address owner,
        bytes32 salt,
        bytes32 interior
    ) internal view returns (bytes32) {
        return ofWords(
            TAG_SEAL,
            abi.encode(block.chainid, address(this), job_, attempt, segment, role, owner, salt, interior)
        );
    }

    /// @dev The solver's seals of the segments from `first` on. One preimage is written again and again.
    function solversSeals(
        JobId job_,
        AttemptId attempt,
        uint64 first,
        address solver,
        bytes32[] calldata salts,
        bytes32[] calldata interiors,
        bytes32[] memory seals
    ) internal view {
        bytes memory words =
            abi.encode(block.chainid, address(this), job_, attempt, first, SOLVER, solver, bytes32(0), bytes32(0));
        for (uint256 i = 0; i < seals.length; i++) {
            (bytes32 salt, bytes32 interior) = (salts[i], interiors[i]);
            assembly ("memory-safe") {
                mstore(add(words, 0xa0), add(first, i))
                mstore(add(words, 0x100), salt)
                mstore(add(words, 0x120), interior)
            }
            seals[i] = ofWords(TAG_SEAL, words);
        }
    }

    /// @dev The leaves of secrets.
    function secrets(bytes32[] calldata values, bytes32[] memory leaves) internal view {
        bytes memory word = new bytes(32);
        for (uint256 i = 0; i < leaves.length; i++) {
            bytes32 value = values[i];
            assembly ("memory-safe") {
                mstore(add(word, 0x20), value)
            }
            leaves[i] = ofWords(TAG_SECRET, word);
        }
    }

    /// @dev The leaf of a secret.
    function secret(bytes32 value) internal view returns (bytes32) {
        return ofWords(TAG_SECRET, abi.encode(value));
    }

    /// @dev What a whistleblower commits to.
    function caught(
        JobId job_,
        AttemptId attempt,
        SegmentId segment,
        address owner,
        bytes32 salt,
        bytes32 interior
    ) internal view returns (bytes32) {
        return ofWords(TAG_CATCH, abi.encode(job_, attempt, segment, owner, salt, interior));
    }

    /// @dev Which challenge a question of Dispute belongs to: its nonce.
    function asked(JobId job_, AttemptId attempt, SegmentId segment, uint64 number) internal view returns (bytes32) {
        return ofWords(TAG_ASKED, abi.encode(job_, attempt, segment, number));
    }
}
