"""StyleGAN2: a code w per layer paints a picture, coarse to fine.

A modulated convolution with weights W, style s = a(w) and demodulation d is computed as

    y = d · conv(W, s · x),        d_o = 1 / sqrt(Σ_i s_i² Σ_k W_oik² + ε)

that is, the input is scaled by the style and the output by the demodulation, so the convolution has the same weights
for every picture of a batch. Each resolution adds its RGB(A) to the upsampled sum of the coarser ones (skip
architecture). Row 0 drives the convolution at 4², rows 2k−1 and 2k the two at 4·2^k; the RGB layer of a resolution
shares the row of the convolution that follows it.

The finished picture x may be sharpened, x + a (x − blur(x)), which is not StyleGAN2's: a generator of few weights and
little training paints details where they belong, but too faintly.

Styles, demodulation and the RGB sum are float32 always; the features have the `dtype` given to `SynthesisNetwork`
(bfloat16 where that is faster). Do not wrap the networks in autocast.

Source: Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN",
CVPR 2020, arXiv:1912.04958, sections 2.2 and 4.1; layers and rows laid out as in rosinality/stylegan2-pytorch (MIT).
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from puppet.networks.layout import SMALLEST, GeneratorLayout

GAIN = math.sqrt(2.0)
"""Keeps the variance through a leaky ReLU."""

RGB_START = 0.1
"""Standard deviation of new RGB weights: training starts from almost plain grey."""

SLOPE = 0.2
EPSILON = 1e-8
BINOMIAL = (1.0, 3.0, 3.0, 1.0)
"""The blur of every upsampling, one axis, not normalised."""

SOFT = (1.0, 4.0, 6.0, 4.0, 1.0)
"""What a picture is sharpened against, one axis, not normalised: σ = 1 px."""


def _blur_kernel(channels: int) -> Tensor:
    """[channels, 1, 4, 4], sum 4: the energy of an upsampling by two."""
    axis = torch.tensor(BINOMIAL)
    kernel = torch.outer(axis, axis)
    return (4.0 * kernel / kernel.sum()).expand(channels, 1, 4, 4).clone()


def _sharpening_kernel(channels: int, amount: float) -> Tensor:
    """[channels, 1, 5, 5], sum 1: x + a (x − blur(x))."""
    axis = torch.tensor(SOFT) / sum(SOFT)
    kernel = -amount * torch.outer(axis, axis)
    kernel[len(SOFT) // 2, len(SOFT) // 2] += 1.0 + amount
    return kernel.expand(channels, 1, -1, -1).clone()


class EqualLinear(nn.Module):
    """Fully connected layer with an equalised learning rate: weights of unit variance, scaled when used."""

    def __init__(self, in_dim: int, out_dim: int, *, bias: float = 0.0, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_dim,), bias / lr_multiplier))
        self.weight_scale = lr_multiplier / math.sqrt(in_dim)
        self.bias_scale = lr_multiplier

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        """Return x Wᵀ + b."""
        return F.linear(x, self.weight * self.weight_scale, self.bias * self.bias_scale)


class MappingNetwork(nn.Module):
    """z → w."""

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        self.normalize_z = layout.normalize_z
        widths = [layout.z_dim] + [layout.w_dim] * layout.mapping_layers
        self.layers = nn.ModuleList(
            EqualLinear(a, b, lr_multiplier=layout.mapping_lr_multiplier) for a, b in pairwise(widths)
        )

    def forward(self, z: Float[Tensor, "batch z_dim"]) -> Float[Tensor, "batch w_dim"]:
        """The code of each z, before it is repeated over the rows of W+."""
        w = z
        if self.normalize_z:
            w = w * torch.rsqrt(w.square().mean(1, keepdim=True) + EPSILON)
        for layer in self.layers:
            w = F.leaky_relu(layer(w), SLOPE) * GAIN
        return w


class StyledConv(nn.Module):
    """Modulated 3×3 convolution, with upsampling by two where asked, then noise, bias and leaky ReLU."""

    blur: Tensor
    noise: Tensor

    def __init__(self, layout: GeneratorLayout, in_channels: int, resolution: int, *, upsample: bool) -> None:
        super().__init__()
        channels = layout.channels[layout.resolutions.index(resolution)]
        self.affine = EqualLinear(layout.w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight_scale = 1.0 / math.sqrt(9 * in_channels)
        self.upsample = upsample
        if upsample:
            self.register_buffer("blur", _blur_kernel(channels), persistent=False)
        self.use_noise = layout.use_noise
        if layout.use_noise:
            self.noise_strength = nn.Parameter(torch.zeros(1))
            self.register_buffer("noise", torch.randn(1, 1, resolution, resolution))

    def forward(self, x: Float[Tensor, "batch c h w"], w: Float[Tensor, "batch w_dim"]) -> Float[Tensor, "batch d ..."]:
        """Features of the next layer, in the dtype of x."""
        # The few styles take the scale of the many weights.
        style = self.affine(w) * self.weight_scale
        demodulation = torch.rsqrt(style.square() @ self.weight.square().sum((2, 3)).T + EPSILON)

        y = self._convolve(x * style[:, :, None, None].to(x.dtype), self.weight.to(x.dtype))
        # √2 passes through the leaky ReLU: fold it into the scale and the bias.
        y = y * (GAIN * demodulation)[:, :, None, None].to(x.dtype)
        if self.use_noise:
            y = y + (GAIN * self.noise_strength * self.noise).to(x.dtype)
        return F.leaky_relu(y + (GAIN * self.bias)[:, None, None].to(x.dtype), SLOPE)

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        if not self.upsample:
            return F.conv2d(x, weight, padding=1)
        y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return F.conv2d(y, self.blur.to(y.dtype), padding=1, groups=y.shape[1])


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the colours of one resolution, without demodulation."""

    def __init__(self, layout: GeneratorLayout, channels: int) -> None:
        super().__init__()
        self.affine = EqualLinear(layout.w_dim, channels, bias=1.0)
        self.weight = nn.Parameter(RGB_START * torch.randn(layout.img_channels, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(layout.img_channels))
        self.weight_scale = 1.0 / math.sqrt(channels)

    def forward(self, x: Float[Tensor, "batch c h w"], w: Float[Tensor, "batch w_dim"]) -> Float[Tensor, "batch i h w"]:
        """This resolution's share of the picture, float32."""
        style = self.affine(w)[:, :, None, None].to(x.dtype)
        y = F.conv2d(x * style, (self.weight * self.weight_scale).to(x.dtype))
        return y.float() + self.bias[:, None, None]


class SynthesisNetwork(nn.Module):
    """W+ → picture."""

    skip_blur: Tensor
    sharpening: Tensor

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        self.layout = layout
        self.const = nn.Parameter(torch.randn(1, layout.channels[0], SMALLEST, SMALLEST))
        self.convs = nn.ModuleList([StyledConv(layout, layout.channels[0], SMALLEST, upsample=False)])
        self.to_rgbs = nn.ModuleList([ToRGB(layout, layout.channels[0])])
        for level, resolution in enumerate(layout.resolutions[1:], start=1):
            before, channels = layout.channels[level - 1], layout.channels[level]
            self.convs.append(StyledConv(layout, before, resolution, upsample=True))
            self.convs.append(StyledConv(layout, channels, resolution, upsample=False))
            self.to_rgbs.append(ToRGB(layout, channels))
        # Dense: channels convolved one by one take OpenVINO in bf16, and torch, three times as long.
        skip_blur = torch.eye(layout.img_channels)[:, :, None, None] * _blur_kernel(layout.img_channels)
        self.register_buffer("skip_blur", skip_blur, persistent=False)
        sharpening = _sharpening_kernel(layout.img_channels, layout.sharpness)
        self.register_buffer("sharpening", sharpening, persistent=False)

    def forward(
        self,
        ws: Float[Tensor, "batch num_ws w_dim"],
        resolution: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "batch i r r"]:
        """Paint, up to `resolution` (the full one when None), with features in `dtype`.

        Returns:
            float32 pictures, nominally in [−1, 1], not clamped.
        """
        return self.finish(*self.begin(ws, SMALLEST, dtype), ws, resolution)

    def begin(
        self, ws: Float[Tensor, "batch num_ws w_dim"], resolution: int, dtype: torch.dtype = torch.float32
    ) -> tuple[Float[Tensor, "batch c b b"], Float[Tensor, "batch i b b"]]:
        """Features and the unsharpened picture at a resolution below the full one, from where `finish` goes on."""
        x = self.const.to(dtype, memory_format=torch.channels_last).expand(len(ws), -1, -1, -1)
        x = self.convs[0](x, ws[:, 0])
        return self._grow(x, self.to_rgbs[0](x, ws[:, 1]), ws, resolution)

    def finish(
        self,
        x: Float[Tensor, "batch c b b"],
        picture: Float[Tensor, "batch i b b"],
        ws: Float[Tensor, "batch num_ws w_dim"],
        resolution: int | None = None,
    ) -> Float[Tensor, "batch i r r"]:
        """Paint on from what `begin` gave; else as `forward`."""
        resolution = resolution or self.layout.resolution
        _, picture = self._grow(x, picture, ws, resolution)
        finished = resolution == self.layout.resolution
        return self._sharpened(picture) if finished and self.layout.sharpness else picture

    def _grow(self, x: Tensor, picture: Tensor, ws: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
        """Features and picture, level by level, up to `resolution`."""
        first, last = (self.layout.resolutions.index(edge) for edge in (picture.shape[-1], resolution))
        for level in range(first + 1, last + 1):
            x = self.convs[2 * level - 1](x, ws[:, 2 * level - 1])
            x = self.convs[2 * level](x, ws[:, 2 * level])
            picture = self._enlarge(picture) + self.to_rgbs[level](x, ws[:, 2 * level + 1])
        return x, picture

    def layers_above(self, resolution: int) -> nn.ModuleList:
        """What `finish` uses from there on."""
        level = self.layout.resolutions.index(resolution)
        return nn.ModuleList([*self.convs[2 * level + 1 :], *self.to_rgbs[level + 1 :]])

    def _enlarge(self, picture: Tensor) -> Tensor:
        """Twice the edge, blurred with [1, 3, 3, 1], black (0) beyond the border."""
        return F.conv_transpose2d(picture, self.skip_blur, stride=2, padding=1)

    def _sharpened(self, picture: Tensor) -> Tensor:
        """Details that have been learned only faintly, stronger; the border is repeated beyond itself."""
        reach = len(SOFT) // 2
        around = F.pad(picture, (reach, reach, reach, reach), mode="replicate")
        return F.conv2d(around, self.sharpening, groups=picture.shape[1])


class Generator(nn.Module):
    """z and p̃ → W+ → picture: rows 0 to `pose_rows` − 1 are m(z) + P p̃, the others m(z)."""

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        self.layout = layout
        self.mapping = MappingNetwork(layout)
        self.synthesis = SynthesisNetwork(layout)
        self.pose_basis = nn.Parameter(torch.zeros(layout.pose_rows, layout.w_dim, layout.pose_dim))

    def codes(
        self, z: Float[Tensor, "batch z_dim"], p_scaled: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """The W+ code of identity z in the scaled pose p̃."""
        return self.posed(self.mapping(z)[:, None].expand(-1, self.layout.num_ws, -1), p_scaled)

    def posed(
        self, c: Float[Tensor, "batch num_ws w_dim"], p_scaled: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """A pose-free code in the scaled pose p̃: c + P p̃ in the rows that the pose moves."""
        shift = torch.einsum("rwk,bk->brw", self.pose_basis, p_scaled)
        return torch.cat([c[:, : self.layout.pose_rows] + shift, c[:, self.layout.pose_rows :]], 1)

    def forward(
        self, z: Float[Tensor, "batch z_dim"], p_scaled: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch i r r"]:
        """The picture of identity z in the scaled pose p̃, float32."""
        picture: Tensor = self.synthesis(self.codes(z, p_scaled))
        return picture
