"""A small residual network from a picture to numbers; Net3D and the encoder are two of them.

The picture is folded 4 × 4 into channels, so that nothing is lost and nothing is computed at full resolution; four
stages halve it to a 32nd of its edge. The last map is flattened, not averaged: where a thing is matters here.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385; the fold is
the inverse of Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016, arXiv:1609.05158; blocks
without normalisation as in De, Smith, "Batch Normalization Biases Residual Blocks Towards the Identity Function in
Deep Networks", NeurIPS 2020, arXiv:2002.10444.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FOLD = 4
FIRST_GAIN = 0.2
WIDTHS = (48, 80, 128, 160)
HIDDEN = 256
STRIDE = 32
"""Edge of the picture over that of the last map; the picture's edge is a multiple of it."""


class ResidualBlock(nn.Module):
    """relu(x + g · conv(relu(conv(x)))) with a learned gain g that starts small, in place of a normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels)
        self.gain = nn.Parameter(torch.full((1,), FIRST_GAIN))

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """The next features."""
        return F.relu(x + self.gain * self.second(F.relu(self.first(x))))


class PictureRegressor(nn.Module):
    """Picture → a fixed number of targets, each near unit size.

    Attributes:
        log_variance: Learned log σ² of every target, for the loss: see `likelihood_loss`.
    """

    def __init__(self, resolution: int, targets: int, widths: Sequence[int] = WIDTHS, hidden: int = HIDDEN) -> None:
        """Compose the network.

        Args:
            resolution: Edge of the picture in pixels, a multiple of `STRIDE`.
            targets: How many numbers come out.
            widths: Channels at 1/4, 1/8, 1/16 and 1/32 of the resolution.
            hidden: Width of the fully connected layer before the last.
        """
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(FOLD), _convolution(3 * FOLD * FOLD, widths[0]), nn.ReLU())
        self.stages = nn.ModuleList(
            nn.Sequential(_convolution(before, width, stride=2), nn.ReLU(), ResidualBlock(width))
            if level
            else ResidualBlock(width)
            for level, (before, width) in enumerate(zip((widths[0], *widths[:-1]), widths, strict=True))
        )
        edge = resolution // STRIDE
        self.squeeze = nn.Conv2d(widths[-1], hidden // 8, 1)
        self.head = nn.Sequential(nn.Linear(edge * edge * (hidden // 8), hidden), nn.ReLU(), nn.Linear(hidden, targets))
        self.log_variance = nn.Parameter(torch.zeros(targets))

    def features(
        self, picture: Float[Tensor, "batch 3 r r"], dtype: torch.dtype = torch.float32
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """The output of every stage, fine to coarse, computed in `dtype` and given in it.

        Args:
            picture: RGB in [0, 1].
            dtype: float32, or bfloat16 where that is faster.
        """
        if dtype is torch.float32:
            return self._stages(picture)
        with torch.autocast(picture.device.type, dtype):
            return self._stages(picture)

    def _stages(self, picture: Tensor) -> list[Tensor]:
        x = self.stem((2.0 * picture - 1.0).contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(
        self, picture: Float[Tensor, "batch 3 r r"], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "batch targets"]:
        """The targets, float32; arguments as in `features`."""
        return self.read(self.features(picture, dtype))

    def read(self, maps: Sequence[Float[Tensor, "batch _ _ _"]]) -> Float[Tensor, "batch targets"]:
        """The targets, float32, from what `features` gave."""
        targets: Tensor = self.head(F.relu(self.squeeze(maps[-1].float())).flatten(1))
        return targets


def likelihood_loss(error: Float[Tensor, "batch targets"], log_variance: Float[Tensor, "targets"]) -> Float[Tensor, ""]:
    """Mean of (e² / σ² + log σ²) / 2: each target counts by how well it can be seen, σ² is learned along.

    Source: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, arXiv:1705.07115, Eq. 5.

    Args:
        error: Prediction minus truth.
        log_variance: log σ² of every target; taken as at least `LOWEST_LOG_VARIANCE`.
    """
    s = log_variance.clamp(min=LOWEST_LOG_VARIANCE)
    return 0.5 * (error.square() * torch.exp(-s) + s).mean()


LOWEST_LOG_VARIANCE = -6.0
"""No target counts more than e⁶ times one that cannot be seen."""


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution
