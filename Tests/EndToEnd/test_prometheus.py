"""The Prometheus of deploy/prometheus.yml scrapes the real collector and answers from what it scraped."""

import re
import subprocess
from pathlib import Path

import pytest
import requests

import red
from harness import REPOSITORY, REQUEST_SECONDS, environment
from test_red import send_all, varied_requests
from waiting import eventually

CONFIGURATION = REPOSITORY / "deploy/prometheus.yml"


class Prometheus:
    """Debian's `prometheus` on a free port, its data in a directory of the test."""

    def __init__(self, directory: Path, configuration: str, *flags: str):
        file = directory / "prometheus.yml"
        file.write_text(configuration)
        self.log = directory / "prometheus.log"
        command = [
            "prometheus", f"--config.file={file}", f"--storage.tsdb.path={directory / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0", "--log.level=info", *flags,
        ]  # fmt: skip
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, env=environment())
        self.url = ""

    def wait_listening(self) -> None:
        def listening() -> None:
            text = self.log.read_text()
            # The first such line repeats the configured address; the socket's own has a real port.
            ports = [port for port in re.findall(r"[Ll]istening on.*?address=127\.0\.0\.1:(\d+)", text) if port != "0"]
            assert ports, text
            self.url = f"http://127.0.0.1:{ports[-1]}"

        eventually(listening, seconds=30)

    def query(self, expression: str) -> dict[frozenset, float]:
        result = self.get("query", query=expression)["result"]
        own = {"__name__", "job", "instance"}
        return {
            frozenset((k, v) for k, v in series["metric"].items() if k not in own): float(series["value"][1])
            for series in result
        }

    def get(self, path: str, **parameters) -> dict | list:
        """The data of an answer of Prometheus's API."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def rewritten(collector) -> str:
    """The deployed configuration with the test's ports, scraping often enough for a test."""
    text = CONFIGURATION.read_text()
    for port, listener in {"8888": "metrics", "8889": "prometheus"}.items():
        text, count = re.subn(rf"[\w.-]+:{port}\b", collector.address(listener), text)
        assert count == 1, f"{CONFIGURATION} names port {port} {count} times, expected once"
    return re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval):\s*\w+", r"\1: 1s", text)


@pytest.fixture
def prometheus(collector, tmp_path):
    server = Prometheus(tmp_path, rewritten(collector))
    yield server
    server.close()


def test_promtool_accepts_the_deployed_configuration():
    check = subprocess.run(["promtool", "check", "config", str(CONFIGURATION)], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


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
