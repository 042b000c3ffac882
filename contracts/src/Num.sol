// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title IEEE-754 binary32 in integers (docs/spec/arithmetic.md §1–2)
/// @notice A value is its 32 bits in the low end of a uint256. Rounding is to nearest even, subnormals are kept, and every
/// NaN that an operation makes is 0x7fc00000.
/// @dev A finite value is mantissa · 2^(exponent − 150) with a mantissa below 2^24 and an exponent of at least 1, so that
/// subnormals need no path of their own. Every operation forms its exact result, or one with a sticky last bit, as an
/// integer of at most 103 bits and rounds it once in `_round`. Operands must have no bit above bit 31.
library Num {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant INFINITY = 0x7f800000;
    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant ONE = 0x3f800000;
    uint256 internal constant NEGATIVE_INFINITY = 0xff800000;

    /// @dev a + b.
    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        if (_special(a) || _special(b)) return _fmaSpecial(a, ONE, b);
        uint256 sign;
        uint256 magnitude;
        uint256 exponent;
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let ma := or(and(a, 0x7fffff), shl(23, iszero(iszero(ea))))
            ea := add(ea, iszero(ea))
            exponent := and(shr(23, b), 0xff)
            let mb := or(and(b, 0x7fffff), shl(23, iszero(iszero(exponent))))
            exponent := add(exponent, iszero(exponent))
            // The greater exponent's mantissa moves up. Past 54 places, unless it is zero, the other is
            // below 2^-6 of the last place of the result, and a sticky bit stands for it.
            switch slt(ea, exponent)
            case 0 {
                let d := sub(ea, exponent)
                if and(gt(d, 54), gt(ma, 0)) {
                    d := 54
                    mb := iszero(iszero(mb))
                    exponent := sub(ea, 54)
                }
                ma := shl(d, ma)
            }
            default {
                let d := sub(exponent, ea)
                if and(gt(d, 54), gt(mb, 0)) {
                    d := 54
                    ma := iszero(iszero(ma))
                }
                mb := shl(d, mb)
                exponent := sub(exponent, d)
            }
            sign := and(a, 0x80000000)
            switch and(xor(a, b), 0x80000000)
            case 0 { magnitude := add(ma, mb) }
            default {
                magnitude := sub(ma, mb)
                if slt(magnitude, 1) {
                    sign := mul(xor(sign, 0x80000000), iszero(iszero(magnitude)))
                    magnitude := sub(0, magnitude)
                }
            }
        }
        return _round(sign, magnitude, exponent);
    }

    /// @dev a − b.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    /// @dev a · b.
    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        if (_special(a) || _special(b)) return _fmaSpecial(a, b, 0);
        uint256 sign;
        uint256 magnitude;
        uint256 exponent;
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            sign := and(xor(a, b), 0x80000000)
            magnitude := mul(
                or(and(a, 0x7fffff), shl(23, iszero(iszero(ea)))),
                or(and(b, 0x7fffff), shl(23, iszero(iszero(eb))))
            )
            exponent := sub(add(add(ea, iszero(ea)), add(eb, iszero(eb))), 150)
        }
        return _round(sign, magnitude, exponent);
    }

    /// @dev a · b + c, rounded once.
    function fma(uint256 a, uint256 b, uint256 c) internal pure returns (uint256) {
        uint256 sign;
        uint256 magnitude;
        uint256 exponent;
        bool special;
        assembly ("memory-safe") {
            let ea := and(a, 0x7f800000)
            let eb := and(b, 0x7f800000)
            exponent := and(c, 0x7f800000)
            special := or(or(eq(ea, 0x7f800000), eq(eb, 0x7f800000)), eq(exponent, 0x7f800000))
            if iszero(special) {
                magnitude := mul(
                    or(and(a, 0x7fffff), shl(23, iszero(iszero(ea)))),
                    or(and(b, 0x7fffff), shl(23, iszero(iszero(eb))))
                )
                let mc := or(and(c, 0x7fffff), shl(23, iszero(iszero(exponent))))
                ea := shr(23, ea)
                eb := shr(23, eb)
                exponent := shr(23, exponent)
                exponent := add(exponent, iszero(exponent))
                // The product's exponent, then its distance from c's.
                ea := sub(add(add(ea, iszero(ea)), add(eb, iszero(eb))), 150)
                switch slt(ea, exponent)
                case 0 {
                    let d := sub(ea, exponent)
                    if and(gt(d, 54), gt(magnitude, 0)) {
                        d := 54
                        mc := iszero(iszero(mc))
                        exponent := sub(ea, 54)
                    }
                    magnitude := shl(d, magnitude)
                }
                default {
                    let d := sub(exponent, ea)
                    if and(gt(d, 54), gt(mc, 0)) {
                        d := 54
                        magnitude := iszero(iszero(magnitude))
                    }
                    mc := shl(d, mc)
                    exponent := sub(exponent, d)
                }
                sign := and(xor(a, b), 0x80000000)
                switch eq(sign, and(c, 0x80000000))
                case 1 { magnitude := add(magnitude, mc) }
                default {
                    magnitude := sub(magnitude, mc)
                    if slt(magnitude, 1) {
                        sign := mul(xor(sign, 0x80000000), iszero(iszero(magnitude)))
                        magnitude := sub(0, magnitude)
                    }
                }
            }
        }
        if (special) return _fmaSpecial(a, b, c);
        return _round(sign, magnitude, exponent);
    }

    /// @dev a / b, correctly rounded.
    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        uint256 sign = (a ^ b) & SIGN;
        uint256 ma = a & 0x7fffffff;
        uint256 mb = b & 0x7fffffff;
        if (ma >= INFINITY || mb >= INFINITY || mb == 0) return _divSpecial(sign, ma, mb);
        uint256 magnitude;
        uint256 exponent;
        assembly ("memory-safe") {
            let ea := shr(23, ma)
            let eb := shr(23, mb)
            ma := shl(60, or(and(ma, 0x7fffff), shl(23, iszero(iszero(ea)))))
            mb := or(and(mb, 0x7fffff), shl(23, iszero(iszero(eb))))
            // At least 36 bits of quotient, and a last bit that says whether anything is left.
            magnitude := or(shl(1, div(ma, mb)), iszero(iszero(mod(ma, mb))))
            exponent := add(sub(add(ea, iszero(ea)), add(eb, iszero(eb))), 89)
        }
        return _round(sign, magnitude, exponent);
    }

    /// @dev √a, correctly rounded; √−0 = −0; NaN for other negative a.
    function sqrt(uint256 a) internal pure returns (uint256) {
        if (a & 0x7fffffff == 0) return a;
        if (a >= INFINITY) return a == INFINITY ? a : NAN;
        uint256 magnitude;
        uint256 exponent;
        assembly ("memory-safe") {
            let e := shr(23, a)
            let m := or(and(a, 0x7fffff), shl(23, iszero(iszero(e))))
            e := add(e, iszero(e))
            // m · 2^(e − 150) = (m · 2^(62 + odd)) · 2^(e − 212 − odd), the exponent even.
            let odd := and(e, 1)
            m := shl(add(62, odd), m)
            exponent := sub(e, odd)
            // Newton downwards from a power of two above the root and at most twice it: the relative distance falls as
            // 1, 2^-2, 2^-5, 2^-11, 2^-24, 2^-49, and the root has at most 44 bits. A sixth step pays for the floors.
            let bits := shl(6, lt(0xffffffffffffffff, m))
            bits := or(bits, shl(5, lt(0xffffffff, shr(bits, m))))
            bits := or(bits, shl(4, lt(0xffff, shr(bits, m))))
            bits := or(bits, shl(3, lt(0xff, shr(bits, m))))
            bits := or(bits, shl(2, lt(0xf, shr(bits, m))))
            bits := or(bits, shl(1, lt(0x3, shr(bits, m))))
            let r := shl(add(shr(1, bits), 1), 1)
            r := shr(1, add(r, div(m, r)))
            r := shr(1, add(r, div(m, r)))
            r := shr(1, add(r, div(m, r)))
            r := shr(1, add(r, div(m, r)))
            r := shr(1, add(r, div(m, r)))
            r := shr(1, add(r, div(m, r)))
            r := sub(r, gt(mul(r, r), m))
            magnitude := or(shl(1, r), lt(mul(r, r), m))
            // √ halves the unbiased exponent: (e − 212 − odd) / 2 − 1 for the sticky bit, + 150.
            exponent := add(sdiv(sub(exponent, 212), 2), 149)
        }
        return _round(0, magnitude, exponent);
    }

    /// @dev The greater in the total order −∞ < … < −0 < +0 < … < +∞ < NaN.
    function max(uint256 a, uint256 b) internal pure returns (uint256 r) {
        if (isNan(a) || isNan(b)) return NAN;
        (uint256 ka, uint256 kb) = (_ordered(a), _ordered(b));
        assembly ("memory-safe") {
            r := a
            // One below for every negative sets −0 under +0 and keeps the order of all others.
            if slt(sub(ka, shr(31, a)), sub(kb, shr(31, b))) { r := b }
        }
    }

    /// @dev 1 if a < b; 0 if not or if either is NaN.
    function lt(uint256 a, uint256 b) internal pure returns (uint256 r) {
        if (isNan(a) || isNan(b)) return 0;
        (a, b) = (_ordered(a), _ordered(b));
        assembly ("memory-safe") {
            r := slt(a, b)
        }
    }

    /// @dev 1 if a ≤ b; 0 if not or if either is NaN.
    function le(uint256 a, uint256 b) internal pure returns (uint256 r) {
        if (isNan(a) || isNan(b)) return 0;
        (a, b) = (_ordered(a), _ordered(b));
        assembly ("memory-safe") {
            r := iszero(sgt(a, b))
        }
    }

    /// @dev 1 if a = b, −0 = +0; 0 if not or if either is NaN.
    function eq(uint256 a, uint256 b) internal pure returns (uint256 r) {
        if (isNan(a) || isNan(b)) return 0;
        (a, b) = (_ordered(a), _ordered(b));
        assembly ("memory-safe") {
            r := eq(a, b)
        }
    }

    /// @dev The signed integer a (two's complement in 32 bits), rounded to nearest even.
    function fromInt(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 sign = a & SIGN;
            return _round(sign, sign == 0 ? a : 0x100000000 - a, 150);
        }
    }

    /// @dev a rounded to nearest even as a signed integer; 0x80000000 for NaN and outside [−2^31, 2^31).
    function toInt(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 e = (a >> 23) & 0xff;
            if (e > 158) return SIGN;
            uint256 m = (a & 0x7fffff) | (e == 0 ? 0 : 0x800000);
            if (e >= 150) {
                m <<= e - 150;
            } else {
                uint256 s = 150 - e;
                m = (m + (1 << (s - 1)) - 1 + ((m >> s) & 1)) >> s;
            }
            if (a >= SIGN) return m > SIGN ? SIGN : (0x100000000 - m) & 0xffffffff;
            return m >= SIGN ? SIGN : m;
        }
    }

    /// @dev Whether a is a NaN of any sign and payload.
    function isNan(uint256 a) internal pure returns (bool) {
        return a & 0x7fffffff > INFINITY;
    }

    /// @dev a, a NaN as 0x7fc00000.
    function canonical(uint256 a) internal pure returns (uint256) {
        return isNan(a) ? NAN : a;
    }

    /// @dev The value sign, magnitude · 2^(exponent − 150), rounded to binary32. The magnitude is below 2^104, the exponent signed and at least
    /// −128.
    function rounded(uint256 sign, uint256 magnitude, uint256 exponent) internal pure returns (uint256) {
        return _round(sign, magnitude, exponent);
    }

    /// @dev The value sign, magnitude · 2^(exponent − 150), rounded to binary32. The magnitude is below 2^104; the exponent is
    /// signed. A zero keeps its sign; too great a magnitude is an infinity.
    function _round(uint256 sign, uint256 magnitude, uint256 exponent) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := sign
            if magnitude {
                // 24 bits of room: the shift below is then always to the right.
                let m := shl(24, magnitude)
                let s := shl(6, lt(0xffffffffffffffff, m))
                s := or(s, shl(5, lt(0xffffffff, shr(s, m))))
                s := or(s, shl(4, lt(0xffff, shr(s, m))))
                s := or(s, shl(3, lt(0xff, shr(s, m))))
                // The highest bit's place, less the 23 below the mantissa's first.
                s := sub(
                    or(
                        s,
                        byte(
                            and(0x1f, shr(shr(s, m), 0x8421084210842108cc6318c6db6d54be)),
                            0x0706060506020504060203020504030106050205030304010505030400000000
                        )
                    ),
                    23
                )
                let e := add(sub(exponent, 24), s)
                if slt(e, 1) {
                    s := add(s, sub(1, e))
                    e := 1
                }
                // To nearest, ties to even; the mantissa's first bit carries into the exponent.
                e := add(
                    shl(23, sub(e, 1)),
                    shr(s, add(m, add(sub(shl(sub(s, 1), 1), 1), and(shr(s, m), 1))))
                )
                if gt(e, 0x7f800000) { e := 0x7f800000 }
                r := or(sign, e)
            }
        }
    }

    /// @dev Whether a is infinite or NaN.
    function _special(uint256 a) private pure returns (bool) {
        return a & INFINITY == INFINITY;
    }

    /// @dev An integer that is ordered as the value is; both zeros give 0.
    function _ordered(uint256 a) private pure returns (uint256) {
        unchecked {
            return a < SIGN ? a : SIGN - a;
        }
    }

    /// @dev fma where at least one operand is infinite or NaN.
    function _fmaSpecial(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        if (isNan(a) || isNan(b) || isNan(c)) return NAN;
        uint256 ma = a & 0x7fffffff;
        uint256 mb = b & 0x7fffffff;
        if (ma != INFINITY && mb != INFINITY) return c;
        if (ma == 0 || mb == 0) return NAN;
        uint256 product = ((a ^ b) & SIGN) | INFINITY;
        return _special(c) && c != product ? NAN : product;
    }

    /// @dev Magnitudes ma / mb where one is infinite or NaN, or mb is zero.
    function _divSpecial(uint256 sign, uint256 ma, uint256 mb) private pure returns (uint256) {
        if (ma > INFINITY || mb > INFINITY) return NAN;
        if (ma == INFINITY) return mb == INFINITY ? NAN : sign | INFINITY;
        if (mb == INFINITY) return sign;
        return ma == 0 ? NAN : sign | INFINITY;
    }
}
