// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Num} from "../Num.sol";
import {Scalar} from "../Scalar.sol";

/// @title A door to the arithmetic libraries for tests: many cases in one call. Never deployed for use.
contract NumProbe {
    /// @notice Applies one instruction (§2 of arithmetic.md) to packed cases of three words each, big-endian.
    /// @return results One word a case.
    function applyInstruction(bytes8 instruction, bytes calldata cases) external pure returns (bytes memory results) {
        return _run(abi.encodePacked(instruction), cases, 3);
    }

    /// @notice Runs a program on packed cases of `inputs` words each, big-endian; one word a case comes back.
    function run(bytes calldata code, bytes calldata cases, uint256 inputs) external pure returns (bytes memory) {
        return _run(code, cases, inputs);
    }

    /// @notice The gas of one operation, by its code, on these operands, without the dispatch.
    function gasOf(uint256 op, uint256 a, uint256 b, uint256 c) external view returns (uint256 used) {
        uint256 sink;
        uint256 before = gasleft();
        if (op == 0x04) sink = Num.fma(a, b, c);
        else if (op == 0x01) sink = Num.add(a, b);
        else if (op == 0x03) sink = Num.mul(a, b);
        else if (op == 0x05) sink = Num.div(a, b);
        else sink = Num.sqrt(a);
        used = before - gasleft();
        require(sink >> 32 == 0);
    }

    function _run(bytes memory code, bytes calldata cases, uint256 inputs) private pure returns (bytes memory results) {
        uint256 count = cases.length / (4 * inputs);
        results = new bytes(4 * count);
        uint256 registers;
        uint256 codeAt;
        assembly ("memory-safe") {
            codeAt := add(code, 32)
            registers := mload(0x40)
            mstore(0x40, add(registers, mul(32, 512)))
        }
        for (uint256 i = 0; i < count; i++) {
            assembly ("memory-safe") {
                for { let j := 0 } lt(j, inputs) { j := add(j, 1) } {
                    let at := add(cases.offset, shl(2, add(mul(i, inputs), j)))
                    mstore(add(registers, shl(5, j)), shr(224, calldataload(at)))
                }
            }
            uint256 value = Scalar.run(codeAt, code.length / 8, registers, inputs);
            assembly ("memory-safe") {
                let at := add(add(results, 32), shl(2, i))
                mstore(at, or(shl(224, value), and(mload(at), shr(32, not(0)))))
            }
        }
    }
}
