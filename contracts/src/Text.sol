// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Texts that mean the same to everybody
library Text {
    /// @dev The upper bit of every byte.
    uint256 private constant UPPER = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @dev Whether every byte is ASCII: a `string` may hold bytes that are no text, which readers of text cannot tell apart.
    function isAscii(string memory text) internal pure returns (bool) {
        uint256 length = bytes(text).length;
        for (uint256 start = 0; start < length; start += 32) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(text, 32), start))
            }
            if (length - start < 32) word >>= 8 * (32 - (length - start));
            if (word & UPPER != 0) return false;
        }
        return true;
    }
}
