"""The crop that DECA reads: the square around a face's landmarks, warped to 224 px.

    side  = ⌊1.25 · 1.1 · (width + height) / 2⌋              of the landmarks' box, about whose middle it lies
    exact   x(i) = i · side / 223 + x_0                      x_0 the square's left edge; y alike
    authors x(i) = ((i + ½) · side / 224 + x_0) · W / (W − 1) − ½

x(i) is where in a picture of width W the crop's pixel i is read, between pixels, black beyond the border. The second
form is what kornia 0.4.1 makes of the first, and the authors' numbers come from it: half a pixel apart at most.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from puppet.alignment import Square
from puppet.networks.deca import RESOLUTION

Sampling = Literal["exact", "authors"]

BOX, MARGIN = 1.1, 1.25
NOT_QUITE_TWO = 2.0 + 1e-5
"""The range of a picture as the authors divide by it."""


def to_bytes(picture: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """From [−1, 1], clamped, to [0, 255] as the authors do it, where 1 becomes 254.9987."""
    return (picture.clamp(-1.0, 1.0) + 1.0) / NOT_QUITE_TWO * 255.0


def face_square(landmarks: Float[np.ndarray, "points 2"]) -> Square:
    """The square around a face, in pixels of its picture."""
    low, high = landmarks.min(0), landmarks.max(0)
    x, y = (low + high) / 2
    size = float((high - low).sum()) / 2 * BOX
    return Square(float(x), float(y), int(size * MARGIN))


def crop_face(
    picture: Float[Tensor, "batch channels height width"], square: Square, sampling: Sampling
) -> Float[Tensor, "batch channels 224 224"]:
    """Cut the square out; differentiable in the picture.

    Args:
        picture: In any range whose 0 is black.
        square: What to cut; it may leave the picture.
        sampling: "authors" for the numbers of the authors' system.
    """
    height, width = picture.shape[2:]
    axes = []
    for centre, edge in ((square.x, width), (square.y, height)):
        at = _positions(square.side, centre - square.side / 2, edge, sampling)
        axes.append((2.0 * at + 1.0) / edge - 1.0)
    x, y = (axis.to(picture) for axis in axes)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    return F.grid_sample(picture, grid.expand(len(picture), -1, -1, -1), align_corners=False)


def _positions(side: float, start: float, edge: int, sampling: Sampling) -> Float[Tensor, "224"]:
    """Where in a line of `edge` pixels each pixel of the crop is read."""
    i = torch.arange(RESOLUTION, dtype=torch.float64)
    if sampling == "exact":
        return i * side / (RESOLUTION - 1) + start
    return ((i + 0.5) * side / RESOLUTION + start) * edge / (edge - 1) - 0.5
