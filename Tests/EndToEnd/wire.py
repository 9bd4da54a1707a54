"""Protobuf wire format by hand: what a well-behaved client library cannot be made to send."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_field(number: int, value: int) -> bytes:
    return varint(number << 3 | VARINT) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def fixed64_field(number: int, value: int) -> bytes:
    return varint(number << 3 | FIXED64) + value.to_bytes(8, "little")


def fixed32_field(number: int, value: int) -> bytes:
    return varint(number << 3 | FIXED32) + value.to_bytes(4, "little")


def fields(message: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Field number, wire type, payload and the field's own bytes, in order."""
    offset = 0
    while offset < len(message):
        start = offset
        key, offset = _read_varint(message, offset)
        wire_type = key & 7
        if wire_type == VARINT:
            begin = offset
            _, offset = _read_varint(message, offset)
        elif wire_type == BYTES:
            length, begin = _read_varint(message, offset)
            offset = begin + length
        else:
            begin, offset = offset, offset + {FIXED64: 8, FIXED32: 4}[wire_type]
        assert offset <= len(message), "field runs past the end of its message"
        yield key >> 3, wire_type, message[begin:offset], message[start:offset]


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        shift += 7
        if byte < 0x80:
            return value, offset


def unknown_fields(base: int = 900) -> bytes:
    """One field of every wire type whose number no OTLP message uses."""
    return (
        varint_field(base, 0x1234_5678_9ABC)
        + fixed64_field(base + 1, 0xFEED_FACE_CAFE_BEEF)
        + bytes_field(base + 2, b"from the future \x00\xff")
        + fixed32_field(base + 3, 0xDEAD_BEEF)
    )


def with_unknown_fields(message: bytes, descriptor) -> bytes:
    """The message with unknown fields added to it and to every message inside it."""
    out = bytearray()
    for number, _, payload, raw in fields(message):
        field = descriptor.fields_by_number.get(number)
        if field is not None and field.message_type is not None:
            out += bytes_field(number, with_unknown_fields(payload, field.message_type))
        else:
            out += raw
    return bytes(out + unknown_fields())


def raw_spans(request: bytes) -> list[bytes]:
    """The bytes of every span of an export request, without a look at what is in them."""
    spans = []
    for resource_spans in _payloads(request, 1):
        for scope_spans in _payloads(resource_spans, 2):
            spans += _payloads(scope_spans, 2)
    return spans


def _payloads(message: bytes, wanted: int) -> list[bytes]:
    return [payload for number, kind, payload, _ in fields(message) if number == wanted and kind == BYTES]
