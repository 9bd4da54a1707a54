#include "checksum.h"

#include <string.h>

#define CASTAGNOLI_REFLECTED 0x82F63B78u

uint32_t skein_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    crc = ~crc;
    while (count--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (CASTAGNOLI_REFLECTED & (0u - (crc & 1)));
    }
    return ~crc;
}

#ifdef SKEIN_FUZZING

// All bytes have the same checksum, so that a fuzzer gets behind it.
uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)crc;
    (void)bytes;
    (void)count;
    return 0;
}

#else

// What the processor's instruction does with a running checksum that is not inverted.
#if defined(__x86_64__)

#include <nmmintrin.h>

#define WITH_CRC32 __attribute__((target("sse4.2")))
#define ADD_WORD(state, word) ((uint32_t)_mm_crc32_u64(state, word))
#define ADD_BYTE(state, byte) _mm_crc32_u8(state, byte)
#define HAS_CRC32() __builtin_cpu_supports("sse4.2")

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

#define WITH_CRC32
#define ADD_WORD(state, word) __crc32cd(state, word)
#define ADD_BYTE(state, byte) __crc32cb(state, byte)
#define HAS_CRC32() 1

#endif

#ifdef WITH_CRC32

// The instruction takes one word each cycle and three cycles for its result. So three stretches are summed side by
// side, and the sums joined: that of a stretch is moved past the bytes behind it, as if those were zeros, and added.
// 512 bytes are long enough for the joining to cost little, and short enough for a request of one span.
#define STRETCH_BYTES 512

// What a running checksum becomes by a stretch of zeros, for each value of each of its bytes.
static uint32_t past_zeros[4][256];

static inline uint64_t word_at(const unsigned char *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

WITH_CRC32 static void fill_past_zeros(void) {
    uint32_t bits[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t state = 1u << bit;
        for (int i = 0; i < STRETCH_BYTES; i += 8) state = ADD_WORD(state, 0);
        bits[bit] = state;
    }
    for (int byte = 0; byte < 4; byte++) {
        for (int value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) {
                if (value >> bit & 1) sum ^= bits[byte * 8 + bit];
            }
            past_zeros[byte][value] = sum;
        }
    }
}

__attribute__((constructor)) static void prepare(void) {
    if (HAS_CRC32()) fill_past_zeros();
}

static inline uint32_t past_stretch(uint32_t state) {
    return past_zeros[0][state & 255] ^ past_zeros[1][state >> 8 & 255] ^ past_zeros[2][state >> 16 & 255] ^
           past_zeros[3][state >> 24];
}

WITH_CRC32 static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *p, size_t count) {
    uint32_t state = ~crc;
    for (; count >= 3 * STRETCH_BYTES; p += 3 * STRETCH_BYTES, count -= 3 * STRETCH_BYTES) {
        uint32_t second = 0, third = 0;
        for (int i = 0; i < STRETCH_BYTES; i += 8) {
            state = ADD_WORD(state, word_at(p + i));
            second = ADD_WORD(second, word_at(p + STRETCH_BYTES + i));
            third = ADD_WORD(third, word_at(p + 2 * STRETCH_BYTES + i));
        }
        state = past_stretch(past_stretch(state) ^ second) ^ third;
    }
    for (; count >= 8; p += 8, count -= 8) state = ADD_WORD(state, word_at(p));
    while (count--) state = ADD_BYTE(state, *p++);
    return ~state;
}

uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    if (HAS_CRC32()) return crc32c_hardware(crc, bytes, count);
    return skein_crc32c_portable(crc, bytes, count);
}

#else

uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return skein_crc32c_portable(crc, bytes, count);
}

#endif

#endif
