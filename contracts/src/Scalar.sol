// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Num} from "./Num.sol";

/// @title The interpreter of scalar programs (docs/spec/arithmetic.md §2)
/// @notice A program is a straight line of eight-byte instructions `op a b c imm32`; each writes the next register, and the last
/// register is the result. Types are not checked here: a program that breaks the rules of types is not legal, which is
/// another question than what it computes; a register that does not exist yet is refused.
/// @dev Registers are 32-byte words of memory: a float's bits, an integer, or a mask as 0 or 1.
library Scalar {
    /// @notice Register `index` is read by instruction `instruction` before it is written.
    error UnknownRegister(uint256 instruction, uint256 index);
    /// @notice There is no operation with this code.
    error UnknownOperation(uint256 instruction, uint256 op);
    /// @notice A program with neither input nor instruction has no result.
    error NoResult();

    uint256 internal constant MAX_REGISTERS = 255;

    /// @dev Runs `count` instructions at memory address `code`. The first `inputs` words at `registers` are filled; the
    /// memory behind them must have room for `count` more.
    function run(uint256 code, uint256 count, uint256 registers, uint256 inputs) internal pure returns (uint256 result) {
        unchecked {
            if (inputs + count == 0) revert NoResult();
            uint256 next = inputs;
            uint256 end = code + (count << 3);
            for (; code < end; code += 8) {
                uint256 word;
                uint256 x;
                uint256 y;
                uint256 z;
                uint256 highest;
                assembly ("memory-safe") {
                    word := mload(code)
                    let a := byte(1, word)
                    let b := byte(2, word)
                    let c := byte(3, word)
                    x := mload(add(registers, shl(5, a)))
                    y := mload(add(registers, shl(5, b)))
                    z := mload(add(registers, shl(5, c)))
                    // Unused operands are 0, which exists except before the first register.
                    highest := mul(a, iszero(lt(a, next)))
                    highest := or(highest, mul(b, iszero(lt(b, next))))
                    highest := or(highest, mul(c, iszero(lt(c, next))))
                }
                if (highest != 0) revert UnknownRegister(next - inputs, highest);
                uint256 op = word >> 248;
                uint256 immediate = (word >> 192) & 0xffffffff;
                uint256 value = op < 0x10 ? _float(op, x, y, z, immediate) : _integer(op, x, y, z, immediate);
                if (value == UNKNOWN) revert UnknownOperation(next - inputs, op);
                assembly ("memory-safe") {
                    mstore(add(registers, shl(5, next)), value)
                }
                next += 1;
            }
            assembly ("memory-safe") {
                result := mload(add(registers, shl(5, sub(next, 1))))
            }
        }
    }

    uint256 private constant UNKNOWN = type(uint256).max;

    /// @dev Operations 0x01 to 0x0e, the frequent ones first.
    function _float(uint256 op, uint256 x, uint256 y, uint256 z, uint256 immediate) private pure returns (uint256) {
        if (op == 0x04) return Num.fma(x, y, z);
        if (op == 0x0e) return immediate;
        if (op == 0x03) return Num.mul(x, y);
        if (op == 0x01) return Num.add(x, y);
        if (op == 0x02) return Num.sub(x, y);
        if (op == 0x0d) return x != 0 ? y : z;
        if (op < 0x09) {
            if (op == 0x05) return Num.div(x, y);
            if (op == 0x06) return Num.sqrt(x);
            if (op == 0x07) return x ^ Num.SIGN;
            if (op == 0x08) return x & 0x7fffffff;
        }
        if (op == 0x09) return Num.max(x, y);
        if (op == 0x0a) return Num.lt(x, y);
        if (op == 0x0b) return Num.le(x, y);
        if (op == 0x0c) return Num.eq(x, y);
        return UNKNOWN;
    }

    /// @dev Operations 0x10 to 0x23.
    function _integer(uint256 op, uint256 x, uint256 y, uint256 z, uint256 immediate) private pure returns (uint256) {
        unchecked {
            if (op > 0x1f) {
                if (op == 0x20) return Num.canonical(x);
                if (op == 0x21) return x;
                if (op == 0x22) return Num.fromInt(x);
                if (op == 0x23) return Num.toInt(x);
                return UNKNOWN;
            }
            if (op < 0x17) {
                if (op == 0x10) return (x + y) & 0xffffffff;
                if (op == 0x11) return (x - y) & 0xffffffff;
                if (op == 0x12) return (x * y) & 0xffffffff;
                if (op == 0x13) return (x * y) >> 32;
                if (op == 0x14) return x & y;
                if (op == 0x15) return x | y;
                return x ^ y;
            }
            if (op == 0x17) return (x << immediate) & 0xffffffff;
            if (op == 0x18) return x >> immediate;
            if (op == 0x19) return _shiftArithmetic(x, immediate);
            if (op == 0x1a) return immediate;
            if (op == 0x1b) return x < y ? 1 : 0;
            if (op == 0x1c) return x == y ? 1 : 0;
            if (op == 0x1d) return x != 0 ? y : z;
            return UNKNOWN;
        }
    }

    /// @dev x >> by in 32-bit two's complement.
    function _shiftArithmetic(uint256 x, uint256 by) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := and(sar(by, signextend(3, x)), 0xffffffff)
        }
    }
}
