"""Pose vectors of a driver in front of a camera, on two threads.

    capture      camera ── frames ──>                              waits until a frame is due
    perception   ── frames ──> tracker → pose ── newest p ──>

In real time perception goes on without a frame when the camera is late (see puppet.lookout), and a stage that fails is
borne for a while (see puppet.grace). When frames are left out, they are counted from the one that perception took last:
one that comes late takes the newest then, however many were to be left out. No frame and no face leaves this file.
"""

from __future__ import annotations

import math
from fractions import Fraction
from time import perf_counter

import numpy as np

from puppet.camera import Camera
from puppet.crew import Member, Stopping
from puppet.frame import Frame
from puppet.grace import Grace
from puppet.handoff import Handoff
from puppet.lookout import look_out
from puppet.pose import Driver
from puppet.pose_source import Counts
from puppet.state import POSE_FAILS, TRACKER_FAILS
from puppet.timing import Span
from puppet.tracker import Tracker
from puppet.values import PoseVector

CAMERA_LEAVE_S, PERCEPTION_LEAVE_S = 1.0, 5.0
"""How long a thread may hang after a stop. A camera's driver may do so for half a minute, and harms nobody."""


class Watching:
    """Keeps `PoseSource`: camera → tracker → pose."""

    def __init__(self, camera: Camera, tracker: Tracker, pose: Driver) -> None:
        """Compose the stages; their owner closes them after the run."""
        self.camera, self.tracker, self.pose = camera, tracker, pose
        self.paused, self.every = False, Fraction(1)
        self.spans = tuple(Span(name) for name in ("camera", "tracker", "pose"))
        self._face = False
        self._due = Fraction(0)  # the frame that perception wants next
        self._first_s: float | None = None
        self._frames_in = self._left_out = self._looked = self._faces_lost = 0

    @property
    def name(self) -> str:
        """The camera's name."""
        return self.camera.name

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self.camera.rate

    @property
    def trouble(self) -> str | None:
        """Why the camera gives no pictures right now, as a sentence; None when all is well."""
        return self.camera.trouble

    @property
    def follower(self) -> Driver:
        """Follows the driver."""
        return self.pose

    @property
    def worked_s(self) -> float:
        """How long perception has worked; capture waits."""
        return sum(span.total_s for span in self.spans[1:])

    @property
    def counts(self) -> Counts:
        """What it has seen so far."""
        return Counts(
            self._frames_in,
            self._frames.lost,
            self._looked,
            self._faces_lost,
            self._face,
            self._tracking.count + self._posing.count,
            self._first_s,
            self._left_out,
        )

    def members(self, newest: Handoff[None, PoseVector], *, lossless: bool) -> list[Member]:
        """Capture and perception."""
        width, height = self.camera.size_wh
        self._newest, self._lossless = newest, lossless
        self._frames: Handoff[np.ndarray, Frame] = Handoff(
            lambda: np.empty((height, width, 3), np.uint8), lossless=lossless
        )
        self._tracking, self._posing = (
            Grace(what, bears=not lossless) for what in ("the face tracker", "the pose network")
        )
        return [
            Member("capture", self._capture, [self._frames], CAMERA_LEAVE_S, harmless=True),
            Member("perception", self._perceive, [newest], PERCEPTION_LEAVE_S),
        ]

    def _capture(self, stopping: Stopping) -> None:
        read = self.spans[0].timed(self.camera.read)
        while not stopping.is_set() and (frame := read(self._frames.buffer)) is not None:
            stopping.wait(frame.moment.due_s - perf_counter())
            if self._first_s is None:
                self._first_s = frame.moment.due_s
            self._frames_in += frame.rgb is not None
            if frame.rgb is not None and frame.moment.index < math.floor(self._due):
                self._left_out += 1
                continue
            self._frames.put(frame)

    def _perceive(self, stopping: Stopping) -> None:
        find = self.spans[1].timed(self.tracker.find)
        read = self.spans[2].timed(self.pose.read)
        for frame, why in look_out(self._frames, self.camera, real_time=not self._lossless):
            if frame.rgb is not None:
                self._due = max(self._due, Fraction(frame.moment.index)) + self.every
            rgb = None if self.paused else frame.rgb
            face = None
            with self._tracking:
                face = None if rgb is None else find(rgb)
            why = TRACKER_FAILS if self._tracking.failed else why
            with self._posing:
                p = read(face, frame.moment, why)
            if self._posing.failed:
                p = read(None, frame.moment, POSE_FAILS)
            self._newest.put(p)
            self._face = face is not None
            self._looked += rgb is not None and not self._tracking.failed
            self._faces_lost += rgb is not None and face is None and not self._tracking.failed
