// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BeaconStatus, IBeacon} from "../interfaces/IBeacon.sol";
import {SeatId} from "./Ids.sol";
import {Luck, Lucks} from "./Luck.sol";
import {Height} from "./Moment.sol";
import {Params} from "./Params.sol";
import {NoBeaconYet} from "./Refusals.sol";
import {Setting, State} from "./State.sol";

using Lucks for Luck;

/// @title The beacon of a draw that was set, and places for seats (docs/spec/job.md §3)
abstract contract Picking is State {
    /// @dev Where chance comes from.
    IBeacon private immutable _beacon;

    constructor(IBeacon beacon) {
        _beacon = beacon;
    }

    /// @dev The beacon of a draw; `isLost` if the draw is to be set anew.
    function _chance(Setting memory setting) internal view returns (bool isLost, bytes32 value) {
        uint256 height = setting.height + Params.DRAW_DELAY;
        if (block.number <= height) revert NoBeaconYet(Height.wrap(uint64(height)));
        if (block.number > height + Params.DRAW_LIFE) return (true, 0);
        BeaconStatus status;
        (status, value) = _beacon.valueAt(height);
        if (status == BeaconStatus.NotYet) revert NoBeaconYet(Height.wrap(uint64(height)));
        isLost = status == BeaconStatus.Expired;
    }

    /// @dev `count` places, each with a seat that counted when the draw was set, of owners that have no other part in it; an owner of 0 where
    /// none was found.
    function _pick(Luck luck, uint256 draw, Setting memory setting, uint256 count, address solver, address poster)
        internal
        view
        returns (address[] memory owners, SeatId[] memory seats)
    {
        owners = new address[](count);
        seats = new SeatId[](count);
        if (setting.seats == 0) return (owners, seats);
        for (uint256 place = 0; place < count; place++) {
            for (uint256 turn = 0; turn < Params.TRIES; turn++) {
                SeatId seat = SeatId.wrap(uint32(luck.seat(draw, place, turn, setting.seats)));
                address owner = _stake.ownerAt(seat, Height.wrap(setting.height));
                if (owner == address(0) || owner == solver || owner == poster || _isAmong(owners, place, owner)) continue;
                (owners[place], seats[place]) = (owner, seat);
                break;
            }
        }
    }

    function _isAmong(address[] memory owners, uint256 count, address owner) private pure returns (bool) {
        for (uint256 i = 0; i < count; i++) {
            if (owners[i] == owner) return true;
        }
        return false;
    }
}
