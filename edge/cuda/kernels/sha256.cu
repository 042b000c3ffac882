// SHA-256 of pages and of tree nodes (docs/spec/commitment.md sections 1 and 2).
//
// A page's preimage is the byte 0x00 and the page's words as they lie in memory, so every big-endian word of the message takes one
// byte of one word of the page and three of the next. A thread hashes one page; a warp fetches 16 words of its 32 pages at a time
// through shared memory, so that memory is read in whole lines.
#include "device.h"

#define THREADS 128
#define WARPS (THREADS / 32)
#define PAGE_WORDS 256
// Words of a page fetched at a time, and the stride that keeps them in different banks.
#define CHUNK 16
#define CHUNK_STRIDE (CHUNK + 1)

#ifdef __CUDACC_RTC__
#define SAMEBIT_TABLE __constant__
#else
#define SAMEBIT_TABLE static
#endif

SAMEBIT_TABLE const u32 ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

SAMEBIT_FUNCTION u32 rotate(u32 x, u32 by) { return x >> by | x << (32 - by); }

SAMEBIT_FUNCTION void begin(u32 (&state)[8]) {
    const u32 first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
#pragma unroll
    for (u32 i = 0; i < 8; i++) state[i] = first[i];
}

// One 64-byte block of the message; `w` is used up.
SAMEBIT_FUNCTION void compress(u32 (&state)[8], u32 (&w)[16]) {
    u32 a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
#pragma unroll
    for (u32 t = 0; t < 64; t++) {
        if (t >= 16) {
            u32 early = w[(t + 1) % 16], late = w[(t + 14) % 16];
            u32 s0 = rotate(early, 7) ^ rotate(early, 18) ^ early >> 3;
            u32 s1 = rotate(late, 17) ^ rotate(late, 19) ^ late >> 10;
            w[t % 16] += s0 + w[(t + 9) % 16] + s1;
        }
        u32 t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[t] + w[t % 16];
        u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

SAMEBIT_FUNCTION u32 big_endian(u32 x) { return x << 24 | (x & 0xff00) << 8 | (x >> 8 & 0xff00) | x >> 24; }

SAMEBIT_FUNCTION void finish(const u32 (&state)[8], u32* digest) {
#pragma unroll
    for (u32 i = 0; i < 8; i++) digest[i] = big_endian(state[i]);
}

// Message word after a tag byte: the last byte of `before`, the first three of `here`, both as they lie in memory.
SAMEBIT_FUNCTION u32 shifted(u32 before, u32 here) {
    return (before & 0xff000000) | (here & 0xff) << 16 | (here & 0xff00) | (here >> 16 & 0xff);
}

// Word i of the padded message of a page of `length` words, of which word `at` is page[at].
SAMEBIT_FUNCTION u32 page_message(const u32* page, u32 length, u32 i, u32 message_words) {
    u32 before = i > 0 && i <= length ? page[i - 1] : 0;
    if (i < length) return shifted(before, page[i]);
    if (i == length) return (before & 0xff000000) | 0x00800000;
    return i == message_words - 1 ? 8 * (1 + 4 * length) : 0;
}

// digests[page] of pages of 256 words of which the last may be short. grid: pages / 128.
SAMEBIT_KERNEL(THREADS)
page_digests(const u32* words, u64 count, u32* digests) {
    SAMEBIT_SHARED u32 held[WARPS][32 * CHUNK_STRIDE];
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u64 pages = (count + PAGE_WORDS - 1) / PAGE_WORDS;
    u64 first_page = ((u64)blockIdx.x * WARPS + warp) * 32;
    u64 page = first_page + lane;
    u32 state[8], w[16];
    begin(state);
    if ((first_page + 32) * PAGE_WORDS <= count) {
        u32* mine = held[warp];
        u32 before = 0;
        for (u32 chunk = 0; chunk < PAGE_WORDS / CHUNK; chunk++) {
            __syncwarp();
#pragma unroll
            for (u32 i = 0; i < 16; i++) {
                u32 owner = 2 * i + lane / 16;
                mine[owner * CHUNK_STRIDE + lane % 16] = words[(first_page + owner) * PAGE_WORDS + chunk * CHUNK + lane % 16];
            }
            __syncwarp();
#pragma unroll
            for (u32 i = 0; i < 16; i++) {
                u32 here = mine[lane * CHUNK_STRIDE + i];
                w[i] = shifted(before, here);
                before = here;
            }
            compress(state, w);
        }
#pragma unroll
        for (u32 i = 0; i < 16; i++) w[i] = 0;
        w[0] = (before & 0xff000000) | 0x00800000;
        w[15] = 8 * (1 + 4 * PAGE_WORDS);
        compress(state, w);
        finish(state, digests + page * 8);
    } else if (page < pages) {
        u32 length = (page + 1) * PAGE_WORDS <= count ? PAGE_WORDS : (u32)(count - page * PAGE_WORDS);
        // Tag, words, 0x80 and eight bytes of length, in blocks of 64 bytes.
        u32 message_words = (1 + 4 * length + 9 + 63) / 64 * 16;
        for (u32 first = 0; first < message_words; first += 16) {
#pragma unroll
            for (u32 i = 0; i < 16; i++) w[i] = page_message(words + page * PAGE_WORDS, length, first + i, message_words);
            compress(state, w);
        }
        finish(state, digests + page * 8);
    }
}

// One level of a tree: out[i] = inner(in[2i], in[2i + 1]) with 32 zero bytes for a right half that is absent. grid: parents / 128.
SAMEBIT_KERNEL(THREADS)
tree_level(const u32* in, u64 count, u32* out) {
    u64 parent = (u64)blockIdx.x * THREADS + threadIdx.x;
    if (parent >= (count + 1) / 2) return;
    const u32* children = in + parent * 16;
    u32 present = 2 * parent + 1 < count ? 16 : 8;
    u32 state[8], w[16];
    begin(state);
    u32 before = 0x01000000;
#pragma unroll
    for (u32 i = 0; i < 16; i++) {
        u32 here = i < present ? children[i] : 0;
        w[i] = (i == 0 ? 0x01000000u : before & 0xff000000) | (shifted(0, here) & 0x00ffffff);
        before = here;
    }
    compress(state, w);
#pragma unroll
    for (u32 i = 0; i < 16; i++) w[i] = 0;
    w[0] = (before & 0xff000000) | 0x00800000;
    w[15] = 8 * 65;
    compress(state, w);
    finish(state, out + parent * 8);
}
