// The exact products of exact.h with wgmma (sm_90a): warpgroups multiply tiles of 64 rows from shared memory.
//
//   producer   one thread fetches stages, each half a block of one plane of both operands, as they lie in memory, and with a
//              block's last stage its exponents
//   consumers  two warpgroups; each waits for a stage, multiplies, gives the stage back when its products have ended, and after
//              a block's last stage adds the block's term to its totals
//
// Weighting the planes by int32 steps keeps few registers: S is put together from `low`, `middle` and `high`, all below 2^31.
#define TILED
#include "exact.h"
#include "wgmma.h"

#define GROUPS 2
#define GROUP_THREADS 128
#define THREADS (GROUPS * GROUP_THREADS + GROUP_THREADS)
// Accumulators of a thread.
#define HELD (BITS == 21 ? 32 : 64)
#define TILE_M (64 * GROUPS)
#define TILE_N (2 * HELD)

// A stage: rows of A, rows of B, exponents of A's rows, exponents of B's rows.
#define STAGES 6
#define B_AT (TILE_M * HALF_BYTES)
#define EXPONENTS_AT ((TILE_M + TILE_N) * HALF_BYTES)
#define STAGE_BYTES (EXPONENTS_AT + 1024)
#define STAGES_BYTES (STAGES * STAGE_BYTES)

// The plane that is multiplied in this turn.
SAMEBIT_FUNCTION u32 plane_in_turn(u32 turn) {
#if BITS == 21
    return 0x031452 >> 4 * turn & 15;
#else
    return turn;
#endif
}

// Where a thread is in the ring of stages.
struct Ring {
    u8* shared;
    u32 stage, parity;
};
SAMEBIT_FUNCTION u64* full(const Ring& ring, u32 stage) { return (u64*)(ring.shared + STAGES_BYTES) + stage; }
SAMEBIT_FUNCTION u64* empty(const Ring& ring, u32 stage) { return (u64*)(ring.shared + STAGES_BYTES) + STAGES + stage; }
SAMEBIT_FUNCTION u8* stage_at(const Ring& ring, u32 stage) { return ring.shared + stage * STAGE_BYTES; }
SAMEBIT_FUNCTION u32 before(u32 stage) { return stage == 0 ? STAGES - 1 : stage - 1; }
SAMEBIT_FUNCTION void advance(Ring& ring) {
    ring.stage++;
    if (ring.stage < STAGES) return;
    ring.stage = 0;
    ring.parity ^= 1;
}

// An operand, from the tile's first row on.
struct Operand {
    const u8* planes;
    const i32* exponents;
    u64 rows;  // padded
    u32 first, here;
};
SAMEBIT_FUNCTION Operand operand(const u8* planes, const i32* exponents, u32 rows, u32 first, u32 tile) {
    u32 left = (u32)padded(rows) - first;
    return Operand{planes, exponents, padded(rows), first, left < tile ? left : tile};
}

// Begins to fetch a half of a plane's block and, with the last one, the block's exponents.
SAMEBIT_FUNCTION void fetch(const Ring& ring, const Operand& x, u8* rows, u8* exponents, u64 half, u64 block, bool is_last) {
    u64* barrier = full(ring, ring.stage);
    samebit_copy_bulk(rows, x.planes + (half * x.rows + x.first) * HALF_BYTES, x.here * HALF_BYTES, barrier);
    if (is_last) samebit_copy_bulk(exponents, x.exponents + block * x.rows + x.first, x.here * 4, barrier);
}

SAMEBIT_FUNCTION void produce(Ring ring, const Operand& a, const Operand& b, u32 first_block, u32 end_block) {
    // The stages before the first are given back already.
    ring.parity = 1;
    for (u64 block = first_block; block < end_block; block++) {
#pragma unroll 1
        for (u32 at = 0; at < 2 * PLANES; at++) {
            u64 half = (block * PLANES + plane_in_turn(at / 2)) * 2 + at % 2;
            bool is_last = at + 1 == 2 * PLANES;
            u8* stage = stage_at(ring, ring.stage);
            samebit_barrier_wait(empty(ring, ring.stage), ring.parity);
            samebit_barrier_expect(full(ring, ring.stage), (a.here + b.here) * (HALF_BYTES + (is_last ? 4 : 0)));
            fetch(ring, a, stage, stage + EXPONENTS_AT, half, block, is_last);
            fetch(ring, b, stage + B_AT, stage + EXPONENTS_AT + 4 * TILE_M, half, block, is_last);
            advance(ring);
        }
    }
}

// This warp gives a stage back.
SAMEBIT_FUNCTION void give_back(const Ring& ring, u32 stage) {
    if (threadIdx.x % 32 == 0) samebit_barrier_arrive(empty(ring, stage));
}

// Begins d (+)= the product of the next plane's block. When it returns, all earlier products have ended, and their stages are given
// back; IS_FIRST: there are none in this block.
template <bool IS_FIRST> SAMEBIT_FUNCTION void multiply(Ring& ring, i32 (&d)[HELD], bool keep) {
    u32 group = threadIdx.x / GROUP_THREADS;
#pragma unroll
    for (u32 half = 0; half < 2; half++) {
        samebit_barrier_wait(full(ring, ring.stage), ring.parity);
        u64 a = samebit_group_rows(stage_at(ring, ring.stage) + group * 64 * HALF_BYTES);
        u64 b = samebit_group_rows(stage_at(ring, ring.stage) + B_AT);
        samebit_group_fence(d);
#pragma unroll
        for (u32 at = 0; at < HALF_BYTES / GROUP_TERMS; at++) {
            samebit_group_multiply(d, a + 2 * at, b + 2 * at, keep || half + at > 0);
        }
        samebit_group_commit();
        if (!IS_FIRST || half > 0) {
            samebit_group_wait<1>();
            give_back(ring, before(ring.stage));
        }
        advance(ring);
    }
}

// What a block's sums are put together from.
struct Sums {
    i32 low[HELD];
#if BITS != 8
    i32 high[HELD];
#endif
#if BITS == 21
    i32 middle[HELD];
#endif
};

// Multiplies all planes of a block. Its last stage is not given back.
SAMEBIT_FUNCTION void multiply_block(Ring& ring, Sums& sums) {
#if BITS == 8
    multiply<true>(ring, sums.low, false);
    samebit_group_wait<0>();
#elif BITS == 14
    multiply<true>(ring, sums.high, false);
    multiply<false>(ring, sums.low, false);
    samebit_group_result(sums.high);
#pragma unroll
    for (u32 i = 0; i < HELD; i++) sums.high[i] *= 127;
    multiply<false>(ring, sums.high, true);
    samebit_group_wait<0>();
    samebit_group_result(sums.high);
#else
    multiply<true>(ring, sums.low, false);
    samebit_group_wait<0>();
    samebit_group_result(sums.low);
#pragma unroll
    for (u32 i = 0; i < HELD; i++) sums.high[i] = 127 * sums.low[i], sums.middle[i] = -sums.low[i];
    multiply<false>(ring, sums.high, true);
    multiply<false>(ring, sums.middle, true);
    multiply<false>(ring, sums.low, false);
    samebit_group_wait<0>();
    samebit_group_result(sums.high);
    samebit_group_result(sums.middle);
    samebit_group_result(sums.low);
#pragma unroll
    for (u32 i = 0; i < HELD; i++) {
        sums.high[i] -= sums.low[i];
        sums.middle[i] = 128 * (sums.middle[i] + sums.low[i]) - sums.low[i];
    }
    multiply<false>(ring, sums.middle, true);
    multiply<false>(ring, sums.low, false);
    samebit_group_wait<0>();
    samebit_group_result(sums.middle);
#endif
    samebit_group_result(sums.low);
}

// S of one element.
SAMEBIT_FUNCTION i64 block_sum(const Sums& sums, u32 i) {
#if BITS == 8
    return sums.low[i];
#elif BITS == 14
    // 2^14 hh + 2^7 (k - hh - ll) + ll, with high = 127 hh + k
    return (i64)(sums.high[i] - sums.low[i]) * 128 + sums.low[i];
#else
    return (i64)sums.high[i] * (1 << 21) + (i64)(sums.middle[i] - 129 * sums.low[i]) * 128 + sums.low[i];
#endif
}

// Row and column of accumulator i in the warpgroup's tile.
SAMEBIT_FUNCTION u32 row_of(u32 thread, u32 i) { return thread % GROUP_THREADS / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8; }
SAMEBIT_FUNCTION u32 column_of(u32 thread, u32 i) { return i / 4 * 8 + thread % 4 * 2 + i % 2; }

// Whether every term of this thread is a product of normal numbers.
SAMEBIT_FUNCTION bool is_ordinary(const i32* ea, const i32* eb) {
    i32 least = eb[column_of(threadIdx.x, 0)], greatest = least;
#pragma unroll
    for (u32 i = 0; i < HELD; i += i % 4 == 0 ? 1 : 3) {
        i32 e = eb[column_of(threadIdx.x, i)];
        least = e < least ? e : least;
        greatest = e > greatest ? e : greatest;
    }
    i32 e0 = ea[row_of(threadIdx.x, 0)], e1 = ea[row_of(threadIdx.x, 2)];
    i32 low = e0 < e1 ? e0 : e1, high = e0 < e1 ? e1 : e0;
    return greatest <= 127 && high <= 127 && least + low >= -126 && greatest + high <= 80;
}

// Adds the block's terms to the totals; `exponents` are those of the tile's rows and columns.
SAMEBIT_FUNCTION void add_terms(float (&total)[HELD], const Sums& sums, const i32* exponents) {
    const i32 *ea = exponents + threadIdx.x / GROUP_THREADS * 64, *eb = exponents + TILE_M;
    bool ordinary = is_ordinary(ea, eb);
#pragma unroll
    for (u32 i = 0; i < HELD; i++) {
        i64 s = block_sum(sums, i);
        i32 e = ea[row_of(threadIdx.x, i)], f = eb[column_of(threadIdx.x, i)];
        total[i] = samebit_add(total[i], ordinary ? ordinary_term(s, e + f) : block_term(s, e, f));
    }
}

// The thread's part of a matrix [m, n]: where its first element is, and the rows and columns from there on.
struct Part {
    u64 first;
    u32 rows, columns, n;
};
SAMEBIT_FUNCTION Part part_of(u32 thread, u32 m, u32 n) {
    u32 row, column;
    tile_at(blockIdx.x, (m + TILE_M - 1) / TILE_M, (n + TILE_N - 1) / TILE_N, row, column);
    row = row * TILE_M + thread / GROUP_THREADS * 64 + row_of(thread, 0);
    column = column * TILE_N + column_of(thread, 0);
    return Part{(u64)row * n + column, row < m ? m - row : 0, column < n ? n - column : 0, n};
}
SAMEBIT_FUNCTION bool has(const Part& part, u32 i) { return i / 2 % 2 * 8 < part.rows && i / 4 * 8 + i % 2 < part.columns; }
SAMEBIT_FUNCTION u64 element(const Part& part, u32 i) { return part.first + (u64)(i / 2 % 2 * 8) * part.n + i / 4 * 8 + i % 2; }

SAMEBIT_FUNCTION void load(float (&total)[HELD], const u32* from, const Part& part) {
#pragma unroll
    for (u32 i = 0; i < HELD; i++) total[i] = has(part, i) ? samebit_float(from[element(part, i)]) : 0.0f;
}
SAMEBIT_FUNCTION void store(const float (&total)[HELD], u32* to, const Part& part) {
#pragma unroll
    for (u32 i = 0; i < HELD; i++) {
        if (has(part, i)) to[element(part, i)] = samebit_bits(total[i]);
    }
}
SAMEBIT_FUNCTION void clear(float (&total)[HELD]) {
#pragma unroll
    for (u32 i = 0; i < HELD; i++) total[i] = 0.0f;
}

// What a launch multiplies: the arguments of both kernels.
struct Task {
    const u8* a_planes;
    const i32* a_exponents;
    const u8* b_planes;
    const i32* b_exponents;
    u32 m, n, first_block, end_block;
};

// Multiplies the block of threads' tile. `c` gets the totals, which begin with what it holds or at +0; with BLOCKS it gets each
// block's terms, [blocks, m, n].
template <bool BLOCKS> SAMEBIT_FUNCTION void run(const Task& task, u32* c, bool accumulate) {
    SAMEBIT_LAUNCH_SHARED(shared);
    Ring ring = {shared, 0, 0};
    if (threadIdx.x == 0) {
        for (u32 stage = 0; stage < STAGES; stage++) {
            samebit_barrier_init(full(ring, stage), 1);
            samebit_barrier_init(empty(ring, stage), GROUPS * GROUP_THREADS / 32);
        }
        samebit_fence_async();
    }
    __syncthreads();

    u32 m = task.m, n = task.n, first_row, first_column;
    tile_at(blockIdx.x, (m + TILE_M - 1) / TILE_M, (n + TILE_N - 1) / TILE_N, first_row, first_column);
    first_row *= TILE_M, first_column *= TILE_N;
    u32 group = threadIdx.x / GROUP_THREADS;
    if (group == GROUPS) {
        samebit_registers_less<24>();
        if (threadIdx.x % GROUP_THREADS > 0) return;
        Operand a = operand(task.a_planes, task.a_exponents, m, first_row, TILE_M);
        Operand b = operand(task.b_planes, task.b_exponents, n, first_column, TILE_N);
        return produce(ring, a, b, task.first_block, task.end_block);
    }
    samebit_registers_more<240>();
    float total[HELD];
    Sums sums;
    clear(total);
    if (accumulate) load(total, c, part_of(threadIdx.x, m, n));
    for (u32 block = task.first_block; block < task.end_block; block++) {
        multiply_block(ring, sums);
        u32 last = before(ring.stage);
        add_terms(total, sums, (const i32*)(stage_at(ring, last) + EXPONENTS_AT));
        __syncwarp();
        give_back(ring, last);
        if (!BLOCKS) continue;
        store(total, c + (u64)block * m * n, part_of(threadIdx.x, m, n));
        clear(total);
    }
    // Computed here: nothing but the sums and totals fits the registers of the loop.
    if (!BLOCKS) store(total, c, part_of(samebit_opaque(threadIdx.x), m, n));
}

// C[m, n] (+)= the exact fold. grid: tiles.
SAMEBIT_KERNEL(THREADS)
exact_product(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents, u32* c, u32 m, u32 n,
              u32 blocks, u32 accumulate) {
    run<false>(Task{a_planes, a_exponents, b_planes, b_exponents, m, n, 0, blocks}, c, accumulate);
}

// Each block's terms, to be added in order by join_totals. grid: tiles, 1, slices of the blocks of k.
SAMEBIT_KERNEL(THREADS)
exact_terms(const u8* a_planes, const i32* a_exponents, const u8* b_planes, const i32* b_exponents, u32* terms, u32 m, u32 n,
            u32 blocks, u32 slice_blocks) {
    u32 first = blockIdx.z * slice_blocks, end = first + slice_blocks < blocks ? first + slice_blocks : blocks;
    run<true>(Task{a_planes, a_exponents, b_planes, b_exponents, m, n, first, end}, terms, false);
}
