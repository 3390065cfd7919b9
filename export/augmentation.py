"""Makes rendered heads look like anything a camera or a painter may deliver; only networks that look are trained on it.

Framing, backdrop, light, colour, lens, noise and compression vary; what the labels say does not change.
Pictures are uint8 arrays; one random generator decides everything, so a seed repeats a batch, and any part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Int, UInt8

GREY = 127.5
_NOISE_EDGE = 512


@dataclass(frozen=True, slots=True)
class Photography:
    """How far pictures may stray. Shares are probabilities, the others the largest deviation.

    Attributes:
        busy: Share of pictures with a patterned backdrop; others have a plain or softly graded one.
        shift: Offset of the head, as a share of the edge.
        zoom: Relative change of size.
        grade: Change of contrast, brightness, gamma, saturation and white balance.
        light: Share of pictures under a second, coloured light from one side.
        blur_px: Standard deviation of the lens blur.
        paint: Share of pictures simplified by a median filter, as brushes do.
        noise: Standard deviation, of 255.
        compress: Share of pictures that went through JPEG.
        cover: Share of pictures with something in front of the head.
    """

    busy: float
    shift: float
    zoom: float
    grade: float
    light: float
    blur_px: float
    paint: float
    noise: float
    compress: float
    cover: float


MILD = Photography(
    busy=0.0, shift=0.02, zoom=0.02, grade=0.10, light=0.0, blur_px=1.0, paint=0.0, noise=6.0, compress=0.0, cover=0.0
)
"""For networks that look at renders and at the generator's pictures."""

STRONG = Photography(
    busy=0.5,
    shift=0.06,
    zoom=0.06,
    grade=0.18,
    light=0.35,
    blur_px=1.3,
    paint=0.15,
    noise=14.0,
    compress=0.3,
    cover=0.12,
)
"""For networks that must read photographs and paintings."""


class Photographer:
    """Turns matted renders into pictures.

    Args:
        photography: How far pictures may stray.
        rng: Decides everything; used up by a number a picture, from which that picture's own chance grows.
    """

    def __init__(self, photography: Photography, rng: np.random.Generator) -> None:
        self._by = photography
        self._seeds = self._rng = rng
        self._noise = rng.standard_normal((_NOISE_EDGE, _NOISE_EDGE, 3)).astype(np.float32)

    def shoot(
        self, rgba: UInt8[np.ndarray, "batch r r 4"], chosen: Int[np.ndarray, "chosen"] | None = None
    ) -> UInt8[np.ndarray, "_pictures r r 3"]:
        """One picture of each head (colour over grey, and alpha); a new array.

        Args:
            rgba: A batch; a piece of any head may stand behind any other.
            chosen: Which of them; the same pictures as if all were made.
        """
        seeds = self._seeds.integers(2**63, size=len(rgba))
        return np.stack([self._one(rgba, i, int(seeds[i])) for i in (range(len(rgba)) if chosen is None else chosen)])

    def _one(self, rgba: np.ndarray, i: int, seed: int) -> np.ndarray:
        self._rng = np.random.default_rng(seed)
        head, other = rgba[i], rgba[self._rng.integers(len(rgba))]
        by, draw = self._by, self._rng.random
        rgb = over(self._reframe(head), self._backdrop(other))
        if draw() < by.cover:
            rgb = self._cover(rgb)
        if draw() < by.light:
            rgb = self._light(rgb)
        rgb = self._grade(rgb)
        rgb = cv2.medianBlur(rgb, 3 if draw() < 0.5 else 5) if draw() < by.paint else self._lens(rgb)
        rgb = self._add_noise(rgb)
        return _jpeg(rgb, int(self._rng.integers(35, 95))) if draw() < by.compress else rgb

    def _reframe(self, head: np.ndarray) -> np.ndarray:
        """Move and scale; the border is repeated, so that shoulders never float."""
        edge, by = len(head), self._by
        zoom = math.exp(self._rng.uniform(-by.zoom, by.zoom))
        x, y = self._rng.uniform(-by.shift, by.shift, 2) * edge + (1 - zoom) * (edge - 1) / 2
        matrix = np.array([[zoom, 0, x], [0, zoom, y]], np.float32)
        return np.asarray(
            cv2.warpAffine(head, matrix, (edge, edge), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )

    def _backdrop(self, other: np.ndarray) -> np.ndarray:
        """A plain or softly graded colour; or a pattern, coarse or fine, or a piece of another picture."""
        edge, busy = len(other), self._rng.random() < self._by.busy
        if busy and self._rng.random() < 0.3:
            part = int(self._rng.integers(edge // 4, edge // 2))
            x, y = self._rng.integers(0, edge - part, 2)
            return np.asarray(
                cv2.resize(other[y : y + part, x : x + part, :3], (edge, edge), interpolation=cv2.INTER_LINEAR)
            )
        # From grey to vivid: rooms and walls are mostly dull.
        colour = self._rng.uniform(0, 255, 3)
        colour = colour.mean() + self._rng.random() * (colour - colour.mean())
        cells = int(self._rng.choice([3, 5, 9, 20, 60])) if busy else 2
        amount = self._rng.uniform(0, 90)
        tint = self._rng.uniform(-1, 1, 3) if self._rng.random() < 0.6 else np.ones(3)
        pattern = colour + amount * tint * self._rng.uniform(-1, 1, (cells, cells, 1))
        pattern += 0.3 * amount * self._rng.uniform(-1, 1, (cells, cells, 3))
        how = cv2.INTER_NEAREST if busy and self._rng.random() < 0.2 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pattern.clip(0, 255).astype(np.uint8), (edge, edge), interpolation=how))

    def _cover(self, rgb: np.ndarray) -> np.ndarray:
        """A plain ellipse or bar somewhere: a hand, a microphone, a frame."""
        edge = len(rgb)
        centre = tuple(int(v) for v in self._rng.integers(0, edge, 2))
        axes = tuple(int(v) for v in self._rng.uniform(0.03, 0.16, 2) * edge)
        colour = tuple(float(v) for v in self._rng.uniform(0, 255, 3))
        return np.asarray(cv2.ellipse(rgb, centre, axes, self._rng.uniform(0, 180), 0, 360, colour, -1))

    def _light(self, rgb: np.ndarray) -> np.ndarray:
        """Brighter or darker, and tinted, towards one side."""
        corners = 1 + 0.45 * self._rng.uniform(-1, 1, (2, 2, 1)) + 0.10 * self._rng.uniform(-1, 1, (2, 2, 3))
        field = cv2.resize(corners.astype(np.float32), rgb.shape[:2], interpolation=cv2.INTER_LINEAR)
        return np.asarray((rgb * field).clip(0, 255), np.uint8)

    def _grade(self, rgb: np.ndarray) -> np.ndarray:
        """Saturation, then one curve a channel: white balance, contrast, brightness, gamma."""
        grade = self._by.grade
        contrast, brightness, gamma, saturation = self._rng.uniform(-grade, grade, 4)
        balance = self._rng.uniform(-grade, grade, 3) / 2
        grey = np.full((3, 3), [0.299, 0.587, 0.114], np.float32)
        mixed = cv2.transform(rgb, grey + (1 + 2 * saturation) * (np.eye(3, dtype=np.float32) - grey))
        x = (np.arange(256) / 255) ** math.exp(gamma)
        curve = ((x - 0.5) * (1 + contrast) + 0.5 + 0.5 * brightness)[:, None] * (1 + balance)
        return np.asarray(cv2.LUT(mixed, (255 * curve).clip(0, 255).astype(np.uint8)[None]))

    def _lens(self, rgb: np.ndarray) -> np.ndarray:
        """Sharp, blurred, enlarged from a smaller picture, or sharpened."""
        kind, edge = self._rng.random(), len(rgb)
        amount = self._rng.random()
        if kind < 0.45:
            sigma = 0.3 + (self._by.blur_px - 0.3) * amount
            return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma))
        if kind < 0.60:
            small = int(edge * (1 - 0.5 * amount * min(self._by.blur_px, 1.0)))
            return np.asarray(cv2.resize(cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA), (edge, edge)))
        if kind < 0.70:
            return np.asarray(cv2.addWeighted(rgb, 1 + amount, cv2.GaussianBlur(rgb, (0, 0), 1.0), -amount, 0))
        return rgb

    def _add_noise(self, rgb: np.ndarray) -> np.ndarray:
        strength = max(0.0, self._rng.uniform(-0.7, 1.0)) * self._by.noise
        if strength == 0:
            return rgb
        edge = len(rgb)
        y, x = self._rng.integers(0, _NOISE_EDGE - edge, 2)
        grain = self._noise[y : y + edge, x : x + edge]
        if self._rng.random() < 0.5:
            grain = grain[..., :1]
        return np.asarray((rgb + strength * grain).clip(0, 255), np.uint8)


def over(rgba: UInt8[np.ndarray, "r r 4"], backdrop: UInt8[np.ndarray, "r r 3"]) -> UInt8[np.ndarray, "r r 3"]:
    """A head (colour over grey, and alpha) in front of a backdrop."""
    through = 1.0 - rgba[..., 3:].astype(np.float32) / 255
    mixed = rgba[..., :3] + through * (backdrop - np.float32(GREY))
    return np.asarray(mixed.clip(0, 255), np.uint8)


def _jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    _, code = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
