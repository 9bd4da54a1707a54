"""RED metrics under every naming profile, scraped by Debian's Prometheus, and what Jaeger and Grafana ask of it."""

import copy
import time

import pytest

import red
import telemetry
from exposition import Labels
from harness import Collector, run
from monitoring import Prometheus, configuration
from test_red import send_all, varied_requests
from waiting import eventually

TEMPO_BOUNDS = [0.002 * 2**k for k in range(14)]


# The settings of the connector that the tests with Prometheus are about.
SETTINGS = {
    "profiles": {"naming_profiles": ["otel", "jaeger-spm", "tempo", "legacy"]},
    "jaeger": {"naming_profiles": ["otel", "jaeger-spm"]},
    "exemplars": {"exemplars": {"enabled": True}, "naming_profiles": ["otel", "tempo"]},
    "exponential": {"histogram": {"exponential": {"max_size": 160}}},
}


@pytest.fixture(scope="module")
def scraped(new_file_collector, tmp_path_factory):
    """By name a collector with these settings and a Prometheus that scrapes it, of one test alone.

    All start together, because a Prometheus takes 5 s until it scrapes for the first time.
    """
    made: dict[str, tuple[Collector, Prometheus]] = {}
    try:
        for name, settings in SETTINGS.items():
            collector = new_file_collector({"connectors": {"spanmetrics": settings}}, name=name).start()
            directory = tmp_path_factory.mktemp(name)
            made[name] = collector, Prometheus(directory, configuration(collector, directory))
        for _, prometheus in made.values():
            prometheus.wait_listening()
        yield made
    finally:
        for _, prometheus in made.values():
            prometheus.close()


def again(batches):
    """The same spans once more, as other requests."""
    result = []
    for batch in batches:
        batch = copy.deepcopy(batch)
        for resource_spans in batch.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    span.trace_id = bytes(byte ^ 0x5A for byte in span.trace_id)
        result.append(batch)
    return result


def renamed(labels: Labels, old: str, new: str) -> Labels:
    return frozenset((new if name == old else name, value) for name, value in labels)


def test_every_profile_is_scraped(scraped):
    collector, prometheus = scraped["profiles"]
    batches = varied_requests(21, count=10)
    send_all(collector, batches)
    expected = red.expected_series(batches)
    calls = {labels: series.count for labels, series in expected.items()}
    by_service = {renamed(labels, "service_name", "service"): count for labels, count in calls.items()}
    sizes: dict[Labels, int] = {}
    spans = []
    for batch in batches:
        for resource_spans in batch.resource_spans:
            for scope_spans in resource_spans.scope_spans if resource_spans.resource.attributes else []:
                for span in scope_spans.spans:
                    (labels,) = red.expected_series([telemetry.export_request(
                        [span], resource_spans.resource.attributes[0].value.string_value)])  # fmt: skip
                    key = renamed(labels, "service_name", "service")
                    sizes[key] = sizes.get(key, 0) + span.ByteSize()
                    spans.append((key, span))

    def shown() -> None:
        for name in ["traces_span_metrics_calls_total", "traces_span_metrics_calls", "calls_total"]:
            assert prometheus.query(name) == calls
        for name in ["traces_span_metrics_duration_milliseconds", "traces_span_metrics_duration",
                     "duration_milliseconds"]:  # fmt: skip
            assert prometheus.query(f"{name}_count") == calls
            assert len(prometheus.query(f'{name}_bucket{{le="100"}}')) + len(
                prometheus.query(f'{name}_bucket{{le="100.0"}}')) == len(calls)  # fmt: skip
        assert prometheus.query("traces_spanmetrics_calls_total") == by_service
        assert prometheus.query("traces_spanmetrics_latency_count") == by_service
        assert prometheus.query("traces_spanmetrics_size_total") == sizes

    eventually(shown, seconds=30)
    for bound in TEMPO_BOUNDS:
        buckets: dict[Labels, int] = dict.fromkeys(by_service, 0)
        for key, span in spans:
            nanoseconds = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
            if nanoseconds <= round(bound * 1e9):
                buckets[key] += red.adjusted_count(span.trace_state)
        found = prometheus.query(f'traces_spanmetrics_latency_bucket{{le="{bound:g}"}}')
        assert {frozenset(set(key) - {("le", f"{bound:g}")}): value for key, value in found.items()} == buckets
    # What Grafana asks for the table beside Tempo's service graph.
    rate = 'sum by (span_name) (rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[1m]))'
    def has_rate() -> None:
        assert len(prometheus.query(rate)) > 1

    eventually(has_rate, seconds=30)


# What Jaeger asks for, by whether `normalize_calls` and `normalize_duration` are set.
JAEGER_NAMES = {
    False: ("traces_span_metrics_calls", "traces_span_metrics_duration"),
    True: ("traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds"),
}
JAEGER_SELECTOR = 'service_name =~ "gateway|worker", span_kind =~ "SPAN_KIND_SERVER|SPAN_KIND_CLIENT"'


def jaeger(prometheus: Prometheus, expression: str) -> dict[frozenset, float]:
    """The last point of every row of a range query, as Jaeger sends it."""
    now = time.time()
    data = prometheus.data("query_range", query=expression, start=now - 300, end=now, step=5)
    assert data["resultType"] == "matrix"
    return {frozenset(row["metric"].items()): float(row["values"][-1][1]) for row in data["result"]}


def test_jaegers_monitor_tab_gets_its_data_with_both_settings(scraped):
    collector, prometheus = scraped["jaeger"]
    first = varied_requests(22, count=10)
    send_all(collector, first)
    before = red.expected_series(first)

    def counted(times: int) -> None:
        found = prometheus.query("sum(traces_span_metrics_calls)")
        assert found == {frozenset(): times * sum(series.count for series in before.values())}

    eventually(lambda: counted(1), seconds=30)
    send_all(collector, again(first))
    eventually(lambda: counted(2), seconds=30)

    selected = {}
    for labels, series in before.items():
        named = dict(labels)
        if named["service_name"] in ("gateway", "worker") and named["span_kind"] in (
            "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT",
        ):  # fmt: skip
            row = selected.setdefault(named["service_name"], [0, 0])
            row[0] += series.count
            row[1] += series.count if named["status_code"] == "STATUS_CODE_ERROR" else 0
    assert len(selected) == 2

    answers = {}
    for is_normalized, (calls, duration) in JAEGER_NAMES.items():
        rates = jaeger(prometheus, f"sum(rate({calls}{{{JAEGER_SELECTOR}}}[10m])) by (service_name)")
        assert {dict(key)["service_name"] for key in rates} == {"gateway", "worker"}
        assert all(rate > 0 for rate in rates.values())
        errors = jaeger(
            prometheus,
            f'sum(rate({calls}{{{JAEGER_SELECTOR}, status_code = "STATUS_CODE_ERROR"}}[10m])) by (service_name)'
            f" / sum(rate({calls}{{{JAEGER_SELECTOR}}}[10m])) by (service_name)")  # fmt: skip
        for key, share in errors.items():
            total, failed = selected[dict(key)["service_name"]]
            assert share == pytest.approx(failed / total)
        latencies = jaeger(
            prometheus,
            f"histogram_quantile(0.95, sum(rate({duration}_bucket{{{JAEGER_SELECTOR}}}[10m])) by (service_name,le))")
        assert len(latencies) == 2 and all(0 < value <= 15_000 for value in latencies.values())
        operations = jaeger(
            prometheus,
            f"histogram_quantile(0.95, sum(rate({duration}_bucket{{{JAEGER_SELECTOR}}}[10m])) "
            "by (service_name,span_name,le))")  # fmt: skip
        assert len(operations) > 4
        answers[is_normalized] = latencies
    assert answers[False] == pytest.approx(answers[True])


def test_exemplars_reach_prometheus(scraped):
    collector, prometheus = scraped["exemplars"]
    batches = varied_requests(23, count=4)
    send_all(collector, batches)
    spans = {
        (span.trace_id.hex(), span.span_id.hex()): span
        for batch in batches for resource in batch.resource_spans if resource.resource.attributes
        for scope in resource.scope_spans for span in scope.spans
    }  # fmt: skip

    def stored() -> None:
        now = time.time()
        for name, unit in [
            (f"{red.DURATION}_bucket", 1e6), (red.CALLS, 1e6), ("traces_spanmetrics_latency_bucket", 1e9),
        ]:  # fmt: skip
            found = prometheus.data("query_exemplars", query=name, start=now - 3600, end=now + 60)
            exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
            assert len(exemplars) > 10, name
            for exemplar in exemplars:
                span = spans[exemplar["labels"]["trace_id"], exemplar["labels"]["span_id"]]
                nanoseconds = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
                assert float(exemplar["value"]) == pytest.approx(nanoseconds / unit)

    eventually(stored, seconds=30)


def test_exponential_histograms_are_scraped_with_fixed_bounds(scraped):
    collector, prometheus = scraped["exponential"]
    batches = varied_requests(24, count=10)
    send_all(collector, batches)
    durations = [
        (max(0, span.end_time_unix_nano - span.start_time_unix_nano), red.adjusted_count(span.trace_state))
        for batch in batches for resource in batch.resource_spans if resource.resource.attributes
        for scope in resource.scope_spans for span in scope.spans
    ]  # fmt: skip

    def shown() -> None:
        total = sum(count for _, count in durations)
        assert prometheus.query(f"sum({red.DURATION}_count)") == {frozenset(): total}
        bounds = prometheus.query(f"sum by (le) ({red.DURATION}_bucket)")
        assert len(bounds) == 44
        for key, value in bounds.items():
            bound = float(dict(key)["le"]) * 1e6
            assert sum(count for duration, count in durations if duration <= bound) == value

    eventually(shown, seconds=30)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_every_family_continues_after_a_restart(new_collector, end):
    spanmetrics = {
        "naming_profiles": ["otel", "jaeger-spm", "tempo", "legacy"],
        "events": {"enabled": True, "dimensions": [{"name": "event.name"}]},
        "calls_dimensions": [{"name": "region", "default": "none"}],
    }  # fmt: skip
    collector = new_collector({"connectors": {"spanmetrics": spanmetrics}}).start()
    first, second = varied_requests(25, count=10), varied_requests(26, count=10)
    for batch in first + second:
        for resource_spans in batch.resource_spans:
            for span in resource_spans.scope_spans[0].spans[::3]:
                span.events.add(name="retry", time_unix_nano=span.start_time_unix_nano)

    def total(batches) -> int:
        return sum(series.count for series in red.expected_series(batches).values())

    def counted(batches):
        derived = collector.derived()
        assert derived.total("calls_total") == derived.total(f"{red.DURATION}_count") == total(batches)
        assert derived.total("traces_spanmetrics_latency_count") == total(batches)
        assert derived.total("traces_span_metrics_events_total", event_name="retry") > 0
        return derived

    send_all(collector, first)
    before = eventually(lambda: counted(first))
    getattr(collector, end)()
    collector.start()
    after = eventually(lambda: counted(first))
    assert after.counters() == before.counters()
    send_all(collector, second)
    red.assert_never_falls(after, eventually(lambda: counted(first + second)))


def test_keys_of_the_connector_that_make_no_sense_are_explained(tmp_path):
    for key, value, message in [
        ("aggregation_temporality", "AGGREGATION_TEMPORALITY_DELTA", "expected AGGREGATION_TEMPORALITY_CUMULATIVE"),
        ("resource_metrics_key_attributes", "[span.name]", "'span.name' is a label already"),
        ("add_resource_attributes", "true", "expected false"),
        ("naming_profiles", "[grafana]", "expected one of otel, jaeger-spm, tempo, legacy"),
        ("histogram", "{explicit: {buckets: [1ms]}, exponential: {max_size: 20}}", "stands beside explicit"),
        ("events", "{enabled: true}", "events.dimensions"),
    ]:
        file = tmp_path / "refused.yaml"
        file.write_text(f"connectors:\n  spanmetrics:\n    {key}: {value}\n")
        check = run("config", "check", file)
        assert check.returncode == 2 and message in check.stderr, check.stderr

