"""Facial editing: an avatar moved along its directions by hand, without a driver.

    p = p_s + Δ        w = c + A · clip(p̃)        the authors' editing: each direction is one entry of Δ

Source: Bounareli, Argyriou, Tzimiropoulos, "Finding Directions in GAN's Latent Space for Neural Face Reenactment",
BMVC 2022, arXiv:2202.00046, section 4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.errors import PoseError
from puppet.pose_space import PoseSpace
from puppet.settings import Motion
from puppet.stages import Scene
from puppet.values import Moment, PoseVector

ALL = "all"
"""Stands for every direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One edited picture.

    Attributes:
        rgb: The picture, RGB, or RGBA over grey.
        direction: The entry that it shows; empty for none.
        value: That entry's value, in its own unit.
    """

    rgb: UInt8[np.ndarray, "height width channels"]
    direction: str = ""
    value: float = 0.0


class Editor:
    """Paints one avatar in any pose."""

    def __init__(
        self, space: PoseSpace, scene: Scene, code_shape: tuple[int, int], p: Float32[np.ndarray, "pose_dim"]
    ) -> None:
        """Take what is painted.

        Args:
            space: The bundle's pose space.
            scene: The avatar over its backdrop, moved absolutely.
            code_shape: num_ws and w_dim.
            p: The pose that directions start from, in the units of the pose space.
        """
        self.space, self.p = space, p
        self._scene = scene
        self._code = np.empty(code_shape, np.float32)

    def paint(self, p: Float32[np.ndarray, "pose_dim"]) -> UInt8[np.ndarray, "height width channels"]:
        """The picture of a pose, RGB or RGBA over grey, in memory of its own.

        Raises:
            EngineRunError: The engine failed.
        """
        scene = self._scene
        pose = scene.directions.move(PoseVector(p, self.space.rest, 1.0, Moment(0, 0.0, 0.0)), out=self._code)
        picture = np.empty_like(scene.slate)
        scene.compositor.compose(scene.synthesis.paint(self._code), picture, pose)
        return picture

    def along(self, direction: str, values: Sequence[float]) -> Iterator[Still]:
        """One picture for each value of an entry, everything else as in the starting pose."""
        p = self.p.copy()
        for value in values:
            p[self.space.index(direction)] = value
            yield Still(self.paint(p), direction, value)

    def span(self, direction: str, count: int) -> list[float]:
        """So many values of an entry, evenly from its lowest to its highest."""
        i = self.space.index(direction)
        return [float(value) for value in np.linspace(self.space.lower[i], self.space.upper[i], count)]

    def there_and_back(self, direction: str, count: int) -> list[float]:
        """So many values of an entry, as a wave goes: from the start to the highest, to the other side's, and back."""
        i = self.space.index(direction)
        low, start, high = float(self.space.lower[i]), float(self.p[i]), float(self.space.upper[i])
        turn = np.linspace(0.0, 2.0 * np.pi, count)
        wave = (1.0 - np.cos(turn)) / 2.0 if self.space.rest[i] <= self.space.lower[i] else np.sin(turn)
        return [start + share * (high - start if share > 0 else start - low) for share in wave.tolist()]


def edited_pose(
    space: PoseSpace, p_s: Float32[np.ndarray, "pose_dim"], changes: Mapping[str, float], motion: Motion
) -> Float32[np.ndarray, "pose_dim"]:
    """The portrait's own pose with some entries changed.

    Args:
        space: The bundle's pose space.
        p_s: The portrait's own pose.
        changes: By the entries' names, in their units.
        motion: `relative` adds them to the portrait's own pose, `absolute` puts them in its place.

    Raises:
        PoseError: The model has no such entry.
    """
    check_names(space, changes)
    p = p_s.copy()
    for name, value in changes.items():
        p[space.index(name)] = value + (p[space.index(name)] if motion == "relative" else 0.0)
    return p


def directions_of(space: PoseSpace, wanted: Sequence[str]) -> tuple[str, ...]:
    """The directions that the user means, in the order of the pose space.

    Raises:
        PoseError: The model has no such direction.
    """
    if ALL in wanted:
        return space.names
    check_names(space, wanted)
    return tuple(name for name in space.names if name in wanted)


def check_names(space: PoseSpace, names: Sequence[str] | Mapping[str, float]) -> None:
    """See that the pose space has all of these entries.

    Raises:
        PoseError: It lacks one.
    """
    for name in names:
        if name not in space.names:
            raise PoseError(f"this model has no direction {name!r}; it has {', '.join(space.names)}")
