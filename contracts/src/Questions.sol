// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Seconds} from "./Clock.sol";
import {Merkle} from "./Merkle.sol";
import {Offsets} from "./Offsets.sol";
import {Question} from "./Position.sol";
import {Text} from "./Text.sol";
import {JobHeader} from "./interfaces/IDispute.sol";

/// @title Opening a question: its fields against its job, its terms against the limits (docs/spec/dispute.md §1 and §9)
library Questions {
    /// @notice A term is greater than its limit.
    error OverLimit(Term term, uint256 given, uint256 limit);
    /// @notice A term must not be 0.
    error Nothing(Term term);
    /// @notice The job has no segment of `count` steps that begins at step `first`.
    error NoSuchSegment(uint256 first, uint256 count);

    /// @dev What a refusal is about.
    enum Term {
        Bond,
        EntrySeconds,
        ClockSeconds,
        ExtensionSeconds,
        Steps,
        Nodes,
        States,
        Tables,
        Loss
    }

    uint256 internal constant MAX_BOND = 1 << 96;
    uint256 internal constant MAX_SECONDS = 1 << 32;
    uint256 internal constant MAX_STEPS = 1 << 32;
    uint256 internal constant MAX_NODES = 1 << 16;
    uint256 internal constant MAX_STATES = 1 << 12;
    uint256 internal constant MAX_TABLES = 1 << 8;

    /// @dev Refuses a question beyond the limits, or other than its job says.
    function check(Question calldata question, JobHeader calldata header) internal view {
        _checkLimits(question);
        _checkList(question.nodes, question.nodeCount, header.nodesTop);
        _checkList(question.states, question.stateCount, header.statesTop);
        _checkList(question.sinks, question.stateCount, header.sinksTop);
        _checkList(question.tables, question.tableCount, header.tablesTop);
        bytes32 job = _job(question, header);
        if (job != question.job) revert Merkle.WrongDigest(job, question.job);
        _checkSegment(question, header);
    }

    function _checkLimits(Question calldata question) private pure {
        _atMost(Term.Bond, question.bond, MAX_BOND);
        _atMost(Term.EntrySeconds, Seconds.unwrap(question.entrySeconds), MAX_SECONDS);
        _atMost(Term.ClockSeconds, Seconds.unwrap(question.clockSeconds), MAX_SECONDS);
        _atMost(Term.ExtensionSeconds, Seconds.unwrap(question.extensionSeconds), MAX_SECONDS);
        _atMost(Term.Steps, question.stepCount, MAX_STEPS);
        _atMost(Term.Nodes, question.nodeCount, MAX_NODES);
        _atMost(Term.States, question.stateCount, MAX_STATES);
        _atMost(Term.Tables, question.tableCount, MAX_TABLES);
        _present(Term.ClockSeconds, Seconds.unwrap(question.clockSeconds));
        _present(Term.Steps, question.stepCount);
        _present(Term.Nodes, question.nodeCount);
        _present(Term.States, question.stateCount);
        _atMost(Term.Loss, question.loss, question.nodeCount - 1);
    }

    /// @dev The digest of the Spec that these fields make (docs/spec/commitment.md §1 and §5).
    function _job(Question calldata question, JobHeader calldata header) private view returns (bytes32) {
        bytes32 program = Merkle.ofBytes(
            abi.encodePacked(
                uint8(Merkle.TAG_PROGRAM),
                header.version,
                question.states,
                header.tableDeclarations,
                question.nodes,
                question.sinks,
                question.loss,
                header.gradNorm
            )
        );
        uint256 offset;
        assembly ("memory-safe") {
            // After six words.
            offset := calldataload(add(header, 192))
        }
        Offsets.check(offset);
        uint256 length = bytes(header.profile).length;
        // A profile that is too long for the encoding or not ASCII names no job.
        if (length > type(uint16).max || !Text.isAscii(header.profile)) return 0;
        return Merkle.ofBytes(
            abi.encodePacked(
                uint8(Merkle.TAG_SPEC),
                program,
                header.initialState,
                question.tables,
                header.steps,
                header.segmentSteps,
                uint16(length),
                header.profile
            )
        );
    }

    function _checkSegment(Question calldata question, JobHeader calldata header) private pure {
        uint256 first = question.firstStep;
        uint256 length = header.segmentSteps;
        if (length == 0 || first >= header.steps || first % length != 0) revert NoSuchSegment(first, question.stepCount);
        uint256 rest = header.steps - first;
        if (question.stepCount != (rest < length ? rest : length)) revert NoSuchSegment(first, question.stepCount);
        if (first == 0 && question.start != header.initialState) {
            revert Merkle.WrongDigest(question.start, header.initialState);
        }
    }

    function _checkList(bytes32 root, uint256 count, bytes32 top) private view {
        bytes32 found = Merkle.listRoot(count, top);
        if (found != root) revert Merkle.WrongDigest(found, root);
    }

    function _atMost(Term term, uint256 given, uint256 limit) private pure {
        if (given > limit) revert OverLimit(term, given, limit);
    }

    function _present(Term term, uint256 given) private pure {
        if (given == 0) revert Nothing(term);
    }
}
