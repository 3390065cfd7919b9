"""The encoder: from the aligned crop of a portrait to its pose-free code c.

    c = m(ẑ) in every row,      ẑ = E(picture)

E predicts the latent code z that would give such a person, and the generator's own mapping m turns it into w. So the
code stays among those the generator was trained on, whatever the picture is: a photograph becomes a look-alike in the
generator's style. p̃ is a second output of E that only training uses: to name the person, one has to see the pose.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from puppet.networks.residual import PictureRegressor
from puppet.networks.stylegan2 import Generator


class Encoder(PictureRegressor):
    """E. Its targets are the entries of z that show, then p̃ / a."""

    def __init__(self, resolution: int, factors: int, pose_dim: int) -> None:
        """Compose the network.

        Args:
            resolution: Edge of the picture in pixels, a multiple of 32.
            factors: Entries of z, from the first, that have a meaning.
            pose_dim: k, entries of p.
        """
        super().__init__(resolution, factors + pose_dim)
        self.resolution = resolution
        self.factors = factors


class CodeEncoder(nn.Module):
    """The encoder as it is shipped: uint8 picture in, code out, nothing else to know.

    Args:
        encoder: E.
        generator: Whose codes come out; its mapping m is taken over, not copied.
    """

    def __init__(self, encoder: Encoder, generator: Generator) -> None:
        super().__init__()
        self.encoder = encoder
        self.mapping = generator.mapping
        self.num_ws = generator.layout.num_ws
        self.unused = generator.layout.z_dim - encoder.factors

    def forward(self, picture: UInt8[Tensor, "batch r r 3"]) -> Float[Tensor, "batch num_ws w_dim"]:
        """The pose-free code c of RGB crops."""
        factors = self.encoder(picture.permute(0, 3, 1, 2).float() / 255.0)[:, : self.encoder.factors]
        w: Tensor = self.mapping(F.pad(factors, (0, self.unused)))
        return w[:, None].expand(-1, self.num_ws, -1)
