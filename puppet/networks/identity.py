"""The identity network: from an aligned crop to a direction that is the same for all pictures of one person.

    similarity of two pictures = cos ∠(F(x_1), F(x_2))

It looks at what stays: the shape of the head, skin, hair, brows, eyes; not at pose, light, lens, clothes or backdrop.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from puppet.networks.residual import PictureRegressor

WIDTHS = (32, 64, 96, 128)
HIDDEN = 192
DIMENSIONS = 64


class IdentityNetwork(PictureRegressor):
    """F."""

    def __init__(self, resolution: int) -> None:
        """Compose the network.

        Args:
            resolution: Edge of the picture in pixels, a multiple of 32.
        """
        super().__init__(resolution, DIMENSIONS, WIDTHS, HIDDEN)
        self.resolution = resolution

    def forward(
        self, picture: Float[Tensor, "batch 3 r r"], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors, float32; arguments as in `features`."""
        return F.normalize(super().forward(picture, dtype))


class PictureIdentity(nn.Module):
    """The identity network as it is shipped: uint8 picture in, unit vector out.

    Args:
        network: F.
    """

    def __init__(self, network: IdentityNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: UInt8[Tensor, "batch r r 3"]) -> Float[Tensor, "batch dimensions"]:
        """The unit vectors of RGB crops."""
        identity: Tensor = self.network(picture.permute(0, 3, 1, 2).float() / 255.0)
        return identity
