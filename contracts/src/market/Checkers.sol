// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Moment} from "./Moment.sol";
import {DrawStage} from "./Stages.sol";
import {Batch, Draw, Job, State} from "./State.sol";

/// @title How draws end, and what their verifiers earn
abstract contract Checkers is State {
    /// @dev Who has opened the solver's root is paid.
    function _payCheckers(Job storage job, Draw storage draw) internal {
        uint128 fee = job.checkFee;
        bytes32 root = draw.interior;
        uint128 paid;
        for (uint256 i = 0; i < draw.places; i++) {
            if (draw.opened >> i & 1 == 0 || draw.placeOf[i].held != root) continue;
            paid += fee;
            _stake.pay(draw.placeOf[i].owner, fee);
        }
        job.escrow -= paid;
    }

    /// @dev A draw comes to another stage.
    function _endDraw(Batch storage batch, Draw storage draw, DrawStage stage, Moment memory shown) internal {
        _enter(draw, stage, shown);
        bool isEnd = stage == DrawStage.Checked || stage == DrawStage.Unchecked || stage == DrawStage.Decided;
        if (isEnd) _decided(batch, shown);
    }

    /// @dev A draw has its end, perhaps the batch's last.
    function _decided(Batch storage batch, Moment memory shown) internal {
        if (--batch.undecided == 0) (batch.checkedTime, batch.checkedHeight) = (shown.time, shown.height);
    }
}
