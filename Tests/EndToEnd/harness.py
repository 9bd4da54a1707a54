"""The built `skein` binary as a test sees it: a process, its listeners, its messages and its exit code."""

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import requests

import exposition
from waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SKEIN_BINARY", REPOSITORY / ".build/release/skein")).resolve()

# Listeners by the name that `listening <name> <host>:<port>` gives them, and the key of each one's address.
LISTENERS = {
    "otlp_grpc": "receivers.otlp.protocols.grpc.endpoint",
    "otlp_http": "receivers.otlp.protocols.http.endpoint",
    "query": "query.endpoint",
    "prometheus": "exporters.prometheus.endpoint",
    "metrics": "telemetry.metrics.endpoint",
    "health": "telemetry.health.endpoint",
}

# A start has nothing slow to do; the figure leaves room for a machine that is busy compiling.
START_SECONDS = 30.0
# The default shutdown timeout is below it, so that a collector that drains too long fails by its own account.
STOP_SECONDS = 30.0
# No answer of a healthy collector takes this long.
REQUEST_SECONDS = 20.0

_LISTENING = re.compile(r"^listening (\S+) (\S+):(\d+)$")


def environment() -> dict[str, str]:
    """The environment of every process under test: ours, without what would configure it by accident."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SKEIN_"))}
    return kept | {"NO_COLOR": "1"}


def merged(base: dict, changes: dict) -> dict:
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def nested(path: str, value) -> dict:
    """`nested("a.b", 1)` is `{"a": {"b": 1}}`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def integer_or_negative_zero(text: str) -> int | float:
    """Python reads JSON's `-0`, which is a double's negative zero, as a plain 0."""
    return -0.0 if text == "-0" else int(text)


class Collector:
    """One data directory and configuration, and the process that runs on them, if any."""

    def __init__(self, directory: Path, configuration: dict | None = None, arguments: list[str] | None = None):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.data = directory / "data"
        self.config_file = directory / "collector.yaml"
        self.arguments = arguments or []
        self.configuration = configuration or {}
        self.endpoints = {name: ("127.0.0.1", 0) for name in LISTENERS}
        self.process: subprocess.Popen | None = None
        self.messages: list[str] = []
        self._changed = threading.Condition()
        self._reader: threading.Thread | None = None

    # MARK: process

    def start(self, *, keep_ports: bool = False, wait: bool = True) -> "Collector":
        """Starts the process; with `keep_ports` on the addresses that an earlier one listened on."""
        assert self.process is None, "the collector runs already"
        if not keep_ports:
            self.endpoints = {name: (host, 0) for name, (host, _) in self.endpoints.items()}
        configuration = self.configuration
        for name, key in LISTENERS.items():
            host, port = self.endpoints[name]
            configuration = merged(nested(key, f"{host}:{port}"), configuration)
        # JSON is YAML; indented, so that a message's line number says something.
        self.config_file.write_text(json.dumps(configuration, indent=2))
        self.messages = []
        command = [BINARY, "collector", "--data-dir", self.data, "--config", self.config_file, *self.arguments]
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, cwd=self.directory, env=environment(), text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()
        return self

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stderr:
            line = line.rstrip("\n")
            with self._changed:
                self.messages.append(line)
                if match := _LISTENING.match(line):
                    self.endpoints[match[1]] = (match[2].strip("[]"), int(match[3]))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_message(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """The first line of stderr that matches, or that will within `seconds`."""

        def found() -> str | None:
            return next((line for line in self.messages if re.search(pattern, line)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._has_ended(), seconds)
            line = found()
        assert line is not None, f"no line matches {pattern!r}; exit code {self.exit_code}; stderr:\n{self.stderr}"
        return line

    def _has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None and not self._reader.is_alive()

    def wait_ready(self) -> None:
        self.wait_message(r"^ready$")

    def wait_exit(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code, once the process has ended and all it said was read."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        self.process.stderr.close()
        self.process = None
        return code

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    @property
    def stderr(self) -> str:
        return "\n".join(self.messages)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """Ends the process as a supervisor would; it must drain and exit 0."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit()
        assert code == 0, f"exit code {code} after SIGTERM; stderr:\n{self.stderr}"

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait_exit()

    def restart(self, *, keep_ports: bool = False) -> None:
        self.stop()
        self.start(keep_ports=keep_ports)

    def close(self) -> None:
        """Ends whatever still runs, without a claim about it."""
        if self.process is not None:
            self.kill()

    # MARK: listeners

    def address(self, listener: str) -> str:
        host, port = self.endpoints[listener]
        assert port, f"{listener} does not listen; stderr:\n{self.stderr}"
        return f"{host}:{port}"

    def url(self, listener: str, path: str = "") -> str:
        return f"http://{self.address(listener)}{path}"

    def get(self, listener: str, path: str, **parameters) -> requests.Response:
        return requests.get(self.url(listener, path), timeout=REQUEST_SECONDS, **parameters)

    def query(self, path: str, **parameters) -> requests.Response:
        return self.get("query", path, **parameters)

    def metrics(self) -> exposition.Exposition:
        """What the collector says about itself."""
        return self._scrape("metrics")

    def derived(self) -> exposition.Exposition:
        """What it derives from spans."""
        return self._scrape("prometheus")

    def _scrape(self, listener: str) -> exposition.Exposition:
        answer = self.get(listener, "/metrics")
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        assert answer.headers["Content-Type"].startswith("text/plain"), answer.headers["Content-Type"]
        return exposition.parse(answer.text)

    def trace(self, trace_id: bytes) -> dict:
        """OTLP JSON of a trace that the collector has or will shortly have."""

        def answer() -> dict:
            response = self.query(f"/api/v3/traces/{trace_id.hex()}")
            assert response.status_code == 200, f"{response.status_code} {response.text}"
            return json.loads(response.text, parse_int=integer_or_negative_zero)["result"]

        return eventually(answer)


def run(*arguments: str, seconds: float = 60.0, cwd: Path | None = None, **extra: str) -> subprocess.CompletedProcess:
    """Runs `skein` to its end; `extra` are further environment variables."""
    return subprocess.run(
        [str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds, cwd=cwd, env=environment() | extra,
    )  # fmt: skip
