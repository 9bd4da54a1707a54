#ifndef SKEIN_CHECKSUM_H
#define SKEIN_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC32C (Castagnoli, reflected, initial value and final xor 0xFFFFFFFF) of `count` bytes.
/// `crc` is 0 for the first call, or the result of the call for the bytes that come before.
/// Uses the processor's CRC instruction where it has one: about 0.1 ns a byte.
uint32_t skein_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same by table, for processors without the instruction; exported so that a test can hold one against the other.
uint32_t skein_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

#endif
