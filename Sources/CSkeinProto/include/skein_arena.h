#ifndef SKEIN_ARENA_H
#define SKEIN_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/// Memory for unpacked messages: it grows by chunks up to a cap and is freed at once.
///
/// What was allocated from it lives until skein_arena_destroy(); freeing a single allocation, or a message through
/// `..._free_unpacked`, does nothing. One thread at a time may use an arena.
typedef struct skein_arena skein_arena;

/// Bytes of the first chunk: a small message takes one malloc. Later chunks double.
#define SKEIN_ARENA_FIRST_CHUNK_BYTES 16384

/// Bytes beyond which chunks no longer double: more would waste memory at the end of the last one. An allocation
/// larger than this gets a chunk of its own size.
#define SKEIN_ARENA_CHUNK_BYTES_MAX 1048576

/// A limit for one request: a trace request of 20 MiB with usual spans unpacks to 120 MiB, six times its size. What
/// needs more is refused; see skein_guard_unpack().
#define SKEIN_ARENA_DEFAULT_LIMIT_BYTES 134217728

/// An arena that takes at most `limit_bytes` from malloc for its chunks, their headers included. It takes none before
/// the first allocation. The caller owns it; NULL when there is no memory for the arena itself.
skein_arena *skein_arena_create(size_t limit_bytes);

/// Frees the arena and everything allocated from it. NULL is allowed.
void skein_arena_destroy(skein_arena *arena);

/// `count` bytes aligned for any type, or NULL when the cap or the machine refuses. Zero bytes give a valid pointer.
void *skein_arena_allocate(skein_arena *arena, size_t count);

/// What `..._unpack` takes as its allocator. Owned by the arena and valid as long as it.
ProtobufCAllocator *skein_arena_allocator(skein_arena *arena);

/// Bytes taken from malloc so far, at most the limit.
size_t skein_arena_reserved_bytes(const skein_arena *arena);

/// Whether an allocation was ever refused: tells "too large" from "malformed" after a failed unpack.
bool skein_arena_refused(const skein_arena *arena);

#endif
