"""Prometheus text format 0.0.4, read strictly enough to notice a broken exposition."""

import re
from dataclasses import dataclass, field

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = frozenset[tuple[str, str]]


@dataclass
class Exposition:
    """All samples of one scrape, by name and labels, and the type of each family."""

    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def total(self, metric: str, /, **labels: str) -> float:
        """The sum of a metric's samples that carry at least these labels; 0 when there is none."""
        wanted = set(labels.items())
        return sum(value for (name, own), value in self.samples.items() if name == metric and wanted <= own)

    def series(self, metric: str) -> dict[Labels, float]:
        return {labels: value for (name, labels), value in self.samples.items() if name == metric}

    def counters(self) -> dict[tuple[str, Labels], float]:
        """Everything that must never fall: counters and the buckets, sums and counts of histograms."""
        return {key: value for key, value in self.samples.items() if self._is_counter(key[0])}

    def _is_counter(self, name: str) -> bool:
        if self.types.get(name) == "counter":
            return True
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        return family != name and self.types.get(family) == "histogram"


def parse(text: str) -> Exposition:
    """Reads a whole exposition; anything that Prometheus would refuse raises AssertionError."""
    assert not text or text.endswith("\n"), "the exposition does not end with a line feed"
    result = Exposition()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in result.types, f"family {name} is declared twice"
            result.types[name] = kind
        elif line and not line.startswith("#"):
            key, value = _sample(line)
            assert key not in result.samples, f"sample given twice: {line}"
            result.samples[key] = value
    return result


def _sample(line: str) -> tuple[tuple[str, Labels], float]:
    match = _SAMPLE.match(line)
    assert match, f"no sample: {line}"
    name, labels, value, _ = match.groups()
    pairs = _LABEL.findall(labels or "")
    assert sum(len(k) + len(v) + 3 for k, v in pairs) + max(0, len(pairs) - 1) == len(labels or ""), line
    unescaped = [(k, re.sub(r"\\.", lambda escape: _ESCAPES[escape.group()], v)) for k, v in pairs]
    return (name, frozenset(unescaped)), float(value)
