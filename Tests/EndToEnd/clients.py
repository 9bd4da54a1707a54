"""Ways to bring an export request to a collector: plain HTTP, plain gRPC, and what each answered."""

from dataclasses import dataclass

import grpc
import requests
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from harness import REQUEST_SECONDS, Collector

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

# As large as any test sends; clients limit themselves otherwise.
_CHANNEL_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def post(
    collector: Collector, body: bytes, content_type: str | None = PROTOBUF, path: str = "/v1/traces", **headers: str
) -> requests.Response:
    """POST as it is; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        named["Content-Type"] = content_type
    return requests.post(collector.url("otlp_http", path), data=body, headers=named, timeout=REQUEST_SECONDS)


def send(collector: Collector, request: ExportTraceServiceRequest | bytes) -> None:
    """Exports over HTTP; the collector must take all of it."""
    body = request if isinstance(request, bytes) else request.SerializeToString()
    answer = post(collector, body)
    assert answer.status_code == 200, f"{answer.status_code} {answer.content!r}"
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse(), answer.content


@dataclass
class GRPCAnswer:
    code: grpc.StatusCode
    message: str = ""
    response: ExportTraceServiceResponse | None = None
    # Of the trailer `grpc-status-details-bin`, where there is one.
    details: Status | None = None

    @property
    def retry_delay_seconds(self) -> float | None:
        """What RetryInfo says; None without it."""
        for detail in self.details.details if self.details else []:
            info = RetryInfo()
            if detail.Unpack(info):
                return info.retry_delay.seconds + info.retry_delay.nanos / 1e9
        return None


def call(
    collector: Collector, message: bytes, method: str = EXPORT, compression: grpc.Compression | None = None
) -> GRPCAnswer:
    """One unary call with the message's bytes as they are."""
    with grpc.insecure_channel(collector.address("otlp_grpc"), options=_CHANNEL_OPTIONS) as channel:
        export = channel.unary_unary(
            method, request_serializer=bytes, response_deserializer=ExportTraceServiceResponse.FromString)
        try:
            response = export(message, timeout=REQUEST_SECONDS, compression=compression, wait_for_ready=True)
        except grpc.RpcError as error:
            return GRPCAnswer(error.code(), error.details() or "", details=_details(error))
        return GRPCAnswer(grpc.StatusCode.OK, response=response)


def _details(error: grpc.RpcError) -> Status | None:
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            return Status.FromString(value)
    return None
