"""The forward target in trouble: nothing is lost but what the target itself refused for good, and that is counted."""

import itertools
import threading
import time
from email.utils import formatdate

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

import clients
import otlp_json
import telemetry
from comparison import assert_same_spans
from harness import merged
from sink import Answer, Sink
from test_round_trip import forwarding
from waiting import eventually

SENT = "otelcol_exporter_sent_spans_total"
FAILED = "otelcol_exporter_send_failed_spans_total"
RETRIES = "skein_exporter_retries_total"
EXPORTER = "otlp_http/sink"


def sent_requests(collector, first_seed: int, count: int, spans: int = 3):
    requests = [telemetry.simple_request(seed, spans)[1] for seed in range(first_seed, first_seed + count)]
    for request in requests:
        clients.send(collector, request)
    return requests


def wait_counted(collector, metric: str, amount: int, **labels: str) -> None:
    def counted() -> None:
        have = collector.metrics().total(metric, exporter=EXPORTER, **labels)
        assert have == amount, f"{metric} is {have}, expected {amount}"

    eventually(counted)


def answers(*first: Answer):
    """These answers in turn, and success after them."""
    remaining = itertools.chain(first, itertools.repeat(Answer()))
    lock = threading.Lock()

    def decide(_: bytes) -> Answer:
        with lock:
            return next(remaining)

    return decide


def test_everything_is_sent_once_when_all_is_well(new_collector, sink):
    collector = new_collector(forwarding(sink)).start()
    requests = sent_requests(collector, 1000, 20)
    sink.wait_for_spans(60)
    wait_counted(collector, SENT, 60)
    assert_same_spans(sink.exports(), requests)
    metrics = collector.metrics()
    assert metrics.total(FAILED) == 0 and metrics.total(RETRIES) == 0
    assert len(sink.bodies()) < 20, "requests that wait together go together"


def test_a_target_that_is_down_loses_nothing(new_collector, sink):
    collector = new_collector(forwarding(sink)).start()
    early = sent_requests(collector, 1100, 3)
    sink.wait_for_spans(9)
    sink.refuse_connections()
    late = sent_requests(collector, 1200, 10)
    eventually(lambda: assert_positive(collector.metrics().total(RETRIES)))
    assert collector.metrics().total("skein_journal_reader_lag_spans", reader=f"exporter/{EXPORTER}") == 30
    assert collector.get("health", "/").status_code == 200, "a target that is down is no reason to refuse spans"
    sink.open()
    sink.wait_for_spans(39)
    wait_counted(collector, SENT, 39)
    assert_same_spans(sink.exports(), early + late)
    assert collector.metrics().total(FAILED) == 0


def assert_positive(value: float) -> None:
    assert value > 0


def test_a_target_that_was_down_at_start_and_end_gets_everything_later(new_collector, sink):
    collector = new_collector(merged(forwarding(sink), {"service": {"shutdown_timeout": "200ms"}}))
    sink.refuse_connections()
    collector.start()
    first = sent_requests(collector, 1300, 5)
    collector.stop()
    collector.start()
    second = sent_requests(collector, 1310, 5)
    collector.kill()
    sink.open()
    collector.start()
    sink.wait_for_spans(30)
    assert_same_spans(sink.exports(), first + second)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_retryable_status_is_retried_until_it_succeeds(new_collector, sink, status):
    sink.decide = answers(*[Answer.failure(status, "not now")] * 4)
    collector = new_collector(forwarding(sink)).start()
    requests = sent_requests(collector, 1400 + status, 1)
    sink.wait_for_spans(3)
    wait_counted(collector, SENT, 3)
    assert sink.statuses() == [status] * 4 + [200]
    assert_same_spans(sink.exports(), requests)
    metrics = collector.metrics()
    assert metrics.total(RETRIES, exporter=EXPORTER) == 4
    assert metrics.total(FAILED) == 0


# A date has whole seconds, so that of two seconds from now is at least one away.
RETRY_AFTER = {"seconds": lambda: "1", "date": lambda: formatdate(time.time() + 2, usegmt=True)}


class Waited:
    """A target that asks once to be left alone for a while, and when it was asked."""

    def __init__(self, status: int, form: str):
        self.sink = Sink()
        self.sink.decide = self._decide
        self.arrivals: list[float] = []
        self._status, self._form = status, form

    def _decide(self, _: bytes) -> Answer:
        self.arrivals.append(time.monotonic())
        if len(self.arrivals) > 1:
            return Answer()
        return Answer.failure(self._status, "later", Retry_After=RETRY_AFTER[self._form]())


def test_retry_after_is_waited_for(new_collector):
    targets = {f"{status}-{form}": Waited(status, form) for status in (429, 503) for form in RETRY_AFTER}
    try:
        collector = new_collector({"exporters": {
            f"otlp_http/{name}": forwarding(target.sink)["exporters"]["otlp_http/sink"]
            for name, target in targets.items()}}).start()  # fmt: skip
        requests = sent_requests(collector, 2000, 1)
        for name, target in targets.items():
            target.sink.wait_for_spans(3)
            assert 0.9 < target.arrivals[1] - target.arrivals[0] < 4, name
            assert_same_spans(target.sink.exports(), requests)
        collector.stop()
    finally:
        for target in targets.values():
            target.sink.close()


def test_a_slow_target_is_not_sent_the_same_spans_meanwhile(new_collector, sink):
    """Slower than the flush interval, quicker than the timeout: each span goes once."""
    may_answer = threading.Event()

    def decide(_: bytes) -> Answer:
        may_answer.wait(10)
        return Answer()

    sink.decide = decide
    collector = new_collector(forwarding(sink)).start()
    requests = sent_requests(collector, 2600, 10)
    wait_lag(collector, 30)
    may_answer.set()
    sink.wait_for_spans(30)
    wait_counted(collector, SENT, 30)
    assert_same_spans(sink.exports(), requests)


def wait_lag(collector, spans: int) -> None:
    def lagging() -> None:
        lag = collector.metrics().total("skein_journal_reader_lag_spans", reader=f"exporter/{EXPORTER}")
        assert lag == spans, f"the exporter is {lag} spans behind, expected {spans}"

    eventually(lagging)


def test_an_attempt_that_times_out_is_repeated(new_collector, sink):
    release = threading.Event()
    first = threading.Event()

    def decide(_: bytes) -> Answer:
        if not first.is_set():
            first.set()
            release.wait(10)
            return Answer(503)
        return Answer()

    sink.decide = decide
    collector = new_collector(forwarding(sink, timeout="200ms")).start()
    requests = sent_requests(collector, 2700, 1)
    sink.wait_for_spans(3)
    release.set()
    wait_counted(collector, SENT, 3)
    assert_same_spans(sink.exports(), requests)
    assert collector.metrics().total(FAILED) == 0
    assert collector.metrics().total(RETRIES, exporter=EXPORTER) >= 1


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_permanent_refusal_loses_those_spans_alone_and_counts_them(new_collector, sink, status):
    sink.decide = answers(Answer.failure(status, "I shall never take this"))
    collector = new_collector(forwarding(sink)).start()
    sent_requests(collector, 2800 + status, 1)
    wait_counted(collector, FAILED, 3, reason="refused_by_target")
    later = sent_requests(collector, 3400 + status, 2)
    sink.wait_for_spans(6)
    wait_counted(collector, SENT, 6)
    assert_same_spans(sink.exports(), later)
    assert collector.metrics().total(FAILED) == 3
    assert collector.metrics().total(RETRIES) == 0
    collector.wait_message("I shall never take this", seconds=5)


def refuse_poison(body: bytes) -> Answer:
    return Answer.failure(400, "poison") if b"poison" in body else Answer()


@pytest.mark.parametrize("poisoned", [{0}, {7}, {15}, {3, 4}, {0, 8, 15}])
def test_a_mixed_batch_loses_only_the_refused_record(new_collector, sink, poisoned):
    """The target is down while 16 requests come in, so that they go out as one batch."""
    sink.decide = refuse_poison
    collector = new_collector(forwarding(sink)).start()
    sink.refuse_connections()
    requests = []
    for index in range(16):
        name = "poison" if index in poisoned else "healthy"
        seed = telemetry.seed_of(repr(sorted(poisoned)), str(index))
        requests.append(telemetry.simple_request(seed, spans=index + 1, name=name)[1])
        clients.send(collector, requests[-1])
    sink.open()
    good = [request for index, request in enumerate(requests) if index not in poisoned]
    lost = sum(index + 1 for index in poisoned)
    sink.wait_for_spans(136 - lost)
    wait_counted(collector, FAILED, lost, reason="refused_by_target")
    wait_counted(collector, SENT, 136 - lost)
    assert_same_spans(sink.exports(), good)
    assert 400 in sink.statuses()


def test_a_request_that_is_too_large_for_the_target_is_divided(new_collector, sink):
    limit = 20_000
    sink.decide = lambda body: Answer.failure(413, "too large") if len(body) > limit else Answer()
    collector = new_collector(forwarding(sink)).start()
    _, request = telemetry.simple_request(3900, spans=1000)
    assert request.ByteSize() > 2 * limit
    clients.send(collector, request)
    sink.wait_for_spans(1000)
    wait_counted(collector, SENT, 1000)
    assert_same_spans(sink.exports(), request)
    assert collector.metrics().total(FAILED) == 0


def test_a_partial_success_counts_what_the_target_left_out(new_collector, sink):
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    response.partial_success.error_message = "two are too old"
    sink.decide = answers(Answer(200, {}, response.SerializeToString()))
    collector = new_collector(forwarding(sink)).start()
    sent_requests(collector, 4000, 1, spans=5)
    wait_counted(collector, SENT, 3)
    wait_counted(collector, FAILED, 2, reason="rejected_by_target")
    assert len(sink.requests) == 1, "a partial success must not be retried"


def test_retries_end_where_the_configuration_says_so(new_collector, sink):
    sink.decide = lambda _: Answer.failure(503, "never")
    retry = {"initial_interval": "10ms", "max_interval": "20ms", "max_elapsed_time": "100ms"}
    collector = new_collector(forwarding(sink, retry_on_failure=retry)).start()
    sent_requests(collector, 4100, 1)
    wait_counted(collector, FAILED, 3, reason="retries_exhausted")


def test_a_full_sending_queue_lets_go_of_the_oldest_and_counts_them(new_collector, sink):
    sink.refuse_connections()
    queue = {"queue_size": 1 << 20, "batch": {"flush_timeout": "20ms"}}
    collector = new_collector(forwarding(sink, sending_queue=queue)).start()
    requests = []
    for seed in range(4200, 4240):
        ids = telemetry.Identifiers(seed)
        made = telemetry.span(ids, ids.trace_id(), attributes={"pad": "x" * 100_000})
        requests.append(telemetry.export_request([made]))
        clients.send(collector, requests[-1])
    # What fits the queue stays, and so may the request that is being tried.
    skipped = eventually(lambda: skipped_spans(collector, at_least=15))
    sink.open()
    sink.wait_for_spans(40 - skipped)
    have = {span_id for span_id in sink.span_ids()}
    last = requests[-1].resource_spans[0].scope_spans[0].spans[0].span_id
    assert last in have, "the newest spans are those that stay"
    wait_counted(collector, FAILED, 40 - len(have), reason="queue_full")
    assert collector.metrics().total("skein_store_spans") == 40, "a forwarder that skips takes nothing from the store"


def skipped_spans(collector, at_least: int) -> int:
    skipped = collector.metrics().total(FAILED, exporter=EXPORTER, reason="queue_full")
    assert skipped >= at_least, f"{skipped} spans skipped"
    return int(skipped)


def test_one_target_in_trouble_does_not_hold_up_another(new_collector, sink):
    down = Sink()
    try:
        down.refuse_connections()
        configuration = forwarding(sink)
        configuration["exporters"]["otlp_http/down"] = forwarding(down)["exporters"][EXPORTER]
        collector = new_collector(configuration).start()
        requests = sent_requests(collector, 4300, 4)
        sink.wait_for_spans(12)
        assert_same_spans(sink.exports(), requests)
        down.open()
        down.wait_for_spans(12)
        assert_same_spans(down.exports(), requests)
    finally:
        down.close()


def test_a_second_collector_is_a_forward_target(new_collector):
    """What `make run` does: a collector forwards to a collector."""
    last = new_collector(name="last").start()
    exporter = {"endpoint": last.url("otlp_http"), "sending_queue": {"batch": {"flush_timeout": "10ms"}}}
    first = new_collector({"exporters": {"otlphttp/last": exporter}}, name="first").start()
    trace_id, request = telemetry.every_feature(4400)
    clients.send(first, request)
    assert_same_spans(otlp_json.to_request(last.trace(trace_id)), request)
    assert first.metrics().total(SENT, exporter="otlphttp/last") == 3
