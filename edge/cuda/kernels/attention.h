// What the passes of composite attention share: a tile of dot products of two sets of rows (docs/spec/program.md section 3).
//
// A block of 256 threads works on 64 x 64 pairs of rows; thread (y, x) = (threadIdx / 16, threadIdx % 16) has the pairs of rows
// 4y + i of the first set and 4x + j of the second. HEAD is the number of elements of a head.
#ifndef SAMEBIT_ATTENTION_H
#define SAMEBIT_ATTENTION_H

#include "device.h"

#define THREADS 256
#define ROWS 64
#define TERMS 16
// Between the terms of a stage in shared memory.
#define STRIDE (ROWS + 4)
// Between the rows of a tile of weights.
#define WIDTH (ROWS + 1)
// Columns of a head that a thread has: 16 apart.
#define COLUMNS ((HEAD + 15) / 16)

// Shape of the operands: q, o, dO, dq are [batch, time, heads, HEAD], k, v, dk, dv [batch, time, heads / group, HEAD].
struct Shape {
    u64 time, heads, group, scale;
};

SAMEBIT_FUNCTION u64 query_row(const Shape& s, u64 b, u64 t, u64 h) { return (b * s.time + t) * s.heads + h; }
SAMEBIT_FUNCTION u64 key_row(const Shape& s, u64 b, u64 t, u64 h) { return (b * s.time + t) * (s.heads / s.group) + h / s.group; }

// A row that is not there: nothing is read.
#define NO_ROW (~0ull)

// tile[i][j] = the ordered product of row 4y + i of x and row 4x + j of y; x_rows and y_rows say which rows of the tensors they
// are. Every thread of the block calls it; `stage` is 2 x TERMS x STRIDE floats.
SAMEBIT_FUNCTION void dot_tile(float (&tile)[4][4], const float* x, const u64* x_rows, const float* y, const u64* y_rows, float* stage) {
    float* x_stage = stage;
    float* y_stage = stage + TERMS * STRIDE;
    u32 row_y = threadIdx.x / 16 * 4, row_x = threadIdx.x % 16 * 4;
    float chain[4][4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (u32 j = 0; j < 4; j++) {
            tile[i][j] = 0.0f;
            chain[i][j] = 0.0f;
        }
    }
    for (u32 first = 0; first < HEAD; first += TERMS) {
        __syncthreads();
        u32 count = HEAD - first < TERMS ? HEAD - first : TERMS;
#pragma unroll
        for (u32 i = 0; i < ROWS * TERMS / THREADS; i++) {
            u32 row = threadIdx.x / TERMS + i * (THREADS / TERMS), term = threadIdx.x % TERMS;
            u64 at_x = x_rows[row], at_y = y_rows[row];
            x_stage[term * STRIDE + row] = at_x != NO_ROW && term < count ? x[at_x * HEAD + first + term] : 0.0f;
            y_stage[term * STRIDE + row] = at_y != NO_ROW && term < count ? y[at_y * HEAD + first + term] : 0.0f;
        }
        __syncthreads();
#pragma unroll 4
        for (u32 term = 0; term < count; term++) {
            float left[4], right[4];
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                left[i] = x_stage[term * STRIDE + row_y + i];
                right[i] = y_stage[term * STRIDE + row_x + i];
            }
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
#pragma unroll
                for (u32 j = 0; j < 4; j++) chain[i][j] = samebit_fma(left[i], right[j], chain[i][j]);
            }
        }
        if ((first + TERMS) % SAMEBIT_BLOCK == 0 || first + TERMS >= HEAD) {
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
#pragma unroll
                for (u32 j = 0; j < 4; j++) {
                    tile[i][j] = samebit_add(tile[i][j], chain[i][j]);
                    chain[i][j] = 0.0f;
                }
            }
        }
    }
}

// Running totals and open blocks of a fold with HEAD columns for each of 64 rows: thread (y, x) has rows 4y + i and columns
// x + 16c.
struct Fold {
    float total[4][COLUMNS];
    float chain[4][COLUMNS];
};

SAMEBIT_FUNCTION void fold_begin(Fold& fold) {
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (u32 c = 0; c < COLUMNS; c++) {
            fold.total[i][c] = 0.0f;
            fold.chain[i][c] = 0.0f;
        }
    }
}

SAMEBIT_FUNCTION void fold_close(Fold& fold) {
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (u32 c = 0; c < COLUMNS; c++) {
            fold.total[i][c] = samebit_add(fold.total[i][c], fold.chain[i][c]);
            fold.chain[i][c] = 0.0f;
        }
    }
}

// Terms of a stage of values in shared memory: 64 rows of weights meet 16 rows of values at a time.
#define VALUE_FLOATS (TERMS * COLUMNS * 16)

// chain[row] continues with weights[row][w] . values[w], w rising; the term is left out where masks[row] has no bit w. `weights` is
// [64][WIDTH]; `value_rows` says which rows of `values` the 64 terms are; `stage` has VALUE_FLOATS.
SAMEBIT_FUNCTION void fold_tile(Fold& fold, const float* weights, const u64 (&masks)[4], const float* values, const u64* value_rows,
                                float* stage) {
    u32 row_y = threadIdx.x / 16 * 4, column_x = threadIdx.x % 16;
    for (u32 first = 0; first < ROWS; first += TERMS) {
        __syncthreads();
        for (u32 at = threadIdx.x; at < VALUE_FLOATS; at += THREADS) {
            u32 term = at / (COLUMNS * 16), column = at % (COLUMNS * 16);
            u64 row = value_rows[first + term];
            stage[at] = row != NO_ROW && column < HEAD ? values[row * HEAD + column] : 0.0f;
        }
        __syncthreads();
#pragma unroll 2
        for (u32 term = 0; term < TERMS; term++) {
            float weight[4];
#pragma unroll
            for (u32 i = 0; i < 4; i++) weight[i] = weights[(row_y + i) * WIDTH + first + term];
#pragma unroll
            for (u32 c = 0; c < COLUMNS; c++) {
                float value = stage[term * (COLUMNS * 16) + c * 16 + column_x];
#pragma unroll
                for (u32 i = 0; i < 4; i++) {
                    float next = samebit_fma(weight[i], value, fold.chain[i][c]);
                    fold.chain[i][c] = masks[i] >> (first + term) & 1 ? next : fold.chain[i][c];
                }
            }
        }
    }
}

// The mask of the terms first, first + 1, ... that are at most `last`.
SAMEBIT_FUNCTION u64 mask_up_to(u64 first, u64 last) {
    if (last < first) return 0;
    return last - first >= 63 ? ~0ull : (1ull << (last - first + 1)) - 1;
}

#endif
