"""Grafana's dashboards: sound in themselves, and every query true against a Prometheus that scraped the collector."""

import itertools
import json
import math
import re
import time
from urllib.parse import unquote

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import clients
import harness
import monitoring
import red
import telemetry
from dashboard_truth import (
    AGENT,
    AGENTS,
    COLLECTOR,
    HISTOGRAM_ATTRIBUTION,
    MODEL,
    MODELS,
    OPERATION,
    RECORDED_OF_TRAFFIC,
    RECORDED_SINCE_START,
    SERVICES,
    TOOL,
    TRUE,
    TRUE_OF_SERVICE_GRAPH,
    WITHOUT_TRUTH,
    close,
    positive,
    scaled,
)
from desk_traffic import Truth, as_another_trace, desk_requests, price_list
from harness import REPOSITORY, run
from monitoring import DEPLOY, Prometheus, configuration
from sink import Sink
from waiting import eventually

# The types of panels and queries.
register_default_plugins()
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
COLUMNS = 24
# Units of Grafana that are used; one that it does not know is shown as text behind the number.
UNITS = {
    "short", "reqps", "cps", "percentunit", "s", "ms", "bytes", "Bps", "currencyUSD", "bool_yes_no"}
# What Grafana itself puts in.
BUILT_IN = {"__rate_interval", "__range", "__from", "__to", "__data"}


def loaded() -> dict[str, dict]:
    return {file.stem: json.loads(file.read_text()) for file in DASHBOARDS}


def panels(dashboard: dict) -> list[dict]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def targets() -> list[tuple[str, dict, dict]]:
    """Every query: the dashboard's uid, the panel, the query."""
    return [
        (uid, panel, target) for uid, dashboard in loaded().items()
        for panel in panels(dashboard) for target in panel["targets"]]  # fmt: skip


def every(value, key: str) -> list:
    """All values of a key, however deep."""
    if isinstance(value, dict):
        own = [value[key]] if key in value else []
        return own + [found for part in value.values() for found in every(part, key)]
    return [found for part in value for found in every(part, key)] if isinstance(value, list) else []


def strings(value) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


@pytest.fixture(params=DASHBOARDS, ids=lambda file: file.stem)
def dashboard(request) -> dict:
    return json.loads(request.param.read_text())


# MARK: structure


def test_grafana_is_given_the_dashboards():
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/skein.yaml").read_text())["providers"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose["services"]["grafana"]["volumes"]
    assert len(DASHBOARDS) == 4
    for uid, document in loaded().items():
        assert document["uid"] == uid and "id" not in document
    titles = [document["title"] for document in loaded().values()]
    guide = (REPOSITORY / "docs/guides/dashboards-and-alerts.md").read_text()
    assert set(titles) == set(re.findall(r"^\| (Skein: [^|]*?) \|", guide, re.MULTILINE))


def test_panels_have_ids_and_places_of_their_own(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles) > 8
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS and place["w"] > 0 and place["h"] > 0, panel["title"]
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        ):
            assert cell not in taken, f"{panel['title']} and {taken[cell]} overlap"
            taken[cell] = panel["title"]
    # Nothing is left open between the first row and the last.
    assert len(taken) == COLUMNS * (max(y for _, y in taken) + 1)


def test_panels_say_what_they_show(dashboard):
    for panel in panels(dashboard):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), panel["title"]
        units = every(panel["fieldConfig"], "unit") + every(panel.get("options", {}), "unit")
        units += [value["value"] for value in every_property(panel) if value["id"] == "unit"]
        assert units and set(units) <= UNITS, f"{panel['title']}: {units}"
        thresholds = every(panel["fieldConfig"], "steps")
        for steps in thresholds:
            values = [step["value"] for step in steps]
            assert values[0] is None and values[1:] == sorted(values[1:]), panel["title"]


def every_property(panel: dict) -> list[dict]:
    return [part for override in panel["fieldConfig"]["overrides"] for part in override["properties"]]


def provisioned() -> dict[str, dict]:
    document = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/skein.yaml").read_text())
    return {source["uid"]: source for source in document["datasources"]}


def test_data_sources_are_the_variables_or_provisioned(dashboard):
    for source in every(dashboard, "datasource"):
        assert source == {"type": "prometheus", "uid": "${datasource}"}
    for url in every(dashboard, "url"):
        for uid in re.findall(r'"(?:uid|datasource)":"([\w-]+)"', unquote(url)):
            assert uid in provisioned(), url
    (variable,) = [part for part in dashboard["templating"]["list"] if part["type"] == "datasource"]
    default = next(source for source in provisioned().values() if source.get("isDefault"))
    assert (variable["name"], variable["current"]["value"]) == ("datasource", default["uid"])
    assert default["type"] == variable["query"]


def test_grafana_knows_how_often_is_scraped():
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert provisioned()["prometheus"]["jsonData"]["timeInterval"] == scraped


# Keys that Grafana reads although its schema does not name them: what an annotation of a Prometheus source says, and
# the text of a variable's query.
BEYOND_SCHEMA = {
    ".annotations.list.titleFormat", ".annotations.list.textFormat", ".annotations.list.step",
    ".templating.list.definition"}  # fmt: skip


def test_every_key_is_one_of_grafanas_schema(dashboard):
    """Read into the types that Grafana publishes of its schema, and written again, nothing else is lost or changed."""
    read = Dashboard.from_json(dashboard)
    assert lost(dashboard, json.loads(JSONEncoder().encode(read))) <= BEYOND_SCHEMA
    # The check can tell.
    misspelt = json.loads(json.dumps(dashboard).replace('"thresholdsStyle"', '"thresholdStyle"'))
    found = lost(misspelt, json.loads(JSONEncoder().encode(Dashboard.from_json(misspelt))))
    assert ".panels.fieldConfig.defaults.custom.thresholdStyle" in found


def lost(before, after, place: str = "") -> set[str]:
    """The places of what is in one document and not the same in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {
            found for key, value in before.items()
            for found in (lost(value, after[key], f"{place}.{key}") if key in after else {f"{place}.{key}"})
        }  # fmt: skip
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return {found for pair in zip(before, after) for found in lost(*pair, place)}
    return set() if before == after else {place}


def test_variables_are_used_and_defined(dashboard):
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert len(set(names)) == len(names)
    used = set()
    for text in strings(dashboard):
        used |= {first or second for first, second in re.findall(r"\$\{(\w+)|\$(\w+)\b", text)}
    # Transformations and regular replacements count their groups.
    used = {name for name in used if not name.isdigit()}
    assert used - BUILT_IN - {"__all"} == set(names)


def test_columns_that_are_styled_are_there(dashboard):
    """A table's overrides go by the name that a column is given."""
    for panel in panels(dashboard):
        for transformation in panel.get("transformations", []):
            if transformation["id"] != "organize" or panel["type"] != "table":
                continue
            given = set(transformation["options"]["renameByName"].values())
            styled = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert styled <= given and panel["options"]["sortBy"][0]["displayName"] in given, panel["title"]


# MARK: names


WORDS = {"or", "and", "unless", "offset", "s", "w"}


def names_in(expression: str) -> set[str]:
    """The metrics of an expression."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\$\w+", "", text)
    text = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    return set(re.findall(r"\b[a-zA-Z_][\w:]*(?=[^\w(:]|$)(?!\s*\()", text)) - WORDS


def documented() -> set[str]:
    """Metrics of docs/metrics.md with the samples of its histograms."""
    text = (REPOSITORY / "docs/metrics.md").read_text()
    names = set()
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


SERVICE_GRAPH = "traces_service_graph_request"
FOREIGN = {"up", "ALERTS"}


def has_service_graph() -> bool:
    return any(name.startswith(SERVICE_GRAPH) for name in documented())


def test_every_metric_that_is_asked_for_exists():
    known = documented() | FOREIGN | {rule["record"] for rule in monitoring.recordings()}
    asked = {name: f"{uid}: {panel['title']}" for uid, panel, target in targets() for name in names_in(target["expr"])}
    for rule in monitoring.rules():
        asked |= {name: rule.get("record") or rule["alert"] for name in names_in(rule["expr"])}
    assert len(asked) > 60
    # Those of the service graph are asked for where the collector has them.
    unknown = {name: where for name, where in asked.items() if name not in known and not name.startswith(SERVICE_GRAPH)}
    assert not unknown


# MARK: what the queries answer


class Monitored:
    """A Prometheus that scraped a collector before, during and after traffic whose truth is known.

    Queries are put for the time from one sample before the traffic to one after it, so that rate() and increase()
    extrapolate nothing.
    """

    def __init__(self, collector, prometheus: Prometheus, sink: Sink):
        self.collector, self.prometheus, self._sink = collector, prometheus, sink
        self.sent_before = len(sink.taken)
        self.start = time.time()
        self.end = math.inf
        # What skein load says of the requests between its services.
        self.between: dict[frozenset, dict] = {}
        self._times: dict[str, list[float]] = {}

    def finish(self) -> None:
        self.end = time.time()
        bodies = [ExportTraceServiceRequest.FromString(body) for body in self._sink.taken]
        self.all, self.truth = Truth(bodies), Truth(bodies[self.sent_before :])

    def window(self, expression: str) -> tuple[float, int]:
        """The time of the last sample of what an expression asks for, and milliseconds since the first."""
        for name in sorted(names_in(expression)):
            if name not in self._times:
                self._times[name] = self._sampled(name)
            if times := self._times[name]:
                return times[-1], round((times[-1] - times[0]) * 1000)
        raise AssertionError(f"no samples of {names_in(expression)}")

    def _sampled(self, name: str) -> list[float]:
        """When, of one series: all of a scrape and all of a group of rules are sampled together."""
        found = self.prometheus.data("query", query=name)["result"]
        if not found:
            return []
        labels = ",".join(f"{key}={json.dumps(value)}" for key, value in found[0]["metric"].items())
        (series,) = self.prometheus.data("query", query=f"{{{labels}}}[5m]")["result"]
        times = [float(at) for at, _ in series["values"]]
        return [at for at in times if self.start < at < self.end]

    def answer(self, expression: str, variables: dict[str, str] = {}) -> tuple[dict[frozenset, float], float]:
        """The values, and the seconds that rates are over."""
        at, milliseconds = self.window(expression)
        text = substituted(expression, variables, f"{milliseconds}ms")
        return self.prometheus.query(text, time=f"{at:.3f}"), milliseconds / 1000

    def drawn(self, expression: str, variables: dict[str, str] = {}) -> list[dict]:
        """The series of a panel that shows the traffic, a point a second, as Grafana asks for them."""
        _, milliseconds = self.window(expression)
        text = substituted(expression, variables, "4s")
        return self.prometheus.data(
            "query_range", query=text, start=self.end - milliseconds / 1000, end=self.end, step=1)["result"]


def substituted(expression: str, variables: dict[str, str], window: str, offset: str = "2s") -> str:
    """With Grafana's variables replaced, and every fixed window by the one that the test has samples of."""
    text = expression.replace("$__rate_interval", window).replace("$__range", window)
    for name, value in variables.items():
        text = re.sub(rf"\$\{{{name}\}}|\${name}\b", lambda _: value, text)
    text = re.sub(r"\[\d+[smhdw]\]", f"[{window}]", text)
    return re.sub(r"\boffset \d+[smhdw]\b", f"offset {offset}", text)


def everything(dashboard: dict) -> dict[str, str]:
    """Each variable as it stands when a dashboard is opened."""
    return {
        variable["name"]: variable.get("allValue") or variable["current"]["value"]
        for variable in dashboard["templating"]["list"] if variable["type"] != "datasource"}  # fmt: skip


WAITS = {"wait": "200ms", "late_wait": "1s"}


@pytest.fixture(scope="module")
def monitored(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dashboards")
    prices = directory / "prices.json"
    prices.write_text(json.dumps(price_list()))
    sink = Sink()
    collector = harness.Collector(directory / "collector", {
        "connectors": {
            "spanmetrics": {"exemplars": {"enabled": True}},
            "gen_ai": WAITS | {
                "prices": {"file": str(prices), "builtin": False}, "histogram_attribution": HISTOGRAM_ATTRIBUTION}}
        | ({"servicegraph": {"store": {"ttl": "2s"}}} if has_service_graph() else {}),
        "exporters": {"otlp_http/jaeger": {"endpoint": sink.endpoint}},
    })  # fmt: skip
    collector.start()
    servers = []
    try:
        rehearse(collector)
        wait_counted(collector, sink)
        settle(collector, 14)
        eventually(lambda: spans_are_counted(collector), seconds=30)
        prometheus = Prometheus(directory / "prometheus", configuration(collector, directory / "prometheus"))
        servers.append(prometheus)
        prometheus.wait_listening()
        eventually(lambda: everything_is_recorded(prometheus), seconds=30)
        state = Monitored(collector, prometheus, sink)
        time.sleep(2.1)  # Two samples of each counter before the traffic.
        state.between = send_traffic(collector)
        wait_counted(collector, sink)
        settle(collector, 13)
        eventually(lambda: spans_are_counted(collector), seconds=30)
        time.sleep(3.1)  # Each group of rules is evaluated twice after a scrape.
        state.finish()
        yield state
        collector.stop()
    finally:
        for server in servers:
            server.close()
        collector.close()
        sink.close()


SEED = 12
USERS = ["ada", "grace", "joan"]
REQUESTS = 10


def load(endpoint: str, rate: int) -> dict[frozenset, dict]:
    """What skein load sends is decided by seed and number of requests, not by the rate.

    Returns what it says of the requests between services, by client and server.
    """
    seconds = REQUESTS * 512 / rate - 0.01
    done = run(
        "load", "--endpoint", endpoint, "--connections", 2, "--rate", rate, "--duration", f"{seconds * 1000:.0f}ms",
        "--seed", SEED, "--client-spans", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["requests"], report["lostSpans"]) == (REQUESTS, 0)
    return {
        frozenset({("client", edge["client"]), ("server", edge["server"])}): edge
        for edge in report["betweenServices"]}  # fmt: skip


def rehearse(collector) -> None:
    """The load in other traces: rate() sees only what counters count after their first sample, so all must be there.

    It is sent to a target of its own and on from there under other ids.
    """
    target = Sink()
    try:
        load(target.endpoint, rate=20_000)
        for body in target.taken:
            clients.send(collector, as_another_trace(body))
    finally:
        target.close()
    for request in desk_requests(1, 60, USERS):
        clients.send(collector, request)


def settle(collector, seed: int) -> None:
    """What the collector says of its service graph is as of the last request: one that is no part of it."""
    clients.send(collector, telemetry.simple_request(seed, service="desk")[1])


def send_traffic(collector) -> dict[frozenset, dict]:
    """skein load, and questions to a desk; one of the users is new. Returns what the former says of its requests."""
    between = load(collector.url("otlp_http"), rate=4000)
    for index, request in enumerate(desk_requests(2, 60, [*USERS, "newcomer"])):
        if index % 2:
            clients.send(collector, request)
        else:
            assert clients.call(collector, request.SerializeToString()).code.value[0] == 0
    return between


def wait_counted(collector, sink: Sink) -> None:
    """Until all that came in was forwarded and counted, calls of models too."""

    eventually(lambda: spans_are_counted(collector), seconds=30)
    truth = Truth(ExportTraceServiceRequest.FromString(body) for body in sink.taken)
    assert len(truth.work) == collector.derived().total(red.CALLS)

    def calls_counted() -> None:
        derived = collector.derived()
        assert derived.total("gen_ai_client_calls_total") == len(truth.calls)
        if has_service_graph():
            assert derived.total(f"{SERVICE_GRAPH}_total") == len(truth.requests)

    eventually(calls_counted, seconds=30)


def spans_are_counted(collector) -> None:
    own = collector.metrics()
    accepted = own.total("otelcol_receiver_accepted_spans_total")
    assert accepted == own.total("otelcol_exporter_sent_spans_total") == collector.derived().total(red.CALLS) > 0


def everything_is_recorded(prometheus: Prometheus) -> None:
    assert prometheus.query('up{job="skein-spans"}') == {frozenset(): 1.0}
    for name in ("call:gen_ai_client_cost_usd:sum", "llm_requests_total", "service:traces_span_metrics_calls:rate5m"):
        assert prometheus.query(f"count({name})"), name


# Numbers that are zero as long as nothing goes wrong or waits.
ZERO_WHEN_WELL = {
    "Requests refused", "Queue", "Age of the queue", "Attempts that are repeated", "Blocks", "Disk",
    "Series and spans that wait", "Refused and rejected", "What readers have not finished",
    "Spans that took no part", "Edges and spans that wait",
}  # fmt: skip
# Lines that are there only when something went wrong, and nothing did.
EMPTY_WHEN_WELL = {
    (COLLECTOR, "Refused and rejected", "B"), (COLLECTOR, "Refused and rejected", "C"),
    (COLLECTOR, "Spans forwarded", "B"),
}  # fmt: skip


def asks_for_service_graph(target: dict) -> bool:
    return any(name.startswith(SERVICE_GRAPH) for name in names_in(target["expr"]))


def queries() -> list:
    return [
        pytest.param(uid, panel, target, id=f"{uid}: {panel['title']}: {target['refId']}")
        for uid, panel, target in targets()]  # fmt: skip


def test_the_truth_is_told_of_panels_that_there_are():
    there = {(uid, panel["title"], target["refId"]) for uid, panel, target in targets()}
    assert TRUE.keys() | TRUE_OF_SERVICE_GRAPH.keys() | EMPTY_WHEN_WELL <= there


@pytest.mark.parametrize("uid, panel, target", queries())
def test_every_query_of_a_panel_is_true(monitored, uid, panel, target):
    place = (uid, panel["title"], target["refId"])
    if asks_for_service_graph(target) and not has_service_graph():
        pytest.skip("docs/metrics.md has no service graph yet")
    found, seconds = monitored.answer(target["expr"], everything(loaded()[uid]))
    if place in EMPTY_WHEN_WELL:
        assert not found
        return
    assert found, "no values"
    assert all(math.isfinite(value) and value >= 0 for value in found.values()), found
    compute = (TRUE | TRUE_OF_SERVICE_GRAPH).get(place)
    if compute is None:
        assert any(found.values()) or panel["title"] in ZERO_WHEN_WELL, found
    else:
        close(found, compute(monitored.truth, seconds))
    if panel["type"] == "timeseries":
        assert monitored.drawn(target["expr"], everything(loaded()[uid])), "nothing to draw"


def test_the_service_graph_has_what_load_says_it_sent(monitored):
    """The numbers of the generator itself, which pairs no spans."""
    assert len(monitored.between) == 4 and all(edge["failed"] for edge in monitored.between.values())
    for name, count in {"total": "requests", "failed_total": "failed"}.items():
        found, _ = monitored.answer(f"sum by (client, server) (increase({SERVICE_GRAPH}_{name}[1m]))")
        expected = {key: edge[count] for key, edge in monitored.between.items()}
        close({key: value for key, value in found.items() if key in expected}, expected)


def test_variables_offer_what_there_is(monitored):
    offered = {}
    for uid, dashboard in loaded().items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] != "query":
                continue
            query = variable["query"]["query"]
            assert query == variable["definition"]
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
            series = substituted(series, everything(dashboard), "1m")
            values = monitored.prometheus.data(f"label/{label}/values", **{"match[]": series})
            offered[uid, variable["name"]] = set(values)
    truth = monitored.all
    services = {name for key in truth.operations(["service_name"]) for _, name in key}
    assert offered[SERVICES, "service"] == services
    assert offered[SERVICES, "operation"] == {name for key in truth.operations(["span_name"]) for _, name in key}
    assert offered[AGENTS, "agent"] == {name for key in truth.called(AGENT) for _, name in key}
    assert offered[AGENTS, "tool"] == {name for key in truth.ran(TOOL) for _, name in key}
    assert offered[MODELS, "model"] == {name for key in truth.called(MODEL) for _, name in key}
    assert offered[COLLECTOR, "instance"] == {monitored.collector.address("metrics")}


@pytest.mark.parametrize("name", ["service", "operation", "kind"])
def test_a_choice_narrows_what_is_shown(monitored, name):
    """As Grafana puts several chosen values: as alternatives."""
    choice = {"service": "(desk|front)", "operation": "(POST /desk|chat house-1)", "kind": "SPAN_KIND_CLIENT"}[name]
    label = {"service": "service_name", "operation": "span_name", "kind": "span_kind"}[name]
    target = next(t for uid, panel, t in targets() if (uid, panel["title"]) == (SERVICES, "Operations"))
    found, _ = monitored.answer(target["expr"], everything(loaded()[SERVICES]) | {name: choice})
    expected = {
        key: value for key, value in monitored.truth.operations(OPERATION).items()
        if re.fullmatch(choice, dict(key)[label])}  # fmt: skip
    assert 0 < len(expected) < len(monitored.truth.operations(OPERATION))
    close(found, expected)


def test_exemplars_lead_to_traces(monitored):
    leading = [
        (uid, panel, target) for uid, panel, target in targets()
        if target.get("exemplar") and not asks_for_service_graph(target)]  # fmt: skip
    assert len(leading) > 3
    labels = provisioned()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    (label,) = [destination["name"] for destination in labels if destination["datasourceUid"] == "skein"]
    for uid, panel, target in leading:
        query = substituted(target["expr"], everything(loaded()[uid]), "1m")
        series = monitored.prometheus.data(
            "query_exemplars", query=query, start=monitored.start - 60, end=monitored.end)
        traces = {exemplar["labels"][label] for one in series for exemplar in one["exemplars"]}
        assert traces, panel["title"]
        assert monitored.collector.query(f"/api/traces/{traces.pop()}").status_code == 200, panel["title"]


# MARK: truth of rules


def test_every_recording_rule_has_its_truth():
    recorded = {rule["record"] for rule in monitoring.recordings()}
    assert RECORDED_SINCE_START.keys() | RECORDED_OF_TRAFFIC.keys() | WITHOUT_TRUTH == recorded


@pytest.mark.parametrize("name", RECORDED_SINCE_START)
def test_a_counter_is_recorded_whole(monitored, name):
    close(monitored.prometheus.query(name), RECORDED_SINCE_START[name](monitored.all))


def test_the_names_of_other_dashboards_have_status_and_whose(monitored):
    """What the truth above is compared by: each label has several values where calls used something."""
    labels = {
        "llm_requests_total": ["model", "status", "user", "application"],
        "llm_tokens_total": ["model", "status", "user", "application"],
        "llm_cost_dollars_total": ["status", "user", "application"],
        "llm_request_duration_seconds_count": ["model", "status", *HISTOGRAM_ATTRIBUTION],
    }
    for name, several in labels.items():
        found = monitored.prometheus.query(f"{name} > 0")
        for label in several:
            assert len({dict(key)[label] for key in found if label in dict(key)}) > 1, (name, label)
    errors = monitored.prometheus.query("llm_errors_total > 0")
    assert {dict(key)["status"] for key in errors} == {"error"}


def in_full(expression: str) -> str:
    """With the rules in it written out, so that windows can be replaced in all of them."""
    written = {rule["record"]: rule["expr"] for rule in monitoring.recordings()}
    # A sum over recorded counters is asked as recorded: it is what rate() needs.
    written = {name: text for name, text in written.items() if "rate" in name or "increase" in name}
    while names := [name for name in names_in(expression) if name in written]:
        expression = expression.replace(names[0], f"({written[names[0]]})")
    return expression


@pytest.mark.parametrize("name", RECORDED_OF_TRAFFIC)
def test_a_rate_is_recorded_right(monitored, name):
    (rule,) = [rule for rule in monitoring.recordings() if rule["record"] == name]
    assert monitored.prometheus.query(name), f"Prometheus has recorded nothing as {name}"
    if "{" in rule["expr"] and name.startswith("service:"):
        # Selectors cannot follow an expression: compare shares of what was recorded, which windows do not change.
        found = monitored.prometheus.query(name, time=f"{monitored.end:.3f}")
        expected = RECORDED_OF_TRAFFIC[name](monitored.truth, 1)
        close(scaled(found, 1 / sum(found.values())), scaled(expected, 1 / sum(expected.values())))
        return
    if ":ratio_" in name or "_seconds:p" in name:
        found, seconds = monitored.prometheus.query(name, time=f"{monitored.end:.3f}"), 1
    else:
        found, seconds = monitored.answer(in_full(rule["expr"]))
    close(found, RECORDED_OF_TRAFFIC[name](monitored.truth, seconds))


# MARK: Jaeger


def test_jaegers_monitor_tab_is_answered(monitored):
    """What Jaeger asks with normalize_calls and normalize_duration on, for a service and for its operations."""
    calls, buckets = red.CALLS, f"{red.DURATION}_bucket"
    kind = 'span_kind =~ "SPAN_KIND_SERVER"'
    truth, served = monitored.truth, lambda work: work.labels["span_kind"] == "SPAN_KIND_SERVER"
    for service, by in itertools.product(["desk", "assist-gateway"], [["service_name"], ["service_name", "span_name"]]):
        chosen_spans = f'service_name =~ "{service}", {kind}'
        group = ",".join(by)

        def own(work) -> bool:
            return served(work) and work.labels["service_name"] == service

        rate = f"sum(rate({calls}{{{chosen_spans}}}[10m])) by ({group})"
        found, seconds = monitored.answer(rate)
        counts = positive(truth.operations(by, own))
        close(found, scaled(counts, 1 / seconds))
        error = f'sum(rate({calls}{{{chosen_spans}, status_code = "STATUS_CODE_ERROR"}}[10m])) by ({group}) / {rate}'
        found, _ = monitored.answer(error)
        failing = positive(truth.operations(by, lambda work: own(work) and work.is_error))
        close(found, {key: value / counts[key] for key, value in failing.items()})
        latency = f"histogram_quantile(0.95, sum(rate({buckets}{{{chosen_spans}}}[10m])) by ({group},le))"
        found, _ = monitored.answer(latency)
        close(found, truth.duration_quantiles(by, 0.95, own))
        drawn = monitored.drawn(latency, {})
        assert drawn and all(len(series["values"]) > 1 for series in drawn)
