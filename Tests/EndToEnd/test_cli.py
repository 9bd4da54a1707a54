"""The command line: what it prints where, what it exits with, and that its JSON can be worked with."""

import json
import re
import subprocess

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import harness
import telemetry
from harness import run
from telemetry import MILLISECOND, SECOND, span
from waiting import eventually

DONE, FAILED, WRONG_USAGE = 0, 1, 2
COMMANDS = ["collector", "config", "search", "trace", "red", "usage", "store", "load", "version"]
ESCAPE = "\x1b"


def api(collector, *arguments: str) -> subprocess.CompletedProcess:
    return run(*arguments, "--api", collector.url("query"))


def done(result: subprocess.CompletedProcess, message: str = "") -> str:
    """Its standard output, after it succeeded; `message` is a pattern of all that may stand on standard error."""
    assert result.returncode == DONE, result.stderr
    assert re.fullmatch(message, result.stderr.strip()), result.stderr
    assert ESCAPE not in result.stdout, "colour is for terminals"
    return result.stdout


@pytest.fixture(scope="module")
def asked(shared_collector):
    """A collector with an agent's trace in it, and that trace's id."""
    ids = telemetry.Identifiers(700)
    trace_id, start = ids.trace_id(), telemetry.now() - 60 * SECOND

    def at(begin: int, milliseconds: int, name: str, **fields) -> Span:
        return span(ids, trace_id, name, start=start + begin * MILLISECOND, milliseconds=milliseconds, **fields)

    tokens = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 340}
    root = at(0, 900, "invoke_agent coordinator", kind=Span.SPAN_KIND_SERVER)
    model = at(50, 600, "chat model-x", kind=Span.SPAN_KIND_CLIENT, parent_span_id=root.span_id, attributes=tokens)
    tool = at(60, 100, "execute_tool lookup", parent_span_id=root.span_id, attributes={"tool.name": "lookup"})
    tool.status.code, tool.status.message = 2, "timed out"
    late = at(700, 150, "write answer", parent_span_id=root.span_id)
    clients.send(shared_collector, telemetry.export_request([late, tool, model, root], "desk"))
    shared_collector.trace(trace_id)
    return shared_collector, trace_id.hex()


# MARK: usage


def test_help_names_every_command_that_there_is():
    text = done(run("--help"))
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\b", text, re.MULTILINE), command
    assert not re.search(r"^\s+investigate\b", text, re.MULTILINE), "investigate is not built"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    assert "USAGE: skein " + command in done(run(command, "--help"))


def test_version_is_one_line():
    assert re.fullmatch(r"skein \d+\.\d+\.\d+\S*\n", done(run("version")))


# Arguments, and what of them the message names.
USAGE_ERRORS = {
    "unknown command": (["collect"], "collect"),
    "a command that is not built": (["investigate"], "investigate"),
    "unknown option": (["collector", "--colour"], "--colour"),
    "option without a value": (["collector", "--config"], "--config"),
    "no trace id": (["trace"], "<id>"),
    "no query": (["search"], "<query>"),
    "an impossible trace id": (["trace", "not-an-id"], "not-an-id"),
    "a setting without a value": (["collector", "--set", "ports.offset"], "key.path=value"),
    "a bad address": (["search", "{ }", "--api", "localhost:1"], "localhost:1"),
    "a bad protocol": (["load", "--protocol", "carrier-pigeon"], "carrier-pigeon"),
    "a bad rate": (["load", "--rate", "fast"], "fast"),
    "no file to check": (["config", "check"], "<file>"),
}


@pytest.mark.parametrize("case", USAGE_ERRORS)
def test_wrong_usage_exits_2_with_a_message(case, tmp_path):
    arguments, named = USAGE_ERRORS[case]
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == WRONG_USAGE, result.stderr
    assert result.stdout == ""
    assert named in result.stderr and "Fatal error" not in result.stderr


ASKED_WRONGLY = {
    "a bad duration": ["search", "{ }", "--since", "yesterday"],
    "a bad limit": ["search", "{ }", "--limit", "0"],
    "a limit that is no number": ["search", "{ }", "--limit", "all"],
    "a bad condition": ["red", "--where", "{ name = }"],
    "a bad range": ["red", "--since", "-5m"],
}


@pytest.mark.parametrize("case", ASKED_WRONGLY)
def test_a_wrong_question_exits_2_with_a_message(asked, case):
    result = api(asked[0], *ASKED_WRONGLY[case])
    assert result.returncode == WRONG_USAGE, result
    assert result.stdout == "" and result.stderr.strip()


@pytest.mark.parametrize(
    "query",
    ["{", "{ . }", "{ .a == 1 }", "{ duration > }", "{ status = sideways }", "{ 1 + 1 }", "name = x", "{ .a = 'b' }"],
)
def test_a_query_that_does_not_parse_exits_2_and_says_where(asked, query):
    result = api(asked[0], "search", query)
    assert result.returncode == WRONG_USAGE, result
    assert result.stdout == "" and result.stderr.startswith("skein: ")


def test_a_collector_that_is_not_there_is_named():
    result = run("search", "{ }", "--api", "http://127.0.0.1:1")
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert "http://127.0.0.1:1" in result.stderr


# MARK: trace


def test_trace_draws_a_waterfall_in_tree_order(asked):
    collector, trace_id = asked
    text = done(api(collector, "trace", trace_id))
    names = ["invoke_agent coordinator", "chat model-x", "execute_tool lookup", "write answer"]
    places = [text.index(name) for name in names]
    assert places == sorted(places), text
    assert trace_id in text and "desk" in text
    assert "900" in text and "600" in text, "durations in milliseconds"
    assert "1200" in text.replace(",", "") or "1.2k" in text, "tokens"


def test_trace_marks_the_critical_path(asked):
    collector, trace_id = asked
    plain = done(api(collector, "trace", trace_id))
    (tool,) = [line for line in plain.splitlines() if "execute_tool lookup" in line]
    (model,) = [line for line in plain.splitlines() if "chat model-x" in line]
    assert model.startswith("●") and not tool.startswith("●")
    more = done(api(collector, "trace", trace_id, "--critical-path"))
    assert more.startswith(plain)
    path = more.removeprefix(plain)
    assert "chat model-x" in path and "write answer" in path and "execute_tool lookup" not in path


def test_trace_as_json_is_the_apis_answer(asked):
    collector, trace_id = asked
    document = json.loads(done(api(collector, "trace", trace_id, "--json")))
    assert document == collector.query(f"/api/skein/v1/traces/{trace_id}").json()
    on_path = {s["operation"]: s["onCriticalPath"] for s in document["spans"]}
    assert on_path == {
        "invoke_agent coordinator": True, "chat model-x": True, "execute_tool lookup": False, "write answer": True,
    }  # fmt: skip


def test_a_trace_that_is_not_there_fails(asked):
    result = api(asked[0], "trace", "f" * 32)
    assert (result.returncode, result.stdout) == (FAILED, "")
    assert "not found" in result.stderr or "no trace" in result.stderr.lower()


# MARK: search

NOTHING_FOUND = r"(no trace matches in the last \w+)?"
SEARCHES = {
    "{ }": True,
    '{ resource.service.name = "desk" }': True,
    '{ resource.service.name = "nobody" }': False,
    '{ name = "chat model-x" && duration > 500ms }': True,
    '{ name = "chat model-x" && duration > 601ms }': False,
    "{ status = error }": True,
    "{ status = error && kind = client }": False,
    "{ kind = client }": True,
    "{ .gen_ai.usage.input_tokens >= 1200 }": True,
    "{ span.gen_ai.usage.output_tokens < 340 }": False,
    '{ span.tool.name != "lookup" }': False,
    '{ .tool.name = "lookup" && status = error }': True,
    '{ .gen_ai.usage.input_tokens = "1200" }': False,
}


@pytest.mark.parametrize("query", SEARCHES)
def test_search_finds_by_traceql(asked, query):
    collector, trace_id = asked
    text = done(api(collector, "search", query, "--since", "1h"), NOTHING_FOUND)
    assert (trace_id in text) == SEARCHES[query], text
    listed = json.loads(done(api(collector, "search", query, "--since", "1h", "--json")))
    assert (trace_id in json.dumps(listed)) == SEARCHES[query]


def test_search_looks_back_as_far_as_asked(asked):
    collector, trace_id = asked
    assert trace_id not in done(api(collector, "search", '{ name = "chat model-x" }', "--since", "10s"), NOTHING_FOUND)


def test_search_stops_at_the_limit(asked):
    collector, _ = asked
    for seed in range(710, 715):
        trace_id, request = telemetry.simple_request(seed, service="limited")
        clients.send(collector, request)
        collector.trace(trace_id)
    query = '{ resource.service.name = "limited" }'
    assert len(re.findall(r"\b[0-9a-f]{32}\b", done(api(collector, "search", query)))) == 5
    assert len(re.findall(r"\b[0-9a-f]{32}\b", done(api(collector, "search", query, "--limit", "2")))) == 2


# MARK: red


def test_red_shows_rate_errors_and_percentiles(asked):
    collector, _ = asked
    text = done(api(collector, "red", "--since", "1h"))
    (line,) = [line for line in text.splitlines() if "execute_tool lookup" in line]
    assert "desk" in line and "100.0 %" in line
    rows = json.loads(done(api(collector, "red", "--since", "1h", "--json")))["rows"]
    (row,) = [row for row in rows if row["key"].get("operation") == "execute_tool lookup"]
    assert (row["key"]["service"], row["count"], row["errors"], row["errorRate"]) == ("desk", 1, 1, 1)
    assert row["p50Ns"] == pytest.approx(100 * MILLISECOND, rel=0.02)
    (by_service,) = [
        row
        for row in json.loads(done(api(collector, "red", "--by", "service", "--since", "1h", "--json")))["rows"]
        if row["key"]["service"] == "desk"
    ]
    assert (by_service["count"], by_service["errors"]) == (4, 1)


# MARK: load


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_load_sends_what_it_says_and_the_collector_has_it(collector, protocol):
    endpoint = collector.url("otlp_grpc" if protocol == "grpc" else "otlp_http")
    arguments = ["--endpoint", endpoint, "--protocol", protocol, "--rate", "2000", "--duration", "2s", "--seed", "7"]
    result = run("load", *arguments, "--json")
    assert result.returncode == DONE, result.stderr
    report = json.loads(result.stdout)
    assert 2000 <= report["spans"] <= 6000, report
    assert report["failures"] == {}, report

    def arrived() -> None:
        assert collector.metrics().total("otelcol_receiver_accepted_spans_total") == report["spans"]
        assert collector.derived().total("traces_span_metrics_calls_total") == report["spans"]

    eventually(arrived)
    assert collector.query("/api/services").json()["data"]


def test_load_says_what_went_between_services_where_that_is_asked_for(collector):
    arguments = ["--endpoint", collector.url("otlp_http"), "--rate", "10000", "--duration", "300ms", "--seed", "7"]
    plain, paired = done(run("load", *arguments)), done(run("load", *arguments, "--client-spans"))
    assert "between" not in plain
    found = re.search(r"^between +([\d,]+) requests from service to service, (\d+) failed$", paired, re.MULTILINE)
    report = json.loads(done(run("load", *arguments, "--client-spans", "--json")))
    edges = report["betweenServices"]
    assert int(found[1].replace(",", "")) == sum(edge["requests"] for edge in edges) > 100
    assert int(found[2]) == sum(edge["failed"] for edge in edges) > 0
    assert {(edge["client"], edge["server"]) for edge in edges} == {
        ("assist-gateway", "agent-coordinator"), ("agent-coordinator", "agent-planner"),
        ("agent-coordinator", "agent-researcher"), ("agent-coordinator", "agent-writer")}  # fmt: skip


def test_load_without_a_collector_fails_and_says_so():
    arguments = ["--endpoint", "http://127.0.0.1:1", "--protocol", "http", "--rate", "100", "--duration", "1s"]
    result = run("load", *arguments, seconds=20)
    assert result.returncode == FAILED
    assert "127.0.0.1:1" in result.stderr


# MARK: config


def test_config_print_shows_every_default(tmp_path):
    text = done(run("config", "print"))
    for value in ["127.0.0.1:4317", "127.0.0.1:4318", "durability: interval", "directory: ./skein-data"]:
        assert value in text


def test_config_check_of_a_good_file_exits_0(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text("storage:\n  durability: fsync\n")
    result = harness.run("config", "check", file)
    assert (result.returncode, result.stdout) == (DONE, ""), result.stderr
    assert str(file) in result.stderr
