// The ordered f32 product, C[m, n] = fold over k of A[m, k] . B[n, k] (docs/spec/arithmetic.md section 3).
//
//   tile of C      128 x 128 a block of 256 threads; a warp has 32 x 64 of it, a thread 8 x 8 in registers
//   shared memory  two stages of 8 terms: [k][row] of A and of B, so that a thread reads neighbouring rows as float4
//   block of k     a chain of at most 256 fma in `chain`; closed chains are added to `total` in order
//
// While a stage is multiplied the next one is on its way from global memory into registers. Where C has too few tiles to fill a
// card, blockIdx.z splits k at multiples of 256: every chain goes to `partial` as it is, and `join_totals` adds them in order.
#include "device.h"

#define TILE 128
#define TERMS 8
#define THREADS 256
// Between the rows of a stage: no two of a warp's stores meet in a bank, and float4 stay aligned.
#define STRIDE (TILE + 4)
// Elements of a stage that a thread brings, of each operand.
#define SHARE (TILE * TERMS / THREADS)
// Rows of tiles that are gone through together, so that their operands stay in the cache.
#define GROUP 8

// The part of an operand's stage that a thread brings: SHARE elements, a fixed step apart in memory and in shared memory.
struct Bringer {
    const float* next;
    u64 element_step;
    u64 stage_step;
    u32 first_term, term_step;
    u32 shared_first, shared_step;
    u32 valid;
};

// Neighbouring threads take what lies side by side in memory.
SAMEBIT_FUNCTION Bringer bringer(const float* data, u64 row_stride, u64 k_stride, u32 first_row, u32 rows) {
    Bringer b;
    bool by_row = row_stride == 1 && k_stride != 1;
    u32 row = by_row ? threadIdx.x % TILE : threadIdx.x / TERMS;
    u32 row_step = by_row ? 0 : THREADS / TERMS;
    b.first_term = by_row ? threadIdx.x / TILE : threadIdx.x % TERMS;
    b.term_step = by_row ? THREADS / TILE : 0;
    b.next = data + (first_row + row) * row_stride + b.first_term * k_stride;
    b.element_step = row_step * row_stride + b.term_step * k_stride;
    b.stage_step = TERMS * k_stride;
    b.shared_first = b.first_term * STRIDE + row;
    b.shared_step = b.term_step * STRIDE + row_step;
    b.valid = 0;
#pragma unroll
    for (u32 i = 0; i < SHARE; i++) b.valid |= (first_row + row + i * row_step < rows ? 1u : 0u) << i;
    return b;
}

// Terms at or beyond `terms` and rows beyond the matrix are 0 and not read.
SAMEBIT_FUNCTION void bring(Bringer& b, float (&held)[SHARE], u32 terms) {
#pragma unroll
    for (u32 i = 0; i < SHARE; i++) {
        bool there = (b.valid >> i & 1) && b.first_term + i * b.term_step < terms;
        held[i] = there ? b.next[i * b.element_step] : 0.0f;
    }
    b.next += b.stage_step;
}

SAMEBIT_FUNCTION void put(const Bringer& b, const float (&held)[SHARE], float* stage) {
#pragma unroll
    for (u32 i = 0; i < SHARE; i++) stage[b.shared_first + i * b.shared_step] = held[i];
}

SAMEBIT_FUNCTION void take(float (&out)[8], const float* at, u32 second) {
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        out[i] = at[i];
        out[4 + i] = at[second + i];
    }
}

SAMEBIT_FUNCTION void multiply(float (&chain)[8][8], const float* a, const float* b) {
    float left[8], right[8];
    take(left, a, 16);
    take(right, b, 32);
#pragma unroll
    for (u32 i = 0; i < 8; i++) {
#pragma unroll
        for (u32 j = 0; j < 8; j++) chain[i][j] = samebit_fma(left[i], right[j], chain[i][j]);
    }
}

// grid: tiles, 1, slices of k. With `partial` [blocks of k, m, n], a slice has `slice_blocks` blocks and C is not touched.
SAMEBIT_KERNEL(THREADS)
product(const float* a, u64 a_row_stride, u64 a_k_stride, const float* b, u64 b_row_stride, u64 b_k_stride, u32* c, u32 m, u32 n,
        u64 k, u32 accumulate, float* partial, u32 slice_blocks) {
    SAMEBIT_SHARED float a_stage[2][TERMS * STRIDE];
    SAMEBIT_SHARED float b_stage[2][TERMS * STRIDE];

    u32 row_tiles = (m + TILE - 1) / TILE, column_tiles = (n + TILE - 1) / TILE;
    u32 group = blockIdx.x / (GROUP * column_tiles), in_group = blockIdx.x % (GROUP * column_tiles);
    u32 group_rows = row_tiles - group * GROUP < GROUP ? row_tiles - group * GROUP : GROUP;
    u32 first_row = (group * GROUP + in_group % group_rows) * TILE, first_column = in_group / group_rows * TILE;

    u64 k_first = partial ? (u64)blockIdx.z * slice_blocks * SAMEBIT_BLOCK : 0;
    u64 k_end = partial && k_first + (u64)slice_blocks * SAMEBIT_BLOCK < k ? k_first + (u64)slice_blocks * SAMEBIT_BLOCK : k;

    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 row = warp / 2 * 32 + lane / 8 * 4, column = warp % 2 * 64 + lane % 8 * 4;

    float total[8][8], chain[8][8];
#pragma unroll
    for (u32 i = 0; i < 8; i++) {
#pragma unroll
        for (u32 j = 0; j < 8; j++) {
            u32 r = first_row + row + i % 4 + i / 4 * 16, s = first_column + column + j % 4 + j / 4 * 32;
            total[i][j] = accumulate && !partial && r < m && s < n ? samebit_float(c[(u64)r * n + s]) : 0.0f;
            chain[i][j] = 0.0f;
        }
    }

    Bringer from_a = bringer(a + k_first * a_k_stride, a_row_stride, a_k_stride, first_row, m);
    Bringer from_b = bringer(b + k_first * b_k_stride, b_row_stride, b_k_stride, first_column, n);
    float a_held[SHARE], b_held[SHARE];
    u64 left = k_end - k_first;
    u32 terms = left < TERMS ? (u32)left : TERMS;
    bring(from_a, a_held, terms);
    bring(from_b, b_held, terms);
    put(from_a, a_held, a_stage[0]);
    put(from_b, b_held, b_stage[0]);
    __syncthreads();

    for (u32 stage = 0; left > 0; stage++) {
        left -= terms;
        u32 next_terms = left < TERMS ? (u32)left : TERMS;
        if (left > 0) {
            bring(from_a, a_held, next_terms);
            bring(from_b, b_held, next_terms);
        }
        const float* a_at = a_stage[stage % 2] + row;
        const float* b_at = b_stage[stage % 2] + column;
        if (terms == TERMS) {
#pragma unroll
            for (u32 t = 0; t < TERMS; t++) multiply(chain, a_at + t * STRIDE, b_at + t * STRIDE);
        } else {
#pragma unroll 1
            for (u32 t = 0; t < terms; t++) multiply(chain, a_at + t * STRIDE, b_at + t * STRIDE);
        }
        if (left > 0) {
            put(from_a, a_held, a_stage[(stage + 1) % 2]);
            put(from_b, b_held, b_stage[(stage + 1) % 2]);
        }
        __syncthreads();
        if ((stage + 1) % (SAMEBIT_BLOCK / TERMS) == 0 || left == 0) {
            float* out = partial + (k_first / SAMEBIT_BLOCK + stage / (SAMEBIT_BLOCK / TERMS)) * ((u64)m * n);
#pragma unroll
            for (u32 i = 0; i < 8; i++) {
#pragma unroll
                for (u32 j = 0; j < 8; j++) {
                    u32 r = first_row + row + i % 4 + i / 4 * 16, s = first_column + column + j % 4 + j / 4 * 32;
                    if (!partial) {
                        total[i][j] = samebit_add(total[i][j], chain[i][j]);
                    } else if (r < m && s < n) {
                        out[(u64)r * n + s] = chain[i][j];
                    }
                    chain[i][j] = 0.0f;
                }
            }
        }
        terms = next_terms;
    }
    if (partial) return;
#pragma unroll
    for (u32 i = 0; i < 8; i++) {
#pragma unroll
        for (u32 j = 0; j < 8; j++) {
            u32 r = first_row + row + i % 4 + i / 4 * 16, s = first_column + column + j % 4 + j / 4 * 32;
            if (r < m && s < n) c[(u64)r * n + s] = samebit_bits(total[i][j]);
        }
    }
}

// Per column c, the chains of the blocks of rows of x[row, c] . y[row, c], or of x[row, c] . 1 where y is null, into `partial`
// [blocks, columns]. grid: columns / 256, blocks of rows.
SAMEBIT_KERNEL(THREADS)
column_chains(const float* x, const float* y, float* partial, u64 rows, u64 columns) {
    u64 column = (u64)blockIdx.x * THREADS + threadIdx.x;
    if (column >= columns) return;
    u64 first = (u64)blockIdx.y * SAMEBIT_BLOCK;
    u64 end = first + SAMEBIT_BLOCK < rows ? first + SAMEBIT_BLOCK : rows;
    float chain = 0.0f;
#pragma unroll 8
    for (u64 row = first; row < end; row++) {
        float other = y ? y[row * columns + column] : 1.0f;
        chain = samebit_fma(x[row * columns + column], other, chain);
    }
    partial[blockIdx.y * columns + column] = chain;
}

// out[i] = the blocks' results partial[block, i], added in order to +0 or to what out holds. grid: count / 256.
SAMEBIT_KERNEL(THREADS)
join_totals(const float* partial, u32* out, u64 count, u64 blocks, u32 accumulate) {
    u64 i = (u64)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    float total = accumulate ? samebit_float(out[i]) : 0.0f;
#pragma unroll 4
    for (u64 block = 0; block < blocks; block++) total = samebit_add(total, partial[block * count + i]);
    out[i] = samebit_bits(total);
}

// The same for one element and many blocks: 256 threads fetch, one adds. grid: 1.
SAMEBIT_KERNEL(THREADS)
join_one(const float* partial, u32* out, u64 blocks) {
    SAMEBIT_SHARED float held[THREADS * 8];
    float total = 0.0f;
    for (u64 first = 0; first < blocks; first += THREADS * 8) {
        for (u32 i = threadIdx.x; i < THREADS * 8; i += THREADS) held[i] = first + i < blocks ? partial[first + i] : 0.0f;
        __syncthreads();
        u32 count = blocks - first < THREADS * 8 ? (u32)(blocks - first) : THREADS * 8;
        if (threadIdx.x == 0) {
            for (u32 i = 0; i < count; i++) total = samebit_add(total, held[i]);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) out[0] = samebit_bits(total);
}
