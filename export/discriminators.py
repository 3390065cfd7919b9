"""Networks that tell painted pictures from true ones.

`PatchDiscriminator` judges overlapping patches and knows what the picture should show; it sharpens a generator that
has learned the rest from exact pairs. With the features h of a patch, an embedding e of the condition and weights ψ

    logit = ψ · h + e · h

`ResidualDiscriminator` judges whole pictures and knows nothing: StyleGAN2's own.

Source: Miyato, Koyama, "cGANs with Projection Discriminator", ICLR 2018, arXiv:1802.05637, equation 4;
Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv:1912.04958, section 4.1;
minibatch standard deviation: Karras et al., ICLR 2018, arXiv:1710.10196, section 3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.stylegan2 import GAIN, SLOPE, EqualLinear

PATCH_CHANNELS = (40, 80, 160)
"""At a half, a quarter and an eighth of the picture's edge: 0.22 GMAC for 128² pixels."""


class EqualConv(nn.Module):
    """Convolution with an equalised learning rate: weights of unit variance, scaled when used."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_scale = 1.0 / math.sqrt(in_channels * kernel * kernel)
        self.stride, self.padding = stride, (kernel - 1) // 2

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch d _h _w"]:
        """Convolved, in the dtype of x."""
        weight, bias = (self.weight * self.weight_scale).to(x.dtype), self.bias.to(x.dtype)
        return F.conv2d(x, weight, bias, stride=self.stride, padding=self.padding)


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps the variance."""
    return F.leaky_relu(x, SLOPE) * GAIN


class PatchDiscriminator(nn.Module):
    """Pictures, with maps of what belongs where, and a condition → one logit for every patch of about 40² pixels.

    Args:
        maps: Channels of a picture and its maps.
        condition_dim: Length of the condition.
        channels: Features at a half, a quarter and an eighth of the picture's edge.
    """

    def __init__(self, maps: int, condition_dim: int, channels: tuple[int, int, int] = PATCH_CHANNELS) -> None:
        super().__init__()
        half, quarter, eighth = channels
        self.layers = nn.ModuleList(
            [
                EqualConv(4 * maps, half, 3),
                EqualConv(half, quarter, 4, stride=2),
                EqualConv(quarter, eighth, 4, stride=2),
                EqualConv(eighth, eighth, 3),
            ]
        )
        self.logit = EqualConv(eighth, 1, 1)
        self.condition = EqualLinear(condition_dim, eighth)

    def forward(
        self,
        maps: Float[Tensor, "batch maps r r"],
        condition: Float[Tensor, "batch condition"],
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "batch patches"]:
        """Logits, float32, high for true pictures; features in `dtype`."""
        x = F.pixel_unshuffle(maps.to(dtype, memory_format=torch.channels_last), 2)
        for layer in self.layers:
            x = activate(layer(x))
        x = x.float()
        matched = torch.einsum("bchw,bc->bhw", x, self.condition(condition)) / math.sqrt(x.shape[1])
        logits: Tensor = (self.logit(x)[:, 0] + matched).flatten(1)
        return logits
