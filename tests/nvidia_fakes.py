"""Objects that pickle themselves as the networks of stylegan2-ada-pytorch do; the modules they name are not there."""

from __future__ import annotations

import contextlib
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import torch


class EasyDict(dict):
    __module__ = "dnnlib.util"


def _reconstruct_persistent_obj(meta):
    raise AssertionError("a class of a file was made")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


class Network:
    """A module with its tensors and, as the real ones have, NumPy's numbers, sets, and dictionaries with attributes."""

    def __init__(self, name: str, modules=(), parameters=(), buffers=()):
        self.name = name
        self.state = {
            "training": False,
            "_parameters": OrderedDict((key, torch.nn.Parameter(value)) for key, value in dict(parameters).items()),
            "_buffers": OrderedDict(buffers),
            "_non_persistent_buffers_set": set(),
            "_modules": OrderedDict(modules),
            "weight_gain": np.float64(0.5),
            "lrelu": torch.nn.LeakyReLU(0.2),
            "_init_kwargs": EasyDict(z_dim=4, mapping_kwargs=EasyDict(num_layers=2)),
        }

    def __reduce__(self):
        source = "import os\nos._exit(3)\n"
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": self.name, "state": self.state}
        return _reconstruct_persistent_obj, (meta,)


@contextlib.contextmanager
def nvidia_modules() -> Iterator[None]:
    """The modules that pickling has to find, for so long."""
    made = {
        name: types.ModuleType(name) for name in ("dnnlib", "dnnlib.util", "torch_utils", "torch_utils.persistence")
    }
    made["dnnlib.util"].EasyDict = EasyDict
    made["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            sys.modules.pop(name, None)


def nvidia_pickle(networks: dict, protocol: int = 4) -> bytes:
    with nvidia_modules():
        return pickle.dumps(networks, protocol)


def nested(state: dict[str, torch.Tensor], buffers: tuple[str, ...]) -> Network:
    """A network of networks from the names of its tensors; those that end with one of `buffers` are buffers."""
    own: dict[str, dict] = {"p": {}, "b": {}}
    inner: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in state.items():
        head, dot, rest = name.partition(".")
        if dot:
            inner.setdefault(head, {})[rest] = tensor
        else:
            own["b" if head.endswith(buffers) else "p"][head] = tensor
    modules = {name: nested(part, buffers) for name, part in inner.items()}
    return Network("Generator", modules, own["p"], own["b"])
