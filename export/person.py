"""A person, put together of the head, which all people share, and of hair, beard and what they wear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from export import shading
from export.head_factors import Factors
from export.worn import Worn

_WORN = (shading.HAIR, shading.BEARD, shading.GLASSES, shading.WORN)
_BACK_CM = -1.0
"""Skin behind this depth throws no shadow that is seen: lights stand in front."""


@dataclass(frozen=True, eq=False)
class Person:
    """Everything about a head that its pose does not change. Points are the head's, the shoulders', the worn ones.

    Attributes:
        factors: What z says.
        neutral: Head vertices in ICT's axes, cm, without expression.
        triangles: What is drawn.
        material: Codes of `shading`, one a triangle.
        attributes: Values of `shading.ATTRIBUTES` at every point.
        occlusion: How much of the sky every point sees; eye balls and mouth see what the expression leaves open.
        fray: Raggedness of hair ends, see `Raster.draw`.
        worn: Points behind the shoulders', cm.
        beard: Which vertices of the head carry the first of these: they are offsets from them.
        casters: The triangles that throw shadows, skin first.
        skin_casters: How many are skin.
        palette: Rows of `shading.PALETTE`, linear RGB.
        look: Light, and the surfaces' numbers.
        blur_cm: Half width of a shadow's edge.
        distance_cm: From the viewer to the plane of the face.
    """

    factors: Factors
    neutral: Float32[np.ndarray, "vertices 3"]
    triangles: Int32[np.ndarray, "triangles 3"]
    material: UInt8[np.ndarray, "triangles"]
    attributes: Float32[np.ndarray, "points attributes"]
    occlusion: Float32[np.ndarray, "points"]
    fray: Float32[np.ndarray, "points"]
    worn: Float32[np.ndarray, "worn 3"]
    beard: Int32[np.ndarray, "shell"]
    casters: Int32[np.ndarray, "casters 3"]
    skin_casters: int
    palette: Float32[np.ndarray, "5 3"]
    look: shading.Look
    blur_cm: float
    distance_cm: float

    def points(
        self, deformed: Float32[np.ndarray, "vertices 3"], torso: Float32[np.ndarray, "torso 3"]
    ) -> Float32[np.ndarray, "points 3"]:
        """All points of an expression, before the head is turned.

        Args:
            deformed: Head vertices with the expression.
            torso: Shoulders.
        """
        still: Float32[np.ndarray, "points 3"] = np.concatenate([deformed, torso, self.worn])
        first = len(deformed) + len(torso)
        still[first : first + len(self.beard)] += deformed[self.beard]
        return still


@dataclass(frozen=True, eq=False)
class Drawn:
    """The arrays of a mesh that is drawn: see the fields of the same names in `Person`."""

    triangles: Int32[np.ndarray, "triangles 3"]
    material: UInt8[np.ndarray, "triangles"]
    attributes: Float32[np.ndarray, "points attributes"]
    occlusion: Float32[np.ndarray, "points"]
    fray: Float32[np.ndarray, "points"]
    worn: Float32[np.ndarray, "worn 3"]

    def casters(self) -> tuple[Int32[np.ndarray, "casters 3"], int]:
        """The triangles that throw shadows, skin first, and how many are skin."""
        skin = self.material == shading.SKIN
        skin &= self.attributes[self.triangles[:, 0], 2] > _BACK_CM
        worn = np.isin(self.material, _WORN)
        return np.concatenate([self.triangles[skin], self.triangles[worn]]), int(skin.sum())


def dress(bare: Drawn, things: list[Worn]) -> Drawn:
    """The mesh with things added behind it, in their order."""
    first = np.cumsum([len(bare.attributes)] + [len(thing.points) for thing in things])[:-1]
    counts = [len(thing.triangles) for thing in things]
    added = len(np.concatenate([thing.fray for thing in things])) if things else 0
    return Drawn(
        np.concatenate(
            [bare.triangles, *(thing.triangles + np.int32(start) for thing, start in zip(things, first, strict=True))]
        ),
        np.concatenate(
            [bare.material, *(np.full(n, thing.material, np.uint8) for thing, n in zip(things, counts, strict=True))]
        ),
        np.concatenate([bare.attributes, *(thing.attributes for thing in things)]),
        np.concatenate([bare.occlusion, np.ones(added, np.float32)]),
        np.concatenate([bare.fray, *(thing.fray for thing in things)]),
        np.concatenate([bare.worn, *(thing.points for thing in things)]),
    )
