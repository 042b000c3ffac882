// The exact products of exact.h with mma.sync: a warp multiplies tiles of 16 x 8 from shared memory.
#include "exact.h"

#define THREADS 256

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

// Row and column of a thread's element x of its tile (i, j) of 16 x 8, in the tile of the block of threads.
SAMEBIT_FUNCTION u32 row_of(u32 thread, u32 i, u32 x) { return thread / 32 % WARPS_M * M_TILES * 16 + i * 16 + thread % 32 / 4 + x / 2 * 8; }
SAMEBIT_FUNCTION u32 column_of(u32 thread, u32 j, u32 x) {
    return thread / 32 / WARPS_M * N_TILES * 8 + j * 8 + thread % 4 * 2 + x % 2;
}

// Multiplies the block of threads' tile. `c` gets the totals, which begin with what it holds or at +0; with BLOCKS it gets each
// block's terms, [blocks, m, n].
template <bool BLOCKS> SAMEBIT_FUNCTION void run(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents,
                                                 u32* c, u32 m, u32 n, u32 blocks, u32 first_block, u32 end_block, bool accumulate) {
    SAMEBIT_SHARED u8 stages[STAGES][(TILE_M + TILE_N) * STAGE_BYTES];
    u32 first_row, first_column;
    tile_at(blockIdx.x, (m + TILE_M - 1) / TILE_M, (n + TILE_N - 1) / TILE_N, first_row, first_column);
    first_row *= TILE_M, first_column *= TILE_N;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 warp_row = warp % WARPS_M * M_TILES * 16, warp_column = warp / WARPS_M * N_TILES * 8;
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
                u32 row = first_row + row_of(threadIdx.x, i, x), column = first_column + column_of(threadIdx.x, j, x);
                bool there = row < m && column < n;
                total[i][j][x] = accumulate && there ? samebit_float(c[(u64)row * n + column]) : 0.0f;
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
                    u32 row = first_row + row_of(threadIdx.x, i, x), column = first_column + column_of(threadIdx.x, j, x);
                    if (row >= m || column >= n) continue;
                    float term = block_term(s, a_exponents[block * padded(m) + row], b_exponents[block * padded(n) + column]);
                    if (BLOCKS) {
                        c[((u64)block * m + row) * n + column] = samebit_bits(term);
                    } else {
                        total[i][j][x] = samebit_add(total[i][j][x], term);
                    }
                }
            }
        }
    }
    if (BLOCKS) return;
    // Places are computed here: nothing but the sums and totals fits the registers of the loop.
    u32 thread = samebit_opaque(threadIdx.x);
#pragma unroll
    for (u32 i = 0; i < M_TILES; i++) {
#pragma unroll
        for (u32 j = 0; j < N_TILES; j++) {
#pragma unroll
            for (u32 x = 0; x < 4; x++) {
                u32 row = first_row + row_of(thread, i, x), column = first_column + column_of(thread, j, x);
                if (row < m && column < n) c[(u64)row * n + column] = samebit_bits(total[i][j][x]);
            }
        }
    }
}

// C[m, n] (+)= the exact fold. grid: tiles.
SAMEBIT_KERNEL(THREADS)
exact_product(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents, u32* c, u32 m, u32 n,
              u32 blocks, u32 accumulate) {
    run<false>(a_planes, a_exponents, b_planes, b_exponents, c, m, n, blocks, 0, blocks, accumulate);
}

// Each block's terms, to be added in order by join_totals. grid: tiles, 1, slices of the blocks of k.
SAMEBIT_KERNEL(THREADS)
exact_terms(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents, u32* terms, u32 m, u32 n,
            u32 blocks, u32 slice_blocks) {
    u32 first = blockIdx.z * slice_blocks, end = first + slice_blocks < blocks ? first + slice_blocks : blocks;
    run<true>(a_planes, a_exponents, b_planes, b_exponents, terms, m, n, blocks, first, end, false);
}
