"""Bad input: the answer that the OTLP specification asks for, the spans that are kept, the counter that says why."""

import gzip
import json
import os
import subprocess
from dataclasses import dataclass

import grpc
import pytest
import requests
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import otlp_json
import telemetry
import wire
from clients import JSON, PROTOBUF
from comparison import assert_same_spans
from harness import REQUEST_SECONDS
from test_round_trip import forwarding

HTTP_BYTES_MAX = 20 << 20
GRPC_BYTES_MAX = 4 << 20
REFUSED = "skein_receiver_refused_requests_total"
REJECTED = "skein_receiver_rejected_spans_total"
NOTED = "skein_receiver_noted_spans_total"


@dataclass
class Counting:
    """How far a counter of one collector has moved since this was made."""

    collector: object
    metric: str

    def __post_init__(self):
        self.before = self.collector.metrics()

    def assert_only(self, amount: int, **labels: str) -> None:
        """The counter with these labels moved by `amount`; the metric's others stood still."""
        now = self.collector.metrics()
        assert now.total(self.metric, **labels) - self.before.total(self.metric, **labels) == amount, labels
        moved = now.total(self.metric) - self.before.total(self.metric)
        assert moved == amount, f"other counters of {self.metric} moved too: {now.series(self.metric)}"


def status_of(answer) -> Status:
    """google.rpc.Status in the encoding of the request."""
    if answer.headers["Content-Type"].startswith(JSON):
        return json_format.ParseDict(answer.json(), Status())
    assert answer.headers["Content-Type"] == PROTOBUF
    return Status.FromString(answer.content)


# MARK: whole requests

UNDECODABLE = {
    "a truncated message": b"\x0a\x10\x0a",
    "a field number of zero": b"\x02\x00",
    "a varint without end": b"\x0a" + b"\xff" * 11,
    "text": b"hello",
    "a span that is cut short": telemetry.simple_request(50)[1].SerializeToString()[:-3],
}
UNDECODABLE_JSON = {
    "no JSON": b"{",
    "no object": b"[]",
    "a string for a list": b'{"resourceSpans": "x"}',
    "an id that is no hex": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","spanId":"1"}]}]}]}',
    "a number with a fraction": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1.5"}]}]}]}',
    "text after the document": b"{} {}",
}


@pytest.mark.parametrize(
    "content_type, body",
    [(PROTOBUF, body) for body in UNDECODABLE.values()] + [(JSON, body) for body in UNDECODABLE_JSON.values()],
    ids=[f"protobuf: {name}" for name in UNDECODABLE] + [f"JSON: {name}" for name in UNDECODABLE_JSON],
)
def test_an_undecodable_body_is_400(shared_collector, content_type, body):
    counting = Counting(shared_collector, REFUSED)
    answer = clients.post(shared_collector, body, content_type)
    assert answer.status_code == 400
    assert status_of(answer).message
    counting.assert_only(1, receiver="otlp_http", reason="undecodable")


@pytest.mark.parametrize("body", UNDECODABLE.values(), ids=UNDECODABLE)
def test_an_undecodable_message_is_invalid_argument(shared_collector, body):
    counting = Counting(shared_collector, REFUSED)
    answer = clients.call(shared_collector, body)
    assert answer.code == grpc.StatusCode.INVALID_ARGUMENT
    assert answer.message
    counting.assert_only(1, receiver="otlp_grpc", reason="undecodable")


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_corrupt_compressed_body_is_400(shared_collector, content_type):
    counting = Counting(shared_collector, REFUSED)
    broken = gzip.compress(telemetry.simple_request(51)[1].SerializeToString())[:-9]
    answer = clients.post(shared_collector, broken, content_type, Content_Encoding="gzip")
    assert answer.status_code == 400
    assert "gzip" in status_of(answer).message
    counting.assert_only(1, receiver="otlp_http", reason="corrupt_encoding")


def test_an_unknown_content_encoding_is_415(shared_collector):
    counting = Counting(shared_collector, REFUSED)
    answer = clients.post(shared_collector, b"x", Content_Encoding="brotli")
    assert answer.status_code == 415
    counting.assert_only(1, receiver="otlp_http", reason="unsupported_encoding")


def padded_request(size: int, seed: int) -> bytes:
    """A valid request of exactly so many bytes."""
    _, request = telemetry.simple_request(seed)
    body = request.SerializeToString()
    # An unknown field of the request costs nothing to decode; its header takes two bytes of key and four of length.
    return body + wire.varint(900 << 3 | wire.BYTES) + _four_byte_length(size - len(body) - 6)


def _four_byte_length(count: int) -> bytes:
    length = bytes([count & 0x7F | 0x80, count >> 7 & 0x7F | 0x80, count >> 14 & 0x7F | 0x80, count >> 21 & 0x7F])
    return length + bytes(count)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_over_the_limit_is_413_and_one_at_it_is_taken(shared_collector, encoding):
    compress = gzip.compress if encoding == "gzip" else bytes
    at, over = padded_request(HTTP_BYTES_MAX, 52), padded_request(HTTP_BYTES_MAX + 1, 53)
    assert (len(at), len(over)) == (HTTP_BYTES_MAX, HTTP_BYTES_MAX + 1)
    counting = Counting(shared_collector, REFUSED)
    assert clients.post(shared_collector, compress(at), Content_Encoding=encoding).status_code == 200
    answer = clients.post(shared_collector, compress(over), Content_Encoding=encoding)
    assert answer.status_code == 413
    assert "20971520" in status_of(answer).message
    assert "Retry-After" not in answer.headers
    counting.assert_only(1, receiver="otlp_http", reason="too_large")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_resource_exhausted_for_good(shared_collector, compression):
    at, over = padded_request(GRPC_BYTES_MAX, 54), padded_request(GRPC_BYTES_MAX + 1, 55)
    counting = Counting(shared_collector, REFUSED)
    assert clients.call(shared_collector, at, compression=compression).code == grpc.StatusCode.OK
    answer = clients.call(shared_collector, over, compression=compression)
    assert answer.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert answer.retry_delay_seconds is None, "a client would send the same message again"
    counting.assert_only(1, receiver="otlp_grpc", reason="too_large")


def test_the_size_limits_are_configurable(new_collector):
    protocols = {"http": {"max_request_body_size": 2048}, "grpc": {"max_recv_msg_size_mib": 1}}
    collector = new_collector({"receivers": {"otlp": {"protocols": protocols}}}).start()
    assert clients.post(collector, telemetry.simple_request(56, spans=3)[1].SerializeToString()).status_code == 200
    assert clients.post(collector, telemetry.simple_request(57, spans=90)[1].SerializeToString()).status_code == 413
    assert clients.call(collector, padded_request((1 << 20) + 1, 58)).code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_a_wrong_method_is_405(shared_collector, method):
    counting = Counting(shared_collector, REFUSED)
    answer = requests.request(method, shared_collector.url("otlp_http", "/v1/traces"), timeout=REQUEST_SECONDS)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    counting.assert_only(1, receiver="otlp_http", reason="wrong_method")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/protobuf", "application/jsonx", ""])
def test_a_wrong_content_type_is_415(shared_collector, content_type):
    counting = Counting(shared_collector, REFUSED)
    answer = clients.post(shared_collector, telemetry.simple_request(59)[1].SerializeToString(), content_type)
    assert answer.status_code == 415
    counting.assert_only(1, receiver="otlp_http", reason="wrong_content_type")


@pytest.mark.parametrize("content_type, empty", [(PROTOBUF, b""), (JSON, b"{}")])
def test_an_empty_body_is_200(shared_collector, content_type, empty):
    counting = Counting(shared_collector, REFUSED)
    for body in {b"", empty}:
        answer = clients.post(shared_collector, body, content_type)
        assert (answer.status_code, answer.content) == (200, empty), body
    counting.assert_only(0)


def test_an_empty_message_is_ok(shared_collector):
    answer = clients.call(shared_collector, b"")
    assert (answer.code, answer.response) == (grpc.StatusCode.OK, ExportTraceServiceResponse())


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_signals_that_are_not_built_are_told_where_traces_go(shared_collector, signal):
    answer = clients.post(shared_collector, b"", path=f"/v1/{signal}")
    assert answer.status_code == 404
    assert "/v1/traces" in answer.text
    service = signal.capitalize()
    method = f"/opentelemetry.proto.collector.{signal}.v1.{service}Service/Export"
    assert clients.call(shared_collector, b"", method=method).code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["/no.such.Service/Export", clients.EXPORT + "s"])
def test_an_unknown_grpc_method_is_unimplemented(shared_collector, method):
    assert clients.call(shared_collector, b"", method=method).code == grpc.StatusCode.UNIMPLEMENTED


def http2_status(collector, *arguments: str) -> int:
    """Status of a plain HTTP/2 request to the gRPC port; gRPC clients cannot be made to send such."""
    url = collector.url("otlp_grpc", clients.EXPORT)
    command = ["curl", "--silent", "--http2-prior-knowledge", "--max-time", "10", "--output", os.devnull]
    result = subprocess.run(
        [*command, "--write-out", "%{http_code}", *arguments, url], capture_output=True, text=True)
    assert result.returncode == 0, f"curl: {result.returncode} {result.stderr}"
    return int(result.stdout)


def test_a_wrong_content_type_on_the_grpc_port_is_415(shared_collector):
    assert http2_status(shared_collector, "--request", "POST", "--header", "Content-Type: application/json") == 415


def test_a_wrong_method_on_the_grpc_port_is_405(shared_collector):
    assert http2_status(shared_collector, "--get", "--header", "Content-Type: application/grpc") == 405


# MARK: single spans


def many(count: int) -> dict:
    return {f"k{index}": index for index in range(count)}


def spread(ids, trace_id, name: str, per_place: int) -> Span:
    """Attributes on the span, on an event and on a link count together."""
    made = telemetry.span(ids, trace_id, name, attributes=many(per_place))
    made.events.add(name="e").attributes.extend(telemetry.attributes(many(per_place)))
    made.links.add(trace_id=trace_id, span_id=b"linked00").attributes.extend(telemetry.attributes(many(per_place)))
    return made


def with_field(field: str, value: bytes):
    def change(ids, trace_id, name):
        made = telemetry.span(ids, trace_id, name)
        setattr(made, field, value)
        return made

    return change


def with_attributes(pairs: dict):
    return lambda ids, trace_id, name: telemetry.span(ids, trace_id, name, attributes=pairs)


REJECTED_SPANS = {
    "short trace id": ("invalid_trace_id", with_field("trace_id", b"123456789012345")),
    "long trace id": ("invalid_trace_id", with_field("trace_id", b"12345678901234567")),
    "no trace id": ("invalid_trace_id", with_field("trace_id", b"")),
    "zero trace id": ("invalid_trace_id", with_field("trace_id", bytes(16))),
    "short span id": ("invalid_span_id", with_field("span_id", b"1234567")),
    "long span id": ("invalid_span_id", with_field("span_id", b"123456789")),
    "no span id": ("invalid_span_id", with_field("span_id", b"")),
    "zero span id": ("invalid_span_id", with_field("span_id", bytes(8))),
    "short parent id": ("invalid_parent_span_id", with_field("parent_span_id", b"1")),
    "long parent id": ("invalid_parent_span_id", with_field("parent_span_id", b"123456789")),
    "16,385 attributes": ("attribute_count", with_attributes(many(16_385))),
    "16,386 in three places": ("attribute_count", lambda *of: spread(*of, per_place=5462)),
}
KEPT_SPANS = {
    "16,384 attributes": with_attributes(many(16_384)),
    "16,383 in three places": lambda *of: spread(*of, per_place=5461),
}


def mixed_request(seed: int, make):
    """A request whose middle span is made by `make`, and the same request without it."""
    ids = telemetry.Identifiers(seed)
    trace_id = ids.trace_id()
    before, after = (telemetry.span(ids, trace_id, name) for name in ("before", "after"))
    odd = make(ids, trace_id, "odd")
    return trace_id, telemetry.export_request([before, odd, after]), telemetry.export_request([before, after])


@pytest.mark.parametrize("case", REJECTED_SPANS)
@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
def test_a_bad_span_is_rejected_alone_over_http(shared_collector, encoding, case):
    reason, make = REJECTED_SPANS[case]
    trace_id, request, rest = mixed_request(telemetry.seed_of(case, encoding), make)
    counting = Counting(shared_collector, REJECTED)
    body = request.SerializeToString()
    if encoding == JSON:
        body = json.dumps(otlp_json.from_request(request)).encode()
    answer = clients.post(shared_collector, body, encoding)
    assert answer.status_code == 200
    if encoding == JSON:
        partial = answer.json()["partialSuccess"]
        assert (partial["rejectedSpans"], set(partial)) == ("1", {"rejectedSpans", "errorMessage"})
        message = partial["errorMessage"]
    else:
        response = ExportTraceServiceResponse.FromString(answer.content)
        assert response.partial_success.rejected_spans == 1
        message = response.partial_success.error_message
    assert message.startswith("1 rejected: ")
    counting.assert_only(1, receiver="otlp_http", reason=reason)
    assert_same_spans(otlp_json.to_request(shared_collector.trace(trace_id)), rest)


@pytest.mark.parametrize("case", REJECTED_SPANS)
def test_a_bad_span_is_rejected_alone_over_grpc(shared_collector, case):
    reason, make = REJECTED_SPANS[case]
    trace_id, request, rest = mixed_request(telemetry.seed_of(case, "grpc"), make)
    counting = Counting(shared_collector, REJECTED)
    answer = clients.call(shared_collector, request.SerializeToString())
    assert answer.code == grpc.StatusCode.OK, answer
    assert answer.response.partial_success.rejected_spans == 1
    assert answer.response.partial_success.error_message.startswith("1 rejected: ")
    counting.assert_only(1, receiver="otlp_grpc", reason=reason)
    assert_same_spans(otlp_json.to_request(shared_collector.trace(trace_id)), rest)


@pytest.mark.parametrize("case", KEPT_SPANS)
def test_a_span_at_a_limit_is_kept(shared_collector, case):
    trace_id, request, _ = mixed_request(telemetry.seed_of(case, "kept"), KEPT_SPANS[case])
    counting = Counting(shared_collector, REJECTED)
    clients.send(shared_collector, request)
    counting.assert_only(0)
    assert_same_spans(otlp_json.to_request(shared_collector.trace(trace_id)), request)


def test_a_parent_id_of_zeros_is_no_parent(new_collector, sink):
    collector = new_collector(forwarding(sink)).start()
    trace_id, request, _ = mixed_request(68, with_field("parent_span_id", bytes(8)))
    clients.send(collector, request)
    sink.wait_for_spans(3)
    assert_same_spans(sink.exports(), request)
    collector.trace(trace_id)
    trace = collector.query(f"/api/traces/{trace_id.hex()}").json()["data"][0]
    assert [span["references"] for span in trace["spans"]] == [[], [], []]


# Protobuf libraries refuse to build such values, so these are made by hand.


def nested_protobuf(levels: int, trace_id: bytes) -> bytes:
    value = wire.bytes_field(1, b"bottom")
    for _ in range(levels):
        value = wire.bytes_field(5, wire.bytes_field(1, value))
    made = telemetry.span(telemetry.Identifiers(levels), trace_id, "deep").SerializeToString()
    made += wire.bytes_field(9, wire.bytes_field(1, b"deep") + wire.bytes_field(2, value))
    return wire.bytes_field(1, wire.bytes_field(2, wire.bytes_field(2, made)))


def nested_json(levels: int, trace_id: bytes) -> bytes:
    value = {"stringValue": "bottom"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    request = telemetry.export_request([telemetry.span(telemetry.Identifiers(levels), trace_id, "deep")])
    document = otlp_json.from_request(request)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [{"key": "deep", "value": value}]
    return json.dumps(document).encode()


def levels_of(span: dict) -> int:
    (attribute,) = span["attributes"]
    value, levels = attribute["value"], 0
    while "arrayValue" in value:
        (value,), levels = value["arrayValue"]["values"], levels + 1
    assert value == {"stringValue": "bottom"}
    return levels


@pytest.mark.parametrize("levels, rejected", [(64, 0), (65, 1)])
@pytest.mark.parametrize("transport", ["otlp_http", "otlp_grpc", "json"])
def test_attribute_values_may_be_64_levels_deep(shared_collector, transport, levels, rejected):
    trace_id = telemetry.Identifiers(telemetry.seed_of("depth", transport, str(levels))).trace_id()
    counting = Counting(shared_collector, REJECTED)
    body = nested_json(levels, trace_id) if transport == "json" else nested_protobuf(levels, trace_id)
    if transport == "otlp_grpc":
        response = clients.call(shared_collector, body).response
    elif transport == "otlp_http":
        response = ExportTraceServiceResponse.FromString(clients.post(shared_collector, body).content)
    else:
        answer = clients.post(shared_collector, body, JSON)
        response = json_format.ParseDict(answer.json(), ExportTraceServiceResponse())
    assert response.partial_success.rejected_spans == rejected
    receiver = "otlp_grpc" if transport == "otlp_grpc" else "otlp_http"
    counting.assert_only(rejected, receiver=receiver, reason="attribute_depth")
    if not rejected:
        document = shared_collector.trace(trace_id)
        assert levels_of(document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]) == levels


def test_several_reasons_are_told_and_counted_each(shared_collector):
    ids = telemetry.Identifiers(60)
    trace_id = ids.trace_id()
    good = telemetry.span(ids, trace_id, "good")
    bad = [make(ids, trace_id, case) for case, (_, make) in REJECTED_SPANS.items() if "id" in case]
    before = shared_collector.metrics()
    answer = clients.post(shared_collector, telemetry.export_request([*bad, good]).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == len(bad) == 10
    now = shared_collector.metrics()
    for reason, count in {"invalid_trace_id": 4, "invalid_span_id": 4, "invalid_parent_span_id": 2}.items():
        assert now.total(REJECTED, reason=reason) - before.total(REJECTED, reason=reason) == count
        assert f"{count} rejected: {reason.removeprefix('invalid_')}" in partial.error_message
    assert_same_spans(otlp_json.to_request(shared_collector.trace(trace_id)), telemetry.export_request([good]))


def test_a_request_of_rejected_spans_alone_is_a_partial_success(shared_collector):
    ids = telemetry.Identifiers(61)
    bad = telemetry.span(ids, bytes(16), "bad")
    body = telemetry.export_request([bad, bad]).SerializeToString()
    answer = clients.post(shared_collector, body)
    assert answer.status_code == 200
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 2


def test_hostile_nesting_is_refused_and_the_collector_lives(shared_collector):
    """10,000 levels cost 70 kB on the wire and would overflow any stack that follows them."""
    value = b""
    for _ in range(10_000):
        value = wire.bytes_field(5, wire.bytes_field(1, value))
    ids = telemetry.Identifiers(62)
    trace_id = ids.trace_id()
    good = telemetry.span(ids, trace_id, "good")
    bad = telemetry.span(ids, trace_id, "bad").SerializeToString()
    bad += wire.bytes_field(9, wire.bytes_field(1, b"deep") + wire.bytes_field(2, value))
    scope_spans = wire.bytes_field(2, bad) + wire.bytes_field(2, good.SerializeToString())
    body = wire.bytes_field(1, wire.bytes_field(2, scope_spans))
    for answer in [clients.post(shared_collector, body), clients.call(shared_collector, body)]:
        content = getattr(answer, "content", None)
        response = answer.response if content is None else ExportTraceServiceResponse.FromString(content)
        assert response.partial_success.rejected_spans == 1
    nested = b'{"resourceSpans":' + b"[" * 100_000
    assert clients.post(shared_collector, nested, JSON).status_code == 400
    assert shared_collector.get("health", "/").status_code == 200


# MARK: spans that are odd and kept


def test_an_end_before_the_start_is_kept_with_duration_zero(new_collector):
    collector = new_collector().start()
    ids = telemetry.Identifiers(63)
    trace_id = ids.trace_id()
    backwards = telemetry.span(ids, trace_id, "backwards", milliseconds=-250)
    request = telemetry.export_request([backwards])
    counting = Counting(collector, NOTED)
    clients.send(collector, request)
    counting.assert_only(1, receiver="otlp_http", reason="end_before_start")
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert collector.query(f"/api/traces/{trace_id.hex()}").json()["data"][0]["spans"][0]["duration"] == 0
    derived = collector.derived()
    assert derived.total("traces_span_metrics_duration_milliseconds_count", span_name="backwards") == 1
    assert derived.total("traces_span_metrics_duration_milliseconds_sum", span_name="backwards") == 0
    assert derived.total("traces_span_metrics_duration_milliseconds_bucket", span_name="backwards", le="2") == 1


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_invalid_utf8_is_kept_byte_for_byte_and_shown_as_replacement(new_collector, sink, transport):
    collector = new_collector(forwarding(sink)).start()
    ids = telemetry.Identifiers(64)
    trace_id = ids.trace_id()
    garbled = b"caf\xe9 \xf0\x9f\x92 \xed\xa0\x80!"
    base = Span(trace_id=trace_id, span_id=ids.span_id(), start_time_unix_nano=telemetry.now()).SerializeToString()
    attribute = wire.bytes_field(1, b"k\xff") + wire.bytes_field(2, wire.bytes_field(1, garbled))
    raw = base + wire.bytes_field(5, garbled) + wire.bytes_field(9, attribute)
    body = wire.bytes_field(1, wire.bytes_field(2, wire.bytes_field(2, raw)))
    if transport == "http":
        clients.send(collector, body)
    else:
        assert clients.call(collector, body).code == grpc.StatusCode.OK
    assert collector.metrics().total(NOTED, reason="invalid_utf8", receiver=f"otlp_{transport}") == 1
    sink.wait_for_spans(1)
    assert wire.raw_spans(sink.bodies()[0]) == [raw]
    span = collector.trace(trace_id)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    # What Unicode recommends: one U+FFFD for each maximal part of an ill-formed sequence.
    shown = garbled.decode("utf-8", "replace")
    assert span["name"] == shown
    assert span["attributes"] == [{"key": "k\ufffd", "value": {"stringValue": shown}}]
    assert collector.query(f"/api/traces/{trace_id.hex()}").json()["data"][0]["spans"][0]["operationName"] == shown


FAR_OFF = {
    "two hours ahead": 2 * 3600,
    "a year ahead": 365 * 86_400,
    "forty days behind": -40 * 86_400,
    "at the epoch": None,
    "at the end of time": None,
}


@pytest.mark.parametrize("case", FAR_OFF)
def test_a_time_far_off_is_kept_counted_and_found(shared_collector, case):
    ids = telemetry.Identifiers(telemetry.seed_of(case, "time"))
    trace_id = ids.trace_id()
    offset = FAR_OFF[case]
    start = telemetry.now() + offset * telemetry.SECOND if offset else 1
    made = telemetry.span(ids, trace_id, case, start=start, milliseconds=1)
    if case == "at the end of time":
        made.start_time_unix_nano = made.end_time_unix_nano = 2**64 - 1
    request = telemetry.export_request([made])
    counting = Counting(shared_collector, NOTED)
    clients.send(shared_collector, request)
    counting.assert_only(1, receiver="otlp_http", reason="out_of_range_time")
    assert_same_spans(otlp_json.to_request(shared_collector.trace(trace_id)), request)


@pytest.mark.parametrize("seconds", [-29 * 86_400, 3000])
def test_a_time_within_reason_is_not_remarked_upon(shared_collector, seconds):
    counting = Counting(shared_collector, NOTED)
    ids = telemetry.Identifiers(65)
    made = telemetry.span(ids, ids.trace_id(), start=telemetry.now() + seconds * telemetry.SECOND)
    clients.send(shared_collector, telemetry.export_request([made]))
    counting.assert_only(0)


# MARK: what the totals say


def test_accepted_and_refused_add_up(new_collector):
    collector = new_collector().start()
    clients.send(collector, telemetry.simple_request(66, spans=4)[1])
    assert clients.call(collector, telemetry.simple_request(67, spans=5)[1].SerializeToString()).code.value[0] == 0
    assert clients.post(collector, b"\xff").status_code == 400
    metrics = collector.metrics()
    assert metrics.total("otelcol_receiver_accepted_spans_total", receiver="otlp_http", transport="http") == 4
    assert metrics.total("otelcol_receiver_accepted_spans_total", receiver="otlp_grpc", transport="grpc") == 5
    assert metrics.total("skein_receiver_requests_total", receiver="otlp_http") == 2
    assert metrics.total("skein_receiver_requests_total", receiver="otlp_grpc") == 1
    assert metrics.total("otelcol_receiver_refused_spans_total") == 0
