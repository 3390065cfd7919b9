"""Pose vectors of a driver that another program follows, on one thread. No frame, no face, no camera.

    sender ── figure ──> p ──> followed ── newest p ──>

Every moment of the sender's counts, up to the rate that is wanted. A sender that is silent is a lost face: the portrait
holds, rests and breathes, and moves again when something comes.
"""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter

from puppet.crew import Member, Stopping
from puppet.following import Follower
from puppet.handoff import Handoff
from puppet.pose_source import Counts
from puppet.timing import Span
from puppet.values import Moment, PoseVector
from puppet.vmc import Translation
from puppet.vmc_receiver import Heard, VmcReceiver

LATE_S = 0.25
"""How long a sender is waited for before it counts as silent."""

LEAVE_S = 1.0
"""How long the thread may go on after a stop."""

LENIENT = 0.75
"""Moments may come so much earlier than the rate says: a sender's clock is not ours."""

SILENT, UNSEEN = "nothing is received", "the sender sees no face"


class Listening:
    """Keeps `PoseSource`: another program → pose."""

    def __init__(self, receiver: VmcReceiver, translation: Translation, follower: Follower, fps: float) -> None:
        """Compose it.

        Args:
            receiver: Bound; its owner closes it after the run.
            translation: Into the bundle's pose space.
            follower: Smooths, and learns the neutral.
            fps: Most pose vectors a second.
        """
        self._receiver, self._translation = receiver, translation
        self.follower = follower
        self.rate = Fraction(fps)
        self.paused, self.every = False, Fraction(1)
        self.spans = (Span("pose"),)
        self._silent = self._face = False
        self._first_s: float | None = None
        self._index = self._heard = self._unseen = self._left_out = 0

    @property
    def name(self) -> str:
        """The address, as the user writes it."""
        return self._receiver.name

    @property
    def trouble(self) -> str | None:
        """That nothing comes, and what to do."""
        return f"nothing is received at {self.name}; let your tracker send VMC there" if self._silent else None

    @property
    def worked_s(self) -> float:
        """How long its thread has worked."""
        return self.spans[0].total_s

    @property
    def counts(self) -> Counts:
        """What was heard so far; a moment without anything is no frame."""
        return Counts(self._heard, 0, self._heard, self._unseen, self._face, 0, self._first_s, self._left_out)

    def members(self, newest: Handoff[None, PoseVector], *, lossless: bool) -> list[Member]:
        """The thread that listens."""
        self._newest = newest
        return [Member("reception", self._listen, [newest], LEAVE_S)]

    def _listen(self, stopping: Stopping) -> None:
        follow = self.spans[0].timed(self._follow)
        now_s = perf_counter()
        while not stopping.is_set():
            period_s = 1.0 / float(self.rate)
            patience_s, rest_s = (period_s, 0.0) if self._silent else (LATE_S, LENIENT * period_s)
            heard = self._receiver.hear(now_s + patience_s, now_s + rest_s)
            now_s = perf_counter() if heard is None else heard.time_s
            self._silent = heard is None
            p = follow(heard, now_s)
            if heard is not None and p.moment.index % self.every >= 1:
                self._left_out += 1
                continue
            self._newest.put(p)

    def _follow(self, heard: Heard | None, now_s: float) -> PoseVector:
        if self._first_s is None:
            self._first_s = now_s
        moment = Moment(self._index, now_s - self._first_s, now_s)
        self._index += 1
        figure = None if heard is None else heard.figure
        self._heard += heard is not None
        self._unseen += heard is not None and figure is None
        self._face = figure is not None
        p = None if figure is None or self.paused else self._translation.pose_of(figure)
        return self.follower.follow(p, moment, SILENT if heard is None else UNSEEN)
