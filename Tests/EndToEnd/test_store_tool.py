"""`skein store`: what it says about a data directory, with the collector running and without."""

import json
import re
import struct

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import clients
import telemetry
from harness import Collector, run
from telemetry import SECOND, span

SPANS = 300


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A data directory with sealed spans, and the spans by id as they were sent."""
    collector = Collector(tmp_path_factory.mktemp("store")).start()
    ids = telemetry.Identifiers(4100)
    start = telemetry.now() - 600 * SECOND
    sent = {}
    for part in range(3):
        spans = []
        for number in range(SPANS // 3):
            trace_id = ids.trace_id() if number % 10 == 0 else spans[-1].trace_id
            attributes = {"gen_ai.request.model": f"model-{number % 5}", "part": part, "share": number / 7}
            spans.append(span(ids, trace_id, f"step {number % 20}", start=start + number * SECOND, attributes=attributes))
        clients.send(collector, telemetry.export_request(spans, f"service-{part}"))
        sent |= {one.span_id: one for one in spans}
    collector.stop()
    return collector, sent


def store(collector, *arguments: str):
    return run("store", *arguments, "--data-dir", str(collector.data))


def exported_spans(requests):
    return [span for request in requests for resource in request.resource_spans
            for scope in resource.scope_spans for span in scope.spans]  # fmt: skip


def test_inspect_tells_spans_bytes_blocks_and_columns(stored):
    collector, _ = stored
    answer = json.loads(store(collector, "inspect", "--blocks", "--columns", "--json").stdout)
    files = sorted((collector.data / "store").glob("*.skb"))
    assert answer["spans"] == SPANS
    assert answer["bytes"] == sum(file.stat().st_size for file in files)
    assert [block["name"] for block in answer["blocks"]] == [file.name for file in files]
    assert sum(column["storedBytes"] for column in answer["columns"]) == answer["bytes"]
    model = [column for column in answer["columns"] if column["name"] == "gen_ai.request.model"]
    assert [(column["table"], column["type"], column["values"], column["dictionaryEntries"]) for column in model] == [
        ("span", "string", SPANS, 5)
    ]
    text = store(collector, "inspect", "--columns").stdout
    assert f"{SPANS} spans in {len(files)} blocks" in text
    assert re.search(r"^span +gen_ai\.request\.model +string", text, re.MULTILINE)


def test_verify_finds_a_sound_store_sound_and_names_damage(stored):
    collector, _ = stored
    result = store(collector, "verify")
    assert result.returncode == 0, result.stderr
    assert f"with {SPANS} spans are sound, 0 damaged" in result.stdout
    block = next((collector.data / "store").glob("*.skb"))
    sound = block.read_bytes()
    try:
        damaged = bytearray(sound)
        damaged[len(sound) // 2] ^= 4
        block.write_bytes(damaged)
        result = store(collector, "verify")
        assert result.returncode == 1
        assert block.name in result.stdout and "does not match its checksum" in result.stdout
        assert "1 of" in result.stderr
    finally:
        block.write_bytes(sound)


def test_export_as_protobuf_gives_back_what_was_sent(stored, tmp_path):
    collector, sent = stored
    file = tmp_path / "spans.otlp"
    result = store(collector, "export", "--format", "otlp", "--output", str(file))
    assert result.returncode == 0, result.stderr
    data, requests = file.read_bytes(), []
    while data:
        (length,) = struct.unpack(">I", data[:4])
        requests.append(ExportTraceServiceRequest.FromString(data[4 : 4 + length]))
        assert len(data) >= 4 + length
        data = data[4 + length :]
    assert {span.span_id: span for span in exported_spans(requests)} == sent


def test_export_as_json_gives_back_what_was_sent(stored):
    collector, sent = stored
    result = store(collector, "export", "--format", "json")
    assert result.returncode == 0, result.stderr
    found = set()
    for line in result.stdout.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                found |= {bytes.fromhex(span["spanId"]) for span in scope["spans"]}
    assert found == set(sent)


def test_export_of_one_trace(stored):
    collector, sent = stored
    trace_id = next(iter(sent.values())).trace_id
    result = store(collector, "export", "--format", "json", "--trace", trace_id.hex())
    spans = [span for line in result.stdout.splitlines() for resource in json.loads(line)["resourceSpans"]
             for scope in resource["scopeSpans"] for span in scope["spans"]]  # fmt: skip
    assert {span["traceId"] for span in spans} == {trace_id.hex()}
    assert len(spans) == sum(span.trace_id == trace_id for span in sent.values())


def test_what_was_exported_can_be_taken_in_again(stored, tmp_path):
    collector, sent = stored
    lines = store(collector, "export", "--format", "json").stdout.splitlines()
    second = Collector(tmp_path / "second").start()
    try:
        for line in lines:
            answer = clients.requests.post(
                second.url("otlp_http") + "/v1/traces", data=line, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200, answer.text
    finally:
        second.stop()
    spans = json.loads(store(second, "inspect", "--json").stdout)["spans"]
    assert spans == len(sent)


def test_the_collector_may_be_running(stored):
    collector, _ = stored
    collector.start()
    try:
        assert store(collector, "verify").returncode == 0
        assert json.loads(store(collector, "inspect", "--json").stdout)["spans"] == SPANS
    finally:
        collector.stop()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["export"], "--format"),
        (["export", "--format", "xml"], "'otlp' and 'json'"),
        (["export", "--format", "json", "--trace", "nine"], "'nine' is no trace id"),
        (["export", "--format", "json", "--since", "soon"], "expected a duration such as 15m"),
    ],
)
def test_wrong_use_says_what_was_expected(stored, arguments, expected):
    result = store(stored[0], *arguments)
    assert result.returncode == 2
    assert expected in result.stderr


def test_a_directory_without_a_store_is_refused(tmp_path):
    result = run("store", "inspect", "--data-dir", str(tmp_path))
    assert result.returncode == 1
    assert f"{tmp_path}/store" in result.stderr


def test_an_export_that_fails_leaves_no_file(stored, tmp_path):
    collector, _ = stored
    file = tmp_path / "spans.json"
    assert store(collector, "export", "--format", "json", "--output", str(file)).returncode == 0
    assert file.stat().st_size > 0
    block = next((collector.data / "store").glob("*.skb"))
    sound = block.read_bytes()
    try:
        damaged = bytearray(sound)
        damaged[len(sound) // 2] ^= 4
        block.write_bytes(damaged)
        result = store(collector, "export", "--format", "json", "--output", str(file))
        assert result.returncode == 1
        assert "skein store verify" in result.stderr
        assert not file.exists()
    finally:
        block.write_bytes(sound)


def test_a_full_disk_is_told(stored):
    result = store(stored[0], "export", "--format", "json", "--output", "/dev/full")
    assert result.returncode == 1
    assert "cannot write /dev/full: no space left on device" in result.stderr
