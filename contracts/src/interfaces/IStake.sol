// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SeatId} from "../market/Ids.sol";
import {Height, Moment} from "../market/Moment.sol";
import {IFund, Pot} from "./IFund.sol";

/// @notice Stake that may be drawn to verify or to hold, of weight 1.
struct Seat {
    address owner;
    /// The block in which it was taken.
    Height since;
    /// When it was left; 0 while it is taken.
    Moment left;
    /// What fines have left of it.
    uint128 rest;
}

/// @title Who holds money: all tokens of the system lie here (docs/spec/job.md §1)
/// @notice Market moves money between owners and takes from seats; everybody else moves only its own.
interface IStake {
    /// @notice Somebody paid in.
    event Deposited(address indexed owner, uint128 amount);
    /// @notice Somebody was paid out.
    event Withdrawn(address indexed owner, uint128 amount);
    /// @notice Where somebody's machine is found.
    event Registered(address indexed owner, bytes networkAddress);
    /// @notice A seat was taken.
    event Joined(SeatId indexed seat, address indexed owner);
    /// @notice A seat was left, by its owner or for want of money; it may be fined until it is collected.
    event Left(SeatId indexed seat);
    /// @notice A seat's money is free, and the seat for others.
    event Collected(SeatId indexed seat, uint128 amount);
    /// @notice A seat was fined.
    event Fined(SeatId indexed seat, uint128 amount);
    /// @notice Market moved money to somebody.
    event Paid(address indexed owner, uint128 amount);

    /// @notice Pays in. The token must move exactly this amount.
    function deposit(uint128 amount) external;

    /// @notice Pays out the sender's free money.
    function withdraw(uint128 amount) external;

    /// @notice Says where the sender's machine is found.
    function register(bytes calldata networkAddress) external;

    /// @notice Takes the seat that was given up first, or a further one.
    function join() external returns (SeatId);

    /// @notice Leaves a seat (`leave`, which the language keeps for itself).
    function leaveSeat(SeatId seat) external;

    /// @notice Takes what is left of a seat that was left long enough ago.
    function collect(SeatId seat) external;

    /// @notice Money of somebody's becomes Market's. For Market.
    function lock(address owner, uint128 amount) external;

    /// @notice Pays somebody out of Market's. For Market.
    function pay(address owner, uint128 amount) external;

    /// @notice Pays into a pot out of Market's. For Market.
    function fill(Pot pot, uint128 amount) external;

    /// @notice Takes from the jackpot, which has as much, to Market. For Market.
    function drawJackpot(uint128 amount) external;

    /// @notice The contract that locks, fines and pays.
    function market() external view returns (address);

    /// @notice The pots of the protocol.
    function fund() external view returns (IFund);

    /// @notice Takes at most `amount` from a seat that was drawn at `height`: `first` of it is the heir's, the rest the insurance's. For Market.
    function fine(SeatId seat, Height height, uint128 amount, address heir, uint128 first) external;

    /// @notice Pays from what is Fund's. For Fund.
    function take(address to, uint128 amount) external;

    /// @notice Whose a seat is, if it counts at `height`; else 0.
    function ownerAt(SeatId seat, Height height) external view returns (address owner);

    /// @notice Seats, taken or not.
    function seatCount() external view returns (uint32);

    /// @notice What somebody may withdraw, lock or turn into a seat.
    function freeOf(address owner) external view returns (uint128);

    /// @notice A seat as it stands.
    function seatOf(SeatId seat) external view returns (Seat memory);

    /// @notice What was paid in and not paid out.
    function total() external view returns (uint128);
}
