"""Derived metrics pushed by OTLP to a server in Python, and by remote write to Debian's Prometheus."""

import math
import re
import ssl
import struct
import time
from statistics import NormalDist

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

import clients
import exposition
import red
import telemetry
import wire
from harness import merged, nested, run
from monitoring import Prometheus
from receivers import certificate
from sink import Answer, Sink
from test_red import send_all, varied_requests
from waiting import eventually

FAST = nested("connectors.spanmetrics.metrics_flush_interval", "300ms")
PIPELINES = {
    "traces": {"receivers": ["otlp"], "exporters": ["spanmetrics"]},
    "metrics": {"receivers": ["spanmetrics"], "exporters": ["otlphttp/metrics"]},
}


@pytest.fixture
def sink():
    sink = Sink("/v1/metrics")
    yield sink
    sink.close()


def pushing(sink: Sink, *changes: dict) -> dict:
    configuration = merged(FAST, nested("exporters.otlphttp/metrics.endpoint", sink.endpoint))
    configuration = merged(configuration, nested("service.pipelines", PIPELINES))
    for change in changes:
        configuration = merged(configuration, change)
    return configuration


# MARK: OTLP


def last_metrics(sink: Sink) -> dict:
    """The metrics of the last request, by name."""
    assert sink.bodies(), "nothing was pushed yet"
    (resource_metrics,) = ExportMetricsServiceRequest.FromString(sink.bodies()[-1]).resource_metrics
    attributes = {a.key: a.value.string_value for a in resource_metrics.resource.attributes}
    assert attributes["service.name"] == "skein" and attributes["service.version"]
    result = {}
    for scope in resource_metrics.scope_metrics:
        for metric in scope.metrics:
            assert metric.name not in result
            result[metric.name] = (scope.scope.name, metric)
    return result


def having(sink: Sink, name: str) -> dict:
    metrics = last_metrics(sink)
    assert name in metrics, sorted(metrics)
    return metrics


def attributes_of(point) -> frozenset:
    return frozenset((a.key, a.value.string_value) for a in point.attributes)


def otel(labels: exposition.Labels) -> frozenset:
    return frozenset((name.replace("_", "."), value) for name, value in labels)


def test_otlp_metrics_equal_an_independent_computation(new_collector, sink):
    before = time.time_ns()
    collector = new_collector(pushing(sink, nested("connectors.spanmetrics.exemplars.enabled", True))).start()
    batches = varied_requests(31, count=10)
    send_all(collector, batches)
    expected = {otel(labels): series for labels, series in red.expected_series(batches).items()}

    def pushed() -> dict:
        metrics = having(sink, "traces.span.metrics.calls")
        _, calls = metrics["traces.span.metrics.calls"]
        assert {attributes_of(p): p.as_int for p in calls.sum.data_points} == {
            key: series.count for key, series in expected.items()
        }
        return metrics

    metrics = eventually(pushed)
    scope, calls = metrics["traces.span.metrics.calls"]
    assert scope == "spanmetricsconnector"
    assert calls.sum.is_monotonic
    assert calls.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    _, durations = metrics["traces.span.metrics.duration"]
    assert durations.unit == "ms"
    assert durations.histogram.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert len(durations.histogram.data_points) == len(expected)
    for point in durations.histogram.data_points:
        series = expected[attributes_of(point)]
        assert list(point.explicit_bounds) == red.BOUNDS_MILLISECONDS
        assert list(point.bucket_counts) == series.buckets
        assert point.count == series.count
        assert point.sum == pytest.approx(series.sum_milliseconds)
        assert before <= point.start_time_unix_nano < point.time_unix_nano <= time.time_ns()
    spans = {
        (span.trace_id, span.span_id) for batch in batches for resource in batch.resource_spans
        for scope_spans in resource.scope_spans for span in scope_spans.spans
    }  # fmt: skip
    exemplars = [
        exemplar
        for body in sink.bodies()
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope_metrics in resource.scope_metrics
        for metric in scope_metrics.metrics
        for point in metric.histogram.data_points
        for exemplar in point.exemplars
    ]
    assert exemplars
    assert {(exemplar.trace_id, exemplar.span_id) for exemplar in exemplars} <= spans


def test_model_calls_are_pushed_in_opentelemetrys_names(new_collector, sink):
    gen_ai = nested("connectors.gen_ai", {"wait": "100ms", "late_wait": "100ms"})
    collector = new_collector(pushing(sink, gen_ai)).start()
    ids = telemetry.Identifiers(320)
    made = telemetry.span(ids, ids.trace_id(), "chat gpt-4o", kind=3, attributes={
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 7,
    })  # fmt: skip
    failed = telemetry.span(ids, ids.trace_id(), "chat gpt-4o", kind=3, status={"code": 2}, attributes={
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 30, "error.type": "timeout",
    })  # fmt: skip
    clients.send(collector, telemetry.export_request([made, failed]))

    def pushed() -> None:
        metrics = having(sink, "gen_ai.client.token.usage")
        _, usage = metrics["gen_ai.client.token.usage"]
        assert usage.unit == "{token}"
        points = {
            dict(attributes_of(p))["gen_ai.token.type"]: p for p in usage.histogram.data_points
            if "error.type" not in dict(attributes_of(p))}  # fmt: skip
        assert points["input"].sum == 100 and points["output"].sum == 7
        assert dict(attributes_of(points["input"]))["gen_ai.request.model"] == "gpt-4o"
        _, duration = metrics["gen_ai.client.operation.duration"]
        assert duration.unit == "s" and duration.histogram.data_points[0].count == 1
        _, cost = metrics["gen_ai.client.cost_usd"]
        dollars = {dict(attributes_of(p)).get("status.code"): p.as_double for p in cost.sum.data_points}
        assert set(dollars) == {None, "STATUS_CODE_ERROR"} and min(dollars.values()) > 0
        _, tokens = metrics["gen_ai.client.tokens"]
        assert {
            (attributes["gen_ai.token.type"], attributes.get("status.code")): point.as_int or point.as_double
            for point in tokens.sum.data_points for attributes in [dict(attributes_of(point))]
        } == {("input", None): 100, ("output", None): 7, ("input", "STATUS_CODE_ERROR"): 30}  # fmt: skip

    eventually(pushed)


def quantile(point, share: float) -> float:
    """A quantile of an exponential data point, exponentially within its bucket."""
    base = 2 ** (2**-point.scale)
    rank = share * point.count - point.zero_count
    for index, count in enumerate(point.positive.bucket_counts):
        if count and rank <= count:
            return base ** (point.positive.offset + index + rank / count)
        rank -= count
    return point.max


def test_exponential_histograms_are_pushed_with_quantiles_within_one_percent(new_collector, sink):
    exponential = nested("connectors.spanmetrics.histogram.exponential.max_size", 160)
    collector = new_collector(pushing(sink, exponential)).start()
    ids = telemetry.Identifiers(330)
    # Log-normal about 30 ms, by the inverse of the distribution so that nothing is left to chance.
    normal = NormalDist(math.log(30e6), 0.6)
    durations = [int(math.exp(normal.inv_cdf((i + 0.5) / 5000))) for i in range(5000)]
    spans = []
    for nanoseconds in durations:
        made = telemetry.span(ids, ids.trace_id(), "op")
        made.end_time_unix_nano = made.start_time_unix_nano + nanoseconds
        spans.append(made)
    clients.send(collector, telemetry.export_request(spans))

    def pushed():
        _, metric = having(sink, "traces.span.metrics.duration")["traces.span.metrics.duration"]
        (point,) = metric.exponential_histogram.data_points
        assert point.count == len(durations) and sum(point.positive.bucket_counts) == len(durations)
        return point

    point = eventually(pushed)
    assert len(point.positive.bucket_counts) <= 160
    assert point.min == pytest.approx(min(durations) / 1e6) and point.max == pytest.approx(max(durations) / 1e6)
    base = 2 ** (2**-point.scale)
    for index, count in enumerate(point.positive.bucket_counts):
        low, high = base ** (point.positive.offset + index), base ** (point.positive.offset + index + 1)
        assert count == sum(low < nanoseconds / 1e6 <= high for nanoseconds in durations)
    for share in [0.5, 0.9, 0.95, 0.99]:
        assert quantile(point, share) == pytest.approx(durations[int(share * 5000)] / 1e6, rel=0.01)


def test_start_times_survive_a_kill_and_series_go_on(new_collector, sink):
    collector = new_collector(pushing(sink)).start()
    first = varied_requests(34, count=5)
    send_all(collector, first)
    expected = {otel(labels): series.count for labels, series in red.expected_series(first).items()}

    def points() -> dict:
        _, calls = having(sink, "traces.span.metrics.calls")["traces.span.metrics.calls"]
        found = {attributes_of(p): p for p in calls.sum.data_points}
        assert {key: p.as_int for key, p in found.items()} == expected
        return {key: p.start_time_unix_nano for key, p in found.items()}

    before = eventually(points)
    collector.kill()
    requests_before = len(sink.bodies())
    collector.start()
    eventually(lambda: at_least(sink, requests_before + 2))
    assert points() == before


def at_least(sink: Sink, count: int) -> None:
    assert len(sink.bodies()) >= count


def test_what_came_last_is_pushed_at_shutdown(new_collector, sink):
    collector = new_collector(
        pushing(sink, nested("connectors.spanmetrics.metrics_flush_interval", "1h"))).start()
    batches = varied_requests(35, count=2)
    send_all(collector, batches)
    collector.stop()
    assert len(sink.bodies()) == 1
    _, calls = last_metrics(sink)["traces.span.metrics.calls"]
    assert sum(p.as_int for p in calls.sum.data_points) == sum(
        series.count for series in red.expected_series(batches).values())


def test_failures_of_a_push_are_counted_and_retried_where_they_may_pass(new_collector, sink):
    answers = [Answer(503, {"Retry-After": "0"}), Answer(429), Answer(400), Answer(
        200, body=ExportMetricsServiceResponse(partial_success=ExportMetricsPartialSuccess(
            rejected_data_points=2, error_message="two too many")).SerializeToString())]  # fmt: skip
    sink.decide = lambda body: answers.pop(0) if answers else Answer()
    retry = nested("exporters.otlphttp/metrics.retry_on_failure", {"initial_interval": "10ms"})
    collector = new_collector(pushing(sink, retry)).start()
    send_all(collector, varied_requests(36, count=2))

    def counted() -> None:
        own = collector.metrics()
        assert own.total("skein_exporter_retries_total", exporter="otlphttp/metrics") == 2
        failed = own.series("otelcol_exporter_send_failed_metric_points_total")
        by_reason = {dict(labels)["reason"]: value for labels, value in failed.items()}
        assert by_reason["refused_by_target"] > 0 and by_reason["rejected_by_target"] == 2
        assert own.total("otelcol_exporter_sent_metric_points_total", exporter="otlphttp/metrics") > 0

    eventually(counted)
    assert sink.statuses()[:4] == [503, 429, 400, 200]


def test_exporters_of_pipelines_send_what_their_pipelines_carry(tmp_path):
    def printed(configuration: str) -> dict:
        file = tmp_path / "c.yaml"
        file.write_text(configuration)
        result = run("config", "print", "--config", file)
        assert result.returncode == 0, result.stderr
        return yaml.safe_load(result.stdout)["exporters"]

    exporters = "exporters:\n  otlphttp/a: {endpoint: http://a:4318}\n  otlphttp/b: {endpoint: http://b:4318}\n"
    both = printed(exporters)
    assert both["otlphttp/a"]["traces_endpoint"] == "http://a:4318/v1/traces"
    assert "metrics_endpoint" not in both["otlphttp/a"]
    split = printed(
        exporters + "service:\n  pipelines:\n"
        "    traces: {receivers: [otlp], exporters: [otlphttp/a, spanmetrics]}\n"
        "    metrics: {receivers: [spanmetrics], exporters: [otlphttp/b, prometheus]}\n")
    assert "metrics_endpoint" not in split["otlphttp/a"]
    assert split["otlphttp/b"]["metrics_endpoint"] == "http://b:4318/v1/metrics"
    assert "traces_endpoint" not in split["otlphttp/b"]


# MARK: remote write


@pytest.fixture
def receiving(tmp_path):
    """A Prometheus that takes remote write and scrapes nothing."""
    server = Prometheus(
        tmp_path, {"global": {"scrape_interval": "1s"}}, "--web.enable-remote-write-receiver",
        "--enable-feature=native-histograms")
    server.wait_listening()
    yield server
    server.close()


def writing(prometheus: Prometheus, spanmetrics: dict, **settings) -> dict:
    endpoint = f"{prometheus.url}/api/v1/write"
    configuration = merged(
        FAST, nested("exporters.prometheusremotewrite", {"endpoint": endpoint, **settings}))
    return merged(configuration, nested("connectors.spanmetrics", spanmetrics))


def test_prometheus_takes_what_is_written(new_collector, receiving):
    collector = new_collector(writing(
        receiving, {"naming_profiles": ["otel", "tempo"], "exemplars": {"enabled": True}}, send_metadata=True,
        external_labels={"cluster": "test", "Zone": "a"}, max_batch_size_bytes=20_000)).start()  # fmt: skip
    batches = varied_requests(41, count=10)
    send_all(collector, batches)
    expected = red.expected_series(batches)
    external = {("cluster", "test"), ("Zone", "a")}

    def taken() -> None:
        found = receiving.query(red.CALLS)
        assert found == {labels | external: series.count for labels, series in expected.items()}
        buckets = receiving.query(f"{red.DURATION}_bucket")
        wanted = {}
        for labels, series in expected.items():
            below = 0
            for bound, count in zip([*map(str, red.BOUNDS_MILLISECONDS), "+Inf"], series.buckets, strict=True):
                below += count
                wanted[labels | external | {("le", bound)}] = below
        assert buckets == wanted
        assert len(receiving.query("traces_spanmetrics_latency_count")) == len(expected)
        (info,) = receiving.data("query", query="target_info")["result"]
        assert info["metric"]["job"] == "skein" and info["metric"]["instance"] and info["metric"]["service_version"]
        now = time.time()
        assert receiving.data("query_exemplars", query=f"{red.DURATION}_bucket", start=now - 3600, end=now + 60)

    eventually(taken, seconds=30)
    assert collector.metrics().total("otelcol_exporter_send_failed_metric_points_total") == 0


def test_exponential_histograms_are_written_as_native_ones(new_collector, receiving):
    collector = new_collector(writing(receiving, {"histogram": {"exponential": {"max_size": 160}}})).start()
    ids = telemetry.Identifiers(420)
    trace = ids.trace_id()
    durations = sorted(int(1e6 * 1.004**i) for i in range(1000))
    spans = []
    for nanoseconds in durations:
        made = telemetry.span(ids, trace, "op")
        made.end_time_unix_nano = made.start_time_unix_nano + nanoseconds
        spans.append(made)
    clients.send(collector, telemetry.export_request(spans))

    def taken() -> None:
        for share in [0.5, 0.9, 0.95, 0.99]:
            found = [*receiving.query(f"histogram_quantile({share}, {red.DURATION})").values()]
            assert len(found) == 1 and found[0] == pytest.approx(durations[int(share * 1000)] / 1e6, rel=0.01)
        assert [*receiving.query(f"histogram_count({red.DURATION})").values()] == [1000]
        total = [*receiving.query(f"histogram_sum({red.DURATION})").values()]
        assert total == [pytest.approx(sum(durations) / 1e6)]

    eventually(taken, seconds=30)


def test_series_that_end_are_marked_as_stale(new_collector, receiving):
    collector = new_collector(writing(receiving, {"series_expiration": "2s"})).start()
    clients.send(collector, telemetry.simple_request(430)[1])
    eventually(lambda: assert_some(receiving.query(red.CALLS)), seconds=20)
    # Without a marker Prometheus would show the series for five minutes.
    eventually(lambda: assert_none(receiving.query(red.CALLS)), seconds=20)
    assert_none(receiving.query(f"{red.DURATION}_bucket"))


def assert_some(found) -> None:
    assert found


def assert_none(found) -> None:
    assert not found


def unsnapped(data: bytes) -> bytes:
    """A decoder of the Snappy block format."""
    length, place, shift = 0, 0, 0
    while True:
        byte = data[place]
        place += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    output = bytearray()
    while place < len(data):
        tag = data[place]
        place += 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                extra = size - 59
                size = int.from_bytes(data[place : place + extra], "little")
                place += extra
            output += data[place : place + size + 1]
            place += size + 1
        else:
            size, offset_bytes, high = {
                1: ((tag >> 2 & 7) + 4, 1, tag >> 5), 2: ((tag >> 2) + 1, 2, 0), 3: ((tag >> 2) + 1, 4, 0),
            }[tag & 3]  # fmt: skip
            offset = int.from_bytes(data[place : place + offset_bytes], "little") | high << 8
            place += offset_bytes
            for _ in range(size):
                output.append(output[-offset])
    assert len(output) == length
    return bytes(output)


def series_of(body: bytes):
    """Labels and samples of a WriteRequest."""
    for number, _, payload, _ in wire.fields(unsnapped(body)):
        if number != 1:
            continue
        labels, samples = [], []
        for field, _, content, _ in wire.fields(payload):
            if field == 1:
                parts = {n: p for n, _, p, _ in wire.fields(content)}
                labels.append((bytes(parts[1]).decode(), bytes(parts[2]).decode()))
            elif field == 2:
                samples.append(content)
        yield labels, samples


def test_the_protocol_is_kept_and_only_what_may_pass_is_retried(new_collector):
    target = Sink("/api/v1/write")
    answers = [Answer(500), Answer(429, {"Retry-After": "1"}), Answer(400), Answer(204)]
    target.decide = lambda body: answers.pop(0) if answers else Answer()
    try:
        collector = new_collector(merged(
            nested("connectors.spanmetrics.metrics_flush_interval", "1500ms"),
            nested("exporters.prometheusremotewrite/x", {
                "endpoint": f"{target.endpoint}/api/v1/write", "headers": {"X-Scope-OrgID": "a"},
                "retry_on_failure": {"initial_interval": "10ms"}, "target_info": {"enabled": False},
            }))).start()  # fmt: skip
        clients.send(collector, telemetry.simple_request(440)[1])
        started = time.monotonic()

        def three() -> None:
            assert len(target.statuses()) >= 3

        eventually(three, seconds=30)
        assert target.statuses()[:3] == [500, 429, 400]
        assert time.monotonic() - started >= 1, "Retry-After was not honoured"
        # Nothing follows a 400 until the next push.
        eventually(lambda: at_least_statuses(target, 5), seconds=30)
        own = collector.metrics()
        labels = {"exporter": "prometheusremotewrite/x"}
        assert own.total("skein_exporter_retries_total", **labels) == 2
        assert own.total("otelcol_exporter_send_failed_metric_points_total", reason="refused_by_target", **labels) > 0
        headers = {name.lower(): value for name, value in target.requests[0][1].items()}
        assert headers["content-encoding"] == "snappy"
        assert headers["x-prometheus-remote-write-version"] == "0.1.0"
        assert headers["x-scope-orgid"] == "a" and headers["user-agent"].startswith("Skein/")
        found = list(series_of(target.bodies()[-1]))
        assert len(found) > 15
        for series_labels, samples in found:
            names = [name for name, _ in series_labels]
            assert names == sorted(names) and len(set(names)) == len(names) and "__name__" in names
            assert len(samples) == 1
            (value,) = struct.unpack("<d", bytes(dict((n, p) for n, _, p, _ in wire.fields(samples[0]))[1]))
            assert value >= 0
    finally:
        target.close()


def at_least_statuses(target: Sink, count: int) -> None:
    assert len(target.statuses()) >= count


def test_a_target_that_is_away_costs_nothing_but_the_pushes(new_collector):
    endpoint = "http://127.0.0.1:9/api/v1/write"
    collector = new_collector(merged(FAST, nested("exporters.prometheusremotewrite.endpoint", endpoint))).start()
    clients.send(collector, telemetry.simple_request(450)[1])

    def counted() -> None:
        own = collector.metrics()
        assert own.total("otelcol_exporter_send_failed_metric_points_total", reason="retries_exhausted") > 0

    eventually(counted)
    collector.stop()


# MARK: TLS


@pytest.fixture(scope="module")
def authorities(tmp_path_factory) -> dict[str, tuple[str, str, str]]:
    """By name the files of an authority, of a certificate of it for localhost, and of that one's key."""
    result = {}
    for name in ("ours", "other"):
        directory = tmp_path_factory.mktemp(name)
        result[name] = certificate(directory)
    return result


class Targets:
    """A target of OTLP and one of remote write, both over TLS, and a collector's exporters for them."""

    def __init__(self, files: tuple[str, str, str], asks_for_certificate: bool):
        authority, own, key = files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own, key)
        if asks_for_certificate:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_REQUIRED
        self.sinks = {
            "otlphttp/metrics": Sink("/v1/metrics", context), "prometheusremotewrite/x": Sink("/api/v1/write", context)}

    def configuration(self, tls: dict) -> dict:
        quick = {"tls": tls, "retry_on_failure": {"initial_interval": "10ms", "max_elapsed_time": "200ms"}}
        exporters = {
            "otlphttp/metrics": {"endpoint": self.sinks["otlphttp/metrics"].endpoint, **quick},
            "prometheusremotewrite/x": {
                "endpoint": f"{self.sinks['prometheusremotewrite/x'].endpoint}/api/v1/write", **quick}}  # fmt: skip
        pipelines = merged(PIPELINES, {"metrics": {"exporters": list(exporters)}})
        return merged(FAST, {"exporters": exporters, "service": {"pipelines": pipelines}})

    def close(self) -> None:
        for sink in self.sinks.values():
            sink.close()


# By name: what a collector is given of which authority, and whether targets ask for its certificate.
TRUSTED = {
    "its authority": ({"ca_file": "ours"}, False),
    "no check": ({"insecure_skip_verify": True}, False),
    "a certificate of its own": ({"ca_file": "ours", "cert_file": "ours", "key_file": "ours"}, True),
}
REFUSED = {
    "another authority": ({"ca_file": "other"}, False),
    "the system's authorities": ({}, False),
    "a certificate of another authority": ({"ca_file": "ours", "cert_file": "other", "key_file": "other"}, True),
    "no certificate": ({"ca_file": "ours"}, True),
}
FILES = ["ca_file", "cert_file", "key_file"]


@pytest.fixture
def over_tls(new_collector, authorities, request):
    """A collector that pushes to two targets over TLS."""
    settings, asks_for_certificate = request.param
    targets = Targets(authorities["ours"], asks_for_certificate)
    tls = {
        key: authorities[value][FILES.index(key)] if key in FILES else value for key, value in settings.items()}
    collector = new_collector(targets.configuration(tls)).start()
    clients.send(collector, telemetry.simple_request(460)[1])
    yield collector, targets.sinks
    targets.close()


@pytest.mark.parametrize("over_tls", TRUSTED.values(), ids=TRUSTED, indirect=True)
def test_metrics_are_pushed_over_tls(over_tls):
    collector, sinks = over_tls

    def taken() -> None:
        own = collector.metrics()
        for name, sink in sinks.items():
            assert sink.bodies(), name
            assert own.total("otelcol_exporter_sent_metric_points_total", exporter=name) > 0, name
            assert own.total("otelcol_exporter_send_failed_metric_points_total", exporter=name) == 0, name

    eventually(taken)
    _, calls = having(sinks["otlphttp/metrics"], "traces.span.metrics.calls")["traces.span.metrics.calls"]
    assert sum(point.as_int for point in calls.sum.data_points) == 3
    written = [labels for labels, _ in series_of(sinks["prometheusremotewrite/x"].bodies()[-1])]
    assert ("__name__", red.CALLS) in [label for labels in written for label in labels]


@pytest.mark.parametrize("over_tls", REFUSED.values(), ids=REFUSED, indirect=True)
def test_nothing_is_pushed_where_a_certificate_is_not_trusted(over_tls, request):
    collector, sinks = over_tls
    # A target that does not like the collector's certificate says so by hanging up, after the handshake.
    _, asks_for_certificate = request.node.callspec.params["over_tls"]
    trouble = "connection failed" if asks_for_certificate else "SSL certificate problem"

    def failed() -> None:
        own = collector.metrics()
        for name in sinks:
            assert own.total("otelcol_exporter_send_failed_metric_points_total", exporter=name) > 0, name
            assert own.total("otelcol_exporter_sent_metric_points_total", exporter=name) == 0, name
            assert any(
                re.search(f"gave up on a push exporter={name} .*{trouble}", line) for line in collector.messages)

    eventually(failed)
    assert all(sink.requests == [] for sink in sinks.values())
