// What every kernel stands on: the scalar machine, and either the card or the emulator that runs a kernel's text on the host.
#ifndef SAMEBIT_DEVICE_H
#define SAMEBIT_DEVICE_H

#include "machine.h"

// Terms of a block, and lanes of an ordered sum (docs/spec/arithmetic.md section 3).
#define SAMEBIT_BLOCK 256
#define SAMEBIT_LANES 16

#if defined(__CUDACC_RTC__) || defined(__CUDACC__)

#define SAMEBIT_SHARED __shared__
#define SAMEBIT_KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads, 1)

#define FULL_WARP 0xffffffffu

// The value, of which the compiler knows nothing: what follows from it is not kept from before.
SAMEBIT_FUNCTION u32 samebit_opaque(u32 value) {
    asm volatile("" : "+r"(value));
    return value;
}

// Four 8 x 16-byte matrices from shared memory; lane 8i + r gives the address of row r of matrix i.
SAMEBIT_FUNCTION void samebit_load_matrices(u32 (&out)[4], const void* row) {
    u32 address = (u32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
}

// c[16, 8] += a[16, 32] . b[8, 32]^T in exact int32, on tensor cores.
SAMEBIT_FUNCTION void samebit_multiply_tiles(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    // The same fragments as four quarters: rows 0-7 and 8-15, terms 0-15 and 16-31.
#define SAMEBIT_QUARTER(c0, c1, a0, b)                                                                          \
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"               \
                 : "+r"(c0), "+r"(c1)                                                                          \
                 : "r"(a0), "r"(b))
    SAMEBIT_QUARTER(c[0], c[1], a[0], b0);
    SAMEBIT_QUARTER(c[0], c[1], a[2], b1);
    SAMEBIT_QUARTER(c[2], c[3], a[1], b0);
    SAMEBIT_QUARTER(c[2], c[3], a[3], b1);
#undef SAMEBIT_QUARTER
#endif
}

// 16 bytes from global to shared memory; `bytes` of them (16 or 0) are read, the rest is zero. Both addresses are multiples of 16.
SAMEBIT_FUNCTION void samebit_copy_16(void* shared, const void* global, u32 bytes) {
#if __CUDA_ARCH__ >= 800
    u32 address = (u32)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(address), "l"(global), "r"(bytes) : "memory");
#else
    *(uint4*)shared = bytes ? *(const uint4*)global : make_uint4(0, 0, 0, 0);
#endif
}
// Ends a group of copies.
SAMEBIT_FUNCTION void samebit_copy_commit() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" : : : "memory");
#endif
}
// Waits until at most PENDING of this thread's groups are under way.
template <int PENDING> SAMEBIT_FUNCTION void samebit_copy_wait() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" : : "n"(PENDING) : "memory");
#endif
}

#else
#include "emulator.h"
#endif

// Lane l with l + 8, then l + 4, l + 2, l + 1; lanes are 16 neighbouring threads of a warp, the result is in the first of them.
SAMEBIT_FUNCTION float samebit_fold_lanes(float lane) {
#pragma unroll
    for (int half = 8; half > 0; half /= 2) {
        lane = samebit_add(lane, __shfl_down_sync(FULL_WARP, lane, half, SAMEBIT_LANES));
    }
    return lane;
}

#endif
