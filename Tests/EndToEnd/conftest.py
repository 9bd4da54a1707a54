"""Fixtures: collectors and forward targets that end with their test, and what they said when it fails."""

import os

import pytest

import harness
from sink import Sink

# Wherever these are set, pytest sets unequal values against each other line by line. For a thousand series that takes
# minutes, at every attempt of a wait that finds them not yet equal.
for variable in ["CI", "BUILD_NUMBER"]:
    os.environ.pop(variable, None)

# Enough of a collector's messages to see what went wrong, little enough to read.
MESSAGES_SHOWN = 60


@pytest.fixture(scope="session", autouse=True)
def binary():
    """Nothing here can be said of a collector that was not built."""
    if not harness.BINARY.is_file():
        pytest.exit(f"{harness.BINARY} does not exist: run `make build` or set SKEIN_BINARY", returncode=2)


def _collectors(directory):
    """Makes collectors and afterwards stops those that still run: each must then drain and exit 0."""
    def make(configuration=None, arguments=None, name="collector"):
        collector = harness.Collector(directory / f"{name}-{len(make.made)}", configuration, arguments)
        make.made.append(collector)
        return collector

    make.made = []
    return make


def _finish(made):
    problems = []
    for collector in made:
        if collector.process is None:
            continue
        try:
            collector.stop()
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        finally:
            collector.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def new_collector(tmp_path, request):
    if "sink" in request.fixturenames:
        # Made first, so that it is there until the collectors have drained into it.
        request.getfixturevalue("sink")
    make = _collectors(tmp_path)
    request.node.collectors = make.made
    yield make
    _finish(make.made)


@pytest.fixture(scope="module")
def shared_collector(tmp_path_factory):
    """One collector for all tests of a file; they must not depend on what the others send."""
    make = _collectors(tmp_path_factory.mktemp("shared"))
    yield make().start()
    _finish(make.made)


# Collectors of the file whose tests run, so that their messages stand in the report of a failed one.
_of_file: list[harness.Collector] = []


@pytest.fixture(scope="module")
def new_file_collector(tmp_path_factory):
    """Makes collectors for all tests of a file."""
    make = _collectors(tmp_path_factory.mktemp("file"))
    make.made = _of_file
    yield make
    made = list(_of_file)
    _of_file.clear()
    _finish(made)


@pytest.fixture
def collector(new_collector):
    return new_collector().start()


@pytest.fixture
def sink():
    target = Sink()
    yield target
    target.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    collectors = list(getattr(item, "collectors", [])) + _of_file
    collectors += [value for value in item.funcargs.values() if isinstance(value, harness.Collector)]
    for collector in {id(c): c for c in collectors}.values():
        text = "\n".join(collector.messages[-MESSAGES_SHOWN:])
        report.sections.append((f"stderr of {collector.directory.name}, exit code {collector.exit_code}", text))
