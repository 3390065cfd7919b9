"""Checkpoints under their own names: a generator as NVIDIA defines it, written out, paints what ours paints."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from export.authors_keys import ada_shapes, from_ada, from_rosinality, generator_names, own_shapes, rosinality_shapes
from puppet.networks.layout import stylegan2_layout
from puppet.networks.stylegan2 import Generator

LAYOUT = stylegan2_layout(64, 1, 15)
AXIS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


@pytest.fixture(scope="module")
def ada_state() -> dict[str, torch.Tensor]:
    """Random weights; those that start at 0 are not 0."""
    draw = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=draw) for name, shape in ada_shapes(LAYOUT).items()}
    for name, tensor in state.items():
        if name.endswith("affine.bias"):
            tensor.mul_(0.1).add_(1.0)
        elif name.endswith(("bias", "noise_strength")):
            tensor.mul_(0.1)
        elif name.startswith("mapping.") and name.endswith("weight"):
            tensor.div_(0.01)
    return state


def filtered(x: torch.Tensor, gain: float) -> torch.Tensor:
    kernel = (gain * torch.outer(AXIS, AXIS)).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, groups=x.shape[1])


def ada_layer(state: dict[str, torch.Tensor], name: str, x: torch.Tensor, w: torch.Tensor, *, up: bool) -> torch.Tensor:
    """A synthesis layer: weights are modulated and demodulated, then convolve one picture."""
    weight, affine = state[f"{name}.weight"], state[f"{name}.affine.weight"]
    style = w @ affine.T / np.sqrt(w.shape[1]) + state[f"{name}.affine.bias"]
    modulated = weight * style[0, :, None, None]
    modulated = modulated * (modulated.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
    if up:
        x = filtered(F.pad(F.conv_transpose2d(x, modulated.transpose(0, 1), stride=2), (1, 1, 1, 1)), 4.0)
    else:
        x = F.conv2d(x, modulated, padding=1)
    x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
    return F.leaky_relu(x + state[f"{name}.bias"][:, None, None], 0.2) * np.sqrt(2)


def ada_rgb(state: dict[str, torch.Tensor], name: str, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    weight = state[f"{name}.weight"]
    style = w @ state[f"{name}.affine.weight"].T / np.sqrt(w.shape[1]) + state[f"{name}.affine.bias"]
    modulated = weight * (style / np.sqrt(weight.shape[1]))[0, :, None, None]
    return F.conv2d(x, modulated) + state[f"{name}.bias"][:, None, None]


def ada_generator(state: dict[str, torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    for i in range(8):
        weight, bias = state[f"mapping.fc{i}.weight"], state[f"mapping.fc{i}.bias"]
        w = F.leaky_relu(w @ (weight * 0.01 / np.sqrt(512)).T + bias * 0.01, 0.2) * np.sqrt(2)
    x = ada_layer(state, "synthesis.b4.conv1", state["synthesis.b4.const"][None], w, up=False)
    picture = ada_rgb(state, "synthesis.b4.torgb", x, w)
    for r in (8, 16, 32, 64):
        x = ada_layer(state, f"synthesis.b{r}.conv0", x, w, up=True)
        x = ada_layer(state, f"synthesis.b{r}.conv1", x, w, up=False)
        grown = torch.zeros(1, 3, r, r)
        grown[..., ::2, ::2] = picture
        picture = filtered(F.pad(grown, (2, 1, 2, 1)), 4.0) + ada_rgb(state, f"synthesis.b{r}.torgb", x, w)
    return picture


def test_nvidias_generator_paints_the_same(ada_state: dict[str, torch.Tensor]) -> None:
    generator = Generator(LAYOUT).eval()
    missing, unknown = generator.load_state_dict(from_ada(ada_state, LAYOUT), strict=False)
    assert missing == ["pose_basis"] and not unknown
    z = torch.randn(1, 512, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = generator(z, torch.zeros(1, 15)), ada_generator(ada_state, z)
    assert theirs.abs().max() > 1
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_nvidias_names_become_rosinalitys(ada_state: dict[str, torch.Tensor]) -> None:
    """The published map: unsqueezed, not flipped, no 1 added."""
    shapes = rosinality_shapes(LAYOUT)
    names = {name.rosinality: name.ada for name in generator_names(LAYOUT)}
    assert names["convs.4.conv.weight"] == "synthesis.b32.conv0.weight"
    assert names["convs.7.activate.bias"] == "synthesis.b64.conv1.bias"
    assert names["to_rgbs.0.conv.modulation.bias"] == "synthesis.b8.torgb.affine.bias"
    assert names["noises.noise_3"] == "synthesis.b16.conv0.noise_const"
    assert names["style.8.weight"] == "mapping.fc7.weight"
    rosinality = {name: ada_state[names[name]].reshape(shape) for name, shape in shapes.items()}
    assert rosinality["convs.4.conv.weight"].shape == (1, 512, 512, 3, 3)
    assert rosinality["to_rgb1.bias"].shape == (1, 3, 1, 1)
    ours, theirs = from_ada(ada_state, LAYOUT), from_rosinality(rosinality, LAYOUT)
    assert set(ours) == set(own_shapes(LAYOUT)) - {"pose_basis"}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
