"""The driver's pose from moment to moment: smoothed, with the neutral, and bridged where nothing is measured.

    measured p ──> one-euro filter ──> neutral ──> mirror ──> p_d, p_n and how present the driver is

Knows pose vectors only: they may come from a camera (puppet.pose) or from another program (puppet.listening).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from puppet.neutral import Neutral
from puppet.pose_space import PoseSpace
from puppet.settings import PoseSettings
from puppet.smoothing import OneEuro
from puppet.state import LIVE, Condition, State
from puppet.values import Moment, PoseVector


class Follower:
    """Follows the driver's pose: smooths it, learns the neutral, bridges lost faces.

    One thread follows; `recentre`, `let_go` and `mirrored` may be used by any thread and count from the next moment on.
    """

    def __init__(self, space: PoseSpace, settings: PoseSettings, neutral: Neutral | None = None) -> None:
        """Begin with nobody.

        Args:
            space: The bundle's pose space.
            settings: Smoothing, neutral, and what happens when the face is lost.
            neutral: Learns the neutral; None takes one that knows nothing yet.
        """
        smoothing = settings.smoothing
        self._space = space
        self._settings = settings
        self._filter = OneEuro(
            smoothing.lowest_hz.per_entry(space), smoothing.slope.per_entry(space), smoothing.speed_hz.per_entry(space)
        )
        self._neutral = neutral or Neutral(space, settings.neutral_s)
        self._last = PoseVector(space.rest, space.rest, 0.0, Moment(0, 0.0, 0.0))
        self._seen_s = -np.inf
        self._recentring = False
        self.mirrored = settings.mirrored

    def recentre(self) -> None:
        """Take the driver's next second as the neutral."""
        self._recentring = True

    def let_go(self) -> None:
        """Do not hold the last pose when the face is gone: go to rest at once."""
        self._seen_s = -np.inf

    def follow(self, measured: Float32[np.ndarray, "pose_dim"] | None, moment: Moment, why: str) -> PoseVector:
        """The driver's pose at this moment; where nothing is measured the last one, fading to rest.

        Mirroring is the last step: filter and neutral stay the driver's own, and it can change at any time.

        Args:
            measured: In the units of the pose space; None while there is no face.
            moment: Never goes back.
            why: Why there is none, in a few words.
        """
        p, neutral = self._last.p, self._last.neutral
        if measured is not None:
            p, neutral = self._taken_in(measured, moment.time_s)
            self._seen_s = moment.time_s
        held = moment.time_s - self._seen_s <= self._settings.hold_s
        absent = Condition(State.HOLDING if held else State.RESTING, why)
        condition = LIVE if measured is not None else absent
        self._last = PoseVector(p, neutral, self._presence(held, moment.time_s), moment, condition)
        if not self.mirrored:
            return self._last
        return replace(self._last, p=self._space.mirror(p), neutral=self._space.mirror(neutral))

    def _taken_in(
        self, measured: Float32[np.ndarray, "pose_dim"], time_s: float
    ) -> tuple[Float32[np.ndarray, "pose_dim"], Float32[np.ndarray, "pose_dim"]]:
        if time_s - self._seen_s > self._settings.hold_s:
            self._filter.reset()
        if self._recentring:
            self._recentring = False
            self._neutral.retake()
        scaled = self._space.scale(measured)
        p = self._space.unscale(self._filter.smooth(scaled, time_s)).astype(np.float32)
        return p, self._neutral.learn(p, time_s)

    def _presence(self, held: bool, time_s: float) -> float:
        step_s = max(time_s - self._last.moment.time_s, 0.0)
        share = float(1.0 - np.exp(-step_s / self._settings.ease_s))
        return self._last.presence + share * (float(held) - self._last.presence)
