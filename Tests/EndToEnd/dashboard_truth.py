"""What each panel and each recording rule must answer, from the spans that were sent.

A panel is named by its dashboard, its title and the query's letter. Values are by labels; rates are over the seconds
that are given.
"""

from collections.abc import Callable

import pytest

import red
from desk_traffic import SECONDS, Truth

def close(found: dict[frozenset, float], expected: dict[frozenset, float]) -> None:
    """Within 1 %, the same labels on both sides; where nothing happened, a zero is as good as no value."""
    found, expected = plain(found), plain(expected)
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=0.01, abs=1e-9), dict(key)


def plain(values: dict[frozenset, float]) -> dict[frozenset, float]:
    """Without zeros; a bound of a bucket is the same in both formats of a scrape, "2" and "2.0"."""
    return positive({
        frozenset((name, f"{float(value):g}" if name == "le" else value) for name, value in key): number
        for key, number in values.items()})  # fmt: skip


def positive(values: dict[frozenset, float]) -> dict[frozenset, float]:
    return {key: value for key, value in values.items() if value}


# MARK: panels


def shares(part: dict[frozenset, float], whole: dict[frozenset, float]) -> dict[frozenset, float]:
    return {key: part.get(key, 0) / value for key, value in whole.items()}


def scaled(values: dict[frozenset, float], factor: float) -> dict[frozenset, float]:
    return {key: value * factor for key, value in values.items()}


def renamed(values: dict[frozenset, float], old: str, new: str, prefix: str = "") -> dict[frozenset, float]:
    return {
        frozenset((new if name == old else name, value.removeprefix(prefix)) for name, value in key): number
        for key, number in values.items()}  # fmt: skip


def starting(values: dict[frozenset, float], label: str, prefix: str) -> dict[frozenset, float]:
    return {key: value for key, value in values.items() if dict(key)[label].startswith(prefix)}


def labelled(values: dict[frozenset, float], label: str) -> dict[frozenset, float]:
    return {key: value for key, value in values.items() if label in dict(key)}


OPERATION = ["service_name", "span_name", "span_kind"]
MODEL = ["gen_ai_request_model"]
PROVIDED = ["gen_ai_provider_name", "gen_ai_request_model"]
AGENT = ["gen_ai_agent_name"]
TOOL = ["gen_ai_tool_name"]
Compute = Callable[[Truth, float], dict[frozenset, float]]


def work_rate(by) -> Compute:
    return lambda truth, seconds: scaled(truth.operations(by), 1 / seconds)


def work_errors(by) -> Compute:
    return lambda truth, _: shares(truth.operations(by, lambda work: work.is_error), truth.operations(by))


def work_quantile(by, q, factor=1e-3) -> Compute:
    return lambda truth, _: scaled(truth.duration_quantiles(by, q), factor)


def agent_runs(compute: Compute, label: str = "agent") -> Compute:
    def result(truth: Truth, seconds: float):
        found = starting(compute(truth, seconds), "span_name", "invoke_agent ")
        return renamed(found, "span_name", label, "invoke_agent ")

    return result


def tool_runs(compute: Compute) -> Compute:
    def result(truth: Truth, seconds: float):
        found = starting(compute(truth, seconds), "span_name", "execute_tool ")
        return renamed(found, "span_name", "tool", "execute_tool ")

    return result


def all_agents(truth: Truth, weigh=lambda _: 1) -> float:
    return sum(starting(truth.operations(["span_name"], weigh), "span_name", "invoke_agent ").values())


def call_rate(by, weigh=lambda _: 1, factor=1.0) -> Compute:
    return lambda truth, seconds: nonzero_groups(truth, by, weigh, factor / seconds)


def call_sum(by, weigh=lambda _: 1) -> Compute:
    return lambda truth, _: nonzero_groups(truth, by, weigh, 1)


def nonzero_groups(truth: Truth, by, weigh, factor) -> dict[frozenset, float]:
    return scaled(truth.called(by, weigh), factor)


def only_positive(compute: Compute) -> Compute:
    return lambda truth, seconds: {key: value for key, value in compute(truth, seconds).items() if value > 0}


def tokens_of(call) -> int:
    return call.input + call.output


def usd(call) -> float:
    return call.usd


def failed(call) -> int:
    return call.error_type != ""


def retried(call) -> int:
    return call.is_retry


def one(value: Callable[[Truth, float], float]) -> Compute:
    return lambda truth, seconds: {frozenset(): value(truth, seconds)}


def tool_errors(by) -> Compute:
    def is_error(tool: dict) -> bool:
        return tool["status_code"] == "STATUS_CODE_ERROR"

    return lambda truth, _: shares(truth.ran(by, is_error), truth.ran(by))


def token_types(truth: Truth, kind: str) -> float:
    return sum(call.input if kind == "input" else call.output for call in truth.calls)


def tokens_a_call(truth: Truth, _: float) -> dict[frozenset, float]:
    used = [call for call in truth.calls if call.tokens]
    return {
        frozenset({("gen_ai_token_type", kind)}): token_types(truth, kind) / len(used) for kind in ("input", "output")}


def finish_reasons(truth: Truth, seconds: float) -> dict[frozenset, float]:
    result: dict[frozenset, float] = {}
    for call in truth.calls:
        for reason in call.finish_reasons:
            key = frozenset({("gen_ai_response_finish_reason", reason)})
            result[key] = result.get(key, 0) + 1 / seconds
    return result


def priced(by) -> Compute:
    """Models without a price have no series of cost."""
    return lambda truth, seconds: {
        key: value for key, value in scaled(truth.called(by, usd), 3600 / seconds).items() if value > 0}


SERVICES, AGENTS, MODELS, COLLECTOR = "skein-services", "skein-agents", "skein-models", "skein-collector"
TRUE: dict[tuple[str, str, str], Compute] = {
    (SERVICES, "Spans a second", "A"): one(lambda truth, seconds: len(truth.work) / seconds),
    (SERVICES, "Share of errors", "A"): one(lambda truth, _: sum(w.is_error for w in truth.work) / len(truth.work)),
    (SERVICES, "95th percentile", "A"): work_quantile([], 0.95),
    (SERVICES, "Services", "A"): one(lambda truth, _: len(truth.operations(["service_name"]))),
    (SERVICES, "Rate by service", "A"): work_rate(["service_name"]),
    (SERVICES, "Share of errors by service", "A"): work_errors(["service_name"]),
    (SERVICES, "95th percentile by service", "A"): work_quantile(["service_name"], 0.95),
    (SERVICES, "Durations", "A"): work_quantile([], 0.5, 1),
    (SERVICES, "Durations", "B"): work_quantile([], 0.95, 1),
    (SERVICES, "Durations", "C"): work_quantile([], 0.99, 1),
    (SERVICES, "Durations by bucket", "A"): lambda truth, _: truth.buckets([]),
    (SERVICES, "Operations", "A"): lambda truth, _: truth.operations(OPERATION),
    (SERVICES, "Operations", "B"): work_rate(OPERATION),
    (SERVICES, "Operations", "C"): work_errors(OPERATION),
    (SERVICES, "Operations", "D"): work_quantile(OPERATION, 0.5),
    (SERVICES, "Operations", "E"): work_quantile(OPERATION, 0.95),
    (SERVICES, "Operations", "F"): work_quantile(OPERATION, 0.99),
    (SERVICES, "Operations", "G"): lambda truth, _: truth.operations(OPERATION, lambda work: work.milliseconds / 1000),
    (AGENTS, "Runs of agents a second", "A"): one(lambda truth, seconds: all_agents(truth) / seconds),
    (AGENTS, "Runs that fail", "A"): one(
        lambda truth, _: all_agents(truth, lambda work: work.is_error) / all_agents(truth)),
    (AGENTS, "Calls of models a run", "A"): one(lambda truth, _: len(truth.calls) / all_agents(truth)),
    (AGENTS, "Runs of tools a second", "A"): one(lambda truth, seconds: len(truth.tools) / seconds),
    (AGENTS, "Cost an hour", "A"): one(lambda truth, seconds: sum(map(usd, truth.calls)) * 3600 / seconds),
    (AGENTS, "Runs by agent", "A"): agent_runs(work_rate(["span_name"])),
    (AGENTS, "Share of runs that fail, by agent", "A"): agent_runs(work_errors(["span_name"])),
    (AGENTS, "95th percentile by agent", "A"): agent_runs(work_quantile(["span_name"], 0.95)),
    (AGENTS, "Calls of models by agent", "A"): call_rate(AGENT),
    (AGENTS, "Tokens by agent", "A"): only_positive(call_rate(AGENT, tokens_of)),
    (AGENTS, "Cost by agent", "A"): priced(AGENT),
    (AGENTS, "Agents", "A"): agent_runs(lambda truth, _: truth.operations(["span_name"]), "gen_ai_agent_name"),
    (AGENTS, "Agents", "B"): agent_runs(work_errors(["span_name"]), "gen_ai_agent_name"),
    (AGENTS, "Agents", "C"): agent_runs(work_quantile(["span_name"], 0.5), "gen_ai_agent_name"),
    (AGENTS, "Agents", "D"): agent_runs(work_quantile(["span_name"], 0.95), "gen_ai_agent_name"),
    (AGENTS, "Agents", "E"): call_sum(AGENT),
    (AGENTS, "Agents", "F"): lambda truth, _: truth.ran(AGENT),
    (AGENTS, "Agents", "G"): only_positive(call_sum(AGENT, tokens_of)),
    (AGENTS, "Agents", "H"): only_positive(call_sum(AGENT, usd)),
    (AGENTS, "Runs by tool", "A"): lambda truth, seconds: scaled(truth.ran(TOOL), 1 / seconds),
    (AGENTS, "Share of runs that fail, by tool", "A"): tool_errors(TOOL),
    (AGENTS, "95th percentile by tool", "A"): tool_runs(work_quantile(["span_name"], 0.95)),
    (AGENTS, "Tools of agents", "A"): lambda truth, _: truth.ran(AGENT + TOOL),
    (AGENTS, "Tools of agents", "B"): tool_errors(AGENT + TOOL),
    (AGENTS, "Calls that are repeated, by agent", "A"): only_positive(call_rate(AGENT, retried)),
    (AGENTS, "Tokens without a call, by agent", "A"): lambda truth, seconds: scaled(truth.rest(AGENT), 1 / seconds),
    (MODELS, "Calls a second", "A"): one(lambda truth, seconds: len(truth.calls) / seconds),
    (MODELS, "Share of errors", "A"): one(lambda truth, _: sum(map(failed, truth.calls)) / len(truth.calls)),
    (MODELS, "Tokens a second", "A"): one(lambda truth, seconds: sum(map(tokens_of, truth.calls)) / seconds),
    (MODELS, "Input from caches", "A"): one(
        lambda truth, _: sum(call.tokens.get("cache_read", 0) for call in truth.calls) / token_types(truth, "input")),
    (MODELS, "Cost by model", "A"): priced(MODEL),
    (MODELS, "Top users", "A"): lambda truth, _: dict(
        sorted(labelled(truth.called(["user"], usd), "user").items(), key=lambda pair: -pair[1])[:20]),
    (MODELS, "Top users", "B"): lambda truth, _: labelled(truth.called(["user"]), "user"),
    (MODELS, "Top users", "C"): lambda truth, _: labelled(truth.used(["user"]), "user"),
    (MODELS, "Top applications", "A"): lambda truth, _: labelled(truth.called(["application"], usd), "application"),
    (MODELS, "Top applications", "B"): lambda truth, _: labelled(truth.called(["application"]), "application"),
    (MODELS, "Top applications", "C"): lambda truth, _: labelled(truth.used(["application"]), "application"),
    (MODELS, "Cost without an application", "A"): one(
        lambda truth, _: truth.called(["application"], usd)[frozenset()]),
    (MODELS, "Calls without a price", "A"): only_positive(call_sum(MODEL, lambda call: call.is_unpriced)),
    (MODELS, "Tokens by type", "A"): lambda truth, seconds: scaled(truth.used(["gen_ai_token_type"]), 1 / seconds),
    (MODELS, "Tokens by model", "A"): only_positive(call_rate(MODEL, tokens_of)),
    (MODELS, "Tokens of a call", "B"): tokens_a_call,
    (MODELS, "Calls by model", "A"): call_rate(MODEL),
    (MODELS, "Share of errors by model", "A"): lambda truth, _: shares(
        truth.called(MODEL, failed), truth.called(MODEL)),
    (MODELS, "Errors by type", "A"): only_positive(call_rate([*MODEL, "error_type"], failed)),
    (MODELS, "Durations by model", "A"): lambda truth, _: truth.call_quantiles(MODEL, 0.5),
    (MODELS, "Durations by model", "B"): lambda truth, _: truth.call_quantiles(MODEL, 0.95),
    (MODELS, "Why models stop", "A"): finish_reasons,
    (MODELS, "Calls that are repeated", "A"): only_positive(call_rate(MODEL, retried)),
    (MODELS, "Models", "A"): call_sum(PROVIDED),
    (MODELS, "Models", "B"): call_sum(PROVIDED, tokens_of),
    (MODELS, "Models", "C"): only_positive(call_sum(PROVIDED, usd)),
    (COLLECTOR, "Takes spans", "A"): one(lambda *_: 1),
    (COLLECTOR, "Spans taken", "A"): one(lambda truth, seconds: len(truth.work) / seconds),
    (COLLECTOR, "Requests refused", "A"): one(lambda *_: 0),
    (COLLECTOR, "Journal on the disk", "B"): one(lambda *_: 1 << 30),
    (COLLECTOR, "Requests between services", "A"): one(lambda truth, seconds: len(truth.requests) / seconds),
    (COLLECTOR, "Spans that took no part", "A"): one(lambda *_: 0),
}

def nodes(truth: Truth, seconds: float) -> dict[frozenset, float]:
    """Who is asked, how often; who only asks, zero."""
    found = scaled(truth.requested(["server"]), 1 / seconds)
    return {frozenset({("id", name), ("title", name)}): value for key, value in found.items() for _, name in key}


def arrows(truth: Truth, seconds: float) -> dict[frozenset, float]:
    result = {}
    for key, value in scaled(truth.requested(EDGE), 1 / seconds).items():
        client, server = dict(key)["client"], dict(key)["server"]
        result[frozenset({("id", f"{client} → {server}"), ("source", client), ("target", server)})] = value
    return result


EDGE = ["client", "server"]
# Asked for where docs/metrics.md has the service graph; from then on they must answer, too.
TRUE_OF_SERVICE_GRAPH: dict[tuple[str, str, str], Compute] = {
    (SERVICES, "Service map", "nodes"): nodes,
    (SERVICES, "Service map", "edges"): arrows,
    (SERVICES, "Calls between services", "A"): lambda truth, seconds: scaled(truth.requested(EDGE), 1 / seconds),
    (SERVICES, "Calls between services", "B"): lambda truth, _: shares(
        truth.requested(EDGE, lambda request: request.is_failed), truth.requested(EDGE)),
    (SERVICES, "Calls between services", "C"): lambda truth, _: truth.request_quantiles(
        0.95, lambda request: request.client_seconds),
    (SERVICES, "Calls between services", "D"): lambda truth, _: truth.request_quantiles(
        0.95, lambda request: request.server_seconds),
}
# MARK: rules


CALL = [
    "service_name", "gen_ai_agent_name", "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
    "gen_ai_response_model"]  # fmt: skip
WHOSE = ["user", "application"]
# What the collector is configured to keep histograms by.
HISTOGRAM_ATTRIBUTION = ["application"]


def by_model(truth: Truth, weigh=lambda _: 1, by=WHOSE, keep: bool = False) -> dict[frozenset, float]:
    found = renamed(truth.called([*MODEL, *by], weigh), "gen_ai_request_model", "model")
    return found if keep else {key: value for key, value in found.items() if value}


def with_status(truth: Truth, weigh=lambda _: 1) -> dict[frozenset, float]:
    """By whether the calls failed, too."""
    return by_model(truth, weigh, by=["status", *WHOSE])


def of_histogram(truth: Truth, weigh=lambda _: 1) -> dict[frozenset, float]:
    return by_model(truth, weigh, by=["status", *HISTOGRAM_ATTRIBUTION])


def duration_buckets(truth: Truth) -> dict[frozenset, float]:
    result: dict[frozenset, float] = {}
    for bound in [*SECONDS, float("inf")]:
        le = ("le", "+Inf" if bound == float("inf") else str(bound))
        for key, count in of_histogram(truth, lambda call: call.seconds <= bound).items():
            result[key | {le}] = count
    return result


# Of counters that are recorded as they stand: everything that was ever sent.
RECORDED_SINCE_START: dict[str, Callable[[Truth], dict[frozenset, float]]] = {
    "call:gen_ai_client_calls:sum": lambda truth: truth.called(CALL),
    "call:gen_ai_client_call_errors:sum": lambda truth: positive(truth.called(CALL, failed)),
    "call:gen_ai_client_call_retries:sum": lambda truth: positive(truth.called(CALL, retried)),
    "call:gen_ai_client_unpriced_calls:sum": lambda truth: positive(
        truth.called(CALL, lambda call: call.is_unpriced)),
    "call:gen_ai_client_tokens:sum": lambda truth: truth.used([*CALL, "gen_ai_token_type"]),
    "call:gen_ai_client_cost_usd:sum": lambda truth: {
        key | {("cost_source", "computed")}: value for key, value in positive(truth.called(CALL, usd)).items()},
    "application:gen_ai_client_calls:sum": lambda truth: truth.called(["application"]),
    "application:gen_ai_client_tokens:sum": lambda truth: truth.used(["application"]),
    "application:gen_ai_client_cost_usd:sum": lambda truth: positive(truth.called(["application"], usd)),
    "model:gen_ai_client_calls:sum": by_model,
    "model:gen_ai_client_call_errors:sum": lambda truth: by_model(truth, failed, keep=True),
    "llm_requests_total": with_status,
    "llm_errors_total": lambda truth: {
        key | {("status", "error")}: value for key, value in by_model(truth, failed, keep=True).items()},
    "llm_tokens_total": lambda truth: renamed(
        renamed(truth.used([*MODEL, "status", *WHOSE, "gen_ai_token_type"]), "gen_ai_request_model", "model"),
        "gen_ai_token_type", "type"),
    "llm_cost_dollars_total": lambda truth: with_status(truth, usd),
    "llm_request_duration_seconds_count": of_histogram,
    "llm_request_duration_seconds_sum": lambda truth: of_histogram(truth, lambda call: call.seconds),
    "llm_request_duration_seconds_bucket": duration_buckets,
}
# Of the traffic between two samples, with the windows of the rules replaced.
RECORDED_OF_TRAFFIC: dict[str, Compute] = {
    "service_operation:traces_span_metrics_calls:rate5m": work_rate(OPERATION),
    "service_operation:traces_span_metrics_errors:rate5m": lambda truth, seconds: scaled(
        truth.operations(OPERATION, lambda work: work.is_error), 1 / seconds),
    "service_operation:traces_span_metrics_errors:ratio_rate5m": work_errors(OPERATION),
    "service_operation:traces_span_metrics_duration_milliseconds_bucket:rate5m": lambda truth, seconds: scaled(
        truth.buckets(OPERATION), 1 / seconds),
    "service_operation:traces_span_metrics_duration_seconds:p50_rate5m": work_quantile(OPERATION, 0.5),
    "service_operation:traces_span_metrics_duration_seconds:p95_rate5m": work_quantile(OPERATION, 0.95),
    "service_operation:traces_span_metrics_duration_seconds:p99_rate5m": work_quantile(OPERATION, 0.99),
    "service:traces_span_metrics_calls:rate5m": lambda truth, seconds: scaled(truth.entries(), 1 / seconds),
    "service:traces_span_metrics_errors:rate5m": lambda truth, seconds: scaled(
        truth.entries(lambda work: work.is_error), 1 / seconds),
    "service:traces_span_metrics_errors:ratio_rate5m": lambda truth, _: shares(
        truth.entries(lambda work: work.is_error), truth.entries()),
    "service:traces_span_metrics_duration_seconds:p50_rate5m": lambda truth, _: scaled(
        truth.entry_quantiles(0.5), 1e-3),
    "service:traces_span_metrics_duration_seconds:p95_rate5m": lambda truth, _: scaled(
        truth.entry_quantiles(0.95), 1e-3),
    "service:traces_span_metrics_duration_seconds:p99_rate5m": lambda truth, _: scaled(
        truth.entry_quantiles(0.99), 1e-3),
    "application:gen_ai_client_cost_usd:increase1h": lambda truth, _: positive(truth.called(["application"], usd)),
    "application:gen_ai_client_cost_usd:increase1d": lambda truth, _: positive(truth.called(["application"], usd)),
    "all:gen_ai_client_cost_usd:increase1h": one(lambda truth, _: sum(map(usd, truth.calls))),
    "all:gen_ai_client_cost_usd:increase1d": one(lambda truth, _: sum(map(usd, truth.calls))),
    "application:gen_ai_client_tokens:rate15m": lambda truth, seconds: scaled(truth.used(["application"]), 1 / seconds),
    "application:gen_ai_client_tokens:rate1d": lambda truth, seconds: scaled(truth.used(["application"]), 1 / seconds),
}
# Numbers, and the sum of buckets that quantiles of services are made of.
WITHOUT_TRUTH = {
    "skein:daily_budget_usd",
    "service:traces_span_metrics_duration_milliseconds_bucket:rate5m",
}  # fmt: skip
