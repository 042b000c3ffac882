// Hopper's asynchronous instructions (sm_90a), as far as the exact products need them: barriers in shared memory, bulk copies that
// report to one, and products of bytes by a warpgroup. The emulator has the same functions in host/wgmma.h.
//
// A warpgroup's accumulators are an array of i32. Between samebit_group_fence, which gives them to the tensor cores, and
// samebit_group_result, which takes them back after a wait, nothing may read or write them.
#ifndef SAMEBIT_WGMMA_H
#define SAMEBIT_WGMMA_H

#include "device.h"

// Bytes of a row that one product takes, and of a row and of eight rows in shared memory.
#define GROUP_TERMS 32
#define GROUP_ROW_BYTES 128
#define GROUP_STRIDE_BYTES 1024

#if defined(__CUDACC_RTC__) || defined(__CUDACC__)

// The shared memory that a launch asks for; it begins at a multiple of 1024.
#define SAMEBIT_LAUNCH_SHARED(name) extern __shared__ __align__(1024) u8 name[]

SAMEBIT_FUNCTION u32 samebit_shared_address(const void* shared) { return (u32)__cvta_generic_to_shared(shared); }

// A barrier whose phases end when `count` threads have arrived and all announced bytes have come.
SAMEBIT_FUNCTION void samebit_barrier_init(u64* barrier, u32 count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(samebit_shared_address(barrier)), "r"(count) : "memory");
}
// Shows this thread's writes to shared memory to asynchronous copies and products.
SAMEBIT_FUNCTION void samebit_fence_async() { asm volatile("fence.proxy.async.shared::cta;" : : : "memory"); }
SAMEBIT_FUNCTION void samebit_barrier_arrive(u64* barrier) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }"
                 : : "r"(samebit_shared_address(barrier)) : "memory");
}
// Arrives, and announces bytes.
SAMEBIT_FUNCTION void samebit_barrier_expect(u64* barrier, u32 bytes) {
    asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }"
                 : : "r"(samebit_shared_address(barrier)), "r"(bytes) : "memory");
}
// Tries of a wait, each at least some cycles long, after which the kernel stops with an error: about a second.
#define BARRIER_TRIES "0x4000000"

// Waits until the barrier's phase of this parity has ended; the first phase has parity 0, that before it 1.
SAMEBIT_FUNCTION void samebit_barrier_wait(u64* barrier, u32 parity) {
    asm volatile("{ .reg .pred ended, tired; .reg .u32 left; mov.u32 left, " BARRIER_TRIES "; "
                 "again: mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1; @ended bra done; "
                 "sub.u32 left, left, 1; setp.eq.u32 tired, left, 0; @!tired bra again; trap; done: }"
                 : : "r"(samebit_shared_address(barrier)), "r"(parity) : "memory");
}
// The warpgroup takes or gives registers of a thread, so that each has so many.
template <int COUNT> SAMEBIT_FUNCTION void samebit_registers_more() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(COUNT));
}
template <int COUNT> SAMEBIT_FUNCTION void samebit_registers_less() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(COUNT));
}
// `bytes` bytes from global to shared memory, reported to the barrier; addresses and length are multiples of 16.
SAMEBIT_FUNCTION void samebit_copy_bulk(void* shared, const void* global, u32 bytes, u64* barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                 : : "r"(samebit_shared_address(shared)), "l"(global), "r"(bytes), "r"(samebit_shared_address(barrier)) : "memory");
}

#define OPERANDS_8(d, i) "+r"(d[i]), "+r"(d[i + 1]), "+r"(d[i + 2]), "+r"(d[i + 3]), "+r"(d[i + 4]), "+r"(d[i + 5]), "+r"(d[i + 6]), "+r"(d[i + 7])
#define OPERANDS_32(d) OPERANDS_8(d, 0), OPERANDS_8(d, 8), OPERANDS_8(d, 16), OPERANDS_8(d, 24)
#define OPERANDS_64(d) OPERANDS_32(d), OPERANDS_8(d, 32), OPERANDS_8(d, 40), OPERANDS_8(d, 48), OPERANDS_8(d, 56)
#define NAMES_32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, " \
                 "%24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_64 NAMES_32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, " \
                          "%51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// The functions for accumulators of HELD registers a thread, a product of 64 x 2 HELD; A, B, KEEP: the names after them.
#define SAMEBIT_GROUP_FUNCTIONS(HELD, COLUMNS, A, B, KEEP)                                                                             \
    SAMEBIT_FUNCTION void samebit_group_fence(i32 (&d)[HELD]) {                                                                        \
        asm volatile("wgmma.fence.sync.aligned;" : OPERANDS_##HELD(d) : : "memory");                                                   \
    }                                                                                                                                  \
    SAMEBIT_FUNCTION void samebit_group_multiply(i32 (&d)[HELD], u64 a, u64 b, u32 keep) {                                             \
        asm volatile("{ .reg .pred keep; setp.ne.u32 keep, " KEEP ", 0; wgmma.mma_async.sync.aligned.m64n" COLUMNS "k32.s32.s8.s8 "    \
                     "{" NAMES_##HELD "}, " A ", " B ", keep; }"                                                                       \
                     : OPERANDS_##HELD(d) : "l"(a), "l"(b), "r"(keep) : "memory");                                                     \
    }                                                                                                                                  \
    SAMEBIT_FUNCTION void samebit_group_result(i32 (&d)[HELD]) { asm volatile("" : OPERANDS_##HELD(d) : : "memory"); }
SAMEBIT_GROUP_FUNCTIONS(32, "64", "%32", "%33", "%34")
SAMEBIT_GROUP_FUNCTIONS(64, "128", "%64", "%65", "%66")

// Ends a group of products.
SAMEBIT_FUNCTION void samebit_group_commit() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
// Waits until at most PENDING groups of products are under way.
template <int PENDING> SAMEBIT_FUNCTION void samebit_group_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(PENDING) : "memory");
}

#else
#include "wgmma_emulator.h"
#endif

// The descriptor of rows of 128 bytes in shared memory, from a multiple of 1024 on, chunks swizzled over all 128 bytes. The offset
// to the next 16 bytes is not used with swizzling; 2 is added to the descriptor for each 32 bytes that a product begins later.
SAMEBIT_FUNCTION u64 samebit_group_rows(const void* shared) {
    u64 address = samebit_shared_address(shared) & 0x3ffff;
    return address >> 4 | (u64)1 << 16 | (u64)(GROUP_STRIDE_BYTES >> 4) << 32 | (u64)1 << 62;
}

#endif
