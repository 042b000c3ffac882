// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {Conclusion, DrawKind, ICheck, Who} from "../interfaces/IMarket.sol";
import {Checkers} from "./Checkers.sol";
import {AttemptId, BatchId, DrawId, JobId, PlaceId, SegmentId} from "./Ids.sol";
import {Luck, Lucks} from "./Luck.sol";
import {Height, JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {Params} from "./Params.sol";
import {Placing} from "./Placing.sol";
import {
    Mismatch,
    NobodyOpened,
    NotSealed,
    NotYours,
    OpenedBefore,
    OpeningGoesOn,
    SealedBefore,
    TooEarly,
    TooLate,
    UnknownPlace
} from "./Refusals.sol";
import {DrawStage} from "./Stages.sol";
import {Attempt, Batch, Draw, Job, Place} from "./State.sol";

using Moments for JobClock;

/// @title A drawn segment is checked: seals, openings, comparison
contract Check is ICheck, Placing, Checkers {
    constructor(IBeacon beacon) Placing(beacon) {}

    /// @inheritdoc ICheck
    function seal(
        JobId id,
        AttemptId attempt,
        BatchId batchId,
        DrawId drawId,
        PlaceId placeId,
        bytes32 root,
        bytes32 sealed_
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Sealing);
        (Place storage place, uint8 bit) = _placeOf(draw, placeId);
        address owner = place.owner;
        if (msg.sender != owner) revert NotYours(msg.sender);
        if (draw.sealed_ & bit != 0) revert SealedBefore(placeId);
        Moment memory shown = job.clock.read();
        if (_isOver(shown, _since(draw), job.sealSeconds)) revert TooLate("the time of sealing");
        if (root != batch.root) revert Mismatch("batch root");
        if (sealed_ == 0) revert Mismatch("seal");
        place.held = sealed_;
        draw.sealed_ |= bit;
        emit Sealed(id, attempt, batchId, drawId, placeId);
        if (_isAnyWithout(draw, draw.sealed_)) return;
        _enter(draw, DrawStage.Opening, shown);
        emit Closed(id, attempt, batchId, drawId);
    }

    /// @inheritdoc ICheck
    function close(JobId id, AttemptId attempt, BatchId batchId, DrawId drawId) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Sealing);
        Moment memory shown = job.clock.read();
        if (!_isOver(shown, _since(draw), job.sealSeconds)) revert TooEarly("seals are waited for");
        if (draw.sealed_ == 0) {
            emit Concluded(id, attempt, batchId, drawId, _nobodyOpened(batch, draw, shown));
            return;
        }
        _enter(draw, DrawStage.Opening, shown);
        emit Closed(id, attempt, batchId, drawId);
    }

    /// @inheritdoc ICheck
    function openVerifier(
        JobId id,
        AttemptId attempt,
        BatchId batchId,
        DrawId drawId,
        PlaceId placeId,
        bytes32 salt,
        bytes32 interior
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Opening);
        (Place storage place, uint8 bit) = _placeOf(draw, placeId);
        if (draw.sealed_ & bit == 0) revert NotSealed(placeId);
        if (draw.opened & bit != 0) revert OpenedBefore();
        Moment memory shown = _checkOpening(job, draw);
        bytes32 found = Names.seal(id, attempt, _segmentOf(batch, draw), Names.VERIFIER, place.owner, salt, interior);
        if (found != place.held) revert Mismatch("seal");
        place.held = interior;
        draw.opened |= bit;
        emit Opened(id, attempt, batchId, drawId, Who.wrap(PlaceId.unwrap(placeId) + 1), interior);
        if (_isDone(job, draw, shown)) emit Concluded(id, attempt, batchId, drawId, _conclude(job, batch, draw, shown));
    }

    /// @inheritdoc ICheck
    function openSolver(
        JobId id,
        AttemptId attempt,
        BatchId batchId,
        DrawId drawId,
        bytes32 state,
        bytes32 secret,
        bytes32 interior,
        bytes32[] calldata secretSiblings,
        bytes32[] calldata leafSiblings
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Opening);
        if (draw.isSolverOpen) revert OpenedBefore();
        if (draw.opened == 0) revert NobodyOpened();
        SegmentId segment = _segmentOf(batch, draw);
        bytes32 hidden = Names.secret(secret);
        Openings.check(
            "secret", running.secrets, _segments(job), SegmentId.unwrap(segment), hidden, secretSiblings
        );
        bytes32 leaf =
            Names.claimed(state, Names.seal(id, attempt, segment, Names.SOLVER, running.solver, secret, interior));
        Openings.check("leaf", batch.root, batch.count, draw.index, leaf, leafSiblings);
        (draw.isSolverOpen, draw.interior) = (true, interior);
        emit Opened(id, attempt, batchId, drawId, Who.wrap(0), interior);
        Moment memory shown = job.clock.read();
        if (_isDone(job, draw, shown)) emit Concluded(id, attempt, batchId, drawId, _conclude(job, batch, draw, shown));
    }

    /// @inheritdoc ICheck
    function conclude(JobId id, AttemptId attempt, BatchId batchId, DrawId drawId) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Opening);
        Moment memory shown = job.clock.read();
        if (!_isDone(job, draw, shown)) revert OpeningGoesOn();
        emit Concluded(id, attempt, batchId, drawId, _conclude(job, batch, draw, shown));
    }

    /// @inheritdoc ICheck
    function redraw(JobId id, AttemptId attempt, BatchId batchId, DrawId drawId) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        (Batch storage batch, Draw storage draw) = _draw(running, batchId, drawId, DrawStage.Waiting);
        (bool isLost, bytes32 beacon) = _chance(draw.setting);
        if (isLost) {
            draw.setting = _setting();
            emit SetAnew(id, attempt, DrawKind.Verifiers, batchId, drawId);
            return;
        }
        Luck luck = Lucks.drawn(beacon, id, attempt, DrawKind.Verifiers, batchId, drawId, draw.round);
        (draw.sealed_, draw.opened) = (0, 0);
        Moment memory shown = job.clock.read();
        if (!_place(job, running, batch, draw, luck, DrawId.unwrap(drawId), shown)) _decided(batch, shown);
        emit Redrawn(id, attempt, batchId, drawId, Luck.unwrap(luck));
    }

    function _placeOf(Draw storage draw, PlaceId id) private view returns (Place storage place, uint8 bit) {
        if (PlaceId.unwrap(id) >= draw.places) revert UnknownPlace(id);
        place = draw.placeOf[PlaceId.unwrap(id)];
        bit = uint8(1 << PlaceId.unwrap(id));
    }

    /// @dev Whether a verifier is not among these places.
    function _isAnyWithout(Draw storage draw, uint256 places) private view returns (bool) {
        for (uint256 i = 0; i < draw.places; i++) {
            if (places >> i & 1 == 0 && draw.placeOf[i].owner != address(0)) return true;
        }
        return false;
    }

    /// @dev Refuses an opening before its time, while the last seal may be forgotten by the chain, and after it.
    function _checkOpening(Job storage job, Draw storage draw) private view returns (Moment memory shown) {
        shown = job.clock.read();
        Moment memory since = _since(draw);
        if (Height.unwrap(shown.height) < Height.unwrap(since.height) + Params.OPEN_DELAY) {
            revert TooEarly("the last seal");
        }
        if (_isOver(shown, since, job.openSeconds)) revert TooLate("the time of opening");
    }

    /// @dev Whether nobody is waited for: all who sealed have opened, or the time for it is over, and the solver has, unless nobody else has.
    function _isDone(Job storage job, Draw storage draw, Moment memory shown) private view returns (bool) {
        if (draw.sealed_ != draw.opened && !_isOver(shown, _since(draw), job.openSeconds)) return false;
        return draw.isSolverOpen || draw.opened == 0;
    }

    function _conclude(Job storage job, Batch storage batch, Draw storage draw, Moment memory shown)
        private
        returns (Conclusion)
    {
        return draw.opened == 0 ? _nobodyOpened(batch, draw, shown) : _compare(job, batch, draw, shown);
    }

    function _compare(Job storage job, Batch storage batch, Draw storage draw, Moment memory shown)
        private
        returns (Conclusion)
    {
        bool isAgreed = true;
        for (uint256 i = 0; i < draw.places; i++) {
            if (draw.opened >> i & 1 == 1 && draw.placeOf[i].held != draw.interior) isAgreed = false;
        }
        _fineSilent(job, batch, draw);
        if (isAgreed) {
            _payCheckers(job, draw);
            _endDraw(batch, draw, DrawStage.Checked, shown);
            return Conclusion.Checked;
        }
        _endDraw(batch, draw, DrawStage.Contested, shown);
        return Conclusion.Contested;
    }

    /// @dev Fines who was drawn and has not opened, if it could have the state.
    function _fineSilent(Job storage job, Batch storage batch, Draw storage draw) private {
        if (!batch.isQuorate) return;
        uint128 fine = job.checkFee * Params.SILENCE;
        Height height = Height.wrap(_settingOf(batch, draw).height);
        for (uint256 i = 0; i < draw.places; i++) {
            Place storage place = draw.placeOf[i];
            if (draw.opened >> i & 1 == 1 || place.owner == address(0)) continue;
            _stake.fine(place.seat, height, fine, address(0), 0);
        }
    }

    /// @dev Verifiers are drawn again, or the segment stays unchecked. Nobody is fined: perhaps nobody could have the state.
    function _nobodyOpened(Batch storage batch, Draw storage draw, Moment memory shown) private returns (Conclusion) {
        if (draw.round >= Params.REDRAWS) {
            _endDraw(batch, draw, DrawStage.Unchecked, shown);
            return Conclusion.Unchecked;
        }
        (draw.round, draw.setting) = (draw.round + 1, _setting());
        _endDraw(batch, draw, DrawStage.Waiting, shown);
        return Conclusion.Waiting;
    }
}
