"""The encoder: from the aligned crop of a portrait to its pose-free code c.

    c = m(ẑ) in every row,      ẑ = E(picture)

E predicts the latent code z that would give such a person, and the generator's own mapping m turns it into w. So the
code stays among those the generator was trained on, whatever the picture is: a photograph becomes a look-alike in the
generator's style. p̃ is a second output of E that only training uses: to name the person, one has to see the pose.
`puppet.networks.offset_encoder` goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from puppet.networks.layout import GeneratorLayout
from puppet.networks.residual import PictureRegressor
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import SCALED_RANGE


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What an encoder sees in pictures.

    Attributes:
        c: Pose-free codes.
        p_scaled: p̃ of the pictures; not clamped.
    """

    c: Float[Tensor, "batch num_ws w_dim"]
    p_scaled: Float[Tensor, "batch pose_dim"]


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

    def encode(
        self,
        picture: Float[Tensor, "batch 3 r r"],
        mapping: nn.Module,
        layout: GeneratorLayout,
        dtype: torch.dtype = torch.float32,
    ) -> Reading:
        """Read pictures.

        Args:
            picture: RGB in [0, 1].
            mapping: m of the generator whose codes come out.
            layout: That generator's.
            dtype: Of the features.
        """
        targets = self(picture, dtype)
        return Reading(self.mapped(targets, mapping, layout), self.p_scaled(targets))

    def mapped(
        self, targets: Float[Tensor, "batch targets"], mapping: nn.Module, layout: GeneratorLayout
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """m(ẑ) in every row; entries of z that do not show are 0."""
        w: Tensor = mapping(F.pad(targets[:, : self.factors], (0, layout.z_dim - self.factors)))
        return w[:, None].expand(-1, layout.num_ws, -1)

    def p_scaled(self, targets: Float[Tensor, "batch targets"]) -> Float[Tensor, "batch pose_dim"]:
        """p̃ among the targets."""
        return SCALED_RANGE * targets[:, self.factors :]


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
        self.layout = generator.layout

    def forward(self, picture: UInt8[Tensor, "batch r r 3"]) -> Float[Tensor, "batch num_ws w_dim"]:
        """The pose-free code c of RGB crops."""
        rgb = picture.permute(0, 3, 1, 2).float() / 255.0
        return self.encoder.encode(rgb, self.mapping, self.layout).c
