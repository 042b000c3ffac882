// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Num} from "./Num.sol";

/// @title One block of an exact product (docs/spec/arithmetic.md §3, Exact products)
/// @dev An operand is a run of words, first brought to eight a memory word, filled up with zeros. Its scale 2^e is kept as e + 126, which is 0 or
/// more. A factor x = ± m · 2^(b − 150), with m below 2^24 and b at least 1, becomes m · 2^(b − 150 − e) rounded to nearest even; for the greatest
/// of a block that shift is down by at least 4 places, for every other by more.
library Exact {
    /// @dev Binary places to which factors are brought before they are rounded. A factor further down rounds to 0.
    uint256 private constant PLACES = 128;
    /// @dev Just below one half of the last place.
    uint256 private constant HALF = 0x7fffffffffffffffffffffffffffffff;
    /// @dev What is added to b less the scale to bring a factor to PLACES: b − 150 − e + PLACES = b − (e + 126) + LIFT.
    uint256 private constant LIFT = PLACES - 24;
    /// @dev Eight words in one: all but their signs, and their signs.
    uint256 private constant MAGNITUDES = 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff;
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;

    /// @dev The block's term, with factors of `bits` bits. Word k of an operand stands in the high end of the memory word at its start
    /// plus k steps.
    function term(uint256 a, uint256 aStep, uint256 b, uint256 bStep, uint256 terms, uint256 bits)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            (a, b) = (_packed(a, aStep, terms), _packed(b, bStep, terms));
            (uint256 greatestA, uint256 greatestB) = (_greatest(a, terms), _greatest(b, terms));
            if (greatestA >= Num.INFINITY || greatestB >= Num.INFINITY) return Num.NAN;
            if (greatestA == 0 || greatestB == 0) return 0;
            (uint256 scaleA, uint256 scaleB) = (_scale(greatestA, bits), _scale(greatestB, bits));
            // From 2^-124 on subnormal factors round to 0, whatever is taken for their first bit.
            uint256 sum = scaleA > 1 && scaleB > 1
                ? _sum(a, b, terms, LIFT - scaleA, LIFT - scaleB)
                : _sumOfSubnormals(a, b, terms, LIFT - scaleA, LIFT - scaleB);
            // S · 2^(ea + eb), of which Num wants the exponent + 150.
            uint256 exponent = scaleA + scaleB - 102;
            return sum >> 255 == 0 ? Num.rounded(0, sum, exponent) : Num.rounded(Num.SIGN, 0 - sum, exponent);
        }
    }

    /// @dev The words one behind the other, and zeros up to the end of the last memory word.
    function _packed(uint256 start, uint256 step, uint256 terms) private pure returns (uint256 packed) {
        assembly ("memory-safe") {
            packed := mload(0x40)
            let end := add(packed, shl(2, terms))
            // Storing the last words writes beyond the end.
            mstore(0x40, add(end, 0x40))
            switch step
            case 4 { mcopy(packed, start, shl(2, terms)) }
            default {
                for { let place := packed } lt(place, end) { place := add(place, 4) } {
                    mstore(place, mload(start))
                    start := add(start, step)
                }
            }
            mstore(end, 0)
        }
    }

    /// @dev The greatest magnitude, as bits: eight at a time, then the greatest of the eight.
    function _greatest(uint256 packed, uint256 terms) private pure returns (uint256 greatest) {
        assembly ("memory-safe") {
            function greater(x, y) -> z {
                // The sign's place of x + 2^31 − y stays where x is not less.
                let notLess := shr(31, and(sub(or(x, SIGNS), y), SIGNS))
                z := xor(y, and(xor(x, y), mul(notLess, 0xffffffff)))
            }
            for { let end := add(packed, shl(2, terms)) } lt(packed, end) { packed := add(packed, 0x20) } {
                greatest := greater(and(mload(packed), MAGNITUDES), greatest)
            }
            greatest := greater(greatest, shr(128, greatest))
            greatest := greater(greatest, shr(64, greatest))
            greatest := and(greater(greatest, shr(32, greatest)), 0xffffffff)
        }
    }

    /// @dev e + 126 of a block whose greatest magnitude is this: (2^(bits−1) − 1)·2^e has bits − 1 leading ones, so that a greater fraction
    /// carries into the exponent.
    function _scale(uint256 greatest, uint256 bits) private pure returns (uint256) {
        unchecked {
            uint256 exponent = (greatest + (1 << (25 - bits)) - 1) >> 23;
            return exponent < bits ? 0 : exponent + 1 - bits;
        }
    }

    /// @dev Σ qa · qb, signed; terms that fill up the last memory words are zeros.
    function _sum(uint256 a, uint256 b, uint256 terms, uint256 liftA, uint256 liftB)
        private
        pure
        returns (uint256 sum)
    {
        assembly ("memory-safe") {
            for { let end := add(a, shl(2, terms)) } lt(a, end) { } {
                let x := mload(a)
                let y := mload(b)
                for { let next := add(a, 0x20) } lt(a, next) { a := add(a, 4) } {
                    let p := shl(add(and(shr(247, x), 0xff), liftA), or(and(shr(224, x), 0x7fffff), 0x800000))
                    let q := shl(add(and(shr(247, y), 0xff), liftB), or(and(shr(224, y), 0x7fffff), 0x800000))
                    // To nearest, ties to even.
                    p := mul(
                        shr(PLACES, add(add(p, HALF), and(shr(PLACES, p), 1))),
                        shr(PLACES, add(add(q, HALF), and(shr(PLACES, q), 1)))
                    )
                    let sign := sub(0, shr(255, xor(x, y)))
                    sum := add(sum, sub(xor(p, sign), sign))
                    x := shl(32, x)
                    y := shl(32, y)
                }
                b := add(b, 0x20)
            }
        }
    }

    /// @dev The same where subnormal factors count.
    function _sumOfSubnormals(uint256 a, uint256 b, uint256 terms, uint256 liftA, uint256 liftB)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            for (uint256 k = 0; k < terms; k++) {
                (uint256 x, uint256 y) = (_word(a + 4 * k), _word(b + 4 * k));
                uint256 product = _quantised(x, liftA) * _quantised(y, liftB);
                sum = (x ^ y) & Num.SIGN == 0 ? sum + product : sum - product;
            }
        }
    }

    /// @dev The magnitude of a factor, rounded to nearest even.
    function _quantised(uint256 word, uint256 lift) private pure returns (uint256) {
        unchecked {
            uint256 exponent = (word >> 23) & 0xff;
            uint256 lifted = (word & 0x7fffff) | (exponent == 0 ? 0 : 0x800000);
            lifted <<= (exponent == 0 ? 1 : exponent) + lift;
            return (lifted + HALF + ((lifted >> PLACES) & 1)) >> PLACES;
        }
    }

    function _word(uint256 start) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(start))
        }
    }
}
