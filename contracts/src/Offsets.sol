// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Where the parts of a message lie
/// @dev The compiler follows an offset within a struct backwards, too, to wherever in the message; other readers do not. What the
/// contract reads, everybody who follows the game must be able to read.
library Offsets {
    /// @notice An offset points backwards, or too far.
    error OffsetBeyondMessage(uint256 offset);

    /// @dev Refuses offsets, or their disjunction, of more than 32 bits.
    function check(uint256 offsets) internal pure {
        if (offsets >> 32 != 0) revert OffsetBeyondMessage(offsets);
    }
}
