// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Texts that mean the same to everybody
library Text {
    /// @dev The upper bit of every byte.
    uint256 private constant UPPER = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @dev Whether every byte is ASCII: a `string` may hold bytes that are no text, which readers of text cannot tell apart.
    function isAscii(string memory text) internal pure returns (bool) {
        uint256 start;
        assembly ("memory-safe") {
            start := add(text, 32)
        }
        return isAscii(start, bytes(text).length);
    }

    /// @dev The same of `length` bytes at memory address `start`.
    function isAscii(uint256 start, uint256 length) internal pure returns (bool) {
        for (; length > 0; start += 32) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(start)
            }
            uint256 taken = length < 32 ? length : 32;
            if ((word >> (8 * (32 - taken))) & UPPER != 0) return false;
            length -= taken;
        }
        return true;
    }
}
