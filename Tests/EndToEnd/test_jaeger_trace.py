"""`GET /api/traces/{id}` answers the document that Jaeger would, written by hand from its mapping."""

import json
from pathlib import Path

import pytest

import clients
import storage
import telemetry
from test_round_trip import SEALS_AT_ONCE
from waiting import eventually

DATA = Path(__file__).parent / "data"
REQUEST = (DATA / "classic_trace.request.json").read_bytes()
EXPECTED = json.loads((DATA / "classic_trace.expected.json").read_text())
TRACE_ID = EXPECTED["traceID"]
ENVELOPE = {"data", "total", "limit", "offset", "errors"}


def by_key(tags: list[dict]) -> list[dict]:
    return sorted(tags, key=lambda tag: tag["key"])


def comparable(trace: dict) -> dict:
    """Without what Jaeger leaves open: the order of spans and tags, and how processes are numbered."""
    processes = trace["processes"]
    assert list(processes) == [f"p{n + 1}" for n in range(len(processes))], list(processes)
    spans = []
    for span in sorted(trace["spans"], key=lambda span: span["spanID"]):
        process = processes[span["processID"]]
        spans.append(
            {name: value for name, value in span.items() if name != "processID"}
            | {
                "tags": by_key(span["tags"]),
                "logs": [log | {"fields": by_key(log["fields"])} for log in span["logs"]],
                "process": process | {"tags": by_key(process["tags"])},
            }
        )
    return {name: value for name, value in trace.items() if name != "processes"} | {"spans": spans}


def classic_trace(collector, trace_id: str, **parameters) -> dict:
    def answer() -> dict:
        response = collector.query(f"/api/traces/{trace_id}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    document = eventually(answer)
    assert set(document) == ENVELOPE
    assert (document["limit"], document["offset"], document["errors"]) == (0, 0, None)
    assert len(document["data"]) == 1
    return document["data"][0]


@pytest.fixture(scope="module")
def with_trace(shared_collector):
    answer = clients.post(shared_collector, REQUEST, clients.JSON)
    assert (answer.status_code, answer.content) == (200, b"{}")
    return shared_collector


@pytest.mark.parametrize("raw", [{}, {"raw": "true"}])
def test_a_trace_is_mapped_as_jaeger_maps_it(with_trace, raw):
    assert comparable(classic_trace(with_trace, TRACE_ID, **raw)) == EXPECTED


def test_a_sealed_trace_and_one_after_a_restart_are_mapped_alike(new_collector):
    collector = new_collector(SEALS_AT_ONCE).start()
    assert clients.post(collector, REQUEST, clients.JSON).status_code == 200
    storage.wait_sealed(collector, spans=4)
    assert comparable(classic_trace(collector, TRACE_ID)) == EXPECTED
    collector.restart()
    assert comparable(classic_trace(collector, TRACE_ID)) == EXPECTED


def test_processes_are_numbered_by_first_use(with_trace):
    trace = classic_trace(with_trace, TRACE_ID)
    seen = list(dict.fromkeys(span["processID"] for span in trace["spans"]))
    assert seen == ["p1", "p2", "p3"]


def test_a_span_of_the_parent_links_overrides_the_reference_to_it(with_trace):
    """A link to the parent changes the type of its reference and adds none."""
    ids = telemetry.Identifiers(31)
    trace_id = ids.trace_id()
    root = telemetry.span(ids, trace_id, "root")
    child = telemetry.span(ids, trace_id, "child", parent_span_id=root.span_id)
    child.links.add(trace_id=trace_id, span_id=root.span_id).attributes.extend(
        telemetry.attributes({"opentracing.ref_type": "follows_from"}))
    clients.send(with_trace, telemetry.export_request([root, child]))
    spans = {span["operationName"]: span for span in classic_trace(with_trace, trace_id.hex())["spans"]}
    assert spans["root"]["references"] == []
    assert spans["child"]["references"] == [
        {"refType": "FOLLOWS_FROM", "traceID": trace_id.hex(), "spanID": root.span_id.hex()}
    ]


def test_short_trace_ids_are_written_and_read_with_sixteen_digits(with_trace):
    ids = telemetry.Identifiers(32)
    trace_id = bytes(8) + bytes.fromhex("0000c0ffee000001")
    clients.send(with_trace, telemetry.export_request([telemetry.span(ids, trace_id)]))
    for spelling in ["0000c0ffee000001", "c0ffee000001", "C0FFEE000001", trace_id.hex(), "000000000c0ffee000001"]:
        assert classic_trace(with_trace, spelling)["traceID"] == "0000c0ffee000001", spelling


def test_spans_equal_in_every_byte_are_shown_once(with_trace):
    ids = telemetry.Identifiers(33)
    trace_id = ids.trace_id()
    same, other = telemetry.span(ids, trace_id, "same"), telemetry.span(ids, trace_id, "other")
    clients.send(with_trace, telemetry.export_request([same]))
    clients.send(with_trace, telemetry.export_request([same, other]))

    def names() -> None:
        spans = classic_trace(with_trace, trace_id.hex())["spans"]
        assert sorted(span["operationName"] for span in spans) == ["other", "same"]

    eventually(names)


def test_pretty_print_is_the_same_document_on_many_lines(with_trace):
    plain = with_trace.query(f"/api/traces/{TRACE_ID}")
    pretty = with_trace.query(f"/api/traces/{TRACE_ID}", params={"prettyPrint": "true"})
    assert pretty.json() == plain.json()
    assert pretty.text.count("\n    ") > 50 > plain.text.strip().count("\n")


@pytest.mark.parametrize("path", ["/api/traces/", "/api/v3/traces/"])
def test_an_unknown_trace_is_404_in_the_shape_of_its_api(with_trace, path):
    answer = with_trace.query(path + "00000000000000000000000000000bad")
    assert answer.status_code == 404
    if path == "/api/traces/":
        document = json.loads(answer.text)
        assert document["data"] is None and document["total"] == 0
        assert document["errors"] == [{"code": 404, "msg": "trace not found"}]
    else:
        assert answer.json()["error"] == {"httpCode": 404, "message": "No traces found"}


@pytest.mark.parametrize("path", ["/api/traces/", "/api/v3/traces/", "/api/skein/v1/traces/"])
@pytest.mark.parametrize("trace_id", ["nonsense!", "0" * 33, "1" * 40])
def test_an_impossible_trace_id_is_400_in_the_shape_of_its_api(with_trace, path, trace_id):
    answer = with_trace.query(path + trace_id)
    assert answer.status_code == 400
    document = json.loads(answer.text)
    if path == "/api/traces/":
        assert document["data"] is None and document["errors"][0]["code"] == 400
        assert document["errors"][0]["msg"]
    elif path == "/api/v3/traces/":
        assert document["error"]["httpCode"] == 400 and document["error"]["message"]
    else:
        assert {"code", "message", "hint"} <= set(document["error"])
