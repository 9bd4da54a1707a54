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
from telemetry import MILLISECOND, SECOND, span
from waiting import eventually

DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("guides/*.md")])
EXPORTER = "exporters.otlp_http"


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


def documented_keys() -> dict[str, object]:
    """Every key with its default; None where there is none."""
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
    "connectors.spanmetrics.dimensions[].name": "http.route",
    "connectors.spanmetrics.dimensions[].default": "none",
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
    check = run("config", "check", file)
    assert check.returncode == 0, check.stderr
    return yaml.safe_load(run("config", "print", "--config", file).stdout)


def test_the_documented_defaults_are_the_binarys(tmp_path):
    keys = documented_keys()
    assert len(keys) > 40
    target = {f"{EXPORTER}.endpoint": TRIED[f"{EXPORTER}.endpoint"]}
    defaults = {key: value for key, value in keys.items() if value is not None}
    assert printed(target | defaults, tmp_path) == printed(target, tmp_path)


@pytest.mark.parametrize("key", documented_keys())
def test_every_documented_key_is_one_of_the_binarys(key, tmp_path):
    value = documented_keys()[key]
    target = {f"{EXPORTER}.endpoint": TRIED[f"{EXPORTER}.endpoint"]} if key.startswith(EXPORTER) else {}
    pair = {other: TRIED[other] for other in TRIED if key.endswith(("_file", "[].default")) and same_place(key, other)}
    printed(target | pair | {key: TRIED[key] if value is None else value}, tmp_path)


def same_place(key: str, other: str) -> bool:
    return key.rsplit(".", 1)[0] == other.rsplit(".", 1)[0]


def test_a_key_that_is_no_key_is_refused(tmp_path):
    """What the other tests rest on."""
    with pytest.raises(AssertionError, match="storage.retention.max_agee: unknown key, did you mean 'max_age'"):
        printed({"storage.retention.max_agee": "1h"}, tmp_path)


def leaves(value, path: str = "") -> set[str]:
    if path == f"{EXPORTER}.headers":
        return {path}
    if isinstance(value, dict):
        return {leaf for key, part in value.items() for leaf in leaves(part, f"{path}.{key}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {leaf for part in value for leaf in leaves(part, f"{path}[]")}
    return {path}


def test_every_printed_key_is_documented(tmp_path):
    keys = documented_keys()
    everything = {key: TRIED.get(key, value) for key, value in keys.items()}
    everything |= {"connectors.spanmetrics.exclude_dimensions": ["span.kind"], "query.allowed_hosts": ["a"]}
    shown = leaves(printed(everything, tmp_path))
    assert len(shown) > 40
    assert shown <= set(keys)


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
