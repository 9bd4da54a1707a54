"""Tokens and cost: every call of a model once, whatever its spans look like, through restarts, in all outputs."""

import collections
import csv
import datetime
import io
import json
import random
import re
import signal
import subprocess
import zoneinfo

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import telemetry
from harness import BINARY, environment, merged, nested, run
from telemetry import MILLISECOND, SECOND, span
from waiting import eventually

PRICES = {"house-1": (2e-6, 8e-6, 5e-7), "house-2": (1e-5, 4e-5, 1e-6)}
SOON = {"connectors": {"gen_ai": {"wait": "200ms", "late_wait": "1s"}}}


def prices_file(directory) -> str:
    """A list of prices in LiteLLM's format."""
    table = {
        model: {
            "input_cost_per_token": prompt,
            "output_cost_per_token": completion,
            "cache_read_input_token_cost": cached,
            "mode": "chat",
            "litellm_provider": "openai",
            "supports_vision": True,
        }
        for model, (prompt, completion, cached) in PRICES.items()
    }
    table["sample_spec"] = {"input_cost_per_token": "a text"}
    path = directory / "prices.json"
    path.write_text(json.dumps(table))
    return str(path)


def configuration(directory) -> dict:
    gen_ai = {**SOON["connectors"]["gen_ai"], "prices": {"file": prices_file(directory), "builtin": False}}
    return {"connectors": {"gen_ai": gen_ai}}


class Calls:
    """Spans of calls as a framework and a provider's library send them, and what they come to."""

    def __init__(self, seed: int):
        self.choice = random.Random(seed)
        self.ids = telemetry.Identifiers(seed)
        self.truth: dict[tuple[str, str, str], list] = collections.defaultdict(lambda: [0, 0, 0, 0, 0, 0.0])
        self.start = telemetry.now() - 60 * SECOND

    def trace(self, calls: int = 6) -> list:
        """One agent's trace; an agent repeats the sum of its calls."""
        trace_id, user = self.ids.trace_id(), self.choice.choice(["ada", "grace", '"odd", user\n'])
        begin = self.start + self.choice.randrange(30) * SECOND
        agent = span(self.ids, trace_id, "invoke_agent planner", start=begin, milliseconds=1000 * calls)
        made, total = [], [0, 0]
        for index in range(calls):
            call = self._call(trace_id, agent, begin + index * SECOND, user)
            made += call[0]
            total = [total[0] + call[1], total[1] + call[2]]
        named = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "user.id": user}
        usage = {"gen_ai.usage.input_tokens": total[0], "gen_ai.usage.output_tokens": total[1]}
        agent.attributes.extend(telemetry.attributes({**named, **usage}))
        return made + [agent]

    def _call(self, trace_id: bytes, agent, begin: int, user: str):
        model = self.choice.choice([*PRICES, "unheard-of"])
        prompt, completion = self.choice.randrange(1, 5000), self.choice.randrange(1, 900)
        cached = self.choice.randrange(0, prompt)
        failed = self.choice.random() < 0.2
        provider = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model,
        }
        if not failed:
            provider |= {
                "gen_ai.usage.input_tokens": prompt,
                "gen_ai.usage.output_tokens": completion,
                "gen_ai.usage.cache_read.input_tokens": cached,
            }
        inner = self._span(trace_id, agent.span_id, "chat " + model, begin + 10 * MILLISECOND, 300, provider, failed)
        spans = [inner]
        if self.choice.random() < 0.6:
            framework = {"openinference.span.kind": "LLM", "llm.model_name": model}
            if not failed:
                framework |= {"llm.token_count.prompt": prompt, "llm.token_count.completion": completion}
            outer = self._span(trace_id, agent.span_id, "ChatModel", begin, 320, framework, failed)
            if self.choice.random() < 0.5:
                inner.parent_span_id = outer.span_id
            spans.append(outer)
        row = self.truth[model, "planner", user]
        row[0] += 1
        row[1] += failed
        if failed:
            return spans, 0, 0
        row[2] += prompt
        row[3] += cached
        row[4] += completion
        if model in PRICES:
            cost = PRICES[model]
            row[5] += (prompt - cached) * cost[0] + completion * cost[1] + cached * cost[2]
        return spans, prompt, completion

    def _span(self, trace_id, parent, name, start, milliseconds, pairs, failed):
        kind = Span.SPAN_KIND_CLIENT
        made = span(self.ids, trace_id, name, start=start, milliseconds=milliseconds, kind=kind, parent_span_id=parent)
        made.attributes.extend(telemetry.attributes(pairs))
        made.status.code = 2 if failed else 0
        return made

    def summed(self, *keys: int) -> dict[tuple, list]:
        rows: dict[tuple, list] = collections.defaultdict(lambda: [0, 0, 0, 0, 0, 0.0])
        for key, row in self.truth.items():
            group = rows[tuple(key[index] for index in keys)]
            for index, value in enumerate(row):
                group[index] += value
        return rows


def send_scattered(collector, calls: Calls, traces: int) -> None:
    """Spans of several traces in any order, cut into requests anywhere."""
    spans = [made for _ in range(traces) for made in calls.trace()]
    calls.choice.shuffle(spans)
    while spans:
        count = calls.choice.randrange(1, 40)
        clients.send(collector, telemetry.export_request(spans[:count], "desk"))
        spans = spans[count:]


def numbers(row: dict) -> list:
    names = ["calls", "errors", "inputTokens", "cacheReadTokens", "outputTokens", "costUSD"]
    return [row[name] for name in names]


def usage(collector, by: str, **parameters) -> dict:
    answer = collector.query("/api/skein/v1/usage", params={"by": by, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def assert_equal(collector, calls: Calls) -> None:
    for by, keys in [("model", [0]), ("user,model", [2, 0]), ("agent", [1])]:
        names = by.split(",")
        found = {tuple(row["key"][name] for name in names): numbers(row) for row in usage(collector, by)["rows"]}
        expected = calls.summed(*keys)
        assert set(found) == set(expected)
        for key, row in expected.items():
            assert found[key] == pytest.approx(row), key


def counted_calls(new_collector, tmp_path, seed: int, traces: int) -> tuple:
    """A collector that has counted calls, and the calls."""
    collector = new_collector(configuration(tmp_path)).start()
    calls = Calls(seed)
    send_scattered(collector, calls, traces)
    eventually(lambda: assert_equal(collector, calls))
    return collector, calls


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_usage_is_what_happened_and_survives_a_restart(new_collector, tmp_path, end):
    collector, calls = counted_calls(new_collector, tmp_path, 41, 30)
    getattr(collector, end)()
    collector.start()
    eventually(lambda: assert_equal(collector, calls))
    send_scattered(collector, calls, 5)
    eventually(lambda: assert_equal(collector, calls))
    answer = usage(collector, "conversation")
    assert answer["rows"] == []
    assert numbers(answer["unattributed"]) == pytest.approx(numbers(answer["total"]))
    assert answer["total"]["costSource"] == "unknown", "one model has no price"


def test_metrics_say_the_same_and_never_fall(new_collector, tmp_path):
    collector = new_collector(configuration(tmp_path)).start()
    calls = Calls(42)
    send_scattered(collector, calls, 20)
    expected = calls.summed()[()]

    def counted():
        derived = collector.derived()
        assert derived.total("gen_ai_client_calls_total") == expected[0]
        assert derived.total("gen_ai_client_call_errors_total") == expected[1]
        assert derived.total("gen_ai_client_tokens_total") == expected[2] + expected[4]
        assert derived.total("gen_ai_client_cost_usd_total") == pytest.approx(expected[5])
        assert derived.total("gen_ai_client_operation_duration_seconds_count") == expected[0]
        assert derived.total("gen_ai_client_token_usage_sum") == expected[2] + expected[4]
        assert derived.total("gen_ai_client_unattributed_tokens_total") == 0

    eventually(counted)
    collector.kill()
    collector.start()
    eventually(counted)
    assert collector.metrics().total("skein_genai_calls_total") <= expected[0]


def test_metrics_tell_what_failed_calls_used_and_durations_by_application(new_collector, tmp_path):
    attribution = nested("connectors.gen_ai.histogram_attribution", ["application", "user"])
    collector = new_collector(merged(configuration(tmp_path), attribution)).start()
    choice, ids = random.Random(44), telemetry.Identifiers(44)
    spans, tokens, cost = [], collections.Counter(), collections.Counter()
    counts, seconds = collections.Counter(), collections.Counter()
    for _ in range(200):
        prompt, completion, milliseconds = (choice.randrange(1, most) for most in (3000, 800, 2000))
        user, application = choice.choice(["ada", "grace"]), choice.choice(["support", "lab"])
        pairs = {
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1", "user.id": user,
            "application": application, "gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion}
        failed = choice.random() < 0.3
        status = {"status": {"code": 2}} if failed else {}
        spans.append(span(ids, ids.trace_id(), "chat", milliseconds=milliseconds, attributes=pairs, **status))
        status_code = "STATUS_CODE_ERROR" if failed else None
        tokens[user, status_code] += prompt + completion
        cost[user, status_code] += prompt * PRICES["house-1"][0] + completion * PRICES["house-1"][1]
        counts[user, application, failed] += 1
        seconds[user, application, failed] += milliseconds / 1000
    assert len(counts) == 8
    for index in range(0, len(spans), 20):
        clients.send(collector, telemetry.export_request(spans[index:index + 20], "desk"))

    def summed(name: str, *labels: str) -> dict:
        found: dict = collections.Counter()
        for key, value in collector.derived().series(name).items():
            found[tuple(dict(key).get(label) for label in labels)] += value
        return found

    def counted():
        assert summed("gen_ai_client_tokens_total", "user", "status_code") == tokens
        assert summed("gen_ai_client_cost_usd_total", "user", "status_code") == pytest.approx(cost)
        for part, truth in [("count", counts), ("sum", seconds)]:
            found = summed(f"gen_ai_client_operation_duration_seconds_{part}", "user", "application", "error_type")
            assert {(*key[:2], key[2] is not None): value for key, value in found.items()} == pytest.approx(truth)

    eventually(counted)
    collector.kill()
    collector.start()
    eventually(counted)


def test_the_command_prints_a_table_csv_and_json(new_collector, tmp_path):
    collector, calls = counted_calls(new_collector, tmp_path, 43, 10)
    address = ["--api", collector.url("query")]

    table = run("usage", "--by", "model", *address)
    # As of a variable of the shell that is not set.
    assert run("usage", "--by", "", *address).stdout == table.stdout
    assert table.returncode == 0, table.stderr
    assert "house-1" in table.stdout and "unknown" in table.stdout
    assert table.stdout.splitlines()[-1].startswith("total")
    assert "have no price" in table.stderr

    text = run("usage", "--by", "user,model", "--format", "csv", *address)
    assert text.returncode == 0, text.stderr
    rows = list(csv.DictReader(io.StringIO(text.stdout, newline="")))
    expected = calls.summed(2, 0)
    found = {(row["user"], row["model"]): int(row["calls"]) for row in rows if row["kind"] == "row"}
    assert found == {key: row[0] for key, row in expected.items()}
    assert int(rows[-1]["calls"]) == sum(row[0] for row in expected.values())

    kinds = {row["kind"]: row for row in rows if row["kind"] != "row"}
    assert list(kinds) == ["attributed", "unattributed", "total"]
    for column in ["calls", "input_tokens", "output_tokens"]:
        parts = [int(kinds[kind][column]) for kind in kinds]
        assert parts[0] + parts[1] == parts[2]

    steps = run("usage", "--by", "model", "--step", "hour", "--format", "csv", *address)
    assert steps.returncode == 0, steps.stderr
    rows = list(csv.DictReader(io.StringIO(steps.stdout, newline="")))
    assert all(row["time"].endswith(":00:00Z") for row in rows if row["kind"] == "row")
    assert sum(int(row["calls"]) for row in rows if row["kind"] == "row") == int(rows[-1]["calls"])
    shown = run("usage", "--by", "model", "--step", "day", "--start", str(calls.start - 3600 * SECOND), *address)
    assert shown.returncode == 0 and shown.stdout.split()[0] == "time", shown.stderr

    for wrong in [["--since", "1h", "--month", "2026-11"], ["--end", "5"], ["--month", "2026-11", "--start", "5"]]:
        assert run("usage", *wrong, *address).returncode == 2

    both = run("usage", "--json", "--format", "csv", *address)
    assert both.returncode == 2 and "--json" in both.stderr and "--format csv" in both.stderr and not both.stdout

    month = run("usage", "--month", "1999-01", "--format", "json", *address)
    nothing = json.loads(month.stdout)
    assert nothing["total"]["calls"] == 0
    assert nothing["total"]["costSource"] == nothing["unattributed"]["costSource"] == "computed"


def test_a_trace_shows_what_usage_says(new_collector, tmp_path):
    collector = new_collector(configuration(tmp_path)).start()
    ids = telemetry.Identifiers(97)
    trace_id = ids.trace_id()
    agent = span(ids, trace_id, "invoke_agent A", milliseconds=900, attributes={
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "A", "gen_ai.usage.input_tokens": 5300,
        "gen_ai.usage.output_tokens": 60})
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1", "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20}
    below = {"parent_span_id": agent.span_id, "start": agent.start_time_unix_nano}
    spans = [
        agent,
        # Its input leaves out what the cache had.
        span(ids, trace_id, "chat", **below, milliseconds=100, attributes={
            **call, "gen_ai.usage.cache_read.input_tokens": 5000}),
        span(ids, trace_id, "generation", parent_span_id=agent.span_id, milliseconds=80,
             start=agent.start_time_unix_nano + 200 * MILLISECOND, attributes={
                 "langfuse.observation.type": "generation", "langfuse.observation.model.name": "house-2",
                 "langfuse.observation.usage_details": '{"input":100,"output":20}'}),
    ]
    clients.send(collector, telemetry.export_request(spans))

    def counted() -> dict:
        total = usage(collector, "model")["total"]
        assert (total["calls"], total["inputTokens"], total["outputTokens"]) == (2, 5300, 60)
        return total

    total = eventually(counted)
    trace = collector.query(f"/api/skein/v1/traces/{trace_id.hex()}").json()
    dollars = 100 * 2e-6 + 20 * 8e-6 + 5000 * 5e-7 + 100 * 1e-5 + 20 * 4e-5
    assert trace["summary"]["costUSD"] == total["costUSD"] == pytest.approx(dollars, rel=1e-11)
    # What the agent reports beyond its calls has no price.
    assert trace["summary"]["costSource"] == total["costSource"] == "unknown"
    assert trace["summary"]["tokens"] == {"inputTokens": 5300, "cacheReadTokens": 5000, "outputTokens": 60}
    by_name = {span["operation"]: span for span in trace["spans"]}
    assert by_name["invoke_agent A"]["tokens"] == trace["summary"]["tokens"]
    assert by_name["invoke_agent A"]["costUSD"] == trace["summary"]["costUSD"]
    assert by_name["chat"]["tokens"] == {"inputTokens": 5100, "cacheReadTokens": 5000, "outputTokens": 20}
    assert by_name["generation"]["tokens"] == {"inputTokens": 100, "outputTokens": 20}
    assert by_name["generation"]["costUSD"] == pytest.approx(0.0018, rel=1e-11)
    assert by_name["generation"]["costSource"] == "computed"

    shown = run("trace", trace_id.hex(), "--api", collector.url("query"))
    assert shown.returncode == 0, shown.stderr
    assert "tokens 5300 in, 60 out · cost $0.0047+" in shown.stdout
    assert re.search(r"generation .* 100→20 +\$0\.0018\n", shown.stdout), shown.stdout


@pytest.mark.parametrize("policy", ["computed", "reported"])
def test_computed_and_reported_cost_are_both_shown(new_collector, tmp_path, policy):
    settings = merged(configuration(tmp_path), nested("connectors.gen_ai", {"cost": policy}))
    collector = new_collector(settings).start()
    ids = telemetry.Identifiers(61)
    traces = [ids.trace_id() for _ in range(3)]
    # Both costs, the computed one alone, the reported one alone.
    for trace_id, model, reported in zip(traces, ["house-1", "house-2", "unheard-of"], [0.00007, None, 0.25]):
        made = span(ids, trace_id, "chat", milliseconds=10, attributes={
            "gen_ai.operation.name": "chat", "gen_ai.request.model": model, "gen_ai.usage.input_tokens": 30,
            "gen_ai.usage.output_tokens": 0, "department": "care"})
        if reported is not None:
            made.attributes.extend(telemetry.attributes({"operation.cost": reported}))
        clients.send(collector, telemetry.export_request([made], "desk"))
    computed, reported = {"house-1": 6e-5, "house-2": 3e-4}, {"house-1": 7e-5, "unheard-of": 0.25}
    counted = {**computed, **reported} if policy == "reported" else {**reported, **computed}
    address = ["--api", collector.url("query")]
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")

    def shown() -> None:
        answer = usage(collector, "model")
        assert answer["total"]["calls"] == 3
        for row in answer["rows"]:
            model = row["key"]["model"]
            assert row["costUSD"] == counted[model]
            assert (row["computedCostUSD"], row["reportedCostUSD"]) == (computed.get(model, 0), reported.get(model, 0))
        total = answer["total"]
        assert total["costUSD"] == pytest.approx(sum(counted.values()))
        assert total["computedCostUSD"] == pytest.approx(3.6e-4)
        assert total["reportedCostUSD"] == pytest.approx(0.25007)

    eventually(shown)
    text = collector.query("/api/skein/v1/usage", params={"by": "model"}).text
    costs = re.findall(r'USD": ?([^,}]*)', text)
    assert len(costs) >= 18 and all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", cost) for cost in costs), costs

    lines = run("usage", "--by", "model", *address).stdout.splitlines()
    assert lines[0].split()[-3:] == ["cost", "computed", "reported"]
    by_model = {line.split()[0]: line.split() for line in lines[1:]}
    both = ["$0.000060", "$0.000070"]
    assert by_model["house-1"][-3:] == [both[policy == "reported"], *both]
    assert by_model["total"][-2:] == ["$0.00036", "$0.2501"]

    bill = run("usage", "--by", "department,model", "--month", month, "--format", "csv", *address)
    rows = list(csv.DictReader(io.StringIO(bill.stdout, newline="")))
    assert list(rows[0])[-2:] == ["computed_cost_usd", "reported_cost_usd"]
    found = {row["model"]: (row["computed_cost_usd"], row["reported_cost_usd"]) for row in rows if row["kind"] == "row"}
    assert found == {"house-1": ("0.00006", "0.00007"), "house-2": ("0.0003", "0"), "unheard-of": ("0", "0.25")}
    sums = {row["kind"]: row for row in rows if row["kind"] != "row"}
    assert sums["attributed"]["reported_cost_usd"] == sums["total"]["reported_cost_usd"] == "0.25007"
    answer = json.loads(run("usage", "--by", "department", "--month", month, "--format", "json", *address).stdout)
    assert answer["attributed"]["computedCostUSD"] == answer["total"]["computedCostUSD"] == 0.00036

    trace = collector.query(f"/api/skein/v1/traces/{traces[0].hex()}").json()
    for part in [trace["summary"], trace["spans"][0]]:
        assert (part["computedCostUSD"], part["reportedCostUSD"]) == (6e-5, 7e-5)
    other = "computed $0.000060" if policy == "reported" else "reported $0.000070"
    drawn = run("trace", traces[0].hex(), *address).stdout
    assert f"cost {both[policy == 'reported']} ({other})" in drawn
    assert re.search(rf"chat .* 30→0 +\{both[policy == 'reported']} \({re.escape(other)}\)\n", drawn), drawn
    graph = collector.query("/api/skein/v1/agents/graph").json()
    assert graph["total"]["reportedCostUSD"] == 0.25007

    def on_metrics() -> None:
        derived = collector.derived()
        bill, other = "gen_ai_client_cost_usd_total", "gen_ai_client_uncounted_cost_usd_total"
        assert derived.total(bill) == pytest.approx(sum(counted.values()))
        assert derived.total(other) == pytest.approx(6e-5 if policy == "reported" else 7e-5)
        for source, dollars in [("computed", 3.6e-4), ("reported", 0.25007)]:
            both = derived.total(bill, cost_source=source) + derived.total(other, cost_source=source)
            assert both == pytest.approx(dollars)

    eventually(on_metrics)
    collector.kill()
    collector.start()
    eventually(on_metrics)
    eventually(shown)


def test_an_answer_can_be_of_some_calls_alone(new_collector, tmp_path):
    collector, calls = counted_calls(new_collector, tmp_path, 62, 10)
    for user in ["ada", '"odd", user\n']:
        quoted = user.replace('"', '\\"')
        answer = usage(collector, "model", where=f'user="{quoted}"')
        expected = {key[0]: row for key, row in calls.summed(0, 2).items() if key[1] == user}
        assert {row["key"]["model"]: numbers(row) for row in answer["rows"]} == {
            model: pytest.approx(row) for model, row in expected.items()}
        assert answer["total"]["calls"] == sum(row[0] for row in expected.values())
    both = usage(collector, "user", where=["user=~a.*|g.*", "model!=house-1"])
    expected = sum(row[0] for key, row in calls.truth.items() if key[2] in ("ada", "grace") and key[0] != "house-1")
    assert both["total"]["calls"] == expected
    assert usage(collector, "user", where="conversation=")["total"]["calls"] == sum(row[0] for row in calls.truth.values())
    shown = run(
        "usage", "--by", "user", "--where", "user=~a.*|g.*", "--where", "model!=house-1", "--json", "--since", "1h",
        "--api", collector.url("query"))
    assert json.loads(shown.stdout)["total"]["calls"] == expected
    wrong = run("usage", "--where", "colour=red", "--api", collector.url("query"))
    assert wrong.returncode != 0 and "'colour' is nothing to group by" in wrong.stderr
    assert usage(collector, "user", where="")["total"] == usage(collector, "user")["total"]
    for wrong in ['user="a" && model="x"', 'user="a","b"', "user='ada'", 'user=="ada"', 'user!=~"x"', 'user=a"']:
        answer = collector.query("/api/skein/v1/usage", params={"where": wrong})
        assert answer.status_code == 400 and "expected" in answer.text, wrong


def test_a_name_cannot_forge_a_line_of_a_bill(new_collector, tmp_path):
    collector = new_collector(configuration(tmp_path)).start()
    users = [
        "eve\ntotal,,9999,0,1,0,0,1,0,123456.78,computed,0", "a\rb", "\n=1+1", "a,\u0301b", 'q"\u0301z', "=\u0301x", "ok",
    ]
    ids = telemetry.Identifiers(99)
    for user in users:
        made = telemetry.span(ids, ids.trace_id(), milliseconds=7)
        made.attributes.extend(telemetry.attributes({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1", "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 0, "user.id": user}))
        clients.send(collector, telemetry.export_request([made]))
    eventually(lambda: assert_calls(collector, len(users)))

    # As bytes, whose line ends nobody translates.
    command = [str(BINARY), "usage", "--by", "user", "--format", "csv", "--api", collector.url("query")]
    text = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), check=True).stdout
    lines = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert {len(line) for line in lines} == {14}
    shown = {line[1] for line in lines[1:-3]}
    assert shown == {"'" + user if user[0] in "=\n" else user for user in users}
    assert [line[0] for line in lines[-3:]] == ["attributed", "unattributed", "total"]
    for name in ["cost_usd", "computed_cost_usd", "reported_cost_usd"]:
        cost = lines[0].index(name)
        assert all("e" not in line[cost] and len(line[cost]) < 16 for line in lines[1:])


def assert_calls(collector, count: int) -> None:
    assert usage(collector, "model")["total"]["calls"] == count


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"by": "colour"}, "'colour' is nothing to group by"),
        ({"by": "model,model"}, "comes twice"),
        ({"by": ","}, "0 keys"),
        ({"month": "2026-13"}, "is no month"),
        ({"month": "2026-11", "since": "1h"}, "month excludes"),
        ({"step": "0s"}, "no duration"),
        ({"where": "user"}, "is no matcher"),
        ({"where": "colour=red"}, "'colour' is nothing to group by"),
        ({"where": ["user=a"] * 17}, "17 conditions"),
        ({"step": "1ms", "start": "0"}, None),
        ({"step": "hour", "start": "0"}, "more than 10000 steps"),
        ({"step": "week"}, "no duration"),
    ],
)
def test_what_makes_no_sense_is_refused(shared_collector, parameters, message):
    answer = shared_collector.query("/api/skein/v1/usage", params=parameters)
    if message is None:
        assert answer.status_code in (200, 413)
    else:
        assert answer.status_code == 400 and message in answer.json()["error"]["message"]


def test_steps_add_up(new_collector, tmp_path):
    collector, calls = counted_calls(new_collector, tmp_path, 44, 10)
    for row in usage(collector, "model", step="10s")["rows"]:
        assert sum(point["calls"] for point in row["series"]) == row["calls"]
        assert len(row["series"]) > 1


@pytest.mark.parametrize(
    "content, message",
    [("[]", "prices"), ('{"m": {"input_cost_per_token": -1}}', "m"), (None, "no such file")],
)
def test_prices_that_cannot_be_read_stop_the_start(new_collector, tmp_path, content, message):
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_text(content)
    collector = new_collector({"connectors": {"gen_ai": {"prices": {"file": str(path)}}}})
    collector.start(wait=False)
    assert collector.wait_exit() == 2
    assert "prices.file" in collector.stderr and message in collector.stderr


def test_days_and_months_are_those_of_the_time_zone(new_collector, tmp_path):
    settings = configuration(tmp_path) | {"query": {"time_zone": "America/New_York"}}
    collector = new_collector(settings).start()
    ids = telemetry.Identifiers(47)
    zone = zoneinfo.ZoneInfo("America/New_York")
    first = datetime.datetime.fromtimestamp(telemetry.now() / SECOND, zone).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    # Just before and just after the month began where the zone is, and not where UTC is.
    for offset in [-5, 5]:
        start = (int(first.timestamp()) + offset) * SECOND
        made = span(ids, ids.trace_id(), "chat house-1", start=start, milliseconds=100)
        made.attributes.extend(
            telemetry.attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1"})
        )
        clients.send(collector, telemetry.export_request([made], "desk"))

    def separated():
        answer = usage(collector, "model", month=first.strftime("%Y-%m"), step="day")
        assert answer["timeZone"] == "America/New_York"
        assert answer["total"]["calls"] == 1
        assert [point["startTime"] for point in answer["total"]["series"]] == [first.isoformat()]
        before = first - datetime.timedelta(seconds=5)
        assert usage(collector, "model", month=before.strftime("%Y-%m"))["total"]["calls"] == 1

    eventually(separated)


def test_prices_are_read_again_for_calls_that_come_later(new_collector, tmp_path):
    path = tmp_path / "prices.json"

    def price(dollars: float) -> None:
        path.write_text(json.dumps({"house-1": {"input_cost_per_token": dollars, "output_cost_per_token": 0}}))

    price(1e-3)
    prices = {"file": str(path), "builtin": False}
    collector = new_collector(merged(SOON, nested("connectors.gen_ai", {"prices": prices}))).start()
    ids = telemetry.Identifiers(49)

    def call(total: float) -> None:
        made = span(ids, ids.trace_id(), "chat house-1", milliseconds=10)
        made.attributes.extend(telemetry.attributes({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1", "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 0}))
        clients.send(collector, telemetry.export_request([made], "desk"))

        def counted():
            # What waits is priced when it is asked for; then it is counted.
            assert collector.metrics().total("skein_genai_pending_spans") == 0
            assert usage(collector, "model")["total"]["costUSD"] == pytest.approx(total)

        eventually(counted, 20)

    def read_again(pattern: str) -> None:
        said = len(collector.messages)
        collector.process.send_signal(signal.SIGHUP)

        def answered():
            assert any(re.search(pattern, line) for line in collector.messages[said:])

        eventually(answered)

    call(1)
    # Another batch settles what waited, so that it is counted by the price of then.
    clients.send(collector, telemetry.export_request([span(ids, ids.trace_id(), "GET /")], "desk"))
    eventually(lambda: _counted(collector, 1))
    price(5e-3)
    read_again("configuration read again")
    call(6)
    path.write_text("[]")
    read_again("stays as it was.*prices")
    call(11)


def _counted(collector, calls: int) -> None:
    assert collector.metrics().total("skein_genai_calls_total") == calls


def test_what_waits_gets_less_while_nothing_arrives(new_collector, tmp_path):
    settings = merged(configuration(tmp_path), nested("connectors.gen_ai", {"wait": "1s", "late_wait": "3s"}))
    collector = new_collector(settings).start()
    ids = telemetry.Identifiers(48)
    made = span(ids, ids.trace_id(), "chat house-1", milliseconds=100)
    made.attributes.extend(
        telemetry.attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "house-1"}))
    clients.send(collector, telemetry.export_request([made], "desk"))

    def pending(count):
        def check():
            assert collector.metrics().total("skein_genai_pending_spans") == count

        return check

    eventually(pending(1), 3)
    eventually(pending(0), 20)
    assert collector.metrics().total("skein_usage_disk_bytes") >= 0
    assert collector.metrics().total("skein_usage_max_bytes") == 10 << 30


@pytest.mark.parametrize("zone", ["Mars/Phobos", "GMT+3"])
def test_a_zone_that_the_machine_does_not_know_is_refused(new_collector, zone):
    collector = new_collector({"query": {"time_zone": zone}})
    collector.start(wait=False)
    assert collector.wait_exit() == 2
    assert "query.time_zone" in collector.stderr and "Europe/Berlin" in collector.stderr


def test_an_answer_says_what_retention_has_taken(new_collector, tmp_path):
    collector = new_collector(configuration(tmp_path)).start()
    calls = Calls(52)
    send_scattered(collector, calls, 3)

    def written() -> None:
        # What comes settles what waited.
        send_scattered(collector, calls, 1)
        assert list((collector.data / "derived/usage").glob("usage-*.v1"))

    eventually(written, 60)
    collector.stop()
    # As if they had come in 500 days ago: longer than they are kept.
    (file,) = (collector.data / "derived/usage").glob("usage-*.v1")
    day = int(file.name[6:12]) - 500
    file.rename(file.with_name(f"usage-{day:06}.v1"))
    collector.start()
    assert usage(collector, "model", start="0")["partial"] is False
    now = Calls(53)

    def gone() -> None:
        # A day begins with the second checkpoint that finds something new.
        send_scattered(collector, now, 1)
        assert not (collector.data / f"derived/usage/usage-{day:06}.v1").exists()

    eventually(gone, 60)
    until = datetime.datetime.fromtimestamp((day + 2) * 86_400, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    reason = f"records of calls up to {until} were removed by connectors.gen_ai.retention.max_age"
    # The records say that they are of today, which nobody believes of a file that is 500 days old.
    for _ in range(2):
        answer = usage(collector, "model", start="0")
        assert answer["partial"] is True and answer["partialReasons"] == [reason]
        answer = usage(collector, "model", start=f"{(day + 2) * 86_400 + 1}000000000")
        assert answer["partial"] is False and "partialReasons" not in answer
        address = ["--api", collector.url("query")]
        for output in ["table", "csv"]:
            text = run("usage", "--start", "1970-01-02T00:00:00Z", "--format", output, *address)
            assert text.returncode == 0 and f"usage is missing: {reason}\n" in text.stderr
            assert reason not in text.stdout
        shown = run("usage", "--start", "1970-01-02T00:00:00Z", "--json", *address)
        assert json.loads(shown.stdout)["partialReasons"] == [reason]
        assert "missing" not in run("usage", "--since", "1h", *address).stderr
        assert "missing" in run("usage", "--start", "1", "--end", "2", *address).stderr, "also where nothing is left"
        collector.kill()
        collector.start()
