// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Messages that everybody can read
abstract contract Told {
    /// @notice The message came through a contract, or from an account with code: who sent it, and its bytes, which no transaction need
    /// show as its input. First of its events.
    event Relayed(address indexed sender, bytes message);

    /// @dev A sender without code that is also the origin is the transaction's own, whose input everybody reads.
    modifier told() {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) emit Relayed(msg.sender, msg.data);
        _;
    }
}
