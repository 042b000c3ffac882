// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Seconds} from "../Clock.sol";

/// @dev Number of a block, or a number of blocks.
type Height is uint64;

/// @notice A time and a block, of the chain or of a job's own clock.
struct Moment {
    Seconds time;
    Height height;
}

/// @notice A job's clock: the chain's, minus what it stood still while challenges were argued about.
struct JobClock {
    /// What it stood still before, in seconds and blocks.
    uint64 stoodSeconds;
    uint64 stoodBlocks;
    /// Challenges that are argued about.
    uint64 asked;
    /// Since when it stands, if it does.
    Moment since;
}

/// @title Deadlines in seconds and blocks (docs/spec/job.md §3)
library Moments {
    /// @dev The chain's.
    function chain() internal view returns (Moment memory) {
        return Moment(Seconds.wrap(uint64(block.timestamp)), height());
    }

    function height() internal view returns (Height) {
        return Height.wrap(uint64(block.number));
    }

    /// @dev Whether `length` since `start` is over: in time and in blocks, of which the slow ones take `slowBlock`, so that a chain that stands
    /// still stops every clock.
    function isOver(Moment memory moment, Moment memory start, uint256 length, uint256 slowBlock)
        internal
        pure
        returns (bool)
    {
        unchecked {
            uint256 blocks = (length + slowBlock - 1) / slowBlock;
            return Seconds.unwrap(moment.time) >= Seconds.unwrap(start.time) + length
                && Height.unwrap(moment.height) >= Height.unwrap(start.height) + blocks;
        }
    }

    /// @dev What a job's clock shows.
    function read(JobClock storage clock) internal view returns (Moment memory) {
        Moment memory shown = clock.asked == 0 ? chain() : clock.since;
        return Moment(
            Seconds.wrap(Seconds.unwrap(shown.time) - clock.stoodSeconds),
            Height.wrap(Height.unwrap(shown.height) - clock.stoodBlocks)
        );
    }

    /// @dev One challenge more is argued about.
    function stop(JobClock storage clock) internal {
        if (clock.asked++ == 0) clock.since = chain();
    }

    /// @dev One challenge less is argued about.
    function release(JobClock storage clock) internal {
        if (--clock.asked != 0) return;
        Moment memory since = clock.since;
        clock.stoodSeconds += uint64(block.timestamp) - Seconds.unwrap(since.time);
        clock.stoodBlocks += uint64(block.number) - Height.unwrap(since.height);
    }

    /// @dev Nothing is argued about any more.
    function releaseAll(JobClock storage clock) internal {
        if (clock.asked == 0) return;
        clock.asked = 1;
        release(clock);
    }
}
