// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Pot} from "../interfaces/IFund.sol";
import {IClaims} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, JobId, SegmentId} from "./Ids.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Openings} from "./Openings.sol";
import {Params} from "./Params.sol";
import {
    Mismatch,
    NotAppointed,
    NotHeld,
    NotTheLast,
    NotYours,
    NothingToClaim,
    SignedTwice,
    TooLate,
    UnknownSegment,
    WrongCount,
    WrongSignature,
    checkRange
} from "./Refusals.sol";
import {Signatures} from "./Signatures.sol";
import {BatchStage} from "./Stages.sol";
import {Attempt, Batch, Job} from "./State.sol";
import {TermLimits} from "./TermLimits.sol";
import {Undrawn} from "./Undrawn.sol";

using Moments for JobClock;

/// @title Batches before their draw: claim, retract, hold
contract Claims is IClaims, Undrawn {
    /// @inheritdoc IClaims
    function claim(
        JobId id,
        AttemptId attempt,
        SegmentId first,
        bytes32[] calldata states,
        bytes32[] calldata seals,
        uint64 lastCount,
        bytes calldata signature
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        bool isSolver = msg.sender == running.solver;
        if (!isSolver && signature.length == 0) revert NotYours(msg.sender);
        if (!running.isAppointed) revert NotAppointed();
        uint32 number = running.batches;
        if (number != 0 && running.batchOf[number - 1].stage == BatchStage.Claimed) revert NotHeld();
        if (running.isFinal) revert NothingToClaim();
        if (SegmentId.unwrap(first) != running.claimed) revert UnknownSegment(first);
        _checkLengths(job, SegmentId.unwrap(first), states.length, seals.length, lastCount);
        uint128 tax = TermLimits.tax(job) * uint128(states.length);
        _stake.lock(running.solver, tax);
        bytes32 root = _root(states, seals);
        if (!isSolver) Signatures.check(running.solver, Signatures.claim(id, attempt, first, root, lastCount), signature);

        Batch storage batch = running.batchOf[number];
        (batch.count, batch.lastCount) = (uint8(states.length), uint16(lastCount));
        (batch.first, batch.root, batch.end) = (first, root, states[states.length - 1]);
        batch.committee = running.committees - 1;
        _enter(batch, BatchStage.Claimed, job.clock.read());
        uint256 end = SegmentId.unwrap(first) + states.length;
        (running.batches, running.claimed) = (number + 1, uint64(end));
        running.taxes += tax;
        running.isFinal = end == _segments(job) || lastCount < _stepsOf(job, end - 1);
        emit Claimed(id, attempt, BatchId.wrap(number), root);
        if (running.committeeOf[batch.committee].length == 0) _held(id, attempt, BatchId.wrap(number), job, running, batch);
    }

    /// @inheritdoc IClaims
    function retract(JobId id, AttemptId attempt, BatchId number, bytes32 root) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Claimed, BatchStage.Held);
        _only(running.solver);
        if (BatchId.unwrap(number) + 1 != running.batches) revert NotTheLast(number);
        if (batch.stage == BatchStage.Held && block.number >= batch.setHeight + Params.DRAW_DELAY) {
            revert TooLate("the beacon");
        }
        if (root != batch.root) revert Mismatch("batch root");
        uint128 fee = uint128(job.deposit * Params.RETRACT_FEE / Params.MILLION);
        _stake.lock(msg.sender, fee);
        _stake.fill(Pot.Insurance, fee);
        _dropLast(job, running);
        emit Retracted(id, attempt, number);
    }

    /// @inheritdoc IClaims
    function hold(
        JobId id,
        AttemptId attempt,
        BatchId number,
        bytes32 root,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        Batch storage batch = _batch(running, number, BatchStage.Claimed, BatchStage.Held);
        if (root != batch.root) revert Mismatch("batch root");
        checkRange("signers", signers.length, 1, Params.MAX_CUSTODIANS + 1);
        if (signatures.length != signers.length) revert WrongCount("signatures", signatures.length, signers.length);
        uint256 before = batch.signed;
        (uint256 signed, bool isPosters) = _sign(
            running.committeeOf[batch.committee], before, job.poster, Signatures.hold(id, attempt, number, root), signers, signatures
        );
        batch.signed = uint16(signed);
        emit Signed(id, attempt, number, uint16(signed & ~before));
        if (batch.stage == BatchStage.Claimed && (isPosters || _isQuorum(job, running.committeeOf[batch.committee].length, signed))) {
            _held(id, attempt, number, job, running, batch);
        }
    }

    function _checkLengths(Job storage job, uint256 first, uint256 states, uint256 seals, uint256 lastCount)
        private
        view
    {
        uint256 left = _segments(job) - first;
        uint256 credit = job.credit;
        checkRange("states", states, 1, left < credit ? left : credit);
        if (seals != states) revert WrongCount("seals", seals, states);
        checkRange("lastCount", lastCount, 1, _stepsOf(job, first + states - 1));
    }

    function _root(bytes32[] calldata states, bytes32[] calldata seals) private view returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](states.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            leaves[i] = Names.claimed(states[i], seals[i]);
        }
        return Openings.listOf(leaves);
    }

    /// @dev Adds the signers, each of whom is the poster or a custodian that had not signed.
    function _sign(
        address[] storage custodians,
        uint256 signed,
        address poster,
        bytes32 digest,
        address[] calldata signers,
        bytes[] calldata signatures
    ) private view returns (uint256, bool isPosters) {
        for (uint256 i = 0; i < signers.length; i++) {
            address signer = signers[i];
            if (signer == poster) {
                if (msg.sender != poster) Signatures.check(signer, digest, signatures[i]);
                isPosters = true;
                continue;
            }
            uint256 bit = 1 << _indexOf(custodians, signer);
            if (signed & bit != 0) revert SignedTwice(signer);
            signed |= bit;
            Signatures.check(signer, digest, signatures[i]);
        }
        return (signed, isPosters);
    }

    function _indexOf(address[] storage custodians, address signer) private view returns (uint256) {
        for (uint256 i = 0; i < custodians.length; i++) {
            if (custodians[i] == signer) return i;
        }
        revert NotYours(signer);
    }

    /// @dev A batch can be had by those who are drawn to check it.
    function _held(
        JobId id,
        AttemptId attempt,
        BatchId number,
        Job storage job,
        Attempt storage running,
        Batch storage batch
    ) private {
        Moment memory shown = job.clock.read();
        (running.lapses, running.sinceTime, running.sinceHeight) = (0, shown.time, shown.height);
        _enter(batch, BatchStage.Held, shown);
        _set(batch);
        emit Held(id, attempt, number);
    }
}
