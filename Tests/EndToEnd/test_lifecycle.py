"""Starting, draining and ending: what signals do, what health says meanwhile, and that nothing taken is lost."""

import signal
import threading
import time

import pytest
import requests

import clients
import telemetry
from comparison import assert_same_spans
from harness import LISTENERS, STOP_SECONDS, merged
from sink import Answer
from test_round_trip import forwarding
from waiting import eventually


def draining_collector(new_collector, sink, shutdown_timeout: str):
    """A collector in the middle of its drain, held there by a target that does not answer; and what lets it go."""
    release, reached = threading.Event(), threading.Event()

    def decide(_: bytes) -> Answer:
        reached.set()
        release.wait(STOP_SECONDS)
        return Answer()

    sink.decide = decide
    service = {"service": {"shutdown_timeout": shutdown_timeout}}
    collector = new_collector(merged(forwarding(sink), service)).start()
    request = telemetry.simple_request(6000)[1]
    clients.send(collector, request)
    assert reached.wait(10)
    collector.signal(signal.SIGTERM)
    collector.wait_message("^draining$")
    return collector, request, release


def test_every_listener_is_announced_before_ready(collector):
    announced = [line.split()[1] for line in collector.messages if line.startswith("listening ")]
    assert sorted(announced) == sorted(LISTENERS)
    assert collector.messages.index("ready") > max(
        index for index, line in enumerate(collector.messages) if line.startswith("listening "))


def test_a_listener_that_is_not_configured_is_not_there(new_collector):
    collector = new_collector()
    # Naming one protocol leaves out the other, as in the OpenTelemetry Collector.
    collector.arguments = ["--set", "receivers.otlp.protocols={http: {endpoint: '127.0.0.1:0'}}"]
    collector.start()
    assert collector.endpoints["otlp_grpc"] == ("127.0.0.1", 0)
    clients.send(collector, telemetry.simple_request(6001)[1])


@pytest.mark.parametrize("path", ["/", "/status"])
def test_health_is_200_when_ready(collector, path):
    answer = collector.get("health", path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "Server available"
    assert collector.metrics().total("skein_health") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_0(new_collector, sink, number):
    collector = new_collector(forwarding(sink)).start()
    batches = [telemetry.simple_request(seed)[1] for seed in range(6010, 6030)]
    for request in batches:
        clients.send(collector, request)
    collector.signal(number)
    assert collector.wait_exit() == 0
    assert_same_spans(sink.exports(), batches)
    assert collector.messages[-1] == "stopped"
    assert not any("ERROR" in line or "CRITICAL" in line for line in collector.messages), collector.stderr


def test_a_signal_that_comes_with_ready_is_never_lost(new_collector):
    """What a supervisor does that changes its mind; many times, because a signal is lost by a race or not at all."""
    collector = new_collector()
    for _ in range(40):
        collector.start()
        collector.signal(signal.SIGTERM)
        assert collector.wait_exit(10) == 0


def test_an_idle_collector_stops_at_once(collector):
    begin = time.monotonic()
    collector.stop()
    assert time.monotonic() - begin < 5, "nothing was to be drained"


def test_open_connections_do_not_hold_up_the_end(collector):
    with requests.Session() as session:
        url = collector.url("otlp_http", "/v1/traces")
        assert session.post(url, data=b"", headers={"Content-Type": clients.PROTOBUF}, timeout=10).status_code == 200
        begin = time.monotonic()
        collector.stop()
        assert time.monotonic() - begin < 5


def test_health_is_503_and_requests_are_refused_while_draining(new_collector, sink):
    collector, request, release = draining_collector(new_collector, sink, "20s")

    def draining() -> None:
        answer = collector.get("health", "/")
        assert (answer.status_code, answer.json()["status"]) == (503, "draining")

    eventually(draining, seconds=2)
    assert collector.metrics().total("skein_health") == 0
    assert_takes_nothing(collector)
    release.set()
    assert collector.wait_exit() == 0
    assert_same_spans(sink.exports(), request)


def assert_takes_nothing(collector) -> None:
    """Refused with a retryable answer or not connected at all: a client sends it again elsewhere."""

    def refused() -> None:
        try:
            answer = clients.post(collector, telemetry.simple_request(6040)[1].SerializeToString())
        except requests.ConnectionError:
            return
        assert answer.status_code == 503, answer.status_code

    eventually(refused)


def test_a_drain_ends_with_its_timeout_and_loses_nothing(new_collector, sink):
    collector, request, release = draining_collector(new_collector, sink, "300ms")
    begin = time.monotonic()
    assert collector.wait_exit() == 0
    assert time.monotonic() - begin < 3, "shutdown_timeout was 300ms"
    assert any("shutdown_timeout" in line for line in collector.messages), collector.stderr
    release.set()
    sink.decide = lambda _: Answer()
    collector.start()
    sink.wait_for_spans(3)
    spans = {span for export in sink.exports() for span in ids_of(export)}
    assert spans == set(ids_of(request))


def ids_of(request) -> list[bytes]:
    return [s.span_id for r in request.resource_spans for c in r.scope_spans for s in c.spans]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_exits_at_once(new_collector, sink, second):
    collector, request, release = draining_collector(new_collector, sink, "20s")
    begin = time.monotonic()
    collector.signal(second)
    code = collector.wait_exit()
    assert time.monotonic() - begin < 2
    assert code != 0, "it did not drain, so it must not say that it did"
    release.set()
    sink.decide = lambda _: Answer()
    collector.start()
    sink.wait_for_spans(3)
    assert set(sink.span_ids()) >= set(ids_of(request))


def test_a_signal_during_the_start_ends_it(new_collector):
    collector = new_collector()
    collector.start(wait=False)
    collector.wait_message("^listening ")
    collector.signal(signal.SIGTERM)
    assert collector.wait_exit() == 0


def test_restarts_keep_the_configured_ports(new_collector):
    collector = new_collector().start()
    before = dict(collector.endpoints)
    collector.restart(keep_ports=True)
    assert collector.endpoints == before


@pytest.mark.parametrize("durability", ["interval", "fsync", "os"])
def test_what_is_acknowledged_survives_kill_with_every_durability(new_collector, durability):
    collector = new_collector({"storage": {"durability": durability}}).start()
    batches = [telemetry.simple_request(telemetry.seed_of(durability, str(index)))[1] for index in range(20)]
    for request in batches:
        clients.send(collector, request)
    collector.kill()
    collector.start()

    def complete() -> None:
        assert collector.metrics().total("skein_store_spans") == 60

    eventually(complete)
