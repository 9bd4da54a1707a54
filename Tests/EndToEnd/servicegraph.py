"""The service graph computed from the spans that were sent, independently of the collector's way."""

import collections
from collections.abc import Iterable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import red
from exposition import Exposition, Labels

REQUESTS = "traces_service_graph_request_total"
FAILED = "traces_service_graph_request_failed_total"
HISTOGRAMS = {side: f"traces_service_graph_request_{side}_seconds" for side in ("server", "client")}
BOUNDS_SECONDS = [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15]
DATABASES = ["db.name", "db.namespace", "db.system.name", "db.system"]
PEERS = ["peer.service", "db.name", "db.system", "server.address"]
ASKING = {Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER}
ANSWERING = {Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER}
MESSAGING = {Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER}


@dataclass
class Edge:
    count: int = 0
    seconds: dict[str, list[tuple[float, int]]] = field(
        default_factory=lambda: {"server": [], "client": []})


def _named(requests: Iterable[ExportTraceServiceRequest]):
    for request in requests:
        for resource_spans in request.resource_spans:
            names = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    if service := names.get("service.name"):
                        yield service, span


def _first(span: Span, names: list[str]) -> str | None:
    values = {pair.key: pair.value.string_value for pair in reversed(span.attributes)}
    return next((values[name] for name in names if values.get(name)), None)


def _seconds(span: Span) -> float:
    return max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def _above(spans: list[tuple[str, Span]]) -> dict[tuple[bytes, bytes], Span]:
    """By trace and id of an asking span the asking span of the same service that it lies directly below."""
    asking = {(span.trace_id, span.span_id): (service, span) for service, span in spans if span.kind in ASKING}
    result = {}
    for (trace, identifier), (service, span) in asking.items():
        found = asking.get((trace, span.parent_span_id))
        if found and found[0] == service:
            result[trace, identifier] = found[1]
    return result


def nested(requests: Iterable[ExportTraceServiceRequest]) -> set[tuple[bytes, bytes]]:
    """Asking spans that count as nothing, as one below them says the same and no server answers them."""
    spans = list(_named(requests))
    above = {(span.trace_id, span.span_id) for span in _above(spans).values()}
    answered = {(span.trace_id, span.parent_span_id) for _, span in spans if span.kind in ANSWERING}
    return above - answered


def expected(requests: Iterable[ExportTraceServiceRequest]) -> dict[Labels, Edge]:
    """What is there once nothing waits any more; weights are whole numbers."""
    spans = list(_named(requests))
    above_of = _above(spans)
    counted_below = {(above.trace_id, above.span_id) for above in above_of.values()}
    answers = collections.defaultdict(list)
    for service, span in spans:
        if span.kind in ANSWERING:
            answers[span.trace_id, span.parent_span_id].append((service, span))
    edges: dict[Labels, Edge] = collections.defaultdict(Edge)

    def add(client: str, server: str, kind: str, asking: Span, answering: Span) -> None:
        failed = any(span.status.code == 2 for span in (asking, answering))
        pairs = {"client": client, "server": server, "failed": str(failed).lower()} | (
            {"connection_type": kind} if kind else {})
        weight = max(red.adjusted_count(asking.trace_state), red.adjusted_count(answering.trace_state))
        edge = edges[frozenset(pairs.items())]
        edge.count += weight
        edge.seconds["server"].append((_seconds(answering), weight))
        edge.seconds["client"].append((_seconds(asking), weight))

    for service, span in spans:
        if span.kind in ANSWERING and not span.parent_span_id:
            add("user", service, "virtual_node", span, span)
        if span.kind not in ASKING:
            continue
        database, peer = _first(span, DATABASES), _first(span, PEERS)
        found = [] if database else answers[span.trace_id, span.span_id]
        for server, answer in found:
            add(service, server, "messaging_system" if {span.kind, answer.kind} & MESSAGING else "", span, answer)
        if found or (span.trace_id, span.span_id) in counted_below:
            continue
        if above := above_of.get((span.trace_id, span.span_id)):
            database = database or _first(above, DATABASES)
            peer = peer or _first(above, PEERS)
        if database:
            add(service, database, "database", span, span)
        else:
            add(service, peer or "unknown", "virtual_node", span, span)
    return edges


def assert_equal(derived: Exposition, requests: Iterable[ExportTraceServiceRequest]) -> None:
    """Every series and bucket, and none besides."""
    edges = expected(requests)
    assert derived.series(REQUESTS) == {labels: edge.count for labels, edge in edges.items()}
    assert derived.series(FAILED) == {
        labels: edge.count for labels, edge in edges.items() if ("failed", "true") in labels}
    for side, name in HISTOGRAMS.items():
        assert derived.series(f"{name}_count") == {labels: edge.count for labels, edge in edges.items()}
        buckets, sums = {}, derived.series(f"{name}_sum")
        assert set(sums) == set(edges)
        for labels, edge in edges.items():
            for bound in [*BOUNDS_SECONDS, float("inf")]:
                text = "+Inf" if bound == float("inf") else f"{bound:g}"
                buckets[labels | {("le", text)}] = sum(w for s, w in edge.seconds[side] if s <= bound)
            total = sum(s * w for s, w in edge.seconds[side])
            assert abs(sums[labels] - total) <= 1e-9 * max(1.0, total), labels
        assert derived.series(f"{name}_bucket") == buckets
