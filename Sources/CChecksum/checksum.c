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

#if defined(SKEIN_FUZZING)

// All bytes have the same checksum, so that a fuzzer gets behind it.
uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)crc;
    (void)bytes;
    (void)count;
    return 0;
}

#elif defined(__x86_64__)

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const unsigned char *p, size_t count) {
    uint64_t state = ~crc;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t narrow = (uint32_t)state;
    while (count--) narrow = _mm_crc32_u8(narrow, *p++);
    return ~narrow;
}

uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    if (__builtin_cpu_supports("sse4.2")) return crc32c_hardware(crc, bytes, count);
    return skein_crc32c_portable(crc, bytes, count);
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    crc = ~crc;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    while (count--) crc = __crc32cb(crc, *p++);
    return ~crc;
}

#else

uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return skein_crc32c_portable(crc, bytes, count);
}

#endif
