"""The encoder with an offset for every row: what m(ẑ) cannot say, W+ says.

    c_0 = m(ẑ)        c_i = m(ẑ) + σ Δ_i,  i ≥ 1        σ the spread of m(z)

Rows 1 and 2 read the coarsest features of E, rows 3 to 6 those a level finer too, the others those of three levels. As
in e4e rows are opened one by one while the network is trained; a row that is not open has no offset. New offsets are
0, so training starts from what E knows.

Source: Tov, Alaluf, Nitzan, Patashnik, Cohen-Or, "Designing an Encoder for StyleGAN Image Manipulation", ACM TOG 2021,
arXiv:2102.02766; which rows read what as in Richardson et al., "Encoding in Style", CVPR 2021,
arXiv:2008.00951, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.e4e import COARSE_ROWS, MIDDLE_ROWS
from puppet.networks.encoder import Encoder, Reading
from puppet.networks.layout import GeneratorLayout
from puppet.networks.residual import STRIDE, WIDTHS

SQUEEZED = (24, 8, 4)
"""Channels to which the features at 1/32, 1/16 and 1/8 of the picture's edge are brought before they are flattened."""

HIDDEN = 96
"""Numbers from which the offsets of a group of rows are made."""


class OffsetHead(nn.Module):
    """Features of some levels to the offsets of some rows.

    Args:
        edge: Edge of the coarsest map.
        levels: How many maps are read, from the coarsest.
        rows: How many rows come out.
        w_dim: Their length.
    """

    def __init__(self, edge: int, levels: int, rows: int, w_dim: int) -> None:
        super().__init__()
        coarse_first = WIDTHS[::-1][:levels]
        self.squeeze = nn.ModuleList(
            nn.Conv2d(width, squeezed, 1) for width, squeezed in zip(coarse_first, SQUEEZED, strict=False)
        )
        seen = sum(squeezed * (edge << level) ** 2 for level, squeezed in enumerate(SQUEEZED[:levels]))
        self.hidden = nn.Linear(seen, HIDDEN)
        self.last = nn.Linear(HIDDEN, rows * w_dim)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.rows = rows

    def forward(self, maps: Sequence[Float[Tensor, "batch _ _ _"]]) -> Float[Tensor, "batch rows w_dim"]:
        """Δ; maps are those of `PictureRegressor.features`, fine to coarse."""
        seen = [F.relu(squeeze(x.float())).flatten(1) for squeeze, x in zip(self.squeeze, reversed(maps), strict=False)]
        offsets: Tensor = self.last(F.relu(self.hidden(torch.cat(seen, 1))))
        return offsets.reshape(len(offsets), self.rows, -1)


class OffsetEncoder(Encoder):
    """E and Δ.

    Attributes:
        opened: 1 for every row that has an offset, else 0; the first row has none.
        spread: σ, the root mean square deviation of entries of m(z).
    """

    opened: Tensor
    spread: Tensor

    def __init__(self, resolution: int, factors: int, pose_dim: int, num_ws: int, w_dim: int) -> None:
        """Compose the network.

        Args:
            resolution: Edge of the picture in pixels, a multiple of 32.
            factors: Entries of z, from the first, that have a meaning.
            pose_dim: k, entries of p.
            num_ws: Rows of a code.
            w_dim: Length of a row.
        """
        super().__init__(resolution, factors, pose_dim)
        edge = resolution // STRIDE
        bounds = (1, min(COARSE_ROWS, num_ws), min(MIDDLE_ROWS, num_ws), num_ws)
        self.offset_heads = nn.ModuleList(
            OffsetHead(edge, levels, bounds[levels] - bounds[levels - 1], w_dim)
            for levels in (1, 2, 3)
            if bounds[levels] > bounds[levels - 1]
        )
        self.register_buffer("opened", torch.zeros(num_ws, 1))
        self.register_buffer("spread", torch.ones(()))

    @property
    def most_rows(self) -> int:
        """Rows that can be opened."""
        return len(self.opened) - 1

    def open(self, rows: int) -> None:
        """Give rows 1 to `rows` their offsets, and no others."""
        self.opened.copy_((torch.arange(len(self.opened)) <= rows)[:, None])
        self.opened[0] = 0

    def offsets(self, maps: Sequence[Float[Tensor, "batch _ _ _"]]) -> Float[Tensor, "batch num_ws w_dim"]:
        """Δ of every row from what `features` gave, in units of σ; 0 where a row is not open."""
        others = torch.cat([head(maps) for head in self.offset_heads], 1)
        return F.pad(others, (0, 0, 1, 0)) * self.opened

    def encode(
        self,
        picture: Float[Tensor, "batch 3 r r"],
        mapping: nn.Module,
        layout: GeneratorLayout,
        dtype: torch.dtype = torch.float32,
    ) -> Reading:
        """Read pictures; see `Encoder.encode`."""
        maps = self.features(picture, dtype)
        targets = self.read(maps)
        c = self.mapped(targets, mapping, layout) + self.spread * self.offsets(maps)
        return Reading(c, self.p_scaled(targets))
