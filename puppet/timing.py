"""Named spans: how long each stage takes, as percentiles over the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 8192
"""Durations a span keeps: four and a half minutes at 30 frames a second."""

PACE_S = 2.0
"""A pace is measured over the last seconds, so many."""


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
        self.total_s = 0.0
        """All durations together, in seconds."""

    def add(self, duration_s: float) -> None:
        """Note one duration, in seconds."""
        self._kept_ms[self._count % KEPT] = duration_s * 1e3
        self._count += 1
        self.total_s += duration_s

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


class Pace:
    """How many a second, lately. One thread ticks, any thread may ask."""

    def __init__(self) -> None:
        """Start without a tick."""
        self._ticks_s: deque[float] = deque(maxlen=int(PACE_S * 240))

    def tick(self) -> None:
        """Note that one more is done."""
        self._ticks_s.append(perf_counter())

    def per_second(self) -> float:
        """Ticks a second over the last seconds; 0 when there were none."""
        now_s = perf_counter()
        lately = [tick_s for tick_s in tuple(self._ticks_s) if now_s - tick_s <= PACE_S]
        return (len(lately) - 1) / (now_s - lately[0]) if len(lately) > 1 else 0.0
