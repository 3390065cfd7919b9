"""Safetensors files whose numbers are of kinds that NumPy does not have."""

from __future__ import annotations

import json
import math

STRANGE = {"BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
"""Bytes of a number of each kind."""


def claimed_tensors(kind: str, metadata: dict[str, str] | None = None, **shapes: tuple[int, ...]) -> bytes:
    """A whole file with tensors of zeros."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + STRANGE[kind] * math.prod(shape)
        header[name.replace("__", ".")] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    words = json.dumps(header).encode()
    return len(words).to_bytes(8, "little") + words + bytes(end)
