"""RED metrics on 8889: equal to an independent computation, through restarts, and as Prometheus reads them."""

import random
import subprocess
import threading

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import exposition
import red
import telemetry
from harness import REQUEST_SECONDS
from waiting import eventually

STATUSES = [0, 0, 0, 1, 2]
TRACE_STATES = ["", "", "", "vendor=1", "ot=th:8", "a=b,ot=rv:12345678901234;th:c", "ot=th:0"]


def varied_requests(seed: int, count: int = 40, spans: int = 25):
    """Spans of a few services with durations on, just over and far from the bounds of the buckets."""
    choice = random.Random(seed)
    bounds = [bound * telemetry.MILLISECOND for bound in red.BOUNDS_MILLISECONDS]
    result = []
    for _ in range(count):
        ids = telemetry.Identifiers(choice.getrandbits(48))
        trace_id = ids.trace_id()
        made = []
        for _ in range(spans):
            span = telemetry.span(ids, trace_id, f"operation {choice.randrange(6)}", kind=choice.randrange(6))
            at_bound = choice.choice(bounds) + choice.randrange(-1, 2)
            nanoseconds = choice.choice([at_bound, choice.randrange(20 * telemetry.SECOND), 0, -5])
            span.end_time_unix_nano = span.start_time_unix_nano + nanoseconds
            span.status.code = choice.choice(STATUSES)
            span.trace_state = choice.choice(TRACE_STATES)
            made.append(span)
        service = choice.choice(["gateway", "worker", 'odd "quoted" \\ line\nfeed ü', None])
        result.append(telemetry.export_request(made, service))
    return result


def send_all(collector, batches) -> None:
    for index, batch in enumerate(batches):
        if index % 2:
            assert clients.call(collector, batch.SerializeToString()).code.value[0] == 0
        else:
            clients.send(collector, batch)


def eventually_equal(collector, batches) -> exposition.Exposition:
    def equal() -> exposition.Exposition:
        derived = collector.derived()
        red.assert_equal(derived, batches)
        return derived

    return eventually(equal)


def test_red_metrics_equal_an_independent_computation(collector):
    batches = varied_requests(1)
    send_all(collector, batches)
    derived = eventually_equal(collector, batches)
    assert len(derived.series(red.CALLS)) > 100
    unnamed = sum(25 for batch in batches if not batch.resource_spans[0].resource.attributes)
    assert unnamed > 0
    assert collector.metrics().total("skein_spanmetrics_unnamed_spans_total") == unnamed


def test_red_rows_of_the_api_agree_with_the_metrics(collector):
    batches = varied_requests(2, count=10)
    start = telemetry.now() - 3600 * telemetry.SECOND
    send_all(collector, batches)
    eventually_equal(collector, batches)
    expected: dict[tuple[str, str], list[int]] = {}
    for labels, series in red.expected_series(batches).items():
        named = dict(labels)
        row = expected.setdefault((named["service_name"], named["span_name"]), [0, 0])
        row[0] += series.count
        row[1] += series.count if named["status_code"] == "STATUS_CODE_ERROR" else 0
    parameters = {"start": start, "end": telemetry.now() + telemetry.SECOND, "by": "service,operation"}
    answer = collector.query("/api/skein/v1/red", params=parameters)
    assert answer.status_code == 200, answer.text
    rows = {(r["key"]["service"], r["key"]["operation"]): [r["count"], r["errors"]] for r in answer.json()["rows"]}
    assert {key: counts for key, counts in rows.items() if key[0]} == expected
    for row in answer.json()["rows"]:
        assert row["errorRate"] == pytest.approx(row["errors"] / row["count"])
        assert 0 <= row["p50Ns"] <= row["p95Ns"] <= row["p99Ns"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_counters_continue_after_a_restart(new_collector, end):
    collector = new_collector().start()
    first, second = varied_requests(3, count=10), varied_requests(4, count=10)
    send_all(collector, first)
    before = eventually_equal(collector, first)
    getattr(collector, end)()
    collector.start()
    after = eventually_equal(collector, first)
    red.assert_never_falls(before, after)
    send_all(collector, second)
    red.assert_never_falls(after, eventually_equal(collector, first + second))


def large_batches(count: int, spans: int) -> list[bytes]:
    return [telemetry.simple_request(5000 + index, spans=spans)[1].SerializeToString() for index in range(count)]


def test_scrapes_are_503_until_the_journal_is_replayed(new_collector):
    """Killed before its first checkpoint, the collector has everything to count again."""
    collector = new_collector({"storage": {"block": {"max_age": "1h"}}}).start()
    batches = large_batches(count=40, spans=5000)
    for body in batches:
        clients.send(collector, body)
    eventually(lambda: assert_calls(collector, 200_000), seconds=20)
    collector.kill()
    answers: list[requests.Response] = []
    over = threading.Event()

    def scrape() -> None:
        while not over.is_set():
            try:
                answers.append(collector.get("prometheus", "/metrics"))
            except requests.ConnectionError:
                continue

    collector.start(wait=False)
    collector.wait_message("^listening prometheus ")
    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        collector.wait_ready()
        eventually(lambda: assert_calls(collector, 200_000), seconds=20)
    finally:
        over.set()
        scraper.join(REQUEST_SECONDS)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {503, 200}, f"{len(statuses)} scrapes: {sorted(set(statuses))}"
    assert statuses == sorted(statuses, reverse=True), "503 came again after 200"
    for answer in answers:
        if answer.status_code == 200:
            assert exposition.parse(answer.text).total(red.CALLS) == 200_000


def assert_calls(collector, count: int) -> None:
    assert collector.derived().total(red.CALLS) == count


def test_the_connector_is_configurable(new_collector):
    spanmetrics = {
        "namespace": "", "histogram": {"unit": "s", "explicit": {"buckets": ["100ms", "1s"]}},
        "dimensions": [{"name": "region", "default": "nowhere"}, {"name": "tier"}],
        "exclude_dimensions": ["span.kind"],
    }  # fmt: skip
    collector = new_collector({"connectors": {"spanmetrics": spanmetrics}}).start()
    ids = telemetry.Identifiers(90)
    made = telemetry.span(ids, ids.trace_id(), "op", milliseconds=500, attributes={"tier": "gold"})
    clients.send(collector, telemetry.export_request([made]))
    labels = {("service_name", "shop"), ("span_name", "op"), ("status_code", "STATUS_CODE_UNSET")}
    labels = frozenset(labels | {("region", "nowhere"), ("tier", "gold")})

    def counted() -> None:
        derived = collector.derived()
        assert derived.series("calls_total") == {labels: 1}
        buckets = {dict(key)["le"]: value for key, value in derived.series("duration_seconds_bucket").items()}
        assert buckets == {"0.1": 0, "1": 1, "+Inf": 1}
        assert derived.series("duration_seconds_sum") == {labels: 0.5}

    eventually(counted)


def test_series_beyond_the_limit_are_counted_together(new_collector):
    collector = new_collector({"connectors": {"spanmetrics": {"aggregation_cardinality_limit": 3}}}).start()
    ids = telemetry.Identifiers(91)
    spans = [telemetry.span(ids, ids.trace_id(), f"op {index}") for index in range(10)]
    clients.send(collector, telemetry.export_request(spans))

    def counted() -> None:
        derived = collector.derived()
        assert derived.total(red.CALLS) == 10
        assert derived.series(red.CALLS)[frozenset({("otel_metric_overflow", "true")})] == 7
        assert collector.metrics().total("skein_spanmetrics_overflowed_spans_total") == 7

    eventually(counted)


def test_exemplars_come_with_openmetrics(new_collector):
    collector = new_collector({"connectors": {"spanmetrics": {"exemplars": {"enabled": True}}}}).start()
    ids = telemetry.Identifiers(92)
    trace_id = ids.trace_id()
    made = telemetry.span(ids, trace_id, milliseconds=7)
    clients.send(collector, telemetry.export_request([made]))

    def shown() -> None:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = collector.get("prometheus", "/metrics", headers=accept)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")
        lines = [line for line in answer.text.splitlines() if " # {" in line and "_bucket" in line]
        assert len(lines) == 1, answer.text
        (line,) = lines
        assert f'trace_id="{trace_id.hex()}"' in line and f'span_id="{made.span_id.hex()}"' in line
        assert 'le="8.0"' in line or 'le="8"' in line

    eventually(shown)


@pytest.mark.parametrize("listener", ["metrics", "prometheus"])
def test_promtool_finds_nothing_wrong_with_the_exposition(collector, listener):
    send_all(collector, varied_requests(5, count=10))
    eventually(lambda: assert_calls_positive(collector))
    text = collector.get(listener, "/metrics").text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    # The connector's default unit is milliseconds and its metric is called so; promtool likes seconds better.
    unit = f'{red.DURATION} use base unit "seconds" instead of "milliseconds"'
    assert [line for line in (check.stdout + check.stderr).splitlines() if line != unit] == [], text[:2000]


def assert_calls_positive(collector) -> None:
    assert collector.derived().total(red.CALLS) > 0


def test_scrapes_are_gzipped_for_those_who_ask(collector):
    clients.send(collector, telemetry.simple_request(93)[1])
    for listener in ("metrics", "prometheus"):
        zipped = collector.get(listener, "/metrics", headers={"Accept-Encoding": "gzip"})
        assert zipped.headers["Content-Encoding"] == "gzip"
        exposition.parse(zipped.text)
        plain = collector.get(listener, "/metrics", headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers


def assert_series(collector, count: int) -> None:
    assert collector.metrics().total("skein_spanmetrics_series") == count


def test_a_large_scrape_is_the_same_in_gzip(collector):
    """More than is compressed in one piece."""
    ids = telemetry.Identifiers(94)
    spans = [telemetry.span(ids, ids.trace_id(), f"operation {index} {'x' * 100}") for index in range(3000)]
    clients.send(collector, telemetry.export_request(spans))
    eventually(lambda: assert_series(collector, 3000))
    zipped = collector.get("prometheus", "/metrics", headers={"Accept-Encoding": "gzip"})
    plain = collector.get("prometheus", "/metrics", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip" and len(plain.content) > 5_000_000
    assert int(zipped.headers["Content-Length"]) * 10 < len(plain.content)
    assert zipped.text == plain.text
