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
// Before this text stand BITS (8, 14 or 21).
#include "device.h"

#define THREADS 256
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

// What the product of two planes counts for in S, from Karatsuba's identity for each pair of digits.
SAMEBIT_FUNCTION i32 plane_weight(u32 plane) {
#if BITS == 8
    return 1;
#elif BITS == 14
    return plane == 0 ? (1 << 14) - (1 << 7) : plane == 1 ? 1 - (1 << 7) : 1 << 7;
#else
    return plane == 0   ? 1 - (1 << 7) - (1 << 14)
           : plane == 1 ? (1 << 14) - (1 << 7) - (1 << 21)
           : plane == 2 ? (1 << 28) - (1 << 14) - (1 << 21)
           : plane == 3 ? 1 << 7
           : plane == 4 ? 1 << 14
                        : 1 << 21;
#endif
}

#define QUANTISE_ROWS 32
#define QUANTISE_STRIDE (SAMEBIT_BLOCK + 1)

// planes[plane][row][256 . blocks] and exponents[block][row] of x[row, k]; bytes beyond k are 0. grid: rows / 32, blocks.
SAMEBIT_KERNEL(THREADS)
quantise(const float* x, u64 row_stride, u64 k_stride, u64 rows, u64 k, u8* planes, i32* exponents) {
    SAMEBIT_SHARED float held[QUANTISE_ROWS * QUANTISE_STRIDE];
    u64 first_row = (u64)blockIdx.x * QUANTISE_ROWS, first_k = (u64)blockIdx.y * SAMEBIT_BLOCK;
    bool by_row = row_stride == 1 && k_stride != 1;
    for (u32 at = threadIdx.x; at < QUANTISE_ROWS * SAMEBIT_BLOCK; at += THREADS) {
        u32 row = by_row ? at % QUANTISE_ROWS : at / SAMEBIT_BLOCK;
        u32 term = by_row ? at / QUANTISE_ROWS : at % SAMEBIT_BLOCK;
        bool there = first_row + row < rows && first_k + term < k;
        held[row * QUANTISE_STRIDE + term] = there ? x[(first_row + row) * row_stride + (first_k + term) * k_stride] : 0.0f;
    }
    __syncthreads();
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u64 width = (u64)gridDim.y * SAMEBIT_BLOCK;
    for (u32 row = warp; row < QUANTISE_ROWS; row += THREADS / 32) {
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
        if (lane == 0) exponents[blockIdx.y * rows + first_row + row] = e;
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
                u64 at = (plane * rows + first_row + row) * width + first_k + half * 128 + 4 * lane;
                *(u32*)(planes + at) = words[plane];
            }
        }
    }
}

// S . 2^(ea + eb), rounded once.
SAMEBIT_FUNCTION float block_term(i64 s, i32 ea, i32 eb) {
    if (ea == NOT_FINITE || eb == NOT_FINITE) return samebit_float(SAMEBIT_NAN);
    i32 e = ea + eb;
#if BITS == 8
    float rounded = samebit_from_int((u32)s);
#else
    float rounded = samebit_from_long(s);
#endif
    // Neither the sum nor the scaling leaves the range of normal numbers: the scaling is exact.
    if (e >= -126 && e <= 80) return samebit_mul(rounded, samebit_float((u32)(e + 127) << 23));
    // Exact in binary64, rounded where it becomes binary32.
    return samebit_from_double(samebit_scale_long(s, samebit_double((u64)(e + 1023) << 52)));
}

// A warp has M_TILES x 4 tiles of 16 x 8: with wider sums to keep, fewer of them.
#if BITS == 8
#define M_TILES 4
#define WARPS_M 2
#else
#define M_TILES 2
#define WARPS_M 4
#endif
#define N_TILES 4
#define TILE_M (WARPS_M * M_TILES * 16)
#define TILE_N (THREADS / 32 / WARPS_M * N_TILES * 8)
// Bytes of a row of a stage, and how many stages are on their way.
#define STAGE_BYTES 64
#define STAGES 3
#define STAGE_CHUNKS (STAGE_BYTES / 16)
#define BLOCK_STAGES (SAMEBIT_BLOCK / STAGE_BYTES)

// Where 16 bytes of a row lie: rows that a warp reads together are in different banks.
SAMEBIT_FUNCTION u32 chunk_at(u32 row, u32 chunk) { return row * STAGE_BYTES + (chunk ^ (row >> 1 & 3)) * 16; }

// Begins to fetch rows of one stage of one plane.
SAMEBIT_FUNCTION void fetch_rows(u8* stage, const u8* plane, u64 width, u32 first_row, u32 rows, u32 count, u64 byte) {
#pragma unroll
    for (u32 at = threadIdx.x; at < count * STAGE_CHUNKS; at += THREADS) {
        u32 row = at / STAGE_CHUNKS, chunk = at % STAGE_CHUNKS;
        bool there = first_row + row < rows;
        const u8* from = plane + (there ? first_row + row : 0) * width + byte + chunk * 16;
        samebit_copy_16(stage + chunk_at(row, chunk), from, there ? 16 : 0);
    }
}

// C[m, n] (+)= the exact fold. grid: tiles, 1, slices of the blocks of k; `partial` as in product.cu.
SAMEBIT_KERNEL(THREADS)
exact_product(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents, u32* c, u32 m, u32 n,
              u32 blocks, u32 accumulate, float* partial, u32 slice_blocks) {
    SAMEBIT_SHARED u8 stages[STAGES][(TILE_M + TILE_N) * STAGE_BYTES];
    u32 column_tiles = (n + TILE_N - 1) / TILE_N;
    u32 first_row = blockIdx.x / column_tiles * TILE_M, first_column = blockIdx.x % column_tiles * TILE_N;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 warp_row = warp % WARPS_M * M_TILES * 16, warp_column = warp / WARPS_M * N_TILES * 8;
    u32 first_block = partial ? blockIdx.z * slice_blocks : 0;
    u32 end_block = partial && first_block + slice_blocks < blocks ? first_block + slice_blocks : blocks;
    u64 width = (u64)blocks * SAMEBIT_BLOCK;
    u32 steps = (end_block - first_block) * PLANES * BLOCK_STAGES;

    float total[M_TILES][N_TILES][4];
    i32 sum[M_TILES][N_TILES][4];
#if BITS != 8
    i64 exact[M_TILES][N_TILES][4];
#endif
#pragma unroll
    for (u32 i = 0; i < M_TILES; i++) {
#pragma unroll
        for (u32 j = 0; j < N_TILES; j++) {
#pragma unroll
            for (u32 x = 0; x < 4; x++) {
                u32 row = first_row + warp_row + i * 16 + lane / 4 + x / 2 * 8;
                u32 column = first_column + warp_column + j * 8 + lane % 4 * 2 + x % 2;
                bool there = row < m && column < n;
                total[i][j][x] = accumulate && !partial && there ? samebit_float(c[(u64)row * n + column]) : 0.0f;
                sum[i][j][x] = 0;
#if BITS != 8
                exact[i][j][x] = 0;
#endif
            }
        }
    }

    // Step s: stage s mod BLOCK_STAGES of plane (s / BLOCK_STAGES) mod PLANES of a block.
    for (u32 step = 0; step < steps + STAGES - 1; step++) {
        if (step < steps) {
            u32 plane = step / BLOCK_STAGES % PLANES;
            u64 byte = (u64)(first_block + step / (BLOCK_STAGES * PLANES)) * SAMEBIT_BLOCK + step % BLOCK_STAGES * STAGE_BYTES;
            u8* stage = stages[step % STAGES];
            fetch_rows(stage, a_planes + (u64)plane * m * width, width, first_row, m, TILE_M, byte);
            fetch_rows(stage + TILE_M * STAGE_BYTES, b_planes + (u64)plane * n * width, width, first_column, n, TILE_N, byte);
        }
        samebit_copy_commit();
        if (step < STAGES - 1) continue;
        u32 here = step - (STAGES - 1);
        samebit_copy_wait<STAGES - 1>();
        __syncthreads();
        const u8* a_stage = stages[here % STAGES];
        const u8* b_stage = a_stage + TILE_M * STAGE_BYTES;
#pragma unroll
        for (u32 half = 0; half < STAGE_BYTES / 32; half++) {
            u32 a[M_TILES][4], b[N_TILES / 2][4];
            u32 matrix = lane / 8, r = lane % 8;
#pragma unroll
            for (u32 i = 0; i < M_TILES; i++) {
                u32 row = warp_row + i * 16 + matrix % 2 * 8 + r;
                samebit_load_matrices(a[i], a_stage + chunk_at(row, 2 * half + matrix / 2));
            }
#pragma unroll
            for (u32 j = 0; j < N_TILES / 2; j++) {
                u32 row = warp_column + j * 16 + matrix / 2 * 8 + r;
                samebit_load_matrices(b[j], b_stage + chunk_at(row, 2 * half + matrix % 2));
            }
#pragma unroll
            for (u32 i = 0; i < M_TILES; i++) {
#pragma unroll
                for (u32 j = 0; j < N_TILES; j++) {
                    samebit_multiply_tiles(sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
                }
            }
        }
        // The stage may be fetched into again.
        __syncthreads();
        if ((here + 1) % BLOCK_STAGES != 0) continue;

        u32 block = first_block + here / (BLOCK_STAGES * PLANES);
#if BITS != 8
        i32 weight = plane_weight(here / BLOCK_STAGES % PLANES);
        bool is_last = (here + 1) % (BLOCK_STAGES * PLANES) == 0;
#else
        const bool is_last = true;
#endif
#pragma unroll
        for (u32 i = 0; i < M_TILES; i++) {
#pragma unroll
            for (u32 j = 0; j < N_TILES; j++) {
#pragma unroll
                for (u32 x = 0; x < 4; x++) {
#if BITS != 8
                    exact[i][j][x] += (i64)sum[i][j][x] * weight;
                    i64 s = exact[i][j][x];
#else
                    i64 s = sum[i][j][x];
#endif
                    sum[i][j][x] = 0;
                    if (!is_last) continue;
#if BITS != 8
                    exact[i][j][x] = 0;
#endif
                    u32 row = first_row + warp_row + i * 16 + lane / 4 + x / 2 * 8;
                    u32 column = first_column + warp_column + j * 8 + lane % 4 * 2 + x % 2;
                    if (row >= m || column >= n) continue;
                    float term = block_term(s, a_exponents[(u64)block * m + row], b_exponents[(u64)block * n + column]);
                    if (partial) {
                        partial[((u64)block * m + row) * n + column] = term;
                    } else {
                        total[i][j][x] = samebit_add(total[i][j][x], term);
                    }
                }
            }
        }
    }
    if (partial) return;
#pragma unroll
    for (u32 i = 0; i < M_TILES; i++) {
#pragma unroll
        for (u32 j = 0; j < N_TILES; j++) {
#pragma unroll
            for (u32 x = 0; x < 4; x++) {
                u32 row = first_row + warp_row + i * 16 + lane / 4 + x / 2 * 8;
                u32 column = first_column + warp_column + j * 8 + lane % 4 * 2 + x % 2;
                if (row < m && column < n) c[(u64)row * n + column] = samebit_bits(total[i][j][x]);
            }
        }
    }
}
