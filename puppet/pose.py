"""Stage 3: Face -> pose vector p in the bundle's pose space, followed as puppet.following does. The camera ends here.

The bundle's pose graph takes one of two things, and returns `p` [1, pose_dim] in the pose space's own units:

    landmarks   [1, 478, 3] in pixels as FaceMesh gives them; also returns `crop` [1, 3]: centre x, centre y and side of
                the alignment square, in pixels
    picture     [1, s, s, 3] uint8 RGB: the square around the face that the bundle's rule gives, scaled to s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float32

from engines.base import Engine, EngineRunError
from puppet.alignment import Square, look
from puppet.face_square import FaceSquares
from puppet.following import Follower
from puppet.frame import Face
from puppet.lips import Lips
from puppet.neutral import Neutral
from puppet.pose_space import PoseSpace
from puppet.settings import PoseSettings
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


def pose_reader(engine: Engine, squares: FaceSquares | None, lips: Lips | None) -> Reader:
    """What reads poses with a bundle's graph.

    Args:
        engine: Runs the graph; its owner closes it.
        squares: The bundle's; None where the graph reads landmarks.
        lips: The bundle's; a graph that sees pictures needs none.
    """
    return PoseReader(engine, lips) if squares is None else PictureReader(engine, squares)


class PoseReader:
    """Reads poses from landmarks."""

    def __init__(self, engine: Engine, lips: Lips | None = None) -> None:
        """Take the engine that runs the graph, whose owner closes it, and what corrects jaws."""
        self._engine = engine
        self._lips = lips

    def read(self, face: Face) -> Reading:
        """Pose and alignment square of one face.

        Raises:
            EngineRunError: The engine failed, or gave what is no number.
        """
        outputs = self._engine.run({"landmarks": np.ascontiguousarray(face.landmarks_px[None])})
        x, y, side = outputs["crop"][0].tolist()
        if not (np.isfinite(outputs["p"]).all() and np.isfinite((x, y, side)).all() and side > 0):
            raise EngineRunError("the pose network gave values that are no numbers; try another --engine")
        p = outputs["p"][0].copy()
        return Reading(
            p if self._lips is None else self._lips.corrected(p, face.landmarks_px, side), Square(x, y, side)
        )


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


class Driver(Follower):
    """Follows the driver's pose from frame to frame; see `Follower`."""

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
        super().__init__(space, settings, neutral)
        self._reader = reader

    def read(self, face: Face | None, moment: Moment, why: str = "no face is seen") -> PoseVector:
        """The driver's pose at this moment; without a face the last one, fading to rest.

        Args:
            face: None while there is none.
            moment: Never goes back.
            why: Why there is none, in a few words.

        Raises:
            EngineRunError: The engine failed; nothing has changed.
        """
        return self.follow(None if face is None else self._reader.read(face).p, moment, why)
