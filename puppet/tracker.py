"""Stage 2: a frame or portrait -> the largest face in it, as MediaPipe FaceMesh landmarks.

Source: Kartynnik, Ablavatski, Grishchenko, Grundmann, "Real-time Facial Surface Geometry from Monocular Video on
Mobile GPUs", CVPR Workshop 2019, arXiv:1907.06724; the iris points: Ablavatski et al., arXiv:2006.11341; the detector:
Bazarevsky et al., "BlazeFace", arXiv:1907.05047.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.alignment import Square, align
from puppet.frame import Face

POINTS = 478
"""468 points of the mesh, 10 of the irises."""

MOST_FACES = 2
"""Faces that are followed at once, so that the largest can be chosen; a third one costs time and changes little."""

MOST_IN_STILL = 5
"""Faces that are found in a part of a still picture."""

LOOK_PX = 512
"""Sides of what the tracker looks at: FaceMesh errs on small faces, so they are enlarged."""

CLOSE_UP = 2.0
"""The face is measured on a square that is so many faces high."""

MARGIN = 1.5
"""A face that fills the picture is found with a margin around it."""

TILES = (0.6, 0.3)
"""A face that is too small for the whole picture is found in overlapping squares, these shares of its shorter side."""

SURER = 0.06
"""A portrait is turned by quarters where the detector is surer by this of its face then.

It is surest of a face that stands: by so much more than in the best of the three other quarters, in 24 portraits and
paintings by at least 0.07, in 43 frames of three people 0.08, in 250 rendered heads that turn by up to ±40°, nod and
lean -0.05. All 24, laid on each side and on their heads, are turned back.
"""

LEAST_SURE = 0.1
"""What the detector takes for a face when quarters are compared."""


class Tracker:
    """Finds the largest face; follows it from call to call unless made for stills."""

    def __init__(self, *, still: bool = False) -> None:
        """Load FaceMesh.

        Args:
            still: Every picture stands alone (portraits); otherwise pictures follow each other in time.
        """
        from puppet.mediapipe_solutions import FaceMesh

        most = MOST_IN_STILL if still else MOST_FACES
        self._mesh = FaceMesh(static_image_mode=still, max_num_faces=most, refine_landmarks=True)

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Face | None:
        """The largest face in the picture, or None."""
        return max(self.find_all(rgb), key=_height_px, default=None)

    def find_all(self, rgb: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """All faces in the picture, in no order."""
        height, width = rgb.shape[:2]
        found = self._mesh.find(rgb) or ()
        scale = np.array((width, height, width), np.float32)
        return [Face(_points(landmarks.landmark) * scale, (width, height), rgb) for landmarks in found]

    def close(self) -> None:
        """Free the graph. A second call does nothing."""
        self._mesh.close()


class PortraitTracker:
    """Finds faces in still pictures, also where they are small, fill the picture, or lie in it."""

    def __init__(self) -> None:
        """Load FaceMesh."""
        self._tracker = Tracker(still=True)

    def find(self, rgb: UInt8[np.ndarray, "height width 3"]) -> Face | None:
        """The largest face, measured on a close-up, in pixels of the whole picture; or None."""
        return next(iter(self.find_all(rgb)), None)

    def find_all(self, rgb: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
        """All faces in pixels of the whole picture, the largest first and measured on a close-up."""
        for squares in _searches(rgb.shape[1], rgb.shape[0]):
            faces = _apart([face for square in squares for face in self._look(rgb, square)])
            if faces:
                close_up = max(self._look(rgb, _around(faces[0])), key=_height_px, default=None)
                return [] if close_up is None else [close_up, *faces[1:]]
        return []

    def find_upright(self, rgb: UInt8[np.ndarray, "height width 3"]) -> tuple[UInt8[np.ndarray, "h w 3"], list[Face]]:
        """The picture, turned by quarters until its largest face stands, and all faces in it as `find_all` gives them.

        FaceMesh misreads a face that lies, upside down even as one that stands, and its points do not tell.
        """
        for quarters in range(4):
            turned = _turned(rgb, quarters)
            if found := self.find_all(turned):
                return self._stood_up(turned, found)
        return rgb, []

    def close(self) -> None:
        """Free the graph. A second call does nothing."""
        self._tracker.close()

    def _stood_up(
        self, rgb: UInt8[np.ndarray, "height width 3"], found: list[Face]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], list[Face]]:
        """The picture turned as the detector likes its largest face best, and the faces found there."""
        close_up = align(rgb, _around(found[0]), LOOK_PX)
        sure = _sureness([_turned(close_up, quarters) for quarters in range(4)])
        best = int(np.argmax(sure))
        if sure[best] >= sure[0] + SURER:
            turned = _turned(rgb, best)
            if again := self.find_all(turned):
                return turned, again
        return rgb, found

    def _look(self, rgb: UInt8[np.ndarray, "height width 3"], square: Square) -> list[Face]:
        """The faces in a part of the picture, in pixels of the whole."""
        left, top, side = square.left_top_side
        found = self._tracker.find_all(align(rgb, square, LOOK_PX))
        return [face.moved(side / LOOK_PX, (left, top), rgb) for face in found]


def _apart(faces: list[Face]) -> list[Face]:
    """Each face once, though overlapping parts show it several times; the largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=_height_px, reverse=True):
        if all(np.linalg.norm(_middle(face) - _middle(other)) > other.height_px / 2 for other in kept):
            kept.append(face)
    return kept


def _middle(face: Face) -> Float32[np.ndarray, "2"]:
    points = face.landmarks_px[:, :2]
    middle: Float32[np.ndarray, "2"] = (points.min(axis=0) + points.max(axis=0)) / 2
    return middle


def _sureness(pictures: Sequence[UInt8[np.ndarray, "side side 3"]]) -> list[float]:
    """How sure the detector is of the face that it is surest of in each, 0 to 1; 0 where it sees none."""
    from puppet.mediapipe_solutions import FaceDetection

    with closing(FaceDetection(min_detection_confidence=LEAST_SURE)) as detector:
        found = [detector.find(rgb) or () for rgb in pictures]
    return [max((face.score[0] for face in faces), default=0.0) for faces in found]


def _turned(rgb: UInt8[np.ndarray, "height width 3"], quarters: int) -> UInt8[np.ndarray, "h w 3"]:
    """The picture turned against the clock; itself where it is not."""
    return np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters else rgb


def _height_px(face: Face) -> float:
    return face.height_px


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
    x, y = _middle(face).tolist()
    return Square(x, y, CLOSE_UP * float((high - low).max()))


def _points(landmarks: Iterable[Any]) -> Float32[np.ndarray, "478 3"]:
    """MediaPipe's normalised landmarks as an array."""
    values = (value for point in landmarks for value in (point.x, point.y, point.z))
    return np.fromiter(values, np.float32, POINTS * 3).reshape(POINTS, 3)
