"""SIGHUP while spans flow: other exporters and limits take effect, and nothing is lost on the way."""

import json
import re
import signal
import threading
import time

import pytest

import clients
import telemetry
from comparison import assert_same_spans
from harness import nested
from sink import Answer, Sink
from test_forward import SENT, assert_positive, sent_requests
from test_metrics_push import having
from waiting import eventually

LAG = "skein_journal_reader_lag_spans"


@pytest.fixture
def sinks():
    made = [Sink(), Sink()]
    yield made
    for sink in made:
        sink.close()


def target(sink: Sink, **exporter) -> dict:
    return {
        "endpoint": sink.endpoint,
        "retry_on_failure": {"initial_interval": "20ms", "max_interval": "100ms"},
        "sending_queue": {"batch": {"flush_timeout": "20ms"}},
        **exporter,
    }


def reload(collector, exporters: dict, seconds: float = 30, **others) -> str:
    """Has a collector read a configuration with these exporters; the line of the log that says what came of it."""
    configuration = json.loads(collector.config_file.read_text())
    prometheus = configuration["exporters"]["prometheus"]
    configuration = {**configuration, "exporters": {"prometheus": prometheus, **exporters}, **others}
    collector.config_file.write_text(json.dumps(configuration, indent=2))
    # For a later start.
    collector.configuration = {**collector.configuration, "exporters": exporters, **others}
    said = len(collector.messages)
    collector.signal(signal.SIGHUP)

    def answered() -> str:
        lines = [line for line in collector.messages[said:] if re.search("configuration (read again|stays)", line)]
        assert lines, collector.messages[said:]
        return lines[0]

    return eventually(answered, seconds)


class Traffic:
    """Sends a small request after the other until it is told to stop."""

    def __init__(self, collector, seed: int):
        self.requests = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(collector, seed), daemon=True)
        self._thread.start()

    def _run(self, collector, seed: int) -> None:
        while not self._ends.is_set():
            _, request = telemetry.simple_request(seed + len(self.requests), 2)
            clients.send(collector, request)
            self.requests.append(request)

    def wait(self, more: int) -> None:
        wanted = len(self.requests) + more

        def sent() -> None:
            assert len(self.requests) >= wanted

        eventually(sent)

    def stop(self) -> list:
        self._ends.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.requests


def wait_sent_on(collector, exporter: str) -> None:
    def nothing_waits() -> None:
        rows = collector.metrics().series(LAG)
        assert rows[frozenset({("reader", f"exporter/{exporter}")})] == 0

    eventually(nothing_waits)


def exporters_shown(collector) -> set[str]:
    samples = collector.metrics().samples
    return {value for _, labels in samples for name, value in labels if name == "exporter"} | {
        value.removeprefix("exporter/") for _, labels in samples for name, value in labels
        if name == "reader" and value.startswith("exporter/")}  # fmt: skip


class Held:
    """A target that answers nothing until it is released."""

    def __init__(self, sink: Sink):
        self.arrived = threading.Event()
        self.released = threading.Event()
        sink.decide = self._decide

    def _decide(self, _: bytes) -> Answer:
        self.arrived.set()
        self.released.wait(60)
        return Answer()


def test_another_endpoint_gets_what_the_first_has_not_got(new_collector, sinks):
    first, second = sinks
    collector = new_collector({"exporters": {"otlp_http/a": target(first)}}).start()
    traffic = Traffic(collector, 10_000)
    traffic.wait(20)
    for _ in range(3):
        assert "read again" in reload(collector, {"otlp_http/a": target(second, compression="none")})
        traffic.wait(10)
        assert "read again" in reload(collector, {"otlp_http/a": target(first)})
        traffic.wait(10)
    assert "read again" in reload(collector, {"otlp_http/a": target(second)})
    traffic.wait(10)
    requests = traffic.stop()
    wait_sent_on(collector, "otlp_http/a")
    assert first.span_ids() and second.span_ids()
    # Each once: what was under way was answered before the exporter ended.
    assert_same_spans(first.exports() + second.exports(), requests)
    assert collector.metrics().total(SENT, exporter="otlp_http/a") == 2 * len(requests), "it is the same exporter"
    assert not re.search("need a restart", collector.stderr)
    first.close()
    late = sent_requests(collector, 19_000, 3)
    wait_sent_on(collector, "otlp_http/a")
    assert_same_spans(first.exports() + second.exports(), requests + late)


def test_a_target_that_is_down_is_left_at_once(new_collector, sinks):
    down, up = sinks
    down.refuse_connections()
    slow = {"retry_on_failure": {"initial_interval": "1h", "max_interval": "1h"}}
    collector = new_collector({"exporters": {"otlp_http/a": target(down, **slow)}}).start()
    requests = sent_requests(collector, 20_000, 5)
    eventually(lambda: assert_positive(collector.metrics().total("skein_exporter_retries_total")))
    reload(collector, {"otlp_http/a": target(up, **slow)})
    up.wait_for_spans(15)
    assert_same_spans(up.exports(), requests)


def test_what_is_not_answered_in_time_is_sent_to_the_new_target(new_collector, sinks):
    silent, other = sinks
    held = Held(silent)
    collector = new_collector(
        {"exporters": {"otlp_http/a": target(silent)}, "service": {"shutdown_timeout": "300ms"}}).start()
    requests = sent_requests(collector, 21_000, 4)
    assert held.arrived.wait(10)
    assert "read again" in reload(collector, {"otlp_http/a": target(other)})
    other.wait_for_spans(12)
    assert_same_spans(other.exports(), requests)
    held.released.set()


def test_an_exporter_that_is_added_leaves_the_others_alone(new_collector, sinks):
    first, second = sinks
    collector = new_collector({"exporters": {"otlp_http/a": target(first)}}).start()
    early = sent_requests(collector, 30_000, 3)
    first.wait_for_spans(9)
    held = Held(first)
    late = sent_requests(collector, 30_010, 3)
    assert held.arrived.wait(10)
    began = time.monotonic()
    assert "read again" in reload(collector, {"otlp_http/b": target(second), "otlp_http/a": target(first)})
    assert time.monotonic() - began < 15, "nobody waits for an exporter that stays as it is"
    assert re.search(r"exporters are others now added=otlp_http/b$", collector.stderr, re.MULTILINE)
    # As at a start with an exporter that is new: from the oldest of the journal on.
    second.wait_for_spans(18)
    assert_same_spans(second.exports(), early + late)
    held.released.set()
    first.wait_for_spans(18)
    assert_same_spans(first.exports(), early + late)
    assert collector.metrics().total("skein_exporter_retries_total", exporter="otlp_http/a") == 0
    assert exporters_shown(collector) == {"otlp_http/a", "otlp_http/b"}


def test_an_exporter_that_is_removed_holds_nothing_back(new_collector, sinks):
    kept, gone = sinks
    gone.refuse_connections()
    both = {"otlp_http/kept": target(kept), "otlp_http/gone": target(gone)}
    collector = new_collector({"exporters": both}).start()
    requests = sent_requests(collector, 40_000, 4)
    kept.wait_for_spans(12)
    assert collector.metrics().total(LAG, reader="exporter/otlp_http/gone") == 12
    assert exporters_shown(collector) == {"otlp_http/kept", "otlp_http/gone"}
    assert "read again" in reload(collector, {"otlp_http/kept": target(kept)})
    assert exporters_shown(collector) == {"otlp_http/kept"}

    def forgotten() -> None:
        names = [line.split(" ")[0] for line in (collector.data / "journal/cursors").read_text().splitlines()]
        assert "exporter/otlp_http/kept" in names and "exporter/otlp_http/gone" not in names

    eventually(forgotten)
    gone.open()
    more = sent_requests(collector, 40_010, 2)
    kept.wait_for_spans(18)
    assert_same_spans(kept.exports(), requests + more)
    assert gone.bodies() == []
    # It comes again as one that is new.
    assert "read again" in reload(collector, both)
    gone.wait_for_spans(18)
    assert_same_spans(gone.exports(), requests + more)
    wait_sent_on(collector, "otlp_http/gone")
    assert collector.metrics().total(SENT, exporter="otlp_http/gone") == 18, "counted anew"
    # Without any exporter the collector goes on.
    assert "read again" in reload(collector, {})
    assert exporters_shown(collector) == set()
    sent_requests(collector, 40_020, 1)


def test_a_mistake_changes_nothing(new_collector, sinks):
    first, second = sinks
    collector = new_collector({"exporters": {"otlp_http/a": target(first)}}).start()
    sent_requests(collector, 50_000, 1)
    good = json.loads(collector.config_file.read_text())["exporters"]
    limits = {"memory_limiter": {"limit_mib": 64, "spike_limit_mib": 63}}
    for wrong, place in [
        ({"otlp_http/a": target(second), "otlp_http/b": target(second, timeot="1s")}, "exporters.otlp_http/b.timeot"),
        ({"otlp_http/a": target(second, timeout="often")}, "exporters.otlp_http/a.timeout"),
        ({"otlp_http/a": target(second), "prometheusremotewrite": {"endpoint": "nowhere"}}, "remotewrite.endpoint"),
        ({"otlp_http/a": target(second), "kafka": {}}, "exporters.kafka"),
    ]:
        assert "stays as it was" in reload(collector, wrong, processors=limits)
        assert re.search(f"stays as it was.*{place}", collector.stderr), collector.stderr
    assert exporters_shown(collector) == {"otlp_http/a"}
    sent_requests(collector, 50_010, 1)
    first.wait_for_spans(6)
    assert second.bodies() == []
    # What needs a restart is named, and what does not is used.
    del good["prometheus"]
    assert "read again" in reload(
        collector, good, processors={}, storage={"retention": {"max_age": "24h"}}, service={"shutdown_timeout": "7s"})
    said = collector.wait_message("other changes need a restart")
    assert said.endswith('keys="service.shutdown_timeout, storage.retention"')


@pytest.mark.parametrize("durability", ["interval", "fsync"])
def test_a_kill_right_after_a_change_loses_nothing(new_collector, sinks, durability):
    first, second = sinks
    collector = new_collector(
        {"exporters": {"otlp_http/a": target(first)}, "storage": {"durability": durability}}).start()
    requests = sent_requests(collector, 60_000, 5)
    first.wait_for_spans(15)
    second.refuse_connections()
    # Nobody takes these but after the next start.
    reload(collector, {"otlp_http/a": target(second), "otlp_http/b": target(second)})
    requests += sent_requests(collector, 60_010, 5)
    collector.kill()
    second.open()
    collector.start()
    requests += sent_requests(collector, 60_020, 2)
    wanted = {span_id for request in requests for span_id in ids_of(request)}

    def all_there() -> None:
        # `a` goes on where it was, or, as after any death of the process, a little before; `b` has all.
        by_number = [second.span_ids().count(span_id) for span_id in wanted]
        assert min(by_number) >= 1 and set(second.span_ids()) == wanted
        assert len(second.span_ids()) >= len(wanted) + 3 * 7

    eventually(all_there)
    for exporter in ["otlp_http/a", "otlp_http/b"]:
        wait_sent_on(collector, exporter)


def ids_of(request) -> list[bytes]:
    return [
        span.span_id for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def test_targets_of_metrics_change_come_and_go(new_collector, sinks):
    spans, _ = sinks
    first, second = Sink("/v1/metrics"), Sink("/v1/metrics")
    try:
        fast = nested("spanmetrics.metrics_flush_interval", "200ms")
        one = {"otlp_http/a": target(spans)}
        collector = new_collector({"exporters": one, "connectors": fast}).start()
        sent_requests(collector, 70_000, 2)
        spans.wait_for_spans(6)
        # The same exporter pushes metrics too: its spans go on as they did.
        reload(collector, {"otlp_http/a": {**target(spans), "metrics_endpoint": first.endpoint + "/v1/metrics"}})
        eventually(lambda: having(first, "traces.span.metrics.calls"))
        reload(collector, {"otlp_http/a": {**target(spans), "metrics_endpoint": second.endpoint + "/v1/metrics"}})
        eventually(lambda: having(second, "traces.span.metrics.calls"))
        pushed = len(first.bodies())
        points = "otelcol_exporter_sent_metric_points_total"
        assert collector.metrics().total(points, exporter="otlp_http/a") > 0
        reload(collector, one)
        metrics = collector.metrics()
        assert metrics.series(points) == {} and metrics.total(SENT, exporter="otlp_http/a") == 6
        assert len(first.bodies()) == pushed, "the first got nothing after it was replaced"
        pushed = len(second.bodies())
        sent_requests(collector, 70_010, 2)
        spans.wait_for_spans(12)
        assert len(second.bodies()) == pushed
        assert len(spans.span_ids()) == 12, "spans were sent once"
    finally:
        first.close()
        second.close()


def test_other_limits_of_memory_hold(new_collector, sinks):
    collector = new_collector({"exporters": {}}).start()
    body = telemetry.simple_request(80_000)[1].SerializeToString()
    assert clients.post(collector, body).status_code == 200
    # The process alone has more than this.
    tight = {"memory_limiter": {"limit_mib": 64, "spike_limit_mib": 63, "check_interval": "50ms"}}
    assert "read again" in reload(collector, {}, processors=tight)
    assert clients.post(collector, body + body).status_code == 503
    assert collector.get("health", "/").status_code == 503
    assert "read again" in reload(collector, {}, processors={})
    assert clients.post(collector, body + body).status_code == 200
    assert "need a restart" not in collector.stderr


def test_a_stop_while_a_change_waits_for_a_target(new_collector, sinks):
    silent, other = sinks
    held = Held(silent)
    collector = new_collector(
        {"exporters": {"otlp_http/a": target(silent)}, "service": {"shutdown_timeout": "2s"}}).start()
    requests = sent_requests(collector, 90_000, 2)
    assert held.arrived.wait(10)
    configuration = json.loads(collector.config_file.read_text())
    configuration["exporters"]["otlp_http/a"] = target(other)
    collector.config_file.write_text(json.dumps(configuration))
    collector.signal(signal.SIGHUP)
    collector.signal(signal.SIGTERM)
    assert collector.wait_exit(20) == 0
    held.released.set()
    collector.configuration = {"exporters": {"otlp_http/a": target(other)}}
    collector.start()
    other.wait_for_spans(6)
    assert_same_spans(other.exports(), requests)
