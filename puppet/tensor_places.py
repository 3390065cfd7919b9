"""Where tensors lie in a safetensors file, so that numbers can be replaced in place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

HEADER_LIMIT = 16 << 20
"""Bytes; the largest networks have a header of some hundred thousand."""


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor of float16 numbers.

    Attributes:
        shape: Its sizes.
        begin: Its first byte, counted from the file's.
        end: The byte after its last.
    """

    shape: tuple[int, ...]
    begin: int
    end: int


def half_places(content: bytes | bytearray) -> dict[str, Place]:
    """The places of all float16 tensors, by name.

    Args:
        content: A whole safetensors file, from anybody.

    Raises:
        ValueError: It is none, or a tensor lies elsewhere than in it.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    if not 8 < start <= min(len(content), HEADER_LIMIT):
        raise ValueError("its header does not lie inside it")
    try:
        header = json.loads(bytes(content[8:start]))
        entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
        return {name: _place(entry, start, len(content)) for name, entry in entries if entry["dtype"] == "F16"}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is damaged ({error})") from error


def _place(entry: dict[str, Any], start: int, size: int) -> Place:
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("its header counts with what are no whole numbers")
    if start + end > size or end - begin != 2 * math.prod(shape):
        raise ValueError("a tensor does not lie inside it")
    return Place(shape, start + begin, start + end)
