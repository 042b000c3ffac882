// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that everybody may make: for development chains and tests, worth nothing
contract TestToken is ERC20("Samebit test token", "TEST") {
    /// @notice Gives somebody tokens from nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
