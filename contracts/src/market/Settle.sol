// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Cause, Ending, Fault, ISettle} from "../interfaces/IMarket.sol";
import {Faults} from "./Faults.sol";
import {AttemptId, BatchId, DrawId, JobId} from "./Ids.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Params} from "./Params.sol";
import {
    ChallengeUnfinished,
    ChallengesUnfinished,
    DrawsUnfinished,
    NobodyOpened,
    NotTheFirst,
    NothingToClaim,
    OpenedBefore,
    TooEarly,
    WrongBatchStage
} from "./Refusals.sol";
import {BatchStage, DrawStage, JobStage} from "./Stages.sol";
import {Attempt, Batch, Draw, Job} from "./State.sol";
import {Undrawn} from "./Undrawn.sol";

using Moments for JobClock;

/// @title Pay, and deadlines of the solver (docs/spec/job.md §8)
contract Settle is ISettle, Faults, Undrawn {
    /// @inheritdoc ISettle
    function settle(JobId id, AttemptId attempt, BatchId number) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Revealed, BatchStage.Revealed);
        if (BatchId.unwrap(number) != running.settled) revert NotTheFirst(BatchId.wrap(running.settled));
        if (batch.unfinished != 0) revert ChallengesUnfinished(batch.unfinished);
        if (!_isOver(job.clock.read(), _since(batch), job.contestSeconds)) revert TooEarly("what was revealed");
        uint256 count = batch.count;
        _paySegments(job, running, count);
        _payCustodians(job, running.committeeOf[batch.committee], batch.signed, count);
        (job.settled, job.state) = (job.settled + uint64(count), batch.end);
        (batch.stage, running.settled) = (BatchStage.Settled, running.settled + 1);
        emit Settled(id, attempt, number);
        if (running.isFinal && running.settled == running.batches) _done(id, job, running);
    }

    /// @inheritdoc ISettle
    function expire(JobId id, AttemptId attempt, Cause cause, BatchId number, DrawId draw) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Moment memory shown = job.clock.read();
        if (cause == Cause.Claim) {
            _expireClaim(id, job, running, shown);
        } else if (cause == Cause.Hold) {
            _expireHold(id, attempt, job, running, shown);
        } else {
            if (!_isLate(job, running, cause, number, draw, shown)) revert TooEarly("the solver");
            bool isOfDraw = cause == Cause.Open || cause == Cause.Contest;
            Reason memory reason =
                Reason(Fault(uint8(cause)), BatchId.unwrap(number), isOfDraw ? DrawId.unwrap(draw) : 0);
            _slash(id, job, running, reason, 0, job.deposit);
        }
    }

    function _payCustodians(Job storage job, address[] storage custodians, uint256 signed, uint256 count) private {
        uint128 fee = uint128(job.holdFee * count);
        for (uint256 i = 0; signed != 0; (signed >>= 1, i++)) {
            if (signed & 1 == 0) continue;
            job.escrow -= fee;
            _stake.pay(custodians[i], fee);
        }
    }

    function _done(JobId id, Job storage job, Attempt storage running) private {
        _stake.pay(running.solver, job.deposit);
        _endAttempt(job, running);
        uint128 escrow = job.escrow;
        (job.stage, job.escrow) = (JobStage.Done, 0);
        _stake.pay(job.poster, escrow);
        emit Ended(id, Ending.Done);
    }

    function _expireClaim(JobId id, Job storage job, Attempt storage running, Moment memory shown) private {
        uint64 batches = running.batches;
        if (batches != 0 && running.batchOf[batches - 1].stage == BatchStage.Claimed) {
            revert WrongBatchStage(BatchId.wrap(batches - 1), BatchStage.Claimed);
        }
        if (running.isFinal) revert NothingToClaim();
        if (!_isOver(shown, Moment(running.sinceTime, running.sinceHeight), job.claimSeconds)) revert TooEarly("the solver");
        _vanish(id, job, running, Fault.Claim);
    }

    function _expireHold(
        JobId id,
        AttemptId attempt,
        Job storage job,
        Attempt storage running,
        Moment memory shown
    ) private {
        BatchId number;
        unchecked {
            number = BatchId.wrap(uint64(running.batches) - 1);
        }
        Batch storage batch = _batch(running, number, BatchStage.Claimed, BatchStage.Claimed);
        if (!_isOver(shown, _since(batch), job.holdSeconds)) revert TooEarly("the solver");
        if (running.lapses >= Params.REDRAWS) {
            _vanish(id, job, running, Fault.Hold);
            return;
        }
        _dropLast(job, running);
        (running.lapses, running.isAppointed) = (running.lapses + 1, false);
        (running.sinceTime, running.sinceHeight, running.setting) = (shown.time, shown.height, _setting());
        emit Lapsed(id, attempt, number);
    }

    /// @dev Whether the solver need not be waited for any more.
    function _isLate(
        Job storage job,
        Attempt storage running,
        Cause cause,
        BatchId number,
        DrawId drawId,
        Moment memory shown
    ) private view returns (bool) {
        if (cause == Cause.Announce) {
            Batch storage batch = _batch(running, number, BatchStage.Drawn, BatchStage.Drawn);
            return _isOver(shown, _since(batch), job.announceSeconds);
        }
        if (cause == Cause.Reveal) {
            Batch storage batch = _batch(running, number, BatchStage.Announced, BatchStage.Announced);
            if (batch.undecided != 0) revert DrawsUnfinished();
            return _isOver(shown, _since(batch), uint256(job.challengeSeconds) + job.revealSeconds)
                && _isOver(shown, Moment(batch.checkedTime, batch.checkedHeight), job.revealSeconds);
        }
        if (cause == Cause.Open) {
            (, Draw storage opening) = _draw(running, number, drawId, DrawStage.Opening);
            if (opening.isSolverOpen) revert OpenedBefore();
            if (opening.opened == 0) revert NobodyOpened();
            return _isOver(shown, _since(opening), 2 * uint256(job.openSeconds));
        }
        (Batch storage of_, Draw storage draw) = _draw(running, number, drawId, DrawStage.Contested);
        if (draw.about != 0) revert ChallengeUnfinished(_segmentOf(of_, draw));
        return _isOver(shown, _since(draw), job.contestSeconds);
    }

    /// @dev The solver is gone: cheaper where nothing was decided yet.
    function _vanish(JobId id, Job storage job, Attempt storage running, Fault fault) private {
        uint128 deposit = job.deposit;
        uint128 lost =
            _isUndecided(running) ? uint128(deposit * Params.VANISH / Params.MILLION) : deposit;
        _stake.pay(running.solver, deposit - lost);
        _slash(id, job, running, Reason(fault, 0, 0), 0, lost);
    }

    function _isUndecided(Attempt storage running) private view returns (bool) {
        uint256 open = running.batches - running.settled;
        if (open == 0) return true;
        Batch storage batch = running.batchOf[running.settled];
        if (open > 1) return false;
        if (batch.stage == BatchStage.Held) return block.number <= batch.setHeight + Params.DRAW_DELAY;
        return batch.stage == BatchStage.Claimed;
    }
}
