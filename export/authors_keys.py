"""What the tensors of released checkpoints are called, and how they become the networks' own.

Only the generator has other names here: `generator_names` is the one table. The checkpoints of e4e, E_flame and
IR-SE-50 load into `E4E`, `FaceRegressor` and `ArcFace` as they are. Names were checked by running the conversions:
weights are only reshaped, never flipped, and a style's bias holds its 1 already.

Source: rosinality/stylegan2-pytorch (MIT) for the first form, NVlabs/stylegan2-ada-pytorch for the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """One tensor of the generator.

    Attributes:
        ours: Its name in `Generator`.
        rosinality: Its name in a checkpoint's `g_ema`.
        ada: Its name in NVIDIA's `G_ema`, of stylegan2-ada and stylegan3 alike.
    """

    ours: str
    rosinality: str
    ada: str


_LAYER = (
    ("affine.weight", "conv.modulation.weight", "affine.weight"),
    ("affine.bias", "conv.modulation.bias", "affine.bias"),
    ("weight", "conv.weight", "weight"),
)
_CONV = (*_LAYER, ("bias", "activate.bias", "bias"), ("noise_strength", "noise.weight", "noise_strength"))
_RGB = (*_LAYER, ("bias", "bias", "bias"))


def generator_names(layout: GeneratorLayout) -> list[Names]:
    """Every tensor of a generator but the pose basis, which no checkpoint has."""
    names = [Names("synthesis.const", "input.input", "synthesis.b4.const")]
    for i in range(layout.mapping_layers):
        for kind in ("weight", "bias"):
            names.append(Names(f"mapping.layers.{i}.{kind}", f"style.{i + 1}.{kind}", f"mapping.fc{i}.{kind}"))
    for i in range(2 * len(layout.channels) - 1):
        resolution = layout.resolutions[(i + 1) // 2]
        theirs = f"convs.{i - 1}" if i else "conv1"
        ada = f"synthesis.b{resolution}.conv{int(i % 2 == 0)}"
        names += [Names(f"synthesis.convs.{i}.{a}", f"{theirs}.{b}", f"{ada}.{c}") for a, b, c in _CONV]
        names.append(Names(f"synthesis.convs.{i}.noise", f"noises.noise_{i}", f"{ada}.noise_const"))
    for i, resolution in enumerate(layout.resolutions):
        theirs = f"to_rgbs.{i - 1}" if i else "to_rgb1"
        ada = f"synthesis.b{resolution}.torgb"
        names += [Names(f"synthesis.to_rgbs.{i}.{a}", f"{theirs}.{b}", f"{ada}.{c}") for a, b, c in _RGB]
    return names


def own_shapes(layout: GeneratorLayout) -> dict[str, Shape]:
    """The shape of every tensor of `Generator` by our names, the pose basis among them."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Generator(layout).state_dict().items()}


def rosinality_shapes(layout: GeneratorLayout) -> dict[str, Shape]:
    """The shape of every tensor that a rosinality checkpoint of this layout should hold.

    Its constant blur kernels (`*.kernel`), which some copies have and others lack, are not among them.
    """
    ours = own_shapes(layout)
    return {name.rosinality: _rosinality_shape(name.rosinality, ours[name.ours]) for name in generator_names(layout)}


def ada_shapes(layout: GeneratorLayout) -> dict[str, Shape]:
    """The shape of every tensor that NVIDIA's state of this layout should hold; its filters and w̄ are left out."""
    ours = own_shapes(layout)
    return {name.ada: _ada_shape(name.ada, ours[name.ours]) for name in generator_names(layout)}


def _rosinality_shape(name: str, ours: Shape) -> Shape:
    if name.endswith("conv.weight"):
        return (1, *ours)
    if name.startswith("to_rgb") and name.endswith(".bias") and "modulation" not in name:
        return (1, *ours, 1, 1)
    return ours


def _ada_shape(name: str, ours: Shape) -> Shape:
    if name.endswith("noise_const"):
        return ours[2:]
    if name.endswith((".const", "noise_strength")):
        return ours[1:]
    return ours


def from_rosinality(g_ema: Mapping[str, Tensor], layout: GeneratorLayout) -> dict[str, Tensor]:
    """A rosinality generator's weights under our names.

    Args:
        g_ema: Holds every name of `rosinality_shapes`, with its shape; others are not looked at.
        layout: Of the generator.

    Returns:
        The state of `Generator`, the pose basis left out.

    Raises:
        KeyError: A tensor is missing.
    """
    ours = own_shapes(layout)
    return {name.ours: g_ema[name.rosinality].reshape(ours[name.ours]) for name in generator_names(layout)}


def from_ada(g_ema: Mapping[str, Tensor], layout: GeneratorLayout) -> dict[str, Tensor]:
    """The weights of NVIDIA's `G_ema` under our names; as `from_rosinality`."""
    ours = own_shapes(layout)
    return {name.ours: g_ema[name.ada].reshape(ours[name.ours]) for name in generator_names(layout)}


def directions_from_linear(
    weight: Float[Tensor, "out pose_dim"], bias: Float[Tensor, "out"], rows: int
) -> tuple[Float[Tensor, "rows w_dim pose_dim"], Float[Tensor, "rows w_dim"]]:
    """A and its bias from the one linear layer of `A_matrix.pt` (`linear.weight`, `linear.bias`).

    Args:
        weight: Its output is the shift of row 0, then of row 1, and so on.
        bias: Alike; moves the code even where no pose does.
        rows: Rows of the code that are moved (`num_layers_shift`).
    """
    return weight.reshape(rows, -1, weight.shape[1]), bias.reshape(rows, -1)
