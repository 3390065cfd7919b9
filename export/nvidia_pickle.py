"""Reads the generator of NVIDIA's StyleGAN2 pickles, as stylegan2-ada-pytorch and stylegan3 write them.

Such a file pickles whole objects, and beside them the source of their classes, which is meant to be run. It is not:
each object becomes an inert record with its class's name (`export.plain_pickle`), and only its tensors are taken out:

    object      {"type": "class", "class_name": …, "state": attributes}
    attributes  {"_parameters": {name: tensor}, "_buffers": {name: tensor}, "_modules": {name: object}, …}
    tensor      a view of a storage, which is a torch file of the older format in the midst of the pickle

Source: NVlabs/stylegan2-ada-pytorch, `torch_utils/persistence.py` (format only).
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from export.checkpoint_error import CheckpointError
from export.pickled_tensors import PLAIN, Storage, inert, ordered
from export.plain_pickle import Lookup, Record, known, read_pickle
from export.torch_file import check_size, read_storage

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
GENERATOR = "G_ema"
DEEPEST = 16
"""Modules inside modules; a generator has four."""


def load_nvidia_generator(path: Path) -> dict[str, Tensor]:
    """The state of `G_ema`, by the names that its modules give its tensors.

    Raises:
        CheckpointError: It is no such pickle, is damaged, or asks for anything but tensors and plain values.
    """
    try:
        check_size(path)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            networks = read_pickle(content, _names(len(content)))
        generator = networks.get(GENERATOR) if isinstance(networks, dict) else None
        if not isinstance(generator, Record):
            raise CheckpointError(f"it should hold a {GENERATOR}, as NVIDIA's pickles of StyleGAN2 do")
        return dict(_tensors(generator, "", 0))
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); choose another file") from error


def _persistent(meta: object, *rest: object) -> Record:
    if not isinstance(meta, dict) or meta.get("type") != "class":
        raise ValueError("a network was expected")
    return Record(str(meta.get("class_name"))[:80], meta.get("state"))


def _names(size: int) -> Lookup:
    """What the globals of one file mean.

    Args:
        size: Bytes of the file; its storages together cannot have more, however often they are asked for.
    """
    left = size

    def storage(content: object) -> Storage:
        nonlocal left
        if type(content) is not bytes:
            raise ValueError("a tensor's numbers were expected")
        left -= len(content)
        if left < 0:
            raise CheckpointError(f"its tensors claim more than the {size:,} bytes that it has")
        return read_storage(io.BytesIO(content))

    named = known(
        {**PLAIN, PERSISTENT: _persistent, "torch.storage._load_from_bytes": storage, "dnnlib.util.EasyDict": ordered}
    )
    # The modules of torch itself, which some networks contain, are inert as well.
    return lambda name: inert(name) if name.startswith("torch.nn.modules.") else named(name)


def _tensors(network: Record, prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a network and of those inside it."""
    state = network.state
    if not isinstance(state, dict) or depth > DEEPEST:
        raise CheckpointError(f"its {network.name[:80]} has no state that can be read")
    for kind in ("_parameters", "_buffers"):
        for name, tensor in _part(state, kind).items():
            if isinstance(tensor, torch.Tensor):
                yield f"{prefix}{name}", tensor
    for name, inner in _part(state, "_modules").items():
        if isinstance(inner, Record):
            yield from _tensors(inner, f"{prefix}{name}.", depth + 1)


def _part(state: dict[object, object], kind: str) -> dict[object, object]:
    part = state.get(kind, {})
    return part if isinstance(part, dict) else {}
