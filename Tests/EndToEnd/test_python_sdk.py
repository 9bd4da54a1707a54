"""Spans of Python's OpenTelemetry SDK, through its own exporters, come back as the SDK would have sent them."""

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

import otlp_json
import storage
from comparison import assert_same_spans
from test_round_trip import SEALS_AT_ONCE, forwarding
from harness import merged

EXPORTERS = {
    "http": lambda collector: HTTPExporter(collector.url("otlp_http", "/v1/traces"), timeout=10),
    "http gzip": lambda collector: HTTPExporter(
        collector.url("otlp_http", "/v1/traces"), timeout=10, compression=Compression.Gzip),
    "grpc": lambda collector: GRPCExporter(collector.address("otlp_grpc"), insecure=True, timeout=10),
}  # fmt: skip

VALUES = {
    "text": "Grüße, 世界",
    "flag": True,
    "int": -(2**63),
    "double": 1.5e-300,
    "texts": ["a", "b", ""],
    "flags": [True, False],
    "ints": [1, 2**62],
    "doubles": [0.5, -0.25],
}


def provider(memory: InMemorySpanExporter, exporter) -> TracerProvider:
    resource = Resource({"service.name": "orders", "deployment.environment.name": "test", **VALUES}, "https://r.test/1")
    result = TracerProvider(
        resource=resource, shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attributes=9, max_events=2, max_links=2, max_event_attributes=3),
    )  # fmt: skip
    result.add_span_processor(SimpleSpanProcessor(memory))
    result.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    return result


def remote_context(tracestate: str) -> SpanContext:
    state = TraceState.from_header([tracestate])
    return SpanContext(0x11, 0x22, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)


def record_trace(tracers: TracerProvider) -> int:
    """A trace with every field that the API can set, some of it dropped by the SDK's limits; returns its id."""
    tracer = tracers.get_tracer("orders.http", "2.1.0", "https://s.test/2", {"scope.key": "scope value", "n": 3})
    parent = SpanContext(
        tracers.id_generator.generate_trace_id(), tracers.id_generator.generate_span_id(), is_remote=True,
        trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "1"), ("other", "x y")]),
    )  # fmt: skip
    outer = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    links = [Link(remote_context(f"k{i}=v"), VALUES if i else {}) for i in range(3)]
    with tracer.start_as_current_span(
        "POST /orders", outer, SpanKind.SERVER, VALUES | {"more": 1, "most": 2}, links
    ) as root:
        for index in range(4):
            root.add_event(f"event {index}", VALUES if index % 2 else {})
        with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT) as failed:
            failed.record_exception(ValueError("card declined"))
            failed.set_status(Status(StatusCode.ERROR, "card declined"))
        for kind in (SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.INTERNAL):
            tracers.get_tracer("plain").start_span(kind.name, kind=kind).end()
        root.set_status(StatusCode.OK)
    return parent.trace_id


@pytest.mark.parametrize("protocol", EXPORTERS)
def test_spans_of_the_python_sdk_come_back_identical(new_collector, sink, protocol):
    collector = new_collector(merged(SEALS_AT_ONCE, forwarding(sink))).start()
    memory = InMemorySpanExporter()
    tracers = provider(memory, EXPORTERS[protocol](collector))
    trace_id = record_trace(tracers).to_bytes(16, "big")
    assert tracers.force_flush(15_000), "the exporter did not deliver"
    expected = encode_spans(memory.get_finished_spans())
    assert sum(len(s.spans) for r in expected.resource_spans for s in r.scope_spans) == 5

    sink.wait_for_spans(5)
    assert_same_spans(sink.exports(), expected)
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), expected)
    storage.wait_sealed(collector, spans=5)
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), expected)
    collector.restart()
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), expected)
    tracers.shutdown()
    assert collector.metrics().total("skein_receiver_refused_requests_total") == 0
