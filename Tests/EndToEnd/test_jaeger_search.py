"""Services, operations and search over Jaeger's classic API and the parts of `/api/v3` beside it."""

import json
from dataclasses import dataclass

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import telemetry
from telemetry import MILLISECOND, SECOND, attributes, span
from waiting import eventually

MICROSECOND = 1_000


@dataclass
class Stored:
    """Traces by a short name, and the collector that has them. Times count back from the start of the test."""

    collector: object
    ids: dict[str, str]
    start: int

    def microseconds(self, seconds: float) -> int:
        return (self.start + int(seconds * SECOND)) // MICROSECOND


def requests_to_store(ids: telemetry.Identifiers, start: int):
    """Name, trace id and requests of each trace; `slow` is the oldest and `fast` the newest."""

    def trace(name: str, at: float, *spans: dict, service: str = "shop", **resource):
        trace_id = ids.trace_id()
        made = [span(ids, trace_id, **{"start": start + int(at * SECOND), **fields}) for fields in spans]
        return name, trace_id, telemetry.export_request(made, service, **resource)

    server, client = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
    slow = trace(
        "slow", -300,
        dict(name="checkout", kind=server, milliseconds=1200, attributes={"http.status": 500, "tier": "gold"}),
        dict(name="SELECT", kind=client, milliseconds=900, attributes={"db": "orders", "retry": True}),
        **{"region": "eu"},
    )  # fmt: skip
    split = trace(
        "split", -200,
        dict(name="checkout", kind=server, milliseconds=300, attributes={"http.status": 200}),
        dict(name="charge", kind=client, milliseconds=100, attributes={"tier": "gold", "ratio": 0.5}),
        **{"region": "us"},
    )  # fmt: skip
    fast = trace("fast", -100, dict(name="browse", kind=server, milliseconds=20, attributes={"http.status": "500"}))
    other = trace("other", -150, dict(name="checkout", kind=server, milliseconds=800), service="stock / ü")
    fast[2].resource_spans[0].scope_spans[0].spans[0].events.add(
        name="cache", time_unix_nano=start).attributes.extend(attributes({"hit": False}))
    return [slow, split, fast, other]


@pytest.fixture(scope="module")
def stored(shared_collector) -> Stored:
    start = telemetry.now()
    traces = requests_to_store(telemetry.Identifiers(40), start)
    for _, trace_id, request in traces:
        clients.send(shared_collector, request)
    for _, trace_id, _ in traces:
        shared_collector.trace(trace_id)
    return Stored(shared_collector, {name: trace_id.hex() for name, trace_id, _ in traces}, start)


def data(stored: Stored, path: str, **parameters):
    answer = stored.collector.query(path, params=parameters)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["errors"] is None and document["limit"] == 0 and document["offset"] == 0
    return document["data"], document["total"]


def found(stored: Stored, **parameters) -> list[str]:
    """The names of the traces that a search finds, in the order of the answer."""
    traces, _ = data(stored, "/api/traces", **parameters)
    names = {trace_id: name for name, trace_id in stored.ids.items()}
    return [names[trace["traceID"]] for trace in traces]


# MARK: services and operations


def test_services_are_listed_once_and_in_order(stored):
    names, total = data(stored, "/api/services")
    assert (names, total) == (["shop", "stock / ü"], 2)
    assert stored.collector.query("/api/v3/services").json() == {"services": ["shop", "stock / ü"]}


def test_an_empty_store_lists_no_services(collector):
    assert collector.query("/api/services").json()["data"] == []
    assert collector.query("/api/v3/services").json() == {"services": []}


def test_operations_of_a_service_are_unique_names(stored):
    names, total = data(stored, "/api/services/shop/operations")
    assert (sorted(names), total) == (["SELECT", "browse", "charge", "checkout"], 4)
    assert data(stored, "/api/services/nobody/operations")[0] == []


@pytest.mark.parametrize("path", ["stock%20%2F%20%C3%BC", "stock%2520%252F%2520%25C3%25BC"])
def test_a_service_in_a_path_is_percent_decoded_twice(stored, path):
    assert data(stored, f"/api/services/{path}/operations")[0] == ["checkout"]


def test_operations_come_with_their_span_kind(stored):
    operations, _ = data(stored, "/api/operations", service="shop")
    assert sorted((o["name"], o["spanKind"]) for o in operations) == [
        ("SELECT", "client"), ("browse", "server"), ("charge", "client"), ("checkout", "server"),
    ]  # fmt: skip
    clients_only, _ = data(stored, "/api/operations", service="shop", spanKind="client")
    assert {o["name"] for o in clients_only} == {"SELECT", "charge"}
    answer = stored.collector.query("/api/v3/operations", params={"service": "shop", "spanKind": "server"})
    assert sorted(o["name"] for o in answer.json()["operations"]) == ["browse", "checkout"]


# MARK: search

SEARCHES = {
    "service alone": ({"service": "shop"}, {"slow", "split", "fast"}),
    "another service": ({"service": "stock / ü"}, {"other"}),
    "operation": ({"service": "shop", "operation": "checkout"}, {"slow", "split"}),
    "operation of another service": ({"service": "stock / ü", "operation": "browse"}, set()),
    "unknown service": ({"service": "nobody"}, set()),
    "tag of a span": ({"service": "shop", "tags": {"tier": "gold"}}, {"slow", "split"}),
    "tag text equals number and text": ({"service": "shop", "tags": {"http.status": "500"}}, {"slow", "fast"}),
    "boolean tag": ({"service": "shop", "tags": {"retry": "true"}}, {"slow"}),
    "double tag": ({"service": "shop", "tags": {"ratio": "0.5"}}, {"split"}),
    "tag of the process": ({"service": "shop", "tags": {"region": "eu"}}, {"slow"}),
    "tag of a log": ({"service": "shop", "tags": {"hit": "false"}}, {"fast"}),
    "all tags on one span": ({"service": "shop", "tags": {"tier": "gold", "http.status": "200"}}, set()),
    "span and process tag": ({"service": "shop", "tags": {"tier": "gold", "region": "us"}}, {"split"}),
    "operation and tag of one span": ({"service": "shop", "operation": "checkout", "tags": {"tier": "gold"}}, {"slow"}),
    "absent tag": ({"service": "shop", "tags": {"absent": "x"}}, set()),
    "minimum duration": ({"service": "shop", "minDuration": "900ms"}, {"slow"}),
    "maximum duration": ({"service": "shop", "maxDuration": "20000us"}, {"fast"}),
    "duration range": ({"service": "shop", "minDuration": "0.25s", "maxDuration": "1s"}, {"slow", "split"}),
    "duration and operation": ({"service": "shop", "operation": "checkout", "maxDuration": "1s"}, {"split"}),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_search_finds_traces_in_which_one_span_matches(stored, case):
    parameters, expected = SEARCHES[case]
    if "tags" in parameters:
        parameters = parameters | {"tags": json.dumps(parameters["tags"])}
    assert set(found(stored, **parameters)) == expected


def test_the_tag_parameter_splits_at_its_first_colon(stored):
    assert found(stored, service="shop", tag=["tier:gold", "http.status:500"]) == ["slow"]
    assert found(stored, service="shop", tag="region:us") == ["split"]


def test_search_by_time_is_by_the_start_of_a_span(stored):
    at = stored.microseconds
    assert set(found(stored, service="shop", start=at(-250), end=at(0))) == {"split", "fast"}
    assert found(stored, service="shop", start=at(-250), end=at(-150)) == ["split"]
    assert found(stored, service="shop", start=at(-299), end=at(-201)) == []


def test_newest_traces_come_first_and_the_limit_keeps_them(stored):
    assert found(stored, service="shop") == ["fast", "split", "slow"]
    assert found(stored, service="shop", limit=2) == ["fast", "split"]


def test_whole_traces_are_returned(stored):
    traces, _ = data(stored, "/api/traces", service="shop", operation="SELECT")
    assert [sorted(s["operationName"] for s in t["spans"]) for t in traces] == [["SELECT", "checkout"]]


def test_the_default_time_range_ends_48_hours_ago(stored):
    ids = telemetry.Identifiers(41)
    old, recent = ids.trace_id(), ids.trace_id()
    hours = 3600 * SECOND
    for trace_id, age in [(old, 49 * hours), (recent, 47 * hours)]:
        made = span(ids, trace_id, "aged", start=telemetry.now() - age)
        clients.send(stored.collector, telemetry.export_request([made], "archive"))
        stored.collector.trace(trace_id)
    traces, _ = data(stored, "/api/traces", service="archive")
    assert [trace["traceID"] for trace in traces] == [recent.hex()]


def test_traces_by_a_list_of_ids_report_those_that_are_missing(stored):
    missing = "00000000000000000000000000000bad"
    asked = [stored.ids["slow"], missing, stored.ids["other"]]
    answer = stored.collector.query("/api/traces", params={"traceID": asked})
    assert answer.status_code == 200
    document = answer.json()
    assert {trace["traceID"] for trace in document["data"]} == {stored.ids["slow"], stored.ids["other"]}
    assert [error["traceID"] for error in document["errors"]] == [missing.lstrip("0").zfill(16)]
    assert "not found" in document["errors"][0]["msg"]


BAD_SEARCHES = {
    "start": ({"service": "shop", "start": "yesterday"}, "unable to parse param 'start'"),
    "end": ({"service": "shop", "end": "1.5"}, "unable to parse param 'end'"),
    "limit": ({"service": "shop", "limit": "many"}, "unable to parse param 'limit'"),
    "minDuration": ({"service": "shop", "minDuration": "5 parsecs"}, "unable to parse param 'minDuration'"),
    "duration order": (
        {"service": "shop", "minDuration": "2s", "maxDuration": "1s"},
        "'maxDuration' should be greater than 'minDuration'",
    ),
    "tags": ({"service": "shop", "tags": "{no json"}, "malformed 'tags' parameter"),
    "tag": ({"service": "shop", "tag": "without-colon"}, "malformed 'tag' parameter"),
    "operations": (None, "parameter 'service' is required"),
}


@pytest.mark.parametrize("case", BAD_SEARCHES)
def test_bad_parameters_are_400_in_jaegers_shape(stored, case):
    parameters, message = BAD_SEARCHES[case]
    path = "/api/operations" if parameters is None else "/api/traces"
    answer = stored.collector.query(path, params=parameters)
    assert answer.status_code == 400
    document = json.loads(answer.text)
    assert document["data"] is None
    assert document["errors"][0]["code"] == 400
    assert message in document["errors"][0]["msg"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api/v3/nothing", "/api/skein/v1/nothing", "/nothing"])
def test_an_unknown_path_is_404(stored, path):
    assert stored.collector.query(path).status_code == 404


# MARK: Skein's own API


def test_skein_trace_comes_in_tree_order_with_self_time(stored):
    ids = telemetry.Identifiers(42)
    trace_id, start = ids.trace_id(), telemetry.now()
    root = span(ids, trace_id, "root", start=start, milliseconds=100)
    children = [
        span(ids, trace_id, name, start=start + at * MILLISECOND, milliseconds=ms, parent_span_id=root.span_id)
        for name, at, ms in [("late", 50, 40), ("early", 10, 20)]
    ]
    clients.send(stored.collector, telemetry.export_request([*children, root], "tree"))
    stored.collector.trace(trace_id)
    answer = stored.collector.query(f"/api/skein/v1/traces/{trace_id.hex()}")
    assert answer.status_code == 200, answer.text
    spans = answer.json()["spans"]
    assert [s["operation"] for s in spans] == ["root", "early", "late"]
    assert [s["selfTimeNs"] for s in spans] == [40_000_000, 20_000_000, 40_000_000]
    assert [s["onCriticalPath"] for s in spans] == [True, True, True]


def test_an_error_of_skeins_own_api_names_code_message_and_hint(stored):
    answer = stored.collector.query("/api/skein/v1/red", params={"start": "never"})
    assert answer.status_code == 400
    assert {"code", "message", "hint"} == set(answer.json()["error"])
    assert "start" in answer.json()["error"]["message"]


def test_a_span_is_searchable_within_a_second_of_its_acknowledgement(stored):
    trace_id, request = telemetry.simple_request(43, service="prompt")
    clients.send(stored.collector, request)

    def searchable() -> None:
        assert stored.collector.query("/api/traces", params={"service": "prompt"}).json()["data"]

    eventually(searchable, seconds=1.0)
