"""FaceMesh landmarks of rendered heads with exact labels: the bridge between our renderer and real faces.

FaceMesh makes the same landmarks of a rendered head as of a photograph, so what reads p from these also reads it from
a webcam. A chunk is one .npz of plain arrays; chunk k depends on its number alone and is rendered once. Every picture
is found twice, as a still and as a followed face: the two answers differ as FaceMesh's answers do from frame to frame.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from export.grimaces import Grimaces
from export.pose_sampling import sample_poses
from export.render_heads import Z_DIM, HeadPicture, HeadRenderer, Lens
from puppet.pose_space import BUILTIN
from puppet.tracker import Tracker

PEOPLE = 100
POSES = 4
READINGS = 2
"""Landmarks a picture: as a still, and as a face that is followed."""
RESOLUTION = 384
_STREAM = 190706724
"""Keeps these people apart from those of the training pool, whose seeds have another second number."""


@dataclass(frozen=True, eq=False)
class FaceMeshSamples:
    """Landmarks and labels, one row a picture; rows of one person share a number.

    Attributes:
        landmarks: In pixels of the picture, as `puppet.frame.Face` has them.
        p: Exact pose, builtin's order and units; of a grimace the nearest.
        crop: The generator's canvas in the picture: centre x, centre y, side, in pixels.
        person: Which head.
        missed: Whether FaceMesh found no face (its landmarks are zero then).
    """

    landmarks: Float32[np.ndarray, "n readings 478 3"]
    p: Float32[np.ndarray, "n pose_dim"]
    crop: Float32[np.ndarray, "n 3"]
    person: Int32[np.ndarray, "n"]
    missed: Bool[np.ndarray, "n"]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.p)

    def only(self, rows: np.ndarray) -> FaceMeshSamples:
        """The chosen rows (a mask or indices)."""
        return FaceMeshSamples(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @staticmethod
    def join(parts: Sequence[FaceMeshSamples]) -> FaceMeshSamples:
        """All rows of several sets."""
        return FaceMeshSamples(
            **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(FaceMeshSamples)}
        )


def driver_poses(rng: np.random.Generator, people: int) -> Float32[np.ndarray, "people 4 pose_dim"]:
    """Four poses a person: two as the generator learns them, one at rest, one of somebody who talks."""
    p = sample_poses(rng, people * POSES).reshape(people, POSES, -1)
    angles, signed = slice(0, 3), slice(-3, None)
    rest = rng.uniform(0, 0.15, (people, BUILTIN.dim)) * (rng.random((people, BUILTIN.dim)) < 0.3)
    rest[:, angles] = rng.normal(0, (6, 5, 3), (people, 3))
    rest[:, signed] = rng.normal(0, (0.06, 0.12, 0.12), (people, 3))
    talk = rng.uniform(0, 1, (people, BUILTIN.dim)) * (rng.random((people, BUILTIN.dim)) < 0.4)
    talk[:, angles] = rng.normal(0, (12, 8, 6), (people, 3))
    talk[:, signed] = rng.normal(0, (0.2, 0.4, 0.4), (people, 3))
    for left in (BUILTIN.index("smile_left"), BUILTIN.index("blink_left")):
        together = rng.random(people) < 0.85
        talk[together, left + 1] = talk[together, left]
    p[:, 0], p[:, 1] = rest, talk
    return np.clip(p, BUILTIN.lower, BUILTIN.upper).astype(np.float32)


def photograph(rng: np.random.Generator, head: HeadPicture) -> UInt8[np.ndarray, "r r 3"]:
    """The head as a webcam might have seen it: some backdrop, exposure, blur, noise and JPEG."""
    rgba = head.rgba.astype(np.float32)
    size = rgba.shape[0]
    cells = int(rng.integers(2, 14))
    spread = rng.uniform(5, 60)
    backdrop = (rng.uniform(40, 215, 3) + rng.uniform(-spread, spread, (cells, cells, 3))).astype(np.float32)
    smooth = cv2.INTER_LINEAR if rng.random() < 0.6 else cv2.INTER_NEAREST
    backdrop = cv2.resize(backdrop, (size, size), interpolation=smooth)
    rgb = rgba[..., :3] + (1 - rgba[..., 3:] / 255) * (backdrop - 127.5)
    rgb = 255 * np.clip(rgb / 255, 0, 1) ** rng.uniform(0.75, 1.35) * rng.uniform(0.75, 1.1, (1, 1, 3)) ** 0.5
    rgb = cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), rng.uniform(0.3, 1.3))
    rgb += rng.normal(0, rng.uniform(0, 6), rgb.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 96))]
    _, coded = cv2.imencode(".jpg", np.clip(rgb, 0, 255).astype(np.uint8), quality)
    decoded: UInt8[np.ndarray, "r r 3"] = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8)
    return decoded


class Finder:
    """FaceMesh, once as for a still and once as for a film."""

    def __init__(self) -> None:
        self._still, self._film = Tracker(still=True), Tracker()

    def find(self, rgb: UInt8[np.ndarray, "r r 3"]) -> Float32[np.ndarray, "readings 478 3"] | None:
        """Both readings of one picture that has nothing to do with the last, in pixels; None where one fails."""
        still = self._still.find(rgb)
        # An empty picture makes it forget the last face; the second look follows the face found by the first.
        self._film.find(np.zeros_like(rgb))
        self._film.find(rgb)
        film = self._film.find(rgb)
        if still is None or film is None:
            return None
        both: Float32[np.ndarray, "readings 478 3"] = np.stack([still.landmarks_px, film.landmarks_px])
        return both

    def close(self) -> None:
        """Free both graphs."""
        self._still.close()
        self._film.close()


def render_chunk(
    renderer: HeadRenderer, grimaces: Grimaces, finder: Finder, number: int, people: int = PEOPLE
) -> FaceMeshSamples:
    """Chunk `number`: `people` new heads in `POSES` poses each, all but the one at rest with grimaces."""
    rng = np.random.default_rng([number, _STREAM])
    size, count = renderer.resolution, people * POSES
    p = driver_poses(rng, people).reshape(count, -1)
    crop = np.empty((count, 3), np.float32)
    landmarks = np.zeros((count, READINGS, 478, 3), np.float32)
    missed = np.zeros(count, bool)
    for i in range(count):
        if i % POSES == 0:
            person = renderer.person(rng.standard_normal(Z_DIM).astype(np.float32))
        zoom = 0.45 + 0.55 * rng.random() ** 0.6
        slack = 0.28 * (1 - zoom) + 0.06
        lens = Lens(rng.uniform(-slack, slack), rng.uniform(-slack, slack), zoom)
        posed, done = person, p[i].copy()
        if i % POSES:
            q, p[i] = grimaces.draw(rng, done)
            posed = renderer.mesh.grimacing(person, q)
        rgb = photograph(rng, renderer.paint(posed, done, lens))
        crop[i] = np.array([0.5 + lens.x, 0.5 + lens.y, zoom]) * size
        found = finder.find(rgb)
        missed[i] = found is None
        if found is not None:
            landmarks[i] = found
    person_number = number * people + np.arange(count, dtype=np.int32) // POSES
    return FaceMeshSamples(landmarks, p, crop, person_number.astype(np.int32), missed)


def collect(
    renderer: HeadRenderer, grimaces: Grimaces, folder: Path, samples: int, budget_s: float, people: int = PEOPLE
) -> FaceMeshSamples:
    """Render the chunks that the folder lacks and read them all; rows without a face are left out.

    Args:
        renderer: Paints the heads.
        grimaces: What they do besides p.
        folder: Where chunks are kept; made where missing.
        samples: Pictures wanted; rounded up to whole chunks.
        budget_s: Stop rendering after so many seconds, at the end of a chunk.
        people: Heads in a chunk; the same for all chunks of a folder.

    Raises:
        ValueError: The budget ended before two chunks were there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start, finder, parts = time.monotonic(), Finder(), []
    for number in range(-(-samples // (people * POSES))):
        path = folder / f"chunk_{number:05d}.npz"
        if not path.is_file():
            if time.monotonic() - start > budget_s:
                break
            began = time.monotonic()
            _save(path, render_chunk(renderer, grimaces, finder, number, people))
            print(f"chunk {number}: {1000 * (time.monotonic() - began) / people / POSES:.1f} ms a picture", flush=True)
        with np.load(path, allow_pickle=False) as arrays:
            parts.append(FaceMeshSamples(**arrays))
    finder.close()
    if len(parts) < 2:
        raise ValueError(f"expected at least two chunks in {folder}, got {len(parts)}: raise --samples or --budget")
    every = FaceMeshSamples.join(parts)
    print(f"{len(every)} pictures, FaceMesh found {100 * (1 - every.missed.mean()):.1f} %", flush=True)
    return every.only(~every.missed)


def _save(path: Path, samples: FaceMeshSamples) -> None:
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{field.name: getattr(samples, field.name) for field in fields(samples)})
    partial.rename(path)
