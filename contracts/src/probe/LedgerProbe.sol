// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Amounts that move between accounts, for tests of chains and their clients. Never deployed for use.
contract LedgerProbe {
    /// @notice `account` has `balance`, less than `amount`.
    error NotEnough(address account, uint256 balance, uint256 amount);
    /// @notice It is `time`, before `opening`.
    error TooEarly(uint256 time, uint256 opening);

    /// @notice The `index`-th move of all.
    event Moved(uint256 indexed index, address indexed from, address indexed to, uint256 amount);

    mapping(address account => uint256 amount) public balanceOf;
    /// @notice The sum of all balances.
    uint256 public total;
    /// @notice How many moves there were.
    uint256 public moves;

    /// @notice Gives the caller an amount from nothing.
    function mint(uint256 amount) external {
        balanceOf[msg.sender] += amount;
        total += amount;
        emit Moved(moves++, address(0), msg.sender, amount);
    }

    /// @notice Moves an amount of the caller's.
    function move(address to, uint256 amount) external {
        uint256 balance = balanceOf[msg.sender];
        if (balance < amount) revert NotEnough(msg.sender, balance, amount);
        balanceOf[msg.sender] = balance - amount;
        balanceOf[to] += amount;
        emit Moved(moves++, msg.sender, to, amount);
    }

    /// @notice Reverts before `opening`.
    /// @return The time of the block that this runs in.
    function enter(uint256 opening) external view returns (uint256) {
        if (block.timestamp < opening) revert TooEarly(block.timestamp, opening);
        return block.timestamp;
    }
}
