// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {DrawKind, Ending, IBegin, SpecOpening, Terms} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, DrawId, JobId, SeatId} from "./Ids.sol";
import {Luck, Lucks} from "./Luck.sol";
import {JobClock, Moment, Moments} from "./Moment.sol";
import {Names} from "./Names.sol";
import {Params} from "./Params.sol";
import {Picking} from "./Picking.sol";
import {AlreadyAppointed, JobExists, NotYours, TooEarly, TooLate, WrongAttempt, checkRange} from "./Refusals.sol";
import {Signatures} from "./Signatures.sol";
import {JobStage} from "./Stages.sol";
import {Attempt, Job} from "./State.sol";
import {TermLimits} from "./TermLimits.sol";

using Moments for JobClock;

/// @title The beginning of jobs and attempts: post, cancel, accept, appoint
contract Begin is IBegin, Picking {
    constructor(IBeacon beacon) Picking(beacon) {}

    /// @inheritdoc IBegin
    function post(SpecOpening calldata spec, string calldata profile, Terms calldata terms, uint64 nonce)
        external
        returns (JobId id)
    {
        uint256 segments = TermLimits.checkSpec(spec);
        TermLimits.checkTerms(terms);
        bytes32 digest = Names.spec(spec, profile);
        id = Names.job(msg.sender, nonce, digest, terms);
        Job storage job = _jobs[id];
        if (job.stage != JobStage.Unknown) revert JobExists(id);
        uint256 draws = TermLimits.draws(terms, segments);
        uint128 escrow = TermLimits.escrow(terms, segments, draws);
        _stake.lock(msg.sender, escrow);
        (job.spec, job.poster, job.stage) = (digest, msg.sender, JobStage.Open);
        (job.escrow, job.draws, job.state) = (escrow, uint64(draws), spec.initial);
        (job.steps, job.segmentSteps, job.loss, job.gradNorm) =
            (spec.steps, uint16(spec.segmentSteps), spec.loss, spec.gradNorm);
        TermLimits.pack(job, terms);
        emit Posted(id, msg.sender, digest, escrow);
    }

    /// @inheritdoc IBegin
    function cancel(JobId id) external {
        Job storage job = _jobAt(id, JobStage.Open);
        _only(job.poster);
        if (job.attempts != 0 && !_isOver(Moments.chain(), job.ended, Params.OPEN_LIMIT)) revert TooEarly("other solvers");
        uint128 escrow = job.escrow;
        (job.stage, job.escrow) = (JobStage.Cancelled, 0);
        _stake.pay(msg.sender, escrow);
        emit Ended(id, Ending.Cancelled);
    }

    /// @inheritdoc IBegin
    function accept(
        JobId id,
        AttemptId attempt,
        address solver,
        uint128 price,
        bytes32 secrets,
        uint64 expiry,
        bytes calldata signature
    ) external {
        Job storage job = _jobAt(id, JobStage.Open);
        uint64 next = job.attempts;
        if (AttemptId.unwrap(attempt) != next) revert WrongAttempt(attempt, AttemptId.wrap(next));
        address poster = job.poster;
        if (msg.sender != solver) {
            if (msg.sender != poster || signature.length == 0) revert NotYours(msg.sender);
            Signatures.check(solver, Signatures.ask(id, attempt, price, secrets, expiry), signature);
            if (block.timestamp > expiry) revert TooLate("the solver's word");
        }
        address named = job.solver;
        if (solver == poster || (named != address(0) && named != solver)) revert NotYours(solver);
        checkRange("price", price, 0, job.price);
        _stake.lock(solver, job.deposit);
        (job.stage, job.attempts) = (JobStage.Running, uint32(next + 1));
        Attempt storage running = job.attemptOf[next];
        (running.solver, running.price, running.secrets) = (solver, uint96(price), secrets);
        Moment memory shown = job.clock.read();
        (running.sinceTime, running.sinceHeight) = (shown.time, shown.height);
        (running.claimed, running.setting) = (job.settled, _setting());
        emit Accepted(id, attempt, solver, price);
    }

    /// @inheritdoc IBegin
    function appoint(JobId id, AttemptId attempt) external {
        (Job storage job, Attempt storage running) = _attempt(id, attempt);
        if (running.isAppointed) revert AlreadyAppointed();
        (bool isLost, bytes32 beacon) = _chance(running.setting);
        if (isLost) {
            running.setting = _setting();
            emit SetAnew(id, attempt, DrawKind.Custodians, BatchId.wrap(0), DrawId.wrap(0));
            return;
        }
        Luck luck =
            Lucks.drawn(beacon, id, attempt, DrawKind.Custodians, BatchId.wrap(0), DrawId.wrap(0), running.committees);
        (address[] memory picked,) =
            _pick(luck, 0, running.setting, job.custodians, running.solver, job.poster);
        running.isAppointed = true;
        address[] storage custodians = running.committeeOf[running.committees++];
        for (uint256 i = 0; i < picked.length; i++) {
            if (picked[i] != address(0)) custodians.push(picked[i]);
        }
        emit Appointed(id, attempt, custodians);
    }
}
