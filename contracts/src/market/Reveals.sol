// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IReveals} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {Luck, Lucks} from "./Luck.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {DrawsUnfinished, Mismatch, TooEarly, WrongCount} from "./Refusals.sol";
import {BatchStage} from "./Stages.sol";
import {Attempt, Batch, Job, State} from "./State.sol";

using Lucks for Luck;
using Moments for JobClock;

/// @title All seals of a batch are opened (docs/spec/job.md §4, §5)
contract Reveals is IReveals, State {
    /// @inheritdoc IReveals
    function reveal(
        JobId id,
        AttemptId attempt,
        BatchId number,
        bytes32[] calldata secrets,
        bytes32[] calldata interiors,
        bytes32[] calldata states,
        bytes32[] calldata falses,
        bytes32[] calldata siblings
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Announced, BatchStage.Announced);
        if (batch.undecided != 0) revert DrawsUnfinished();
        Moment memory shown = job.clock.read();
        if (!_isOver(shown, _since(batch), job.challengeSeconds)) revert TooEarly("whistleblowers");
        _checkCount("secrets", secrets.length, batch.count);
        _checkCount("interiors", interiors.length, batch.count);
        _checkCount("states", states.length, batch.count);
        _checkSecrets(job, running, batch, secrets, siblings);
        _checkSeals(id, attempt, running.solver, batch, secrets, interiors, states);
        uint64 forced = _forced(batch, secrets);
        _checkAnnouncement(batch, forced, interiors, falses);
        _enter(batch, BatchStage.Revealed, shown);
        batch.forced = forced;
        batch.interiors = Openings.listOf(interiors);
        emit Revealed(id, attempt, number, forced);
    }

    function _checkSecrets(
        Job storage job,
        Attempt storage running,
        Batch storage batch,
        bytes32[] calldata secrets,
        bytes32[] calldata siblings
    ) private view {
        bytes32[] memory leaves = new bytes32[](secrets.length);
        Names.secrets(secrets, leaves);
        Openings.checkRun("secrets", running.secrets, _segments(job), SegmentId.unwrap(batch.first), leaves, siblings);
    }

    /// @dev Refuses what is not behind the seals of the batch.
    function _checkSeals(
        JobId id,
        AttemptId attempt,
        address solver,
        Batch storage batch,
        bytes32[] calldata secrets,
        bytes32[] calldata interiors,
        bytes32[] calldata states
    ) private view {
        bytes32[] memory leaves = new bytes32[](states.length);
        uint64 first = SegmentId.unwrap(batch.first);
        Names.solversSeals(id, attempt, first, solver, secrets, interiors, leaves);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = Names.claimed(states[i], leaves[i]);
        }
        if (Openings.listOf(leaves) != batch.root) revert Mismatch("batch root");
    }

    /// @dev The segments whose announced root must be false, a bit each.
    function _forced(Batch storage batch, bytes32[] calldata secrets) private view returns (uint64 forced) {
        if (batch.isLate) return 0;
        Luck luck = Luck.wrap(batch.luck);
        uint64 first = SegmentId.unwrap(batch.first);
        uint64 drawn = batch.drawn;
        for (uint256 i = 0; i < secrets.length; i++) {
            if (drawn >> i & 1 == 1) continue;
            if (luck.forces(SegmentId.wrap(first + uint64(i)), secrets[i])) forced |= uint64(1 << i);
        }
    }

    /// @dev Refuses if anything else was announced than the true roots and, where that was forced, false ones.
    function _checkAnnouncement(
        Batch storage batch,
        uint64 forced,
        bytes32[] calldata interiors,
        bytes32[] calldata falses
    ) private view {
        uint256 expected;
        for (uint64 rest = forced; rest != 0; rest &= rest - 1) {
            expected++;
        }
        _checkCount("falses", falses.length, expected);
        bytes32[] memory leaves = new bytes32[](interiors.length);
        uint64 drawn = batch.drawn;
        uint256 next;
        for (uint256 i = 0; i < leaves.length; i++) {
            if (drawn >> i & 1 == 1) continue;
            leaves[i] = interiors[i];
            if (forced >> i & 1 == 0) continue;
            leaves[i] = falses[next++];
            if (leaves[i] == interiors[i]) revert Mismatch("forced error");
        }
        if (Openings.listOf(leaves) != batch.interiors) revert Mismatch("announcement");
    }

    function _checkCount(bytes32 what, uint256 found, uint256 expected) private pure {
        if (found != expected) revert WrongCount(what, found, expected);
    }
}
