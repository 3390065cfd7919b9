"""What pickles of torch and NumPy say of tensors, as functions from plain values to plain values.

A storage gives numbers in a row, a tensor is a view of it: offset, size, stride. All of them are claims of a file, so a
view must lie inside its storage and have no more numbers than it, and a storage no more than there are bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from export.checkpoint_error import CheckpointError
from export.plain_pickle import Make, Name, Record

DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}

AXES_LIMIT = 8
TEXT_LIMIT, SET_LIMIT = 64, 64
"""Of what is made anew at each call: a short pickle could ask for it again and again."""


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Numbers in a row.

    Attributes:
        dtype: Of each.
        count: How many.
        numbers: They themselves, which all views share; None where only claims are checked.
    """

    dtype: torch.dtype
    count: int
    numbers: Tensor | None = None


Claim = Callable[[str, torch.dtype, int], Storage]
"""From key, dtype and count to the storage; raises CheckpointError where there are not so many numbers."""


def persistent_storages(claim: Claim) -> Callable[[object], Storage]:
    """What persistent ids of torch files stand for: `("storage", type, key, device, count)`, and perhaps a view."""

    def load(identifier: object) -> Storage:
        if type(identifier) is not tuple or len(identifier) not in (5, 6) or identifier[0] != "storage":
            raise ValueError("a storage was expected")
        kind, key, _, count = identifier[1:5]
        if type(kind) is not Name or type(key) is not str or identifier[5:] not in ((), (None,)):
            raise ValueError("a storage with a type and a key was expected")
        return claim(key, DTYPES[kind.full], _size(count))

    return load


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a size is no number")
    return value


def rebuild_tensor(storage: object, offset: object, size: object, stride: object, *rest: object) -> Tensor | None:
    """A tensor that looks at its storage; None where only claims are checked.

    Raises:
        CheckpointError: It claims numbers that its storage does not have.
    """
    if type(storage) is not Storage or type(size) is not tuple or type(stride) is not tuple:
        raise ValueError("a tensor was expected")
    if len(size) != len(stride) or len(size) > AXES_LIMIT:
        raise ValueError(f"a tensor has {len(size)} sizes and {len(stride)} strides")
    first, lengths, steps = _size(offset), [_size(n) for n in size], [_size(n) for n in stride]
    count = math.prod(lengths)
    last = first + sum((n - 1) * step for n, step in zip(lengths, steps, strict=True)) if count else 0
    if count > storage.count or last >= max(storage.count, 1):
        raise CheckpointError(
            f"a tensor claims {count:,} numbers of a storage that has {storage.count:,}; the file is damaged"
        )
    if storage.numbers is None:
        return None
    return storage.numbers.as_strided(lengths, steps, first) if count else storage.numbers[:0]


def keep_first(value: object, *rest: object) -> object:
    """A parameter is its tensor, whatever else is said of it."""
    return value


def ordered(*pairs: Any) -> dict[Any, Any]:  # noqa: ANN401 (of a file)
    """An ordered dictionary, or one with attributes, as a plain one."""
    if pairs:
        raise ValueError("a dictionary begins empty")
    return {}


def inert(name: str) -> Make:
    """Makes the record of a class."""
    return lambda *arguments: Record(name)


class _Dtype:
    """NumPy's description of numbers."""

    def __init__(self, name: object, *rest: object) -> None:
        if not isinstance(name, str) or name not in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"):
            raise ValueError("an array of other things than numbers")
        self.dtype = np.dtype(name).newbyteorder("<")

    def build(self, state: object) -> None:
        """Only the byte order matters."""
        if type(state) is tuple and len(state) > 1 and state[1] == ">":
            raise ValueError("an array of another byte order")


class _Array:
    """A NumPy array that gets its numbers with its state."""

    def __init__(self, *arguments: object) -> None:
        self.array: np.ndarray | None = None

    def build(self, state: object) -> None:
        """Version, shape, dtype, order, bytes."""
        if type(state) is not tuple or len(state) != 5 or type(state[2]) is not _Dtype or type(state[4]) is not bytes:
            raise ValueError("an array was expected")
        flat = np.frombuffer(state[4], state[2].dtype)
        self.array = flat.reshape(state[1], order="F" if state[3] else "C")


def _scalar(dtype: object, content: object) -> float | int | bool:
    if type(dtype) is not _Dtype or type(content) is not bytes or len(content) != dtype.dtype.itemsize:
        raise ValueError("a number was expected")
    number: float | int | bool = np.frombuffer(content, dtype.dtype)[0].item()
    return number


def _refuse_call(*arguments: object) -> object:
    raise ValueError("a type is used as a function")


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if not isinstance(text, str) or len(text) > TEXT_LIMIT or encoding not in ("latin1", "latin-1"):
        raise ValueError("a few bytes were expected")
    return text.encode("latin1")


def _set(values: object = ()) -> set[Any]:
    if not isinstance(values, (list, tuple)) or len(values) > SET_LIMIT:
        raise ValueError("a few names were expected")
    if not all(type(value) in (str, int) for value in values):
        raise ValueError("names were expected")
    return set(values)


def _listed(*values: object) -> object:
    return values


NUMBERS: Mapping[str, Make] = {
    f"{module}.{name}": make
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name, make in (("scalar", _scalar), ("_reconstruct", _Array))
} | {"numpy.dtype": _Dtype, "numpy.ndarray": _refuse_call}

PLAIN: Mapping[str, Make] = {
    "collections.OrderedDict": ordered,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": keep_first,
    "torch.Size": _listed,
    "torch.device": _listed,
    "argparse.Namespace": inert("argparse.Namespace"),
    "_codecs.encode": _encode,
    "builtins.set": _set,
    "__builtin__.set": _set,
    **dict.fromkeys(DTYPES, _refuse_call),
    **{str(dtype): _refuse_call for dtype in DTYPES.values()},
    **NUMBERS,
}
"""What globals mean that checkpoints of torch, and plain pickles of tensors, have in common."""
