"""The inside of the mouth: where teeth and tongue stand, and how much light comes in between the lips.

    light(v) = A cos θ / (π d² + A) · exp(−0.28 z)

A is the area of the opening between the inner lips, d the distance from the vertex v to it, z its depth, θ the angle to
the opening's normal: what a disc of that area lets in, and what walls keep of it. Teeth behind the lips are bright, the
tongue lies in shadow, the throat is dark, and a closed mouth is a dark line.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from export import shading
from export.shape_model import ShapeModel
from puppet.smooth_step import smooth_step

UPPER_TEETH_CM, LOWER_TEETH_CM = -0.34, -0.14
"""How far the rows are moved: the shape model's upper teeth end behind the upper lip, its lower ones ring the mouth."""

TONGUE_DROP_CM, TONGUE_BACK_CM = -1.15, -0.9
"""The tongue stays on the floor of the mouth when the jaw opens fully, instead of filling the mouth."""

LOWER_CM = 0.2
"""What an opened jaw moves further belongs to it."""

_INNER_LIPS = slice(60, 68)
_LIPS_CM = 0.45
"""Teeth stand so far behind the opening at least."""
_DARKEST, _GAIN, _FADE = 0.012, 1.6, 0.28
_SLIT_CM2 = (0.2, 1.2)
"""Openings between these areas let in less and less: lips that hardly part show a dark line, not specks of teeth."""


def cavity_triangles(shape: ShapeModel) -> np.ndarray:
    """Mask over triangles: the bag behind the lips, which the shape model keeps with the back of the head."""
    if "M_BackHead" not in shape.material_names:
        return np.zeros(len(shape.triangles), bool)
    middle = shape.mean[shape.triangles].mean(1)
    inside = (np.abs(middle[:, 0]) < 3.6) & (middle[:, 1] < -0.4) & (middle[:, 1] > -6) & (middle[:, 2] > 0.7)
    return np.asarray(inside & (shape.material == shape.material_index("M_BackHead")), bool)


class Mouth:
    """Finds the mouth's vertices in the drawn mesh once.

    Args:
        mean: Vertices of the mean head.
        triangles: Over them.
        material: Codes of `shading`, one a triangle.
        landmarks68: Vertices of the landmarks.
    """

    def __init__(
        self,
        mean: Float32[np.ndarray, "vertices 3"],
        triangles: Int32[np.ndarray, "triangles 3"],
        material: UInt8[np.ndarray, "triangles"],
        landmarks68: Int32[np.ndarray, "68"],
    ) -> None:
        inner = np.isin(material, (shading.GUMS, shading.TEETH, shading.CAVITY))
        self.vertices: Int64[np.ndarray, "inside"] = np.unique(triangles[inner]).astype(np.int64)
        self._lips = landmarks68[_INNER_LIPS]
        self._teeth = np.unique(triangles[material == shading.TEETH])
        self._gums = np.unique(triangles[material == shading.GUMS])

    def set_teeth(self, mean: Float32[np.ndarray, "vertices 3"], jaw: Float32[np.ndarray, "vertices 3"]) -> None:
        """Move the rows of teeth with their gums in `mean`, and lower the tongue in the jaw's field; both in place."""
        tongue = self._tongue(mean)
        bony = np.concatenate([self._teeth, self._gums])
        lower = np.linalg.norm(jaw[bony], axis=1) > LOWER_CM
        front = smooth_step(3.0, 6.0, mean[bony, 2]) * (1 - tongue[bony])
        mean[bony, 1] += (front * np.where(lower, LOWER_TEETH_CM, UPPER_TEETH_CM)).astype(np.float32)
        jaw[:, 1] += TONGUE_DROP_CM * tongue
        jaw[:, 2] += TONGUE_BACK_CM * tongue

    def _tongue(self, mean: np.ndarray) -> Float32[np.ndarray, "vertices"]:
        """1 on the tongue, falling to 0 at the lower gums."""
        x, y, z = mean[self._gums].T
        weight = np.zeros(len(mean), np.float32)
        weight[self._gums] = (
            smooth_step(2.3, 1.5, np.abs(x)) * smooth_step(9.9, 9.2, z) * smooth_step(-2.6, -2.9, y)
            * smooth_step(2.2, 3.4, z)
        )  # fmt: skip
        return weight

    def light(self, posed: Float32[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, "inside"]:
        """How much of the light outside reaches each of `vertices`, in [0, 1].

        Args:
            posed: The head with its expression, before it is turned.
        """
        lips = posed[self._lips]
        x, y = lips[:, 0], lips[:, 1]
        area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
        middle = lips.mean(0)
        reach = np.float32(0.3) * np.array([np.ptp(x), np.ptp(y)], np.float32)
        out = np.empty(len(self.vertices), np.float32)
        slit = smooth_step(*_SLIT_CM2, np.array(area))
        _let_in(posed, self.vertices, middle, reach, np.float32(area), np.float32(_GAIN * slit), out)
        return out


@nb.njit(cache=True, fastmath=True)
def _let_in(posed, vertices, middle, reach, area, gain, out):
    for i in range(len(vertices)):
        v = vertices[i]
        x = max(abs(middle[0] - posed[v, 0]) - reach[0], np.float32(0))
        y = max(abs(middle[1] - posed[v, 1]) - reach[1], np.float32(0))
        depth = max(middle[2] - posed[v, 2], np.float32(0))
        z = depth + np.float32(_LIPS_CM)
        squared = x * x + y * y + z * z
        seen = area * z / math.sqrt(squared) / (np.float32(math.pi) * squared + area)
        seen *= gain * math.exp(-np.float32(_FADE) * depth)
        out[i] = min(np.float32(_DARKEST) + seen, np.float32(1))
