"""Export requests that tests send: one with everything OTLP can say, and many plain ones."""

import random
import time
import zlib
from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


def now() -> int:
    """Unix nanoseconds that no float has rounded."""
    return time.time_ns()


def seed_of(*words: str) -> int:
    """A seed for a case of a table, so that no two send the same ids."""
    return zlib.crc32("\0".join(words).encode())


class Identifiers:
    """Trace and span ids from a seed."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)

    def trace_id(self) -> bytes:
        return self._random.randbytes(15) + b"\x01"

    def span_id(self) -> bytes:
        return self._random.randbytes(7) + b"\x01"


def any_value(value) -> AnyValue:
    """Python values as attributes; a dict is a key-value list, None the empty value, an AnyValue itself."""
    if isinstance(value, AnyValue):
        return value
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    result = AnyValue()
    if isinstance(value, dict):
        result.kvlist_value.SetInParent()
        result.kvlist_value.values.extend(attributes(value))
    else:
        result.array_value.SetInParent()
        result.array_value.values.extend(any_value(element) for element in value)
    return result


def attributes(pairs: dict) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs.items()]


def export_request(spans: Iterable[Span], service: str | None = "shop", **resource) -> ExportTraceServiceRequest:
    """Spans of one service in one scope; no resource attributes at all when `service` is None."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    named = {} if service is None else {"service.name": service}
    resource_spans.resource.attributes.extend(attributes(named | resource))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    scope_spans.spans.extend(spans)
    return request


def span(ids: Identifiers, trace_id: bytes, name: str = "work", *, start: int = 0, milliseconds: float = 5, **fields):
    """A span of this trace; `attributes` may be a dict, all other fields are those of the message."""
    start = start or now()
    fields["attributes"] = attributes(fields.get("attributes", {}))
    fields.setdefault("kind", Span.SPAN_KIND_INTERNAL)
    end = start + int(milliseconds * MILLISECOND)
    return Span(
        trace_id=trace_id, span_id=ids.span_id(), name=name, start_time_unix_nano=start, end_time_unix_nano=end,
        **fields,
    )  # fmt: skip


def simple_request(seed: int, spans: int = 3, service: str = "shop", name: str = "work"):
    """A trace of sibling spans; returns its id and the request."""
    ids = Identifiers(seed)
    trace_id = ids.trace_id()
    return trace_id, export_request((span(ids, trace_id, name) for _ in range(spans)), service)


ATTRIBUTES_OF_EVERY_KIND = {
    "text": "Grüße, 世界 👋",
    "text.empty": "",
    "text.controls": 'tab\t quote" backslash\\ line\n null\x00 delete\x7f separator\u2028',
    "flag.true": True,
    "flag.false": False,
    "int": 42,
    "int.zero": 0,
    "int.min": -(2**63),
    "int.max": 2**63 - 1,
    "int.past_double": 2**53 + 1,
    "double": 0.1,
    "double.whole": 3.0,
    "double.negative_zero": -0.0,
    "double.tiny": 5e-324,
    "double.huge": 1.7976931348623157e308,
    "double.nan": float("nan"),
    "double.infinite": float("-inf"),
    "bytes": bytes(range(256)),
    "bytes.empty": b"",
    "empty": None,
    "list.texts": ["a", "", "c"],
    "list.mixed": [1, "one", 1.0, True, b"\x01", None],
    "list.empty": [],
    "list.nested": [[1, [2, [3, []]]], {"in": ["list"]}],
    "map": {"z": 1, "a": {"deep": {"deeper": [True, {"deepest": b"\xff"}]}}, "": "empty key"},
    "map.empty": {},
    "": "empty key",
    "dup": "first",
}


def every_feature(seed: int) -> tuple[bytes, ExportTraceServiceRequest]:
    """One trace that uses every field of the trace protocol, values at their limits included."""
    ids = Identifiers(seed)
    trace_id = ids.trace_id()
    request = ExportTraceServiceRequest()
    root = _span_with_everything(ids, trace_id)
    front = request.resource_spans.add(schema_url="https://example.test/resource/1.2.3")
    front.resource.attributes.extend(attributes({"service.name": "front", "service.version": "1.0"}))
    front.resource.attributes.extend(attributes(ATTRIBUTES_OF_EVERY_KIND))
    front.resource.dropped_attributes_count = 4_294_967_295
    scope_spans = front.scope_spans.add(schema_url="https://example.test/scope/1.2.3")
    scope_spans.scope.name, scope_spans.scope.version = "front.tracer", "0.9"
    scope_spans.scope.attributes.extend(attributes(ATTRIBUTES_OF_EVERY_KIND))
    scope_spans.scope.dropped_attributes_count = 7
    scope_spans.spans.append(root)
    # A second scope of the same resource, and a resource that says nothing at all.
    front.scope_spans.add().spans.append(_bare_span(ids, trace_id))
    silent = request.resource_spans.add().scope_spans.add()
    silent.spans.append(_odd_enums(ids, trace_id, root.span_id))
    return trace_id, request


def _span_with_everything(ids: Identifiers, trace_id: bytes) -> Span:
    start = now()
    root = span(ids, trace_id, "POST /orders/{id}", start=start, kind=Span.SPAN_KIND_SERVER)
    root.trace_state = "ot=th:0;rv:12345678901234,vendor=value with spaces"
    root.parent_span_id = ids.span_id()
    root.flags = 0x0000_0301
    root.attributes.extend(attributes(ATTRIBUTES_OF_EVERY_KIND))
    root.attributes.extend(attributes({"dup": "second"}))
    root.dropped_attributes_count, root.dropped_events_count, root.dropped_links_count = 1, 2, 4_294_967_295
    root.status.code, root.status.message = 2, "it broke: ünïcode"
    for index in range(3):
        event = root.events.add(time_unix_nano=start + index, name=f"event {index}", dropped_attributes_count=index)
        event.attributes.extend(attributes(ATTRIBUTES_OF_EVERY_KIND if index == 1 else {}))
    root.events.add()
    for index in range(2):
        link = root.links.add(trace_id=ids.trace_id(), span_id=ids.span_id(), flags=0x301, trace_state="a=b,c=d")
        link.attributes.extend(attributes(ATTRIBUTES_OF_EVERY_KIND if index == 0 else {}))
        link.dropped_attributes_count = index
    return root


def _bare_span(ids: Identifiers, trace_id: bytes) -> Span:
    return Span(trace_id=trace_id, span_id=ids.span_id(), start_time_unix_nano=now())


def _odd_enums(ids: Identifiers, trace_id: bytes, parent: bytes) -> Span:
    """Enum values of a protocol that is not there yet."""
    odd = span(ids, trace_id, "from the future", kind=77, parent_span_id=parent)
    odd.status.code = 9
    return odd
