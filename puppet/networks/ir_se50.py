"""IR-SE-50, the residual network with squeeze and excitation that ArcFace and e4e share.

Twenty-four blocks in four stages of 64, 128, 256 and 512 channels; the first block of each stage halves the edge.
Weights are named as in the published checkpoints, so that these load directly.

Source: Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
arXiv:1801.07698, section 3.1; Hu, Shen, Sun, "Squeeze-and-Excitation Networks", CVPR 2018, arXiv:1709.01507; blocks
laid out as in TreB1eN/InsightFace_Pytorch (MIT).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

STEM = 64
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and blocks of every stage."""

REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Scales every channel by what the means of all channels say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """The scaled features."""
        scale: Tensor = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))
        return x * scale


class Bottleneck(nn.Module):
    """One residual block."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module
        if before == after:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.PReLU(after),
            nn.Conv2d(after, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            SqueezeExcitation(after),
        )

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch d _ _"]:
        """The next features."""
        features: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return features


def stem() -> nn.Sequential:
    """From the picture to the first features."""
    return nn.Sequential(nn.Conv2d(3, STEM, 3, padding=1, bias=False), nn.BatchNorm2d(STEM), nn.PReLU(STEM))


def blocks() -> nn.Sequential:
    """All blocks, fine to coarse."""
    widths = [STEM, *(channels for channels, _ in STAGES)]
    stages = zip(pairwise(widths), STAGES, strict=True)
    return nn.Sequential(
        *(
            Bottleneck(before if i == 0 else after, after, 2 if i == 0 else 1)
            for (before, after), (_, count) in stages
            for i in range(count)
        )
    )
