"""Faces of unlabelled clips and pictures, as a bundle's pose graph sees them, with what it says of them.

Each face is seen in its own square and in squares that stray a little from it, and a teacher reads each of these: so a
student learns what the teacher would say, whatever the tracker's square does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from engines.base import Engine
from puppet.alignment import Square, look
from puppet.face_square import SquareRule
from puppet.open_video import open_video
from puppet.stills import ENDINGS, read_still
from puppet.tracker import PortraitTracker, Tracker

CLIPS = (".mp4", ".mkv", ".mov", ".avi", ".webm")

STRAYS = 3
"""Squares that stray, for each face."""

STRAY_PLACE, STRAY_SIZE = 0.06, 0.08
"""Standard deviations: of the centre in sides, of the logarithm of the side."""

HELD_OUT = 5
"""The last of so many parts of each clip, and each so-many-th picture, is not trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Squares of faces.

    Attributes:
        pictures: Each as the student sees it, RGB.
        p: What the teacher says of each.
        held_out: Which of them are not trained on.
    """

    pictures: UInt8[np.ndarray, "n edge edge 3"]
    p: Float32[np.ndarray, "n k"]
    held_out: Bool[np.ndarray, "n"]


def media_of(paths: Sequence[Path]) -> list[Path]:
    """Clips and pictures: the files themselves, and those inside folders, in order of their names.

    Raises:
        FileNotFoundError: There is none.
    """
    inside = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in paths]
    found = [path for group in inside for path in group if path.suffix.lower() in (*ENDINGS, *CLIPS)]
    if not found:
        raise FileNotFoundError(f"expected clips or pictures in {', '.join(map(str, paths))}; there are none")
    return found


def collect(media: Sequence[Path], teacher: Engine, rule: SquareRule, edge: int, limit_s: float) -> Views:
    """Look at faces until the media or the seconds end; every file is given the same share of them.

    Args:
        media: Clips and pictures.
        teacher: A pose graph that takes a picture.
        rule: Where it looks.
        edge: Of the student's pictures, in pixels.
        limit_s: Seconds.

    Raises:
        ValueError: There is no face in any of them.
    """
    rng = np.random.default_rng(0)
    large = teacher.inputs[0].empty()
    pictures: list[np.ndarray] = []
    poses: list[np.ndarray] = []
    held_out: list[bool] = []
    end_s = time.monotonic()
    for number, path in enumerate(media):
        end_s += limit_s / len(media)
        first = len(pictures)
        for rgb, landmarks_px in _faces(path):
            if time.monotonic() > end_s:
                break
            square = rule.square(landmarks_px)
            for seen in (square, *(_stray(square, rng) for _ in range(STRAYS))):
                look(rgb, seen, large[0])
                poses.append(teacher.run({teacher.inputs[0].name: large})["p"][0].copy())
                pictures.append(look(rgb, seen, np.empty((edge, edge, 3), np.uint8)))
        count = len(pictures) - first
        if path.suffix.lower() in ENDINGS:
            held_out += [number % HELD_OUT == HELD_OUT - 1] * count
        else:
            held_out += [i >= count - count // HELD_OUT for i in range(count)]
    if not pictures or all(held_out) or not any(held_out):
        raise ValueError(f"expected faces in several of {len(media)} files; found {len(pictures)}: take more or longer")
    return Views(np.stack(pictures), np.stack(poses).astype(np.float32), np.array(held_out))


def _faces(path: Path) -> Iterator[tuple[UInt8[np.ndarray, "height width 3"], Float32[np.ndarray, "478 3"]]]:
    """The largest face of a picture, or of every frame of a clip: the frame, and where the face is in it."""
    if path.suffix.lower() in ENDINGS:
        rgb = read_still(path)
        with closing(PortraitTracker()) as stills:
            yield from ((rgb, face.landmarks_px) for face in stills.find_all(rgb)[:1])
        return
    with closing(Tracker()) as tracker, open_video(path) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            face = tracker.find(rgb)
            if face is not None:
                yield rgb, face.landmarks_px


def _stray(square: Square, rng: np.random.Generator) -> Square:
    dx, dy, size = rng.standard_normal(3)
    place = STRAY_PLACE * square.side
    return Square(square.x + place * dx, square.y + place * dy, square.side * float(np.exp(STRAY_SIZE * size)))
