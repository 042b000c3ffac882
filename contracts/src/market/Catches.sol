// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Pot} from "../interfaces/IFund.sol";
import {ICatches} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {Params} from "./Params.sol";
import {
    CatchExists,
    CatchUndecided,
    Mismatch,
    NotForced,
    SegmentDrawn,
    TooLate,
    UnknownCatch,
    WrongCatchStage
} from "./Refusals.sol";
import {BatchStage, CatchStage} from "./Stages.sol";
import {Attempt, Batch, Catch, Job, Mark, State} from "./State.sol";

using Moments for JobClock;

/// @title Catches of forced errors (docs/spec/job.md §4, §6)
contract Catches is ICatches, State {
    /// @inheritdoc ICatches
    function commitCatch(
        JobId id,
        AttemptId attempt,
        BatchId number,
        SegmentId segment,
        bytes32 announced,
        bytes32[] calldata siblings,
        bytes32 commitment
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Announced, BatchStage.Announced);
        uint256 index = _indexOf(batch, segment);
        if (batch.drawn >> index & 1 == 1) revert SegmentDrawn(segment);
        Catch storage made = running.catchOf[segment][msg.sender];
        if (made.stage != CatchStage.Unknown) revert CatchExists(msg.sender);
        if (_isOver(job.clock.read(), _since(batch), job.challengeSeconds)) revert TooLate("the catch");
        Openings.check("announced root", batch.interiors, batch.count, index, announced, siblings);
        if (commitment == 0) revert Mismatch("commitment");
        _stake.lock(msg.sender, Params.CATCH_BOND);
        (made.stage, made.commitment) = (CatchStage.Committed, commitment);
        emit CatchCommitted(id, attempt, segment, msg.sender);
    }

    /// @inheritdoc ICatches
    function revealCatch(
        JobId id,
        AttemptId attempt,
        BatchId number,
        SegmentId segment,
        address owner,
        bytes32 salt,
        bytes32 interior,
        bytes32[] calldata siblings
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Revealed, BatchStage.Revealed);
        uint256 index = _indexOf(batch, segment);
        Catch storage made = running.catchOf[segment][owner];
        if (made.stage == CatchStage.Unknown) revert UnknownCatch(owner);
        if (made.stage != CatchStage.Committed) revert WrongCatchStage(made.stage);
        if (_isOver(job.clock.read(), _since(batch), job.contestSeconds)) revert TooLate("the catch");
        bytes32 commitment = Names.caught(id, attempt, segment, owner, salt, interior);
        if (commitment != made.commitment) revert Mismatch("commitment");
        if (batch.forced >> index & 1 == 0) revert NotForced(segment);
        Openings.check("interior root", batch.interiors, batch.count, index, interior, siblings);
        made.stage = CatchStage.Valid;
        running.markOf[segment].valid++;
        emit CatchRevealed(id, attempt, segment, owner);
    }

    /// @inheritdoc ICatches
    function payCatch(JobId id, AttemptId attempt, SegmentId segment, address owner) external {
        Job storage job = _job(id);
        Attempt storage of_ = job.attemptOf[AttemptId.unwrap(attempt)];
        Catch storage made = of_.catchOf[segment][owner];
        CatchStage stage = made.stage;
        if (stage == CatchStage.Unknown) revert UnknownCatch(owner);
        if (stage == CatchStage.Closed) revert WrongCatchStage(stage);
        bool isSettled = SegmentId.unwrap(segment) < (of_.isOver ? of_.end : job.settled);
        if (!isSettled && !of_.isOver) revert CatchUndecided();
        made.stage = CatchStage.Closed;
        if (!isSettled) {
            _stake.pay(owner, Params.CATCH_BOND);
        } else if (stage == CatchStage.Committed) {
            _stake.fill(Pot.Insurance, Params.CATCH_BOND);
        } else {
            _stake.pay(owner, Params.CATCH_BOND + _prize(job, of_.markOf[segment]));
        }
        emit CatchClosed(id, attempt, segment, owner);
    }

    /// @dev What a valid catch of a settled segment gets: fixed for all when the first is paid.
    function _prize(Job storage job, Mark storage mark) private returns (uint128) {
        if (!mark.isPriced) {
            uint128 pot = _stake.fund().potOf(Pot.Jackpot);
            uint128 share = (pot < job.jackpot ? pot : job.jackpot) / mark.valid;
            _stake.drawJackpot(share * mark.valid);
            (mark.isPriced, mark.prize) = (true, uint96(share));
        }
        return mark.prize;
    }
}
