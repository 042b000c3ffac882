// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A wallet that has signed whatever it is asked for (ERC-1271), for tests. Never deployed for use.
contract YesWallet {
    /// @notice Yes.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}
