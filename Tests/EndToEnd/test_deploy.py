"""deploy/ fits the binary and the system it is made for; what needs a Docker engine is not run here."""

import json
import re
import shlex
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

import harness
from harness import BINARY, LISTENERS, REPOSITORY, run

DEPLOY = REPOSITORY / "deploy"
# The release that the image's two stages stand on; what apt says here is true of them only on the same.
RELEASE = "bookworm"
# Debian packages that come with a package that the image names (libstdc++6 depends on both).
IMPLIED_PACKAGES = {"libc6", "libgcc-s1"}
# Ports of images that are not ours, by service.
FOREIGN_PORTS = {
    "jaeger": {4317, 4318, 16686}, "prometheus": {9090}, "alertmanager": {9093}, "grafana": {3000}}
EXAMPLE = BINARY.parent / "research-desk"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), continuation lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(" ", 1)) for line in lines]


def of_kind(kind: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == kind]


def stages() -> list[list[tuple[str, str]]]:
    result: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            result.append([])
        result[-1].append(instruction)
    return result


def apt_packages(stage: list[tuple[str, str]]) -> set[str]:
    found = re.findall(r"apt-get install ([^&]*)", "\n".join(arguments for kind, arguments in stage if kind == "RUN"))
    return {word for words in found for word in words.split() if not word.startswith("-")}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def effective() -> dict:
    """What deploy/skein.yaml comes to."""
    printed = run("config", "print", "--config", DEPLOY / "skein.yaml")
    assert printed.returncode == 0, printed.stderr
    return yaml.safe_load(printed.stdout)


def at(document: dict, path: str):
    for key in path.split("."):
        document = document[key]
    return document


def listener_ports(document: dict) -> set[int]:
    return {int(at(document, key).rsplit(":", 1)[1]) for key in LISTENERS.values()}


# MARK: packages


def debian_codename() -> str:
    found = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else ""


def test_every_apt_package_that_is_named_exists():
    if debian_codename() != RELEASE:
        pytest.skip(f"apt here knows {debian_codename() or 'no Debian'}, not {RELEASE}")
    script = (DEPLOY / "packages.sh").read_text()
    listed = re.search(r"wanted=\((.*?)\n\)", script, re.DOTALL)[1]
    names = set(re.sub(r"#.*", "", listed).split())
    for stage in stages():
        assert apt_packages(stage)
        names |= apt_packages(stage)
    policy = subprocess.run(["apt-cache", "policy", *sorted(names)], capture_output=True, text=True, check=True).stdout
    candidates = dict(re.findall(r"^(\S+):\n(?:  .*\n)*?  Candidate: (.*)$", policy, re.MULTILINE))
    absent = {name for name in names if candidates.get(name, "(none)") == "(none)"}
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        pytest.skip(f"no package lists here (apt-get update); not installed and so not known: {sorted(absent)}")
    assert not absent


def needed_libraries() -> set[str]:
    """Sonames that the binary itself asks the loader for."""
    headers = subprocess.run(["objdump", "-p", BINARY], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"NEEDED\s+(\S+)", headers)) - {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def is_of_swift(library: str) -> bool:
    return re.match(r"lib(_?Foundation|swift|dispatch|BlocksRuntime)", library) is not None


def test_the_runtime_image_has_every_library_that_the_binary_needs():
    runtime = apt_packages(stages()[-1]) | IMPLIED_PACKAGES
    needed = needed_libraries()
    assert needed, "the binary is linked dynamically, as far as known"
    for library in sorted(library for library in needed if not is_of_swift(library)):
        owners = subprocess.run(["dpkg-query", "--search", f"*/{library}"], capture_output=True, text=True).stdout
        packages = {line.split(":")[0] for line in owners.splitlines()}
        assert packages & runtime, f"{library} is in {packages}, and the image has {sorted(runtime)}"
    # Swift's runtime, linked statically into the image's binary, is C++.
    assert "libstdc++6" in runtime


def test_swift_can_be_linked_statically():
    swift = shutil.which("swift")
    if swift is None:
        pytest.skip("there is no swift here")
    flag = "--static-swift-stdlib"
    assert any(f"swift build -c release {flag}" in arguments for arguments in of_kind("RUN"))
    assert flag in subprocess.run([swift, "build", "--help"], capture_output=True, text=True).stdout
    info = json.loads(subprocess.run([swift, "-print-target-info"], capture_output=True, text=True).stdout)
    static = Path(info["paths"]["runtimeResourcePath"]).with_name("swift_static") / "linux"
    for library in filter(is_of_swift, needed_libraries()):
        assert (static / library.replace(".so", ".a")).is_file(), f"{static} has no static {library}"


# MARK: image


def test_what_the_image_copies_exists():
    manifest = (REPOSITORY / "Package.swift").read_text()
    products = set(re.findall(r"--product (\S+)", "\n".join(of_kind("RUN"))))
    assert "skein" in products
    for product in products:
        assert f'.executable(name: "{product}"' in manifest, f"Package.swift has no product {product}"
    for arguments in of_kind("COPY"):
        *sources, _ = arguments.split()
        if sources[0] == "--from=build":
            assert {Path(source).name for source in sources[1:]} == products
        else:
            for source in sources:
                assert (REPOSITORY / source).exists(), source
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = {word for arguments in of_kind("COPY") if "--from" not in arguments for word in arguments.split()[:-1]}
    assert "*" in ignored and copied == {line[1:] for line in ignored if line.startswith("!")}


def test_the_image_runs_as_a_user_of_its_own_in_its_volume():
    (user,), (volume,), (directory,) = of_kind("USER"), of_kind("VOLUME"), of_kind("WORKDIR")[1:]
    assert user != "root" and volume == directory
    made = next(arguments for arguments in of_kind("RUN") if "useradd" in arguments)
    assert re.search(rf"useradd --system .*--home-dir {volume} --create-home {user}$", made)
    order = [kind for kind, _ in stages()[-1]]
    assert order.index("RUN") < order.index("USER")
    exposed = {int(port) for port in of_kind("EXPOSE")[0].split()}
    assert exposed == listener_ports(yaml.safe_load(run("config", "print").stdout))


class Container(harness.Collector):
    """A collector run with a container's arguments, but with its data in the test's directory and its ports 0."""

    def run(self, arguments: list[str]) -> "Container":
        settings = [f"--set={key}=127.0.0.1:0" for key in LISTENERS.values()]
        self.process = subprocess.Popen(
            [BINARY, *arguments, *settings], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, cwd=self.directory, env=harness.environment(), text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        self.wait_ready()
        return self


@pytest.fixture
def container(tmp_path):
    made = Container(tmp_path / "container")
    yield made
    made.close()


def test_the_image_starts_answers_its_health_check_and_stops(container):
    (entrypoint,), (command,) = map(json.loads, of_kind("ENTRYPOINT")), map(json.loads, of_kind("CMD"))
    (volume,), (signal_name,) = of_kind("VOLUME"), of_kind("STOPSIGNAL")
    assert entrypoint == ["skein"] and signal_name == "SIGTERM"
    container.run([str(container.data) if argument == volume else argument for argument in command])
    check = of_kind("HEALTHCHECK")[0].split(" CMD ", 1)[1]
    assert "http://127.0.0.1:13133/" in check
    check = check.replace("127.0.0.1:13133", container.address("health")).removesuffix(" || exit 1")
    healthy = subprocess.run(shlex.split(check), capture_output=True, text=True, env=harness.environment())
    assert healthy.returncode == 0, healthy.stderr
    container.stop()
    assert {entry.name for entry in container.data.iterdir()} == {"journal", "store", "derived"}
    assert [entry.name for entry in container.directory.iterdir()] == ["data"], "nothing is written elsewhere"


# MARK: compose


def test_compose_refers_to_what_there_is(compose):
    services = compose["services"]
    mounted = set()
    for name, service in services.items():
        assert service["image"].rsplit(":", 1)[1] not in ("", "latest"), name
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name} mounts {source}"
            else:
                mounted.add(source)
        for other in service.get("depends_on", []):
            assert other in services, f"{name} depends on {other}"
    assert mounted == set(compose["volumes"])
    build = services["skein"]["build"]
    assert (DEPLOY / build["context"]).resolve() == REPOSITORY
    assert (REPOSITORY / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_compose_publishes_each_port_once_and_on_loopback(compose, effective):
    published = []
    for name, service in compose["services"].items():
        for mapping in service.get("ports", []):
            host, outside, inside = mapping.split(":")
            assert host == "127.0.0.1", f"{name} publishes {mapping}"
            published.append(outside)
            assert int(inside) in ports_of(name, compose, effective), f"{name} does not listen on {inside}"
    assert len(set(published)) == len(published)
    ours = {int(mapping.split(":")[2]) for mapping in compose["services"]["skein"]["ports"]}
    assert ours == listener_ports(effective)


def ports_of(service: str, compose: dict, effective: dict) -> set[int]:
    if service == "skein":
        return listener_ports(effective)
    command = compose["services"][service].get("command", [])
    if "--port" in command:
        return {int(command[command.index("--port") + 1])}
    return FOREIGN_PORTS[service]


def test_only_containers_that_run_a_collector_are_asked_for_its_health(compose):
    for name, service in compose["services"].items():
        if not service["image"].startswith("skein:"):
            continue
        runs_collector = "entrypoint" not in service
        assert service.get("healthcheck", {}).get("disable", False) != runs_collector, name
    for service in compose["services"].values():
        dependencies = service.get("depends_on", {})
        for other in dependencies:
            if isinstance(dependencies, dict) and dependencies[other]["condition"] == "service_healthy":
                assert not compose["services"][other].get("healthcheck", {}).get("disable", False), other
    grace = int(compose["services"]["skein"]["stop_grace_period"].removesuffix("s"))
    assert grace > 20, "longer than service.shutdown_timeout"


def urls(value) -> list[str]:
    """All URLs in a nested value; `${env:NAME:-url}` counts as its default."""
    if isinstance(value, dict):
        return [url for part in value.values() for url in urls(part)]
    if isinstance(value, list):
        return [url for part in value for url in urls(part)]
    return re.findall(r"https?://[^\s}\"]+", value) if isinstance(value, str) else []


def test_every_address_within_the_network_is_listened_on(compose, effective):
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    asked = prometheus["scrape_configs"] + prometheus["alerting"]["alertmanagers"]
    targets = [target for job in asked for part in job["static_configs"] for target in part["targets"]]
    assert set(targets) == {"skein:8888", "skein:8889", "alertmanager:9093"}
    places = urls(compose["services"]) + urls(yaml.safe_load((DEPLOY / "skein.yaml").read_text()))
    places += urls(datasources()) + [f"http://{target}" for target in targets]
    assert len(places) > 6
    published = {
        f"http://{host}:{outside}" for service in compose["services"].values()
        for host, outside, _ in (mapping.split(":") for mapping in service.get("ports", []))}  # fmt: skip
    for place in places:
        # What people open is outside of the network.
        if place in published:
            continue
        address = urlsplit(place)
        assert address.hostname in compose["services"], place
        assert address.port in ports_of(address.hostname, compose, effective), place


def test_the_collector_of_compose_starts_with_its_configuration(compose, effective, container):
    check = run("config", "check", DEPLOY / "skein.yaml")
    assert check.returncode == 0 and "warning" not in check.stderr, check.stderr
    service = compose["services"]["skein"]
    bound = {at(effective, key).rsplit(":", 1)[0] for key in LISTENERS.values()}
    assert bound == {"0.0.0.0"}, "others on the network reach every listener"
    assert effective["storage"]["directory"] == of_kind("VOLUME")[0]
    assert f"skein-data:{effective['storage']['directory']}" in service["volumes"]
    inside = {volume.split(":")[1]: DEPLOY / volume.split(":")[0] for volume in service["volumes"]}
    container.run([str(inside.get(argument, argument)) for argument in service["command"]] + [
        f"--set=storage.directory={container.data}"])
    # Grafana asks by the service's name, people by loopback; nobody else.
    for host, status in {"skein:16686": 200, "127.0.0.1:16687": 200, "evil.example": 403}.items():
        assert container.query("/api/services", headers={"Host": host}).status_code == status, host
    assert container.metrics().series("otelcol_exporter_queue_size") == {
        frozenset({("exporter", "otlp_http/jaeger")}): 0
    }
    container.stop()


def test_the_example_takes_the_arguments_of_compose(compose):
    if not EXAMPLE.is_file():
        pytest.skip(f"{EXAMPLE} is not built")
    for service in compose["services"].values():
        if service.get("entrypoint", [""])[0] != "research-desk":
            continue
        (_, command), arguments = service["entrypoint"], service["command"]
        usage = subprocess.run([EXAMPLE, command, "--help"], capture_output=True, text=True)
        assert usage.returncode == 0, usage.stderr
        for flag in (argument for argument in arguments if argument.startswith("--")):
            assert f"{flag} " in usage.stdout, f"research-desk {command} has no {flag}"


# MARK: Grafana


def datasources() -> list[dict]:
    document = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/skein.yaml").read_text())
    assert document["apiVersion"] == 1
    return document["datasources"]


def test_grafana_leads_from_a_metric_to_its_trace(effective):
    sources = datasources()
    by_uid = {source["uid"]: source for source in sources}
    assert len(by_uid) == len(sources)
    assert all(source["access"] == "proxy" for source in sources)
    (default,) = [source for source in sources if source.get("isDefault")]
    assert default["type"] == "prometheus"
    for destination in default["jsonData"]["exemplarTraceIdDestinations"]:
        assert by_uid[destination["datasourceUid"]]["type"] == "jaeger"
        assert destination["name"] == "trace_id"
    assert effective["connectors"]["spanmetrics"]["exemplars"]["enabled"] is True
