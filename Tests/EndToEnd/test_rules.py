"""Prometheus' rules and Alertmanager's configuration: valid, each alert tried both ways, routed, delivered."""

import base64
import email
import email.policy
import json
import re
import socketserver
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml

import clients
import monitoring
from desk_traffic import desk_requests, price_list
from harness import REPOSITORY, REQUEST_SECONDS, run
from monitoring import DEPLOY, Alertmanager, Prometheus, configuration
from waiting import eventually

TESTS = sorted((Path(__file__).parent / "rules").glob("*.test.yml"))
ALERTMANAGER = DEPLOY / "alertmanager.yml"
SEVERITIES = {"critical", "warning", "info"}
TOPICS = {"services", "usage", "collector"}


def told(*command) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# MARK: rules


def test_promtool_accepts_the_deployed_configuration():
    answer = told("promtool", "check", "config", DEPLOY / "prometheus.yml")
    assert all(file.name in answer for file in monitoring.rule_files()), "each rule file is one of the configuration"


@pytest.fixture(scope="module")
def tried():
    """promtool at work on each file of tests, all at once."""
    made = {
        file: subprocess.Popen(
            ["promtool", "test", "rules", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for file in TESTS}  # fmt: skip
    yield made
    for process in made.values():
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_rules_do_what_their_tests_say(tried, file):
    output, _ = tried[file].communicate(timeout=120)
    assert tried[file].returncode == 0, output


def test_every_alert_is_tried_both_ways():
    fires, rests = set(), set()
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for check in test.get("alert_rule_test", []):
                (fires if check["exp_alerts"] else rests).add(check["alertname"])
    assert fires == rests == set(monitoring.alerts())


def test_every_alert_says_what_it_is_and_what_to_do():
    assert len(monitoring.alerts()) > 20
    for name, alert in monitoring.alerts().items():
        assert alert["labels"].keys() == {"severity", "topic"}, name
        assert alert["labels"]["severity"] in SEVERITIES and alert["labels"]["topic"] in TOPICS, name
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}, name
        # Prometheus serves docs/ under /user/: see compose.yaml, and below.
        base, _, place = alert["annotations"]["runbook_url"].partition("/user/")
        page, anchor = place.split("#")
        titles = re.findall(r"^#+ (.*)$", (REPOSITORY / "docs" / page).read_text(), re.MULTILINE)
        assert base == "{{ $externalURL }}", name
        assert anchor == name.lower() and name in titles, f"{name} has no section in {page}"


def test_every_counter_has_the_overflow_series_that_the_alert_asks_for(new_collector, tmp_path):
    (tmp_path / "prices.json").write_text(json.dumps(price_list()))
    limit = {"aggregation_cardinality_limit": 1}
    collector = new_collector({"connectors": {
        "spanmetrics": limit, "servicegraph": limit | {"store": {"ttl": "100ms"}},
        "gen_ai": limit | {
            "wait": "100ms", "late_wait": "100ms", "prices": {"file": str(tmp_path / "prices.json")}},
    }}).start()  # fmt: skip
    for request in desk_requests(15, 20, ["ada", "grace"]):
        clients.send(collector, request)
    text = (REPOSITORY / "docs/metrics.md").read_text().split("## The collector about itself")[0]
    counters = {
        f"{name}_count" if kind == "histogram" else name
        for name, kind in re.findall(r"^\| `(\w+)` \| (counter|histogram) \|", text, re.MULTILINE)}  # fmt: skip
    assert len(counters) > 15

    def overflowing() -> None:
        derived = collector.derived()
        found = {
            name for name in counters if any(("otel_metric_overflow", "true") in key for key in derived.series(name))}
        assert found == counters - WITHOUT_OVERFLOW, found ^ (counters - WITHOUT_OVERFLOW)

    eventually(overflowing)
    expression = monitoring.alerts()["SkeinSeriesOverflow"]["expr"]
    chosen = re.findall(r'__name__!~"([^"]+)"', expression)
    assert len(chosen) == 3 and not any(re.fullmatch(chosen[0], name) for name in counters)


# Of what the questions to the desk have not, since models repeat nothing and their spans report no cost.
WITHOUT_OVERFLOW = {"gen_ai_client_call_retries_total", "gen_ai_client_uncounted_cost_usd_total"}


# MARK: Alertmanager


def test_amtool_accepts_the_deployed_configuration():
    assert "4 receivers" in told("amtool", "check-config", ALERTMANAGER)


def receivers(name: str) -> list[str]:
    labels = [f"{key}={value}" for key, value in ({"alertname": name} | monitoring.alerts()[name]["labels"]).items()]
    answer = told("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    return answer.strip().splitlines()[-1].split(",")


ROUTES = {
    "SkeinErrorRateHigh": ["webhook", "pagerduty", "slack"],
    "SkeinDailyBudgetExceeded": ["webhook", "pagerduty", "slack"],
    "SkeinCostAnomaly": ["webhook", "email"],
    "SkeinModelWithoutPrice": ["webhook", "email"],
    "SkeinForwardQueueOld": ["webhook", "slack"],
}


@pytest.mark.parametrize("name", ROUTES)
def test_alerts_go_where_they_should(name):
    assert receivers(name) == ROUTES[name]


def test_inhibition_names_alerts_that_there_are():
    rules = yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]
    named = re.findall(r"Skein\w+", json.dumps(rules))
    assert len(named) > 6 and set(named) <= set(monitoring.alerts())


def test_a_collector_holds_back_its_own_alerts_alone(hook, tmp_path):
    """Whatever a collector fires, alerts of another one that it would hold back at home are told."""
    rules = yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]
    sources = sorted(set(re.findall(r"Skein\w+", json.dumps([rule["source_matchers"] for rule in rules]))))
    targets = sorted(set(re.findall(r"Skein\w+", json.dumps([rule["target_matchers"] for rule in rules]))))
    # Where a collector is down, services that are quiet may be quiet for that reason, whichever collector they use.
    targets.remove("SkeinNoTraffic")
    alertmanager = Alertmanager(tmp_path / "alertmanager", local_alertmanager(tmp_path, hook))
    try:
        alertmanager.wait_listening()
        post = [
            {"labels": {
                "alertname": name, "instance": instance, "service_name": instance, "application": instance,
                "severity": "warning", "topic": "collector"}}
            for names, instance in [(sources, "a"), (targets, "a"), (targets, "b")] for name in names]  # fmt: skip
        assert requests.post(f"{alertmanager.url}/api/v2/alerts", json=post, timeout=20).status_code == 200

        def held_back() -> None:
            states = {
                (alert["labels"]["alertname"], alert["labels"]["instance"]): bool(alert["status"]["inhibitedBy"])
                for alert in alertmanager.get("/api/v2/alerts")}  # fmt: skip
            assert states["SkeinDiskSpaceLow", "a"], "its own disk being full, that it was filling is no news"
            assert [name for (name, instance), inhibited in states.items() if instance == "b" and inhibited] == []

        eventually(held_back)
    finally:
        alertmanager.close()


def test_secrets_are_files_that_are_documented_and_ignored():
    text = ALERTMANAGER.read_text()
    files = set(re.findall(r"/etc/alertmanager/secrets/(\S+)", text))
    directory = DEPLOY / "alertmanager-secrets"
    assert files == set(re.findall(r"^\| `(\S+)`", (directory / "README.md").read_text(), re.MULTILINE))
    for file in files:
        told("git", "-C", REPOSITORY, "check-ignore", directory / file)
    assert not re.search(r"(password|routing_key|service_key|api_url|credentials|token): ", text)


class Hook:
    """Takes what Alertmanager posts."""

    def __init__(self):
        self.posts: list[tuple[str, str | None, dict]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.posts.append((self.path, self.headers.get("Authorization"), body))
                self.send_response(202)
                self.end_headers()
                self.wfile.write(b'{"status": "success"}')

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, path: str) -> list[tuple[str | None, dict]]:
        return [(authorization, body) for own, authorization, body in self.posts if own == path]


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.close()


def local_alertmanager(directory: Path, hook: Hook) -> dict:
    """The deployed configuration with its receivers here and its waits short."""
    text = ALERTMANAGER.read_text().replace("/etc/alertmanager/secrets", str(directory / "secrets"))
    text = text.replace("http://hooks.example.com", hook.url)
    text = re.sub(r"group_(wait|interval): \w+", r"group_\1: 200ms", text)
    document = yaml.safe_load(text)
    for receiver in document["receivers"]:
        for pagerduty in receiver.get("pagerduty_configs", []):
            pagerduty["url"] = f"{hook.url}/v2/enqueue"
    (directory / "secrets").mkdir()
    contents = {
        "slack-url": f"{hook.url}/slack", "pagerduty-routing-key": "r0ut1ng", "smtp-password": "p",
        "webhook-token": "t0k3n",
    }  # fmt: skip
    for name, content in contents.items():
        (directory / "secrets" / name).write_text(content)
    return document


def test_a_full_stop_is_noticed_and_told(collector, hook, tmp_path):
    """Collector, Prometheus, rules, Alertmanager and receivers, end to end; only waits are shortened."""
    alertmanager = Alertmanager(tmp_path / "alertmanager", local_alertmanager(tmp_path, hook))
    prometheus = None
    try:
        alertmanager.wait_listening()
        address = alertmanager.url.removeprefix("http://")
        document = configuration(collector, tmp_path / "prometheus", alertmanager=address)
        rules = tmp_path / "prometheus/rules/alerts-collector.yml"
        rules.write_text(re.sub(r"^(        for): \w+$", r"\1: 1s", rules.read_text(), flags=re.MULTILINE))
        prometheus = Prometheus(tmp_path / "prometheus", document)
        prometheus.wait_listening()
        eventually(lambda: _is_up(prometheus), seconds=20)
        collector.stop()
        eventually(lambda: _is_told(hook), seconds=30)
        _leads_to_what_to_do(hook, prometheus)
    finally:
        alertmanager.close()
        if prometheus is not None:
            prometheus.close()


def _is_up(prometheus: Prometheus) -> None:
    assert prometheus.query('up{job="skein-collector"}') == {frozenset(): 1.0}
    # An alert that fires before Prometheus has looked for an Alertmanager is told a minute later.
    assert prometheus.data("alertmanagers")["activeAlertmanagers"]


DOWN = "SkeinCollectorDown"


def _is_told(hook: Hook) -> None:
    found = [
        (authorization, alert["annotations"]) for authorization, body in hook.at("/skein")
        for alert in body["alerts"] if alert["labels"]["alertname"] == DOWN]  # fmt: skip
    assert found and found[0][0] == "Bearer t0k3n"
    assert found[0][1]["summary"].startswith("a collector does not answer: 127.0.0.1:")
    slack = [body["attachments"][0] for _, body in hook.at("/slack")]
    assert any("a collector does not answer" in part["text"] and part["color"] == "danger" for part in slack)
    assert hook.at("/v2/enqueue")
    _, page = hook.at("/v2/enqueue")[0]
    assert page["routing_key"] == "r0ut1ng" and page["payload"]["severity"] == "critical"
    assert page["payload"]["summary"].startswith("a collector does not answer")


def _leads_to_what_to_do(hook: Hook, prometheus: Prometheus) -> None:
    """Whoever runs compose can open what an alert names: Prometheus itself has the page."""
    told = [body for _, body in hook.at("/skein") if body["commonLabels"]["alertname"] == DOWN]
    opened = "http://127.0.0.1:9090"
    published = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["prometheus"]["ports"]
    assert f"{opened.removeprefix('http://')}:9090" in published
    url = told[0]["commonAnnotations"]["runbook_url"]
    assert url.startswith(f"{opened}/user/"), url
    answer = requests.get(prometheus.url + url.removeprefix(opened), timeout=REQUEST_SECONDS)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/"), answer.headers
    assert f"### {DOWN}\n" in answer.text and url.endswith(f"#{DOWN.lower()}")
    assert any(url in body["attachments"][0]["text"] for _, body in hook.at("/slack"))
    assert url in [page["payload"]["custom_details"]["runbook"] for _, page in hook.at("/v2/enqueue")]
    assert told[0]["externalURL"] == "http://127.0.0.1:9093"


class MailServer:
    """Takes mail from who knows the password, without TLS, which Alertmanager allows on loopback alone."""

    def __init__(self):
        self.mails: list[tuple[str, email.message.EmailMessage]] = []
        self.secrets: list[str] = []
        own = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self._say("220 mail.example.com ESMTP")
                recipient = ""
                while line := self.rfile.readline().decode().strip():
                    word, _, rest = line.partition(" ")
                    if word == "EHLO":
                        self._say("250-mail.example.com\r\n250 AUTH PLAIN")
                    elif word == "AUTH":
                        own.secrets.append(base64.b64decode(rest.split()[1]).decode().split("\0")[2])
                        self._say("235 welcome")
                    elif word == "DATA":
                        self._say("354 go on")
                        own.mails.append((recipient, self._message()))
                        self._say("250 taken")
                    else:
                        recipient = rest if word == "RCPT" else recipient
                        self._say("221 bye" if word == "QUIT" else "250 fine")

            def _message(self):
                lines = iter(self.rfile.readline, b".\r\n")
                return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_usage_is_told_by_email(hook, tmp_path):
    server = MailServer()
    document = local_alertmanager(tmp_path, hook)
    document["global"] |= {"smtp_smarthost": server.address, "smtp_require_tls": False}
    alertmanager = Alertmanager(tmp_path / "alertmanager", document)
    rule = monitoring.alerts()["SkeinCostAnomaly"]
    alert = {
        "labels": {"alertname": "SkeinCostAnomaly", "application": "support"} | rule["labels"],
        "annotations": {"summary": "support: $18.00 in an hour", "description": "d", "runbook_url": "r"},
    }
    try:
        alertmanager.wait_listening()
        posted = requests.post(f"{alertmanager.url}/api/v2/alerts", json=[alert], timeout=REQUEST_SECONDS)
        assert posted.status_code == 200, posted.text
        eventually(lambda: _is_mailed(server, document), seconds=20)
        assert not hook.at("/slack") and not hook.at("/v2/enqueue")
    finally:
        alertmanager.close()
        server.close()


def _is_mailed(server: MailServer, document: dict) -> None:
    assert len(server.mails) == 1
    recipient, mail = server.mails[0]
    assert server.secrets == ["p"]
    assert recipient == "TO:<skein-owners@example.com>" and mail["From"] == document["global"]["smtp_from"]
    assert mail["Subject"] == "SkeinCostAnomaly: support: $18.00 in an hour"
