"""Named spans: how long each stage takes, as percentiles over the last minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 8192
"""Durations a span keeps: four and a half minutes at 30 frames a second."""


@dataclass(frozen=True, slots=True)
class SpanTiming:
    """A span's durations so far.

    Attributes:
        name: The stage.
        count: How often it ran.
        median_ms: Median of the kept durations.
        p95_ms: 95th percentile of the kept durations.
    """

    name: str
    count: int
    median_ms: float
    p95_ms: float


class Span:
    """Durations of one stage. One thread adds, any thread may take a snapshot."""

    def __init__(self, name: str) -> None:
        """Make an empty span.

        Args:
            name: The stage.
        """
        self._name = name
        self._kept_ms = np.zeros(KEPT, np.float32)
        self._count = 0

    def add(self, duration_s: float) -> None:
        """Note one duration, in seconds."""
        self._kept_ms[self._count % KEPT] = duration_s * 1e3
        self._count += 1

    def timed(self, stage: Callable[P, R]) -> Callable[P, R]:
        """The same callable, with every call noted."""

        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            start = perf_counter()
            result = stage(*args, **kwargs)
            self.add(perf_counter() - start)
            return result

        return call

    def snapshot(self) -> SpanTiming:
        """Percentiles of the kept durations; zeros when nothing was noted yet."""
        count = self._count
        kept = self._kept_ms[: min(count, KEPT)]
        median, p95 = np.percentile(kept, (50, 95)) if count else (0.0, 0.0)
        return SpanTiming(self._name, count, float(median), float(p95))
