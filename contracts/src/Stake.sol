// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Seconds} from "./Clock.sol";
import {Fund} from "./Fund.sol";
import {Told} from "./Told.sol";
import {IFund, Pot} from "./interfaces/IFund.sol";
import {IStake, Seat} from "./interfaces/IStake.sol";
import {SeatId} from "./market/Ids.sol";
import {Height, Moment, Moments} from "./market/Moment.sol";
import {Params} from "./market/Params.sol";
import {
    NotEnough,
    NotYours,
    SeatLeft,
    SeatTaken,
    TooEarly,
    UnknownSeat,
    WrongReceipt,
    checkRange
} from "./market/Refusals.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

using Moments for Moment;
using SafeERC20 for IERC20;

/// @title Who holds money (docs/spec/job.md §1)
/// @dev The only contract that calls the token. Nobody is ever paid by a push: money becomes its owner's here, and the owner comes for it.
contract Stake is IStake, Told, ReentrancyGuard {
    /// @dev A seat, whose first slot tells whether it counts.
    struct SeatState {
        address owner;
        uint48 since;
        /// 0 while it is taken.
        uint48 leftHeight;
        uint64 leftTime;
        uint128 rest;
    }

    /// @notice The token that everything is paid in.
    IERC20 public immutable token;
    /// @inheritdoc IStake
    address public immutable market;
    /// @inheritdoc IStake
    IFund public immutable fund;

    uint32 private immutable _slowBlock;

    /// @inheritdoc IStake
    uint128 public total;
    /// @dev Where in `_givenUp` the seat is that was given up first.
    uint64 private _nextGivenUp;
    mapping(address owner => uint128) private _free;
    SeatState[] private _seats;
    /// @dev Seats that wait for another owner, in the order in which they were given up.
    SeatId[] private _givenUp;

    modifier only(address entitled) {
        if (msg.sender != entitled) revert NotYours(msg.sender);
        _;
    }

    /// @dev Made by the market for which it works.
    constructor(IERC20 token_, address treasury, uint32 slowBlock) {
        token = token_;
        _slowBlock = slowBlock;
        market = msg.sender;
        fund = new Fund(treasury);
    }

    /// @inheritdoc IStake
    /// @dev A token that calls back in between finds the door shut, so that what came in is counted once.
    function deposit(uint128 amount) external nonReentrant told {
        checkRange("amount", amount, 1, Params.MAX_MONEY - total);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 balance = token.balanceOf(address(this));
        if (balance != before + amount) revert WrongReceipt(balance < before ? 0 : balance - before, amount);
        total += amount;
        _free[msg.sender] += amount;
        emit Deposited(msg.sender, amount);
    }

    /// @inheritdoc IStake
    function withdraw(uint128 amount) external nonReentrant told {
        checkRange("amount", amount, 1, Params.MAX_MONEY);
        _take(msg.sender, amount);
        total -= amount;
        emit Withdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStake
    function register(bytes calldata networkAddress) external told {
        checkRange("address bytes", networkAddress.length, 0, Params.MAX_ADDRESS_BYTES);
        emit Registered(msg.sender, networkAddress);
    }

    /// @inheritdoc IStake
    function join() external told returns (SeatId id) {
        _take(msg.sender, Params.SEAT);
        SeatState memory seat = SeatState(msg.sender, uint48(block.number), 0, 0, Params.SEAT);
        if (_nextGivenUp < _givenUp.length) {
            id = _givenUp[_nextGivenUp++];
            _seats[SeatId.unwrap(id)] = seat;
        } else {
            checkRange("seats", _seats.length, 0, Params.MAX_SEATS - 1);
            id = SeatId.wrap(uint32(_seats.length));
            _seats.push(seat);
        }
        emit Joined(id, msg.sender);
    }

    /// @inheritdoc IStake
    function leaveSeat(SeatId id) external told {
        SeatState storage seat = _own(id);
        if (_isLeft(seat)) revert SeatLeft(id);
        _leave(id, seat);
    }

    /// @inheritdoc IStake
    function collect(SeatId id) external told {
        SeatState storage seat = _own(id);
        if (!_isLeft(seat)) revert SeatTaken(id);
        if (!Moments.chain().isOver(_left(seat), Params.UNBONDING, _slowBlock)) revert TooEarly("the seat's money");
        uint128 amount = seat.rest;
        (seat.owner, seat.rest) = (address(0), 0);
        _free[msg.sender] += amount;
        _givenUp.push(id);
        emit Collected(id, amount);
    }

    /// @inheritdoc IStake
    function lock(address owner, uint128 amount) external only(market) {
        _take(owner, amount);
        _free[market] += amount;
    }

    /// @inheritdoc IStake
    function pay(address owner, uint128 amount) external only(market) {
        if (amount == 0) return;
        _take(market, amount);
        _give(owner, amount);
    }

    /// @inheritdoc IStake
    function fill(Pot pot, uint128 amount) external only(market) {
        if (amount == 0) return;
        _take(market, amount);
        _fill(pot, amount);
    }

    /// @inheritdoc IStake
    function drawJackpot(uint128 amount) external only(market) {
        fund.award(amount);
        _take(address(fund), amount);
        _free[market] += amount;
    }

    /// @inheritdoc IStake
    function fine(SeatId id, Height height, uint128 amount, address heir, uint128 first) external only(market) {
        SeatState storage seat = _seats[SeatId.unwrap(id)];
        // Somebody else has it by now.
        if (seat.since >= Height.unwrap(height)) return;
        uint128 rest = seat.rest;
        if (amount > rest) amount = rest;
        rest -= amount;
        seat.rest = rest;
        emit Fined(id, amount);
        if (!_isLeft(seat) && rest < Params.SEAT / 2) {
            _leave(id, seat);
        }
        if (first > amount) first = amount;
        if (first != 0) _give(heir, first);
        if (amount != first) _fill(Pot.Insurance, amount - first);
    }

    /// @inheritdoc IStake
    function take(address to, uint128 amount) external only(address(fund)) {
        _take(address(fund), amount);
        _free[to] += amount;
    }

    /// @inheritdoc IStake
    function ownerAt(SeatId id, Height height) external view returns (address) {
        SeatState storage seat = _seats[SeatId.unwrap(id)];
        (uint256 since, uint256 left, uint256 asked) = (seat.since, seat.leftHeight, Height.unwrap(height));
        return since < asked && (left == 0 || left > asked) ? seat.owner : address(0);
    }

    /// @inheritdoc IStake
    function seatCount() external view returns (uint32) {
        return uint32(_seats.length);
    }

    /// @inheritdoc IStake
    function freeOf(address owner) external view returns (uint128) {
        return _free[owner];
    }

    /// @inheritdoc IStake
    function seatOf(SeatId id) external view returns (Seat memory) {
        SeatState storage seat = _seats[SeatId.unwrap(id)];
        return Seat(seat.owner, Height.wrap(seat.since), _left(seat), seat.rest);
    }

    function _take(address owner, uint128 amount) private {
        uint128 free = _free[owner];
        if (free < amount) revert NotEnough(owner, free, amount);
        _free[owner] = free - amount;
    }

    function _give(address owner, uint128 amount) private {
        _free[owner] += amount;
        emit Paid(owner, amount);
    }

    function _fill(Pot pot, uint128 amount) private {
        _free[address(fund)] += amount;
        fund.add(pot, amount);
    }

    function _own(SeatId id) private view returns (SeatState storage seat) {
        if (SeatId.unwrap(id) >= _seats.length) revert UnknownSeat(id);
        seat = _seats[SeatId.unwrap(id)];
        if (seat.owner != msg.sender) revert NotYours(msg.sender);
    }

    function _isLeft(SeatState storage seat) private view returns (bool) {
        return seat.leftHeight != 0;
    }

    function _left(SeatState storage seat) private view returns (Moment memory) {
        return Moment(Seconds.wrap(seat.leftTime), Height.wrap(seat.leftHeight));
    }

    function _leave(SeatId id, SeatState storage seat) private {
        (seat.leftHeight, seat.leftTime) = (uint48(block.number), uint64(block.timestamp));
        emit Left(id);
    }
}
