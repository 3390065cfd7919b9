"""Where a bundle's networks look: squares around a face, from its landmarks alone.

    centre = middle of the points' bounding box − up · l,        side = sides · l

l is the longer side of the bounding box, or the mean of both. The rule is data in a bundle whose pose graph reads a
picture; a pose graph that reads landmarks gives its own square.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float32

from puppet.alignment import Square

POINTS = 478
LARGEST = 10.0
"""Most sides of a bounding box that a square may have, and most that it may be moved by."""

Length = Literal["longest", "mean"]


@dataclass(frozen=True, slots=True)
class SquareRule:
    """One rule.

    Attributes:
        points: FaceMesh landmarks whose bounding box counts.
        length: What of the bounding box is l.
        sides: Side of the square, in l.
        up: How far its centre lies above that of the bounding box, in l.
    """

    points: tuple[int, ...]
    length: Length
    sides: float
    up: float

    def square(self, landmarks_px: Float32[np.ndarray, "478 _"]) -> Square:
        """The square around a face; its side is at least a pixel."""
        points = landmarks_px[list(self.points), :2]
        low, high = points.min(axis=0), points.max(axis=0)
        extent = high - low
        length = float(extent.max() if self.length == "longest" else extent.mean())
        x, y = ((low + high) / 2).tolist()
        return Square(x, y - self.up * length, max(self.sides * length, 1.0))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SquareRule:
        """Read one that `asdict` made.

        Raises:
            ValueError: A value is missing or makes no square.
        """
        try:
            points, length = values["points"], values["length"]
            sides, up = float(values["sides"]), float(values["up"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"a square needs points, length, sides and up; {error} is missing or wrong") from error
        is_points = isinstance(points, list) and all(type(i) is int and 0 <= i < POINTS for i in points)
        if not is_points or len(set(points)) < 2 or length not in get_args(Length):
            raise ValueError(
                f"a square needs two or more of {POINTS} points, and one of the lengths {get_args(Length)}"
            )
        if not (0 < sides <= LARGEST and abs(up) <= LARGEST):
            raise ValueError(f"a square has up to {LARGEST:g} sides of the face, not {sides!r}, moved by {up!r}")
        return cls(tuple(points), length, sides, up)


@dataclass(frozen=True, slots=True)
class FaceSquares:
    """Both squares of a bundle whose pose graph reads pictures.

    Attributes:
        pose: What the pose graph reads.
        portrait: The alignment square, which the encoder reads.
    """

    pose: SquareRule
    portrait: SquareRule

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FaceSquares:
        """Read what `to_json` wrote.

        Raises:
            ValueError: A rule is missing or wrong.
        """
        if not isinstance(values, Mapping) or not all(isinstance(values.get(k), Mapping) for k in ("pose", "portrait")):
            raise ValueError("face squares need the rules pose and portrait")
        return cls(SquareRule.from_json(values["pose"]), SquareRule.from_json(values["portrait"]))
