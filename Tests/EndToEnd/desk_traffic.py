"""Traffic of a desk of agents that has what `skein load` has not, and the truth about any traffic, from its spans."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import red
import telemetry
from telemetry import MILLISECOND, SECOND, span

# Dollars a token: uncached input, output, input from a cache.
PRICES = {
    "gpt-5-mini": (2.5e-7, 2e-6, 2.5e-8),
    "claude-sonnet-4-5": (3e-6, 1.5e-5, 3e-7),
    "gemini-2.5-flash": (3e-7, 2.5e-6, 3e-8),
    "house-1": (2e-6, 8e-6, 5e-7),
}
WITHOUT_PRICE = "unheard-of"
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
# What spans report, and the conventions' types of it.
REPORTED = {"gen_ai.usage.input_tokens": "input", "gen_ai.usage.output_tokens": "output"}
TOKENS = [4**power for power in range(14)]


def price_list() -> dict:
    """In LiteLLM's format."""
    names = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
    return {model: dict(zip(names, prices)) | {"mode": "chat"} for model, prices in PRICES.items()}


# MARK: traffic


def desk_requests(seed: int, traces: int, users: Iterable[str]) -> list[ExportTraceServiceRequest]:
    """Questions to a front that asks a desk, with users, applications, caches, reasoning, failures, no price."""
    choice = random.Random(seed)
    requests = []
    for _ in range(traces):
        front, desk = _trace(choice, list(users))
        requests += [telemetry.export_request(desk, "desk"), telemetry.export_request(front, "front")]
    return requests


def _trace(choice: random.Random, users: list[str]) -> tuple[list[Span], list[Span]]:
    ids = telemetry.Identifiers(choice.getrandbits(48))
    trace_id, start = ids.trace_id(), telemetry.now()
    whose = {
        "user.id": choice.choice(users),
        "skein.attribution.application": choice.choice(["support", "lab"]),
    }
    failed = {"status": {"code": 2}}

    def make(name, parent, after, milliseconds, kind, **fields):
        return span(
            ids, trace_id, name, start=start + after * MILLISECOND, milliseconds=milliseconds, kind=kind,
            parent_span_id=parent.span_id if parent else b"", **fields)  # fmt: skip

    root = make("POST /ask", None, 0, 4000, 2)
    call = make("POST /desk", root, 5, 3900, 3)
    serve = make("POST /desk", call, 10, 3800, 2, **(failed if choice.random() < 0.2 else {}))
    agent = make("invoke_agent critic", serve, 15, 3700, 1, attributes=whose | {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "critic"})  # fmt: skip
    made = [serve, agent]
    for index in range(3):
        # What follows a failed call would be its repetition, so only the last one may fail.
        made.append(_call(choice, make, agent, 20 + index * 900, may_fail=index == 2))
        tool = choice.choice(["search", "summarize"])
        made.append(make(f"execute_tool {tool}", agent, 800 + index * 900, choice.randrange(20, 90), 1, attributes={
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool,
        }, **(failed if choice.random() < 0.3 else {})))  # fmt: skip
    # The agent knows of more than its calls say.
    for key in REPORTED:
        used = sum(_number(own.attributes, key) for own in made if own is not agent)
        agent.attributes.add(key=key).value.int_value = used + choice.randrange(100, 2000)
    return [root, call], made


def _call(choice: random.Random, make, agent: Span, after: int, may_fail: bool) -> Span:
    model = choice.choice(["house-1", "house-1", WITHOUT_PRICE])
    read, written = choice.randrange(500, 4000), choice.randrange(50, 900)
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model,
        "gen_ai.response.model": model, "gen_ai.response.finish_reasons": [choice.choice(["stop", "length"])],
        "gen_ai.response.time_to_first_chunk": choice.choice([0.03, 0.07, 0.2]),
        "gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": written,
        "gen_ai.usage.cache_read.input_tokens": choice.randrange(read),
        "gen_ai.usage.reasoning.output_tokens": choice.randrange(written),
    }  # fmt: skip
    # A stream that breaks off has used what came until then.
    failed = {}
    if may_fail and choice.random() < 0.5:
        attributes["error.type"], failed = "timeout", {"status": {"code": 2}}
    return make(f"chat {model}", agent, after, choice.randrange(250, 700), 3, attributes=attributes, **failed)


def as_another_trace(body: bytes) -> bytes:
    """The same spans under other ids."""
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for own in scope.spans:
                own.trace_id = bytes([own.trace_id[0] ^ 1]) + own.trace_id[1:]
    return request.SerializeToString()


# MARK: truth


@dataclass
class Call:
    """A call of a model; here each is one span."""

    labels: dict[str, str]
    attribution: dict[str, str]
    error_type: str
    seconds: float
    tokens: dict[str, int]
    usd: float
    is_unpriced: bool
    # Trace, parent, model, start: those of one parent and model stand together, in their order.
    place: tuple[bytes, bytes, str, int]
    is_retry: bool = False
    finish_reasons: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "error" if self.error_type else "success"

    @property
    def input(self) -> int:
        return self.tokens.get("input", 0) + self.tokens.get("cache_read", 0)

    @property
    def output(self) -> int:
        return self.tokens.get("output", 0) + self.tokens.get("reasoning", 0)


@dataclass
class Request:
    """One service asks another; where no span of one side came, it is guessed and lasted as long as the other."""

    client: str
    server: str
    is_failed: bool
    client_seconds: float
    server_seconds: float

    @property
    def labels(self) -> dict[str, str]:
        return {"client": self.client, "server": self.server}


@dataclass
class Work:
    """A span as an operation of a service."""

    labels: dict[str, str]
    milliseconds: float

    @property
    def is_error(self) -> bool:
        return self.labels["status_code"] == "STATUS_CODE_ERROR"

    @property
    def is_entry(self) -> bool:
        return self.labels["span_kind"] in ("SPAN_KIND_SERVER", "SPAN_KIND_CONSUMER")


class Truth:
    """What these requests come to."""

    def __init__(self, requests: Iterable[ExportTraceServiceRequest]):
        self.work: list[Work] = []
        self.calls: list[Call] = []
        self.tools: list[dict[str, str]] = []
        # Tokens that an agent reports beyond those of its calls, and labels.
        self.rests: list[tuple[dict[str, str], int]] = []
        self.requests: list[Request] = []
        spans = [
            (_value(resource.resource.attributes, "service.name"), own)
            for request in requests for resource in request.resource_spans
            for scope in resource.scope_spans for own in scope.spans]  # fmt: skip
        self._by_id = {(own.trace_id, own.span_id): (service, own) for service, own in spans}
        for service, own in spans:
            self._add(service, own)
        self._find_rests(spans)
        self._find_retries()
        self._find_requests(spans)

    def _add(self, service: str, own: Span) -> None:
        status = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"][own.status.code]
        milliseconds = (own.end_time_unix_nano - own.start_time_unix_nano) / 1e6
        labels = {"service_name": service, "span_name": own.name, "span_kind": Span.SpanKind.Name(own.kind)}
        self.work.append(Work(labels | {"status_code": status}, milliseconds))
        operation = _value(own.attributes, "gen_ai.operation.name")
        if operation == "chat":
            self._add_call(service, own, milliseconds / 1000)
        elif operation == "execute_tool":
            self.tools.append({
                "service_name": service, "gen_ai_agent_name": self._near(own, "gen_ai.agent.name"),
                "gen_ai_tool_name": _value(own.attributes, "gen_ai.tool.name"),
                "status_code": status if own.status.code == 2 else "STATUS_CODE_UNSET"})  # fmt: skip
    def _parent(self, own: Span) -> tuple[str, Span] | None:
        return self._by_id.get((own.trace_id, own.parent_span_id))

    def _near(self, own: Span, key: str) -> str:
        """Of the span itself, else of the nearest above that is about models or agents and has it."""
        if found := _value(own.attributes, key):
            return found
        above = self._parent(own)
        while above:
            if _value(above[1].attributes, "gen_ai.operation.name") and (found := _value(above[1].attributes, key)):
                return found
            above = self._parent(above[1])
        return ""

    def _add_call(self, service: str, own: Span, seconds: float) -> None:
        values = {pair.key: pair.value for pair in own.attributes}
        request = values["gen_ai.request.model"].string_value
        tokens = self._tokens(values)
        prices = PRICES.get(request)
        usd = 0.0
        if prices:
            usd = tokens.get("input", 0) * prices[0] + tokens.get("cache_read", 0) * prices[2]
            usd += (tokens.get("output", 0) + tokens.get("reasoning", 0)) * prices[1]
        labels = {
            "service_name": service, "gen_ai_agent_name": self._near(own, "gen_ai.agent.name"),
            "gen_ai_operation_name": "chat", "gen_ai_provider_name": _value(own.attributes, "gen_ai.provider.name"),
            "gen_ai_request_model": request, "gen_ai_response_model": _value(own.attributes, "gen_ai.response.model"),
        }  # fmt: skip
        attribution = {
            "user": self._near(own, "user.id"), "application": self._near(own, "skein.attribution.application")}
        error_type = (_value(own.attributes, "error.type") or "_OTHER") if own.status.code == 2 else ""
        reasons = values.get("gen_ai.response.finish_reasons")
        self.calls.append(Call(
            labels, attribution, error_type, seconds, tokens, usd, bool(tokens) and prices is None,
            place=(own.trace_id, own.parent_span_id, request, own.start_time_unix_nano),
            finish_reasons=[value.string_value for value in reasons.array_value.values] if reasons else []))

    @staticmethod
    def _tokens(values: dict) -> dict[str, int]:
        def number(key: str) -> int:
            return values[key].int_value if key in values else 0

        read, written = number("gen_ai.usage.input_tokens"), number("gen_ai.usage.output_tokens")
        cached = number("gen_ai.usage.cache_read.input_tokens")
        reasoned = number("gen_ai.usage.reasoning.output_tokens")
        types = {"input": read - cached, "cache_read": cached, "output": written - reasoned, "reasoning": reasoned}
        return {name: count for name, count in types.items() if count}

    def _find_retries(self) -> None:
        """A call is one that follows a failed one of the same parent and model."""
        ordered = sorted(self.calls, key=lambda call: call.place)
        for before, call in zip(ordered, ordered[1:]):
            call.is_retry = before.place[:3] == call.place[:3] and before.error_type != ""

    def _find_requests(self, spans: list[tuple[str, Span]]) -> None:
        """Pairs of client and server, clients that nobody answered, and servers without a parent."""
        answered = set()
        for service, own in spans:
            if own.kind != Span.SPAN_KIND_SERVER:
                continue
            parent, seconds = self._parent(own), _seconds(own)
            if parent and parent[1].kind == Span.SPAN_KIND_CLIENT:
                answered.add((own.trace_id, own.parent_span_id))
                is_failed = 2 in (own.status.code, parent[1].status.code)
                self.requests.append(Request(parent[0], service, is_failed, _seconds(parent[1]), seconds))
            elif not own.parent_span_id:
                self.requests.append(Request("user", service, own.status.code == 2, seconds, seconds))
        for service, own in spans:
            if own.kind == Span.SPAN_KIND_CLIENT and (own.trace_id, own.span_id) not in answered:
                server = _value(own.attributes, "server.address") or "unknown"
                seconds = _seconds(own)
                self.requests.append(Request(service, server, own.status.code == 2, seconds, seconds))

    def _find_rests(self, spans: list[tuple[str, Span]]) -> None:
        """Of agents whose calls are right below them."""
        called: dict[tuple[bytes, bytes, str], int] = {}
        for _, own in spans:
            if _value(own.attributes, "gen_ai.operation.name") == "chat":
                for key in REPORTED:
                    place = (own.trace_id, own.parent_span_id, key)
                    called[place] = called.get(place, 0) + _number(own.attributes, key)
        for service, own in spans:
            if _value(own.attributes, "gen_ai.operation.name") != "invoke_agent":
                continue
            for key, kind in REPORTED.items():
                rest = _number(own.attributes, key) - called.get((own.trace_id, own.span_id, key), 0)
                labels = {
                    "service_name": service, "gen_ai_agent_name": self._near(own, "gen_ai.agent.name"),
                    "gen_ai_token_type": kind}  # fmt: skip
                if rest > 0:
                    self.rests.append((labels, rest))

    # MARK: sums

    def operations(self, by: Iterable[str], weigh: Callable[[Work], float] = lambda _: 1) -> dict[frozenset, float]:
        return summed(((work.labels, weigh(work)) for work in self.work), by)

    def called(self, by: Iterable[str], weigh: Callable[[Call], float] = lambda _: 1) -> dict[frozenset, float]:
        """Also by error_type and status."""
        return summed((
            (call.labels | call.attribution | {"error_type": call.error_type, "status": call.status}, weigh(call))
            for call in self.calls), by)  # fmt: skip

    def used(self, by: Iterable[str]) -> dict[frozenset, float]:
        """Tokens, also by gen_ai_token_type and status."""
        return summed((
            (call.labels | call.attribution | {"gen_ai_token_type": kind, "status": call.status}, count)
            for call in self.calls for kind, count in call.tokens.items()), by)  # fmt: skip

    def rest(self, by: Iterable[str]) -> dict[frozenset, float]:
        """Tokens without a call."""
        return summed(self.rests, by)

    def requested(self, by: Iterable[str], weigh: Callable[[Request], float] = lambda _: 1) -> dict[frozenset, float]:
        return summed(((request.labels, weigh(request)) for request in self.requests), by)

    def ran(self, by: Iterable[str], weigh: Callable[[dict], float] = lambda _: 1) -> dict[frozenset, float]:
        return summed(((tool, weigh(tool)) for tool in self.tools), by)

    def entries(self, weigh: Callable[[Work], float] = lambda _: 1) -> dict[frozenset, float]:
        """By service: its entry spans, else all."""
        having = {work.labels["service_name"] for work in self.work if work.is_entry}
        counted = (work for work in self.work if work.is_entry or work.labels["service_name"] not in having)
        return summed(((work.labels, weigh(work)) for work in counted), ["service_name"])

    def buckets(self, by: Iterable[str]) -> dict[frozenset, float]:
        """Cumulative, by le."""
        counts = self.operations([*by, "le"], lambda _: 0)
        groups: dict[frozenset, list[float]] = {}
        for work in self.work:
            groups.setdefault(chosen(work.labels, by), []).append(work.milliseconds)
        for key, own in groups.items():
            for bound in red.BOUNDS_MILLISECONDS:
                counts[key | {("le", str(bound))}] = sum(milliseconds <= bound for milliseconds in own)
            counts[key | {("le", "+Inf")}] = len(own)
        return {key: value for key, value in counts.items() if value}

    def entry_quantiles(self, q: float) -> dict[frozenset, float]:
        having = {work.labels["service_name"] for work in self.work if work.is_entry}
        counted = (work for work in self.work if work.is_entry or work.labels["service_name"] not in having)
        samples = ((work.labels, work.milliseconds) for work in counted)
        return quantiles(samples, ["service_name"], q, red.BOUNDS_MILLISECONDS)

    def request_quantiles(self, q: float, seconds: Callable[[Request], float]) -> dict[frozenset, float]:
        bounds = [bound / 1000 for bound in red.BOUNDS_MILLISECONDS]
        samples = ((request.labels, seconds(request)) for request in self.requests)
        return quantiles(samples, ["client", "server"], q, bounds)

    def duration_quantiles(self, by: Iterable[str], q: float, where=lambda _: True) -> dict[frozenset, float]:
        samples = ((work.labels, work.milliseconds) for work in self.work if where(work))
        return quantiles(samples, by, q, red.BOUNDS_MILLISECONDS)

    def call_quantiles(self, by: Iterable[str], q: float) -> dict[frozenset, float]:
        return quantiles(((call.labels, call.seconds) for call in self.calls), by, q, SECONDS)


def _seconds(own: Span) -> float:
    return (own.end_time_unix_nano - own.start_time_unix_nano) / 1e9


def _value(attributes, key: str) -> str:
    return next((pair.value.string_value for pair in attributes if pair.key == key), "")


def _number(attributes, key: str) -> int:
    return next((pair.value.int_value for pair in attributes if pair.key == key), 0)


def chosen(labels: dict[str, str], by: Iterable[str]) -> frozenset:
    """Labels without a value are no labels."""
    return frozenset((name, labels[name]) for name in by if labels.get(name))


def summed(pairs: Iterable[tuple[dict[str, str], float]], by: Iterable[str]) -> dict[frozenset, float]:
    result: dict[frozenset, float] = {}
    by = list(by)
    for labels, value in pairs:
        key = chosen(labels, by)
        result[key] = result.get(key, 0) + value
    return result


def quantiles(
    samples: Iterable[tuple[dict[str, str], float]], by: Iterable[str], q: float, bounds: list[float]
) -> dict[frozenset, float]:
    """As histogram_quantile() gives them: linear within a bucket, at most the largest bound."""
    groups: dict[frozenset, list[int]] = {}
    by = list(by)
    for labels, value in samples:
        counts = groups.setdefault(chosen(labels, by), [0] * (len(bounds) + 1))
        counts[sum(bound < value for bound in bounds)] += 1
    return {key: _quantile(counts, q, bounds) for key, counts in groups.items()}


def _quantile(counts: list[int], q: float, bounds: list[float]) -> float:
    rank, below = q * sum(counts), 0
    for index, count in enumerate(counts):
        if below + count >= rank and count:
            break
        below += count
    if index == len(bounds):
        return bounds[-1]
    low = bounds[index - 1] if index else 0
    return low + (bounds[index] - low) * (rank - below) / count
