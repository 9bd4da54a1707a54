"""The service graph on 8889: equal to an independent computation, in any order of arrival and through kill -9."""

import json
import random

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import clients
import red
import servicegraph
import telemetry
from harness import run
from waiting import eventually

MEBIBYTE = 1 << 20
SERVICES = ["shop", "stock", "mail", 'odd "quoted" \\ ü']


class Traffic:
    """Spans by service, made as requests go from one to another."""

    def __init__(self, seed: int):
        self.choice = random.Random(seed)
        self.ids = telemetry.Identifiers(seed)
        self.spans: list[tuple[str | None, Span]] = []

    def trace(self) -> None:
        trace_id = self.ids.trace_id()
        state = self.choice.choice(["", "", "ot=th:8", "a=b,ot=th:c"])
        root = self._span(trace_id, b"", self.choice.choice(SERVICES), Span.SPAN_KIND_SERVER, state)
        for _ in range(self.choice.randrange(1, 7)):
            self._request(trace_id, root, state)

    def _request(self, trace_id: bytes, parent: tuple[str, Span], state: str) -> None:
        service, above = parent
        shape = self.choice.randrange(9)
        if shape in (0, 1, 2):
            asking = self._span(trace_id, above.span_id, service, Span.SPAN_KIND_CLIENT, state)
            answering = self._span(
                trace_id, asking[1].span_id, self.choice.choice(SERVICES), Span.SPAN_KIND_SERVER, state)
            if self.choice.random() < 0.5:
                self._request(trace_id, answering, state)
        elif shape == 3:
            sending = self._span(trace_id, above.span_id, service, Span.SPAN_KIND_PRODUCER, state)
            for _ in range(self.choice.randrange(1, 4)):
                self._span(trace_id, sending[1].span_id, self.choice.choice(SERVICES), Span.SPAN_KIND_CONSUMER, state)
        elif shape == 4:
            pairs = {self.choice.choice(servicegraph.DATABASES): "orders", "server.address": "db.internal"}
            self._span(trace_id, above.span_id, service, Span.SPAN_KIND_CLIENT, state, pairs)
        elif shape == 5:
            pairs = {"server.address": "api.example.com"} if self.choice.random() < 0.5 else {}
            self._span(trace_id, above.span_id, service, Span.SPAN_KIND_CLIENT, state, pairs)
        elif shape == 6:
            self._span(trace_id, above.span_id, self.choice.choice(SERVICES), Span.SPAN_KIND_SERVER, state)
        elif shape == 7:
            pairs = self.choice.choice([{}, {"peer.service": "payment"}, {"db.system.name": "elasticsearch"}])
            outer = self._span(trace_id, above.span_id, service, Span.SPAN_KIND_CLIENT, state, pairs)
            pairs = self.choice.choice([{}, {"server.address": "inner.example.com"}])
            inner = self._span(trace_id, outer[1].span_id, service, Span.SPAN_KIND_CLIENT, state, pairs)
            if self.choice.random() < 0.5:
                self._span(
                    trace_id, inner[1].span_id, self.choice.choice(SERVICES), Span.SPAN_KIND_SERVER, state)
        else:
            self._span(trace_id, above.span_id, self.choice.choice([service, None]), Span.SPAN_KIND_INTERNAL, state)

    def _span(self, trace_id, parent, service, kind, state, pairs=None) -> tuple[str, Span]:
        made = telemetry.span(
            self.ids, trace_id, "request", kind=kind, parent_span_id=parent, trace_state=state,
            milliseconds=self.choice.choice([0, 2, 2.5, 100, 15000, 20000]), attributes=pairs or {})
        made.status.code = self.choice.choice([0, 0, 0, 1, 2])
        self.spans.append((service, made))
        return service, made

    def requests(self, traces: int) -> list:
        """All spans in any order, cut anywhere."""
        for _ in range(traces):
            self.trace()
        self.choice.shuffle(self.spans)
        result = []
        while self.spans:
            service, span = self.spans.pop()
            cut = [span]
            while self.spans and self.spans[-1][0] == service and len(cut) < 8:
                cut.append(self.spans.pop()[1])
            result.append(telemetry.export_request(cut, service))
        return result


def configuration(ttl: str) -> dict:
    return {"connectors": {"servicegraph": {"store": {"ttl": ttl}}}}


def send_all(collector, batches) -> None:
    for batch in batches:
        clients.send(collector, batch)


def test_the_graph_equals_an_independent_computation(new_collector):
    collector = new_collector(configuration("3s")).start()
    batches = Traffic(71).requests(60)
    send_all(collector, batches)
    eventually(lambda: servicegraph.assert_equal(collector.derived(), batches), seconds=30)
    edges = servicegraph.expected(batches)
    kinds = {dict(labels).get("connection_type", "") for labels in edges}
    assert kinds == {"", "messaging_system", "database", "virtual_node"}
    # What the collector says about itself is as of the last request.
    clients.send(collector, telemetry.simple_request(7001)[1])
    total = sum(edge.count for edge in edges.values())
    eventually(lambda: _assert(
        collector.metrics().total("otelcol_connector_servicegraph_total_edges_total") == total))
    about = collector.metrics()
    assert about.total("otelcol_connector_servicegraph_expired_edges_total") > 0
    dropped = "otelcol_connector_servicegraph_dropped_spans_total"
    nested = len(servicegraph.nested(batches))
    assert about.total(dropped, reason="nested") == nested > 0
    assert about.total(dropped) == nested
    assert about.total("skein_servicegraph_series") == len(edges)


def test_kills_neither_lose_nor_double_a_request(new_collector):
    journal = {"storage": {"journal": {"max_bytes": 16 * MEBIBYTE}}}
    collector = new_collector(configuration("8s") | journal).start()
    checkpoint = collector.data / "derived/derived.checkpoint"
    batches = Traffic(72).requests(60)
    third = len(batches) // 3
    # Once an eighth of the journal's cap came in, a checkpoint is due.
    ids = telemetry.Identifiers(75)
    pads = {f"pad.{index}": "x" * 60_000 for index in range(40)}
    ballast = telemetry.export_request([telemetry.span(ids, ids.trace_id(), attributes=pads)])

    def kill_and_start() -> None:
        before = collector.derived()
        collector.kill()
        collector.start()
        red.assert_never_falls(before, eventually(collector.derived))

    # Both sides of some requests stand on either side of each kill: of one that leaves the journal alone to start
    # from, and of one that leaves a checkpoint and what came after it.
    send_all(collector, batches[:third])
    eventually(lambda: _assert(len(collector.derived().series(servicegraph.REQUESTS)) > 0))
    assert not checkpoint.exists()
    kill_and_start()
    clients.send(collector, ballast)
    wait_for(checkpoint)
    send_all(collector, batches[third : 2 * third])
    kill_and_start()
    send_all(collector, batches[2 * third :])
    eventually(lambda: servicegraph.assert_equal(collector.derived(), batches), seconds=60)
    # What was settled by time alone stays so, from the first answer on.
    settled = collector.derived()
    collector.kill()
    collector.start()
    after = eventually(collector.derived)
    red.assert_never_falls(settled, after)
    servicegraph.assert_equal(after, batches)


def wait_for(file) -> None:
    def exists() -> None:
        assert file.exists(), "no checkpoint was written"

    eventually(exists, seconds=20)


def test_grafanas_service_map_queries_have_what_they_ask_for(new_collector):
    """Sums by client and server, whatever the labels besides."""
    collector = new_collector(configuration("1s")).start()
    batches = Traffic(73).requests(20)
    send_all(collector, batches)
    eventually(lambda: servicegraph.assert_equal(collector.derived(), batches), seconds=30)
    derived = collector.derived()
    for name in [servicegraph.REQUESTS, *(f"{name}_sum" for name in servicegraph.HISTOGRAMS.values())]:
        assert all({"client", "server"} <= {key for key, _ in labels} for labels in derived.series(name))


def test_labels_are_configured_and_it_can_be_switched_off(new_collector):
    graph = {"dimensions": ["zone"], "virtual_node_extra_label": True, "latency_histogram_buckets": ["1s"]}
    collector = new_collector({"connectors": {"service_graph": graph}}).start()
    ids = telemetry.Identifiers(74)
    span = telemetry.span(ids, ids.trace_id(), kind=Span.SPAN_KIND_SERVER)
    clients.send(collector, telemetry.export_request([span], "shop", zone="z"))
    labels = {
        "client": "user", "server": "shop", "connection_type": "virtual_node", "failed": "false",
        "virtual_node": "client", "server_zone": "z"}
    eventually(lambda: _assert(collector.derived().series(servicegraph.REQUESTS) == {frozenset(labels.items()): 1}))
    bounds = {dict(key)["le"] for key in collector.derived().series(servicegraph.HISTOGRAMS["server"] + "_bucket")}
    assert bounds == {"1", "+Inf"}

    off = new_collector({"connectors": {"servicegraph": {"enabled": False}}}).start()
    clients.send(off, telemetry.export_request([span], "shop"))
    eventually(lambda: _assert(off.derived().total(red.CALLS) == 1))
    assert not off.derived().series(servicegraph.REQUESTS)


def _assert(claim: bool) -> None:
    assert claim


@pytest.mark.parametrize(
    "content, message",
    [
        ({"store": {"max_items": 0}}, "connectors.servicegraph.store.max_items"),
        ({"store": {"tll": "2s"}}, "did you mean 'ttl'"),
        ({"latency_histogram_buckets": ["2s", "1s"]}, "not ascending"),
        ({"latency_histogram_buckets": ["x"]}, "expected a duration"),
        ({"dimensions": ["a.b", "a_b"]}, "servicegraph.dimensions: 'a_b' is a label already"),
        ({"metrics_flush_interval": "1s"}, "metrics_flush_interval: has no effect here"),
        ({"latency_histogram_buckets": []}, "latency_histogram_buckets: the list is empty"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, content, message):
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"connectors": {"servicegraph": content}}, indent=1))
    check = run("config", "check", file)
    assert check.returncode == 2 and message in check.stderr, check.stderr
