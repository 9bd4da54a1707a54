"""What can be known of the data directory from outside."""

from pathlib import Path

from harness import Collector
from waiting import eventually


def sealed_spans(collector: Collector) -> float:
    metrics = collector.metrics()
    return metrics.total("skein_store_spans") - metrics.total("skein_store_live_spans")


def wait_sealed(collector: Collector, spans: int, seconds: float = 15.0) -> None:
    def sealed() -> None:
        assert sealed_spans(collector) >= spans, "the spans are not in a block yet"

    eventually(sealed, seconds)


def newest_segment(data: Path) -> Path:
    """The journal segment that is written to."""
    return max((data / "journal").glob("*.journal"), key=lambda path: path.name)


# docs/formats/journal.md
SEGMENT_HEADER_BYTES = 32


def records_end(segment: bytes) -> int:
    """Where the last record of a sound segment ends; what follows is room that was taken ahead."""
    offset = SEGMENT_HEADER_BYTES
    while length := int.from_bytes(segment[offset : offset + 4], "little"):
        offset += length
    return offset
