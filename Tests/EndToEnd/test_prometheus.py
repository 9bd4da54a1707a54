"""The Prometheus of deploy/prometheus.yml scrapes the real collector and answers from what it scraped."""

import time

import pytest

import clients
import red
import telemetry
from monitoring import Prometheus, configuration
from test_red import send_all, varied_requests
from waiting import eventually


@pytest.fixture
def prometheus(collector, tmp_path):
    server = Prometheus(tmp_path, configuration(collector, tmp_path))
    yield server
    server.close()


def test_prometheus_scrapes_what_was_sent(collector, prometheus):
    batches = varied_requests(6, count=10)
    send_all(collector, batches)
    prometheus.wait_listening()
    expected = red.expected_series(batches)

    def scraped() -> None:
        assert prometheus.query(red.CALLS) == {labels: series.count for labels, series in expected.items()}
        assert prometheus.query(f"sum({red.DURATION}_count)") == {
            frozenset(): sum(series.count for series in expected.values())
        }
        errors = f'sum by (service_name) ({red.CALLS}{{status_code="STATUS_CODE_ERROR"}})'
        assert prometheus.query(errors) == errors_by_service(expected)
        assert prometheus.query("sum(otelcol_receiver_accepted_spans_total)") == {frozenset(): 250}
        assert set(prometheus.query("up").values()) == {1.0}

    eventually(scraped, seconds=30)
    quantile = f"histogram_quantile(0.5, sum by (le) ({red.DURATION}_bucket))"
    (median,) = prometheus.query(quantile).values()
    assert 0 < median < 15_000


def test_exemplars_are_taken_whatever_the_order_in_which_spans_arrive(new_collector, tmp_path):
    collector = new_collector({"connectors": {"spanmetrics": {"exemplars": {"enabled": True}}}}).start()
    prometheus = Prometheus(tmp_path, configuration(collector, tmp_path))
    try:
        prometheus.wait_listening()
        ids = telemetry.Identifiers(61)
        begin, sent = time.time(), []
        # Spans of one series and one bucket, each a scrape after the other and ended earlier than it.
        for index in range(4):
            sent.append(ids.trace_id())
            made = telemetry.span(
                ids, sent[-1], milliseconds=7, start=telemetry.now() - (index * 30 + 1) * telemetry.SECOND)
            clients.send(collector, telemetry.export_request([made]))
            eventually(lambda: _equal(sum(prometheus.query(red.CALLS).values()), len(sent)), seconds=20)
        for query in (f"{red.DURATION}_bucket", red.CALLS):
            found = prometheus.data("query_exemplars", query=query, start=begin - 600, end=time.time() + 60)
            traces = {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}
            assert traces == {trace_id.hex() for trace_id in sent}, prometheus.log.read_text()
        assert "out-of-order exemplars" not in prometheus.log.read_text()
    finally:
        prometheus.close()


def _equal(found, expected) -> None:
    assert found == expected


def errors_by_service(expected) -> dict[frozenset, float]:
    result: dict[frozenset, float] = {}
    for labels, series in expected.items():
        named = dict(labels)
        if named["status_code"] == "STATUS_CODE_ERROR":
            key = frozenset({("service_name", named["service_name"])})
            result[key] = result.get(key, 0) + series.count
    return result
