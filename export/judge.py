"""A judge that is not ours: FaceMesh on the driver's clip and on the output, frame by frame.

    R_t = argmin Σ |R x_0 − x_t|²      rigid landmarks, centred; x_0 is the clip's first face
    R   = Rz(roll) · Ry(yaw) · Rx(pitch)
    mouth = |13, 14| / |10, 152|        eye = mean of |159, 145| / |33, 133| and |386, 374| / |362, 263|

Distances are three-dimensional, so that a turned head keeps its mouth and eyes. Landmark numbers are FaceMesh's.

Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A32, 1976; Soukupová and
Čech, "Real-time eye blink detection using facial landmarks", Computer Vision Winter Workshop 2016 (eye aspect).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from puppet.alignment import resize
from puppet.tracker import LOOK_PX, Tracker

MEASURES = ("yaw", "pitch", "roll", "mouth", "eye")
"""What is measured in every frame: three angles in degrees, two ratios."""

ENOUGH_SPAN = (6.0, 6.0, 6.0, 0.02, 0.08)
"""A measure counts only where the driver's 5th to 95th percentile span more than this."""

MOST_LAG = 6
"""The output may be late by so many frames."""

_ANGLES = 3
_LEAST_FRAMES = 10
_RIGID = (
    6, 8, 9, 10, 21, 33, 54, 67, 103, 109, 127, 133, 151, 162, 168, 195, 197, 234, 251, 263, 284, 297, 332, 338,
    356, 362, 389, 454,
)  # fmt: skip
"""Forehead, temples, bridge of the nose and corners of the eyes: what no expression moves much."""


@dataclass(frozen=True, eq=False)
class Track:
    """What FaceMesh saw in one clip.

    Attributes:
        values: `MEASURES` of every frame; NaN where no face was found.
    """

    values: Float64[np.ndarray, "frames 5"]

    @property
    def found(self) -> Bool[np.ndarray, "frames"]:
        """Frames with a face."""
        found: Bool[np.ndarray, "frames"] = np.isfinite(self.values[:, 0])
        return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one measure of the output follows the driver's.

    Attributes:
        span: From the driver's 5th to its 95th percentile.
        counts: Whether that is enough for the rest to mean anything.
        correlation: Pearson's; NaN where one of the two does not move at all.
        error: Mean absolute difference, of angles after removing each clip's median.
        gain: Slope of the output over the driver; wanted 0.8 to 1.2.
    """

    span: float
    counts: bool
    correlation: float
    error: float
    gain: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's answer for one pair of clips.

    Attributes:
        frames: Frames compared, before the lag is taken off.
        found_driver: Share of the driver's frames with a face.
        found_output: Share of the output's frames with a face, among those in which the driver has one.
        lag: By how many frames the output is late.
        measures: One agreement for each of `MEASURES`; empty where too few frames show both faces.
    """

    frames: int
    found_driver: float
    found_output: float
    lag: int
    measures: dict[str, Agreement]


def watch(frames: Iterable[UInt8[np.ndarray, "height width 3"]], *, still: bool = False) -> Track:
    """Measure every frame of a clip, RGB, in order; or, if `still`, every square picture for itself, enlarged."""
    tracker, first, rows = Tracker(still=still), None, []
    for rgb in frames:
        face = tracker.find(resize(rgb, LOOK_PX) if still else rgb)
        if face is None:
            rows.append(np.full(len(MEASURES), np.nan))
            continue
        points = face.landmarks_px
        first = points if first is None else first
        rows.append(
            np.array([*rotation_angles(rigid_rotation(first, points)), mouth_opening(points), eye_aspect(points)])
        )
    tracker.close()
    return Track(np.array(rows, np.float64).reshape(-1, len(MEASURES)))


def rigid_rotation(
    first: Float32[np.ndarray, "478 3"], now: Float32[np.ndarray, "478 3"]
) -> Float64[np.ndarray, "3 3"]:
    """The rotation that takes one face's rigid landmarks to another's, whatever their place and size."""
    x, y = (points[list(_RIGID)].astype(np.float64) for points in (first, now))
    u, _, vt = np.linalg.svd((y - y.mean(0)).T @ (x - x.mean(0)))
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation: Float64[np.ndarray, "3 3"] = u @ mirror @ vt
    return rotation


def rotation_angles(rotation: Float64[np.ndarray, "3 3"]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of R = Rz(roll) · Ry(yaw) · Rx(pitch)."""
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def mouth_opening(points: Float32[np.ndarray, "478 3"]) -> float:
    """Gap between the lips over the height of the face."""
    return _distance(points, 13, 14) / _distance(points, 10, 152)


def eye_aspect(points: Float32[np.ndarray, "478 3"]) -> float:
    """Height over width of the eye openings, mean of both eyes."""
    right = _distance(points, 159, 145) / _distance(points, 33, 133)
    left = _distance(points, 386, 374) / _distance(points, 362, 263)
    return (left + right) / 2


def compare(driver: Track, output: Track) -> Verdict:
    """Judge the output against its driver; their frames pair up one to one, but for a common lag."""
    frames = min(len(driver.values), len(output.values))
    x, y = driver.values[:frames], output.values[:frames]
    seen = driver.found[:frames]
    found_output = float(output.found[:frames][seen].mean()) if seen.any() else 0.0
    candidates = [_agreements(x, y, lag) for lag in range(MOST_LAG + 1)]
    lag = max(range(MOST_LAG + 1), key=lambda late: _likeness(candidates[late]))
    return Verdict(frames, float(seen.mean()) if frames else 0.0, found_output, lag, candidates[lag])


def _agreements(
    x: Float64[np.ndarray, "frames 5"], y: Float64[np.ndarray, "frames 5"], lag: int
) -> dict[str, Agreement]:
    x, y = x[: len(x) - lag], y[lag:]
    both = np.isfinite(x[:, 0]) & np.isfinite(y[:, 0])
    if both.sum() < _LEAST_FRAMES:
        return {}
    x, y = x[both], y[both]
    return {name: _agreement(x[:, i], y[:, i], i) for i, name in enumerate(MEASURES)}


def _agreement(x: Float64[np.ndarray, "frames"], y: Float64[np.ndarray, "frames"], measure: int) -> Agreement:
    low, high = np.percentile(x, (5, 95))
    if measure < _ANGLES:
        x, y = x - np.median(x), y - np.median(y)
    dx, dy = x - x.mean(), y - y.mean()
    moved = float(np.sqrt((dx**2).sum() * (dy**2).sum()))
    return Agreement(
        span=float(high - low),
        counts=bool(high - low > ENOUGH_SPAN[measure]),
        correlation=float((dx * dy).sum()) / moved if moved > 0 else float("nan"),
        error=float(np.abs(x - y).mean()),
        gain=float((dx * dy).sum() / (dx**2).sum()) if moved > 0 else float("nan"),
    )


def _likeness(measures: dict[str, Agreement]) -> float:
    """Mean correlation of what counts; the lag with the highest is taken, the shortest of equals."""
    counted = [m.correlation for m in measures.values() if m.counts and not np.isnan(m.correlation)]
    return float(np.mean(counted)) if counted else -1.0


def _distance(points: Float32[np.ndarray, "478 3"], a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))
