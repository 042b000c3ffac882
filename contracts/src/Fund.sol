// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Told} from "./Told.sol";
import {IFund, Pot} from "./interfaces/IFund.sol";
import {IStake} from "./interfaces/IStake.sol";
import {JackpotIsNobodys, NotYours, checkRange} from "./market/Refusals.sol";

/// @title The pots of the protocol (docs/spec/job.md §1)
/// @dev Numbers only: their sum is this contract's in Stake.
contract Fund is IFund, Told {
    IStake public immutable stake;
    /// @notice Who governs insurance and fees.
    address public immutable treasury;

    mapping(Pot pot => uint128) private _pots;

    modifier only(address entitled) {
        if (msg.sender != entitled) revert NotYours(msg.sender);
        _;
    }

    /// @dev Made by Stake.
    constructor(address treasury_) {
        stake = IStake(msg.sender);
        treasury = treasury_;
    }

    /// @inheritdoc IFund
    function take(Pot pot, address to, uint128 amount) external only(treasury) told {
        if (pot == Pot.Jackpot) revert JackpotIsNobodys();
        // What those two have is told by jobs and by pots.
        if (to == address(this) || to == stake.market()) revert NotYours(to);
        checkRange("amount", amount, 1, _pots[pot]);
        _pots[pot] -= amount;
        stake.take(to, amount);
        emit Taken(pot, to, amount);
    }

    /// @inheritdoc IFund
    function add(Pot pot, uint128 amount) external only(address(stake)) {
        _pots[pot] += amount;
        emit Filled(pot, amount);
    }

    /// @inheritdoc IFund
    function award(uint128 amount) external only(address(stake)) {
        _pots[Pot.Jackpot] -= amount;
    }

    /// @inheritdoc IFund
    function potOf(Pot pot) external view returns (uint128) {
        return _pots[pot];
    }
}
