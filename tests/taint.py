"""A camera whose pictures can be told anywhere: magenta, with a pattern burnt in; and the detector that looks for them.

The pattern is a tile of dark and light cells that repeats and is its own mirror image, so that a detector which knows
one tile finds any part of any frame, the right way round or mirrored, at every scale that it tries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from puppet.frame import Frame
from puppet.values import Moment

MAGENTA = (255, 0, 255)

CELL, CELLS = 8, 16
"""Pixels of a cell, cells of a tile."""

DEPTH, FACE_DEPTH = 40, 12
"""How much lighter or darker a cell makes what is under it; less in the middle, so that FaceMesh still sees a face."""

BORDER = 40

SIZE_WH = (256, 144)
"""Of the pictures."""

SCALES = (0.3, 0.5, 1.0)
"""A frame of 512 × 480 fitted into a picture by height and by width, and as it is."""

PATCH = 38
"""Sides of what is looked for, in pixels of the picture."""

SEEN = 0.15
"""So much more correlation than pictures of another camera have is a leak."""


def pattern(size_wh: tuple[int, int]) -> np.ndarray:
    """−1 and 1, over a whole frame."""
    half = np.random.default_rng(11).choice((-1.0, 1.0), (CELLS, CELLS // 2)).astype(np.float32)
    tile = np.kron(np.concatenate([half, half[:, ::-1]], axis=1), np.ones((CELL, CELL), np.float32))
    width, height = size_wh
    return np.tile(tile, (height // len(tile) + 1, width // len(tile) + 1))[:height, :width]


def tainted(rgb: np.ndarray) -> np.ndarray:
    """A frame in which every pixel is told: tinted, burnt, in a border of plain magenta."""
    burnt = 0.75 * rgb + 0.25 * np.array(MAGENTA, np.float32)
    burnt = cv2.copyMakeBorder(burnt[BORDER:-BORDER, BORDER:-BORDER], *[BORDER] * 4, cv2.BORDER_CONSTANT, value=MAGENTA)
    depth = np.full(rgb.shape[:2], DEPTH, np.float32)
    depth[rgb.shape[0] // 8 : -rgb.shape[0] // 8, rgb.shape[1] // 6 : -rgb.shape[1] // 6] = FACE_DEPTH
    return np.clip(burnt + (depth * pattern(rgb.shape[1::-1]))[..., None], 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Trace:
    """What of a camera's frames is in a picture: pixels of magenta, and the best match of any part of the pattern."""

    magenta: int
    match: float

    def shows(self, control: Iterable[Trace]) -> bool:
        """Whether this is a leak, given pictures that a camera without the taint has moved."""
        control = list(control)
        magenta, match = max(trace.magenta for trace in control), max(trace.match for trace in control)
        return self.magenta > magenta or self.match > match + SEEN


class Detector:
    """Looks for tainted frames in pictures."""

    def __init__(self) -> None:
        whole = pattern((2 * CELL * CELLS, 2 * CELL * CELLS))
        self._patches = []
        for scale in SCALES:
            scaled = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            tile = round(CELL * CELLS * scale)
            starts = range(0, max(tile - PATCH // 2, 1), PATCH)
            self._patches += [_edges(scaled)[y : y + PATCH, x : x + PATCH] for y in starts for x in starts]

    def look(self, rgb: np.ndarray) -> Trace:
        """One picture."""
        red, green, blue = (rgb[..., i].astype(np.int16) for i in range(3))
        magenta = int(((np.minimum(red, blue) - green > 110) & (abs(red - blue) < 60)).sum())
        edges = _edges(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32))
        edges += np.random.default_rng(0).normal(0.0, 0.5, edges.shape).astype(np.float32)  # where all is flat
        matches = (cv2.matchTemplate(edges, patch, cv2.TM_CCOEFF_NORMED).max() for patch in self._patches)
        return Trace(magenta, float(max(matches)))

    def look_all(self, pictures: Iterable[np.ndarray]) -> list[Trace]:
        """Every picture that differs from the one before."""
        traces, last = [], None
        for rgb in pictures:
            if last is None or not np.array_equal(rgb, last):
                traces.append(self.look(rgb))
            last = rgb
        return traces


def _edges(grey: np.ndarray) -> np.ndarray:
    """What is left when all that is smooth is taken away, each edge as strong as another."""
    rough = grey - cv2.GaussianBlur(grey, (0, 0), 3.0)
    return rough / (np.sqrt(cv2.GaussianBlur(rough * rough, (0, 0), 6.0)) + 2.0)


class Scripted:
    """A camera that shows what the test says, at its rate: a key of `reels`, each a list of frames in a loop.

    `trouble` says that it is away; while `free` is not set, its driver blocks.
    """

    name = "scripted"
    rate = Fraction(30)

    def __init__(self, reels: dict[str, Sequence[np.ndarray]]) -> None:
        self.reels, self.shows = reels, next(iter(reels))
        first = reels[self.shows][0]
        self.size_wh = (first.shape[1], first.shape[0])
        self.trouble: str | None = None
        self.index, self.start_s, self.offset_s = 0, time.perf_counter(), 0.0
        self.free = threading.Event()
        self.free.set()

    def read(self, out: np.ndarray) -> Frame:
        self.free.wait(60)
        due_s = self.start_s + self.index / 30
        moment = Moment(self.index, self.index / 30 + self.offset_s, due_s)
        self.index += 1
        if self.trouble is not None:
            return Frame(None, moment)
        reel = self.reels[self.shows]
        np.copyto(out, reel[self.index % len(reel)])
        return Frame(out, moment)

    def close(self) -> None: ...
