"""W3C Trace Context level 2 through real HTTP: what the SDK's echo service sends on for each request it gets.

The cases stand by section of the specification (https://www.w3.org/TR/trace-context-2/).
"""

import http.client
import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import harness

ECHO = harness.BINARY.parent / "trace-context-echo"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"
OUTGOING = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

Headers = list[tuple[str, str]]


class Target:
    """Takes what the echo service sends and keeps the headers."""

    def __init__(self):
        self.requests: list[tuple[Headers, bytes]] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target.requests.append(([(name.lower(), value) for name, value in self.headers.items()], body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/callback"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Echo:
    """The service as a process, until `close`."""

    def __init__(self, variables: dict[str, str] | None = None):
        self.target = Target()
        self.process = subprocess.Popen(
            [ECHO, "--port", "0"], stderr=subprocess.PIPE, text=True, env=harness.environment() | (variables or {})
        )
        line = self.process.stderr.readline()
        match = re.fullmatch(r"listening trace-context-echo 127\.0\.0\.1:(\d+)\n", line)
        assert match, f"the service said {line!r}"
        self.port = int(match[1])
        # Nobody else reads what it says later, and a full pipe would stop it.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def send(self, headers: Headers, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.REQUEST_SECONDS)
        connection.putrequest("POST", "/test")
        for name, value in headers:
            connection.putheader(name, value.encode("latin-1"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def callbacks(self, headers: Headers, count: int = 1) -> list[Headers]:
        """What arrives for one request that asks for `count` callbacks."""
        self.target.requests.clear()
        body = json.dumps([{"url": self.target.url, "arguments": [number]} for number in range(count)])
        status, answer = self.send(headers, body.encode())
        assert status == 200, answer
        assert [json.loads(body) for _, body in self.target.requests] == [[number] for number in range(count)]
        return [headers for headers, _ in self.target.requests]

    def context(self, headers: Headers) -> tuple[str, str, str, str | None]:
        """Trace id, parent id, flags and tracestate of what arrives."""
        arrived = self.callbacks(headers)[0]
        parents = [value for name, value in arrived if name == "traceparent"]
        states = [value for name, value in arrived if name == "tracestate"]
        assert len(parents) == 1 and len(states) <= 1, arrived
        match = OUTGOING.fullmatch(parents[0])
        assert match, parents[0]
        assert int(match[1], 16) and int(match[2], 16)
        return match[1], match[2], match[3], states[0] if states else None

    def close(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=harness.STOP_SECONDS)
        self.process.stderr.close()
        self.target.close()
        return code


@pytest.fixture(scope="module")
def echo():
    service = Echo()
    yield service
    assert service.close() == 0


# MARK: traceparent


@pytest.mark.parametrize(
    "header, flags",
    [
        (VALID, "01"),
        (f"00-{TRACE}-{PARENT}-00", "00"),
        # 3.2.2.5: flags that are defined travel on, others are sent as zero
        (f"00-{TRACE}-{PARENT}-02", "02"),
        (f"00-{TRACE}-{PARENT}-03", "03"),
        (f"00-{TRACE}-{PARENT}-ff", "03"),
        (f"00-{TRACE}-{PARENT}-fc", "00"),
        # 3.2.4: later versions
        (f"cc-{TRACE}-{PARENT}-01", "01"),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-brings", "01"),
        (f"fe-{TRACE}-{PARENT}-01-", "01"),
        # RFC 9110, 5.5: white space around a field
        (f"  {VALID}", "01"),
        (f"\t{VALID}", "01"),
        (f"{VALID} ", "01"),
        (f"\t {VALID} \t", "01"),
    ],
)
def test_valid_traceparent_goes_on(echo, header, flags):
    trace, parent, outgoing, _ = echo.context([("traceparent", header)])
    assert (trace, outgoing) == (TRACE, flags)
    # 3.4: a trace that nobody here records passes through as it is; else the callback has a span of its own.
    assert (parent == PARENT) == (int(flags, 16) & 1 == 0)


@pytest.mark.parametrize("name", ["traceparent", "TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_name_of_the_header_may_have_any_case(echo, name):
    assert echo.context([(name, VALID)])[0] == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"000-{TRACE}-{PARENT}-01",
        f".0-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-.{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT[1:]}-01",
        f"00-{TRACE}-{PARENT}0-01",
        f"00-{TRACE}-{PARENT[1:]}.-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-001",
        f"00-{TRACE}-{PARENT}-.0",
        f"00-{TRACE}-{PARENT}-0A",
        f"{VALID}.",
        f"{VALID}-what-the-future-brings",
        f"cc-{TRACE}-{PARENT}-01.what-the-future-brings",
        f"00-{TRACE}-{PARENT} -01",
        f"00-{TRACE}-{PARENT}-01\xe9",
    ],
)
def test_invalid_traceparent_starts_a_new_trace_without_tracestate(echo, header):
    trace, _, flags, state = echo.context([("traceparent", header), ("tracestate", "a=1")])
    assert trace != TRACE and TRACE not in trace and trace[1:] != TRACE[1:]
    assert (flags, state) == ("03", None)


def test_several_traceparents_are_invalid(echo):
    for second in [VALID, VALID.replace("0a", "0b"), f"cc-{TRACE}-{PARENT}-01-x", ""]:
        for headers in ([VALID, second], [second, VALID]):
            trace, _, _, state = echo.context([("traceparent", value) for value in headers] + [("tracestate", "a=1")])
            assert trace != TRACE and state is None, headers


def test_other_names_are_not_the_header(echo):
    assert echo.context([("trace-parent", VALID)])[0] != TRACE
    assert echo.context([("trace.parent", VALID)])[0] != TRACE
    assert echo.context([("traceparent", VALID), ("trace-state", "a=1"), ("trace.state", "b=1")])[3] is None


def test_no_headers_start_a_sampled_trace_with_a_random_id(echo):
    trace, _, flags, state = echo.context([])
    assert (flags, state) == ("03", None)
    assert echo.context([("tracestate", "a=1")])[3] is None
    assert echo.context([])[0] != trace


# MARK: tracestate

MEMBERS_32 = ",".join(f"k{number}=v" for number in range(32))
KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE_CHARACTERS = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")


@pytest.mark.parametrize(
    "headers, expected",
    [
        (["a=1,b=2"], "a=1,b=2"),
        # 3.3.1.1: several headers are one list in their order; empty ones and empty members count for nothing
        (["a=1,b=2", "c=3,d=4", "e=5"], "a=1,b=2,c=3,d=4,e=5"),
        ([""], None),
        (["a=1", ""], "a=1"),
        (["", "a=1"], "a=1"),
        (["a=1,,b=2,"], "a=1,b=2"),
        (["a=1 \t , \t b=2, \t c=3"], "a=1,b=2,c=3"),
        ([" a=1"], "a=1"),
        (["\ta=1 \t"], "a=1"),
        # 3.3.1.2 and 3.3.1.5: 32 members, and far over 512 characters
        ([MEMBERS_32], MEMBERS_32),
        (MEMBERS_32.split(",k16=")[:1] + ["k16=" + MEMBERS_32.split(",k16=")[1]], MEMBERS_32),
        ([f"a={'v' * 256},b={'w' * 256},c=1"], f"a={'v' * 256},b={'w' * 256},c=1"),
        # 3.3.1.3: keys and values
        ([f"{'z' * 256}=1"], f"{'z' * 256}=1"),
        ([f"{'t' * 241}@{'s' * 14}=1"], f"{'t' * 241}@{'s' * 14}=1"),
        ([f"{KEY_CHARACTERS}@a-z0-9_-*/=1,0a=1"], f"{KEY_CHARACTERS}@a-z0-9_-*/=1,0a=1"),
        ([f"a={VALUE_CHARACTERS}"], f"a={VALUE_CHARACTERS}"),
        # 3.3.1.4: one entry a key
        (["a=1,a=1"], "a=1"),
        (["a=1,b=2", "a=3"], "a=1,b=2"),
    ],
)
def test_valid_tracestate_goes_on(echo, headers, expected):
    context = echo.context([("traceparent", VALID)] + [("tracestate", value) for value in headers])
    assert (context[0], context[3]) == (TRACE, expected)


@pytest.mark.parametrize(
    "headers",
    [
        [f"{MEMBERS_32},k32=v"],
        [MEMBERS_32, "k32=v"],
        ["a"],
        ["=1"],
        ["a="],
        ["ok=1,bad"],
        ["ok=1", "bad"],
        ["foo =1"],
        ["FOO=1"],
        ["foo.bar=1"],
        ["@foo=1,bar=2"],
        ["foo@=1,bar=2"],
        ["foo@@bar=1,bar=2"],
        ["foo=1", f"{'z' * 257}=1"],
        ["foo=1", f"{'t' * 242}@v=1"],
        ["foo=1", f"t@{'v' * 15}=1"],
        ["a=1=2"],
        ["a=1\t2"],
        ["a=caf\xe9"],
        [f"a={'v' * 257}"],
    ],
)
def test_invalid_tracestate_is_dropped_and_the_trace_goes_on(echo, headers):
    context = echo.context([("traceparent", VALID)] + [("tracestate", value) for value in headers])
    assert (context[0], context[3]) == (TRACE, None)


def test_name_of_tracestate_may_have_any_case(echo):
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"]:
        assert echo.context([("traceparent", VALID), (name, "a=1")])[3] == "a=1"


# MARK: several callbacks


@pytest.mark.parametrize("header, keeps_trace", [(VALID, True), (None, False), (f"00-{'0' * 32}-{PARENT}-01", False)])
def test_every_callback_has_the_trace_and_a_parent_of_its_own(echo, header, keeps_trace):
    arrived = echo.callbacks([("traceparent", header)] if header else [], count=3)
    parents = [OUTGOING.fullmatch(dict(headers)["traceparent"]) for headers in arrived]
    assert len({match[2] for match in parents}) == 3
    assert len({match[1] for match in parents}) == 1
    assert (parents[0][1] == TRACE) == keeps_trace


# MARK: other formats, and the service itself


def test_baggage_goes_on_beside_the_trace(echo):
    arrived = dict(echo.callbacks([("baggage", "a=1;p=x,bad"), ("baggage", " b = caf%C3%A9 ")])[0])
    assert arrived["baggage"] == "a=1;p=x,b=caf%C3%A9"


def test_formats_of_the_environment_are_spoken():
    echo = Echo({"OTEL_PROPAGATORS": "b3multi,jaeger,b3", "OTEL_TRACES_SAMPLER": "parentbased_always_off"})
    try:
        arrived = dict(echo.callbacks([("X-B3-TraceId", TRACE), ("X-B3-SpanId", PARENT), ("X-B3-Flags", "1")])[0])
        span = arrived["x-b3-spanid"]
        assert arrived["x-b3-traceid"] == TRACE and arrived["x-b3-flags"] == "1" and span != PARENT
        assert arrived["b3"] == f"{TRACE}-{span}-d"
        assert arrived["uber-trace-id"] == f"{TRACE}:{span}:0:3"
        assert "traceparent" not in arrived
        assert dict(echo.callbacks([("b3", "1")])[0])["b3"].endswith("-1")
        assert dict(echo.callbacks([])[0])["b3"].endswith("-0")
    finally:
        assert echo.close() == 0


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b'[{"url": "http://h"}]', b'[{"url": "file:///etc/passwd", "arguments": []}]']
)
def test_malformed_list_is_answered_with_400(echo, body):
    status, answer = echo.send([], body)
    assert status == 400 and b"expected" in answer


def test_callback_without_an_answer_is_answered_with_502(echo):
    target = Target()
    target.close()
    status, answer = echo.send([], json.dumps([{"url": target.url, "arguments": []}]).encode())
    assert status == 502 and target.url.encode() in answer.replace(b"\\/", b"/")
