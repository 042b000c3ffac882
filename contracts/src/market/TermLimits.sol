// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SpecOpening, Terms} from "../interfaces/IMarket.sol";
import {Params} from "./Params.sol";
import {checkRange} from "./Refusals.sol";
import {Job} from "./State.sol";

/// @title What a job may ask for, and what its poster locks (docs/spec/job.md §2)
library TermLimits {
    /// @dev Refuses a job that is empty or beyond a limit; the number of its segments.
    function checkSpec(SpecOpening calldata spec) internal pure returns (uint256 segments) {
        checkRange("segmentSteps", spec.segmentSteps, 1, Params.MAX_SEGMENT_STEPS);
        checkRange("steps", spec.steps, 1, type(uint64).max);
        segments = (uint256(spec.steps) + spec.segmentSteps - 1) / spec.segmentSteps;
        checkRange("segments", segments, 1, Params.MAX_SEGMENTS);
    }

    /// @dev Refuses terms that are beyond a limit.
    function checkTerms(Terms calldata terms) internal pure {
        _amount("price", terms.price);
        _amount("checkFee", terms.checkFee);
        _amount("holdFee", terms.holdFee);
        _amount("deposit", terms.deposit);
        _amount("challengeBond", terms.challengeBond);
        _amount("challengeCost", terms.challengeCost);
        _amount("jackpot", terms.jackpot);
        _amount("questionBond", terms.questionBond);
        checkRange("drawRate", terms.drawRate, 0, Params.MILLION);
        checkRange("checkers", terms.checkers, 1, Params.MAX_CHECKERS);
        checkRange("custodians", terms.custodians, 1, Params.MAX_CUSTODIANS);
        checkRange("quorum", terms.quorum, 1, terms.custodians);
        checkRange("credit", terms.credit, 1, Params.MAX_CREDIT);
        _time("claimSeconds", terms.claimSeconds);
        _time("holdSeconds", terms.holdSeconds);
        _time("announceSeconds", terms.announceSeconds);
        _time("sealSeconds", terms.sealSeconds);
        _time("openSeconds", terms.openSeconds);
        _time("challengeSeconds", terms.challengeSeconds);
        _time("revealSeconds", terms.revealSeconds);
        _time("contestSeconds", terms.contestSeconds);
        _time("entrySeconds", terms.entrySeconds);
        _time("clockSeconds", terms.clockSeconds);
        _time("extensionSeconds", terms.extensionSeconds);
        checkRange("checkFee", uint256(terms.checkFee) * Params.SILENCE, 0, Params.SEAT);
        checkRange("deposit", terms.deposit, uint256(terms.challengeCost) + terms.price, Params.MAX_AMOUNT);
        checkRange("challengeBond", terms.challengeBond, terms.challengeCost, Params.MAX_AMOUNT);
        checkRange("entrySeconds", terms.entrySeconds, terms.sealSeconds, Params.MAX_SECONDS);
        // How long a drawn verifier may have to answer for its seal.
        uint256 check = terms.sealSeconds + 2 * terms.openSeconds + 3 * terms.contestSeconds;
        uint256 game =
            terms.entrySeconds + 2 * terms.clockSeconds + Params.GAME_MOVES * terms.extensionSeconds;
        checkRange("duty", check + game, 0, Params.UNBONDING);
    }

    /// @dev Draws that a job of `segments` pays for.
    function draws(Terms calldata terms, uint256 segments) internal pure returns (uint256) {
        uint256 expected = (segments * terms.drawRate + Params.MILLION - 1) / Params.MILLION;
        return 2 * expected + Params.SPARE_DRAWS;
    }

    /// @dev What the poster locks.
    function escrow(Terms calldata terms, uint256 segments, uint256 draws_) internal pure returns (uint128) {
        uint256 segment = uint256(terms.price) + uint256(terms.holdFee) * terms.custodians;
        return uint128(segments * segment + draws_ * terms.checkers * terms.checkFee);
    }

    /// @dev Keeps terms that were checked.
    function pack(Job storage job, Terms calldata terms) internal {
        (job.drawRate, job.checkers, job.custodians, job.quorum, job.credit) =
            (terms.drawRate, terms.checkers, terms.custodians, terms.quorum, terms.credit);
        (job.price, job.checkFee) = (uint96(terms.price), uint96(terms.checkFee));
        (job.claimSeconds, job.holdSeconds) = (uint32(terms.claimSeconds), uint32(terms.holdSeconds));
        (job.holdFee, job.deposit) = (uint96(terms.holdFee), uint96(terms.deposit));
        (job.announceSeconds, job.sealSeconds) = (uint32(terms.announceSeconds), uint32(terms.sealSeconds));
        (job.challengeBond, job.challengeCost) = (uint96(terms.challengeBond), uint96(terms.challengeCost));
        (job.openSeconds, job.challengeSeconds) = (uint32(terms.openSeconds), uint32(terms.challengeSeconds));
        (job.jackpot, job.questionBond) = (uint96(terms.jackpot), uint96(terms.questionBond));
        (job.revealSeconds, job.contestSeconds) = (uint32(terms.revealSeconds), uint32(terms.contestSeconds));
        (job.solver, job.entrySeconds) = (terms.solver, uint32(terms.entrySeconds));
        (job.clockSeconds, job.extensionSeconds) = (uint32(terms.clockSeconds), uint32(terms.extensionSeconds));
    }

    /// @dev The tax of a segment.
    function tax(Job storage job) internal view returns (uint128) {
        return uint128((uint256(job.jackpot) * Params.FORCED + Params.MILLION - 1) / Params.MILLION);
    }

    function _amount(bytes32 what, uint256 found) private pure {
        checkRange(what, found, 0, Params.MAX_AMOUNT);
    }

    function _time(bytes32 what, uint256 found) private pure {
        checkRange(what, found, 1, Params.MAX_SECONDS);
    }
}
