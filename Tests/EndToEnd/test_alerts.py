"""Built-in alerts: from spans to notices at receivers that speak the real protocols, through kills and outages."""

import datetime
import hashlib
import hmac
import json
import os
import re
import signal
import stat
import time
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

import clients
import telemetry
from harness import Collector, merged, nested, run
from receivers import Answer, MailServer, Receiver, check_pagerduty, check_slack, check_webhook
from telemetry import MILLISECOND, SECOND, span
from waiting import eventually

# Times of a test: what takes minutes in production takes seconds here.
QUICK = {"interval": "1s", "group_wait": "0s", "group_interval": "1s"}
ERRORS = {
    "name": "HighErrorRate", "metric": "error_rate", "above": "20%", "window": "4s", "by": ["service"], "for": "1s",
    "severity": "critical", "summary": "{{ $labels.service }} fails: {{ $value }}", "labels": {"team": "desk"}}


def alerts(rules: list[dict], notifiers: dict, **more) -> dict:
    return {"alerts": {**QUICK, "rules": rules, "notifiers": notifiers, **more}}


@pytest.fixture
def webhook():
    receiver = Receiver(check_webhook)
    yield receiver
    receiver.close()
    assert receiver.mistakes == []


def secret(directory, name: str, text: str) -> str:
    path = directory / name
    path.write_text(text + "\n")
    return str(path)


class Traffic:
    """Spans of a service, more with each call."""

    def __init__(self, collector, seed: int):
        self.collector = collector
        self.ids = telemetry.Identifiers(seed)

    def send(self, count: int, errors: int = 0, service: str = "shop", milliseconds: float = 5) -> list[str]:
        """Returns the trace ids of those that failed."""
        spans, failed = [], []
        for index in range(count):
            trace_id = self.ids.trace_id()
            made = span(self.ids, trace_id, "POST /order", kind=2, milliseconds=milliseconds)
            if index < errors:
                made.status.code = 2
                failed.append(trace_id.hex())
            spans.append(made)
        clients.send(self.collector, telemetry.export_request(spans, service))
        return failed


def told(receiver: Receiver) -> list[str]:
    return [request.body["status"] for request in receiver.taken]


def firing(receiver: Receiver, traffic: Traffic, seconds: float = 30) -> list[str]:
    """Sends failing requests until the receiver was told; returns the failed traces."""
    failed = []

    def is_told():
        failed.extend(traffic.send(20, errors=10))
        assert "firing" in told(receiver)

    eventually(is_told, seconds)
    return failed


def report(collector) -> dict:
    answer = collector.query("/api/skein/v1/alerts")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_burst_of_errors_is_told_with_its_traces_and_so_is_its_end(new_collector, webhook, tmp_path):
    token = secret(tmp_path, "token", "t0ken")
    key = secret(tmp_path, "key", "a key")
    collector = new_collector(alerts([ERRORS], {"webhook/ops": {
        "url": webhook.url + "/hook", "bearer_token_file": token, "signing_secret_file": key,
        "headers": {"X-Team": "desk"}}})).start()
    traffic = Traffic(collector, 41)
    traffic.send(20, service="healthy")
    failed = firing(webhook, traffic)
    first = webhook.taken[0]
    assert first.path == "/hook" and first.headers["Authorization"] == "Bearer t0ken"
    assert first.headers["X-Team"] == "desk"
    signature = hmac.new(b"a key", first.raw, hashlib.sha256).hexdigest()
    assert first.headers["X-Skein-Signature"] == f"sha256={signature}"
    [alert] = first.body["alerts"]
    assert alert["labels"] == {
        "alertname": "HighErrorRate", "severity": "critical", "service": "shop", "team": "desk"}
    assert re.fullmatch(r"shop fails: \d+(\.\d+)? %", alert["annotations"]["summary"])
    examples = alert["annotations"]["trace_ids"].split(",")
    assert 1 <= len(examples) <= 3 and set(examples) <= set(failed)
    # The link leads to the failed spans.
    found = collector.query(alert["generatorURL"].split(":", 2)[2].partition("/")[2].join(["/", ""]))
    assert found.status_code == 200 and {trace["traceID"] for trace in found.json()["traces"]} <= set(failed)
    assert collector.metrics().total("skein_alerts", state="firing", severity="critical") == 1
    now = report(collector)
    assert [(alert["state"], alert["labels"]["service"]) for alert in now["alerts"]] == [("firing", "shop")]
    assert now["incidents"][0]["exampleTraceIDs"] == examples and now["incidents"][0]["state"] == "firing"

    def healed():
        traffic.send(50)
        assert told(webhook)[-1] == "resolved"

    eventually(healed, 40)
    assert told(webhook) == ["firing", "resolved"]
    now = report(collector)
    assert now["alerts"] == [] and now["incidents"][0]["state"] == "resolved"
    assert int(now["incidents"][0]["endUnixNano"]) > int(now["incidents"][0]["startUnixNano"])
    assert collector.metrics().total("skein_alert_notifications_total", notifier="webhook/ops", result="sent") == 2


def test_a_kill_neither_repeats_a_notice_nor_forgets_an_incident(new_collector, webhook):
    collector = new_collector(alerts([ERRORS], {"webhook": {"url": webhook.url}})).start()
    traffic = Traffic(collector, 42)
    firing(webhook, traffic)

    def goes_on() -> None:
        traffic.send(20, errors=10)

    # Once the delivery is on disk nothing is sent again.
    eventually(lambda: _delivered_on_disk(collector))
    for _ in range(2):
        goes_on()
        collector.kill()
        collector.start()
        assert [alert["state"] for alert in report(collector)["alerts"]] == ["firing"]
        _evaluated(collector, 2, goes_on)
        assert [alert["state"] for alert in report(collector)["alerts"]] == ["firing"]
    assert told(webhook) == ["firing"]
    eventually(lambda: _equal(told(webhook), ["firing", "resolved"]), 60)
    assert len(report(collector)["incidents"]) == 1
    collector.restart()
    _evaluated(collector, 2)
    assert told(webhook) == ["firing", "resolved"]


def _delivered_on_disk(collector) -> None:
    assert '"notices":[{' not in (collector.data / "alerts/state").read_text()
    assert report(collector)["notifiers"][0]["sent"] == 1


def _evaluated(collector, times: int, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Waits for so many evaluations that began after now."""
    name = "skein_alert_evaluations_total"
    before = collector.metrics().total(name)

    def enough():
        meanwhile()
        assert collector.metrics().total(name) > before + times

    eventually(enough, 20)


def _equal(value, expected) -> None:
    assert value == expected


def test_a_receiver_that_is_down_is_told_when_it_is_back(new_collector, webhook):
    quick = {"retry_on_failure": {"initial_interval": "100ms", "max_interval": "500ms"}}
    collector = new_collector(alerts([ERRORS], {"webhook": {"url": webhook.url, **quick}})).start()
    webhook.close()
    traffic = Traffic(collector, 43)

    def waits():
        traffic.send(20, errors=10)
        [notifier] = report(collector)["notifiers"]
        assert notifier["queued"] == 1 and not notifier["healthy"] and notifier["retried"] > 1
        assert "connection failed" in notifier.get("lastError", "")

    eventually(waits, 30)
    assert collector.metrics().total("skein_alert_notification_queue_size", notifier="webhook") == 1
    collector.kill()
    webhook.refusals = [Answer(503), Answer(429, {"Retry-After": "1"})]
    webhook.open()
    collector.start()
    eventually(lambda: _equal(told(webhook)[:1], ["firing"]), 20)
    assert webhook.attempts >= 3
    assert collector.metrics().total("skein_alert_notification_retries_total", notifier="webhook") >= 2
    assert report(collector)["notifiers"][0]["healthy"]


# MARK: notifiers


@dataclass
class Everybody:
    """A collector that tells everybody of an alert which has begun and ended, and whom it tells."""

    collector: Collector
    slack: Receiver
    pager: Receiver
    # STARTTLS, TLS from the first byte, and one whose certificate nobody trusts.
    mail: dict[str, MailServer]
    # What was told of the last of them while the alert fired.
    untrusted: dict = field(default_factory=dict)


@pytest.fixture(scope="module")
def everybody(new_file_collector, tmp_path_factory):
    directory = tmp_path_factory.mktemp("everybody")
    servers = []

    def mail_server(name: str, implicit: bool) -> MailServer:
        (directory / name).mkdir()
        servers.append(MailServer(directory / name, implicit=implicit))
        return servers[-1]

    mail = {"STARTTLS": mail_server("a", False), "TLS": mail_server("b", True), "untrusted": mail_server("c", False)}
    slack, pager = Receiver(check_slack), Receiver(check_pagerduty, 202)
    servers += [slack, pager]
    password = secret(directory, "password", "geheim")

    def email(name: str, **more) -> dict:
        return {
            "to": ["Ops Büro <ops@example.com>", "b@example.com"], "from": "Skein <skein@example.com>",
            "smarthost": f"localhost:{mail[name].port}", "hello": "collector.example.com", "auth_username": "skein",
            "auth_password_file": password, **more}

    rule = {**ERRORS, "summary": "Zahlungen größer .\n.. 世界 {{ $labels.service }} " + "x" * 90}
    try:
        collector = new_file_collector(alerts([rule], {
            "slack/ops": {"api_url_file": secret(directory, "slack", slack.url + "/services/T/B/x")},
            "pagerduty": {
                "routing_key_file": secret(directory, "pagerduty", "r0uting"), "url": pager.url + "/v2/enqueue"},
            "email/starttls": email("STARTTLS", tls={"ca_file": mail["STARTTLS"].ca}),
            "email/tls": email("TLS", implicit_tls=True, tls={"ca_file": mail["TLS"].ca}),
            "email/untrusted": email("untrusted"),
        })).start()
        state = Everybody(collector, slack, pager, mail)
        traffic = Traffic(collector, 44)

        def begun():
            traffic.send(20, errors=10)
            assert slack.taken and pager.taken and mail["STARTTLS"].mails and mail["TLS"].mails, collector.stderr
            [state.untrusted] = [
                notifier for notifier in report(collector)["notifiers"] if notifier["id"] == "email/untrusted"]
            assert "certificate" in state.untrusted.get("lastError", ""), state.untrusted

        eventually(begun, 30)
        eventually(lambda: _equal(pager.taken[-1].body["event_action"], "resolve"), 40)
        eventually(lambda: _equal(slack.taken[-1].body["attachments"][0]["color"], "good"), 20)
        yield state
    finally:
        for server in servers:
            server.close()


def test_slack_takes_what_it_is_sent(everybody):
    slack = everybody.slack
    assert slack.mistakes == []
    assert slack.taken[0].path == "/services/T/B/x" and slack.taken[0].body["text"].startswith("[FIRING:1]")
    assert "|trace 1>" in slack.taken[0].raw.decode()


def test_pagerduty_takes_what_it_is_sent(everybody):
    pager = everybody.pager
    assert pager.mistakes == []
    events = [request.body for request in pager.taken]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert events[0]["routing_key"] == "r0uting" and events[0]["payload"]["severity"] == "critical"
    assert any(link["text"] == "trace 1" for link in events[0]["links"])


def test_a_mail_server_without_tls_is_named_with_the_key_that_asks_for_it(new_collector, tmp_path):
    server = MailServer(tmp_path, plain=True)
    try:
        common = {
            "to": ["ops@example.com"], "from": "skein@example.com", "smarthost": f"127.0.0.1:{server.port}",
            "auth_username": "skein", "auth_password_file": secret(tmp_path, "password", "geheim")}
        collector = new_collector(alerts([ERRORS], {
            "email/strict": common, "email/plain": {**common, "require_tls": False}})).start()
        traffic = Traffic(collector, 45)

        def told_of():
            traffic.send(20, errors=10)
            by_id = {notifier["id"]: notifier.get("lastError", "") for notifier in report(collector)["notifiers"]}
            assert f"127.0.0.1:{server.port}" in by_id["email/strict"] and "STARTTLS" in by_id["email/strict"]
            assert "require_tls of alerts.notifiers.email/strict" in by_id["email/strict"]
            assert "status" not in by_id["email/strict"]
            assert server.mails and not server.mails[0].was_encrypted

        eventually(told_of, 30)
    finally:
        server.close()


@pytest.mark.parametrize("name", ["STARTTLS", "TLS"])
def test_mail_is_sent_encrypted_with_a_login(everybody, name):
    mail = everybody.mail[name].mails[0]
    assert mail.was_encrypted and mail.login == "skein"
    assert mail.sender == "skein@example.com" and mail.recipients == ["ops@example.com", "b@example.com"]
    message = mail.message
    assert not message.defects
    assert "größer" in message["Subject"] and "世界" in message["Subject"]
    assert message["To"].addresses[0].display_name == "Ops Büro"
    assert message["From"].addresses[0].addr_spec == "skein@example.com"
    assert message["Date"].datetime.tzinfo is not None and message["Message-ID"].endswith("@example.com>")
    assert message["Auto-Submitted"] == "auto-generated" and message.get_content_type() == "text/plain"
    text = message.get_content()
    assert "condition  error_rate above 20 %" in text and 'service="shop"' in text and "/api/skein/v1/traces/" in text
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 78


def test_mail_goes_nowhere_where_the_certificate_is_not_trusted(everybody):
    server = everybody.mail["untrusted"]
    assert everybody.untrusted["queued"] == 1 and not everybody.untrusted["healthy"]
    assert server.mails == [] and server.logins == []


def _calls(seed: int, user: str, count: int, tokens: int = 1_000_000) -> list:
    """Calls of a model, a dollar each at the prices of the test."""
    ids = telemetry.Identifiers(seed)
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "house",
        "gen_ai.response.model": "house", "gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 0,
        "user.id": user}
    return [
        span(ids, ids.trace_id(), "chat house", kind=3, milliseconds=20, attributes=attributes) for _ in range(count)]


def _read_again(collector, configuration: dict | str) -> str:
    """Has a collector read another configuration; the line of the log that says what came of it."""
    text = configuration
    if isinstance(configuration, dict):
        before = json.loads(collector.config_file.read_text())
        text = json.dumps({**before, **configuration}, indent=2)
    collector.config_file.write_text(text)
    said = len(collector.messages)
    collector.process.send_signal(signal.SIGHUP)

    def answered():
        lines = [line for line in collector.messages[said:] if re.search("configuration (read again|stays)", line)]
        assert lines
        return lines[0]

    return eventually(answered, 30)


def test_rules_are_read_again_and_alerts_go_on(new_collector, webhook, tmp_path):
    other = Receiver(check_webhook)
    notifiers = {"webhook/ops": {"url": webhook.url}}
    start = alerts([ERRORS, {**ERRORS, "name": "Gone"}], notifiers)
    collector = new_collector(start).start()
    traffic = Traffic(collector, 71)
    firing(webhook, traffic)
    eventually(lambda: _equal({alert["labels"]["alertname"] for alert in report(collector)["alerts"]
                               if alert["state"] == "firing"}, {"HighErrorRate", "Gone"}), 20)
    known = {incident["id"]: incident["startUnixNano"] for incident in report(collector)["incidents"]}
    before = collector.config_file.read_text()
    # A mistake changes nothing.
    said = _read_again(collector, alerts([{**ERRORS, "above": "200%"}], notifiers))
    assert "stays as it was" in said and "alerts.rules[0].above" in collector.stderr
    assert {rule["name"] for rule in report(collector)["rules"]} == {"HighErrorRate", "Gone"}
    # Another rule and another notifier, one rule gone, and something that needs a restart.
    collector.config_file.write_text(before)
    fast = {**ERRORS, "name": "Traffic", "metric": "request_rate", "above": 0.01, "by": []}
    del fast["summary"]
    changed = alerts([ERRORS, fast], {**notifiers, "webhook/other": {"url": other.url}})
    said = _read_again(collector, changed | {"service": {"shutdown_timeout": "7s"}})
    assert "read again" in said
    collector.wait_message("need a restart.*service")
    assert not re.search("need a restart.*(alerts|ports|storage|query)", collector.stderr)
    assert {rule["name"] for rule in report(collector)["rules"]} == {"HighErrorRate", "Traffic"}

    def ended():
        traffic.send(20, errors=10)
        now = report(collector)
        assert {alert["labels"]["alertname"] for alert in now["alerts"]} == {"HighErrorRate", "Traffic"}
        assert {alert["state"] for alert in now["alerts"]} == {"firing"}
        assert "firing" in told(other)

    eventually(ended, 30)
    incidents = {incident["labels"]["alertname"]: incident for incident in report(collector)["incidents"]}
    assert incidents["Gone"]["state"] == "resolved" and incidents["HighErrorRate"]["state"] == "firing"
    assert known[incidents["HighErrorRate"]["id"]] == incidents["HighErrorRate"]["startUnixNano"], "it is the same incident"
    # Without alerts there are none, and with them again they are there.
    assert "read again" in _read_again(collector, {"alerts": {}})
    assert report(collector)["rules"] == [] and report(collector)["alerts"] == []
    assert "read again" in _read_again(collector, start)
    assert {rule["name"] for rule in report(collector)["rules"]} == {"HighErrorRate", "Gone"}
    assert collector.metrics().total("skein_alert_evaluations_total") > 0
    collector.stop()
    other.close()


def test_budgets_are_of_the_months_of_the_time_zone(new_collector, webhook):
    budget = {
        "name": "Tokens", "metric": "tokens", "budget": 2, "period": "month", "steps": ["100%"], "by": ["user"],
        "summary": "{{ $value }}"}
    collector = new_collector(merged(
        alerts([budget], {"webhook": {"url": webhook.url}}),
        {"query": {"time_zone": "America/New_York"}, **nested("connectors.gen_ai", {"wait": "200ms"})})).start()
    first = datetime.datetime.now(zoneinfo.ZoneInfo("America/New_York")).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0)
    # Just before and just after the month began where the zone is, hours after it did where UTC is.
    for seed, offset, tokens in [(61, -5, 500), (62, 5, 3)]:
        calls = _calls(seed, "ada", 1, tokens=tokens)
        for made in calls:
            made.start_time_unix_nano = (int(first.timestamp()) + offset) * SECOND
            made.end_time_unix_nano = made.start_time_unix_nano + MILLISECOND
        clients.send(collector, telemetry.export_request(calls, "desk"))
    # What arrives late for hours that are over is looked at anew after a start.
    eventually(lambda: _equal(collector.query("/api/skein/v1/usage?by=user&since=1440h").json()["total"]["calls"], 2))
    collector.kill()
    collector.start()
    eventually(lambda: _equal([alert["annotations"]["summary"] for request in webhook.taken
                               for alert in request.body["alerts"]], ["3, 150 % of the budget"]), 20)
    _evaluated(collector, 3)
    assert len(webhook.taken) == 1


def test_budgets_are_told_of_once_a_step_and_period(new_collector, webhook, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"house": {"input_cost_per_token": 1e-6, "output_cost_per_token": 0, "mode": "chat", '
                      '"litellm_provider": "openai"}}')
    budget = {
        "name": "MonthlyBudget", "metric": "cost_usd", "budget": 10, "period": "month", "by": ["user"],
        "summary": "{{ $labels.user }}: {{ $value }}"}
    gen_ai = {"wait": "200ms", "late_wait": "1s", "prices": {"file": str(prices), "builtin": False}}
    collector = new_collector(merged(
        alerts([budget], {"webhook": {"url": webhook.url}}), nested("connectors.gen_ai", gen_ai))).start()

    def steps() -> list[str]:
        return [
            f'{alert["labels"]["user"]} {alert["annotations"]["budget_step"]}'
            for request in webhook.taken for alert in request.body["alerts"] if alert["labels"]["user"] == "ada"]

    clients.send(collector, telemetry.export_request(_calls(51, "ada", 7) + _calls(52, "grace", 1), "desk"))
    usage = "/api/skein/v1/usage?by=user"
    eventually(lambda: _equal(collector.query(usage).json()["total"]["costUSD"], 8))
    _evaluated(collector, 2)
    assert webhook.taken == [] and report(collector)["alerts"] == []
    clients.send(collector, telemetry.export_request(_calls(53, "ada", 1), "desk"))
    eventually(lambda: _equal(steps(), ["ada 80 %"]), 20)
    alert = webhook.taken[0].body["alerts"][0]
    annotations = alert["annotations"]
    # The link leads to what she used, and to nobody else's.
    linked = collector.query("/" + alert["generatorURL"].split(":", 2)[2].partition("/")[2]).json()
    assert [row["key"] for row in linked["rows"]] == [{"user": "ada"}] and linked["total"]["costUSD"] == 8
    assert annotations["summary"] == "ada: $8, 80 % of the budget" and len(annotations["trace_ids"].split(",")) == 3
    eventually(lambda: _equal(report(collector)["notifiers"][0]["queued"], 0))
    eventually(lambda: _delivered_on_disk(collector))
    collector.kill()
    collector.start()
    _evaluated(collector, 3)
    assert steps() == ["ada 80 %"]
    clients.send(collector, telemetry.export_request(_calls(54, "ada", 3), "desk"))
    eventually(lambda: _equal(steps(), ["ada 80 %", "ada 100 %"]), 20)
    assert [alert["labels"]["user"] for alert in report(collector)["alerts"]] == ["ada"]


def test_dollars_of_alerts_have_no_exponent(new_collector, tmp_path):
    prices = tmp_path / "prices.json"
    prices.write_text('{"house": {"input_cost_per_token": 1e-11, "output_cost_per_token": 0, "mode": "chat", '
                      '"litellm_provider": "openai"}}')
    rule = {"name": "Tiny", "metric": "cost_usd", "above": 0.00001, "window": "60s"}
    gen_ai = {"wait": "200ms", "late_wait": "1s", "prices": {"file": str(prices), "builtin": False}}
    collector = new_collector(merged(alerts([rule], {}), nested("connectors.gen_ai", gen_ai))).start()
    clients.send(collector, telemetry.export_request(_calls(55, "ada", 6), "desk"))

    def shown() -> None:
        text = collector.query("/api/skein/v1/alerts").text
        numbers = re.findall(r'"(value|threshold|peak)":([^,}]*)', text)
        assert sorted(numbers) == sorted([
            ("value", "0.00006"), ("threshold", "0.00001"), ("value", "0.00006"), ("threshold", "0.00001"),
            ("peak", "0.00006")])

    eventually(shown, 20)


HOUR_NANOSECONDS = 3600 * SECOND
# What each service of the past did every second, and how: as long before and after the windows as the test may take.
PAST_SECONDS, PAST_RATE = 150, 5


def _past(seed: int, service: str, milliseconds: float, errors_of_ten: int) -> object:
    """Spans of a service around the time an hour ago, evenly."""
    ids, spans = telemetry.Identifiers(seed), []
    first = telemetry.now() - HOUR_NANOSECONDS - PAST_SECONDS // 3 * SECOND
    for index in range(PAST_SECONDS * PAST_RATE):
        made = span(
            ids, ids.trace_id(), "POST /order", kind=2, start=first + index * SECOND // PAST_RATE,
            milliseconds=milliseconds)
        made.status.code = 2 if index % 10 < errors_of_ten else 0
        spans.append(made)
    return telemetry.export_request(spans, service)


def test_rates_and_latencies_are_compared_with_the_same_time_before(new_collector, webhook):
    """What was an hour ago comes from stored spans; only what is more than then is told, and by how much."""
    against = {"baseline": "1h", "by": ["service"], "window": "4s", "min_count": 10}
    rules = [
        {"name": "Slower", "metric": "latency_p95", "above": 2, "min_value": "100ms", **against},
        {"name": "MoreErrors", "metric": "error_rate", "above": "200%", "min_value": "5%", **against},
        {"name": "MoreTraffic", "metric": "request_rate", "above": 10, **against},
        {"name": "LessTraffic", "metric": "request_rate", "below": "50%", **against, "min_count": 0},
    ]
    collector = new_collector(alerts(rules, {"webhook": {"url": webhook.url}})).start()
    # Each is worse than before in one way; "new" was not there, and "small" is slower by far, but quick still.
    past = {
        "slow": (30, 1), "failing": (30, 1), "busy": (30, 1), "same": (30, 1), "small": (2, 1), "gone": (30, 1)}
    for index, (service, (milliseconds, errors)) in enumerate(past.items()):
        clients.send(collector, _past(60 + index, service, milliseconds, errors))
    # What was sent as the past was counted when it came in; the windows of now must have passed it.
    _evaluated(collector, 6)
    now = {"slow": (10, 1, 300), "failing": (10, 8, 30), "busy": (150, 15, 30), "same": (10, 1, 30),
           "small": (10, 1, 40), "new": (10, 8, 900)}  # fmt: skip
    sent_before = len(webhook.taken)
    traffic = Traffic(collector, 69)

    def alerting() -> set[tuple[str, str]]:
        return {
            (alert["labels"]["alertname"], alert["labels"]["service"]) for request in webhook.taken[sent_before:]
            for alert in request.body["alerts"] if alert["status"] == "firing"}  # fmt: skip

    sent_at = 0.0

    def goes_on() -> None:
        nonlocal sent_at
        if time.monotonic() < sent_at + 0.7:
            return
        sent_at = time.monotonic()
        for service, (count, errors, milliseconds) in now.items():
            traffic.send(count, errors, service, milliseconds)

    def all_told() -> None:
        goes_on()
        assert {("Slower", "slow"), ("MoreErrors", "failing"), ("MoreTraffic", "busy"), ("LessTraffic", "gone")} <= (
            alerting()), alerting()

    eventually(all_told, 40)
    _evaluated(collector, 2, goes_on)
    assert alerting() == {
        ("Slower", "slow"), ("MoreErrors", "failing"), ("MoreTraffic", "busy"), ("LessTraffic", "gone")}
    by_name = {
        alert["labels"]["alertname"]: alert for request in webhook.taken[sent_before:]
        for alert in request.body["alerts"]}  # fmt: skip
    current = {alert["labels"]["alertname"]: alert for alert in report(collector)["alerts"]}
    assert current["MoreErrors"]["baseline"] == pytest.approx(0.1, abs=0.05)
    assert current["MoreErrors"]["value"] == pytest.approx(0.8, abs=0.02)
    assert current["MoreTraffic"]["baseline"] == pytest.approx(PAST_RATE, rel=0.1)
    assert current["LessTraffic"]["baseline"] == pytest.approx(PAST_RATE, rel=0.1)
    assert current["LessTraffic"]["value"] == 0
    # Of the buckets from 10 to 50 ms and from 200 to 400 ms.
    assert 0.01 < current["Slower"]["baseline"] <= 0.05 and 0.2 < current["Slower"]["value"] <= 0.4
    summary = by_name["MoreErrors"]["annotations"]["summary"]
    assert re.fullmatch(r"MoreErrors: failing \((79|80|81)(\.\d+)? %, \d+(\.\d+)? % before\)", summary), summary
    assert len(by_name["Slower"]["annotations"]["trace_ids"].split(",")) == 3


def _tool_runs(ids: telemetry.Identifiers, tool: str, count: int, errors: int) -> object:
    """Runs of a tool below one of an agent each."""
    spans = []
    for index in range(count):
        trace_id = ids.trace_id()
        agent = span(ids, trace_id, "invoke_agent critic", kind=1, milliseconds=90, attributes={
            "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "critic"})
        made = span(ids, trace_id, f"execute_tool {tool}", kind=1, parent_span_id=agent.span_id, attributes={
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool})
        made.status.code = 2 if index < errors else 0
        spans += [made, agent]
    return telemetry.export_request(spans, "desk")


def test_tools_that_fail_are_told_of(new_collector, webhook):
    rule = {
        "name": "ToolFails", "metric": "tool_error_rate", "above": "10%", "by": ["tool"], "window": "4s",
        "min_count": 10, "summary": "{{ $labels.tool }}: {{ $value }}"}
    gen_ai = {"wait": "100ms", "late_wait": "100ms"}
    collector = new_collector(merged(
        alerts([rule], {"webhook": {"url": webhook.url}}), nested("connectors.gen_ai", gen_ai))).start()
    ids = telemetry.Identifiers(70)
    # One fails often, one seldom, one always, but it ran too seldom to say so.
    failed = set()

    def goes_on() -> None:
        request = _tool_runs(ids, "search", 20, 10)
        failed.update(
            own.trace_id.hex() for own in request.resource_spans[0].scope_spans[0].spans if own.status.code == 2)
        clients.send(collector, request)
        clients.send(collector, _tool_runs(ids, "calculator", 20, 1))

    def fires() -> None:
        goes_on()
        assert "firing" in told(webhook)

    clients.send(collector, _tool_runs(ids, "printer", 5, 5))
    eventually(fires, 30)
    _evaluated(collector, 2, goes_on)
    told_of = [alert for request in webhook.taken for alert in request.body["alerts"]]
    assert {alert["labels"]["tool"] for alert in told_of} == {"search"}
    assert told_of[0]["annotations"]["summary"] == "search: 50 %"
    examples = told_of[0]["annotations"]["trace_ids"].split(",")
    assert 1 <= len(examples) <= 3 and set(examples) <= failed
    eventually(lambda: _equal(told(webhook), ["firing", "resolved"]), 40)


def test_a_silence_keeps_quiet_and_is_shown(new_collector, webhook):
    silence = {"matchers": ['service="shop"'], "ends_at": "2199-01-01T00:00:00Z", "comment": "moving"}
    collector = new_collector(alerts([ERRORS], {"webhook": {"url": webhook.url}}, silences=[silence])).start()
    traffic = Traffic(collector, 47)

    def fires():
        traffic.send(20, errors=10)
        traffic.send(20, errors=10, service="other")
        now = report(collector)
        assert {(alert["labels"]["service"], alert["silenced"]) for alert in now["alerts"]} == {
            ("shop", True), ("other", False)}
        assert [(silence["active"], silence["comment"]) for silence in now["silences"]] == [(True, "moving")]
        assert webhook.taken

    eventually(fires, 30)
    assert {alert["labels"]["service"] for request in webhook.taken for alert in request.body["alerts"]} == {"other"}


def test_the_collector_tells_of_its_own_trouble(new_collector, webhook):
    rule = {"name": "ForwardQueueAge", "metric": "forward_queue_age", "above": "1s", "by": ["exporter"]}
    collector = new_collector(merged(
        alerts([rule], {"webhook": {"url": webhook.url}}),
        nested("exporters.otlp_http/gone", {"endpoint": "http://127.0.0.1:1"}))).start()
    Traffic(collector, 48).send(3)
    eventually(lambda: _equal(told(webhook), ["firing"]), 20)
    assert webhook.taken[0].body["alerts"][0]["labels"]["exporter"] == "otlp_http/gone"
    lag = collector.metrics().total("skein_journal_reader_lag_seconds", reader="exporter/otlp_http/gone")
    assert lag >= 1
    collector.kill()


def test_a_state_that_does_not_check_is_reported_and_begun_anew(new_collector, webhook):
    collector = new_collector(alerts([ERRORS], {"webhook": {"url": webhook.url}})).start()
    firing(webhook, Traffic(collector, 49))
    collector.kill()
    state = collector.data / "alerts/state"
    assert stat.S_IMODE(os.stat(state).st_mode) & 0o007 == 0, "not everybody may read it"
    state.write_bytes(state.read_bytes()[:-9])
    collector.start()
    collector.wait_message("alerts begin anew.*checksum")
    assert report(collector)["alerts"] == []


# MARK: configuration


# What is wrong, and what must be said about it.
MISTAKES = {
    "metric": ({"name": "a", "metric": "eror_rate", "above": 1}, "alerts.rules[0].metric: 'eror_rate' is not valid"),
    "no condition": ({"name": "a", "metric": "error_rate"}, "has no condition, expected above, below"),
    "two conditions": (
        {"name": "a", "metric": "error_rate", "above": 0.1, "below": 0.2}, "below: and above exclude each other"),
    "a share": ({"name": "a", "metric": "error_rate", "above": "5"}, "'5' is not valid, expected a share such as 5%"),
    "a latency": (
        {"name": "a", "metric": "latency_p95", "above": 10}, "'10' is not valid, expected a duration such as 10s"),
    "a label": (
        {"name": "a", "metric": "error_rate", "above": 0.1, "by": ["user"]},
        "'user' is no label of error_rate, expected one of service, operation, kind"),
    "a matcher": (
        {"name": "a", "metric": "error_rate", "above": 0.1, "where": ["service"]}, "'service' is no matcher"),
    "a budget": ({"name": "a", "metric": "error_rate", "budget": 5}, "budget: does not go with error_rate"),
    "steps": (
        {"name": "a", "metric": "tokens", "budget": 5, "steps": ["90%", "80%"]}, "in ascending order"),
    "a baseline past retention": (
        {"name": "a", "metric": "error_rate", "above": 2, "baseline": "7d"},
        "baseline: needs spans of 168h5m ago, storage.retention.max_age is 168h"),
    "a notifier": (
        {"name": "a", "metric": "error_rate", "above": 0.1, "notify": ["slack/ops"]},
        "'slack/ops' is no notifier of alerts.notifiers"),
    "a name": ({"metric": "error_rate", "above": 0.1}, "alerts.rules[0].name: is missing"),
    "a key": (
        {"name": "a", "metric": "error_rate", "above": 0.1, "severty": "info"},
        "unknown key, did you mean 'severity'?"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_rule_is_named(name, tmp_path):
    rule, message = MISTAKES[name]
    check = _check(tmp_path, {"alerts": {"rules": [rule]}})
    assert check.returncode == 2 and message in check.stderr, check.stderr


NOTIFIER_MISTAKES = {
    "a type": ({"teams/ops": {}}, "alerts.notifiers.teams/ops: unknown key"),
    "a secret in the file": ({"slack": {"api_url": "https://hooks.slack.com/x"}}, "is a secret, expected ${env:NAME}"),
    "a missing file": ({"pagerduty": {"routing_key_file": "/nowhere/key"}}, "no such file or directory"),
    "no url": ({"webhook": {}}, "alerts.notifiers.webhook.url: is missing"),
    "no scheme": ({"webhook": {"url": "example.com"}}, "is no URL"),
    "an address": (
        {"email": {"to": ["ops"], "from": "a@b", "smarthost": "mail:587"}}, "'ops' is not valid, expected an address"),
    "a smarthost": ({"email": {"to": ["a@b"], "from": "a@b", "smarthost": "mail"}}, "expected host:port"),
    "half a login": (
        {"email": {"to": ["a@b"], "from": "a@b", "smarthost": "mail:25", "auth_username": "x"}}, "go together"),
}


@pytest.mark.parametrize("name", NOTIFIER_MISTAKES)
def test_a_mistake_in_a_notifier_is_named(name, tmp_path):
    notifiers, message = NOTIFIER_MISTAKES[name]
    check = _check(tmp_path, {"alerts": {"notifiers": notifiers}})
    assert check.returncode == 2 and message in check.stderr, check.stderr


def _check(directory, configuration):
    import json

    file = directory / "alerts.yaml"
    file.write_text(json.dumps(configuration, indent=1))
    return run("config", "check", file)


def test_secrets_are_masked(tmp_path):
    import json

    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps({"alerts": {"notifiers": {
        "slack": {"api_url": "${env:SLACK_URL}"},
        "webhook": {"url": "https://user:pw@example.com/x?token=s3cret", "bearer_token": "${env:TOKEN}"},
        "pagerduty": {"routing_key": "${env:KEY}"}}}}))
    shown = run(
        "config", "print", "--config", file, SLACK_URL="https://hooks.example.com/s3cret", TOKEN="s3cret",
        KEY="s3cret")
    assert shown.returncode == 0, shown.stderr
    assert "s3cret" not in shown.stdout and shown.stdout.count("[REDACTED]") >= 4
