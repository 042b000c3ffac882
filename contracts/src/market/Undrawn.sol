// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SegmentId} from "./Ids.sol";
import {Attempt, Batch, Job, State} from "./State.sol";
import {TermLimits} from "./TermLimits.sol";

/// @title What batches that are not drawn have in common: their quorum, and how the last one goes
abstract contract Undrawn is State {
    /// @dev Whether these signatures are a quorum of so many custodians that were found.
    function _isQuorum(Job storage job, uint256 found, uint256 signed) internal view returns (bool) {
        uint256 quorum = job.quorum < found ? job.quorum : found;
        uint256 count;
        for (; signed != 0; signed &= signed - 1) {
            count++;
        }
        return count >= quorum;
    }

    /// @dev The last batch, which was not drawn and so was never challenged, is gone; its tax goes back.
    function _dropLast(Job storage job, Attempt storage running) internal {
        uint32 last = running.batches - 1;
        Batch storage gone = running.batchOf[last];
        uint128 tax = TermLimits.tax(job) * gone.count;
        running.taxes -= tax;
        (running.batches, running.claimed, running.isFinal) = (last, SegmentId.unwrap(gone.first), false);
        (gone.signed, gone.isLate) = (0, false);
        _stake.pay(running.solver, tax);
    }
}
