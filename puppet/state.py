"""What the outputs show, and why: one state at a time, kept from the first picture to the last.

    slate ──first picture──> live <──face── holding ──over a second──> resting
      └──────── starting, paused, stalled, ended ────────┘

A journal is written by the thread that composes, and read by any.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

STALL_S = 1.0
"""After so long without a picture the outputs count as standing still."""

SETTLED_S = 1.0
"""A condition that lasted less is not worth a line in the log: a face that flickers would fill it."""

KEPT = 1000
"""Changes that a journal keeps, the newest."""

_log = logging.getLogger(__name__)


class State(Enum):
    """What the outputs show."""

    LIVE = "live"
    """The driver moves the portrait."""

    HOLDING = "holding"
    """The face is gone for a moment: the last pose stays."""

    RESTING = "resting"
    """There is no driver: the portrait breathes at rest."""

    SLATE = "slate"
    """No portrait, but a calm still."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A state with its reason.

    Attributes:
        state: What is shown.
        reason: Why, in a few words; empty while all is well.
    """

    state: State
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state.value}: {self.reason}" if self.reason else self.state.value


TRACKER_FAILS, POSE_FAILS = "the face tracker fails", "the pose cannot be read"
"""Why there is no face, when it is not the driver's doing."""

LIVE = Condition(State.LIVE)
STARTING = Condition(State.SLATE, "starting")
PAUSED = Condition(State.SLATE, "paused")
STALLED = Condition(State.SLATE, "no picture was painted for a second")
UNPAINTED = Condition(State.SLATE, "the portrait cannot be painted")
ENDED = Condition(State.SLATE, "ended")


@dataclass(frozen=True, slots=True)
class Change:
    """A condition and when it began, in seconds of media time since the first frame."""

    time_s: float
    condition: Condition


class Journal:
    """Which condition held when. One thread notes, any may read."""

    def __init__(self, *, stalls: bool) -> None:
        """Start with the slate.

        Args:
            stalls: Whether pictures have to come in real time, so that a long gap between two is a stall.
        """
        self._stalls = stalls
        self._condition = STARTING
        self._changes = deque([Change(0.0, STARTING)], maxlen=KEPT)
        self._pictures = Counter[State]()
        self._time_s = 0.0
        self._noted_s: float | None = None
        self._logged = STARTING

    @property
    def condition(self) -> Condition:
        """What the outputs show now."""
        return STALLED if self._silent else self._condition

    @property
    def changes(self) -> tuple[Change, ...]:
        """The newest changes, oldest first."""
        return tuple(self._changes)

    @property
    def pictures(self) -> dict[State, int]:
        """How many pictures were painted in each state."""
        return {state: self._pictures[state] for state in State}

    def note(self, condition: Condition, time_s: float) -> None:
        """Note one picture, and its media time in seconds; what lasts is logged."""
        if self._silent:
            self._change(STALLED, self._time_s + STALL_S)
        self._noted_s = perf_counter()
        self._time_s = time_s
        self._pictures[condition.state] += 1
        self._change(condition, time_s)
        self._log(time_s)

    def end(self) -> None:
        """No more pictures."""
        self._noted_s = None
        self._change(ENDED, self._time_s)
        _log.info("%s", ENDED)

    @property
    def _silent(self) -> bool:
        noted_s = self._noted_s
        return self._stalls and noted_s is not None and perf_counter() - noted_s > STALL_S

    def _change(self, condition: Condition, time_s: float) -> None:
        if condition != self._condition:
            self._log(time_s)
            self._condition = condition
            self._changes.append(Change(time_s, condition))

    def _log(self, time_s: float) -> None:
        """Log the condition, once it has lasted."""
        if self._condition != self._logged and time_s - self._changes[-1].time_s >= SETTLED_S:
            self._logged = self._condition
            _log.info("%s", self._condition)
