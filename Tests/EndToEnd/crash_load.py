"""Clients that never give up: many requests in flight at once, each sent again as it was until it is acknowledged."""

import http.client
import os
import queue
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import grpc

import telemetry
from clients import EXPORT, PROTOBUF
from harness import Collector

# Requests wait for their answer in this many threads, half of them over each transport; a kill wants 20 in flight.
WORKERS = 28
SPANS_PER_BATCH = 20
# Several requests make one trace, so that a trace is written to the journal in pieces and on both sides of a kill.
BATCHES_PER_TRACE = 4
# A collector on this machine answers in milliseconds; one that was killed not at all.
ANSWER_SECONDS = 20.0


@dataclass
class Batch:
    trace_id: bytes
    span_ids: list[bytes]
    body: bytes


def make_batch(seed: int, number: int, pad_bytes: int = 0) -> Batch:
    """Deterministic for a seed; no two batches share a span id."""
    trace_id = telemetry.Identifiers(seed << 32 | number // BATCHES_PER_TRACE).trace_id()
    ids = telemetry.Identifiers(~(seed << 32 | number))
    spans = [
        telemetry.span(
            ids, trace_id, f"step {index % 4}", milliseconds=(number + index) % 400, attributes={"n": number})
        for index in range(SPANS_PER_BATCH)
    ]
    if pad_bytes:
        spans[0].attributes.extend(telemetry.attributes({"pad": "x" * pad_bytes}))
    request = telemetry.export_request(spans, f"service-{number % 3}")
    return Batch(trace_id, [span.span_id for span in spans], request.SerializeToString())


class AcknowledgedFile:
    """The client's own record of what it may rely on: a span id counts once its line is synced."""

    def __init__(self, path: Path):
        self.path = path
        self._queue: queue.Queue[Batch | None] = queue.Queue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def add(self, batch: Batch) -> None:
        self._queue.put(batch)

    def close(self) -> None:
        self._queue.put(None)
        self._writer.join()

    def span_ids(self) -> list[bytes]:
        return [bytes.fromhex(line) for line in self.path.read_text().split()]

    def _write(self) -> None:
        with self.path.open("w") as file:
            while (batch := self._queue.get()) is not None:
                file.writelines(f"{span_id.hex()}\n" for span_id in batch.span_ids)
                file.flush()
                os.fsync(file.fileno())


@dataclass
class Load:
    """Sends to one collector through all its lives. `resume` for each, `interrupted` when it was killed."""

    collector: Collector
    seed: int
    acknowledged: AcknowledgedFile
    sent: list[Batch] = field(default_factory=list)
    started: int = 0
    in_flight: int = 0
    acknowledgements: int = 0
    broken: int = 0
    refused: int = 0
    # What new requests have beyond their spans.
    pad_bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.changed = threading.Condition()
        self._again: deque[Batch] = deque()
        self._may_send = False
        self._may_make = True
        self._over = False
        self._life = 0
        transports = [self._post, self._call]
        self._threads = [
            threading.Thread(target=self._work, args=(transports[index % 2],), daemon=True) for index in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    # MARK: control

    def resume(self) -> None:
        """The collector takes requests, maybe as another process than before."""
        with self.changed:
            self._life += 1
            self._may_send = True
            self.changed.notify_all()

    def pause(self) -> None:
        """No request begins until `resume`; those in flight go on."""
        with self.changed:
            self._may_send = False

    def finish(self, seconds: float) -> None:
        """Makes nothing new, waits until everything that was ever sent is acknowledged, and ends the threads."""
        with self.changed:
            self._may_make = False
            self.changed.notify_all()
            done = self.changed.wait_for(lambda: self.acknowledgements == len(self.sent) or self.problems, seconds)
            self._over = True
            self.changed.notify_all()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS)
        assert not self.problems, self.problems[:3]
        assert done, f"{self.acknowledgements} of {len(self.sent)} requests were acknowledged"

    # MARK: threads

    def _work(self, transport) -> None:
        life, connection = 0, None
        while (job := self._next()) is not None:
            batch, current = job
            if current != life or connection is None:
                if connection is not None:
                    connection.close()
                life, connection = current, self._connect(transport)
            try:
                outcome = transport(connection, batch)
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"
            if outcome == "broken":
                connection.close()
                connection = None
            self._settle(batch, outcome, current)

    def _next(self) -> tuple[Batch, int] | None:
        with self.changed:
            self.changed.wait_for(lambda: self._over or self._may_send and (self._again or self._may_make))
            if self._over:
                return None
            if self._again:
                batch = self._again.popleft()
            else:
                batch = make_batch(self.seed, len(self.sent), self.pad_bytes)
                self.sent.append(batch)
            self.started += 1
            self.in_flight += 1
            self.changed.notify_all()
            return batch, self._life

    def _settle(self, batch: Batch, outcome: str, life: int) -> None:
        if outcome == "taken":
            self.acknowledged.add(batch)
        with self.changed:
            self.in_flight -= 1
            if outcome == "taken":
                self.acknowledgements += 1
            elif outcome in ("broken", "refused"):
                self._again.append(batch)
                self.broken += outcome == "broken"
                self.refused += outcome == "refused"
                # A connection that broke means that this life is over; the next one will say when to go on.
                if outcome == "broken" and life == self._life:
                    self._may_send = False
            else:
                self.problems.append(outcome)
            self.changed.notify_all()

    # MARK: transports: "taken", "refused" (come again), "broken" (nobody knows), or what should never be answered

    def _connect(self, transport):
        host, port = self.collector.endpoints["otlp_http" if transport == self._post else "otlp_grpc"]
        if transport == self._post:
            return http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        return grpc.insecure_channel(f"{host}:{port}", options=[("grpc.use_local_subchannel_pool", 1)])

    @staticmethod
    def _post(connection: http.client.HTTPConnection, batch: Batch) -> str:
        try:
            connection.request("POST", "/v1/traces", batch.body, {"Content-Type": PROTOBUF})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return "broken"
        if answer.status == 200 and not content:
            return "taken"
        return "refused" if answer.status == 503 else f"{answer.status} {content!r}"

    @staticmethod
    def _call(channel: grpc.Channel, batch: Batch) -> str:
        try:
            answer = channel.unary_unary(EXPORT)(batch.body, timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
                return "refused"
            # What grpc says when the connection goes away under a call depends on how far that was.
            lost = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL)
            return "broken" if code in lost else f"{code} {error.details()}"
        return "taken" if answer == b"" else f"OK {answer!r}"
