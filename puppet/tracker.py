"""Stage 2: a frame or portrait -> the largest face in it, as MediaPipe FaceMesh landmarks.

Source: Kartynnik, Ablavatski, Grishchenko, Grundmann, "Real-time Facial Surface Geometry from Monocular Video on
Mobile GPUs", CVPR Workshop 2019, arXiv:1907.06724; the iris points: Ablavatski et al., arXiv:2006.11341.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.alignment import Square, align
from puppet.frame import Face

POINTS = 478
"""468 points of the mesh, 10 of the irises."""

MOST_FACES = 2
"""Faces that are followed at once, so that the largest can be chosen; a third one costs time and changes little."""

LOOK_PX = 512
"""Sides of what the tracker looks at: FaceMesh errs on small faces, so they are enlarged."""

CLOSE_UP = 2.0
"""The face is measured on a square that is so many faces high."""

MARGIN = 1.5
"""A face that fills the picture is found with a margin around it."""

TILES = (0.6, 0.3)
"""A face that is too small for the whole picture is found in overlapping squares, these shares of its shorter side."""


class Tracker:
    """Finds the largest face; follows it from call to call unless made for stills."""

    def __init__(self, *, still: bool = False) -> None:
        """Load FaceMesh.

        Args:
            still: Every picture stands alone (portraits); otherwise pictures follow each other in time.
        """
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._mesh = FaceMesh(static_image_mode=still, max_num_faces=MOST_FACES, refine_landmarks=True)

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Face | None:
        """The largest face in the picture, or None."""
        height, width = rgb.shape[:2]
        found = self._mesh.process(rgb).multi_face_landmarks
        if not found:
            return None
        scale = np.array((width, height, width), np.float32)
        faces = [Face(_points(landmarks.landmark) * scale, (width, height)) for landmarks in found]
        return max(faces, key=lambda face: face.height_px)

    def close(self) -> None:
        """Free the graph. A second call does nothing."""
        if self._mesh is not None:
            self._mesh.close()
            self._mesh = None


class PortraitTracker:
    """Finds the largest face in still pictures, also where it is small or fills the picture."""

    def __init__(self) -> None:
        """Load FaceMesh."""
        self._tracker = Tracker(still=True)

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Face | None:
        """The largest face, measured on a close-up, in pixels of the whole picture; or None."""
        for squares in _searches(rgb.shape[1], rgb.shape[0]):
            faces = [face for square in squares if (face := self._look(rgb, square)) is not None]
            if faces:
                return self._look(rgb, _around(max(faces, key=lambda face: face.height_px)))
        return None

    def close(self) -> None:
        """Free the graph. A second call does nothing."""
        self._tracker.close()

    def _look(self, rgb: UInt8[np.ndarray, "height width 3"], square: Square) -> Face | None:
        """The largest face in a part of the picture, in pixels of the whole."""
        face = self._tracker.find(align(rgb, square, LOOK_PX))
        if face is None:
            return None
        left, top, side = square.left_top_side
        return face.moved(side / LOOK_PX, (left, top), (rgb.shape[1], rgb.shape[0]))


def _searches(width: int, height: int) -> Iterator[list[Square]]:
    """Where to look: the whole picture, then with a margin, then overlapping parts."""
    longest = float(max(width, height))
    yield [Square(width / 2, height / 2, longest)]
    yield [Square(width / 2, height / 2, MARGIN * longest)]
    for share in TILES:
        side = share * min(width, height)
        yield [Square(x, y, side) for y in _centres(height, side) for x in _centres(width, side)]


def _centres(length: int, side: float) -> list[float]:
    """Centres of squares that cover a length and overlap by half or more."""
    count = math.ceil((length - side) / (side / 2)) + 1
    return [float(centre) for centre in np.linspace(side / 2, length - side / 2, count)]


def _around(face: Face) -> Square:
    low, high = face.landmarks_px[:, :2].min(axis=0), face.landmarks_px[:, :2].max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return Square(x, y, CLOSE_UP * float((high - low).max()))


def _points(landmarks: Iterable[Any]) -> Float32[np.ndarray, "478 3"]:
    """MediaPipe's normalised landmarks as an array."""
    values = (value for point in landmarks for value in (point.x, point.y, point.z))
    return np.fromiter(values, np.float32, POINTS * 3).reshape(POINTS, 3)
