"""Whether two sets of spans are the same in every field, however they are grouped and ordered."""

from collections import Counter
from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Row = tuple[str, str, str]


def rows(requests: ExportTraceServiceRequest | Iterable[ExportTraceServiceRequest]) -> Counter[Row]:
    """Each span with its resource and scope (schema URLs and unknown fields included), and how often it occurs.

    A row is readable text first, so that a difference reads well, and the exact bytes behind it.
    """
    if isinstance(requests, ExportTraceServiceRequest):
        requests = [requests]
    return Counter(row for request in requests for row in _rows(request))


def _rows(request: ExportTraceServiceRequest):
    for resource_spans in request.resource_spans:
        resource = _without(resource_spans, "scope_spans")
        for scope_spans in resource_spans.scope_spans:
            scope = _without(scope_spans, "spans")
            for span in scope_spans.spans:
                yield resource, scope, _text(span)


def _without(message, field: str) -> str:
    shell = type(message)()
    shell.CopyFrom(message)
    shell.ClearField(field)
    return _text(shell)


def _text(message) -> str:
    return f"{message}\n{message.SerializeToString(deterministic=True).hex()}"


def without_unknown_fields(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    copy = ExportTraceServiceRequest()
    copy.CopyFrom(request)
    copy.DiscardUnknownFields()
    return copy


def assert_same_spans(actual, expected) -> None:
    """Fails with the rows that are missing and those that are too many."""
    got, wanted = rows(actual), rows(expected)
    missing, surplus = wanted - got, got - wanted
    assert not missing and not surplus, (
        f"{sum(missing.values())} rows missing:\n{_list(missing)}\n"
        f"{sum(surplus.values())} rows too many:\n{_list(surplus)}"
    )


def _list(found: Counter[Row]) -> str:
    return "\n---\n".join("\n".join(row) for row in list(found)[:2])
