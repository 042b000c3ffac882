// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice What is wrong with a token.
enum Vice {
    None,
    /// Keeps one unit of what moves.
    Fee,
    /// Says no instead of reverting, and moves nothing.
    No,
    /// Says yes, and moves nothing.
    Lie,
    /// Has its holder say something else before it moves anything.
    CallsBack
}

/// @title A token that does not do what it should, for tests. Never deployed for use.
contract BadToken is ERC20("Bad", "BAD") {
    Vice public vice;
    bool private _isInside;

    mapping(address holder => address) private _to;
    mapping(address holder => bytes) private _call;
    /// @notice Whether a call from inside was refused.
    bool public wasRefused;

    /// @notice Gives somebody tokens from nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice From here on it is bad in this way.
    function turn(Vice vice_) external {
        vice = vice_;
    }

    /// @notice What this token calls when it moves what is the sender's.
    function plan(address to, bytes calldata data) external {
        (_to[msg.sender], _call[msg.sender]) = (to, data);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (vice == Vice.No || vice == Vice.Lie) return vice == Vice.Lie;
        _callBack(to);
        return super.transfer(to, vice == Vice.Fee ? amount - 1 : amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (vice == Vice.No || vice == Vice.Lie) return vice == Vice.Lie;
        _callBack(from);
        return super.transferFrom(from, to, vice == Vice.Fee ? amount - 1 : amount);
    }

    function _callBack(address holder) private {
        if (vice != Vice.CallsBack || _isInside || _to[holder] == address(0)) return;
        _isInside = true;
        (bool isDone,) = _to[holder].call(_call[holder]);
        wasRefused = !isDone;
        _isInside = false;
    }
}
