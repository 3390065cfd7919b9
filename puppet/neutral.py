"""The driver's neutral p_n: the pose that counts as no motion, learned while driving.

    median over the first second          angles, brows, gaze, mouth shift
    10th percentile over the first second jaw, smile and the other one-sided mouth entries; eyes
    later                                 fixed, but an eye that opens wider is learned

The running estimate is used from the first frame on and eased, so nothing jumps. A blink is never learned: the neutral
of an eye is at most half closed and only ever goes down after the first second.

Where the neutral is known already, from another day, it counts from the first frame on and only eyes are learned, until
it is retaken.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from puppet.groups import blinks, group_of, one_sided
from puppet.pose_space import PoseSpace

EASE_S = 0.2
"""Time constant of the way to a new estimate."""

EYE_EASE_S = 2.0
"""Time constant with which an eye that opens wider is learned after the first second."""

MOST_CLOSED = 0.5
"""Share of an eye's range that the neutral never exceeds."""

LOW_PERCENTILE = 10.0

LEAST_SEEN = 10
"""A neutral that was learned from fewer poses is not worth keeping."""


class Neutral:
    """Learns p_n from the poses it is shown."""

    def __init__(
        self,
        space: PoseSpace,
        window_s: float,
        *,
        known: Float32[np.ndarray, "pose_dim"] | None = None,
        keep: Callable[[Float32[np.ndarray, "pose_dim"]], None] | None = None,
    ) -> None:
        """Start with what is known.

        Args:
            space: The bundle's pose space.
            window_s: How long to learn, from the first pose on.
            known: The neutral of another day, within the pose space; None: nothing is known.
            keep: Called once with each neutral that was learned anew, by the thread that learns.
        """
        mouth = np.array([group_of(name) == "mouth" for name in space.names])
        self._blinks = blinks(space)
        self._low = one_sided(space) & (mouth | self._blinks)
        self._most = np.where(self._blinks, space.lower + MOST_CLOSED * (space.upper - space.lower), space.upper)
        self._window_s = window_s
        self._keep = keep
        self._known, self._learning = known is not None, known is None
        self._seen: list[Float32[np.ndarray, "pose_dim"]] = []
        self._start_s: float | None = None
        self._time_s = 0.0
        self._estimate = self._p = space.rest if known is None else np.minimum(known, self._most).astype(np.float32)

    def retake(self) -> None:
        """Learn anew from the next pose on; what was known is left gradually."""
        self._seen.clear()
        self._start_s = None
        self._learning = True

    def learn(self, p: Float32[np.ndarray, "pose_dim"], time_s: float) -> Float32[np.ndarray, "pose_dim"]:
        """Show one pose; the neutral as known now.

        Args:
            p: The driver's pose in the units of the pose space.
            time_s: When it was; never goes back.
        """
        if self._start_s is None:
            self._start_s = self._time_s = time_s
        step_s, self._time_s = time_s - self._time_s, time_s
        if self._learning and time_s - self._start_s <= self._window_s:
            self._seen.append(p)
            self._estimate = self._estimated()
        else:
            self._end_learning()
            wider = np.minimum(p - self._estimate, 0.0) * self._blinks
            self._estimate = self._estimate + np.float32(_share(step_s, EYE_EASE_S)) * wider
        if not self._known:
            self._p, self._known = self._estimate, True
        self._p = (self._p + _share(step_s, EASE_S) * (self._estimate - self._p)).astype(np.float32)
        return self._p

    def _end_learning(self) -> None:
        if self._learning and self._keep is not None and len(self._seen) >= LEAST_SEEN:
            self._keep(self._estimate)
        self._learning = False

    def _estimated(self) -> Float32[np.ndarray, "pose_dim"]:
        low, median = np.percentile(np.stack(self._seen), (LOW_PERCENTILE, 50.0), axis=0)
        return np.minimum(np.where(self._low, low, median), self._most).astype(np.float32)


def _share(step_s: float, ease_s: float) -> float:
    """Share of the way that an exponential approach covers in one step."""
    return float(1.0 - np.exp(-step_s / ease_s))
