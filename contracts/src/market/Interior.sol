// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Evidence, IInterior, Who} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {InteriorLeaf} from "./InteriorLeaf.sol";
import {JobClock, Moments, Moment} from "./Moment.sol";
import {Openings} from "./Openings.sol";
import {
    Mismatch,
    NoParty,
    NotShown,
    RefutedBefore,
    SameLeaf,
    ShownBefore,
    TooLate,
    UnknownChallenge,
    WrongChallengeStage,
    WrongCount
} from "./Refusals.sol";
import {ChallengeStage} from "./Stages.sol";
import {Attempt, Batch, Challenge, Defence, Draw, Job, State} from "./State.sol";

using Moments for JobClock;

/// @title Interior roots are shown and refuted (docs/spec/job.md §7)
contract Interior is IInterior, State {
    /// @inheritdoc IInterior
    function show(
        JobId id,
        AttemptId attempt,
        SegmentId segment,
        uint64 number,
        Who who,
        bytes32[] calldata leaves,
        bytes32[] calldata siblings
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Challenge storage asked = _answered(running, segment, number);
        Defence storage defence = _defence(asked, who);
        if (defence.isShown) revert ShownBefore();
        if (_isOver(job.clock.read(), asked.since, job.contestSeconds)) revert TooLate("the time of showing");
        if (leaves.length != asked.count) revert WrongCount("leaves", leaves.length, asked.count);
        bytes32 root = Openings.listOf(leaves);
        Batch storage batch = running.batchOf[BatchId.unwrap(asked.batch)];
        if (asked.draw == 0) {
            uint256 index = _indexOf(batch, segment);
            Openings.check("interior root", batch.interiors, batch.count, index, root, siblings);
        } else if (root != _opened(batch.drawOf[asked.draw - 1], who)) {
            revert Mismatch("interior root");
        }
        (defence.isShown, defence.shown) = (true, root);
        emit Shown(id, attempt, segment, number, who);
    }

    /// @inheritdoc IInterior
    function refute(
        JobId id,
        AttemptId attempt,
        SegmentId segment,
        uint64 number,
        Who who,
        uint64 step,
        bytes32 leaf,
        bytes32[] calldata siblings,
        Evidence memory evidence
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Challenge storage asked = _answered(running, segment, number);
        Defence storage defence = _defence(asked, who);
        if (!defence.isShown) revert NotShown();
        if (defence.isRefuted) revert RefutedBefore();
        if (_isOver(job.clock.read(), asked.since, 2 * uint256(job.contestSeconds))) {
            revert TooLate("the time of refuting");
        }
        Openings.check("interior leaf", defence.shown, asked.count, step, leaf, siblings);
        InteriorLeaf.Place memory place = InteriorLeaf.Place({
            spec: job.spec,
            loss: job.loss,
            gradNorm: job.gradNorm,
            firstStep: SegmentId.unwrap(segment) * job.segmentSteps,
            count: asked.count,
            stepsTop: asked.stepsTop
        });
        if (InteriorLeaf.of_(evidence, place, step) == leaf) revert SameLeaf();
        defence.isRefuted = true;
        emit Refuted(id, attempt, segment, number, who);
    }

    function _answered(Attempt storage running, SegmentId segment, uint64 number)
        private
        view
        returns (Challenge storage asked)
    {
        asked = running.challengeOf[segment][number];
        if (asked.stage == ChallengeStage.Unknown) revert UnknownChallenge(segment, number);
        if (asked.stage != ChallengeStage.Answered) revert WrongChallengeStage(asked.stage);
    }

    /// @dev The root that a challenge asks of somebody.
    function _defence(Challenge storage asked, Who who) private view returns (Defence storage) {
        if (Who.unwrap(who) > 15 || asked.parties >> Who.unwrap(who) & 1 == 0) revert NoParty();
        return asked.defenceOf[Who.unwrap(who)];
    }

    /// @dev What a party of a contested draw has opened.
    function _opened(Draw storage draw, Who who) private view returns (bytes32) {
        return Who.unwrap(who) == 0 ? draw.interior : draw.placeOf[Who.unwrap(who) - 1].held;
    }
}
