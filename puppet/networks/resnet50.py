"""ResNet-50 without its classifier: a picture of 224 px to 2048 numbers. Weights are named as everywhere.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385, Table 1; the
stride lies on the 3×3 convolution, as in all published weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FEATURES = 2048
STEM = 64
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Inner channels and blocks of every stage."""

EXPANSION = 4


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution, beside a shortcut."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = EXPANSION * inner
        self.conv1, self.bn1 = nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after)
        self.downsample: nn.Module = nn.Identity()
        if before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch d _ _"]:
        """The next features."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """The whole network."""

    def __init__(self) -> None:
        """Compose the network."""
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, STEM, 7, 2, padding=3, bias=False), nn.BatchNorm2d(STEM)
        before = STEM
        for i, (inner, count) in enumerate(STAGES, start=1):
            stride = 1 if i == 1 else 2
            stage = [Bottleneck(before, inner, stride)]
            before = EXPANSION * inner
            stage += [Bottleneck(before, inner, 1) for _ in range(count - 1)]
            self.add_module(f"layer{i}", nn.Sequential(*stage))

    def forward(self, picture: Float[Tensor, "batch 3 224 224"]) -> Float[Tensor, "batch 2048"]:
        """The features, averaged over the picture."""
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(picture))), 3, 2, padding=1)
        for i in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{i}")(x)
        return x.mean((2, 3))
