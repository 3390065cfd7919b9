"""Stage 3: Face -> pose vector p in the bundle's pose space, smoothed, with the driver's neutral. The camera ends here.

The bundle's pose graph takes one of two things, and returns `p` [1, pose_dim] in the pose space's own units:

    landmarks   [1, 478, 3] in pixels as FaceMesh gives them; also returns `crop` [1, 3]: centre x, centre y and side of
                the alignment square, in pixels
    picture     [1, s, s, 3] uint8 RGB: the square around the face that the bundle's rule gives, scaled to s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from engines.base import Engine, EngineRunError
from puppet.alignment import Square, look
from puppet.face_square import FaceSquares
from puppet.frame import Face
from puppet.neutral import Neutral
from puppet.pose_space import PoseSpace
from puppet.settings import PoseSettings
from puppet.smoothing import OneEuro
from puppet.state import LIVE, Condition, State
from puppet.values import Moment, PoseVector


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the pose graph says of one face.

    Attributes:
        p: Absolute pose, in the units of the pose space.
        square: The alignment square in the picture.
    """

    p: Float32[np.ndarray, "pose_dim"]
    square: Square


class Reader(Protocol):
    """Reads the pose of single faces through the bundle's pose graph."""

    def read(self, face: Face) -> Reading:
        """Pose and alignment square of one face.

        Raises:
            EngineRunError: The engine failed, or gave what is no number.
        """


def pose_reader(engine: Engine, squares: FaceSquares | None) -> Reader:
    """What reads poses with a bundle's graph.

    Args:
        engine: Runs the graph; its owner closes it.
        squares: The bundle's; None where the graph reads landmarks.
    """
    return PoseReader(engine) if squares is None else PictureReader(engine, squares)


class PoseReader:
    """Reads poses from landmarks."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine that runs the graph; its owner closes it."""
        self._engine = engine

    def read(self, face: Face) -> Reading:
        """Pose and alignment square of one face.

        Raises:
            EngineRunError: The engine failed, or gave what is no number.
        """
        outputs = self._engine.run({"landmarks": np.ascontiguousarray(face.landmarks_px[None])})
        if not (np.isfinite(outputs["p"]).all() and np.isfinite(outputs["crop"]).all()):
            raise EngineRunError("the pose network gave values that are no numbers; try another --engine")
        x, y, side = outputs["crop"][0].tolist()
        return Reading(outputs["p"][0].copy(), Square(x, y, side))


class PictureReader:
    """Reads poses from the picture of a face."""

    def __init__(self, engine: Engine, squares: FaceSquares) -> None:
        """Take the engine that runs the graph, whose owner closes it, and where to look."""
        self._engine = engine
        self._squares = squares
        self._picture = engine.inputs[0].empty()

    def read(self, face: Face) -> Reading:
        """Pose and alignment square of one face, whose picture must be there.

        Raises:
            EngineRunError: The engine failed, or gave what is no number.
        """
        if face.rgb is None or not np.isfinite(face.landmarks_px).all():
            raise EngineRunError("the pose network needs the picture of a face")
        look(face.rgb, self._squares.pose.square(face.landmarks_px), self._picture[0])
        p = self._engine.run({self._engine.inputs[0].name: self._picture})["p"][0].copy()
        if not np.isfinite(p).all():
            raise EngineRunError("the pose network gave values that are no numbers; try another --engine")
        return Reading(p, self._squares.portrait.square(face.landmarks_px))


class Driver:
    """Follows the driver's pose from frame to frame: smooths it, learns the neutral, bridges lost faces.

    One thread reads; `recentre`, `let_go` and `mirrored` may be used by any thread and count from the next frame on.
    """

    def __init__(
        self, reader: Reader, space: PoseSpace, settings: PoseSettings, neutral: Neutral | None = None
    ) -> None:
        """Compose the stage.

        Args:
            reader: Reads single faces.
            space: The bundle's pose space.
            settings: Smoothing, neutral, and what happens when the face is lost.
            neutral: Learns the neutral; None takes one that knows nothing yet.
        """
        smoothing = settings.smoothing
        self._reader = reader
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

    def read(self, face: Face | None, moment: Moment, why: str = "no face is seen") -> PoseVector:
        """The driver's pose at this moment; without a face the last one, fading to rest.

        Mirroring is the last step: filter and neutral stay the driver's own, and it can change at any time.

        Args:
            face: None while there is none.
            moment: Never goes back.
            why: Why there is none, in a few words.

        Raises:
            EngineRunError: The engine failed.
        """
        p, neutral = self._last.p, self._last.neutral
        if face is not None:
            p, neutral = self._follow(face, moment.time_s)
            self._seen_s = moment.time_s
        held = moment.time_s - self._seen_s <= self._settings.hold_s
        absent = Condition(State.HOLDING if held else State.RESTING, why)
        condition = LIVE if face is not None else absent
        self._last = PoseVector(p, neutral, self._presence(held, moment.time_s), moment, condition)
        if not self.mirrored:
            return self._last
        return replace(self._last, p=self._space.mirror(p), neutral=self._space.mirror(neutral))

    def _follow(
        self, face: Face, time_s: float
    ) -> tuple[Float32[np.ndarray, "pose_dim"], Float32[np.ndarray, "pose_dim"]]:
        reading = self._reader.read(face)  # first: what fails changes nothing
        if time_s - self._seen_s > self._settings.hold_s:
            self._filter.reset()
        if self._recentring:
            self._recentring = False
            self._neutral.retake()
        scaled = self._space.scale(reading.p)
        p = self._space.unscale(self._filter.smooth(scaled, time_s)).astype(np.float32)
        return p, self._neutral.learn(p, time_s)

    def _presence(self, held: bool, time_s: float) -> float:
        step_s = max(time_s - self._last.moment.time_s, 0.0)
        share = float(1.0 - np.exp(-step_s / self._settings.ease_s))
        return self._last.presence + share * (float(held) - self._last.presence)
