"""What a start finds wrong: one clear line, and the exit code that says whose fault it is."""

import os
import socket

import pytest

import clients
import harness
import otlp_json
import storage
import telemetry
from comparison import assert_same_spans
from harness import LISTENERS, merged, nested
from small_disk import SmallDisk

FAILED, WRONG_CONFIGURATION = 1, 2


def start_fails(collector) -> tuple[int, list[str]]:
    """The exit code of a start that must fail, and the lines that say why."""
    collector.start(wait=False)
    code = collector.wait_exit()
    assert "ready" not in collector.messages
    lines = [line for line in collector.messages if line and not line.startswith("listening ")]
    return code, lines


def assert_clear(lines: list[str], *parts: str) -> None:
    """One line of `skein: …` says it all in words; nothing looks like a stack trace or a value of the program."""
    (line,) = [line for line in lines if line.startswith("skein: ")]
    for part in parts:
        assert part.lower() in line.lower(), f"{part!r} is not in {line!r}"
    assert "(message:" not in line, line
    assert not any("Fatal error" in line or "Stack dump" in line for line in lines), lines


# MARK: ports


@pytest.mark.parametrize("listener", LISTENERS)
def test_a_port_in_use_is_named(new_collector, listener):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        collector = new_collector(nested(LISTENERS[listener], f"127.0.0.1:{port}"))
        code, lines = start_fails(collector)
    assert code == FAILED
    assert_clear(lines, "127.0.0.1", port, listener, "in use")


def test_an_address_of_another_machine_is_named(new_collector):
    code, lines = start_fails(new_collector(nested(LISTENERS["otlp_http"], "192.0.2.1:4318")))
    assert code == FAILED
    assert_clear(lines, "192.0.2.1", "otlp_http")


def test_two_collectors_run_side_by_side_by_an_offset(new_collector):
    """Free default ports cannot be had for sure in a test, so the effective configuration is looked at."""
    printed = harness.run("config", "print", "--set", "ports.offset=1000")
    assert printed.returncode == 0
    for port in (5317, 5318, 9888, 9889, 14133, 17686):
        assert f"127.0.0.1:{port}" in printed.stdout


# MARK: the data directory


def test_a_second_collector_on_the_same_data_directory_is_refused(new_collector):
    first = new_collector().start()
    second = new_collector()
    second.data = first.data
    code, lines = start_fails(second)
    assert code == FAILED
    assert_clear(lines, str(first.data))
    trace_id, request = telemetry.simple_request(70)
    clients.send(first, request)
    assert_same_spans(otlp_json.to_request(first.trace(trace_id)), request)


def test_a_data_directory_that_is_a_file_is_named(new_collector):
    collector = new_collector()
    collector.data.write_text("no directory")
    code, lines = start_fails(collector)
    assert code == FAILED
    assert_clear(lines, str(collector.data), "file")


def test_a_data_directory_that_cannot_be_made_is_named(new_collector):
    collector = new_collector()
    blocker = collector.directory / "blocker"
    blocker.write_text("no directory")
    collector.data = blocker / "data"
    code, lines = start_fails(collector)
    assert code == FAILED
    assert_clear(lines, str(collector.data))


def test_a_data_directory_that_cannot_be_written_is_named(new_collector, tmp_path):
    with SmallDisk(tmp_path / "disk", megabytes=16) as disk:
        disk.make_read_only()
        collector = new_collector()
        collector.data = disk.path
        code, lines = start_fails(collector)
        assert code == FAILED
        assert_clear(lines, str(disk.path), "read-only file system")


def test_a_full_data_directory_is_named(new_collector, tmp_path):
    with SmallDisk(tmp_path / "disk", megabytes=16) as disk:
        disk.fill()
        collector = new_collector()
        collector.data = disk.path / "data"
        code, lines = start_fails(collector)
        assert code == FAILED
        assert_clear(lines, str(disk.path), "no space left")


def test_nothing_is_written_outside_the_data_directory(new_collector):
    collector = new_collector().start()
    clients.send(collector, telemetry.simple_request(71)[1])
    collector.stop()
    assert sorted(os.listdir(collector.directory)) == ["collector.yaml", "data"]


# MARK: the journal


# What a crash may leave behind the last record, in place of room that was taken ahead; made of the records' bytes.
TAILS = {
    "garbage": lambda records: b"\xde\xad\xbe\xef" * 1000,
    "one byte": lambda records: b"\x01",
    "a record cut short": lambda records: records[: len(records) // 2].rstrip(b"\0"),
}


def put_behind_records(segment, make_tail) -> bytes:
    """Writes over the room behind a segment's last record; gives what was written."""
    content = segment.read_bytes()
    end = storage.records_end(content)
    assert len(content) > end, "there is no room that was taken ahead"
    tail = make_tail(content[storage.SEGMENT_HEADER_BYTES : end])
    segment.write_bytes(content[:end] + tail + content[end + len(tail) :])
    return tail


@pytest.mark.parametrize("case", TAILS)
def test_a_torn_journal_tail_is_cut_and_reported_and_nothing_acknowledged_is_lost(new_collector, case):
    collector = new_collector({"storage": {"block": {"max_age": "1h"}}}).start()
    sent = [telemetry.simple_request(telemetry.seed_of(case, str(index)), spans=4) for index in range(5)]
    for _, request in sent:
        clients.send(collector, request)
    collector.kill()
    segment = storage.newest_segment(collector.data)
    tail = put_behind_records(segment, TAILS[case])
    collector.start()
    assert any("torn" in line and segment.name in line for line in collector.messages), collector.stderr
    for trace_id, request in sent:
        assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert collector.metrics().total("skein_journal_truncated_bytes_total") == len(tail)
    assert collector.derived().total("traces_span_metrics_calls_total") == 20
    # What comes after the cut is journaled where the garbage was.
    trace_id, request = telemetry.simple_request(telemetry.seed_of(case, "after"))
    clients.send(collector, request)
    collector.kill()
    collector.start()
    assert not any("torn" in line for line in collector.messages), collector.stderr
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)


def test_room_taken_ahead_is_no_torn_tail(new_collector):
    collector = new_collector({"storage": {"block": {"max_age": "1h"}}}).start()
    trace_id, request = telemetry.simple_request(telemetry.seed_of("room"))
    clients.send(collector, request)
    collector.kill()
    content = storage.newest_segment(collector.data).read_bytes()
    assert len(content) - storage.records_end(content) > 1 << 20
    collector.start()
    assert not any("torn" in line for line in collector.messages), collector.stderr
    assert collector.metrics().total("skein_journal_truncated_bytes_total") == 0
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)


def test_a_damaged_record_in_the_middle_is_passed_over_and_counted(new_collector):
    collector = new_collector({"storage": {"block": {"max_age": "1h"}}}).start()
    sent = [telemetry.simple_request(seed, spans=4) for seed in range(72, 75)]
    for _, request in sent:
        clients.send(collector, request)
    collector.kill()
    segment = storage.newest_segment(collector.data)
    content = bytearray(segment.read_bytes())
    middle = content.index(sent[1][0])
    content[middle] ^= 0xFF
    segment.write_bytes(content)
    collector.start()
    assert any("damaged" in line for line in collector.messages), collector.stderr
    for index in (0, 2):
        trace_id, request = sent[index]
        assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert collector.query(f"/api/v3/traces/{sent[1][0].hex()}").status_code == 404
    assert collector.metrics().total("skein_journal_damaged_spans_total") == 4


# MARK: the configuration

MISTAKES = {
    "an unknown key": (
        "receivers:\n  otlp:\n    protocols:\n      http:\n        endpont: 127.0.0.1:0\n",
        5, "receivers.otlp.protocols.http.endpont", "did you mean 'endpoint'?",
    ),
    "an unknown key at the top": ("\nstorge:\n  directory: x\n", 2, "storge", "did you mean 'storage'?"),
    "a value of the wrong type": (
        "storage:\n  block:\n    max_spans: many\n",
        3, "storage.block.max_spans", "'many' is not valid, expected a whole number",
    ),
    "a value out of range": (
        "storage:\n  retention:\n    max_age: 1s\n",
        3, "storage.retention.max_age", "'1s' is not valid, expected a duration",
    ),
    "a mapping expected": ("storage: here\n", 1, "storage", "expected a mapping"),
    "a processor that is not there": (
        "service:\n  pipelines:\n    traces:\n      receivers: [otlp]\n      processors: [batch]\n",
        5, "service.pipelines.traces.processors", "sending_queue.batch",
    ),
    "OTLP over gRPC out": (
        "exporters:\n  otlp/jaeger:\n    endpoint: jaeger:4317\n", 2, "exporters.otlp/jaeger", "otlp_http",
    ),
    "an exporter without an endpoint": (
        "exporters:\n  otlp_http/a:\n    timeout: 1s\n", None, "exporters.otlp_http/a", "missing",
    ),
    "broken YAML": ("storage:\n  directory: [a\n", 3, "", "no valid YAML"),
    "a key given twice": ("storage:\n  directory: a\n  directory: b\n", None, "", "twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("command", ["collector --config", "config check"])
def test_a_mistake_in_the_configuration_names_file_line_key_and_expectation(tmp_path, command, case):
    text, line, key, expected = MISTAKES[case]
    file = tmp_path / "skein.yaml"
    file.write_text(text)
    result = harness.run(*command.split(), file, cwd=tmp_path)
    assert result.returncode == WRONG_CONFIGURATION
    assert result.stdout == ""
    (message,) = [message for message in result.stderr.splitlines() if str(file) in message]
    # Of what is missing or given twice, any line near it will do.
    place = f"{file}:{line}: " if line else f"{file}:"
    assert message.startswith(place), message
    assert key in message and expected in message, message
    assert os.listdir(tmp_path) == ["skein.yaml"], "something was made although the configuration is wrong"


def test_every_mistake_is_reported_at_once(tmp_path):
    file = tmp_path / "skein.yaml"
    file.write_text("storage:\n  durabilty: fsync\n  block:\n    max_spans: 0\nqury: {}\n")
    result = harness.run("config", "check", file)
    assert result.returncode == WRONG_CONFIGURATION
    places = [line.split(": ")[0].removeprefix(f"{file}:") for line in result.stderr.splitlines() if str(file) in line]
    assert sorted(places) == ["2", "4", "5"]


def test_a_mistake_in_a_setting_names_the_setting(tmp_path):
    result = harness.run("collector", "--set", "storage.durability=always", cwd=tmp_path)
    assert result.returncode == WRONG_CONFIGURATION
    assert "--set storage.durability=always" in result.stderr
    assert "interval" in result.stderr and "fsync" in result.stderr


def test_a_missing_configuration_file_is_named(tmp_path):
    result = harness.run("collector", "--config", tmp_path / "absent.yaml", cwd=tmp_path)
    assert result.returncode == WRONG_CONFIGURATION
    assert str(tmp_path / "absent.yaml") in result.stderr


def test_a_pipeline_section_of_the_fixed_shape_is_accepted(tmp_path):
    file = tmp_path / "skein.yaml"
    file.write_text(
        "exporters:\n  otlp_http/jaeger:\n    endpoint: http://127.0.0.1:1\n  prometheus:\n"
        "service:\n  pipelines:\n"
        "    traces:\n      receivers: [otlp]\n      processors: [memory_limiter]\n"
        "      exporters: [otlp_http/jaeger, spanmetrics]\n"
        "    metrics:\n      receivers: [spanmetrics]\n      exporters: [prometheus]\n"
    )
    result = harness.run("config", "check", file)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_variables_of_the_environment_are_substituted_and_secrets_masked(tmp_path):
    file = tmp_path / "skein.yaml"
    file.write_text(
        "storage:\n  directory: ${env:WHERE:-/tmp/elsewhere}\n"
        "exporters:\n  otlp_http/a:\n    endpoint: http://user:hunter2@${env:TARGET}\n"
        '    headers:\n      authorization: "Bearer ${env:TOKEN}"\n'
    )
    result = harness.run("config", "print", "--config", file, TARGET="jaeger:4318", TOKEN="s3cret")
    assert result.returncode == 0, result.stderr
    assert "directory: /tmp/elsewhere" in result.stdout
    assert "jaeger:4318/v1/traces" in result.stdout
    assert "s3cret" not in result.stdout + result.stderr and "hunter2" not in result.stdout + result.stderr


def test_what_config_print_prints_is_valid_and_comes_to_the_same(tmp_path):
    settings = ["--set", "storage.block.max_age=5m", "--set", "exporters.otlp_http/x.endpoint=http://h:1"]
    first = harness.run("config", "print", *settings)
    assert first.returncode == 0, first.stderr
    file = tmp_path / "printed.yaml"
    file.write_text(first.stdout)
    assert harness.run("config", "check", file).returncode == 0
    assert harness.run("config", "print", "--config", file).stdout == first.stdout


@pytest.mark.parametrize("endpoint", ["0.0.0.0:0", ":0"])
def test_an_open_query_listener_must_be_asked_for(new_collector, endpoint):
    code, lines = start_fails(new_collector(nested("query.endpoint", endpoint)))
    assert code == WRONG_CONFIGURATION
    assert_clear(lines, "allow_unauthenticated")
    allowed = merged(nested("query.endpoint", endpoint), nested("query.allow_unauthenticated", True))
    collector = new_collector(allowed).start()
    assert collector.process is not None


def test_an_open_receiver_gets_one_warning(new_collector):
    collector = new_collector(nested(LISTENERS["otlp_http"], "0.0.0.0:0")).start()
    (warning,) = [line for line in collector.messages if "WARNING" in line]
    assert "off loopback" in warning
