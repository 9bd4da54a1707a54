"""A target: takes `/v1/traces`, or another path, as any OTLP/HTTP backend does, and misbehaves on request."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import wire
from waiting import eventually


@dataclass
class Answer:
    """What the target says to one request; anything but 200 means that it did not take it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @staticmethod
    def failure(status: int, message: str, **headers: str) -> "Answer":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(status, named, Status(message=message).SerializeToString())


Decide = Callable[[bytes], Answer]


def take(_: bytes) -> Answer:
    return Answer()


class Sink:
    """Listens on a loopback port of its own until `close`; `decide` answers each decompressed body.

    Bodies are kept as they came and parsed only when asked for, so that a fast collector is not slowed down.
    """

    def __init__(self, path: str = "/v1/traces", tls: ssl.SSLContext | None = None):
        self.path = path
        self._tls = tls
        self.decide: Decide = take
        self.taken: list[bytes] = []
        self.requests: list[tuple[int, dict[str, str]]] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.open()

    # MARK: being reachable

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self._port}" if self._tls else f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listens, after the first time on the port that it had."""
        self._server = _Server(("127.0.0.1", self._port), self)
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def refuse_connections(self) -> None:
        """Connections are refused from now on, and those that are open are cut."""
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            self.refuse_connections()

    # MARK: what came

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        answer = self.decide(body)
        with self._lock:
            self.requests.append((answer.status, headers))
            if answer.status == 200:
                self.taken.append(body)
        return answer

    def bodies(self) -> list[bytes]:
        with self._lock:
            return list(self.taken)

    def statuses(self) -> list[int]:
        with self._lock:
            return [status for status, _ in self.requests]

    def exports(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies()]

    def span_ids(self) -> list[bytes]:
        return [span_id(span) for body in self.bodies() for span in wire.raw_spans(body)]

    def wait_for_spans(self, count: int, seconds: float = 15.0) -> None:
        """Waits until so many spans were taken, repeated ones counted again."""

        def enough() -> None:
            have = len(self.span_ids())
            assert have >= count, f"the target has {have} of {count} spans; its answers: {self.statuses()[-20:]}"

        eventually(enough, seconds)


def span_id(raw_span: bytes) -> bytes:
    return next(payload for number, _, payload, _ in wire.fields(raw_span) if number == 2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: Sink):
        self.sink = sink
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self):
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def handle_error(self, request, client_address):
        pass  # a collector that was killed leaves connections behind; what it sent is what tests look at


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path != self.server.sink.path or self.headers.get("Content-Type") != "application/x-protobuf":
            answer = Answer(404)
        else:
            answer = self.server.sink.answer(body, dict(self.headers.items()))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format, *arguments):
        pass
