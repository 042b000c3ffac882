// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {SeatId} from "./Ids.sol";
import {Luck} from "./Luck.sol";
import {Moment} from "./Moment.sol";
import {Picking} from "./Picking.sol";
import {DrawStage} from "./Stages.sol";
import {Attempt, Batch, Draw, Job, Place} from "./State.sol";

/// @title Verifiers take their places at a drawn segment
abstract contract Placing is Picking {
    constructor(IBeacon beacon) Picking(beacon) {}

    /// @dev Picks the verifiers of a draw, which is to be sealed then if there is anybody to seal.
    function _place(
        Job storage job,
        Attempt storage running,
        Batch storage batch,
        Draw storage draw,
        Luck luck,
        uint256 number,
        Moment memory shown
    ) internal returns (bool isSealing) {
        (address[] memory owners, SeatId[] memory seats) =
            _pick(luck, number, _settingOf(batch, draw), job.checkers, running.solver, job.poster);
        for (uint256 i = 0; i < owners.length; i++) {
            Place storage place = draw.placeOf[i];
            (place.owner, place.seat) = (owners[i], seats[i]);
            if (owners[i] != address(0)) isSealing = true;
        }
        draw.places = uint8(owners.length);
        _enter(draw, isSealing ? DrawStage.Sealing : DrawStage.Unchecked, shown);
    }
}
