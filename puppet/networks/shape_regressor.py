"""Net3D: fits the 3D shape model to a picture, p_i for the identity and p for the pose.

The paper takes DECA's regressor (Feng, Feng, Black, Bolkart, SIGGRAPH 2021, arXiv:2012.04012); this one is small and
learns from rendered heads, whose coefficients are known.

Source: paper, section 3.1 (arXiv:2202.00046).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from puppet.networks.residual import PictureRegressor
from puppet.pose_space import SCALED_RANGE


@dataclass(frozen=True, slots=True, eq=False)
class ShapeCoefficients:
    """What the shape model needs.

    Attributes:
        p_i: Identity coefficients.
        p_scaled: p̃, in [−6, 6] over the ranges of the pose space; not clamped.
    """

    p_i: Float[Tensor, "batch modes"]
    p_scaled: Float[Tensor, "batch pose_dim"]


class ShapeRegressor(PictureRegressor):
    """Net3D. Its targets are p_i, then p̃ / a."""

    def __init__(self, resolution: int, modes: int, pose_dim: int) -> None:
        """Compose the network.

        Args:
            resolution: Edge of the picture in pixels, a multiple of 32.
            modes: Identity coefficients.
            pose_dim: k, entries of p.
        """
        super().__init__(resolution, modes + pose_dim)
        self.resolution = resolution
        self.modes = modes

    def coefficients(
        self, picture: Float[Tensor, "batch 3 r r"], dtype: torch.dtype = torch.float32
    ) -> ShapeCoefficients:
        """Read pictures (RGB in [0, 1]); features are computed in `dtype`."""
        targets = self(picture, dtype)
        return ShapeCoefficients(targets[:, : self.modes], SCALED_RANGE * targets[:, self.modes :])
