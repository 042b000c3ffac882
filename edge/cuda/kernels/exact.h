// The exact products (docs/spec/arithmetic.md section 3; profiles exact8, exact14, exact21) on INT8 tensor cores.
//
//   quantise   a block of 256 terms of a row gets the smallest exponent e >= -126 with max|x| <= (2^(BITS-1) - 1) . 2^e; q = x . 2^-e
//              to nearest even is cut into balanced digits of 7 bits, and digits and sums of two digits become planes of bytes
//                exact8   q                                         1 plane
//                exact14  h, l, h + l            q = 2^7 h + l      3 planes, Karatsuba
//                exact21  d0, d1, d2, d0 + d1, d0 + d2, d1 + d2     6 planes
//   multiply   for each block and plane an exact int32 product of the planes; their weighted sum S is an exact integer, and the
//              block's term is S . 2^(ea + eb), rounded once; terms are added in order
//
// Every digit is in -64 .. 64 and every sum of two in -128 .. 127, so a block's product of planes stays below 2^23.
// Here is what both products share; exact_mma.cu and exact_wgmma.cu multiply. Before this text stand BITS (8, 14 or 21), and TILED
// where the planes are to lie as wgmma reads them.
#ifndef SAMEBIT_EXACT_H
#define SAMEBIT_EXACT_H

#include "device.h"

#define PLANES (BITS == 8 ? 1 : BITS == 14 ? 3 : 6)

// The exponent of a block with an infinity or a NaN.
#define NOT_FINITE 0x7fffffff

// Exponent for the greatest magnitude, given as bits.
SAMEBIT_FUNCTION i32 block_exponent(u32 greatest) {
    if (greatest >= 0x7f800000) return NOT_FINITE;
    // (2^(BITS-1) - 1) . 2^e0 is all ones: a greater significand needs one more.
    u32 ones = ((1u << (BITS - 2)) - 1) << (23 - (BITS - 2));
    i32 e = (i32)(greatest >> 23) - 127 - (BITS - 2) + ((greatest & 0x7fffff) > ones ? 1 : 0);
    return e < -126 ? -126 : e;
}

// A balanced digit of 7 bits of q, taken off it.
SAMEBIT_FUNCTION i32 take_digit(i32& q) {
    i32 digit = ((q + 64) & 127) - 64;
    q = (q - digit) >> 7;
    return digit;
}

SAMEBIT_FUNCTION void make_planes(i32 q, i32 (&planes)[PLANES]) {
#if BITS == 8
    planes[0] = q;
#elif BITS == 14
    i32 low = take_digit(q);
    planes[0] = q;
    planes[1] = low;
    planes[2] = q + low;
#else
    i32 d0 = take_digit(q), d1 = take_digit(q);
    planes[0] = d0;
    planes[1] = d1;
    planes[2] = q;
    planes[3] = d0 + d1;
    planes[4] = d0 + q;
    planes[5] = d1 + q;
#endif
}

// Rows of exponents and of tiled planes are padded to whole groups.
#define GROUP_ROWS 8
SAMEBIT_FUNCTION u64 padded(u64 rows) { return (rows + GROUP_ROWS - 1) / GROUP_ROWS * GROUP_ROWS; }

// Where byte `term` of a block of a plane's row lies.
#ifdef TILED
// [block][plane][half of the block][group of 8 rows][8 rows of 128 bytes], the 16-byte chunks of row r at chunk ^ r: wgmma's layout
// with 128-byte swizzling, so that neighbouring rows of a half are one run of bytes.
#define HALF_BYTES 128
SAMEBIT_FUNCTION u64 plane_byte(u64 block, u64, u32 plane, u64 row, u64 rows, u32 term) {
    u64 half = (block * PLANES + plane) * 2 + term / HALF_BYTES;
    u32 r = (u32)(row % GROUP_ROWS), chunk = term % HALF_BYTES / 16;
    return (half * padded(rows) + row) * HALF_BYTES + (chunk ^ r) * 16 + term % 16;
}
#else
// [plane][row][256 . blocks]
SAMEBIT_FUNCTION u64 plane_byte(u64 block, u64 blocks, u32 plane, u64 row, u64 rows, u32 term) {
    return ((plane * rows + row) * blocks + block) * SAMEBIT_BLOCK + term;
}
#endif

#define QUANTISE_ROWS 32
#define QUANTISE_STRIDE (SAMEBIT_BLOCK + 1)
#define QUANTISE_THREADS 256

// Planes, and exponents[block][row], of x[row, k]; bytes beyond k are 0. grid: rows / 32, blocks.
SAMEBIT_KERNEL(QUANTISE_THREADS)
quantise(const float* x, u64 row_stride, u64 k_stride, u64 rows, u64 k, u8* planes, i32* exponents) {
    SAMEBIT_SHARED float held[QUANTISE_ROWS * QUANTISE_STRIDE];
    u64 first_row = (u64)blockIdx.x * QUANTISE_ROWS, first_k = (u64)blockIdx.y * SAMEBIT_BLOCK;
    bool by_row = row_stride == 1 && k_stride != 1;
    for (u32 at = threadIdx.x; at < QUANTISE_ROWS * SAMEBIT_BLOCK; at += QUANTISE_THREADS) {
        u32 row = by_row ? at % QUANTISE_ROWS : at / SAMEBIT_BLOCK;
        u32 term = by_row ? at / QUANTISE_ROWS : at % SAMEBIT_BLOCK;
        bool there = first_row + row < rows && first_k + term < k;
        held[row * QUANTISE_STRIDE + term] = there ? x[(first_row + row) * row_stride + (first_k + term) * k_stride] : 0.0f;
    }
    __syncthreads();
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (u32 row = warp; row < QUANTISE_ROWS; row += QUANTISE_THREADS / 32) {
        float mine[8];
        u32 greatest = 0;
#pragma unroll
        for (u32 i = 0; i < 8; i++) {
            // Terms 4 . lane + 0 .. 3 of both halves of the block: four bytes make a word.
            mine[i] = held[row * QUANTISE_STRIDE + i / 4 * 128 + 4 * lane + i % 4];
            u32 magnitude = samebit_word(mine[i]) & 0x7fffffff;
            greatest = magnitude > greatest ? magnitude : greatest;
        }
#pragma unroll
        for (int half = 16; half > 0; half /= 2) {
            u32 other = samebit_word(__shfl_xor_sync(FULL_WARP, samebit_float(greatest), half));
            greatest = other > greatest ? other : greatest;
        }
        if (first_row + row >= rows) continue;
        i32 e = block_exponent(greatest);
        if (lane == 0) exponents[blockIdx.y * padded(rows) + first_row + row] = e;
        float power = samebit_float(e == NOT_FINITE ? 0 : (u32)(127 - e) << 23);
#pragma unroll
        for (u32 half = 0; half < 2; half++) {
            u32 words[PLANES];
#pragma unroll
            for (u32 plane = 0; plane < PLANES; plane++) words[plane] = 0;
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                i32 digits[PLANES];
                make_planes(e == NOT_FINITE ? 0 : (i32)samebit_to_int(samebit_mul(mine[4 * half + i], power)), digits);
#pragma unroll
                for (u32 plane = 0; plane < PLANES; plane++) words[plane] |= ((u32)digits[plane] & 0xff) << 8 * i;
            }
#pragma unroll
            for (u32 plane = 0; plane < PLANES; plane++) {
                *(u32*)(planes + plane_byte(blockIdx.y, gridDim.y, plane, first_row + row, rows, half * 128 + 4 * lane)) = words[plane];
            }
        }
    }
}

// S . 2^e rounded once, for e from -126 to 80: neither the sum nor the scaling leaves the normal numbers, and the scaling is exact.
SAMEBIT_FUNCTION float ordinary_term(i64 s, i32 e) {
#if BITS == 8
    float rounded = samebit_from_int((u32)s);
#else
    float rounded = samebit_from_long(s);
#endif
    return samebit_mul(rounded, samebit_float((u32)(e + 127) << 23));
}

// S . 2^(ea + eb), rounded once.
SAMEBIT_FUNCTION float block_term(i64 s, i32 ea, i32 eb) {
    if (ea == NOT_FINITE || eb == NOT_FINITE) return samebit_float(SAMEBIT_NAN);
    i32 e = ea + eb;
    if (e >= -126 && e <= 80) return ordinary_term(s, e);
    // Exact in binary64, rounded where it becomes binary32.
    return samebit_from_double(samebit_scale_long(s, samebit_double((u64)(e + 1023) << 52)));
}

// Tiles are taken in bands of rows, down each column of a band: tiles at work at the same time share operands.
#define BAND_TILES 16

// The tile of a block of threads, in tiles.
SAMEBIT_FUNCTION void tile_at(u32 index, u32 tile_rows, u32 tile_columns, u32& row, u32& column) {
    u32 first = index / (BAND_TILES * tile_columns) * BAND_TILES, within = index % (BAND_TILES * tile_columns);
    u32 height = tile_rows - first < BAND_TILES ? tile_rows - first : BAND_TILES;
    row = first + within % height;
    column = within / height;
}

#endif
