"""e4e: from a picture to a W+ code, one row from the coarsest features and an offset from it for every other row.

    w_0 = s_0(c_3)        w_i = w_0 + s_i(features),  i ≥ 1

Rows 0 to 2 read the coarsest features c_3, rows 3 to 6 those a level finer, the others those at a quarter of the
picture's edge; finer features get the coarser ones added. Unlike the original, and like the checkpoint of the paper's
authors, no mean code is added. Weights are named as in the checkpoints.

Source: Tov, Alaluf, Nitzan, Patashnik, Cohen-Or, "Designing an Encoder for StyleGAN Image Manipulation", ACM TOG 2021,
arXiv:2102.02766; features as in Richardson et al., "Encoding in Style", CVPR 2021, arXiv:2008.00951, section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.ir_se50 import blocks, stem
from puppet.networks.stylegan2 import EqualLinear

RESOLUTION = 256
"""Edge in pixels of the pictures that are read."""

WIDTH = 512
FINE, MIDDLE = 6, 20
"""The blocks after which features are taken, besides the last one."""

COARSE_ROWS, MIDDLE_ROWS = 3, 7
"""Rows below the first read the coarsest features, rows below the second the middle ones."""


class StyleBlock(nn.Module):
    """Features to one row: halved until one pixel is left."""

    def __init__(self, edge: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(edge.bit_length() - 1):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, 2, padding=1), nn.LeakyReLU()]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(WIDTH, WIDTH)

    def forward(self, x: Float[Tensor, "batch 512 edge edge"]) -> Float[Tensor, "batch 512"]:
        """The row."""
        row: Tensor = self.linear(self.convs(x).flatten(1))
        return row


class E4E(nn.Module):
    """The encoder of the authors' system."""

    def __init__(self, num_ws: int) -> None:
        """Compose the network.

        Args:
            num_ws: Rows of a code.
        """
        super().__init__()
        self.input_layer = stem()
        self.body = blocks()
        self.styles = nn.ModuleList(StyleBlock(edge) for edge in _edges(num_ws))
        self.latlayer1 = nn.Conv2d(256, WIDTH, 1)
        self.latlayer2 = nn.Conv2d(128, WIDTH, 1)

    def forward(self, picture: Float[Tensor, "batch 3 256 256"]) -> Float[Tensor, "batch num_ws 512"]:
        """The codes, before truncation.

        Args:
            picture: RGB in [−1, 1].
        """
        x = self.input_layer(picture)
        taken = []
        for i, block in enumerate(self.body):
            x = block(x)
            if i in (FINE, MIDDLE):
                taken.append(x)
        fine, middle = taken
        middle = _enlarge(x) + self.latlayer1(middle)
        fine = _enlarge(middle) + self.latlayer2(fine)
        features = [x if i < COARSE_ROWS else middle if i < MIDDLE_ROWS else fine for i in range(len(self.styles))]
        first, *others = (style(f) for style, f in zip(self.styles, features, strict=True))
        return torch.stack([first, *(first + offset for offset in others)], 1)


def _edges(num_ws: int) -> list[int]:
    """Edge in pixels of the features that each row reads."""
    return [RESOLUTION >> (4 if row < COARSE_ROWS else 3 if row < MIDDLE_ROWS else 2) for row in range(num_ws)]


def _enlarge(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
