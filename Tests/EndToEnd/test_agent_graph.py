"""The graph of agents: equal to what happened, and to what `skein usage` says of tokens and cost."""

import collections
import math
import random

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import telemetry
from harness import Collector
from telemetry import MILLISECOND, SECOND
from test_usage import PRICES, prices_file
from waiting import eventually

AGENTS = ["planner", "writer", 'critic "ü"']
TOOLS = ["search", "calculator"]


class Desk:
    """Traces of agents as SkeinAgents and a framework around it send them, and what they come to."""

    def __init__(self, seed: int):
        self.choice = random.Random(seed)
        self.ids = telemetry.Identifiers(seed)
        self.clock = telemetry.now() - 600 * SECOND
        self.spans: list[tuple[str, Span]] = []
        self.durations: dict[tuple[str, str, str], list[int]] = collections.defaultdict(list)
        self.errors: collections.Counter = collections.Counter()
        self.usage: dict[tuple[str, str], list] = collections.defaultdict(lambda: [0, 0, 0, 0.0])
        self.invocations: collections.Counter = collections.Counter()
        self.orphans = 0
        self.traces = 0

    # MARK: spans

    def _begin(self, service: str, name: str, parent: bytes, kind=Span.SPAN_KIND_INTERNAL, **pairs) -> Span:
        self.clock += self.choice.randrange(1, 5) * MILLISECOND
        named = {f"gen_ai.{key.replace('__', '.')}": value for key, value in pairs.items()}
        made = telemetry.span(
            self.ids, self.trace_id, name, start=self.clock, kind=kind, parent_span_id=parent, attributes=named)
        self.spans.append((service, made))
        return made

    def _end(self, span: Span, failed: bool = False) -> int:
        self.clock += self.choice.randrange(1, 400) * MILLISECOND
        span.end_time_unix_nano = self.clock
        span.status.code = 2 if failed else 0
        return self.clock - span.start_time_unix_nano

    def _note(self, source: str, kind: str, target: str, nanoseconds: int, failed: bool) -> None:
        self.durations[source, kind, target].append(nanoseconds)
        self.errors[source, kind, target] += failed

    # MARK: traces

    def trace(self) -> None:
        self.trace_id = self.ids.trace_id()
        self.traces += 1
        if self.choice.random() < 0.2:
            # Its parent never arrives.
            self.orphans += 1
            self._agent("desk", self.ids.span_id(), "service:desk", 0)
            return
        root = self._begin("gateway", "POST /ask", b"", Span.SPAN_KIND_SERVER)
        self._agent("desk", root.span_id, "service:gateway", 0)
        if self.choice.random() < 0.3:
            self._call("gateway", root.span_id, "service:gateway")
        self._end(root)

    def _agent(self, service: str, parent: bytes, source: str, depth: int, givers: list[str] = []) -> None:
        name = self.choice.choice([agent for agent in AGENTS if f"agent:{agent}" != source])
        failed = self.choice.random() < 0.2
        spans = [self._begin(
            service, f"invoke_agent {name}", parent, Span.SPAN_KIND_CLIENT, operation__name="invoke_agent",
            agent__name=name)]
        runs_in = service
        if self.choice.random() < 0.4:
            # It runs elsewhere, where it makes a span of its own.
            runs_in = service + "-remote"
            spans.append(self._begin(runs_in, "POST /run", spans[-1].span_id, Span.SPAN_KIND_SERVER))
            spans.append(self._begin(
                runs_in, f"invoke_agent {name}", spans[-1].span_id, operation__name="invoke_agent", agent__name=name))
        for giver in givers:
            link = spans[0].links.add(trace_id=self.ids.trace_id(), span_id=self.ids.span_id())
            link.attributes.extend(telemetry.attributes({"gen_ai.agent.name": giver}))
        here = f"agent:{name}"
        for _ in range(self.choice.randrange(4)):
            work = self.choice.randrange(5)
            if work < 2:
                self._call(runs_in, spans[-1].span_id, here)
            elif work == 2:
                self._tool(runs_in, spans[-1].span_id, here)
            elif depth < 3:
                given = self.choice.sample(AGENTS, self.choice.randrange(1, 3)) if work == 4 else []
                self._agent(runs_in, spans[-1].span_id, here, depth + 1, given)
        for span in reversed(spans):
            nanoseconds = self._end(span, failed)
        self.invocations[name] += 1
        if givers:
            for giver in givers:
                self._note(f"agent:{giver}", "handoff", here, nanoseconds, failed)
        else:
            self._note(source, "call", here, nanoseconds, failed)

    def _tool(self, service: str, parent: bytes, source: str) -> None:
        tool = self.choice.choice(TOOLS)
        failed = self.choice.random() < 0.2
        run = self._begin(
            service, f"execute_tool {tool}", parent, operation__name="execute_tool", tool__name=tool)
        self._end(self._begin(service, "GET", run.span_id, Span.SPAN_KIND_CLIENT))
        self._note(source, "tool", f"tool:{tool}", self._end(run, failed), failed)

    def _call(self, service: str, parent: bytes, source: str) -> None:
        """In two spans now and then, of which the outer repeats the inner."""
        model = self.choice.choice([*PRICES, "unheard-of"])
        prompt, completion = self.choice.randrange(1, 5000), self.choice.randrange(1, 900)
        outer = None
        if self.choice.random() < 0.5:
            outer = self._begin(service, "ChatModel", parent)
            outer.attributes.extend(telemetry.attributes({
                "openinference.span.kind": "LLM", "llm.model_name": model, "llm.token_count.prompt": prompt,
                "llm.token_count.completion": completion}))
        inner = self._begin(
            service, f"chat {model}", outer.span_id if outer else parent, Span.SPAN_KIND_CLIENT,
            operation__name="chat", request__model=model, usage__input_tokens=prompt,
            usage__output_tokens=completion)
        nanoseconds = self._end(inner)
        if outer:
            nanoseconds = self._end(outer)
        self._note(source, "model", f"model:{model}", nanoseconds, False)
        row = self.usage[source, f"model:{model}"]
        row[0] += 1
        row[1] += prompt
        row[2] += completion
        if model in PRICES:
            row[3] += prompt * PRICES[model][0] + completion * PRICES[model][1]

    def send(self, collector) -> None:
        self.choice.shuffle(self.spans)
        for service in {service for service, _ in self.spans}:
            mine = [span for own, span in self.spans if own == service]
            for start in range(0, len(mine), 50):
                clients.send(collector, telemetry.export_request(mine[start:start + 50], service))
        self.spans = []


def graph(collector, **parameters) -> dict:
    answer = collector.query("/api/skein/v1/agents/graph", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(usage: dict) -> list:
    return [usage[name] for name in ("calls", "inputTokens", "outputTokens", "costUSD")]


def exact(values: list[int], share: float) -> int:
    return sorted(values)[math.ceil(share * len(values)) - 1]


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    directory = tmp_path_factory.mktemp("agents")
    prices = {"file": prices_file(directory), "builtin": False}
    # Blocks are sealed on the way, so that traces lie in several and in the live tail.
    collector = Collector(directory / "collector", {
        "connectors": {"gen_ai": {"prices": prices}}, "storage": {"block": {"max_spans": 1500}}})
    collector.start()
    desk = Desk(81)
    for _ in range(6):
        for _ in range(40):
            desk.trace()
        desk.send(collector)
    yield collector, desk
    try:
        collector.stop()
    finally:
        collector.close()


def found_all(collector, desk) -> dict:
    def whole() -> dict:
        answer = graph(collector)
        assert sum(edge["count"] for edge in answer["edges"]) == sum(map(len, desk.durations.values()))
        return answer

    return eventually(whole, seconds=30)


def test_edges_are_what_happened(asked):
    collector, desk = asked
    answer = found_all(collector, desk)
    edges = {(edge["from"], edge["kind"], edge["to"]): edge for edge in answer["edges"]}
    assert set(edges) == set(desk.durations)
    assert {kind for _, kind, _ in edges} == {"call", "handoff", "tool", "model"}
    for key, values in desk.durations.items():
        edge = edges[key]
        assert (edge["count"], edge["errors"]) == (len(values), desk.errors[key]), key
        assert edge["errorRate"] == pytest.approx(desk.errors[key] / len(values))
        assert edge["p50Ns"] == pytest.approx(exact(values, 0.5), rel=0.01)
        assert edge["p95Ns"] == pytest.approx(exact(values, 0.95), rel=0.01)
    for (source, model), row in desk.usage.items():
        assert numbers(edges[source, "model", model]["usage"]) == pytest.approx(row), (source, model)
    nodes = {node["id"]: node for node in answer["nodes"]}
    assert set(nodes) == {end for source, _, target in edges for end in (source, target)}
    for agent, count in desk.invocations.items():
        assert nodes[f"agent:{agent}"]["count"] == count and nodes[f"agent:{agent}"]["name"] == agent
    assert (answer["orphans"], answer["traces"], answer["partial"]) == (desk.orphans, desk.traces, False)


def test_tokens_and_cost_are_those_of_usage(asked):
    collector, desk = asked
    answer = found_all(collector, desk)
    for by, kind in (("agent", "agent"), ("model", "model")):
        usage = collector.query("/api/skein/v1/usage", params={"by": by}).json()
        rows = {row["key"][by]: numbers(row) for row in usage["rows"]}
        found = {
            node["name"]: numbers(node["usage"])
            for node in answer["nodes"] if node["kind"] == kind and node["usage"]["calls"]}
        assert found.keys() == rows.keys()
        for name, row in rows.items():
            assert found[name] == pytest.approx(row), name
        assert numbers(answer["total"]) == pytest.approx(numbers(usage["total"]))
        assert answer["total"]["costSource"] == usage["total"]["costSource"] == "unknown"


def test_the_answer_is_the_same_each_time_and_bounded_by_range_and_condition(asked):
    collector, desk = asked
    whole = found_all(collector, desk)
    end = telemetry.now()
    texts = {
        collector.query("/api/skein/v1/agents/graph", params={"start": 0, "end": end}).text for _ in range(3)}
    assert len(texts) == 1
    assert graph(collector, start=0, end=end - 3600 * SECOND)["nodes"] == []
    only = graph(collector, q='{ resource.service.name = "gateway" && span.gen_ai.operation.name = "chat" }')
    assert 0 < only["traces"] < whole["traces"]
    assert any(edge["from"] == "service:gateway" and edge["kind"] == "model" for edge in only["edges"])


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"q": "{ oops"}, "q:"),
        ({"q": "{ } && { }"}, "more than one span"),
        ({"start": "yesterday"}, "is no time"),
        ({"start": "20", "end": "10"}, "after end"),
    ],
)
def test_what_makes_no_sense_is_refused(shared_collector, parameters, message):
    answer = shared_collector.query("/api/skein/v1/agents/graph", params=parameters)
    assert answer.status_code == 400 and message in answer.json()["error"]["message"], answer.text
