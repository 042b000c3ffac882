// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DrawKind} from "../interfaces/IMarket.sol";
import {AttemptId, BatchId, DrawId, JobId, SegmentId} from "./Ids.sol";
import {Names} from "./Names.sol";
import {Params} from "./Params.sol";

/// @dev The randomness of a draw.
type Luck is bytes32;

/// @title What chance decides (docs/spec/job.md §3, §4, §6)
library Lucks {
    uint256 private constant TAG_DRAW = 0x17;

    /// @dev From the beacon, for one draw of one job.
    function drawn(
        bytes32 beacon,
        JobId job,
        AttemptId attempt,
        DrawKind kind,
        BatchId batch,
        DrawId draw,
        uint256 round
    ) internal view returns (Luck) {
        return Luck.wrap(Names.ofWords(TAG_DRAW, abi.encode(beacon, job, attempt, kind, batch, draw, round)));
    }

    /// @dev Which share of a segment becomes a whole draw.
    function rounding(Luck luck) internal view returns (uint256) {
        return uint256(Names.ofWords(TAG_DRAW, abi.encode(luck, uint256(0)))) % Params.MILLION;
    }

    /// @dev Which of `count` segments of a stratum is drawn.
    function ofStratum(Luck luck, uint256 stratum, uint256 count) internal view returns (uint256) {
        return uint256(Names.ofWords(TAG_DRAW, abi.encode(luck, uint256(1), stratum))) % count;
    }

    /// @dev Which of `seats` seats is tried at try `turn` for a place.
    function seat(Luck luck, uint256 draw, uint256 place, uint256 turn, uint256 seats) internal view returns (uint256) {
        return uint256(Names.ofWords(TAG_DRAW, abi.encode(luck, uint256(2), draw, place, turn))) % seats;
    }

    /// @dev Whether the solver must announce a false interior root.
    function forces(Luck luck, SegmentId segment, bytes32 secret) internal view returns (bool) {
        bytes32 hash = Names.ofWords(TAG_DRAW, abi.encode(luck, uint256(3), segment, secret));
        return uint256(hash) % Params.MILLION < Params.FORCED;
    }
}
