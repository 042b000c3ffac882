// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Question, QuestionId, ClaimId} from "../Position.sol";
import {Seconds} from "../Clock.sol";
import {ClaimStatus, IDispute, JobHeader, QuestionStatus} from "../interfaces/IDispute.sol";
import {Pot} from "../interfaces/IFund.sol";
import {Answer, Ending, Fault, IArgue, Leaf, Program, Ruling} from "../interfaces/IMarket.sol";
import {Checkers} from "./Checkers.sol";
import {Faults} from "./Faults.sol";
import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {Height, JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {
    ChallengeUnfinished,
    Mismatch,
    NoPrize,
    NotAWinner,
    PaidBefore,
    QuestionOpen,
    TooEarly,
    UnknownChallenge,
    WrongBatchStage,
    WrongChallengeStage
} from "./Refusals.sol";
import {BatchStage, ChallengeStage, DrawStage, JobStage} from "./Stages.sol";
import {Attempt, Batch, Challenge, Defence, Draw, Job, Place} from "./State.sol";

using Moments for JobClock;

/// @title Challenges: asked of Dispute, judged by its answer, finished (docs/spec/job.md §7)
contract Argue is IArgue, Faults, Checkers {
    /// @dev Which challenge a message is about.
    struct Key {
        JobId job;
        AttemptId attempt;
        SegmentId segment;
        uint64 number;
    }

    IDispute private immutable _dispute;

    constructor(IDispute dispute) {
        _dispute = dispute;
    }

    /// @inheritdoc IArgue
    function challenge(
        JobId id,
        AttemptId attempt,
        BatchId batchId,
        SegmentId segment,
        bool interior,
        Leaf calldata leaf,
        bytes32[] calldata siblings,
        Leaf calldata before,
        bytes32[] calldata beforeSiblings,
        Program calldata program,
        JobHeader memory header
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, batchId, BatchStage.Drawn, BatchStage.Revealed);
        uint256 index = _indexOf(batch, segment);
        Key memory key = Key(id, attempt, segment, running.markOf[segment].challenges);
        if (key.number != 0 && running.challengeOf[segment][key.number - 1].stage != ChallengeStage.Closed) {
            revert ChallengeUnfinished(segment);
        }
        uint256 contested = _contested(batch, index);
        if (interior && contested == 0 && batch.stage != BatchStage.Revealed) {
            revert WrongBatchStage(batchId, batch.stage);
        }
        _checkLeaf("leaf", batch, index, leaf, siblings);
        if (index != 0) _checkLeaf("leaf before", batch, index - 1, before, beforeSiblings);
        Challenge storage made = running.challengeOf[segment][key.number];
        if (contested == 0) {
            made.bond = job.challengeBond;
            _stake.lock(msg.sender, job.challengeBond);
        }
        (made.stage, made.owner, made.batch) = (ChallengeStage.Asked, msg.sender, batchId);
        (made.isInterior, made.draw) = (interior || contested != 0, uint8(contested));
        (made.state, made.count) = (leaf.state, _countOf(job, batch, index, segment));
        made.parties = _parties(batch, made.isInterior, contested);
        running.markOf[segment].challenges++;
        batch.unfinished++;
        if (contested != 0) batch.drawOf[contested - 1].about = uint32(key.number + 1);
        job.clock.stop();
        bytes32 start = index == 0 ? _start(job, running, batchId) : before.state;
        made.question = _dispute.open(_question(job, key, start, program), header);
        emit Challenged(id, attempt, segment, key.number, msg.sender, made.isInterior);
    }

    /// @inheritdoc IArgue
    function judge(JobId id, AttemptId attempt, SegmentId segment, uint64 number, Answer calldata opened) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Challenge storage asked = _challenge(running, segment, number);
        if (asked.stage != ChallengeStage.Asked) revert WrongChallengeStage(asked.stage);
        (Ruling ruling, uint64 living) = _ruling(asked, opened);
        job.clock.release();
        emit Judged(id, attempt, segment, number, ruling);
        if (ruling == Ruling.Void) {
            _void(id, job, running, asked);
        } else if (ruling == Ruling.Right) {
            asked.stepsTop = opened.stepsTop;
            if (asked.isInterior) {
                (asked.stage, asked.since) = (ChallengeStage.Answered, job.clock.read());
            } else {
                _loseBond(running, asked);
            }
        } else {
            _giveBondBack(asked);
            Reason memory reason = Reason(Fault.State, SegmentId.unwrap(segment), 0);
            asked.share = _slash(id, job, running, reason, living, job.deposit);
            // Nothing is nobody's share: to pay it would leave no trace for those who follow.
            if (asked.share != 0) asked.winners = living;
        }
    }

    /// @inheritdoc IArgue
    function finish(JobId id, AttemptId attempt, SegmentId segment, uint64 number) external {
        Job storage job = _job(id);
        Attempt storage of_ = job.attemptOf[AttemptId.unwrap(attempt)];
        Challenge storage asked = _challenge(of_, segment, number);
        ChallengeStage stage = asked.stage;
        if (stage == ChallengeStage.Closed) revert WrongChallengeStage(stage);
        if (of_.isOver) {
            _giveBondBack(asked);
            emit Finished(id, attempt, segment, number);
            return;
        }
        if (stage != ChallengeStage.Answered) revert WrongChallengeStage(stage);
        Moment memory shown = job.clock.read();
        if (!_isOver(shown, asked.since, 2 * uint256(job.contestSeconds))) revert TooEarly("roots");
        emit Finished(id, attempt, segment, number);
        if (_stands(asked, 0)) {
            _solverStands(job, of_, asked, shown);
        } else {
            _solverFalls(Key(id, attempt, segment, number), job, of_, asked);
        }
    }

    /// @inheritdoc IArgue
    function payWinner(JobId id, AttemptId attempt, SegmentId segment, uint64 number, uint64 claim) external {
        Challenge storage asked =
            _challenge(_job(id).attemptOf[AttemptId.unwrap(attempt)], segment, number);
        if (asked.winners == 0) revert NoPrize();
        (address owner, ClaimStatus status,) = _dispute.claimOf(asked.question, ClaimId.wrap(claim));
        if (status != ClaimStatus.Living && status != ClaimStatus.Released) revert NotAWinner(claim);
        if (asked.isPaid[claim]) revert PaidBefore(claim);
        asked.isPaid[claim] = true;
        asked.winners--;
        _stake.pay(owner, asked.share);
    }

    function _challenge(Attempt storage of_, SegmentId segment, uint64 number)
        private
        view
        returns (Challenge storage found)
    {
        found = of_.challengeOf[segment][number];
        if (found.stage == ChallengeStage.Unknown) revert UnknownChallenge(segment, number);
    }

    function _checkLeaf(
        bytes32 what,
        Batch storage batch,
        uint256 index,
        Leaf calldata leaf,
        bytes32[] calldata siblings
    ) private view {
        bytes32 digest = Names.claimed(leaf.state, leaf.seal);
        Openings.check(what, batch.root, batch.count, index, digest, siblings);
    }

    /// @dev The contested draw of a segment that no challenge is about yet, counted from 1; 0 if there is none.
    function _contested(Batch storage batch, uint256 index) private view returns (uint256) {
        for (uint256 i = 0; i < batch.draws; i++) {
            Draw storage draw = batch.drawOf[i];
            if (draw.index != index) continue;
            return draw.stage == DrawStage.Contested && draw.about == 0 ? i + 1 : 0;
        }
        return 0;
    }

    /// @dev Steps that the solver has claimed of a segment.
    function _countOf(Job storage job, Batch storage batch, uint256 index, SegmentId segment)
        private
        view
        returns (uint64)
    {
        if (index + 1 == batch.count) return batch.lastCount;
        return uint64(_stepsOf(job, SegmentId.unwrap(segment)));
    }

    /// @dev Whose interior roots are argued about: the solver's, and what was opened besides in a contested draw.
    function _parties(Batch storage batch, bool isInterior, uint256 contested) private view returns (uint16 parties) {
        if (isInterior) parties = 1;
        if (contested == 0) return parties;
        Draw storage draw = batch.drawOf[contested - 1];
        for (uint256 i = 0; i < draw.places; i++) {
            bool isOpen = draw.opened >> i & 1 == 1;
            if (isOpen && draw.placeOf[i].held != draw.interior) parties |= uint16(2 << i);
        }
    }

    function _question(Job storage job, Key memory key, bytes32 start, Program calldata program)
        private
        view
        returns (Question memory question)
    {
        uint64 segment = SegmentId.unwrap(key.segment);
        (question.job, question.start) = (job.spec, start);
        (question.nodes, question.states, question.sinks, question.tables) =
            (program.nodes, program.states, program.sinks, program.tables);
        (question.nodeCount, question.stateCount, question.tableCount) =
            (program.nodeCount, program.stateCount, program.tableCount);
        question.loss = job.loss;
        question.firstStep = segment * job.segmentSteps;
        question.stepCount = uint64(_stepsOf(job, segment));
        question.bond = job.questionBond;
        question.entrySeconds = Seconds.wrap(job.entrySeconds);
        question.clockSeconds = Seconds.wrap(job.clockSeconds);
        question.extensionSeconds = Seconds.wrap(job.extensionSeconds);
        question.asker = address(this);
        question.nonce = Names.asked(key.job, key.attempt, key.segment, key.number);
    }

    /// @dev What Dispute has answered, and how many claims have lived.
    function _ruling(Challenge storage asked, Answer calldata opened) private view returns (Ruling, uint64) {
        (QuestionStatus status, bytes32 answer,, uint64 living) = _dispute.statusOf(asked.question);
        if (status == QuestionStatus.Open) revert QuestionOpen();
        if (status == QuestionStatus.Unanswered) return (Ruling.Unanswered, 0);
        if (status == QuestionStatus.Void) return (Ruling.Void, 0);
        bytes32 root = Merkle.two(
            Merkle.TAG_SEGMENT, opened.state, Merkle.listRoot(opened.count, opened.stepsTop)
        );
        if (root != answer) revert Mismatch("answer");
        bool isRight = opened.state == asked.state && opened.count == asked.count;
        return (isRight ? Ruling.Right : Ruling.Wrong, living);
    }

    /// @dev The job is malformed: it ends at the poster's cost.
    function _void(JobId id, Job storage job, Attempt storage running, Challenge storage asked) private {
        address challenger = asked.owner;
        _giveBondBack(asked);
        _paySegments(job, running, running.claimed - job.settled);
        _stake.pay(running.solver, job.deposit);
        uint128 cost = _min(job.challengeCost, job.escrow);
        job.escrow -= cost;
        _stake.pay(challenger, cost);
        _endAttempt(job, running);
        uint128 escrow = job.escrow;
        (job.stage, job.escrow) = (JobStage.Void, 0);
        _stake.pay(job.poster, escrow);
        emit Ended(id, Ending.Void);
    }

    /// @dev The challenge is closed, its bond the challenger's again.
    function _giveBondBack(Challenge storage asked) private {
        asked.stage = ChallengeStage.Closed;
        _stake.pay(asked.owner, asked.bond);
    }

    /// @dev The challenge is closed, its bond the solver's and the insurance's.
    function _loseBond(Attempt storage running, Challenge storage asked) private {
        asked.stage = ChallengeStage.Closed;
        uint128 bond = asked.bond;
        uint128 half = bond / 2;
        _stake.pay(running.solver, half);
        _stake.fill(Pot.Insurance, bond - half);
        running.batchOf[BatchId.unwrap(asked.batch)].unfinished--;
    }

    /// @dev Whether somebody's root is shown and not refuted.
    function _stands(Challenge storage asked, uint256 who) private view returns (bool) {
        Defence storage defence = asked.defenceOf[who];
        return defence.isShown && !defence.isRefuted;
    }

    function _solverStands(Job storage job, Attempt storage running, Challenge storage asked, Moment memory shown)
        private
    {
        if (asked.draw != 0) {
            Batch storage batch = running.batchOf[BatchId.unwrap(asked.batch)];
            Draw storage draw = batch.drawOf[asked.draw - 1];
            Height height = Height.wrap(_settingOf(batch, draw).height);
            for (uint256 i = 0; i < draw.places; i++) {
                if (asked.parties >> (i + 1) & 1 == 0 || _stands(asked, i + 1)) continue;
                _stake.fine(draw.placeOf[i].seat, height, type(uint128).max, running.solver, job.challengeCost);
            }
            _payCheckers(job, draw);
            _endDraw(batch, draw, DrawStage.Decided, shown);
        }
        _loseBond(running, asked);
    }

    function _solverFalls(Key memory key, Job storage job, Attempt storage running, Challenge storage asked) private {
        address[] memory winners = _winners(running, asked);
        _giveBondBack(asked);
        Reason memory reason = Reason(Fault.Interior, SegmentId.unwrap(key.segment), 0);
        uint128 share = _slash(key.job, job, running, reason, winners.length, job.deposit);
        for (uint256 i = 0; i < winners.length; i++) {
            _stake.pay(winners[i], share);
        }
    }

    /// @dev Who was right about the solver: the challenger, or the verifiers of a contested draw whose roots stand.
    function _winners(Attempt storage running, Challenge storage asked) private view returns (address[] memory winners) {
        if (asked.draw == 0) {
            winners = new address[](1);
            winners[0] = asked.owner;
            return winners;
        }
        Draw storage draw = running.batchOf[BatchId.unwrap(asked.batch)].drawOf[asked.draw - 1];
        winners = new address[](draw.places);
        uint256 count;
        for (uint256 i = 0; i < draw.places; i++) {
            if (asked.parties >> (i + 1) & 1 == 1 && _stands(asked, i + 1)) winners[count++] = draw.placeOf[i].owner;
        }
        assembly ("memory-safe") {
            mstore(winners, count)
        }
    }
}
