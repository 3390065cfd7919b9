"""Which of the camera's frames are painted when the machine cannot keep up: all, two of three, every second or third.

    the busiest thread works for more than 90 % of two seconds           fewer
    it would work for at most 70 % of the time with more, for a while    more

A thread that has no time left over makes latency grow, and then loses frames at random, which viewers see as a stutter.
Frames that are left out regularly make a calmer picture, and leave time to the video call, which takes it from the same
machine.
A return that fails within a minute doubles how long the next one waits, so that no load makes the rate swing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fractions import Fraction
from time import perf_counter
from types import MappingProxyType

from puppet.pose_source import PoseSource

WINDOW_S = 1.0
"""Time over which work is measured."""

DISCARDED_S = 3.0
"""A window that lasted longer held a pause or a hang, and says nothing."""

FULL, ROOM = 0.9, 0.7
"""Shares of a thread's time: above the first it hardly keeps up, up to the second it does so easily."""

LATE = 2
"""So many busy windows in a row are one too many."""

CALM, LONGEST = 4, 64
"""Windows with room in a row before a return, at first and after many that failed."""

FAILED = 60
"""A return that lasted fewer windows has failed."""

LOWEST_FPS = 10
"""With fewer pictures a second lips do not follow the words any more."""

STEPS: Mapping[Fraction, str] = MappingProxyType(
    {
        Fraction(1): "",
        Fraction(3, 2): "two of three frames",
        Fraction(2): "every second frame",
        Fraction(3): "every third frame",
        Fraction(4): "every fourth frame",
        Fraction(5): "every fifth frame",
        Fraction(6): "every sixth frame",
    }
)
"""One of so many frames is painted: all that there may be, in words."""

_log = logging.getLogger(__name__)


class Budget:
    """Decides from how busy threads are; it knows no thread and no clock. One thread notes, any may read `every`."""

    def __init__(self, rate: Fraction) -> None:
        """Begin with every frame.

        Args:
            rate: Frames a second, as asked for.
        """
        self._steps = [every for every in STEPS if every == 1 or rate / every >= LOWEST_FPS]
        self._step = 0
        self._begun_s: float | None = None
        self._before_s: tuple[float, ...] = ()
        self._late = self._calm = 0
        self._patience = CALM
        self._returned: int | None = None  # windows since the last step, if that was a return

    @property
    def every(self) -> Fraction:
        """One of so many frames is painted."""
        return self._steps[self._step]

    def note(self, now_s: float, worked_s: Sequence[float]) -> bool:
        """Take in how things stand; whether `every` is another one now.

        Args:
            now_s: Never goes back.
            worked_s: For each thread, how long it has worked in its stages since the start.
        """
        if self._begun_s is None or now_s - self._begun_s > DISCARDED_S:
            self._begin(now_s, worked_s)
            return False
        window_s = now_s - self._begun_s
        if window_s < WINDOW_S:
            return False
        busy = max(worked - before for worked, before in zip(worked_s, self._before_s, strict=True)) / window_s
        self._begin(now_s, worked_s)
        return self._judge(busy)

    def _begin(self, now_s: float, worked_s: Sequence[float]) -> None:
        self._begun_s, self._before_s = now_s, tuple(worked_s)

    def _judge(self, busy: float) -> bool:
        """Change `every` by one step, if it is time to; `busy` is the busiest thread's share of one window."""
        self._late = self._late + 1 if busy > FULL else 0
        has_room = self._step > 0 and busy * float(self.every / self._steps[self._step - 1]) <= ROOM
        self._calm = self._calm + 1 if has_room else 0
        if self._late >= LATE and self._step < len(self._steps) - 1:
            if self._returned is not None:
                self._patience = min(2 * self._patience, LONGEST) if self._returned < FAILED else CALM
            self._returned = None
            self._step += 1
        elif self._calm >= self._patience:
            self._returned = 0
            self._step -= 1
        else:
            self._returned = None if self._returned is None else self._returned + 1
            return False
        self._late = self._calm = 0
        return True


def keep_up(budget: Budget, source: PoseSource, worked_s: Sequence[float]) -> None:
    """Let a source leave out frames, or no more of them; called by the thread that paints, after each portrait.

    Args:
        budget: Decides.
        source: Its thread runs beside the others.
        worked_s: How long each of those has worked in its stages since the start.
    """
    if budget.note(perf_counter(), (source.worked_s, *worked_s)):
        source.every = budget.every
        _log.info("%s", words(budget.every) or "every frame again: the machine has room")


def words(every: Fraction) -> str:
    """What the user is told; empty while every frame is painted."""
    return f"{STEPS[every]}: the machine is busy" if every > 1 else ""
