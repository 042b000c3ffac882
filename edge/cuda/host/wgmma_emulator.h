// The functions of wgmma.h on the host, written down from the PTX manual.
//
// A product runs when it is waited for, and once more when it is issued: if its operands are not the same both times, something was
// written under it. From the first product on an accumulator array holds rubbish, until samebit_group_result takes the values after
// a wait; a product on accumulators that no fence gave, or that are taken too early, gives rubbish for good.
#ifndef SAMEBIT_WGMMA_EMULATOR_H
#define SAMEBIT_WGMMA_EMULATOR_H

namespace emulator {

const i32 RUBBISH = 0x5a5a5a5a;

struct Accumulators {
    std::vector<i32> values;
    bool is_given = false, is_spoiled = false;
    unsigned running = 0;  // products
};

struct Product {
    i32* d;
    u64 a, b;
    bool keep;
    std::vector<i32> early;
};

// What a thread has told the tensor cores in this block.
struct Grouped {
    unsigned block = 0;
    std::map<i32*, Accumulators> accumulators;
    std::vector<std::vector<Product>> groups;  // the open group last
    unsigned issued = 0;
};

static std::vector<Grouped> grouped;
// The descriptors of each warpgroup's products in this block, which its threads must agree on.
static std::vector<std::vector<std::pair<u64, u64>>> descriptors;
static unsigned descriptors_block;

static Grouped& mine() {
    if (descriptors_block != blocks_begun) {
        descriptors_block = blocks_begun;
        descriptors.assign((block_threads + 127) / 128, {});
        grouped.assign(block_threads, {});
    }
    Grouped& grouped_by_me = grouped[current];
    if (grouped_by_me.groups.empty()) grouped_by_me.groups.resize(1);
    return grouped_by_me;
}

// 16 bytes of a matrix whose rows run along k: the canonical layouts of the manual, in bytes.
static const char* chunk_of(u64 descriptor, unsigned row, unsigned chunk) {
    auto field = [&](unsigned at) { return (u32)(descriptor >> at & 0x3fff) << 4; };
    u32 start = field(0), leading = field(16), stride = field(32), mode = descriptor >> 62;
    if ((descriptor >> 49 & 7) != 0) fail("a descriptor's base offset is not emulated");
    u32 row_bytes = mode == 0 ? 16 : 256 >> mode;
    u32 at = start + row % 8 * row_bytes + row / 8 * stride + chunk * (mode == 0 ? leading : 16);
    // Swizzle<4 - mode, 4, 3>: bits 4, 5, 6 with bits 7, 8, 9.
    if (mode != 0) at ^= (at >> 7 & ((1 << (4 - mode)) - 1)) << 4;
    if (at + 16 > launch_bytes) fail("a descriptor leaves the launch's shared memory");
    return (const char*)launch_room + at;
}

// This thread's part of a[64, 32] . b[2 held, 32]^T: d0, d1 (row g, columns 2t, 2t + 1), d2, d3 (row g + 8), then the next 8 columns,
// with g = lane / 4 of the warp's 16 rows and t = lane % 4.
static std::vector<i32> fragment(u64 a, u64 b, unsigned held) {
    auto load = [](u64 descriptor, unsigned row, i8* to) {
        for (unsigned chunk = 0; chunk < 2; chunk++) memcpy(to + 16 * chunk, chunk_of(descriptor, row, chunk), 16);
    };
    unsigned lane = current % WARP, row = current / WARP % 4 * 16 + lane / 4;
    i8 left[2][GROUP_TERMS], right[GROUP_TERMS];
    load(a, row, left[0]);
    load(a, row + 8, left[1]);
    std::vector<i32> d(held);
    for (unsigned column = 0; column < held / 2; column++) {
        load(b, column / 2 * 8 + lane % 4 * 2 + column % 2, right);
        for (unsigned half = 0; half < 2; half++) {
            i32 sum = 0;
            for (unsigned k = 0; k < GROUP_TERMS; k++) sum += left[half][k] * right[k];
            d[column / 2 * 4 + half * 2 + column % 2] = sum;
        }
    }
    return d;
}

static void group_fence(i32* d, unsigned held) {
    Accumulators& mine_at = mine().accumulators[d];
    if (!mine_at.is_given) mine_at.values.assign(d, d + held);
    mine_at.is_given = true;
    wait_for(FOR_WARP);
}

static void group_multiply(i32* d, unsigned held, u64 a, u64 b, bool keep) {
    Grouped& me = mine();
    auto& agreed = descriptors[current / 128];
    if (me.issued == agreed.size()) agreed.push_back({a, b});
    if (agreed[me.issued++] != std::make_pair(a, b)) fail("the threads of a warpgroup give different descriptors");
    Accumulators& mine_at = me.accumulators[d];
    if (!mine_at.is_given) {
        mine_at.values.assign(held, RUBBISH);
        mine_at.is_spoiled = true;
    }
    mine_at.running++;
    me.groups.back().push_back({d, a, b, keep, fragment(a, b, held)});
    std::fill(d, d + held, RUBBISH);
    wait_for(FOR_WARP);
}

static void group_wait(unsigned pending) {
    Grouped& me = mine();
    for (; me.groups.size() > pending + 1; me.groups.erase(me.groups.begin())) {
        for (Product& product : me.groups.front()) {
            Accumulators& mine_at = me.accumulators[product.d];
            std::vector<i32> late = fragment(product.a, product.b, product.early.size());
            if (late != product.early) mine_at.is_spoiled = true;
            for (unsigned i = 0; i < late.size(); i++) mine_at.values[i] = product.keep ? mine_at.values[i] + late[i] : late[i];
            mine_at.running--;
        }
    }
    wait_for(FOR_WARP);
}

static void group_result(i32* d) {
    Accumulators& mine_at = mine().accumulators[d];
    if (mine_at.running == 0 && !mine_at.is_spoiled) std::copy(mine_at.values.begin(), mine_at.values.end(), d);
    mine_at.is_given = false;
}

} // namespace emulator

static u32 samebit_shared_address(const void* shared) { return (u32)((const u8*)shared - emulator::launch_room); }
static void samebit_barrier_init(u64* barrier, u32 count) { emulator::phases[barrier] = emulator::Phases{count, count}; }
static void samebit_fence_async() {
    for (auto& entry : emulator::phases) entry.second.is_shown = true;
}
static void samebit_barrier_arrive(u64* barrier) { emulator::arrive(emulator::phases_of(barrier), 0); }
static void samebit_barrier_expect(u64* barrier, u32 bytes) { emulator::arrive(emulator::phases_of(barrier), bytes); }
static void samebit_barrier_wait(u64* barrier, u32 parity) {
    emulator::Fiber& fiber = emulator::fibers[emulator::current];
    fiber.barrier = barrier;
    fiber.parity = parity;
    if (!emulator::has_ended(barrier, parity)) emulator::wait_for(emulator::FOR_PHASE);
}
static void samebit_copy_bulk(void* shared, const void* global, u32 bytes, u64* barrier) {
    emulator::begin_copy(shared, global, bytes, emulator::phases_of(barrier));
}
template <int COUNT> void samebit_registers_more() {}
template <int COUNT> void samebit_registers_less() {}

template <unsigned HELD> void samebit_group_fence(i32 (&d)[HELD]) { emulator::group_fence(d, HELD); }
template <unsigned HELD> void samebit_group_multiply(i32 (&d)[HELD], u64 a, u64 b, u32 keep) {
    emulator::group_multiply(d, HELD, a, b, keep != 0);
}
static void samebit_group_commit() { emulator::mine().groups.push_back({}); }
template <int PENDING> void samebit_group_wait() { emulator::group_wait(PENDING); }
template <unsigned HELD> void samebit_group_result(i32 (&d)[HELD]) { emulator::group_result(d); }

#endif
