#include "skein_guard.h"

// protobuf-c reads tags and lengths of at most 5 bytes and values of at most 10. The scan must see every nested message
// that the unpack would see, so where the two could differ (numbers over 32 bits, field number 0) the scan refuses.
enum { short_varint_bytes = 5, long_varint_bytes = 10 };
enum { field_number_max = 536870911 };

typedef struct frame {
    const ProtobufCMessageDescriptor *descriptor;
    const uint8_t *end;
} frame;

typedef struct scan {
    const uint8_t *at;
    skein_guard_limits limits;
    skein_guard_counts counts;
    // Open messages, outermost first.
    uint32_t depth;
    frame frames[SKEIN_GUARD_DEPTH_MAX];
} scan;

// Reads a tag or a length, which fits in 32 bits.
static bool read_varint32(const uint8_t **at, const uint8_t *end, uint32_t *value) {
    uint64_t result = 0;
    for (unsigned i = 0; i < short_varint_bytes && *at < end; i++) {
        uint8_t byte = *(*at)++;
        result |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = (uint32_t)result;
            return result <= UINT32_MAX;
        }
    }
    return false;
}

static bool skip_varint(const uint8_t **at, const uint8_t *end) {
    for (unsigned i = 0; i < long_varint_bytes && *at < end; i++) {
        if (*(*at)++ < 0x80) return true;
    }
    return false;
}

static bool skip(const uint8_t **at, const uint8_t *end, size_t count) {
    if ((size_t)(end - *at) < count) return false;
    *at += count;
    return true;
}

static skein_guard_result open_message(scan *state, const ProtobufCMessageDescriptor *descriptor, const uint8_t *end) {
    if (state->depth >= state->limits.depth_max) return SKEIN_GUARD_TOO_DEEP;
    if (state->counts.messages >= state->limits.messages_max) return SKEIN_GUARD_TOO_MANY_MESSAGES;
    state->frames[state->depth++] = (frame){descriptor, end};
    state->counts.messages++;
    if (state->depth > state->counts.depth) state->counts.depth = state->depth;
    return SKEIN_GUARD_OK;
}

static skein_guard_result count_fields(scan *state, uint32_t more) {
    if (more > state->limits.fields_max - state->counts.fields) return SKEIN_GUARD_TOO_MANY_FIELDS;
    state->counts.fields += more;
    return SKEIN_GUARD_OK;
}

// Elements that a packed field of `count` bytes has at most; 0 for types that are never packed.
static uint32_t packed_elements(ProtobufCType type, uint32_t count) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return count / 4;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return count / 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return 0;
    default:
        return count;
    }
}

// A length-delimited field: enters a nested message, skips anything else.
static skein_guard_result scan_delimited(scan *state, const ProtobufCFieldDescriptor *field, const uint8_t *end) {
    uint32_t count;
    if (!read_varint32(&state->at, end, &count)) return SKEIN_GUARD_MALFORMED;
    if ((size_t)(end - state->at) < count) return SKEIN_GUARD_MALFORMED;
    if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return open_message(state, field->descriptor, state->at + count);
    }
    state->at += count;
    if (field == NULL || field->label != PROTOBUF_C_LABEL_REPEATED) return SKEIN_GUARD_OK;
    return count_fields(state, packed_elements(field->type, count));
}

// One field of the innermost open message.
static skein_guard_result scan_field(scan *state) {
    const frame *innermost = &state->frames[state->depth - 1];
    const uint8_t *end = innermost->end;
    uint32_t tag;
    if (!read_varint32(&state->at, end, &tag)) return SKEIN_GUARD_MALFORMED;
    uint32_t number = tag >> 3;
    if (number == 0 || number > field_number_max) return SKEIN_GUARD_MALFORMED;
    skein_guard_result counted = count_fields(state, 1);
    if (counted != SKEIN_GUARD_OK) return counted;
    bool whole = false;
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        whole = skip_varint(&state->at, end);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        whole = skip(&state->at, end, 8);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return scan_delimited(state, protobuf_c_message_descriptor_get_field(innermost->descriptor, number), end);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        whole = skip(&state->at, end, 4);
        break;
    default:
        break;
    }
    return whole ? SKEIN_GUARD_OK : SKEIN_GUARD_MALFORMED;
}

skein_guard_limits skein_guard_default_limits(void) {
    return (skein_guard_limits){
        .depth_max = SKEIN_GUARD_DEPTH_MAX,
        .messages_max = SKEIN_GUARD_DEFAULT_MESSAGES_MAX,
        .fields_max = SKEIN_GUARD_DEFAULT_FIELDS_MAX,
    };
}

const char *skein_guard_reason(skein_guard_result result) {
    switch (result) {
    case SKEIN_GUARD_OK: return "ok";
    case SKEIN_GUARD_MALFORMED: return "malformed";
    case SKEIN_GUARD_TOO_DEEP: return "too_deep";
    case SKEIN_GUARD_TOO_MANY_MESSAGES: return "too_many_messages";
    case SKEIN_GUARD_TOO_MANY_FIELDS: return "too_many_fields";
    case SKEIN_GUARD_TOO_LARGE: return "too_large";
    }
    return "unknown";
}

skein_guard_result skein_guard_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t count,
                                    skein_guard_limits limits, skein_guard_counts *counts) {
    static const uint8_t nothing;
    scan state;
    state.at = count == 0 ? &nothing : bytes;
    state.limits = limits;
    if (limits.depth_max > SKEIN_GUARD_DEPTH_MAX) state.limits.depth_max = SKEIN_GUARD_DEPTH_MAX;
    state.counts = (skein_guard_counts){0};
    state.depth = 0;
    skein_guard_result result = SKEIN_GUARD_TOO_LARGE;
    if (count <= SKEIN_GUARD_INPUT_BYTES_MAX) result = open_message(&state, descriptor, state.at + count);
    while (result == SKEIN_GUARD_OK && state.depth > 0) {
        if (state.at == state.frames[state.depth - 1].end) {
            state.depth--;
        } else {
            result = scan_field(&state);
        }
    }
    if (counts != NULL) *counts = state.counts;
    return result;
}

skein_guard_result skein_guard_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t count,
                                      skein_guard_limits limits, skein_arena *arena, ProtobufCMessage **message) {
    *message = NULL;
    skein_guard_result result = skein_guard_scan(descriptor, bytes, count, limits, NULL);
    if (result != SKEIN_GUARD_OK) return result;
    static const uint8_t nothing;
    const uint8_t *data = count == 0 ? &nothing : bytes;
    *message = protobuf_c_message_unpack(descriptor, skein_arena_allocator(arena), count, data);
    if (*message != NULL) return SKEIN_GUARD_OK;
    return skein_arena_refused(arena) ? SKEIN_GUARD_TOO_LARGE : SKEIN_GUARD_MALFORMED;
}
