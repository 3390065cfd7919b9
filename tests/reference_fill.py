"""Weights and inputs that need no file: every tensor is drawn from the checksum of its name in the checkpoint.

The networks of the authors' system were filled so once and their outputs written down; ours, filled alike, must agree.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

Shapes = Mapping[str, tuple[int, ...]]


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)


def generator_weight(name: str, n: np.ndarray) -> np.ndarray:
    """The rule for rosinality's generator."""
    if name.endswith("modulation.bias"):
        return 1 + 0.1 * n
    if name.endswith(("bias", "noise.weight")):
        return 0.1 * n
    if name.startswith("style.") and name.endswith(".weight"):
        return n / 0.01
    return n


def network_weight(name: str, n: np.ndarray) -> np.ndarray:
    """The rule for all others."""
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(n)
    if name.startswith("styles.") and name.endswith(".linear.weight"):
        return n
    if n.ndim >= 2:
        return n / np.sqrt(np.prod(n.shape[1:]))
    if name.endswith(("running_mean", "bias")):
        return 0.1 * n
    return 1 + 0.1 * n


def fill(shapes: Shapes, rule: Callable[[str, np.ndarray], np.ndarray]) -> dict[str, torch.Tensor]:
    """A state dict with such names and shapes."""

    def one(name: str) -> torch.Tensor:
        return torch.from_numpy(np.asarray(rule(name, draw(name, shapes[name])), np.float32))

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(shapes, pool.map(one, shapes), strict=True))


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """All floating tensors of a network whose names are the checkpoint's."""
    state = network.state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if not name.endswith("num_batches_tracked")}


def filled(network: nn.Module) -> nn.Module:
    """A network of the second kind with its weights, in evaluation mode and frozen."""
    missing, unknown = network.load_state_dict(fill(shapes_of(network), network_weight), strict=False, assign=True)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in missing)
    return network.eval().requires_grad_(False)


def picture(phase: float = 0.0, edge: int = 256) -> torch.Tensor:
    """[1, 3, edge, edge]: sin(.021 i + .034 j + 1.3 c + phase) · cos(.017 i − .0147 j + .4 c)."""
    c, i, j = np.ogrid[:3, :edge, :edge]
    waves = np.sin(0.021 * i + 0.034 * j + 1.3 * c + phase) * np.cos(0.017 * i - 0.0147 * j + 0.4 * c)
    return torch.from_numpy(waves.astype(np.float32))[None]


def normal(name: str, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """A filled input."""
    return torch.from_numpy((scale * draw(name, shape)).astype(np.float32))


P = torch.linspace(-3, 4, 15)
"""A pose vector."""
