"""Whether two sets of spans are the same in every field, however they are grouped and ordered."""

import difflib
from collections import Counter
from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# One span with its resource and scope: readable text first, so that a difference reads well, the exact bytes last.
Row = tuple[str, ...]
# Differences shown of one failure.
SHOWN_MAX = 3


def rows(requests: ExportTraceServiceRequest | Iterable[ExportTraceServiceRequest]) -> Counter[Row]:
    """Each span with its resource and scope (schema URLs and unknown fields included), and how often it occurs."""
    if isinstance(requests, ExportTraceServiceRequest):
        requests = [requests]
    return Counter(row for request in requests for row in _rows(request))


def _rows(request: ExportTraceServiceRequest):
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _row(
                    _without(resource_spans, "scope_spans", "resource"), _without(scope_spans, "spans", "scope"),
                    _without(span, None, "status"),
                )  # fmt: skip


def _row(*messages) -> Row:
    exact = "\n".join(message.SerializeToString(deterministic=True).hex() for message in messages)
    return (*(f"# {message.DESCRIPTOR.name}\n{message}" for message in messages), exact)


def _without(message, field: str | None, empty: str):
    """A copy without its children; the protocol makes no difference between an absent and an empty resource, scope or
    status, so an absent one becomes an empty one."""
    shell = type(message)()
    shell.CopyFrom(message)
    if field is not None:
        shell.ClearField(field)
    getattr(shell, empty).SetInParent()
    return shell


def without_unknown_fields(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    copy = ExportTraceServiceRequest()
    copy.CopyFrom(request)
    copy.DiscardUnknownFields()
    return copy


def assert_same_spans(actual, expected) -> None:
    """Fails with the differences: each missing row beside the surplus one that is most like it."""
    got, wanted = rows(actual), rows(expected)
    missing, surplus = list((wanted - got).elements()), list((got - wanted).elements())
    if not missing and not surplus:
        return
    parts = [f"{len(missing)} spans missing, {len(surplus)} too many"]
    for row in missing[:SHOWN_MAX]:
        parts.append(_difference(row, max(surplus, key=lambda other: _likeness(row, other), default=())))
    for row in surplus[:SHOWN_MAX] if not missing else []:
        parts.append("too many:\n" + "\n".join(row[:-1]))
    raise AssertionError("\n".join(parts))


def _likeness(row: Row, other: Row) -> int:
    """Lines in common; spans of one id have most."""
    return len(set("\n".join(row).split("\n")) & set("\n".join(other).split("\n")))


def _difference(row: Row, other: Row) -> str:
    # The exact bytes say something only where the text does not.
    end = -1 if row[:-1] != other[:-1] else None
    before, after = "\n".join(row[:end]), "\n".join(other[:end])
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), "expected", "actual", n=2, lineterm="")
    return "\n".join(line[:200] for line in list(lines)[:60])
