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
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.layout import SMALLEST, GeneratorLayout
from puppet.networks.stylegan2 import BINOMIAL, GAIN, SLOPE, EqualLinear

PATCH_CHANNELS = (32, 64, 160)
"""At a half, a quarter and an eighth of the picture's edge: 0.19 GMAC for 128² pixels."""

DEVIATION_GROUP = 4
"""Pictures over which the minibatch standard deviation is taken."""


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
        return self._convolved(x, self.stride, self.padding)

    def halve(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch d _h _w"]:
        """Convolved with a stride of two and without a border, which blurring has added."""
        return self._convolved(x, 2, 0)

    def _convolved(self, x: Tensor, stride: int, padding: int) -> Tensor:
        weight, bias = (self.weight * self.weight_scale).to(x.dtype), self.bias.to(x.dtype)
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)


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


class ResidualDiscriminator(nn.Module):
    """Pictures → one logit each: StyleGAN2's residual network, as wide as the generator it plays against.

    Args:
        layout: The generator's.
    """

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        channels = layout.channels[::-1]
        self.from_picture = EqualConv(layout.img_channels, channels[0], 1)
        self.blocks = nn.ModuleList(_Halving(a, b) for a, b in pairwise(channels))
        self.last = EqualConv(channels[-1] + 1, channels[-1], 3)
        self.wide = EqualLinear(channels[-1] * SMALLEST**2, channels[-1])
        self.logit = EqualLinear(channels[-1], 1)

    def forward(
        self, pictures: Float[Tensor, "batch channels r r"], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "batch 1"]:
        """Logits, float32, high for true pictures; features in `dtype` down to 4²."""
        x = activate(self.from_picture(pictures.to(dtype, memory_format=torch.channels_last)))
        for block in self.blocks:
            x = block(x)
        x = activate(self.last(with_deviation(x.float())))
        logits: Tensor = self.logit(activate(self.wide(x.flatten(1))))
        return logits


class _Halving(nn.Module):
    """Two convolutions beside a straight way, both to half the edge."""

    blur: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = EqualConv(in_channels, in_channels, 3)
        self.second = EqualConv(in_channels, out_channels, 3)
        self.straight = EqualConv(in_channels, out_channels, 1)
        axis = torch.tensor(BINOMIAL) / sum(BINOMIAL)
        self.register_buffer("blur", torch.outer(axis, axis).expand(in_channels, 1, 4, 4).clone(), persistent=False)

    def forward(self, x: Float[Tensor, "batch c r r"]) -> Float[Tensor, "batch d _r _r"]:
        y = self.second.halve(self._blurred(activate(self.first(x)), 2))
        return (activate(y) + self.straight.halve(self._blurred(x, 1))) / math.sqrt(2.0)

    def _blurred(self, x: Tensor, padding: int) -> Tensor:
        return F.conv2d(x, self.blur.to(x.dtype), padding=padding, groups=x.shape[1])


def with_deviation(x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch d h w"]:
    """Features with one more channel: how much they differ within a group of pictures, the same everywhere.

    The groups are `DEVIATION_GROUP` pictures or, where a batch does not divide by that, the whole batch.
    """
    group = DEVIATION_GROUP if len(x) % DEVIATION_GROUP == 0 else len(x)
    y = x.reshape(group, -1, *x.shape[1:])
    deviation = (y.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)
