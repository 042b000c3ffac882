// Composite attention, forward and backward (docs/spec/program.md section 3; the definition is crates/ops/src/attention/definition.rs).
//
// No T x T matrix is kept: a tile of 64 x 64 scores is made, used and forgotten. Forward goes through the keys twice, first for the
// maximum, then for the exponentials, their ordered sum and the weighted values. Backward has a kernel for each gradient: dq goes
// through the keys, dk and dv through x = g . time + t, the queries of all heads of the group. Terms that the mask takes out are not
// folded. Blocks of 256 are counted from the start of j or x, so a tile of 64 never straddles two.
//
// Before this text stand HEAD, exponential and exponential_nonpositive, which are generated.
#include "attention.h"

#define STAGE_FLOATS (VALUE_FLOATS > 2 * TERMS * STRIDE ? VALUE_FLOATS : 2 * TERMS * STRIDE)

// The rows of 64 keys from `first` on, by the first 64 threads.
SAMEBIT_FUNCTION void key_rows(u64* rows, const Shape& s, u64 b, u64 h, u64 first) {
    u64 j = first + threadIdx.x;
    if (threadIdx.x < ROWS) rows[threadIdx.x] = j < s.time ? key_row(s, b, j, h) : NO_ROW;
}

// The rows of 64 queries of one head from `first` on.
SAMEBIT_FUNCTION void query_rows(u64* rows, const Shape& s, u64 b, u64 h, u64 first) {
    u64 t = first + threadIdx.x;
    if (threadIdx.x < ROWS) rows[threadIdx.x] = t < s.time ? query_row(s, b, t, h) : NO_ROW;
}

SAMEBIT_FUNCTION void store_rows(const Fold& fold, const float (&divisors)[4], bool divides, u32* out, const u64* rows) {
    u32 row_y = threadIdx.x / 16 * 4, column_x = threadIdx.x % 16;
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        u64 row = rows[row_y + i];
#pragma unroll
        for (u32 c = 0; c < COLUMNS; c++) {
            u32 column = c * 16 + column_x;
            float value = divides ? samebit_div(fold.total[i][c], divisors[i]) : fold.total[i][c];
            if (row != NO_ROW && column < HEAD) out[row * HEAD + column] = samebit_bits(value);
        }
    }
}

// m, l, o. grid: tiles of 64 queries, batch . heads.
SAMEBIT_KERNEL(THREADS)
attention_forward(const float* q, const float* k, const float* v, u32* m, u32* l, u32* o, Shape s) {
    SAMEBIT_SHARED float stage[STAGE_FLOATS];
    SAMEBIT_SHARED float weights[ROWS * WIDTH];
    SAMEBIT_SHARED u64 queries[ROWS];
    SAMEBIT_SHARED u64 keys[ROWS];
    u64 b = blockIdx.y / s.heads, h = blockIdx.y % s.heads;
    // The last queries see the most keys: they begin.
    u64 first_t = (u64)(gridDim.x - 1 - blockIdx.x) * ROWS;
    u64 end = first_t + ROWS < s.time ? first_t + ROWS : s.time;
    u32 row_y = threadIdx.x / 16 * 4, lane_x = threadIdx.x % 16, row_x = lane_x * 4;
    float scale = samebit_float((u32)s.scale);
    query_rows(queries, s, b, h, first_t);

    float tile[4][4], greatest[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) greatest[i] = samebit_float(SAMEBIT_MINUS_INFINITY);
    for (u64 first = 0; first < end; first += ROWS) {
        key_rows(keys, s, b, h, first);
        dot_tile(tile, q, queries, k, keys, stage);
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
#pragma unroll
            for (u32 j = 0; j < 4; j++) {
                bool is_seen = first + row_x + j <= first_t + row_y + i && first + row_x + j < s.time;
                if (is_seen) greatest[i] = samebit_max(greatest[i], samebit_mul(tile[i][j], scale));
            }
        }
    }
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
#pragma unroll
        for (int half = 8; half > 0; half /= 2) {
            greatest[i] = samebit_max(greatest[i], __shfl_xor_sync(FULL_WARP, greatest[i], half));
        }
    }

    Fold fold;
    fold_begin(fold);
    float lane[4], sum[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        lane[i] = 0.0f;
        sum[i] = 0.0f;
    }
    for (u64 first = 0; first < end; first += ROWS) {
        key_rows(keys, s, b, h, first);
        dot_tile(tile, q, queries, k, keys, stage);
        u64 masks[4];
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            masks[i] = mask_up_to(first, first_t + row_y + i);
#pragma unroll
            for (u32 j = 0; j < 4; j++) {
                float shifted = samebit_sub(samebit_mul(tile[i][j], scale), greatest[i]);
                weights[(row_y + i) * WIDTH + row_x + j] = exponential_nonpositive(shifted);
            }
        }
        __syncthreads();
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
#pragma unroll
            for (u32 w = 0; w < ROWS / SAMEBIT_LANES; w++) {
                u32 at = lane_x + w * SAMEBIT_LANES;
                if (masks[i] >> at & 1) lane[i] = samebit_add(lane[i], weights[(row_y + i) * WIDTH + at]);
            }
        }
        fold_tile(fold, weights, masks, v, keys, stage);
        if ((first + ROWS) % SAMEBIT_BLOCK == 0 || first + ROWS >= end) {
            fold_close(fold);
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                sum[i] = samebit_add(sum[i], __shfl_sync(FULL_WARP, samebit_fold_lanes(lane[i]), 0, SAMEBIT_LANES));
                lane[i] = 0.0f;
            }
        }
    }
    store_rows(fold, sum, true, o, queries);
    if (lane_x == 0) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            u64 row = queries[row_y + i];
            if (row != NO_ROW) {
                m[row] = samebit_bits(greatest[i]);
                l[row] = samebit_bits(sum[i]);
            }
        }
    }
}

// P of a score, or dS if `dp` is the product of dO and v.
SAMEBIT_FUNCTION float probability(float score, float scale, float m, float reciprocal) {
    return samebit_mul(exponential(samebit_sub(samebit_mul(score, scale), m)), reciprocal);
}
SAMEBIT_FUNCTION float slope(float p, float dp, float d, float scale) {
    return samebit_mul(samebit_mul(p, samebit_sub(dp, d)), scale);
}

// dq = the product of dS and k over j <= t. grid: tiles of 64 queries, batch . heads.
SAMEBIT_KERNEL(THREADS)
attention_query_gradient(const float* q, const float* k, const float* v, const float* m, const float* l, const float* d,
                         const float* grad, u32* dq, Shape s) {
    SAMEBIT_SHARED float stage[STAGE_FLOATS];
    SAMEBIT_SHARED float weights[ROWS * WIDTH];
    SAMEBIT_SHARED u64 queries[ROWS];
    SAMEBIT_SHARED u64 keys[ROWS];
    u64 b = blockIdx.y / s.heads, h = blockIdx.y % s.heads;
    u64 first_t = (u64)(gridDim.x - 1 - blockIdx.x) * ROWS;
    u64 end = first_t + ROWS < s.time ? first_t + ROWS : s.time;
    u32 row_y = threadIdx.x / 16 * 4, row_x = threadIdx.x % 16 * 4;
    float scale = samebit_float((u32)s.scale);
    query_rows(queries, s, b, h, first_t);
    __syncthreads();
    float greatest[4], reciprocal[4], mean[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        u64 row = queries[row_y + i];
        greatest[i] = row != NO_ROW ? m[row] : 0.0f;
        reciprocal[i] = row != NO_ROW ? samebit_div(1.0f, l[row]) : 0.0f;
        mean[i] = row != NO_ROW ? d[row] : 0.0f;
    }
    Fold fold;
    fold_begin(fold);
    float tile[4][4], p[4][4];
    for (u64 first = 0; first < end; first += ROWS) {
        key_rows(keys, s, b, h, first);
        dot_tile(tile, q, queries, k, keys, stage);
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
#pragma unroll
            for (u32 j = 0; j < 4; j++) p[i][j] = probability(tile[i][j], scale, greatest[i], reciprocal[i]);
        }
        dot_tile(tile, grad, queries, v, keys, stage);
        u64 masks[4];
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            masks[i] = mask_up_to(first, first_t + row_y + i);
#pragma unroll
            for (u32 j = 0; j < 4; j++) {
                weights[(row_y + i) * WIDTH + row_x + j] = slope(p[i][j], tile[i][j], mean[i], scale);
            }
        }
        fold_tile(fold, weights, masks, k, keys, stage);
        if ((first + ROWS) % SAMEBIT_BLOCK == 0 || first + ROWS >= end) fold_close(fold);
    }
    store_rows(fold, mean, false, dq, queries);
}

// The mask of the queries x = first + w, w in 0 .. 63, that see key j: those with x = g . time + t and j <= t.
SAMEBIT_FUNCTION u64 query_mask(const Shape& s, u64 first, u64 j) {
    u64 mask = 0;
    for (u64 g = first / s.time; g < s.group && g * s.time < first + ROWS; g++) {
        u64 low = g * s.time + j, high = g * s.time + s.time - 1;
        if (low < first) low = first;
        if (high > first + ROWS - 1) high = first + ROWS - 1;
        if (low <= high) mask |= mask_up_to(low, high) << (low - first);
    }
    return mask;
}

// What the gradients of k and v share: for 64 keys of one key head, the fold over x of P . dO (`slopes` false) or dS . q.
SAMEBIT_FUNCTION void key_side(bool slopes, const float* q, const float* k, const float* v, const float* m, const float* l,
                               const float* d, const float* grad, u32* out, const Shape& s, float* stage, float* weights, u64* keys,
                               u64* queries, float (*statistics)[ROWS]) {
    u64 key_heads = s.heads / s.group;
    u64 b = blockIdx.y / key_heads, head = blockIdx.y % key_heads;
    u64 first_j = (u64)blockIdx.x * ROWS;
    u64 extent = s.group * s.time;
    u32 row_y = threadIdx.x / 16 * 4, row_x = threadIdx.x % 16 * 4;
    float scale = samebit_float((u32)s.scale);
    key_rows(keys, s, b, head * s.group, first_j);
    Fold fold;
    fold_begin(fold);
    float tile[4][4], p[4][4];
    for (u64 first = 0; first < extent; first += ROWS) {
        // What the first key's queries leave out, all leave out.
        if (query_mask(s, first, first_j) != 0) {
            u64 x = first + threadIdx.x;
            // The last tile's statistics may still be read.
            __syncthreads();
            if (threadIdx.x < ROWS) {
                u64 row = x < extent ? query_row(s, b, x % s.time, head * s.group + x / s.time) : NO_ROW;
                queries[threadIdx.x] = row;
                statistics[0][threadIdx.x] = row != NO_ROW ? m[row] : 0.0f;
                statistics[1][threadIdx.x] = row != NO_ROW ? samebit_div(1.0f, l[row]) : 0.0f;
                statistics[2][threadIdx.x] = row != NO_ROW ? d[row] : 0.0f;
            }
            dot_tile(tile, k, keys, q, queries, stage);
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
#pragma unroll
                for (u32 j = 0; j < 4; j++) {
                    p[i][j] = probability(tile[i][j], scale, statistics[0][row_x + j], statistics[1][row_x + j]);
                }
            }
            if (slopes) dot_tile(tile, v, keys, grad, queries, stage);
            u64 masks[4];
#pragma unroll
            for (u32 i = 0; i < 4; i++) {
                u64 j_row = first_j + row_y + i;
                masks[i] = j_row < s.time ? query_mask(s, first, j_row) : 0;
#pragma unroll
                for (u32 j = 0; j < 4; j++) {
                    float weight = slopes ? slope(p[i][j], tile[i][j], statistics[2][row_x + j], scale) : p[i][j];
                    weights[(row_y + i) * WIDTH + row_x + j] = weight;
                }
            }
            fold_tile(fold, weights, masks, slopes ? q : grad, queries, stage);
        }
        if ((first + ROWS) % SAMEBIT_BLOCK == 0 || first + ROWS >= extent) fold_close(fold);
    }
    float nothing[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    store_rows(fold, nothing, false, out, keys);
}

// dk = the product of dS and q over x. grid: tiles of 64 keys, batch . key heads.
SAMEBIT_KERNEL(THREADS)
attention_key_gradient(const float* q, const float* k, const float* v, const float* m, const float* l, const float* d,
                       const float* grad, u32* dk, Shape s) {
    SAMEBIT_SHARED float stage[STAGE_FLOATS];
    SAMEBIT_SHARED float weights[ROWS * WIDTH];
    SAMEBIT_SHARED u64 keys[ROWS];
    SAMEBIT_SHARED u64 queries[ROWS];
    SAMEBIT_SHARED float statistics[3][ROWS];
    key_side(true, q, k, v, m, l, d, grad, dk, s, stage, weights, keys, queries, statistics);
}

// dv = the product of P and dO over x. grid: tiles of 64 keys, batch . key heads.
SAMEBIT_KERNEL(THREADS)
attention_value_gradient(const float* q, const float* k, const float* v, const float* m, const float* l, const float* d,
                         const float* grad, u32* dv, Shape s) {
    SAMEBIT_SHARED float stage[STAGE_FLOATS];
    SAMEBIT_SHARED float weights[ROWS * WIDTH];
    SAMEBIT_SHARED u64 keys[ROWS];
    SAMEBIT_SHARED u64 queries[ROWS];
    SAMEBIT_SHARED float statistics[3][ROWS];
    key_side(false, q, k, v, m, l, d, grad, dv, s, stage, weights, keys, queries, statistics);
}
