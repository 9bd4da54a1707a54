"""Kills the collector again and again in the middle of its work; afterwards nothing is lost and nothing is doubled."""

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

import exposition
import red
from crash_load import AcknowledgedFile, Load
from harness import REQUEST_SECONDS, Collector
from sink import Answer
from test_round_trip import forwarding
from waiting import eventually

ROUNDS = int(os.environ.get("SKEIN_CRASH_ROUNDS", "50"))
SEED = int(os.environ.get("SKEIN_CRASH_SEED", random.SystemRandom().randrange(1 << 24)))
IN_FLIGHT_MIN = 20
# Requests of one round before its kill: enough for blocks to seal and the forwarder to be in the middle of something.
REQUESTS_MIN, REQUESTS_MAX = 30, 150
# Every so many rounds the kill waits for a checkpoint of the derived state, so that restarts from a checkpoint and
# restarts from the journal alone both occur. One is written every 5 seconds, and sooner once an eighth of the journal's
# cap came in: in these rounds requests are large.
CHECKPOINT_EVERY = 12
CHECKPOINT_PAD_BYTES = 60_000
# Far more than the forwarder ever has before it, because at the cap it would be made to skip: from one checkpoint to
# the next less than a quarter of it comes in, and then there is time to send all but so much.
JOURNAL_BYTES_MAX = 128 << 20
FORWARD_BYTES_MAX = JOURNAL_BYTES_MAX // 4
# After the moment is chosen, the kill comes up to this much later, in the middle of whatever happens then.
JITTER_SECONDS = 0.01
ROUND_SECONDS = 60.0
# One start in so many is killed as well, within the time that a start takes.
START_KILLED_ONE_IN = 4
START_SECONDS = 0.08
# One attempt in so many is turned away by the forward target, so that kills also meet retries.
TARGET_REFUSES_ONE_IN = 10

CONFIGURATION = {"storage": {
    "block": {"max_age": "250ms", "max_spans": 1500}, "journal": {"max_bytes": JOURNAL_BYTES_MAX}}}  # fmt: skip


class Scraper:
    """Scrapes 8889 all the time, through all lives; any counter that falls or goes away is a problem."""

    def __init__(self, collector: Collector):
        self.collector = collector
        self.last = exposition.Exposition()
        self.scrapes = 0
        self.problems: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(REQUEST_SECONDS)

    def _run(self) -> None:
        while not self._over.wait(0.02):
            try:
                answer = self.collector.get("prometheus", "/metrics")
            except (requests.RequestException, AssertionError):
                continue  # killed, or not yet started again
            if answer.status_code == 503:
                continue
            try:
                assert answer.status_code == 200, answer.status_code
                scraped = exposition.parse(answer.text)
                red.assert_never_falls(self.last, scraped)
                self.last = scraped
                self.scrapes += 1
            except AssertionError as error:
                self.problems.append(str(error))


def one_round(collector: Collector, load: Load, scraper: Scraper, choice: random.Random, number: int) -> int:
    """Lets the load run, kills at a random point, starts again; returns how many requests were in flight."""
    scrapes, started = scraper.scrapes, load.started
    wanted = choice.randrange(REQUESTS_MIN, REQUESTS_MAX)
    waits_for_checkpoint = number % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1
    load.pad_bytes = CHECKPOINT_PAD_BYTES if waits_for_checkpoint else 0
    load.resume()
    if waits_for_checkpoint:
        wait_checkpoint(collector.data)
        load.pad_bytes = 0
    # While it runs it is scraped, or what the scrapes say would be of other rounds only.
    wait_until(load, lambda: load.started - started >= wanted and scraper.scrapes > scrapes)
    time.sleep(choice.random() * JITTER_SECONDS)
    wait_until(load, lambda: load.in_flight >= IN_FLIGHT_MIN)
    in_flight = load.in_flight
    collector.kill()
    load.pause()
    if choice.randrange(START_KILLED_ONE_IN) == 0:
        # Recovery must bear to be cut off, too; this kill is one on top.
        collector.start(keep_ports=True, wait=False)
        time.sleep(choice.random() * START_SECONDS)
        collector.kill()
    collector.start(keep_ports=True)
    if waits_for_checkpoint:
        wait_forwarded(collector, FORWARD_BYTES_MAX)
    return in_flight


def wait_until(load: Load, condition) -> None:
    with load.changed:
        met = load.changed.wait_for(lambda: condition() or load.problems, ROUND_SECONDS)
    assert not load.problems, load.problems[:3]
    assert met, f"started {load.started}, in flight {load.in_flight}, acknowledged {load.acknowledgements}"


def wait_checkpoint(data: Path) -> None:
    checkpoint = data / "derived/derived.checkpoint"

    def newest() -> int:
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    before = newest()

    def written() -> None:
        assert newest() > before, "no checkpoint was written"

    eventually(written, seconds=15)


def wait_forwarded(collector: Collector, but: int = 0) -> None:
    """Until all is sent but so many bytes of the journal."""

    def sent() -> None:
        waiting = collector.metrics().total("otelcol_exporter_queue_size")
        assert waiting <= but, f"{waiting} bytes wait to be forwarded"

    eventually(sent, ROUND_SECONDS)


def refusing_now_and_then(seed: int):
    choice = random.Random(seed)
    return lambda _: Answer(503) if choice.randrange(TARGET_REFUSES_ONE_IN) == 0 else Answer()


def test_kill_loop(new_collector, sink, tmp_path, capsys):
    say(capsys, f"kill loop: {ROUNDS} rounds, repeat with SKEIN_CRASH_SEED={SEED}")
    choice = random.Random(SEED)
    sink.decide = refusing_now_and_then(SEED)
    collector = new_collector(forwarding(sink) | CONFIGURATION).start()
    acknowledged = AcknowledgedFile(tmp_path / "acknowledged")
    load = Load(collector, SEED, acknowledged)
    scraper = Scraper(collector)
    begin = time.monotonic()
    try:
        in_flight = [one_round(collector, load, scraper, choice, number) for number in range(ROUNDS)]
        load.resume()
        load.finish(ROUND_SECONDS)
        eventually(lambda: red_total_is(collector, spans_of(load)), seconds=30)
    finally:
        acknowledged.close()
        scraper.close()
    seconds = time.monotonic() - begin
    say(capsys, f"{spans_of(load)} spans, {load.broken} requests cut off, {scraper.scrapes} scrapes, {seconds:.1f} s")

    assert min(in_flight) >= IN_FLIGHT_MIN
    assert load.broken >= ROUNDS, "the kills interrupted too little to show anything"
    assert not scraper.problems, scraper.problems[:3]
    assert scraper.scrapes > ROUNDS
    red.assert_never_falls(scraper.last, collector.derived())
    assert_all_acknowledged(load, acknowledged)
    assert_stored_exactly_once(collector, load)
    assert_forwarded_at_least_once(collector, sink, load)


def say(capsys, text: str) -> None:
    """Also in the report of a failure: of a worker beside others nothing else is seen."""
    print(text)
    with capsys.disabled():
        print(f"\n{text}", flush=True)


def spans_of(load: Load) -> int:
    return sum(len(batch.span_ids) for batch in load.sent)


def red_total_is(collector: Collector, spans: int) -> None:
    assert collector.derived().total(red.CALLS) == spans
    assert collector.derived().total(f"{red.DURATION}_count") == spans


def assert_all_acknowledged(load: Load, acknowledged: AcknowledgedFile) -> None:
    written = Counter(acknowledged.span_ids())
    assert written == Counter(span for batch in load.sent for span in batch.span_ids)


def assert_stored_exactly_once(collector: Collector, load: Load) -> None:
    """By trace, and by the store's own count, which an answer that collapses equal spans could not show."""
    expected: dict[str, Counter[str]] = {}
    for batch in load.sent:
        expected.setdefault(batch.trace_id.hex(), Counter()).update(span.hex() for span in batch.span_ids)
    with requests.Session() as session, ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda trace_id: stored_spans(session, collector, trace_id), expected)
        for trace_id, spans in zip(expected, found, strict=True):
            assert spans == expected[trace_id], f"trace {trace_id}: {describe(expected[trace_id], spans)}"
    assert collector.metrics().total("skein_store_spans") == spans_of(load)
    parameters = {"start": 0, "end": time.time_ns() + 10**9, "by": "service"}
    rows = collector.query("/api/skein/v1/red", params=parameters).json()["rows"]
    assert sum(row["spans"] for row in rows) == spans_of(load)


def stored_spans(session: requests.Session, collector: Collector, trace_id: str) -> Counter[str]:
    answer = session.get(collector.url("query", f"/api/v3/traces/{trace_id}"), timeout=REQUEST_SECONDS)
    if answer.status_code == 404:
        return Counter()
    return Counter(
        span["spanId"]
        for resource_spans in answer.json()["result"]["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    )


def describe(expected: Counter[str], found: Counter[str]) -> str:
    return f"missing {list((expected - found).elements())[:5]}, too many {list((found - expected).elements())[:5]}"


def assert_forwarded_at_least_once(collector: Collector, sink, load: Load) -> None:
    expected = {span for batch in load.sent for span in batch.span_ids}

    wait_forwarded(collector)
    arrived = {
        span.span_id for export in sink.exports() for resource in export.resource_spans
        for scope in resource.scope_spans for span in scope.spans}  # fmt: skip
    assert len(expected - arrived) == 0, "some did not arrive"
    assert len(arrived - expected) == 0, "some are not ours"
    assert collector.metrics().total("otelcol_exporter_send_failed_spans_total") == 0
