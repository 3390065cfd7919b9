"""Where pose vectors come from: what a pipeline runs before it paints.

    puppet.watching     camera → tracker → pose ──> newest p        frames and faces stay inside
    puppet.listening    another program ── pose ──> newest p        there are none

Protocol and values only; both files keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, runtime_checkable

from puppet.crew import Member
from puppet.following import Follower
from puppet.handoff import Handoff
from puppet.timing import Span
from puppet.values import PoseVector


@dataclass(frozen=True, slots=True)
class Counts:
    """What a source has seen so far.

    Attributes:
        frames_in: Frames that came.
        dropped: Frames that were overtaken by newer ones.
        looked: Frames that were searched for a face.
        faces_lost: How many of them had none.
        face: Whether the last one had one.
        failures: How often a stage failed and the run went on.
        first_s: When the first frame was due, as `time.perf_counter` counts; None before.
        left_out: Frames that were not looked at, or not painted, since the machine cannot keep up.
    """

    frames_in: int = 0
    dropped: int = 0
    looked: int = 0
    faces_lost: int = 0
    face: bool = False
    failures: int = 0
    first_s: float | None = None
    left_out: int = 0


@runtime_checkable
class PoseSource(Protocol):
    """Gives pose vectors on threads of its own. Opened by its constructor, for one run; any thread may ask and set."""

    paused: bool
    """Whether it looks away: there is nobody then."""

    every: Fraction
    """One of so many frames becomes a pose vector; 1 is every frame, 3/2 are two of three. See puppet.budget."""

    @property
    def name(self) -> str:
        """What the user knows it by."""

    @property
    def rate(self) -> Fraction:
        """Pose vectors a second."""

    @property
    def trouble(self) -> str | None:
        """Why nothing comes right now, as a sentence; None when all is well."""

    @property
    def follower(self) -> Follower:
        """Follows the driver."""

    @property
    def spans(self) -> Sequence[Span]:
        """Time in each stage, in the order of the sentence."""

    @property
    def worked_s(self) -> float:
        """How long its busiest thread has worked in stages since the start, in seconds."""

    @property
    def counts(self) -> Counts:
        """What it has seen so far."""

    def members(self, newest: Handoff[None, PoseVector], *, lossless: bool) -> list[Member]:
        """Its threads, in the order in which they end; the last one closes `newest`. Called once.

        Args:
            newest: Takes the pose vectors.
            lossless: Every frame becomes a pose vector; otherwise late ones are dropped.
        """
