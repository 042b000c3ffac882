// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Handler} from "./Handler.sol";

/// @title The money of disputes, whatever is played
contract MoneyTest {
    Handler private _handler;

    function setUp() public {
        _handler = new Handler();
    }

    /// @dev What forge calls at random.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @dev Credits and the bonds of living claims are what the contract holds.
    function invariant_nothingIsMadeOrLost() public view {
        (uint256 credits, uint256 living,) = _handler.sums();
        require(address(_handler.dispute()).balance == credits + living, "money was made or lost");
    }

    /// @dev No bond leaves before its claim died, by a verdict or its clock, or was released.
    function invariant_bondsStayWithLivingClaims() public view {
        (uint256 credits, uint256 living, uint256 gone) = _handler.sums();
        require(_handler.withdrawn() + credits == gone, "a living claim's bond has left");
        require(_handler.paidIn() == living + gone, "a bond is missing");
    }

    /// @dev The handler is worth something: long random play reaches every kind of call.
    function test_playReachesEverything() public {
        uint256 seed = 7;
        for (uint256 i = 0; i < 4_000; i++) {
            seed = uint256(keccak256(abi.encode(seed)));
            _act(seed % 20, seed >> 8, seed >> 136);
        }
        invariant_nothingIsMadeOrLost();
        invariant_bondsStayWithLivingClaims();
        string[9] memory names =
            ["open", "claim", "pair", "show", "judge", "timeout", "resolve", "release", "withdraw"];
        for (uint256 i = 0; i < names.length; i++) {
            require(_handler.done(names[i]) != 0, string.concat("never reached: ", names[i]));
        }
    }

    function _act(uint256 kind, uint256 x, uint256 y) private {
        if (kind == 0) _handler.open(x);
        else if (kind < 6) _handler.claim(x, y);
        else if (kind < 10) _handler.pair(x, y);
        else if (kind == 10) _handler.show(x);
        else if (kind < 13) _handler.judge(x, y);
        else if (kind == 13) _handler.timeout(x);
        else if (kind == 14) _handler.resolve(x);
        else if (kind == 15) _handler.release(x);
        else if (kind < 18) _handler.withdraw(x);
        else _handler.pass(x);
    }
}
