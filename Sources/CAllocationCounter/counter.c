#include "allocation_counter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#define SKEIN_COUNTS 1
#else
#define SKEIN_COUNTS 0
#endif

static atomic_bool counting;
static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t allocated_bytes;
static atomic_uint_fast64_t frees;

bool skein_allocations_are_counted(void) { return SKEIN_COUNTS; }

void skein_allocations_start(void) {
    atomic_store(&allocations, 0);
    atomic_store(&allocated_bytes, 0);
    atomic_store(&frees, 0);
    atomic_store(&counting, true);
}

skein_allocations skein_allocations_stop(void) {
    atomic_store(&counting, false);
    return (skein_allocations){
        .allocations = atomic_load(&allocations),
        .allocated_bytes = atomic_load(&allocated_bytes),
        .frees = atomic_load(&frees),
    };
}

#if SKEIN_COUNTS

// The C library's own, under the names that it gives them for this purpose.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

static inline void *counted(void *pointer, size_t size) {
    if (pointer != NULL && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&allocated_bytes, size, memory_order_relaxed);
    }
    return pointer;
}

void *malloc(size_t size) { return counted(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) {
    // An overflow gives NULL, which is not counted.
    return counted(__libc_calloc(count, size), count * size);
}

void *realloc(void *old, size_t size) { return counted(__libc_realloc(old, size), size); }

void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size), size); }

void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size), size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *pointer = counted(__libc_memalign(alignment, size), size);
    if (pointer == NULL) return ENOMEM;
    *result = pointer;
    return 0;
}

void free(void *pointer) {
    if (pointer != NULL && atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&frees, 1, memory_order_relaxed);
    }
    __libc_free(pointer);
}

#endif

// Pointers pass through here so that no compiler can leave an allocation out.
static void *volatile seen;

void skein_allocations_make_known(uint32_t count) {
    for (uint32_t index = 0; index < count; index++) {
        void *pointers[5] = {malloc(64), calloc(8, 8), NULL, aligned_alloc(64, 64), NULL};
        if (posix_memalign(&pointers[2], 64, 64) != 0) pointers[2] = NULL;
        seen = pointers[0];
        pointers[0] = realloc(pointers[0], 64);
#if SKEIN_COUNTS
        pointers[4] = memalign(64, 64);
#endif
        for (int each = 0; each < 5; each++) {
            seen = pointers[each];
            free(pointers[each]);
        }
    }
}
