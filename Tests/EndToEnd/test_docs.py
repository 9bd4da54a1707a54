"""The documentation says what the binary does: keys and defaults, metrics, paths, variables, links."""

import json
import re
from pathlib import Path

import pytest
import yaml

import clients
import harness
import telemetry
from harness import REPOSITORY, merged, nested, run
from sink import Sink
from telemetry import MILLISECOND, SECOND, span
from waiting import eventually

DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("guides/*.md")])
OTHER_PAGES = sorted([*DOCS.glob("adr/*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"])
# What `make docs` builds.
ARTICLES = sorted((REPOSITORY / "Sources").glob("*/*.docc/*.md"))
EXPORTER = "exporters.otlp_http"
REMOTE_WRITE = "exporters.prometheusremotewrite"


def rows(page: Path, section: str | None = None) -> list[list[str]]:
    """The cells of all table rows of a page, or of one section of it, header rows left out."""
    sections = re.split(r"^## (.*)\n", page.read_text(), flags=re.MULTILINE)
    text = "".join(sections) if section is None else sections[sections.index(section) + 1]
    lines = [line for line in text.splitlines() if line.startswith("| ")] + [""]
    body = [line for line, following in zip(lines, lines[1:]) if not {line[:5], following[:5]} & {"| ---"}]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body]


def code(cell: str) -> str | None:
    """The text of a cell that is nothing but code."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    return match[1] if match else None


# MARK: configuration.md


# Keys of lists and mappings whose entries exclude one another; they are tried by themselves.
ALERT_ENTRIES = ("alerts.rules[].", "alerts.notifiers.", "alerts.silences[].")


def documented_keys(alert_entries: bool = False) -> dict[str, object]:
    """Every key with its default, or those of entries of alerts; None where there is none."""
    result = {}
    page = DOCS / "configuration.md"
    other = rows(page, "Files written for the OpenTelemetry Collector")
    for cells in rows(page):
        if cells in other:
            continue
        key = code(cells[0])
        if len(cells) != 3 or key is None or not re.fullmatch(r"[a-z_]+(\.[a-z_\[\]]+)+", key):
            continue
        assert key not in result, f"{key} is documented twice"
        if key.startswith(ALERT_ENTRIES) != alert_entries:
            continue
        default = code(cells[1])
        assert default is not None or cells[1] in ("none", "required"), f"{key}: default {cells[1]}"
        result[key] = None if default is None else yaml.safe_load(default)
    return result


# What a key without a default is set to when all keys are tried.
TRIED = {
    f"{EXPORTER}.endpoint": "http://127.0.0.1:1",
    f"{EXPORTER}.traces_endpoint": "http://127.0.0.1:1/v1/traces",
    f"{EXPORTER}.headers": {"X-Tenant": "a"},
    f"{EXPORTER}.tls.ca_file": "/ca.pem",
    f"{EXPORTER}.tls.cert_file": "/cert.pem",
    f"{EXPORTER}.tls.key_file": "/key.pem",
    f"{EXPORTER}.metrics_endpoint": "http://127.0.0.1:1/v1/metrics",
    f"{REMOTE_WRITE}.endpoint": "http://127.0.0.1:1",
    f"{REMOTE_WRITE}.headers": {"X-Tenant": "a"},
    f"{REMOTE_WRITE}.external_labels": {"cluster": "a"},
    f"{REMOTE_WRITE}.tls.ca_file": "/ca.pem",
    f"{REMOTE_WRITE}.tls.cert_file": "/cert.pem",
    f"{REMOTE_WRITE}.tls.key_file": "/key.pem",
    "connectors.spanmetrics.dimensions[].name": "http.route",
    "connectors.spanmetrics.dimensions[].default": "none",
    "connectors.spanmetrics.calls_dimensions[].name": "calls",
    "connectors.spanmetrics.calls_dimensions[].default": "none",
    "connectors.spanmetrics.histogram.dimensions[].name": "durations",
    "connectors.spanmetrics.histogram.dimensions[].default": "none",
    "connectors.spanmetrics.events.dimensions[].name": "event.name",
    "connectors.spanmetrics.events.dimensions[].default": "none",
    "connectors.gen_ai.attribution[].name": "team",
    "connectors.gen_ai.attribution[].attributes": ["app.team"],
    "connectors.gen_ai.prices.file": str(REPOSITORY / "Tests/EndToEnd/data/prices.json"),
}


# Keys that exclude others, and what they are tried in the place of.
ALTERNATIVES = {
    "connectors.spanmetrics.histogram.exponential.max_size": (320, "connectors.spanmetrics.histogram.explicit.buckets"),
}


def document(values: dict[str, object]) -> dict:
    result: dict = {}
    items: dict[str, dict] = {}
    for key, value in values.items():
        if "[]." in key:
            items.setdefault(key.split("[].")[0], {})[key.split("[].")[1]] = value
        else:
            result = merged(result, nested(key, value))
    for key, item in items.items():
        result = merged(result, nested(key, [item]))
    return result


def printed(values: dict[str, object], directory: Path) -> dict:
    file = directory / "configuration.yaml"
    file.write_text(json.dumps(document(values), indent=1))
    result = run("config", "print", "--config", file)
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)


def test_the_documented_defaults_are_the_binarys(tmp_path):
    keys = documented_keys()
    assert len(keys) > 40
    target = {key: TRIED[key] for key in (f"{EXPORTER}.endpoint", f"{REMOTE_WRITE}.endpoint")}
    defaults = {key: value for key, value in keys.items() if value is not None}
    assert printed(target | defaults, tmp_path) == printed(target, tmp_path)


def test_a_key_that_is_no_key_is_refused(tmp_path):
    """What the other tests rest on."""
    with pytest.raises(AssertionError, match="storage.retention.max_agee: unknown key, did you mean 'max_age'"):
        printed({"storage.retention.max_agee": "1h"}, tmp_path)


def leaves(value, path: str = "") -> set[str]:
    if path in (
        f"{EXPORTER}.headers", f"{REMOTE_WRITE}.headers", f"{REMOTE_WRITE}.external_labels",
        "alerts.notifiers.webhook.headers", "alerts.rules[].labels",
    ):  # fmt: skip
        return {path}
    if isinstance(value, dict):
        return {leaf for key, part in value.items() for leaf in leaves(part, f"{path}.{key}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {leaf for part in value for leaf in leaves(part, f"{path}[]")}
    return {path}


def test_the_documented_keys_are_the_binarys(tmp_path):
    """All at once: the binary names each one that it does not know."""
    keys = documented_keys()
    everything = {key: TRIED.get(key, value) for key, value in keys.items() if key not in ALTERNATIVES}
    everything |= {"connectors.spanmetrics.exclude_dimensions": ["span.kind"], "query.allowed_hosts": ["a"]}
    everything["connectors.spanmetrics.include_instrumentation_scope"] = ["a"]
    everything["connectors.spanmetrics.events.enabled"] = True
    shown = leaves(printed(everything, tmp_path))
    assert len(shown) > 40
    assert shown <= set(keys)
    for key, (value, other) in ALTERNATIVES.items():
        tried = {k: v for k, v in everything.items() if k != other} | {key: value}
        assert leaves(printed(tried, tmp_path)) == shown - {other} | {key}


def test_the_documented_keys_of_alerts_are_the_binarys(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("https://example.com/x")
    text = {"summary": "a", "description": "b", "runbook_url": "https://c", "labels": {"team": "d"}}
    rule = {"metric": "error_rate", "where": ["service=a"], "by": ["operation"], "notify": ["slack"], **text}
    rules = [
        {"name": "above", **rule, "above": "5%"}, {"name": "below", **rule, "below": 0.1},
        {"name": "baseline", **rule, "above": 2, "baseline": "24h", "min_value": "1%"},
        {"name": "budget", "metric": "tokens", "budget": 5},
    ]
    files = {"ca_file": "/ca.pem", "cert_file": "/c.pem", "key_file": "/k.pem"}
    value = "${env:ALERT_TEST:-https://example.com}"
    notifiers = {
        "webhook": {"url": "https://a", "headers": {"X-A": "b"}, "bearer_token": value, "signing_secret": value, "tls": files},
        "webhook/files": {"url_file": str(secret), "bearer_token_file": str(secret), "signing_secret_file": str(secret)},
        "slack": {"api_url": value}, "slack/files": {"api_url_file": str(secret)},
        "pagerduty": {"routing_key": value}, "pagerduty/files": {"routing_key_file": str(secret)},
        "email": {"to": ["a@b"], "from": "a@b", "smarthost": "c:25", "auth_username": "d", "auth_password": value},
        "email/files": {
            "to": ["a@b"], "from": "a@b", "smarthost": "c:25", "auth_username": "d", "auth_password_file": str(secret)},
    }
    silence = {
        "matchers": ["a=b"], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z", "comment": "c"}
    given = {"alerts.rules": rules, "alerts.notifiers": notifiers, "alerts.silences": [silence]}
    documented = documented_keys(alert_entries=True)
    shown = set()
    for leaf in leaves(printed(given, tmp_path)["alerts"], "alerts"):
        leaf = leaf.replace("/files.", ".")
        common = re.sub(r"^alerts\.notifiers\.\w+\.", "alerts.notifiers.webhook.", leaf)
        shown.add(leaf if leaf in documented else common)
    general = {key for key in shown if not key.startswith(ALERT_ENTRIES)}
    assert general <= documented_keys().keys() and shown - general == documented.keys()
    # With each default as it is documented the configuration is the same.
    with_defaults = json.loads(json.dumps(given))
    for key, default in documented.items():
        if default is None:
            continue
        if key.startswith("alerts.rules[]."):
            name = key.removeprefix("alerts.rules[].")
            of_budgets = ("period", "steps")
            chosen = with_defaults["alerts.rules"][3:] if name in of_budgets else with_defaults["alerts.rules"][:3]
            for one in chosen:
                one.setdefault(name, default)
        elif key.startswith("alerts.notifiers."):
            kind, _, path = key.removeprefix("alerts.notifiers.").partition(".")
            with_defaults["alerts.notifiers"][kind] = merged(nested(path, default), with_defaults["alerts.notifiers"][kind])
    assert printed(with_defaults, tmp_path) == printed(given, tmp_path)


def yaml_blocks() -> list:
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        found += [pytest.param(text, id=f"{page.stem}-{index}") for index, text in enumerate(blocks)]
    return found


@pytest.mark.parametrize("text", yaml_blocks())
def test_every_configuration_that_is_shown_is_valid(text, tmp_path):
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    check = run("config", "check", file)
    assert check.returncode == 0 and "warning" not in check.stderr, check.stderr


# Each row of the table of errors as a file, and what the message must name.
REFUSED = {
    "receivers": ({"receivers": {"otlp": None, "zipkin": None}}, "receivers.zipkin"),
    "batch": ({"processors": {"batch": None}}, "processors.batch"),
    "batch in a pipeline": (
        nested("service.pipelines.traces", {"receivers": ["otlp"], "processors": ["batch"]}),
        "exporters.<id>.sending_queue.batch",
    ),
    "processors": ({"processors": {"resource": None}}, "processors.resource"),
    "otlp": (nested("exporters.otlp.endpoint", "a:4317"), "use otlp_http"),
    "otlp_grpc": (nested("exporters.otlp_grpc.endpoint", "a:4317"), "use otlp_http"),
    "debug": ({"exporters": {"debug": None}}, "exporters.debug"),
    "num_consumers": (nested(f"{EXPORTER}.sending_queue.num_consumers", 4), "sending_queue.num_consumers"),
    "limit_percentage": (nested("processors.memory_limiter.limit_percentage", 50), "limit_percentage"),
    "extensions": ({"extensions": {"health_check": None}}, "extensions"),
    "telemetry": (nested("service.telemetry.logs.level", "debug"), "service.telemetry"),
    "an exporter that is left out": (
        merged(
            nested(f"{EXPORTER}.endpoint", "http://a:4318"),
            nested("service.pipelines.traces", {"receivers": ["otlp"], "exporters": ["spanmetrics"]})),
        "leaves out exporter otlp_http",
    ),
    "a metrics exporter that is left out": (
        merged(
            nested("exporters.prometheusremotewrite/two.endpoint", "http://a:9090/api/v1/write"),
            nested("service.pipelines.metrics", {"receivers": ["spanmetrics"], "exporters": ["prometheus"]})),
        "leaves out exporter prometheusremotewrite/two",
    ),
    "prometheus": ({"exporters": {"prometheus": None, "prometheus/b": None}}, "exporters.prometheus/b"),
    "logs": (nested("service.pipelines.logs.receivers", ["otlp"]), "service.pipelines.logs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_said_to_be_an_error_is_one(name, tmp_path):
    content, message = REFUSED[name]
    file = tmp_path / "refused.yaml"
    file.write_text(json.dumps(content, indent=1))
    check = run("config", "check", file)
    assert check.returncode == 2 and message in check.stderr, check.stderr


def test_the_ports_are_those_that_are_listened_on():
    default = yaml.safe_load(run("config", "print").stdout)
    table = {code(cells[1]): (cells[0], code(cells[2])) for cells in rows(DOCS / "configuration.md") if len(cells) == 4}
    for listener, key in harness.LISTENERS.items():
        value = default
        for part in key.split("."):
            value = value[part]
        assert table[listener] == (value.rsplit(":", 1)[1], key)


# MARK: metrics.md and http-api.md

EXPORTER_ID = "otlp_http/jaeger"
REASONED = {
    "refused requests": "skein_receiver_refused_requests_total",
    "rejected spans": "skein_receiver_rejected_spans_total",
    "noted spans": "skein_receiver_noted_spans_total",
    "failed spans": "otelcol_exporter_send_failed_spans_total",
    "dropped spans": "otelcol_connector_servicegraph_dropped_spans_total",
}


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """A collector with an exporter and a trace of two services, and the trace's id."""
    target, metrics_target = Sink(), Sink("/v1/metrics")
    endpoints = {"endpoint": target.endpoint, "metrics_endpoint": f"{metrics_target.endpoint}/v1/metrics"}
    alerts = {
        "rules": [{"name": "HighErrorRate", "metric": "error_rate", "above": 0.5}],
        "notifiers": {"webhook": {"url": target.endpoint}}}
    collector = harness.Collector(
        tmp_path_factory.mktemp("docs") / "collector",
        merged(nested(f"exporters.{EXPORTER_ID}", endpoints), {"alerts": alerts}))
    collector.start()
    ids = telemetry.Identifiers(901)
    trace_id, start = ids.trace_id(), telemetry.now() - 60 * SECOND
    root = span(ids, trace_id, "POST /ask", start=start, milliseconds=500, kind=2)
    child = span(
        ids, trace_id, "chat gpt-5", start=start + MILLISECOND, milliseconds=300, kind=3, parent_span_id=root.span_id,
        attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"})
    clients.send(collector, telemetry.export_request([root], service="gateway"))
    clients.send(collector, telemetry.export_request([child], service="worker"))
    collector.trace(trace_id)
    eventually(lambda: _counted(collector))
    yield collector, trace_id.hex()
    try:
        collector.stop()
    finally:
        collector.close()
        target.close()
        metrics_target.close()


def _counted(collector) -> None:
    assert collector.derived().total("traces_span_metrics_calls_total") == 2


def exposed(exposition) -> dict[str, tuple[str, frozenset[str]]]:
    """Type and label names by family, as the page writes them."""
    result = {}
    for family, kind in exposition.types.items():
        labels = {
            name for (metric, pairs) in exposition.samples if metric.startswith(family) for name, _ in pairs} - {"le"}
        result[family] = (kind, frozenset(labels))
    return result


def documented_metrics(section: str) -> dict[str, tuple[str, frozenset[str]]]:
    result = {}
    for cells in rows(DOCS / "metrics.md", section):
        if len(cells) == 4:
            assert code(cells[0]) not in result, f"{cells[0]} is documented twice"
            result[code(cells[0])] = (cells[1], frozenset(re.findall(r"`(\w+)`", cells[2])))
    return result


def test_the_metrics_derived_from_spans_are_the_documented_ones(fed):
    collector, _ = fed
    spans = {name: value for name, value in exposed(collector.derived()).items() if name.startswith("traces_span")}
    assert spans == documented_metrics("Derived from spans: 8889")


def test_the_metrics_of_the_service_graph_are_the_documented_ones(new_collector):
    collector = new_collector().start()
    ids = telemetry.Identifiers(903)
    trace_id = ids.trace_id()
    asking = span(ids, trace_id, kind=3)
    answering = span(ids, trace_id, kind=2, parent_span_id=asking.span_id)
    answering.status.code = 2
    root = span(ids, ids.trace_id(), kind=2)
    clients.send(collector, telemetry.export_request([asking, answering, root], "shop"))

    def equal():
        found = {k: v for k, v in exposed(collector.derived()).items() if k.startswith("traces_service_graph")}
        documented = documented_metrics("Service graph: 8889")
        assert found.keys() == documented.keys()
        for name, (kind, labels) in documented.items():
            # Nothing of what failed here has a type of connection.
            optional = {"connection_type"} if "failed_total" in name else set()
            assert (found[name][0], found[name][1] | optional) == (kind, labels)

    eventually(equal)
    assert {name for name in exposed(collector.derived()) if name.startswith("traces_")} == {
        *documented_metrics("Derived from spans: 8889"), *documented_metrics("Service graph: 8889")}


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """A collector that was told of calls of models, with everything that a metric needs."""
    collector = harness.Collector(tmp_path_factory.mktemp("called") / "collector", merged(nested("connectors.gen_ai.wait", "0s"), nested("connectors.gen_ai.late_wait", "0s")))
    collector.start()
    ids = telemetry.Identifiers(902)
    trace_id, start = ids.trace_id(), telemetry.now() - 60 * SECOND
    request = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-5-mini"}
    tokens = {"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 80}
    answer = {
        "gen_ai.response.model": "gpt-5-mini", "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.05}
    whose = {
        "user.id": "ada", "skein.attribution.department": "r", "skein.attribution.application": "a",
        "skein.attribution.tenant": "t", "skein.attribution.environment": "e", "skein.experiment.prompt": "b"}

    def call(after: int, pairs: dict, **fields):
        attributes = request | whose | pairs
        return span(
            ids, trace_id, "chat", start=start + after * MILLISECOND, milliseconds=200, attributes=attributes,
            parent_span_id=agent.span_id, **fields)

    agent = span(ids, trace_id, "invoke_agent planner", start=start, milliseconds=2000, attributes={
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", **tokens})
    agent.attributes[2].value.int_value = 5000
    failed = call(0, tokens | answer | {"error.type": "429"})
    failed.status.code = 2
    # With a cost of its own beside the one that is computed.
    again = call(300, tokens | answer | {"operation.cost": 0.5})
    unknown = call(
        600, tokens | {"gen_ai.request.model": "unheard-of", "gen_ai.response.model": "unheard-of"})
    tool = span(ids, trace_id, "execute_tool search", start=start, parent_span_id=agent.span_id, attributes={
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
    clients.send(collector, telemetry.export_request([failed, again, unknown, tool, agent], "desk"))
    # The agent's own sum is counted when nothing more can come of its trace.
    yield collector
    try:
        collector.stop()
    finally:
        collector.close()


def documented_call_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    """With the labels that the text gives for those of a call and of attribution."""
    text = (DOCS / "metrics.md").read_text()
    groups = {
        "those of a call": re.search(r"The labels of a call are (.*?);", text)[1],
        "attribution": re.search(r"those of attribution are (.*?), or", text)[1],
    }
    result = {}
    for cells in rows(DOCS / "metrics.md", "Calls of models: 8889"):
        if len(cells) == 4:
            labels = cells[2]
            for name, content in groups.items():
                labels = labels.replace(name, content)
            result[code(cells[0])] = (cells[1], frozenset(re.findall(r"`(\w+)`", labels)))
    return result


def test_the_metrics_of_model_calls_are_the_documented_ones(called):
    def equal():
        found = {name: value for name, value in exposed(called.derived()).items() if name.startswith("gen_ai")}
        assert found == documented_call_metrics()

    eventually(equal)


def test_the_collectors_own_metrics_are_the_documented_ones(fed):
    collector, _ = fed
    assert exposed(collector.metrics()) == documented_metrics("The collector about itself: 8888")


@pytest.mark.parametrize("what", REASONED)
def test_the_documented_reasons_are_those_that_are_counted(what, fed):
    collector, _ = fed
    table = (DOCS / "metrics.md").read_text().split(f"| `reason` of {what} |")[1].split("\n\n")[0]
    documented = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    counted = {dict(labels)["reason"] for labels in collector.metrics().series(REASONED[what])}
    assert documented == counted


def documented_paths() -> list[str]:
    found = [code(cells[1]) for cells in rows(DOCS / "http-api.md") if len(cells) == 3 and cells[1].startswith("`/api")]
    assert len(found) > 10
    return found


@pytest.mark.parametrize("example", documented_paths())
def test_every_documented_path_answers(example, fed):
    collector, trace_id = fed
    answer = collector.query(example.replace("{id}", trace_id))
    assert answer.status_code == 200, answer.text
    content = answer.json()
    found = next(value for value in content.values() if isinstance(value, (list, dict)))
    assert found, f"{example} finds something in a trace of two services: {answer.text}"


def test_every_path_that_is_served_is_documented():
    """Routes are named in the sources alone: a router has no list of them to ask for."""
    routes = set()
    for source in (REPOSITORY / "Sources/QueryAPI").rglob("*.swift"):
        routes |= set(re.findall(r'router\.get\("([^"]+)"\)', source.read_text()))
    documented = {code(cells[0]) for cells in rows(DOCS / "http-api.md") if cells[0].startswith("`/api")}
    assert {re.sub(r":(\w+)", r"{\1}", route) for route in routes} == documented


# MARK: guides


GUIDE = DOCS / "guides/instrument-a-service.md"
VARIABLE = r"(?:OTEL|SKEIN|K8S)_\w+"


def variables_that_the_sdk_reads() -> set[str]:
    """Those that stand in the sources as they are, and those that are put together for a signal."""
    files = [file for target in ("Skein", "SkeinAgents") for file in (REPOSITORY / "Sources" / target).rglob("*.swift")]
    source = "".join(file.read_text() for file in files)
    read = set(re.findall(rf'"({VARIABLE})"', source))
    signals, queues = re.findall(r'signal: "(\w+)"', source), re.findall(r'prefix: "(\w+)"', source)
    assert signals and queues
    for suffix in re.findall(r'names\("(\w+)"\)', source):
        read |= {f"OTEL_EXPORTER_OTLP_{suffix}", *(f"OTEL_EXPORTER_OTLP_{signal}_{suffix}" for signal in signals)}
    batch = (REPOSITORY / "Sources/Skein/Configuration/BatchOptions+Environment.swift").read_text()
    standard, own = batch.split("private mutating func readStandard")[1].split("private mutating func readOwn")
    for owner, part in (("OTEL", standard), ("SKEIN", own)):
        for suffix in re.findall(r'"\\\(prefix\)_(\w+)"', part):
            read |= {f"{owner}_{queue}_{suffix}" for queue in queues}
    return read


def test_the_documented_variables_are_those_that_the_sdk_reads():
    read = variables_that_the_sdk_reads()
    assert len(read) > 50
    assert set(re.findall(rf"`({VARIABLE})`", GUIDE.read_text())) == read


@pytest.mark.parametrize("page", ARTICLES, ids=lambda page: page.stem)
def test_the_articles_name_no_variable_that_is_not_read(page):
    named = set(re.findall(rf"\b({VARIABLE})", page.read_text()))
    assert named <= variables_that_the_sdk_reads()


def test_the_sdks_metrics_are_the_documented_ones():
    source = (REPOSITORY / "Sources/Skein/Batching/ExportMetrics.swift").read_text()
    kinds = (REPOSITORY / "Sources/Skein/Batching/RecordKind.swift").read_text().split("metricName")[1]
    told = {
        label.replace("\\(kind)", kind)
        for label in re.findall(r'label: "([^"]+)"', source) for kind in re.findall(r': "(\w+)"', kinds)}
    assert told
    documented = {code(cells[0]): cells[2] for cells in rows(GUIDE) if cells[0].startswith(("`otel.sdk.", "`skein.sdk."))}
    assert documented.keys() == told
    reasons = set(re.findall(r'exported\("(\w+)"\)|\("error.type", "(\w+)"\)', source))
    assert {reason for pair in reasons for reason in pair if reason} == {
        word for cell in documented.values() for word in re.findall(r"`([a-z_]+)`", cell)}


@pytest.mark.parametrize("page", [*PAGES, *OTHER_PAGES], ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
