// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Moves} from "../Moves.sol";
import {Position, Positions} from "../Position.sol";
import {JudgeKind} from "../interfaces/IReferee.sol";

using Moves for Position;

/// @title A door to the game's rules for tests. Never deployed for use.
contract MovesProbe {
    /// @notice What the referee may be asked at the position: bit k stands for kind k.
    function judged(Position calldata given) external pure returns (uint256 kinds) {
        Position memory position = Positions.load(given);
        for (uint8 kind = 0; kind <= uint8(type(JudgeKind).max); kind++) {
            if (position.isJudged(JudgeKind(kind))) kinds |= 1 << kind;
        }
    }
}
