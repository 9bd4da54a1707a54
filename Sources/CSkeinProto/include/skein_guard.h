#ifndef SKEIN_GUARD_H
#define SKEIN_GUARD_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "skein_arena.h"

/// Unpacking of bytes from strangers.
///
/// protobuf-c recurses once a nested message without a limit and turns an empty nested message of 2 bytes into a
/// struct of over 200, so every message from outside goes through skein_guard_unpack(): a scan of the wire format that
/// neither recurses nor allocates, then the unpack into a capped arena.

/// Messages on one path, the outermost included. 64 levels of attribute values take 3 messages each (AnyValue,
/// KeyValueList, KeyValue) and lie at most 6 deep in a trace request, which makes 198; each costs about 1 KiB of
/// stack. Deeper input is refused as SKEIN_GUARD_TOO_DEEP; depth_max above this counts as this.
#define SKEIN_GUARD_DEPTH_MAX 256

/// Messages in one input, all depths. A trace request of 20 MiB with usual spans has about one million (25 in 500
/// bytes). More is refused as SKEIN_GUARD_TOO_MANY_MESSAGES.
#define SKEIN_GUARD_DEFAULT_MESSAGES_MAX 2097152

/// Fields in one input, all depths: occurrences, elements of packed fields and unknown fields each count one. Each
/// costs protobuf-c 40 bytes of bookkeeping. More is refused as SKEIN_GUARD_TOO_MANY_FIELDS.
#define SKEIN_GUARD_DEFAULT_FIELDS_MAX 4194304

/// Bytes of one input: a length in protobuf is below 2 GiB. More is refused as SKEIN_GUARD_TOO_LARGE.
#define SKEIN_GUARD_INPUT_BYTES_MAX 2147483647

typedef struct skein_guard_limits {
    uint32_t depth_max;
    uint32_t messages_max;
    uint32_t fields_max;
} skein_guard_limits;

/// What a scan counted, up to the point where it stopped.
typedef struct skein_guard_counts {
    /// Messages on the longest path, the outermost included.
    uint32_t depth;
    uint32_t messages;
    uint32_t fields;
} skein_guard_counts;

typedef enum skein_guard_result {
    SKEIN_GUARD_OK = 0,
    /// No protobuf, groups (which proto3 does not have), or a wire type that is not the field's.
    SKEIN_GUARD_MALFORMED,
    SKEIN_GUARD_TOO_DEEP,
    SKEIN_GUARD_TOO_MANY_MESSAGES,
    SKEIN_GUARD_TOO_MANY_FIELDS,
    /// The input is over SKEIN_GUARD_INPUT_BYTES_MAX, or its messages do not fit in the arena.
    SKEIN_GUARD_TOO_LARGE,
} skein_guard_result;

/// The limits above.
skein_guard_limits skein_guard_default_limits(void);

/// The result in snake_case, for errors and counters: "malformed", "too_deep". Static.
const char *skein_guard_reason(skein_guard_result result);

/// Walks `count` bytes as a message of type `descriptor`: linear in `count`, no recursion, no allocation, 4 KiB of
/// stack. Strings, bytes and unknown fields are skipped, nested messages and packed fields are counted.
/// `counts` may be NULL.
skein_guard_result skein_guard_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t count,
                                    skein_guard_limits limits, skein_guard_counts *counts);

/// Scans and then unpacks into `arena`. On SKEIN_GUARD_OK `*message` is of the type that `descriptor` describes and
/// lives until the arena is destroyed; otherwise it is NULL.
skein_guard_result skein_guard_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t count,
                                      skein_guard_limits limits, skein_arena *arena, ProtobufCMessage **message);

#endif
