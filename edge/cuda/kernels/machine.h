// The scalar machine of docs/spec/arithmetic.md section 2, one text for three compilers: CUDA C (NVRTC), C and C++.
//
// Every operation names its rounding, so that no compiler may contract, reorder or approximate it. On the host `fmaf` is the exact
// fused operation of the C library; the compiler must be told `-ffp-contract=off`. Registers of type F are floats (a NaN's bits
// cannot be seen), U is u32, M is an int that is 0 or 1.
#ifndef SAMEBIT_MACHINE_H
#define SAMEBIT_MACHINE_H

#if defined(__CUDACC_RTC__) || defined(__CUDACC__)

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#define SAMEBIT_FUNCTION static __device__ __forceinline__

SAMEBIT_FUNCTION u32 samebit_word(float a) { return __float_as_uint(a); }
SAMEBIT_FUNCTION float samebit_float(u32 a) { return __uint_as_float(a); }
SAMEBIT_FUNCTION float samebit_add(float a, float b) { return __fadd_rn(a, b); }
SAMEBIT_FUNCTION float samebit_sub(float a, float b) { return __fsub_rn(a, b); }
SAMEBIT_FUNCTION float samebit_mul(float a, float b) { return __fmul_rn(a, b); }
SAMEBIT_FUNCTION float samebit_fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
SAMEBIT_FUNCTION float samebit_div(float a, float b) { return __fdiv_rn(a, b); }
SAMEBIT_FUNCTION float samebit_sqrt(float a) { return __fsqrt_rn(a); }
SAMEBIT_FUNCTION u32 samebit_imulhi(u32 a, u32 b) { return __umulhi(a, b); }
SAMEBIT_FUNCTION float samebit_from_int(u32 a) { return __int2float_rn((i32)a); }
SAMEBIT_FUNCTION u32 samebit_round_to_int(float a) { return (u32)__float2int_rn(a); }
SAMEBIT_FUNCTION float samebit_from_long(i64 a) { return __ll2float_rn(a); }
SAMEBIT_FUNCTION double samebit_scale_long(i64 a, double power) { return __dmul_rn(__ll2double_rn(a), power); }
SAMEBIT_FUNCTION float samebit_from_double(double a) { return __double2float_rn(a); }
SAMEBIT_FUNCTION double samebit_double(u64 a) { return __longlong_as_double((i64)a); }

#else

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef int8_t i8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef int64_t i64;

#define SAMEBIT_FUNCTION static inline __attribute__((unused))

SAMEBIT_FUNCTION u32 samebit_word(float a) {
    u32 word;
    memcpy(&word, &a, 4);
    return word;
}
SAMEBIT_FUNCTION float samebit_float(u32 a) {
    float value;
    memcpy(&value, &a, 4);
    return value;
}
SAMEBIT_FUNCTION double samebit_double(u64 a) {
    double value;
    memcpy(&value, &a, 8);
    return value;
}
SAMEBIT_FUNCTION float samebit_add(float a, float b) { return a + b; }
SAMEBIT_FUNCTION float samebit_sub(float a, float b) { return a - b; }
SAMEBIT_FUNCTION float samebit_mul(float a, float b) { return a * b; }
SAMEBIT_FUNCTION float samebit_fma(float a, float b, float c) { return fmaf(a, b, c); }
SAMEBIT_FUNCTION float samebit_div(float a, float b) { return a / b; }
SAMEBIT_FUNCTION float samebit_sqrt(float a) { return sqrtf(a); }
SAMEBIT_FUNCTION u32 samebit_imulhi(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
SAMEBIT_FUNCTION float samebit_from_int(u32 a) { return (float)(i32)a; }
SAMEBIT_FUNCTION u32 samebit_round_to_int(float a) { return (u32)(i32)rintf(a); }
SAMEBIT_FUNCTION float samebit_from_long(i64 a) { return (float)a; }
SAMEBIT_FUNCTION double samebit_scale_long(i64 a, double power) { return (double)a * power; }
SAMEBIT_FUNCTION float samebit_from_double(double a) { return (float)a; }

#endif

#define SAMEBIT_NAN 0x7fc00000u
#define SAMEBIT_MINUS_INFINITY 0xff800000u

// The bits that may be seen: a NaN is 0x7fc00000.
SAMEBIT_FUNCTION u32 samebit_canonical(u32 word) { return (word & 0x7fffffffu) > 0x7f800000u ? SAMEBIT_NAN : word; }
SAMEBIT_FUNCTION u32 samebit_bits(float a) { return samebit_canonical(samebit_word(a)); }
SAMEBIT_FUNCTION float samebit_neg(float a) { return samebit_float(samebit_word(a) ^ 0x80000000u); }
SAMEBIT_FUNCTION float samebit_abs(float a) { return samebit_float(samebit_word(a) & 0x7fffffffu); }
SAMEBIT_FUNCTION int samebit_lt(float a, float b) { return a < b; }
SAMEBIT_FUNCTION int samebit_le(float a, float b) { return a <= b; }
SAMEBIT_FUNCTION int samebit_eq(float a, float b) { return a == b; }
SAMEBIT_FUNCTION float samebit_select(int mask, float b, float c) { return mask ? b : c; }

// Rises with the value in the order -inf < ... < -0 < +0 < ... < +inf < NaN.
SAMEBIT_FUNCTION i32 samebit_rank(float a) {
    u32 word = samebit_bits(a);
    return (i32)((word & 0x80000000u) ? ~(word & 0x7fffffffu) : word);
}
SAMEBIT_FUNCTION float samebit_max(float a, float b) { return samebit_rank(a) < samebit_rank(b) ? b : a; }

SAMEBIT_FUNCTION u32 samebit_iadd(u32 a, u32 b) { return a + b; }
SAMEBIT_FUNCTION u32 samebit_isub(u32 a, u32 b) { return a - b; }
SAMEBIT_FUNCTION u32 samebit_imul(u32 a, u32 b) { return a * b; }
SAMEBIT_FUNCTION u32 samebit_and(u32 a, u32 b) { return a & b; }
SAMEBIT_FUNCTION u32 samebit_or(u32 a, u32 b) { return a | b; }
SAMEBIT_FUNCTION u32 samebit_xor(u32 a, u32 b) { return a ^ b; }
SAMEBIT_FUNCTION u32 samebit_shl(u32 a, u32 by) { return a << by; }
SAMEBIT_FUNCTION u32 samebit_shr(u32 a, u32 by) { return a >> by; }
SAMEBIT_FUNCTION u32 samebit_sar(u32 a, u32 by) { return (u32)((i32)a >> by); }
SAMEBIT_FUNCTION int samebit_ilt(u32 a, u32 b) { return a < b; }
SAMEBIT_FUNCTION int samebit_ieq(u32 a, u32 b) { return a == b; }
SAMEBIT_FUNCTION u32 samebit_iselect(int mask, u32 b, u32 c) { return mask ? b : c; }

// Rounded to nearest even as a signed integer; 0x80000000 for NaN and outside [-2^31, 2^31).
SAMEBIT_FUNCTION u32 samebit_to_int(float a) {
    return a >= -2147483648.0f && a < 2147483648.0f ? samebit_round_to_int(a) : 0x80000000u;
}

#endif
