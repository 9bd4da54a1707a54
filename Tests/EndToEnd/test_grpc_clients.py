"""OTLP over gRPC as clients other than grpcio speak it: grpclib, which is Python and h2 throughout, and curl on nghttp2.

They frame, flow-control and time a call each in their own way, and differ from C-core in all three.
"""

import asyncio
import gzip
import struct
import subprocess
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpclib import GRPCError, Status
from grpclib.client import Channel
from grpclib.const import Cardinality
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

import otlp_json
import telemetry
from clients import EXPORT
from comparison import assert_same_spans
from harness import REQUEST_SECONDS
from test_limits import health
from waiting import eventually

MEBIBYTE = 1 << 20
ACCEPTED = "otelcol_receiver_accepted_spans_total"


def padded_request(seed: int, size: int) -> tuple[bytes, ExportTraceServiceRequest]:
    """A request of exactly `size` bytes, and the id of its only trace."""

    def request(padding: int) -> ExportTraceServiceRequest:
        ids = telemetry.Identifiers(seed)
        chunks = {f"pad.{index}": "x" * 60_000 for index in range(padding // 60_000)}
        padded = telemetry.span(ids, ids.trace_id(), attributes=chunks | {"rest": "y" * (padding % 60_000)})
        return telemetry.export_request([padded])

    padding = size - request(0).ByteSize()
    while (made := request(padding)).ByteSize() != size:
        padding += size - made.ByteSize()
    return telemetry.Identifiers(seed).trace_id(), made


# MARK: grpclib


class Exporter:
    """One grpclib connection to a collector."""

    def __init__(self, collector):
        host, port = collector.endpoints["otlp_grpc"]
        self._channel = Channel(host, port)

    async def __aenter__(self) -> "Exporter":
        return self

    async def __aexit__(self, *_) -> None:
        self._channel.close()

    async def export(
        self, request: ExportTraceServiceRequest, timeout: float = REQUEST_SECONDS
    ) -> ExportTraceServiceResponse:
        call = self._channel.request(
            EXPORT, Cardinality.UNARY_UNARY, ExportTraceServiceRequest, ExportTraceServiceResponse, timeout=timeout)
        async with call as stream:
            await stream.send_message(request, end=True)
            return await stream.recv_message()


def exporting(collector, *requests: ExportTraceServiceRequest) -> list[ExportTraceServiceResponse]:
    """All at once over one connection."""

    async def run() -> list[ExportTraceServiceResponse]:
        async with Exporter(collector) as exporter:
            return await asyncio.gather(*(exporter.export(request) for request in requests))

    return asyncio.run(run())


def refusal(collector, request: ExportTraceServiceRequest, timeout: float = REQUEST_SECONDS) -> GRPCError:
    async def run() -> GRPCError:
        async with Exporter(collector) as exporter:
            with pytest.raises(GRPCError) as caught:
                await exporter.export(request, timeout)
            return caught.value

    return asyncio.run(run())


def test_grpclib_exports(collector):
    trace_id, request = telemetry.simple_request(91)
    assert exporting(collector, request) == [ExportTraceServiceResponse()]
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)


def test_grpclib_brings_the_largest_message(collector):
    """4 MiB, the limit to the byte; it passes the 64 KiB windows that HTTP/2 begins with many times over."""
    trace_id, request = padded_request(92, 4 * MEBIBYTE)
    assert exporting(collector, request) == [ExportTraceServiceResponse()]
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    _, larger = padded_request(93, 4 * MEBIBYTE + 1)
    error = refusal(collector, larger)
    assert error.status is Status.RESOURCE_EXHAUSTED, error
    assert "4194304" in error.message
    assert not error.details, "a client would send it again"


def test_grpclib_has_many_streams_on_one_connection(collector):
    made = [telemetry.simple_request(seed, spans=20) for seed in range(94_000, 94_150)]
    answers = exporting(collector, *(request for _, request in made))
    assert answers == [ExportTraceServiceResponse()] * len(made)
    assert collector.metrics().total(ACCEPTED, receiver="otlp_grpc") == 20 * len(made)


def test_grpclib_reads_partial_success(collector):
    _, request = telemetry.simple_request(95)
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b""
    [answer] = exporting(collector, request)
    assert answer.partial_success.rejected_spans == 1
    assert "span_id" in answer.partial_success.error_message


def test_grpclib_reads_when_to_come_again(new_collector):
    """At its memory limit from the start: the limit is below what a process holds."""
    limiter = {"check_interval": "10ms", "limit_mib": 1024, "spike_limit_mib": 1023}
    collector = new_collector({"processors": {"memory_limiter": limiter}}).start()
    eventually(health(collector, 503))
    error = refusal(collector, telemetry.simple_request(96)[1])
    assert error.status is Status.RESOURCE_EXHAUSTED, error
    [detail] = error.details
    assert isinstance(detail, RetryInfo), detail
    assert detail.retry_delay.ToTimedelta().total_seconds() > 0


def test_a_deadline_that_has_passed_ends_the_call(collector):
    async def run() -> None:
        async with Exporter(collector) as exporter:
            with pytest.raises((asyncio.TimeoutError, GRPCError)) as caught:
                await exporter.export(telemetry.simple_request(97)[1], timeout=1e-6)
            if isinstance(caught.value, GRPCError):
                assert caught.value.status is Status.DEADLINE_EXCEEDED, caught.value
            # The connection is none the worse for it.
            assert await exporter.export(telemetry.simple_request(98)[1]) == ExportTraceServiceResponse()

    asyncio.run(run())


# MARK: curl


def curl(collector, directory: Path, message: bytes, encoding: str | None = None) -> tuple[dict[str, str], bytes]:
    """A call as curl makes it: its header fields, trailers among them, and the body of the answer."""
    body, head, answer = directory / "message", directory / "head", directory / "answer"
    flag = 0 if encoding is None else 1
    body.write_bytes(struct.pack(">BI", flag, len(message)) + message)
    command = ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*",
               "--max-time", str(REQUEST_SECONDS), "--data-binary", f"@{body}", "--dump-header", head,
               "--output", answer, "--header", "Content-Type: application/grpc", "--header", "TE: trailers",
               "--header", "Expect:"]  # fmt: skip
    if encoding is not None:
        command += ["--header", f"grpc-encoding: {encoding}"]
    command.append(f"http://{collector.address('otlp_grpc')}{EXPORT}")
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fields = [line.partition(": ") for line in head.read_text().splitlines() if ": " in line]
    return {name.lower(): value for name, _, value in fields}, answer.read_bytes() if answer.exists() else b""


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_curl_exports(collector, tmp_path, encoding):
    trace_id, request = telemetry.simple_request(99, spans=300)
    message = request.SerializeToString()
    fields, answer = curl(collector, tmp_path, gzip.compress(message) if encoding else message, encoding)
    assert fields["grpc-status"] == "0", fields
    assert answer == bytes(5), "an empty message behind its prefix"
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)


def test_curl_brings_a_bomb(collector, tmp_path):
    fields, _ = curl(collector, tmp_path, gzip.compress(bytes(64 * MEBIBYTE)), "gzip")
    assert fields["grpc-status"] == "8", fields
    assert "after decompression" in fields["grpc-message"]


def test_curl_is_told_what_is_wrong(collector, tmp_path):
    fields, _ = curl(collector, tmp_path, b"hello")
    assert fields["grpc-status"] == "3", fields
