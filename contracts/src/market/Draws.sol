// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {Pot} from "../interfaces/IFund.sol";
import {DrawKind, IDraws} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, DrawId, JobId, SegmentId} from "./Ids.sol";
import {Luck, Lucks} from "./Luck.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Openings} from "./Openings.sol";
import {Params} from "./Params.sol";
import {Placing} from "./Placing.sol";
import {Mismatch, WrongCount} from "./Refusals.sol";
import {BatchStage, DrawStage} from "./Stages.sol";
import {Attempt, Batch, Draw, Job} from "./State.sol";
import {TermLimits} from "./TermLimits.sol";
import {Undrawn} from "./Undrawn.sol";

using Lucks for Luck;
using Moments for JobClock;

/// @title What chance decides about a batch, and what the solver announces then
contract Draws is IDraws, Placing, Undrawn {
    constructor(IBeacon beacon) Placing(beacon) {}

    /// @inheritdoc IDraws
    function draw(JobId id, AttemptId attempt, BatchId number) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Held, BatchStage.Held);
        (bool isLost, bytes32 beacon) = _chance(_settingOf(batch));
        if (isLost) {
            _set(batch);
            batch.isLate = true;
            emit SetAnew(id, attempt, DrawKind.Segments, number, DrawId.wrap(0));
            return;
        }
        Luck luck = Lucks.drawn(beacon, id, attempt, DrawKind.Segments, number, DrawId.wrap(0), 0);
        Moment memory shown = job.clock.read();
        uint64 drawn = _drawSegments(job, running, batch, luck, shown);
        _enter(batch, BatchStage.Drawn, shown);
        (batch.checkedTime, batch.checkedHeight) = (shown.time, shown.height);
        (batch.luck, batch.drawn) = (Luck.unwrap(luck), drawn);
        uint256 custodians = running.committeeOf[batch.committee].length;
        batch.isQuorate = custodians != 0 && _isQuorum(job, custodians, batch.signed);
        uint128 tax = TermLimits.tax(job) * batch.count;
        running.taxes -= tax;
        _stake.fill(Pot.Jackpot, tax);
        emit Drawn(id, attempt, number, Luck.unwrap(luck), drawn);
    }

    /// @inheritdoc IDraws
    function announce(JobId id, AttemptId attempt, BatchId number, bytes32 luck, bytes32[] calldata roots) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Drawn, BatchStage.Drawn);
        _only(running.solver);
        if (luck != batch.luck) revert Mismatch("luck");
        uint256 expected = batch.count - batch.draws;
        if (roots.length != expected) revert WrongCount("roots", roots.length, expected);
        bytes32[] memory leaves = new bytes32[](batch.count);
        uint64 drawn = batch.drawn;
        uint256 next;
        for (uint256 i = 0; i < leaves.length; i++) {
            if (drawn >> i & 1 == 1) continue;
            leaves[i] = roots[next++];
            if (leaves[i] == 0) revert Mismatch("announced root");
        }
        bytes32 announced = Openings.listOf(leaves);
        _enter(batch, BatchStage.Announced, job.clock.read());
        batch.interiors = announced;
        emit Announced(id, attempt, number, announced);
    }

    /// @dev Draws one segment of each stratum, and its verifiers; which segments, a bit each.
    function _drawSegments(
        Job storage job,
        Attempt storage running,
        Batch storage batch,
        Luck luck,
        Moment memory shown
    ) private returns (uint64 drawn) {
        (uint256 draws, bool endsEarly) = _count(job, running, batch, luck);
        uint256 count = batch.count;
        uint256 undecided;
        for (uint256 stratum = 0; stratum < draws; stratum++) {
            uint256 low = stratum * count / draws;
            uint256 high = (stratum + 1) * count / draws;
            uint256 index = low + luck.ofStratum(stratum, high - low);
            if (endsEarly && stratum + 1 == draws) index = count - 1;
            drawn |= uint64(1 << index);
            Draw storage made = batch.drawOf[stratum];
            made.index = uint8(index);
            if (_place(job, running, batch, made, luck, stratum, shown)) undecided++;
        }
        (batch.draws, batch.undecided) = (uint8(draws), uint8(undecided));
        job.draws -= uint64(draws);
        if (draws != 0) running.hasDrawn = true;
    }

    /// @dev How many segments are drawn, and whether the job ends in this batch before its time.
    function _count(Job storage job, Attempt storage running, Batch storage batch, Luck luck)
        private
        view
        returns (uint256 draws, bool endsEarly)
    {
        uint256 end = SegmentId.unwrap(batch.first) + batch.count;
        bool isFinal = running.isFinal && end == running.claimed;
        endsEarly = isFinal && (end < _segments(job) || batch.lastCount < _stepsOf(job, end - 1));
        draws = (uint256(batch.count) * job.drawRate + luck.rounding()) / Params.MILLION;
        if (draws == 0 && (endsEarly || (isFinal && !running.hasDrawn))) draws = 1;
        if (draws > job.draws) draws = job.draws;
    }
}
