"""Memory, disk and journal at their limits: a retryable answer, a counter, and recovery without a restart."""

import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

import clients
import otlp_json
import telemetry
from comparison import assert_same_spans
from small_disk import SmallDisk
from test_bad_input import REFUSED, status_of
from waiting import eventually

MEBIBYTE = 1 << 20


@dataclass
class Refusal:
    """Checks that both receivers refuse so that clients come back, count it, and that health tells."""

    collector: object
    reason: str

    def check(self, body: bytes) -> None:
        before = self.collector.metrics()
        answer = clients.post(self.collector, body)
        assert answer.status_code == 503, answer.content
        assert int(answer.headers["Retry-After"]) >= 1
        assert status_of(answer).message
        answer = clients.call(self.collector, body)
        assert answer.code == grpc.StatusCode.RESOURCE_EXHAUSTED, answer
        assert answer.retry_delay_seconds and answer.retry_delay_seconds > 0
        after = self.collector.metrics()
        for receiver in ("otlp_http", "otlp_grpc"):
            labels = {"receiver": receiver, "reason": self.reason}
            moved = {tuple(sorted(k)): v for k, v in after.series(REFUSED).items() if v}
            assert after.total(REFUSED, **labels) - before.total(REFUSED, **labels) == 1, moved


def health(collector, status: int) -> Callable[[], str]:
    def check() -> str:
        answer = collector.get("health", "/")
        assert answer.status_code == status, answer.text
        return answer.json()["status"]

    return check


# MARK: memory


class UnfinishedUpload:
    """A request whose body is never complete: what came of it stays in the collector's memory until `close`."""

    def __init__(self, collector, announced: int, sent: int):
        host, port = collector.endpoints["otlp_http"]
        self._socket = socket.create_connection((host, port), timeout=20)
        head = f"Host: x\r\nContent-Type: {clients.PROTOBUF}\r\nContent-Length: {announced}\r\n\r\n"
        self._socket.sendall(f"POST /v1/traces HTTP/1.1\r\n{head}".encode() + bytes(sent))

    def is_refused(self) -> bool:
        """Whether the collector has answered, or hung up; it must have come to a decision."""
        if not select.select([self._socket], [], [], 0)[0]:
            return False
        try:
            head = self._socket.recv(4096).decode("latin-1").lower()
        except ConnectionResetError:
            return True
        assert not head or head.startswith("http/1.1 503 ") and "retry-after: 1" in head, head
        return True

    def close(self) -> None:
        self._socket.close()


def resident_mebibytes(collector) -> int:
    status = Path(f"/proc/{collector.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def test_the_memory_limit_refuses_and_recovers(new_collector):
    idle = new_collector().start()
    soft = resident_mebibytes(idle) + 32
    idle.stop()
    # Far from the limit, so that what requests may hold, an eighth of it, is more than the soft limit leaves.
    limiter = {"check_interval": "20ms", "limit_mib": soft + 512, "spike_limit_mib": 512}
    collector = new_collector({"processors": {"memory_limiter": limiter}}).start()
    stored = telemetry.simple_request(80)
    clients.send(collector, stored[1])

    uploads = [UnfinishedUpload(collector, 20 * MEBIBYTE, 17 * MEBIBYTE) for _ in range(3)]
    assert "memory" in eventually(health(collector, 503))
    refused_id, refused = telemetry.simple_request(81)
    Refusal(collector, "memory_limit").check(refused.SerializeToString())
    # Reading goes on, and so does what was taken before.
    assert_same_spans(otlp_json.to_request(collector.trace(stored[0])), stored[1])

    for upload in uploads:
        upload.close()
    eventually(health(collector, 200))
    assert collector.query(f"/api/v3/traces/{refused_id.hex()}").status_code == 404
    clients.send(collector, refused)
    assert_same_spans(otlp_json.to_request(collector.trace(refused_id)), refused)


def test_half_sent_bodies_hold_no_more_than_their_share(new_collector):
    """Sixty clients that stop halfway: their bodies would be 600 MiB, in a process that may have 192."""
    collector = new_collector({"processors": {"memory_limiter": {"limit_mib": 192, "check_interval": "20ms"}}}).start()
    before = resident_mebibytes(collector)
    uploads = []
    for _ in range(60):
        try:
            uploads.append(UnfinishedUpload(collector, 20 * MEBIBYTE, 10 * MEBIBYTE))
        except (ConnectionResetError, BrokenPipeError):
            pass  # Refused and hung up on; the collector counts it.

    def refused() -> int:
        count = int(collector.metrics().total(REFUSED, receiver="otlp_http", reason="buffers_full"))
        # Twice the largest body is what all may hold, and three quarters of it what large ones may: three at most.
        assert count >= 57, count
        return count

    count = eventually(refused)
    assert sum(not upload.is_refused() for upload in uploads) == 60 - count
    assert resident_mebibytes(collector) < before + 100
    # Those who send what exporters send are served all the while, over both protocols.
    trace_id, request = telemetry.simple_request(87, spans=100)
    clients.send(collector, request)
    assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert clients.call(collector, telemetry.simple_request(88)[1].SerializeToString()).code == grpc.StatusCode.OK
    assert collector.get("health", "/").status_code == 200

    for upload in uploads:
        upload.close()
    large = telemetry.export_request([telemetry.span(
        telemetry.Identifiers(89), telemetry.Identifiers(89).trace_id(),
        attributes={f"pad.{index}": "x" * 60_000 for index in range(110)})])
    # What they held is free again.
    eventually(lambda: clients.send(collector, large))


# MARK: disk

# Of a request that takes about 600 kB: what fills a disk is bytes, and what takes time here is spans.
LARGE_SPANS = 12


def large_request(seed: int):
    ids = telemetry.Identifiers(seed)
    trace_id = ids.trace_id()
    spans = [telemetry.span(ids, trace_id, attributes={"pad": "x" * 50_000}) for _ in range(LARGE_SPANS)]
    return trace_id, telemetry.export_request(spans)


def test_a_full_disk_refuses_and_recovers(new_collector, tmp_path):
    with SmallDisk(tmp_path / "disk", megabytes=48) as disk:
        collector = new_collector()
        collector.data = disk.path / "data"
        collector.start()
        try:
            check_full_disk(collector, disk)
        finally:
            collector.close()


def check_full_disk(collector, disk: SmallDisk) -> None:
    stored = telemetry.simple_request(82)
    clients.send(collector, stored[1])
    own = collector.metrics()
    assert own.total("skein_storage_size_bytes") == disk.megabytes * MEBIBYTE
    # The journal has taken room ahead.
    assert 20 * MEBIBYTE < own.total("skein_storage_free_bytes") < disk.megabytes * MEBIBYTE
    disk.fill()
    assert collector.metrics().total("skein_storage_free_bytes") == 0
    # The journal has taken room ahead, which serves for a while.
    taken = []
    for seed in range(1000, 2000):
        refused_id, refused = large_request(seed)
        if clients.post(collector, refused.SerializeToString()).status_code != 200:
            break
        taken.append((refused_id, refused))
    Refusal(collector, "disk_full").check(refused.SerializeToString())
    assert_same_spans(otlp_json.to_request(collector.trace(stored[0])), stored[1])
    disk.free()
    # The same bytes again: what the disk did not take must not pass for a duplicate.
    eventually(lambda: clients.send(collector, refused))
    eventually(health(collector, 200))
    assert_same_spans(otlp_json.to_request(collector.trace(refused_id)), refused)
    collector.kill()
    collector.start()
    for trace_id, request in (stored, *taken, (refused_id, refused)):
        assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert collector.derived().total("traces_span_metrics_calls_total") == 3 + LARGE_SPANS * (len(taken) + 1)
    collector.stop()


# MARK: journal


def test_the_journal_at_its_cap_refuses_and_recovers(new_collector, tmp_path):
    """The store's own disk is full, so the store cannot go on and holds the journal until that reaches its cap."""
    journal_bytes_max = 16 * MEBIBYTE
    collector = new_collector(
        {"storage": {"journal": {"max_bytes": journal_bytes_max}, "block": {"max_age": "100ms", "max_spans": 100}}})
    store = collector.data / "store"
    collector.data.mkdir()
    with SmallDisk(store, megabytes=4) as disk:
        collector.start()
        try:
            check_journal_cap(collector, disk, journal_bytes_max)
        finally:
            collector.close()


def check_journal_cap(collector, disk: SmallDisk, journal_bytes_max: int) -> None:
    disk.fill()
    sent = []
    for seed in range(84_000, 84_100):
        trace_id, request = large_request(seed)
        if clients.post(collector, request.SerializeToString()).status_code != 200:
            break
        sent.append((trace_id, request))
    accepted = sum(request.ByteSize() for _, request in sent)
    assert 0.5 * journal_bytes_max < accepted <= journal_bytes_max, accepted
    # One that is just as large; a small one might still fit.
    Refusal(collector, "journal_full").check(request.SerializeToString())
    assert collector.get("health", "/").status_code == 503
    disk.free()
    eventually(health(collector, 200))
    eventually(lambda: clients.send(collector, telemetry.simple_request(86)[1]))
    for trace_id, request in (sent[0], sent[-1]):
        assert_same_spans(otlp_json.to_request(collector.trace(trace_id)), request)
    assert collector.derived().total("traces_span_metrics_calls_total") == LARGE_SPANS * len(sent) + 3
    collector.stop()
