#ifndef SKEIN_ALLOCATION_COUNTER_H
#define SKEIN_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/// Counts what the whole process asks of malloc and its kin while counting is on.
///
/// Linking this target into an executable replaces malloc, calloc, realloc, free, posix_memalign, aligned_alloc and
/// memalign for it and for every library that it loads; the work is still the C library's. Only for glibc: elsewhere
/// nothing is replaced and skein_allocations_are_counted() is false.
typedef struct skein_allocations {
    /// Calls that returned memory: one each for malloc, calloc, posix_memalign, aligned_alloc, memalign and realloc.
    uint64_t allocations;
    /// Bytes those calls asked for.
    uint64_t allocated_bytes;
    /// Calls of free with a pointer.
    uint64_t frees;
} skein_allocations;

/// Whether this executable's allocations go through the counter.
bool skein_allocations_are_counted(void);

/// Sets all counts to zero and starts counting, on all threads.
void skein_allocations_start(void);

/// Stops counting and says what was counted since the start.
skein_allocations skein_allocations_stop(void);

/// Makes `count` calls of each of the six ways to allocate, 64 bytes each, and frees what they gave: exactly
/// 6 * count allocations of 384 * count bytes, 5 * count frees (a realloc frees by itself).
void skein_allocations_make_known(uint32_t count);

#endif
