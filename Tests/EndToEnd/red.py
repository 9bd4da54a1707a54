"""RED metrics computed once more, from the spans that were sent and the definition of the spanmetrics connector."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exposition import Exposition, Labels

CALLS = "traces_span_metrics_calls_total"
DURATION = "traces_span_metrics_duration_milliseconds"
BOUNDS_MILLISECONDS = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000]


@dataclass
class Series:
    count: int = 0
    sum_milliseconds: float = 0.0
    # Not cumulative; the last is everything over the largest bound.
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MILLISECONDS) + 1))


def adjusted_count(trace_state: str) -> int:
    """2^56 / (2^56 - T) for thresholds that make a whole number, which is all that tests use."""
    for member in trace_state.split(","):
        key, _, value = member.strip().partition("=")
        for entry in value.split(";") if key == "ot" else []:
            name, _, digits = entry.partition(":")
            if name == "th":
                weight = 2**56 / (2**56 - int(digits.ljust(14, "0"), 16))
                assert weight.is_integer()
                return int(weight)
    return 1


def expected_series(requests: Iterable[ExportTraceServiceRequest]) -> dict[Labels, Series]:
    result: dict[Labels, Series] = {}
    for request in requests:
        for resource_spans in request.resource_spans:
            names = [a.value.string_value for a in resource_spans.resource.attributes if a.key == "service.name"]
            for scope_spans in resource_spans.scope_spans if names else []:
                for span in scope_spans.spans:
                    _count(result.setdefault(_labels(names[0], span), Series()), span)
    return result


def _labels(service: str, span: Span) -> Labels:
    status = {Status.STATUS_CODE_UNSET: "UNSET", Status.STATUS_CODE_OK: "OK", Status.STATUS_CODE_ERROR: "ERROR"}
    return frozenset({
        ("service_name", service), ("span_name", span.name), ("span_kind", Span.SpanKind.Name(span.kind)),
        ("status_code", "STATUS_CODE_" + status[span.status.code]),
    })  # fmt: skip


def _count(series: Series, span: Span) -> None:
    weight = adjusted_count(span.trace_state)
    nanoseconds = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
    index = sum(bound * 1_000_000 < nanoseconds for bound in BOUNDS_MILLISECONDS)
    series.count += weight
    series.sum_milliseconds += weight * nanoseconds / 1e6
    series.buckets[index] += weight


def assert_equal(derived: Exposition, requests: Iterable[ExportTraceServiceRequest]) -> None:
    """Every series is there with the right numbers, and there is no other."""
    expected = expected_series(requests)
    assert derived.types[CALLS] == "counter" and derived.types[DURATION] == "histogram"
    assert derived.series(CALLS) == {labels: series.count for labels, series in expected.items()}
    assert derived.series(f"{DURATION}_count") == {labels: series.count for labels, series in expected.items()}
    sums = derived.series(f"{DURATION}_sum")
    assert set(sums) == set(expected)
    for labels, series in expected.items():
        assert abs(sums[labels] - series.sum_milliseconds) <= 1e-9 * max(1.0, series.sum_milliseconds), labels
    assert derived.series(f"{DURATION}_bucket") == _cumulative(expected)


def _cumulative(expected: dict[Labels, Series]) -> dict[Labels, float]:
    result = {}
    for labels, series in expected.items():
        below = 0
        for bound, count in zip([*map(str, BOUNDS_MILLISECONDS), "+Inf"], series.buckets, strict=True):
            below += count
            result[labels | {("le", bound)}] = below
    return result


def assert_never_falls(before: Exposition, after: Exposition) -> None:
    """No counter fell, and none went away."""
    now = after.counters()
    for key, value in before.counters().items():
        assert key in now, f"{key} went away"
        assert now[key] >= value, f"{key} fell from {value} to {now[key]}"
