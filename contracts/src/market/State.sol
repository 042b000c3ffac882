// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IStake} from "../interfaces/IStake.sol";
import {QuestionId} from "../Position.sol";
import {AttemptId, BatchId, DrawId, JobId, SeatId, SegmentId} from "./Ids.sol";
import {Seconds} from "../Clock.sol";
import {Height, JobClock, Moment, Moments} from "./Moment.sol";
import {
    UnknownBatch,
    UnknownDraw,
    UnknownJob,
    UnknownSegment,
    WrongAttempt,
    WrongBatchStage,
    WrongDrawStage,
    WrongJobStage,
    NotYours
} from "./Refusals.sol";
import {BatchStage, CatchStage, ChallengeStage, DrawStage, JobStage} from "./Stages.sol";

using Moments for JobClock;
using Moments for Moment;

/// @dev A draw that was set: its beacon is of a later height, its seats are those of this one.
struct Setting {
    uint64 height;
    uint32 seats;
}

/// @dev A verifier's place at a drawn segment. Whether it is sealed and open is in its draw.
struct Place {
    /// 0 if no seat was found.
    address owner;
    SeatId seat;
    /// What it sealed, then what it opened.
    bytes32 held;
}

/// @dev A drawn segment.
struct Draw {
    /// Where in the batch.
    uint8 index;
    DrawStage stage;
    /// How often verifiers were picked again.
    uint8 round;
    uint8 places;
    /// Places that have sealed, and those that have opened: a bit each.
    uint8 sealed_;
    uint8 opened;
    bool isSolverOpen;
    /// The challenge about it, counted from 1; 0 if there is none.
    uint32 about;
    /// When its present stage began.
    Seconds sinceTime;
    Height sinceHeight;
    /// From which seats verifiers are picked again; the first are picked as the batch is drawn.
    Setting setting;
    /// What the solver has opened.
    bytes32 interior;
    mapping(uint256 place => Place) placeOf;
}

/// @dev Segments that were claimed together.
struct Batch {
    BatchStage stage;
    uint8 count;
    /// Steps of its last segment.
    uint16 lastCount;
    /// Which custodians hold it, and those of them that have signed: a bit each.
    uint32 committee;
    uint16 signed;
    /// Whether a quorum had signed before the draw.
    bool isQuorate;
    /// Whether the draw was set more than once.
    bool isLate;
    uint8 draws;
    /// Draws that have no end yet.
    uint8 undecided;
    /// Challenges of it that are not finished.
    uint32 unfinished;
    SegmentId first;
    /// List root of the claimed leaves.
    bytes32 root;
    /// The state after it.
    bytes32 end;
    /// When its present stage began.
    Seconds sinceTime;
    Height sinceHeight;
    /// Segments that are drawn and, when it is revealed, those that were forced: a bit each.
    uint64 drawn;
    uint64 forced;
    /// When its draw was set, and how many seats there were.
    uint64 setHeight;
    uint32 setSeats;
    /// When the last draw came to its end.
    Seconds checkedTime;
    Height checkedHeight;
    /// What the draw was made with.
    bytes32 luck;
    /// List root of the announced interior roots, then of the true ones.
    bytes32 interiors;
    mapping(uint256 draw => Draw) drawOf;
}

/// @dev Somebody's interior root in a challenge.
struct Defence {
    /// The root, when its leaves were shown.
    bytes32 shown;
    bool isShown;
    /// Whether one of them is false.
    bool isRefuted;
}

/// @dev A challenge.
struct Challenge {
    address owner;
    uint96 bond;
    ChallengeStage stage;
    /// Whether the interior root is challenged too.
    bool isInterior;
    /// The contested draw that it is about, counted from 1; 0 if there is none.
    uint8 draw;
    BatchId batch;
    /// Steps that the solver has claimed.
    uint64 count;
    /// Winners that are not paid.
    uint64 winners;
    /// The state that the solver has claimed.
    bytes32 state;
    QuestionId question;
    /// Top of the steps of the answer.
    bytes32 stepsTop;
    /// When it was answered.
    Moment since;
    /// What one winner gets.
    uint128 share;
    /// Whose interior roots are argued about, a bit each: the solver's, then by place those of the contested draw.
    uint16 parties;
    mapping(uint256 who => Defence) defenceOf;
    mapping(uint64 claim => bool) isPaid;
}

/// @dev A catch.
struct Catch {
    CatchStage stage;
    bytes32 commitment;
}

/// @dev What is kept of a segment.
struct Mark {
    /// Challenges.
    uint64 challenges;
    /// Valid catches.
    uint32 valid;
    /// What a valid catch gets, once one was paid.
    bool isPriced;
    uint96 prize;
}

/// @dev One solver's time with the job.
struct Attempt {
    address solver;
    uint96 price;
    /// List root of the secrets.
    bytes32 secrets;
    /// Since when the next claim is waited for.
    Seconds sinceTime;
    Height sinceHeight;
    /// Taxes of batches that are not drawn.
    uint128 taxes;
    /// Segments claimed, from the job's first on.
    uint64 claimed;
    uint32 batches;
    /// Batches that are settled.
    uint32 settled;
    /// Batches in a row that nobody held.
    uint8 lapses;
    /// How often custodians were drawn, and whether they were since the last lapse.
    uint32 committees;
    bool isAppointed;
    /// Whether the last batch ends the job.
    bool isFinal;
    /// Whether any segment was drawn.
    bool hasDrawn;
    /// The draw of custodians.
    Setting setting;
    /// Segments of the job that were settled when the attempt ended, if it has.
    uint64 end;
    bool isOver;
    /// The custodians, as often as they were drawn.
    mapping(uint256 committee => address[]) committeeOf;
    mapping(uint256 batch => Batch) batchOf;
    mapping(SegmentId segment => Mark) markOf;
    mapping(SegmentId segment => mapping(uint64 number => Challenge)) challengeOf;
    mapping(SegmentId segment => mapping(address owner => Catch)) catchOf;
}

/// @dev A job. Its terms are packed: what they may be is checked when it is posted.
struct Job {
    bytes32 spec;
    address poster;
    JobStage stage;
    /// Attempts begun.
    uint32 attempts;
    uint8 checkers;
    uint8 custodians;
    uint8 quorum;
    uint8 credit;
    uint16 segmentSteps;
    uint96 price;
    uint96 checkFee;
    uint32 claimSeconds;
    uint32 holdSeconds;
    uint96 holdFee;
    uint96 deposit;
    uint32 announceSeconds;
    uint32 sealSeconds;
    uint96 challengeBond;
    uint96 challengeCost;
    uint32 openSeconds;
    uint32 challengeSeconds;
    uint96 jackpot;
    uint96 questionBond;
    uint32 revealSeconds;
    uint32 contestSeconds;
    address solver;
    uint32 entrySeconds;
    uint32 clockSeconds;
    uint32 extensionSeconds;
    uint64 steps;
    uint32 loss;
    uint32 gradNorm;
    uint32 drawRate;
    /// What is left of the poster's money.
    uint128 escrow;
    /// Segments that are settled.
    uint64 settled;
    /// Draws that are left.
    uint64 draws;
    /// The state after the settled segments.
    bytes32 state;
    JobClock clock;
    /// When the last attempt ended.
    Moment ended;
    mapping(uint64 attempt => Attempt) attemptOf;
}

/// @title What Market keeps, and how it is looked up
/// @dev The layout that all parts of Market share: they run in its place. Nothing else has storage.
abstract contract State {
    /// @dev Set once, when Market makes it.
    IStake internal _stake;
    /// @dev Time of a slow block of this chain, set with it.
    uint32 internal _slowBlock;
    mapping(JobId job => Job) internal _jobs;

    function _job(JobId id) internal view returns (Job storage job) {
        job = _jobs[id];
        if (job.stage == JobStage.Unknown) revert UnknownJob(id);
    }

    function _jobAt(JobId id, JobStage stage) internal view returns (Job storage job) {
        job = _job(id);
        if (job.stage != stage) revert WrongJobStage(id, job.stage);
    }

    /// @dev The attempt that runs, if it is the one meant.
    function _attempt(JobId id, AttemptId attempt) internal view returns (Job storage job, Attempt storage running) {
        job = _jobAt(id, JobStage.Running);
        uint64 last = job.attempts - 1;
        if (AttemptId.unwrap(attempt) != last) revert WrongAttempt(attempt, AttemptId.wrap(last));
        running = job.attemptOf[last];
    }

    /// @dev A batch of the attempt that runs, if it stands between these stages.
    function _batch(Attempt storage running, BatchId id, BatchStage from, BatchStage to)
        internal
        view
        returns (Batch storage batch)
    {
        if (BatchId.unwrap(id) >= running.batches) revert UnknownBatch(id);
        batch = running.batchOf[BatchId.unwrap(id)];
        BatchStage stage = batch.stage;
        if (stage < from || stage > to) revert WrongBatchStage(id, stage);
    }

    /// @dev A draw of a batch that is not settled, at a stage.
    function _draw(Attempt storage running, BatchId batchId, DrawId id, DrawStage stage)
        internal
        view
        returns (Batch storage batch, Draw storage draw)
    {
        batch = _batch(running, batchId, BatchStage.Drawn, BatchStage.Revealed);
        if (DrawId.unwrap(id) >= batch.draws) revert UnknownDraw(id);
        draw = batch.drawOf[DrawId.unwrap(id)];
        if (draw.stage != stage) revert WrongDrawStage(id, draw.stage);
    }

    /// @dev When the present stage of a batch began.
    function _since(Batch storage batch) internal view returns (Moment memory) {
        return Moment(batch.sinceTime, batch.sinceHeight);
    }

    /// @dev A batch comes to another stage.
    function _enter(Batch storage batch, BatchStage stage, Moment memory shown) internal {
        (batch.stage, batch.sinceTime, batch.sinceHeight) = (stage, shown.time, shown.height);
    }

    /// @dev When the present stage of a draw began.
    function _since(Draw storage draw) internal view returns (Moment memory) {
        return Moment(draw.sinceTime, draw.sinceHeight);
    }

    /// @dev A draw comes to another stage.
    function _enter(Draw storage draw, DrawStage stage, Moment memory shown) internal {
        (draw.stage, draw.sinceTime, draw.sinceHeight) = (stage, shown.time, shown.height);
    }

    /// @dev A batch's draw is set now.
    function _set(Batch storage batch) internal {
        (batch.setHeight, batch.setSeats) = (uint64(block.number), _stake.seatCount());
    }

    /// @dev How the draw of a batch was set.
    function _settingOf(Batch storage batch) internal view returns (Setting memory) {
        return Setting(batch.setHeight, batch.setSeats);
    }

    /// @dev From which seats the verifiers of a draw were, or are to be, picked.
    function _settingOf(Batch storage batch, Draw storage draw) internal view returns (Setting memory) {
        return draw.round == 0 ? _settingOf(batch) : draw.setting;
    }

    /// @dev Which segment of the job a draw is about.
    function _segmentOf(Batch storage batch, Draw storage draw) internal view returns (SegmentId) {
        return SegmentId.wrap(SegmentId.unwrap(batch.first) + draw.index);
    }

    /// @dev The state before a batch that is not settled.
    function _start(Job storage job, Attempt storage running, BatchId batch) internal view returns (bytes32) {
        uint64 number = BatchId.unwrap(batch);
        return number == 0 ? job.state : running.batchOf[number - 1].end;
    }

    /// @dev Where in its batch a segment is.
    function _indexOf(Batch storage batch, SegmentId segment) internal view returns (uint256) {
        uint64 first = SegmentId.unwrap(batch.first);
        uint64 asked = SegmentId.unwrap(segment);
        if (asked < first || asked - first >= batch.count) revert UnknownSegment(segment);
        return asked - first;
    }

    /// @dev Segments of the job.
    function _segments(Job storage job) internal view returns (uint256) {
        return (uint256(job.steps) + job.segmentSteps - 1) / job.segmentSteps;
    }

    /// @dev Steps that a segment has if the job does not end in it.
    function _stepsOf(Job storage job, uint256 segment) internal view returns (uint256) {
        uint256 length = job.segmentSteps;
        uint256 rest = job.steps - segment * length;
        return rest < length ? rest : length;
    }

    /// @dev A draw that is set now.
    function _setting() internal view returns (Setting memory) {
        return Setting(uint64(block.number), _stake.seatCount());
    }

    /// @dev Whether so much time is over on this chain.
    function _isOver(Moment memory shown, Moment memory start, uint256 length) internal view returns (bool) {
        return shown.isOver(start, length, _slowBlock);
    }

    function _only(address owner) internal view {
        if (msg.sender != owner) revert NotYours(msg.sender);
    }
}
