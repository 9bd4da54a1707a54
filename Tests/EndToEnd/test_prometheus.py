"""The Prometheus of deploy/prometheus.yml scrapes the real collector and answers from what it scraped."""

import pytest

import red
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


def errors_by_service(expected) -> dict[frozenset, float]:
    result: dict[frozenset, float] = {}
    for labels, series in expected.items():
        named = dict(labels)
        if named["status_code"] == "STATUS_CODE_ERROR":
            key = frozenset({("service_name", named["service_name"])})
            result[key] = result.get(key, 0) + series.count
    return result
