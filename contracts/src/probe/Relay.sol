// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Somebody who says everything through a contract, for tests. Never deployed for use.
contract Relay {
    address private immutable _to;

    constructor(address to) {
        _to = to;
    }

    receive() external payable {}

    /// @dev Hands the message on, and its answer back.
    fallback(bytes calldata message) external payable returns (bytes memory) {
        (bool done, bytes memory answer) = _to.call{value: msg.value}(message);
        if (done) return answer;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}
