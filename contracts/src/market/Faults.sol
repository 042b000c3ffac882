// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Pot} from "../interfaces/IFund.sol";
import {Fault, ICommon} from "../interfaces/IMarket.sol";
import {AttemptId, JobId} from "./Ids.sol";
import {JobClock, Moments} from "./Moment.sol";
import {Params} from "./Params.sol";
import {JobStage} from "./Stages.sol";
import {Attempt, Job, State} from "./State.sol";

using Moments for JobClock;

/// @title What segments pay, and what an attempt's early end costs (docs/spec/job.md §8)
abstract contract Faults is ICommon, State {
    /// @dev What ended an attempt, with its numbers.
    struct Reason {
        Fault fault;
        uint64 first;
        uint64 second;
    }

    /// @dev Pays the solver and the protocol for segments, from escrow.
    function _paySegments(Job storage job, Attempt storage running, uint256 count) internal {
        uint128 each = running.price;
        uint128 fee = uint128(each * Params.PROTOCOL_FEE / Params.MILLION * count);
        uint128 price = uint128(each * count);
        job.escrow -= price;
        _stake.pay(running.solver, price - fee);
        _stake.fill(Pot.Fees, fee);
    }

    /// @dev The attempt is over; its deposit was paid out. Taxes of batches that were not drawn are the jackpot's.
    function _endAttempt(Job storage job, Attempt storage running) internal {
        uint128 taxes = running.taxes;
        running.taxes = 0;
        _stake.fill(Pot.Jackpot, taxes);
        job.clock.releaseAll();
        (running.isOver, running.end) = (true, job.settled);
        (job.ended, job.stage) = (Moments.chain(), JobStage.Open);
    }

    /// @dev Shares out what a solver loses, and ends its attempt; what each of the winners gets stays with Market.
    function _slash(
        JobId id,
        Job storage job,
        Attempt storage running,
        Reason memory reason,
        uint256 winners,
        uint128 lost
    ) internal returns (uint128 share) {
        uint128 cost = winners == 0 ? 0 : _min(job.challengeCost, lost);
        uint256 gone = running.claimed - job.settled;
        uint128 harm = _min(uint256(running.price) * (gone == 0 ? 1 : gone), lost - cost);
        uint256 rest = lost - cost - harm;
        if (winners != 0) share = uint128((cost + rest * Params.PRIZE / Params.MILLION) / winners);
        _stake.pay(job.poster, harm);
        _stake.fill(Pot.Insurance, lost - harm - uint128(share * winners));
        AttemptId attempt = AttemptId.wrap(job.attempts - 1);
        _endAttempt(job, running);
        emit Faulted(id, attempt, reason.fault, reason.first, reason.second);
    }

    function _min(uint256 a, uint128 b) internal pure returns (uint128) {
        return a < b ? uint128(a) : b;
    }
}
