// Barriers in shared memory whose phases end by arrivals and bytes (mbarrier), and the bulk copies that report to them.
//
// With threads in rising order a copy arrives as late as it may, when a thread waits for its phase and nothing else can run; in
// falling order at once; otherwise now or then by chance. So a stage that is fetched into too early, and one that is read too early,
// both show. Part of emulator.h.

struct Bulk {
    void* to;
    const void* from;
    u32 bytes;
};

struct Phases {
    u32 count;               // arrivals of a phase
    u32 missing;             // arrivals still to come
    i64 bytes = 0;           // announced and not come
    u32 ended = 0;           // phases so far
    bool is_shown = false;   // to asynchronous copies, by a fence
    std::vector<Bulk> copies;
};

static std::map<const void*, Phases> phases;

static Phases& phases_of(const void* barrier) {
    auto found = phases.find(barrier);
    if (found == phases.end()) fail("a barrier in shared memory is not initialised");
    return found->second;
}

static void settle(Phases& p) {
    if (p.missing > 0 || p.bytes != 0) return;
    p.ended++;
    p.missing = p.count;
}

static void arrive(Phases& p, u32 bytes) {
    if (p.missing == 0) fail("more arrivals than a barrier's phase counts");
    p.missing--;
    p.bytes += bytes;
    settle(p);
}

static bool has_ended(const void* barrier, u32 parity) { return (phases_of(barrier).ended & 1) != parity; }

static void deliver(Phases& p, unsigned at) {
    Bulk copy = p.copies[at];
    p.copies.erase(p.copies.begin() + at);
    memcpy(copy.to, copy.from, copy.bytes);
    p.bytes -= copy.bytes;
    settle(p);
}

// Lets go who waits for phases that have ended.
static bool release_phases() {
    bool found = false;
    for (Fiber& fiber : fibers) {
        if (fiber.waits != FOR_PHASE || !has_ended(fiber.barrier, fiber.parity)) continue;
        fiber.waits = RUNS;
        found = true;
    }
    return found;
}

// All copies that some thread waits for arrive.
static bool deliver_late() {
    bool found = false;
    for (Fiber& fiber : fibers) {
        if (fiber.waits != FOR_PHASE) continue;
        Phases& p = phases_of(fiber.barrier);
        for (; !p.copies.empty(); found = true) deliver(p, thread_order > 1 ? random_below(p.copies.size()) : 0);
    }
    return found;
}

static bool has_copies() {
    for (auto& entry : phases) {
        if (!entry.second.copies.empty()) return true;
    }
    return false;
}

static void begin_copy(void* to, const void* from, u32 bytes, Phases& p) {
    if (!p.is_shown) fail("a bulk copy reports to a barrier that no fence has shown");
    if ((uintptr_t)to % 16 + (uintptr_t)from % 16 + bytes % 16 != 0) fail("a bulk copy is not aligned");
    if ((u8*)to < launch_room || (u8*)to + bytes > launch_room + launch_bytes) fail("a bulk copy leaves the launch's shared memory");
    p.copies.push_back({to, from, bytes});
    if (thread_order == 1 || (thread_order > 1 && random_below(2))) deliver(p, p.copies.size() - 1);
}
