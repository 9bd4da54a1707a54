"""What the store does by itself with its blocks: small ones are joined, damaged ones put aside, and answers say so."""

import clients
import telemetry
from harness import run
from telemetry import SECOND, span
from waiting import eventually

# Blocks that the merge joins however small they are, and seconds between its looks.
BLOCKS = 4
MERGE_SECONDS = 10


def fill_blocks(new_collector, blocks: int, seed: int):
    """A collector whose store has that many blocks, each of one trace of three spans, and the ids of the traces."""
    collector = new_collector()
    ids = telemetry.Identifiers(seed)
    start = telemetry.now() - 600 * SECOND
    traces = []
    for number in range(blocks):
        collector.start()
        trace_id = ids.trace_id()
        spans = [span(ids, trace_id, f"step {step}", start=start + number * SECOND) for step in range(3)]
        clients.send(collector, telemetry.export_request(spans, f"service-{number}"))
        traces.append(trace_id)
        # The end of a collector seals what is in memory.
        collector.stop()
    assert len(list((collector.data / "store").glob("*.skb"))) == blocks
    return collector, traces


def search(collector, **parameters):
    answer = collector.query("/api/skein/v1/search", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_small_blocks_are_joined_and_counted(new_collector):
    collector, traces = fill_blocks(new_collector, BLOCKS, seed=8100)
    collector.start()
    assert collector.metrics().total("skein_store_blocks") == BLOCKS

    def joined():
        metrics = collector.metrics()
        assert metrics.total("skein_store_merges_total") == 1
        return metrics

    metrics = eventually(joined, MERGE_SECONDS + 10)
    assert metrics.total("skein_store_merged_blocks_total") == BLOCKS
    assert metrics.total("skein_store_failed_merges_total") == 0
    assert metrics.total("skein_store_blocks") == 1
    assert metrics.total("skein_store_spans") == 3 * BLOCKS

    def removed():
        files = list((collector.data / "store").glob("*.skb"))
        assert len(files) == 1, "the blocks that were joined are still there"
        assert metrics.total("skein_store_merged_bytes_total") == files[0].stat().st_size

    eventually(removed)
    found = search(collector)
    assert {trace["traceID"] for trace in found["traces"]} == {trace_id.hex() for trace_id in traces}
    assert not found["partial"]
    for trace_id in traces:
        tree = collector.query(f"/api/skein/v1/traces/{trace_id.hex()}").json()
        assert [node["operation"] for node in tree["spans"]] == ["step 0", "step 1", "step 2"]
    collector.stop()
    verified = run("store", "verify", "--data-dir", str(collector.data))
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_answers_without_a_damaged_block_are_partial(new_collector):
    collector, traces = fill_blocks(new_collector, 2, seed=8200)
    blocks = sorted((collector.data / "store").glob("*.skb"))
    damaged = bytearray(blocks[0].read_bytes())
    # The first page, behind the header of 16 bytes; the footer stays sound, so the damage shows when a query reads.
    damaged[20] ^= 4
    blocks[0].write_bytes(damaged)
    collector.start()

    def put_aside():
        # Queries find the damage; the one that does may fail, the next ones go without the block.
        collector.query("/api/skein/v1/search", params={"q": "{ name =~ \"step.*\" }"})
        collector.query(f"/api/skein/v1/traces/{traces[0].hex()}")
        assert collector.metrics().total("skein_store_quarantined_blocks") == 1

    eventually(put_aside)
    found = search(collector)
    assert found["partial"]
    assert len(found["partialReasons"]) == 1
    assert blocks[0].name in found["partialReasons"][0] and "3 spans are missing" in found["partialReasons"][0]
    assert [trace["traceID"] for trace in found["traces"]] == [traces[1].hex()]
    tree = collector.query(f"/api/skein/v1/traces/{traces[1].hex()}").json()
    assert tree["partial"] and tree["partialReasons"] == found["partialReasons"]
    # A range that the block's spans do not touch lacks nothing.
    start, end = telemetry.now() - 60 * SECOND, telemetry.now()
    assert not search(collector, start=start, end=end)["partial"]
    assert [file.name for file in (collector.data / "store" / "quarantine").iterdir()] == [blocks[0].name]
    collector.restart()
    assert search(collector)["partialReasons"], "a restart has forgotten what is missing"
    assert collector.metrics().total("skein_store_quarantined_blocks") == 1
