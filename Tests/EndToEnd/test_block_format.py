"""The committed block, read by docs/formats/block-v1.md alone, gives back the requests that it was made of."""

import pathlib
import struct

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

import block_reader as blocks


def messages_with_bytes():
    """OTLP's messages with every string declared as bytes: the store keeps text that is no UTF-8 too.

    The requests have made-up bytes in a field of resources that later versions of OTLP gave a meaning.
    """
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        nested = list(file.message_type)
        while nested:
            message = nested.pop()
            nested += message.nested_type
            for part in [part for part in message.field if part.name == "entity_refs"]:
                message.field.remove(part)
            for part in message.field:
                if part.type == part.TYPE_STRING:
                    part.type = part.TYPE_BYTES
        pool.Add(file)

    def message(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"opentelemetry.proto.{name}"))

    return message


MESSAGE = messages_with_bytes()
ExportTraceServiceRequest = MESSAGE("collector.trace.v1.ExportTraceServiceRequest")
Span, KeyValue = MESSAGE("trace.v1.Span"), MESSAGE("common.v1.KeyValue")
ResourceSpans = MESSAGE("trace.v1.ResourceSpans")
GOLDEN = pathlib.Path(__file__).parent.parent / "EmbeddedStoreTests" / "Golden"


def manifest_blocks(folder):
    """The numbers and lengths of the manifest's blocks."""
    data = (folder / "manifest").read_bytes()
    assert data[:8] == b"SKEINMAN"
    version, content_sum, header_sum = struct.unpack("<III", data[8:20])
    assert version == 1
    assert content_sum == blocks.crc32c(data[20:])
    assert header_sum == blocks.crc32c(data[:16])
    reader = blocks.Reader(data, 20)
    position, next_number = reader.u64(), reader.u64()
    entries = []
    for _ in range(reader.varint()):
        number, file_bytes, spans = reader.u64(), reader.u64(), reader.u64()
        reader.take(32)
        is_far_off, tenant = reader.varint(), reader.string()
        entries.append((number, file_bytes, spans, is_far_off, tenant))
    assert reader.varint() == 0
    assert reader.offset == len(data)
    assert position == 3 and all(entry[0] < next_number for entry in entries)
    return entries


def attribute(column, value):
    result = KeyValue(key=column.key)
    kind = column.type
    if kind == blocks.KEY_ONLY:
        return result
    result.value.SetInParent()
    if kind == blocks.STRING:
        result.value.string_value = value
    elif kind == blocks.BOOL:
        result.value.bool_value = value != 0
    elif kind == blocks.INT:
        result.value.int_value = blocks.unzigzag(value)
    elif kind == blocks.DOUBLE:
        result.value.double_value = struct.unpack("<d", struct.pack("<Q", value))[0]
    elif kind == blocks.ARRAY:
        result.value.array_value.SetInParent()
        result.value.array_value.MergeFromString(value)
    elif kind == blocks.KEY_VALUES:
        result.value.kvlist_value.SetInParent()
        result.value.kvlist_value.MergeFromString(value)
    elif kind == blocks.BYTES:
        result.value.bytes_value = value
    return result


class Rows:
    """The rows of one table in one row group, in their order."""

    def __init__(self, block, kind, group):
        self.table = block.tables[kind]
        self.count = self.table.rows[group]
        self.columns = {
            index: iter(block.values(column, group))
            for index, column in enumerate(self.table.columns)
            if column.role == blocks.ATTRIBUTE
        }
        self.roles = {
            column.role: block.values(column, group)
            for column in self.table.columns
            if column.role != blocks.ATTRIBUTE
        }

    def attributes(self, row):
        shape = self.table.shapes[self.roles[blocks.SHAPE][row]]
        return [attribute(self.table.columns[index], next(self.columns[index])) for index in shape]


def spans(block):
    """Every span of a block: its scope's number and its message."""
    ids = []
    column = block.tables[blocks.SPAN].column(blocks.SPAN_ID)
    for group in range(len(column.pages)):
        ids += [value[::-1] for value in block.values(column, group)]
    for group in range(len(block.tables[blocks.SPAN].rows)):
        rows = Rows(block, blocks.SPAN, group)
        events, links = Rows(block, blocks.EVENT, group), Rows(block, blocks.LINK, group)
        raw = iter(rows.roles[blocks.RAW])
        outside = iter(rows.roles[blocks.PARENT_ID])
        next_event = next_link = 0
        for row in range(rows.count):
            role = {key: values[row] for key, values in rows.roles.items() if len(values) == rows.count}
            number = group * blocks.GROUP_ROWS + row
            parent = b""
            if role[blocks.PARENT] == 1:
                parent = next(outside)[::-1]
            elif role[blocks.PARENT] > 1:
                parent = ids[number - blocks.unzigzag(role[blocks.PARENT] - 2)]
            if rows.roles[blocks.SHAPE][row] == 0:
                yield role[blocks.SCOPE], Span.FromString(next(raw))
                continue
            span = Span(trace_id=block.traces[role[blocks.TRACE]][0], span_id=ids[number], parent_span_id=parent)
            span.trace_state, span.name = role[blocks.TRACE_STATE], role[blocks.NAME]
            span.kind = blocks.unzigzag(role[blocks.KIND])
            span.end_time_unix_nano = role[blocks.TIME]
            start = (role[blocks.TIME] - blocks.unzigzag(role[blocks.DURATION])) % blocks.WORD
            span.start_time_unix_nano = start
            span.attributes.extend(rows.attributes(row))
            span.dropped_attributes_count = role[blocks.DROPPED_ATTRIBUTES]
            span.dropped_events_count = role[blocks.DROPPED_EVENTS]
            span.dropped_links_count = role[blocks.DROPPED_LINKS]
            span.flags = role[blocks.FLAGS]
            if role[blocks.HAS_STATUS]:
                span.status.SetInParent()
                span.status.message = role[blocks.STATUS_MESSAGE]
                span.status.code = blocks.unzigzag(role[blocks.STATUS_CODE])
            for _ in range(role[blocks.EVENT_COUNT]):
                add_event(span, events, next_event, start)
                next_event += 1
            for _ in range(role[blocks.LINK_COUNT]):
                add_link(span, links, next_link)
                next_link += 1
            yield role[blocks.SCOPE], span


def add_event(span, rows, row, start):
    event = span.events.add()
    event.name = rows.roles[blocks.NAME][row]
    event.time_unix_nano = (start + blocks.unzigzag(rows.roles[blocks.TIME][row])) % blocks.WORD
    event.attributes.extend(rows.attributes(row))
    event.dropped_attributes_count = rows.roles[blocks.DROPPED_ATTRIBUTES][row]


def add_link(span, rows, row):
    link = span.links.add()
    high, low = struct.unpack("<QQ", rows.roles[blocks.TRACE_ID][row])
    # Zeros stand for an id that was not sent.
    link.trace_id = struct.pack(">QQ", high, low) if high or low else b""
    link.span_id = rows.roles[blocks.SPAN_ID][row][::-1].lstrip(b"\0") and rows.roles[blocks.SPAN_ID][row][::-1]
    link.trace_state = rows.roles[blocks.TRACE_STATE][row]
    link.attributes.extend(rows.attributes(row))
    link.dropped_attributes_count = rows.roles[blocks.DROPPED_ATTRIBUTES][row]
    link.flags = rows.roles[blocks.FLAGS][row]


def described(request):
    """Each span of a request with its resource and scope, as bytes that are equal when the messages are."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield envelope(resource, scope) + (span.SerializeToString(deterministic=True),)


def envelope(resource, scope):
    outer, inner = type(resource)(), type(scope)()
    outer.CopyFrom(resource)
    inner.CopyFrom(scope)
    del outer.scope_spans[:]
    del inner.spans[:]
    return outer.SerializeToString(deterministic=True), inner.SerializeToString(deterministic=True)


def sent():
    requests = sorted(GOLDEN.glob("request-*.otlp"))
    assert len(requests) == 3
    found = set()
    for path in requests:
        found.update(described(ExportTraceServiceRequest.FromString(path.read_bytes())))
    return sorted(found)


# The blocks of the first writer have no longest spans.
@pytest.mark.parametrize("folder", [GOLDEN, GOLDEN / "first"], ids=["now", "first"])
def test_the_document_is_enough_to_read_every_span(folder):
    found = []
    codecs = set()
    for number, file_bytes, count, is_far_off, tenant in manifest_blocks(folder):
        data = (folder / f"block-{number}.skb").read_bytes()
        assert len(data) == file_bytes
        block = blocks.Block(data)
        assert (block.rows, block.is_far_off, block.tenant) == (count, bool(is_far_off), tenant)
        scopes = [
            envelope(resource, scope)
            for resource in ExportTraceServiceRequest.FromString(block.content(block.scopes)).resource_spans
            for scope in resource.scope_spans
        ]
        assert len(scopes) == block.scope_count
        rows = list(spans(block))
        assert len(rows) == count
        assert block.longest == (longest(block, rows, scopes) if folder == GOLDEN else None)
        found += [scopes[scope] + (span.SerializeToString(deterministic=True),) for scope, span in rows]
        codecs |= {codec(block, column) for column in block.tables[blocks.SPAN].columns}
    assert sorted(found) == sent()
    # The block has a page of every encoding there is.
    assert {"decimals", "hex digits", "dictionary", "deltas"} <= codecs


def longest(block, rows, scopes):
    """For each row group and service the longest duration, worked out from the spans."""
    groups = [[None] * (len(block.services) + 1) for _ in block.tables[blocks.SPAN].rows]
    for number, (scope, span) in enumerate(rows):
        resource = ResourceSpans.FromString(scopes[scope][0]).resource
        names = [item.value for item in resource.attributes if item.key == b"service.name"]
        service = 0
        if names and names[0].WhichOneof("value") == "string_value":
            service = block.services.index(names[0].string_value) + 1
        duration = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
        group = groups[number // blocks.GROUP_ROWS]
        group[service] = max(group[service] or 0, duration)
    return groups


def codec(block, column):
    page = next((page for _, page in column.pages if page), None)
    if page is None or column.role in blocks.FIXED_ROLES:
        return None
    mode = block.content(page)[0]
    is_number = column.role in blocks.NUMBER_ROLES or column.type in (blocks.BOOL, blocks.INT, blocks.DOUBLE)
    names = {0: "offsets", 1: "deltas"} if is_number else {0: "bytes", 1: "dictionary", 2: "hex digits"}
    return names.get(mode, "decimals")


@pytest.mark.parametrize("offset", [20, 200, -20])
def test_the_second_reader_notices_a_flipped_bit(offset):
    data = bytearray((GOLDEN / "block-1.skb").read_bytes())
    data[offset] ^= 4
    with pytest.raises(Exception):
        block = blocks.Block(bytes(data))
        list(spans(block))
        block.content(block.scopes)
        block.content(block.operations)
