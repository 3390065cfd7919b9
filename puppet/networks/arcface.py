"""ArcFace: from a picture of a face to the direction of a person, and the identity loss made of it.

    L_id = mean (1 − cos ∠(F(I_r), F(I_s)))

The picture is not aligned: a fixed square is cut out of it and averaged down to 112 px, windows of uneven size and all.

Source: Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
arXiv:1801.07698; the crop is that of the paper's code (arXiv:2202.00046, Eq. 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.ir_se50 import STAGES, blocks, stem

RESOLUTION = 256
"""Edge in pixels of the pictures that are read."""

ROWS, COLUMNS = slice(35, 223), slice(32, 220)
EDGE = 112
DIMENSIONS = 512
LAST_EDGE = EDGE >> len(STAGES)
DROPOUT = 0.6


class ArcFace(nn.Module):
    """F."""

    pooling: Tensor

    def __init__(self) -> None:
        """Compose the network."""
        super().__init__()
        width = STAGES[-1][0]
        self.input_layer = stem()
        self.body = blocks()
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(DROPOUT),
            nn.Flatten(),
            nn.Linear(width * LAST_EDGE * LAST_EDGE, DIMENSIONS),
            nn.BatchNorm1d(DIMENSIONS),
        )
        self.register_buffer("pooling", pooling_matrix(ROWS.stop - ROWS.start, EDGE), persistent=False)

    def forward(self, picture: Float[Tensor, "batch 3 256 256"]) -> Float[Tensor, "batch 512"]:
        """Unit vectors.

        Args:
            picture: RGB in [−1, 1].
        """
        face = self.pooling @ picture[..., ROWS, COLUMNS] @ self.pooling.T
        return F.normalize(self.output_layer(self.body(self.input_layer(face))))


def pooling_matrix(before: int, after: int) -> Float[Tensor, "after before"]:
    """Means over windows that together cover a line, for an edge that is no multiple of the other.

    As matrices they pass into any graph, which adaptive pooling does not.
    """
    matrix = torch.zeros(after, before)
    for i in range(after):
        first, end = i * before // after, math.ceil((i + 1) * before / after)
        matrix[i, first:end] = 1.0 / (end - first)
    return matrix


def identity_loss(
    recognise: Callable[[Tensor], Tensor], picture: Float[Tensor, "b 3 r r"], reference: Float[Tensor, "b 3 r r"]
) -> Tensor:
    """L_id; no gradient flows to the reference.

    Args:
        recognise: F, in evaluation mode: this one or another that gives directions of people.
        picture: I_r, as F takes it; for this one RGB in [−1, 1] of 256 px.
        reference: I_s.
    """
    with torch.no_grad():
        wanted = recognise(reference)
    return (1.0 - F.cosine_similarity(recognise(picture), wanted, eps=1e-6)).mean()
