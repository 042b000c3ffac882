// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AttemptView, BatchView, DrawView, IViews, JobView} from "../interfaces/IMarket.sol";
import {IStake} from "../interfaces/IStake.sol";
import {QuestionId} from "../Position.sol";
import {AttemptId, BatchId, DrawId, JobId, SegmentId} from "./Ids.sol";
import {Attempt, Batch, Catch, Challenge, Draw, Job, State} from "./State.sol";
import {CatchStage, ChallengeStage} from "./Stages.sol";

/// @title What a job's state tells
abstract contract Views is IViews, State {
    /// @inheritdoc IViews
    function stake() external view returns (IStake) {
        return _stake;
    }

    /// @inheritdoc IViews
    function slowBlock() external view returns (uint32) {
        return _slowBlock;
    }

    /// @inheritdoc IViews
    function jobOf(JobId id) external view returns (JobView memory) {
        Job storage job = _jobs[id];
        return JobView({
            stage: job.stage,
            poster: job.poster,
            spec: job.spec,
            state: job.state,
            escrow: job.escrow,
            settled: job.settled,
            draws: job.draws,
            attempts: job.attempts
        });
    }

    /// @inheritdoc IViews
    function attemptOf(JobId id, AttemptId attempt) external view returns (AttemptView memory) {
        Attempt storage of_ = _jobs[id].attemptOf[AttemptId.unwrap(attempt)];
        return AttemptView({
            solver: of_.solver,
            price: of_.price,
            secrets: of_.secrets,
            claimed: of_.claimed,
            batches: of_.batches,
            settled: of_.settled,
            lapses: of_.lapses,
            isAppointed: of_.isAppointed,
            isFinal: of_.isFinal,
            isOver: of_.isOver,
            taxes: of_.taxes,
            custodians: of_.committeeOf[of_.committees == 0 ? 0 : of_.committees - 1]
        });
    }

    /// @inheritdoc IViews
    function batchOf(JobId id, AttemptId attempt, BatchId number) external view returns (BatchView memory) {
        Batch storage batch = _jobs[id].attemptOf[AttemptId.unwrap(attempt)].batchOf[BatchId.unwrap(number)];
        return BatchView({
            stage: batch.stage,
            count: batch.count,
            first: batch.first,
            lastCount: batch.lastCount,
            signed: batch.signed,
            draws: batch.draws,
            undecided: batch.undecided,
            unfinished: batch.unfinished,
            root: batch.root,
            end: batch.end,
            luck: batch.luck,
            drawn: batch.drawn,
            forced: batch.forced,
            since: _since(batch)
        });
    }

    /// @inheritdoc IViews
    function drawOf(JobId id, AttemptId attempt, BatchId number, DrawId drawId)
        external
        view
        returns (DrawView memory shown)
    {
        Batch storage batch = _jobs[id].attemptOf[AttemptId.unwrap(attempt)].batchOf[BatchId.unwrap(number)];
        Draw storage draw = batch.drawOf[DrawId.unwrap(drawId)];
        (shown.stage, shown.segment, shown.round) = (draw.stage, _segmentOf(batch, draw), draw.round);
        (shown.sealed_, shown.opened, shown.since) = (draw.sealed_, draw.opened, _since(draw));
        shown.verifiers = new address[](draw.places);
        for (uint256 i = 0; i < shown.verifiers.length; i++) {
            shown.verifiers[i] = draw.placeOf[i].owner;
        }
    }

    /// @inheritdoc IViews
    function challengeOf(JobId id, AttemptId attempt, SegmentId segment, uint64 number)
        external
        view
        returns (ChallengeStage stage, address owner, QuestionId question, uint64 winners, uint128 share)
    {
        Challenge storage asked = _jobs[id].attemptOf[AttemptId.unwrap(attempt)].challengeOf[segment][number];
        return (asked.stage, asked.owner, asked.question, asked.winners, asked.share);
    }

    /// @inheritdoc IViews
    function catchOf(JobId id, AttemptId attempt, SegmentId segment, address owner)
        external
        view
        returns (CatchStage)
    {
        return _jobs[id].attemptOf[AttemptId.unwrap(attempt)].catchOf[segment][owner].stage;
    }
}
