// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensors} from "./Tensors.sol";

/// @title Index maps, evaluated from their canonical bytes (docs/spec/program.md §2 and §5)
/// @dev A cursor is a memory address inside a node's bytes. `scan` walks over a map without evaluating it and must have
/// succeeded up to the end of the node before `evaluate` is trusted not to read beyond it. Values wrap at 2^64; those of a
/// legal program stay below 2^63.
library Index {
    /// @notice There is no atom with this tag.
    error UnknownAtom(uint256 tag);
    /// @notice Maps nest at most `limit` deep.
    error NestedTooDeep(uint256 limit);
    /// @notice A map has at most `limit` terms.
    error TooManyTerms(uint256 terms, uint256 limit);
    /// @notice The output has no such dimension.
    error UnknownDimension(uint256 dimension, uint256 rank);

    uint256 internal constant MAX_DEPTH = 4;
    uint256 internal constant MAX_TERMS = 8;
    /// Added to the counts of `scan` for an element; an atom adds 1.
    uint256 internal constant ONE_ELEMENT = 1 << 32;
    uint256 internal constant MASK = type(uint64).max;

    uint256 private constant COORD = 0;
    uint256 private constant FOLD = 1;
    uint256 private constant ROW = 2;
    uint256 private constant STEP = 3;
    uint256 private constant DIV = 4;
    uint256 private constant MOD = 5;
    uint256 private constant ELEMENT = 6;

    /// @dev Where a map is evaluated.
    struct Point {
        uint256[] coords;
        uint256 fold;
        uint256 row;
        uint256 step;
        Tensors.Opened[] outer;
        Tensors.Opened[] body;
    }

    /// @dev Walks over the map at `cursor`. `stride` is what one step of the fold index adds, unless `nested`: then the fold
    /// index stands inside a division, a remainder or an element, and every value needs an evaluation. `counts` are the atoms in
    /// it, and 2^32 for each that is an element.
    function scan(uint256 cursor)
        internal
        pure
        returns (uint256 next, uint256 stride, bool nested, uint256 counts)
    {
        return _scan(cursor, 1);
    }

    /// @dev The value of the map at cursor `cursor`, and the cursor behind it.
    function evaluate(uint256 cursor, Point memory point) internal pure returns (uint256 value, uint256 next) {
        unchecked {
            value = u64(cursor);
            uint256 count = u8(cursor + 8);
            cursor += 9;
            for (; count > 0; count--) {
                uint256 coefficient = u64(cursor);
                uint256 atom;
                (atom, cursor) = _atom(u8(cursor + 8), cursor + 9, point);
                value += coefficient * atom;
            }
            value &= MASK;
            next = cursor;
        }
    }

    /// @dev Whether the map is 0 + 1 · element(node, inner), and the cursor of the inner map.
    function singleElement(uint256 cursor) internal pure returns (bool single, uint256 node, uint256 inner) {
        unchecked {
            single = u64(cursor) == 0 && u8(cursor + 8) == 1 && u64(cursor + 9) == 1 && u8(cursor + 17) == ELEMENT;
            node = u32(cursor + 18);
            inner = cursor + 22;
        }
    }

    function _atom(uint256 tag, uint256 cursor, Point memory point) private pure returns (uint256 value, uint256 next) {
        unchecked {
            if (tag == FOLD) return (point.fold, cursor);
            if (tag == COORD) {
                uint256 dimension = u8(cursor);
                if (dimension >= point.coords.length) revert UnknownDimension(dimension, point.coords.length);
                return (point.coords[dimension], cursor + 1);
            }
            if (tag == ROW) return (point.row, cursor);
            if (tag == STEP) return (point.step, cursor);
            if (tag == ELEMENT) {
                (value, next) = evaluate(cursor + 4, point);
                return (Tensors.read(Tensors.find(point.outer, false, u32(cursor)), value), next);
            }
            uint256 divisor = u64(cursor);
            (value, next) = evaluate(cursor + 8, point);
            assembly ("memory-safe") {
                switch tag
                case 4 { value := div(value, divisor) }
                default { value := mod(value, divisor) }
            }
        }
    }

    function _scan(uint256 cursor, uint256 depth)
        private
        pure
        returns (uint256 next, uint256 stride, bool nested, uint256 counts)
    {
        unchecked {
            if (depth > MAX_DEPTH) revert NestedTooDeep(MAX_DEPTH);
            uint256 count = u8(cursor + 8);
            if (count > MAX_TERMS) revert TooManyTerms(count, MAX_TERMS);
            next = cursor + 9;
            counts = count;
            for (; count > 0; count--) {
                uint256 tag = u8(next + 8);
                if (tag > ELEMENT) revert UnknownAtom(tag);
                if (tag == FOLD) stride += u64(next);
                next += 9;
                if (tag == COORD) {
                    next += 1;
                } else if (tag >= DIV) {
                    uint256 innerStride;
                    bool innerNested;
                    uint256 innerCounts;
                    (next, innerStride, innerNested, innerCounts) =
                        _scan(next + (tag == ELEMENT ? 4 : 8), depth + 1);
                    nested = nested || innerNested || innerStride != 0;
                    counts += innerCounts + (tag == ELEMENT ? ONE_ELEMENT : 0);
                }
            }
        }
    }

    function u8(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(248, mload(cursor))
        }
    }

    function u16(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(240, mload(cursor))
        }
    }

    function u32(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, mload(cursor))
        }
    }

    function u64(uint256 cursor) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(192, mload(cursor))
        }
    }
}
