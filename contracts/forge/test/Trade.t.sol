// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merchant} from "./Merchant.sol";

/// @dev Which functions forge calls at random.
struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @title The money of jobs, whatever is said
contract TradeTest {
    Merchant private _merchant;

    function setUp() public {
        _merchant = new Merchant();
    }

    /// @dev What forge calls at random.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_merchant);
    }

    /// @dev Of the calls, many at once: one at a time they come too rarely as far as pay.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Merchant.trade.selector;
        targets[0] = FuzzSelector(address(_merchant), selectors);
    }

    /// forge-config: default.invariant.runs = 6
    /// @dev What everybody has and what lies in seats is what Stake holds.
    function invariant_nothingIsMadeOrLost() public view {
        (uint256 free, uint256 rests,) = _merchant.sums();
        uint256 total = _merchant.stake().total();
        require(free + rests == total, "money was made or lost");
        require(_merchant.token().balanceOf(address(_merchant.stake())) == total, "tokens were made or lost");
    }

    /// forge-config: default.invariant.runs = 6
    /// @dev What Fund has is in its pots, and Market has what its jobs and catches account for, to the last unit.
    function invariant_potsAndLockedMoneyAreThere() public view {
        (,, uint256 pots) = _merchant.sums();
        require(_merchant.stake().freeOf(address(_merchant.stake().fund())) == pots, "a pot says what is not there");
        require(_merchant.stake().freeOf(address(_merchant.market())) == _merchant.locked(), "Market has other money than its jobs");
    }

    /// @dev The merchant is worth something: long random trade reaches every kind of call.
    function test_tradeReachesEverything() public {
        uint256 seed = 11;
        for (uint256 i = 0; i < 300; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            _merchant.trade(seed);
            invariant_nothingIsMadeOrLost();
            invariant_potsAndLockedMoneyAreThere();
        }
        invariant_nothingIsMadeOrLost();
        invariant_potsAndLockedMoneyAreThere();
        string[23] memory names = [
            "deposit", "withdraw", "join", "leave", "post", "accept", "appoint", "claim", "hold", "draw", "announce",
            "reveal", "settle", "expire", "retract", "close", "seal", "openVerifier", "openSolver", "conclude", "redraw",
            "commitCatch", "payCatch"
        ];
        for (uint256 i = 0; i < names.length; i++) {
            require(_merchant.done(names[i]) != 0, string.concat("never reached: ", names[i]));
        }
    }
}
