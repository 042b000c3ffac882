// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice A pot of Fund.
enum Pot {
    /// For catches; nobody's to take from.
    Jackpot,
    /// What no winner gets.
    Insurance,
    /// The protocol's.
    Fees
}

/// @title The pots of the protocol (docs/spec/job.md §1)
interface IFund {
    /// @notice Money came into a pot.
    event Filled(Pot indexed pot, uint128 amount);
    /// @notice The treasury took money.
    event Taken(Pot indexed pot, address indexed to, uint128 amount);

    /// @notice Pays from insurance or fees, to anybody but Market and Fund. For the treasury.
    function take(Pot pot, address to, uint128 amount) external;

    /// @notice Counts money that came. For Stake.
    function add(Pot pot, uint128 amount) external;

    /// @notice Counts money that went from the jackpot. For Stake.
    function award(uint128 amount) external;

    /// @notice What is in a pot.
    function potOf(Pot pot) external view returns (uint128);
}
