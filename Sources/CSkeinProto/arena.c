#include "skein_arena.h"

#include <stdint.h>
#include <stdlib.h>

// Every allocation starts at a multiple of this, which suits any C type.
enum { alignment = _Alignof(max_align_t) };

typedef struct chunk {
    struct chunk *previous;
    max_align_t content[];
} chunk;

struct skein_arena {
    ProtobufCAllocator allocator;
    chunk *newest;
    // The free part of the newest chunk.
    unsigned char *next;
    size_t free_bytes;
    size_t reserved_bytes;
    size_t limit_bytes;
    size_t chunk_bytes;
    bool refused;
};

static void *allocate(void *arena, size_t count) { return skein_arena_allocate(arena, count); }

static void keep(void *arena, void *pointer) {
    (void)arena;
    (void)pointer;
}

skein_arena *skein_arena_create(size_t limit_bytes) {
    skein_arena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) return NULL;
    arena->allocator = (ProtobufCAllocator){.alloc = allocate, .free = keep, .allocator_data = arena};
    arena->limit_bytes = limit_bytes;
    arena->chunk_bytes = SKEIN_ARENA_FIRST_CHUNK_BYTES;
    return arena;
}

void skein_arena_destroy(skein_arena *arena) {
    if (arena == NULL) return;
    for (chunk *each = arena->newest; each != NULL;) {
        chunk *previous = each->previous;
        free(each);
        each = previous;
    }
    free(arena);
}

// Makes room for `count` bytes, a multiple of the alignment, in a new chunk that keeps to the limit.
static bool add_chunk(skein_arena *arena, size_t count) {
    size_t left = arena->limit_bytes - arena->reserved_bytes;
    if (left < sizeof(chunk) || count > left - sizeof(chunk)) return false;
    size_t bytes = arena->chunk_bytes < left ? arena->chunk_bytes : left;
    if (bytes < sizeof(chunk) + count) bytes = sizeof(chunk) + count;
    chunk *added = malloc(bytes);
    if (added == NULL) return false;
    added->previous = arena->newest;
    arena->newest = added;
    arena->next = (unsigned char *)added->content;
    arena->free_bytes = bytes - sizeof(chunk);
    arena->reserved_bytes += bytes;
    if (arena->chunk_bytes < SKEIN_ARENA_CHUNK_BYTES_MAX) arena->chunk_bytes *= 2;
    return true;
}

void *skein_arena_allocate(skein_arena *arena, size_t count) {
    if (count == 0) count = 1;
    bool fits = count <= SIZE_MAX - (alignment - 1);
    size_t rounded = fits ? (count + alignment - 1) / alignment * alignment : 0;
    if (!fits || (rounded > arena->free_bytes && !add_chunk(arena, rounded))) {
        arena->refused = true;
        return NULL;
    }
    void *result = arena->next;
    arena->next += rounded;
    arena->free_bytes -= rounded;
    return result;
}

ProtobufCAllocator *skein_arena_allocator(skein_arena *arena) { return &arena->allocator; }

size_t skein_arena_reserved_bytes(const skein_arena *arena) { return arena->reserved_bytes; }

bool skein_arena_refused(const skein_arena *arena) { return arena->refused; }
