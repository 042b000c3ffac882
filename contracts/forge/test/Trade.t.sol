// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Merchant} from "./Merchant.sol";

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

    /// @dev What everybody has and what lies in seats is what Stake holds.
    function invariant_nothingIsMadeOrLost() public view {
        (uint256 free, uint256 rests,) = _merchant.sums();
        uint256 total = _merchant.stake().total();
        require(free + rests == total, "money was made or lost");
        require(_merchant.token().balanceOf(address(_merchant.stake())) == total, "tokens were made or lost");
    }

    /// @dev What Fund has is in its pots, and Market has what its jobs may still pay.
    function invariant_potsAndEscrowsAreThere() public view {
        (,, uint256 pots) = _merchant.sums();
        require(_merchant.stake().freeOf(address(_merchant.stake().fund())) == pots, "a pot says what is not there");
        require(_merchant.stake().freeOf(address(_merchant.market())) >= _merchant.escrows(), "an escrow is not there");
    }

    /// @dev The merchant is worth something: long random trade reaches every kind of call.
    function test_tradeReachesEverything() public {
        uint256 seed = 11;
        for (uint256 i = 0; i < 6_000; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            _act(seed % 24, seed >> 8, seed >> 136);
            if (i % 500 == 0) invariant_nothingIsMadeOrLost();
        }
        invariant_nothingIsMadeOrLost();
        invariant_potsAndEscrowsAreThere();
        string[16] memory names = [
            "deposit", "withdraw", "join", "leave", "post", "accept", "appoint", "claim", "hold", "draw", "announce",
            "reveal", "settle", "expire", "retract", "close"
        ];
        for (uint256 i = 0; i < names.length; i++) {
            require(_merchant.done(names[i]) != 0, string.concat("never reached: ", names[i]));
        }
    }

    function _act(uint256 kind, uint256 x, uint256 y) private {
        if (kind == 0) _merchant.deposit(x, uint128(y));
        else if (kind == 1) _merchant.withdraw(x, uint128(y));
        else if (kind == 2) _merchant.join(x);
        else if (kind == 3 && x % 8 == 0) _merchant.leaveSeat(x >> 8);
        else if (kind == 4) _merchant.post(x, uint64(y));
        else if (kind == 5) _merchant.expire(x, y, uint64(x >> 8), uint64(y >> 8));
        else if (kind == 6 && x % 8 == 0) _merchant.retract(x >> 8);
        else if (kind == 7 && x % 16 == 0) _merchant.cancel(x >> 8);
        else if (kind == 8) _merchant.take(x, y, uint128(x >> 8));
        else if (kind < 18) _merchant.proceed(x, y);
        else _merchant.pass(x);
    }
}
