// Kernels that add nothing up, or that add what an index picks: permutations, and ordered sums of rows that share a key.
#include "device.h"

#define THREADS 256
#define DIMENSIONS 6

// The output's shape and, for each dimension, the stride in x; unused dimensions lead with size 1 and stride 0.
struct Permutation {
    u64 sizes[DIMENSIONS];
    u64 strides[DIMENSIONS];
};

// out[i0, ...] = x at the sum of i_d . strides[d]. grid: elements / 256.
SAMEBIT_KERNEL(THREADS)
permute(const u32* x, u32* out, Permutation p, u64 count) {
    u64 flat = (u64)blockIdx.x * THREADS + threadIdx.x;
    if (flat >= count) return;
    u64 rest = flat, source = 0;
#pragma unroll
    for (int d = DIMENSIONS - 1; d >= 0; d--) {
        source += rest % p.sizes[d] * p.strides[d];
        rest /= p.sizes[d];
    }
    out[flat] = x[source];
}

// Words all 0 where `count` keys have no row. grid: words / 256.
SAMEBIT_KERNEL(THREADS)
clear(u32* out, u64 count) {
    u64 i = (u64)blockIdx.x * THREADS + threadIdx.x;
    if (i < count) out[i] = 0;
}

// out[v, c] = ordered sum over the rows n with keys[n] = v of x[n, c], for the keys that occur; the others are left alone.
//
// `order` lists the rows by key and then by number, `starts` where each occurring key's rows begin and, last, where all end. A
// block of threads has one occurring key and 16 columns: thread (lane, column) adds the rows of its lane of the block of 256 rows.
// grid: occurring keys, columns / 16.
SAMEBIT_KERNEL(THREADS)
scatter(const u32* keys, const u32* order, const u32* starts, const float* x, u32* out, u64 columns, u32 accumulate) {
    SAMEBIT_SHARED float lanes[SAMEBIT_LANES][17];
    u32 lane = threadIdx.x / 16, column_in = threadIdx.x % 16;
    u64 column = (u64)blockIdx.y * 16 + column_in;
    bool is_there = column < columns;
    u32 at = starts[blockIdx.x], end = starts[blockIdx.x + 1];
    u64 key = keys[order[at]];
    float total = accumulate && is_there ? samebit_float(out[key * columns + column]) : 0.0f;
    while (at < end) {
        u32 block = order[at] / SAMEBIT_BLOCK;
        float sum = 0.0f;
        for (; at < end && order[at] / SAMEBIT_BLOCK == block; at++) {
            u32 row = order[at];
            if (row % SAMEBIT_LANES == lane && is_there) sum = samebit_add(sum, x[row * columns + column]);
        }
        lanes[lane][column_in] = sum;
        for (u32 half = 8; half > 0; half /= 2) {
            __syncthreads();
            if (lane < half) lanes[lane][column_in] = samebit_add(lanes[lane][column_in], lanes[lane + half][column_in]);
        }
        __syncthreads();
        if (lane == 0) total = samebit_add(total, lanes[0][column_in]);
        __syncthreads();
    }
    if (lane == 0 && is_there) out[key * columns + column] = samebit_bits(total);
}
