"""Debian's Prometheus and Alertmanager as a test sees them, on what deploy/ configures."""

import re
import socket
import subprocess
from pathlib import Path

import requests
import yaml

from harness import REPOSITORY, REQUEST_SECONDS, environment
from waiting import eventually

DEPLOY = REPOSITORY / "deploy"
START_SECONDS = 30


def rule_files() -> list[Path]:
    return sorted((DEPLOY / "rules").glob("*.yml"))


def rules() -> list[dict]:
    """All rules, in the order in which they stand."""
    documents = [yaml.safe_load(file.read_text()) for file in rule_files()]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recordings() -> list[dict]:
    return [rule for rule in rules() if "record" in rule]


class Server:
    """A process that says on standard error where it listens."""

    def __init__(self, directory: Path, command: list[str]):
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / f"{Path(command[0]).name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, env=environment())
        self.url = ""

    def wait_listening(self) -> None:
        def listening() -> None:
            text = self.log.read_text()
            assert self.process.poll() is None, text
            # The first such line repeats the configured address; the socket's own has a real port.
            ports = [port for port in re.findall(r"[Ll]istening on.*?address=127\.0\.0\.1:(\d+)", text) if port != "0"]
            assert ports, text
            self.url = f"http://127.0.0.1:{ports[-1]}"

        eventually(listening, seconds=START_SECONDS)

    def get(self, path: str, **parameters) -> dict | list:
        answer = requests.get(f"{self.url}{path}", params=parameters, timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Alertmanager(Server):
    """Does not say which port it was given, so it is given one that was free."""

    def __init__(self, directory: Path, configuration: dict):
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "alertmanager.yml"
        file.write_text(yaml.safe_dump(configuration))
        port = free_port()
        super().__init__(directory, [
            "prometheus-alertmanager", f"--config.file={file}", f"--storage.path={directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", *deployed_flags("alertmanager"),
        ])  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"

    def wait_listening(self) -> None:
        eventually(lambda: self.get("/api/v2/status"), seconds=START_SECONDS)


def deployed_flags(service: str) -> list[str]:
    """The flags that compose gives a server, but for its own files; paths are those of the machine."""
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][service]
    mounted = [volume.split(":")[:2] for volume in document["volumes"] if volume.startswith(".")]
    flags = []
    for flag in document["command"]:
        name, _, value = flag.partition("=")
        if name in ("--config.file", "--storage.tsdb.path", "--storage.path"):
            continue
        places = [str((DEPLOY / source).resolve()) for source, target in mounted if target == value]
        flags.append(f"{name}={places[0]}" if places else flag)
    return flags


class Prometheus(Server):
    def __init__(self, directory: Path, configuration: dict, *flags: str):
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(configuration))
        super().__init__(directory, [
            "prometheus", f"--config.file={file}", f"--storage.tsdb.path={directory / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0", "--log.level=info", *deployed_flags("prometheus"), *flags,
        ])  # fmt: skip

    def data(self, path: str, **parameters):
        return self.get(f"/api/v1/{path}", **parameters)["data"]

    def query(self, expression: str, **parameters) -> dict[frozenset, float]:
        """The values of an instant query by labels, without those that only say where they come from."""
        own = {"__name__", "job", "instance"}
        return {
            frozenset((k, v) for k, v in series["metric"].items() if k not in own): float(series["value"][1])
            for series in self.data("query", query=expression, **parameters)["result"]
        }


def configuration(collector, directory: Path, *, alertmanager: str | None = None, seconds: int = 1) -> dict:
    """deploy/prometheus.yml with the test's addresses (`host:port`), scraping and evaluating often enough for a test.

    What has no address here is left out. The rules are copied into the directory, with their intervals changed too.
    """
    document = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    addresses = {
        "skein:8889": collector.address("prometheus"), "skein:8888": collector.address("metrics"),
        "alertmanager:9093": alertmanager,
    }  # fmt: skip

    def placed(jobs: list[dict]) -> list[dict]:
        for job in jobs:
            for part in job["static_configs"]:
                part["targets"] = [address for target in part["targets"] if (address := addresses[target])]
        return [job for job in jobs if job["static_configs"][0]["targets"]]

    document["scrape_configs"] = placed(document["scrape_configs"])
    document["alerting"]["alertmanagers"] = placed(document["alerting"]["alertmanagers"])
    document["global"] = {"scrape_interval": f"{seconds}s", "evaluation_interval": f"{seconds}s"}
    copies = directory / "rules"
    copies.mkdir(parents=True, exist_ok=True)
    for file in rule_files():
        text = re.sub(r"^(    interval): \w+$", rf"\1: {seconds}s", file.read_text(), flags=re.MULTILINE)
        (copies / file.name).write_text(text)
    assert document["rule_files"] == ["rules/*.yml"]
    return document
