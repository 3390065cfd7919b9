"""Faces of heads as the program finds and reads them: FaceMesh, and a bundle's pose graph on its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from engines import open_engine
from puppet.alignment import resize
from puppet.bundle import Bundle
from puppet.pose import PoseReader
from puppet.pose_space import BUILTIN
from puppet.tracker import LOOK_PX, Tracker

POINTS = 478


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of some pictures; NaN where none is found.

    Attributes:
        landmarks: FaceMesh's, x and y as shares of the edge.
        p_scaled: p̃ as the pose graph reads it, within the ranges.
    """

    landmarks: Float[np.ndarray, "n 478 2"]
    p_scaled: Float[np.ndarray, "n pose_dim"]


class LandmarkReader:
    """FaceMesh and a bundle's pose graph; close it.

    Args:
        bundle: With the built-in pose space and a graph that reads landmarks.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._engine = open_engine(bundle.pose_path, precision="f32")
        self._reader = PoseReader(self._engine, bundle.lips)
        self._tracker = Tracker(still=True)

    def read(self, pictures: UInt8[np.ndarray, "n r r 3"]) -> Faces:
        """The face in every picture.

        Raises:
            EngineRunError: The pose graph failed.
        """
        landmarks = np.full((len(pictures), POINTS, 2), np.nan)
        p = np.full((len(pictures), BUILTIN.dim), np.nan, np.float32)
        for i, rgb in enumerate(pictures):
            face = self._tracker.find(resize(rgb, LOOK_PX))
            if face is not None:
                landmarks[i] = face.landmarks_px[:, :2] / LOOK_PX
                p[i] = BUILTIN.soft_clip(self._reader.read(face).p)
        return Faces(landmarks, BUILTIN.scale(p))

    def close(self) -> None:
        """Free both; a second call does nothing."""
        self._tracker.close()
        self._engine.close()
