"""How many threads are fastest right now, for steps that are all alike.

On a machine that has nothing else to do, that is all of them. On a busy one threads wait at every turn for the one that
was pushed aside, and half of them are faster than all; this changes while somebody goes on air. So both are tried again
and again, a few steps each.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import torch

TRIED = 3
"""Steps that a number of threads is judged by; the slowest and the fastest do not count."""

KEPT = 40
"""Steps with the faster number before both are tried again."""


class ThreadPace:
    """Sets torch's threads before each step, and times it."""

    def __init__(self, cores: int | None = None) -> None:
        """Choose between half of the cores and all of them.

        Args:
            cores: Of the machine; None asks it.
        """
        cores = cores or os.cpu_count() or 1
        self._choices = sorted({max(1, cores // 2), cores})
        self._untried = self._choices.copy()
        self._taken_s: dict[int, list[float]] = {}
        self._left = 0
        self.threads = self._choices[0]

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around one step."""
        if self._left == 0:
            self._choose()
        self._left -= 1
        torch.set_num_threads(self.threads)
        began = monotonic()
        yield
        self._taken_s.setdefault(self.threads, []).append(monotonic() - began)

    def _choose(self) -> None:
        """Go on with a number that is to be tried, or with the faster one of those that were."""
        if self._untried:
            self.threads, self._left = self._untried.pop(), TRIED
            return
        self.threads = min(self._choices, key=lambda choice: statistics.median(self._taken_s[choice]))
        self._left, self._untried = KEPT, self._choices.copy()
        self._taken_s.clear()
