// A card of one block at a time, on the host: runs the text of a kernel, so that its bits and its barriers can be tested without
// a card.
//
// Every thread of a block is a fiber. A fiber runs until it meets a barrier or a collective instruction; a warp runs as far as it
// comes without the others. Between two barriers warps and lanes run in rising, falling or shuffled order, so a barrier that is
// missing, or holds too few, shows as a wrong result. Shared memory is filled with NaNs before each block. Collective instructions
// (shuffles, ldmatrix, mma) are written down from the fragment layouts of the PTX manual; asynchronous copies arrive as late as
// they may: when they are waited for. What a card may not be asked ends the launch with a message.
#ifndef SAMEBIT_EMULATOR_H
#define SAMEBIT_EMULATOR_H

#include <algorithm>
#include <map>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <utility>
#include <vector>

#define SAMEBIT_SHARED static __attribute__((section("samebit_shared"), aligned(128)))
#define SAMEBIT_LAUNCH_SHARED(name) u8* name = emulator::launch_room
#define SAMEBIT_KERNEL(threads) extern "C" void
#define FULL_WARP 0xffffffffu

struct Index3 {
    unsigned x, y, z;
};
static Index3 threadIdx, blockIdx, blockDim, gridDim;

extern "C" char __start_samebit_shared[] __attribute__((weak));
extern "C" char __stop_samebit_shared[] __attribute__((weak));

namespace emulator {

const unsigned WARP = 32;
const size_t STACK_BYTES = 64 * 1024;
// What a block may have at most (sm_90).
const size_t SHARED_BYTES_LIMIT = 227 * 1024;
enum Waits { RUNS, FOR_BLOCK, FOR_WARP, FOR_PHASE, ENDED };

struct Copy {
    void* to;
    const void* from;
    u32 bytes;
};

struct Fiber {
    jmp_buf context;
    ucontext_t first;
    char* stack = nullptr;
    bool is_started = false;
    Waits waits = RUNS;
    const void* barrier = nullptr;        // whose phase it waits for
    u32 parity = 0;
    unsigned turn = 0;                    // collectives so far
    std::vector<std::vector<Copy>> groups; // asynchronous copies, the open group last
};

// What the lanes of a warp show each other; a lane is never more than one collective ahead of another, so two suffice.
struct Exchange {
    u32 words[2][WARP][8];
    const void* rows[2][WARP];
};

static std::vector<Fiber> fibers;
static std::vector<Exchange> exchanges;
static jmp_buf scheduler;
static unsigned current;
static unsigned block_threads;
static u64 shuffle_state;
static unsigned thread_order;
static unsigned blocks_begun;
// The shared memory that the launch asks for.
static __attribute__((section("samebit_shared"), aligned(1024))) u8 launch_room[SHARED_BYTES_LIMIT];
static size_t launch_bytes;
// Whether a thread runs, and what it did wrong; empty for nothing.
static bool is_in_thread;
static char message[256];

typedef void (*Body)(void* kernel, void** arguments);
static Body body;
static void* body_kernel;
static void** body_arguments;

static void first_step() {
    body(body_kernel, body_arguments);
    fibers[current].waits = ENDED;
    _longjmp(scheduler, 1);
}

static void wait_for(Waits what) {
    fibers[current].waits = what;
    if (_setjmp(fibers[current].context) == 0) _longjmp(scheduler, 1);
}

static void resume(unsigned thread) {
    current = thread;
    threadIdx = Index3{thread, 0, 0};
    if (_setjmp(scheduler) != 0) {
        is_in_thread = false;
        return;
    }
    is_in_thread = true;
    Fiber& fiber = fibers[thread];
    if (fiber.is_started) _longjmp(fiber.context, 1);
    fiber.is_started = true;
    getcontext(&fiber.first);
    fiber.first.uc_stack.ss_sp = fiber.stack;
    fiber.first.uc_stack.ss_size = STACK_BYTES;
    fiber.first.uc_link = nullptr;
    makecontext(&fiber.first, first_step, 0);
    setcontext(&fiber.first);
}

// Ends the launch. In a thread it does not return.
static void fail(const char* what) {
    snprintf(message, sizeof message, "block (%u, %u, %u), thread %u: %s", blockIdx.x, blockIdx.y, blockIdx.z, current, what);
    // Ends the thread; the launch ends when it sees the message.
    if (is_in_thread) wait_for(ENDED);
}

// Lets the threads first .. end go if all that have not ended wait for `what`; false if none does or one waits for something else.
static bool release(unsigned first, unsigned end, Waits what) {
    bool found = false;
    for (unsigned t = first; t < end; t++) {
        if (fibers[t].waits != what && fibers[t].waits != ENDED) return false;
        found = found || fibers[t].waits == what;
    }
    for (unsigned t = first; t < end; t++) {
        if (fibers[t].waits == what) fibers[t].waits = RUNS;
    }
    return found;
}

static unsigned random_below(unsigned limit) {
    shuffle_state = shuffle_state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((shuffle_state >> 33) % limit);
}

static void arrange(std::vector<unsigned>& turns, unsigned order) {
    for (unsigned i = 0; i < turns.size(); i++) turns[i] = order == 1 ? turns.size() - 1 - i : i;
    if (order > 1) {
        for (unsigned i = turns.size(); i > 1; i--) std::swap(turns[i - 1], turns[random_below(i)]);
    }
}

#include "phases.h"

// Runs a warp as far as it comes without the others.
static void run_warp(unsigned first, unsigned end, unsigned order) {
    std::vector<unsigned> turns(end - first);
    do {
        arrange(turns, order);
        for (unsigned lane : turns) {
            if (fibers[first + lane].waits == RUNS) resume(first + lane);
            if (*message) return;
        }
    } while (release(first, end, FOR_WARP));
}

// order: 0 rising, 1 falling, otherwise shuffled anew after each barrier.
static void run_block(unsigned order) {
    blocks_begun++;
    phases.clear();
    for (Fiber& fiber : fibers) {
        fiber.is_started = false;
        fiber.waits = RUNS;
        fiber.turn = 0;
        fiber.groups.assign(1, {});
    }
    if (__start_samebit_shared) memset(__start_samebit_shared, 0xff, __stop_samebit_shared - __start_samebit_shared);
    std::vector<unsigned> warps((block_threads + WARP - 1) / WARP);
    do {
        arrange(warps, order);
        for (unsigned warp : warps) {
            unsigned first = warp * WARP;
            run_warp(first, first + WARP < block_threads ? first + WARP : block_threads, order);
            if (*message) return;
        }
    } while (release_phases() || release(0, block_threads, FOR_BLOCK) || (deliver_late() && release_phases()));
    bool is_copying = has_copies();
    for (Fiber& fiber : fibers) {
        if (fiber.waits != ENDED) return fail("the threads wait for each other at different barriers");
        for (auto& group : fiber.groups) is_copying = is_copying || !group.empty();
    }
    if (is_copying) fail("an asynchronous copy is not waited for");
}

template <typename... A, size_t... I> void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*(A*)arguments[I]...);
}

template <typename... A> void unpack(void* kernel, void** arguments) {
    call((void (*)(A...))kernel, arguments, std::index_sequence_for<A...>());
}

// Gives nothing, or what was wrong.
template <typename... A>
const char* launch(void (*kernel)(A...), void** arguments, const unsigned* grid, unsigned threads, size_t shared, unsigned order) {
    *message = 0;
    launch_bytes = shared;
    thread_order = order;
    body = unpack<A...>;
    body_kernel = (void*)kernel;
    body_arguments = arguments;
    block_threads = threads;
    shuffle_state = order;
    gridDim = Index3{grid[0], grid[1], grid[2]};
    blockDim = Index3{threads, 1, 1};
    while (fibers.size() < threads) {
        fibers.emplace_back();
        fibers.back().stack = (char*)malloc(STACK_BYTES);
    }
    while (fibers.size() > threads) {
        free(fibers.back().stack);
        fibers.pop_back();
    }
    exchanges.resize((threads + WARP - 1) / WARP);
    for (unsigned z = 0; z < grid[2]; z++) {
        for (unsigned y = 0; y < grid[1]; y++) {
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = Index3{x, y, z};
                run_block(order);
                if (*message) return message;
            }
        }
    }
    return nullptr;
}

// Shows `count` words to the warp and waits for its other lanes; gives the place where all of them are.
static u32 (*show(const u32* words, unsigned count))[8] {
    unsigned side = fibers[current].turn++ & 1;
    Exchange& exchange = exchanges[current / WARP];
    memcpy(exchange.words[side][current % WARP], words, 4 * count);
    wait_for(FOR_WARP);
    return exchanges[current / WARP].words[side];
}

static i32 digit(u32 word, unsigned at) { return (i8)(u8)(word >> 8 * at); }

} // namespace emulator

static __attribute__((unused)) u32 samebit_opaque(u32 value) { return value; }

static void __syncthreads() { emulator::wait_for(emulator::FOR_BLOCK); }
static __attribute__((unused)) void __syncwarp() { emulator::wait_for(emulator::FOR_WARP); }

static __attribute__((unused)) u32 __shfl_sync(u32, u32 value, int from, int width = 32) {
    unsigned lane = threadIdx.x % 32;
    return emulator::show(&value, 1)[lane / width * width + from % width][0];
}
static __attribute__((unused)) float __shfl_sync(u32 mask, float value, int from, int width = 32) {
    return samebit_float(__shfl_sync(mask, samebit_word(value), from, width));
}
static __attribute__((unused)) float __shfl_down_sync(u32, float value, int by, int width = 32) {
    unsigned lane = threadIdx.x % 32;
    u32 word = samebit_word(value);
    u32(*all)[8] = emulator::show(&word, 1);
    return samebit_float(all[lane % width + by < (unsigned)width ? lane + by : lane][0]);
}
static __attribute__((unused)) float __shfl_xor_sync(u32, float value, int by, int width = 32) {
    (void)width;
    u32 word = samebit_word(value);
    return samebit_float(emulator::show(&word, 1)[threadIdx.x % 32 ^ by][0]);
}

static __attribute__((unused)) void samebit_load_matrices(u32 (&out)[4], const void* row) {
    unsigned lane = threadIdx.x % 32;
    unsigned side = emulator::fibers[emulator::current].turn & 1;
    if ((uintptr_t)row % 16 != 0) emulator::fail("ldmatrix reads a row that is not a multiple of 16 bytes");
    emulator::exchanges[emulator::current / 32].rows[side][lane] = row;
    u32 nothing = 0;
    emulator::show(&nothing, 1);
    for (unsigned matrix = 0; matrix < 4; matrix++) {
        const void* from = emulator::exchanges[emulator::current / 32].rows[side][8 * matrix + lane / 4];
        memcpy(&out[matrix], (const char*)from + 4 * (lane % 4), 4);
    }
}

// mma.sync.m16n8k32 by its definition: a0 (row g, terms 4t..), a1 (row g + 8), a2, a3 (the same, 16 terms later); b0, b1 (column g);
// c0, c1 (row g, columns 2t, 2t + 1), c2, c3 (row g + 8), with g = lane / 4 and t = lane % 4.
static __attribute__((unused)) void samebit_multiply_tiles(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    u32 words[8] = {a[0], a[1], a[2], a[3], b0, b1};
    u32(*all)[8] = emulator::show(words, 6);
    unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 4; i++) {
        unsigned row = g, column = 2 * t + i % 2;
        for (unsigned k = 0; k < 32; k++) {
            unsigned holder = k % 16 / 4;
            i32 left = emulator::digit(all[4 * row + holder][i / 2 + 2 * (k / 16)], k % 4);
            i32 right = emulator::digit(all[4 * column + holder][4 + k / 16], k % 4);
            c[i] += left * right;
        }
    }
}

static __attribute__((unused)) void samebit_copy_16(void* shared, const void* global, u32 bytes) {
    if ((uintptr_t)shared % 16 != 0 || (uintptr_t)global % 16 != 0) emulator::fail("a copy of 16 bytes is not aligned");
    emulator::fibers[emulator::current].groups.back().push_back({shared, global, bytes});
}
static __attribute__((unused)) void samebit_copy_commit() { emulator::fibers[emulator::current].groups.push_back({}); }
template <int PENDING> void samebit_copy_wait() {
    auto& groups = emulator::fibers[emulator::current].groups;
    while (groups.size() > PENDING + 1) {
        for (emulator::Copy& copy : groups.front()) {
            memset(copy.to, 0, 16);
            memcpy(copy.to, copy.from, copy.bytes);
        }
        groups.erase(groups.begin());
    }
}

#endif
