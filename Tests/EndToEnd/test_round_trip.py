"""What comes in goes out unchanged: through `GET /api/v3/traces/{id}` and to the forward target."""

import gzip
import json
import zlib

import grpc
import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import clients
import otlp_json
import storage
import telemetry
import wire
from comparison import assert_same_spans, without_unknown_fields
from harness import merged

# Blocks seal as soon as the configuration allows, or not before the test is long over.
SEALS_AT_ONCE = {"storage": {"block": {"max_age": "100ms"}}}
STAYS_LIVE = {"storage": {"block": {"max_age": "1h"}}}


def stored(collector, trace_id) -> ExportTraceServiceRequest:
    return otlp_json.to_request(collector.trace(trace_id))


def forwarding(sink, **exporter) -> dict:
    quick = {"retry_on_failure": {"initial_interval": "20ms", "max_interval": "100ms"}}
    quick["sending_queue"] = {"batch": {"flush_timeout": "20ms"}}
    return {"exporters": {"otlp_http/sink": {"endpoint": sink.endpoint, **quick, **exporter}}}


def future_request(seed: int) -> tuple[bytes, bytes]:
    """Every feature, and unknown fields in every message from the request down to the innermost value."""
    trace_id, request = telemetry.every_feature(seed)
    body = request.SerializeToString()
    return trace_id, wire.with_unknown_fields(body, ExportTraceServiceRequest.DESCRIPTOR)


def test_everything_comes_back_identical_from_the_live_tail(new_collector):
    collector = new_collector(STAYS_LIVE).start()
    trace_id, request = telemetry.every_feature(1)
    clients.send(collector, request)
    assert_same_spans(stored(collector, trace_id), request)
    assert storage.sealed_spans(collector) == 0


def test_everything_comes_back_identical_from_a_sealed_block_and_after_a_restart(new_collector):
    collector = new_collector(SEALS_AT_ONCE).start()
    trace_id, request = telemetry.every_feature(2)
    clients.send(collector, request)
    storage.wait_sealed(collector, spans=3)
    assert_same_spans(stored(collector, trace_id), request)
    collector.restart()
    assert_same_spans(stored(collector, trace_id), request)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_the_live_tail_survives_a_restart(new_collector, end):
    collector = new_collector(STAYS_LIVE).start()
    trace_id, request = telemetry.every_feature(3)
    clients.send(collector, request)
    collector.stop() if end == "SIGTERM" else collector.kill()
    collector.start()
    assert_same_spans(stored(collector, trace_id), request)


def test_everything_arrives_at_the_target_with_unknown_fields_of_every_message(new_collector, sink):
    collector = new_collector(forwarding(sink)).start()
    trace_id, body = future_request(4)
    clients.send(collector, body)
    sink.wait_for_spans(3)
    expected = ExportTraceServiceRequest.FromString(body)
    assert_same_spans(sink.exports(), expected)
    assert wire.unknown_fields() in sink.bodies()[0][-len(wire.unknown_fields()) :], "fields of the request itself"
    # JSON has no place for a field without a name; everything else is there.
    assert_same_spans(stored(collector, trace_id), without_unknown_fields(expected))


def test_unknown_fields_survive_the_rejection_of_a_neighbour(new_collector, sink):
    collector = new_collector(forwarding(sink)).start()
    _, body = future_request(5)
    ids = telemetry.Identifiers(6)
    bad = telemetry.span(ids, b"short", "rejected")
    answer = clients.post(collector, body + telemetry.export_request([bad]).SerializeToString())
    assert answer.status_code == 200
    sink.wait_for_spans(3)
    assert_same_spans(sink.exports(), ExportTraceServiceRequest.FromString(body))


def test_forwarding_survives_a_restart_with_the_target_down(new_collector, sink):
    collector = new_collector(merged(forwarding(sink), {"service": {"shutdown_timeout": "200ms"}})).start()
    sink.refuse_connections()
    _, body = future_request(7)
    clients.send(collector, body)
    collector.restart()
    sink.open()
    sink.wait_for_spans(3)
    assert_same_spans(sink.exports(), ExportTraceServiceRequest.FromString(body))


def test_forwarded_requests_say_what_they_are(new_collector, sink):
    headers = {"x-team": "search", "Authorization": "Bearer t0ken"}
    collector = new_collector(forwarding(sink, headers=headers)).start()
    clients.send(collector, telemetry.simple_request(8)[1])
    sink.wait_for_spans(3)
    _, seen = sink.requests[0]
    assert seen["Content-Encoding"] == "gzip"
    assert seen["User-Agent"].startswith("Skein/")
    assert (seen["x-team"], seen["Authorization"]) == ("search", "Bearer t0ken")


def test_forwarding_without_compression(new_collector, sink):
    collector = new_collector(forwarding(sink, compression="none")).start()
    _, request = telemetry.simple_request(9)
    clients.send(collector, request)
    sink.wait_for_spans(3)
    assert "Content-Encoding" not in sink.requests[0][1]
    assert_same_spans(sink.exports(), request)


COMPRESSIONS = {
    "identity": lambda body: body,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", COMPRESSIONS)
@pytest.mark.parametrize("content_type", [clients.PROTOBUF, clients.JSON, "application/json; charset=utf-8"])
def test_every_encoding_over_http(shared_collector, content_type, encoding):
    trace_id, request = telemetry.every_feature(telemetry.seed_of(content_type, encoding))
    body = request.SerializeToString()
    if content_type != clients.PROTOBUF:
        body = json.dumps(otlp_json.from_request(request)).encode()
    answer = clients.post(shared_collector, COMPRESSIONS[encoding](body), content_type, Content_Encoding=encoding)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type.partition(";")[0])
    assert answer.content == (b"" if content_type == clients.PROTOBUF else b"{}")
    assert_same_spans(stored(shared_collector, trace_id), request)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_every_feature_over_grpc(shared_collector, compression):
    trace_id, request = telemetry.every_feature(200 + compression.value)
    answer = clients.call(shared_collector, request.SerializeToString(), compression=compression)
    assert answer.code == grpc.StatusCode.OK, answer
    assert not answer.response.HasField("partial_success")
    assert_same_spans(stored(shared_collector, trace_id), request)


def test_json_is_read_liberally_and_forwarded_as_protobuf(new_collector, sink):
    """Numbers for 64-bit integers, upper-case ids, names that nobody knows, and null for absent (OTLP, JSON)."""
    collector = new_collector(forwarding(sink)).start()
    trace_id, request = telemetry.every_feature(10)
    document = otlp_json.from_request(request)
    span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["traceId"], span["spanId"] = span["traceId"].upper(), span["spanId"].upper()
    span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
    span["aNameOfTheFuture"] = {"nested": [1, {"deep": None}]}
    span["trace_state"] = "snake case is no name of OTLP/JSON"
    odd = document["resourceSpans"][1]["scopeSpans"][0]["spans"][0]
    assert odd["parentSpanId"].upper() == span["spanId"]
    odd["parentSpanId"] = span["spanId"]
    document["resourceSpans"][1]["scopeSpans"][0]["scope"] = None
    answer = clients.post(collector, json.dumps(document).encode(), clients.JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert_same_spans(stored(collector, trace_id), request)
    sink.wait_for_spans(3)
    assert_same_spans(sink.exports(), request)


def test_a_trace_that_came_in_pieces_is_one_trace(shared_collector):
    ids = telemetry.Identifiers(300)
    trace_id = ids.trace_id()
    pieces = [
        telemetry.export_request([telemetry.span(ids, trace_id, f"piece {index}")], f"service-{index % 2}")
        for index in range(4)
    ]
    for piece in pieces:
        clients.send(shared_collector, piece)
    assert_same_spans(stored(shared_collector, trace_id), pieces)


def test_a_request_sent_twice_is_stored_once_and_counted(new_collector):
    collector = new_collector().start()
    trace_id, request = telemetry.simple_request(301)
    clients.send(collector, request)
    clients.send(collector, request)
    assert clients.call(collector, request.SerializeToString()).code == grpc.StatusCode.OK
    assert_same_spans(stored(collector, trace_id), request)
    metrics = collector.metrics()
    assert metrics.total("skein_receiver_duplicate_requests_total", receiver="otlp_http") == 1
    assert metrics.total("skein_receiver_duplicate_requests_total", receiver="otlp_grpc") == 1
    assert metrics.total("otelcol_receiver_accepted_spans_total") == 3
    assert collector.derived().total("traces_span_metrics_calls_total") == 3
