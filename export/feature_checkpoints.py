"""Reads the networks in whose features pictures are compared: torchvision's AlexNet and VGG-16, their convolutions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from torch import nn

from export.checkpoints import TITLES, State, read_checkpoint, shapes_of, tensors_of
from export.tensor_names import about_file, check_tensors
from puppet.networks.lpips import Lpips
from puppet.networks.vgg import Vgg


def read_alexnet(path: Path) -> State:
    """AlexNet's convolutions.

    Raises:
        CheckpointError: The file is no AlexNet of torchvision.
    """
    return _convolutions(path, "alexnet", Lpips)


def read_vgg(path: Path) -> State:
    """VGG-16's first four convolutions.

    Raises:
        CheckpointError: The file is no VGG-16 of torchvision.
    """
    return _convolutions(path, "vgg", Vgg)


def _convolutions(path: Path, kind: Literal["alexnet", "vgg"], network: Callable[[], nn.Module]) -> State:
    content = read_checkpoint(path, kind)
    wanted = {name: shape for name, shape in shapes_of(network).items() if name.startswith("features.")}
    with about_file(path):
        state = {name: tensor for name, tensor in tensors_of(content).items() if name in wanted}
        check_tensors(state, wanted, (), "the convolutions of " + TITLES[kind])
    return {name: tensor.detach().float().contiguous() for name, tensor in state.items()}
