"""Tuned weights as a difference to the bundle's generator: a small part of their size, and the same to the eye.

    θ ≈ θ_bundle + s q        q in −127 … 127, s = max |θ − θ_bundle| / 127, for each tensor that was changed

Tensors of fewer than 4096 numbers are kept as they are. The file is zlib's compression of a safetensors file that holds
q under the tensor's name, s in its metadata, and the small tensors in float16. With the built-in bundle it has 0.9 MB,
and pictures differ from those of the tuned weights themselves by a PSNR of 55 dB or more.

Such files are the user's own, but may be damaged: sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from puppet.errors import AvatarError
from puppet.tensor_places import half_places

LEVELS = 127
SMALL = 4096
"""Tensors of fewer numbers are biases and the like: they cost nothing, and much depends on them."""

ROOM = 1 << 20
"""How much larger than the bundle's weights an unpacked difference may be, in bytes."""

Tensors = dict[str, np.ndarray]


def difference(base: bytes, tuned: bytes) -> bytes:
    """What turns the bundle's weights into tuned ones.

    Args:
        base: The content of the bundle's `generator.safetensors`.
        tuned: The same file with other numbers in some of its float16 tensors.
    """
    before, after = load(base), load(tuned)
    kept: Tensors = {}
    scales: dict[str, str] = {}
    for name, old in before.items():
        new = after[name]
        if np.array_equal(old, new):
            continue
        if new.size < SMALL:
            kept[name] = new
            continue
        change = new.astype(np.float32) - old.astype(np.float32)
        scale = np.abs(change).max() / np.float32(LEVELS)
        kept[name] = np.rint(change / scale).astype(np.int8)
        scales[name] = float(scale).hex()
    return zlib.compress(save(kept, {"scales": json.dumps(scales)}))


def restore(base: bytes, packed: bytes) -> bytes:
    """The bundle's weights with a difference added; every tensor stays where it is.

    Raises:
        AvatarError: The difference is damaged, or one to other weights.
    """
    tensors, scales = _unpack(packed, len(base) + ROOM)
    content = bytearray(base)
    try:
        places = half_places(base)
    except ValueError as error:
        raise AvatarError(f"the model's weights are damaged: {error}; install the bundle again") from error
    for name, change in tensors.items():
        place = places.get(name)
        if place is None or place.shape != change.shape:
            raise AvatarError(f"the tuned weights do not fit the model: it has no {name[:100]} of this shape")
        new = change
        if change.dtype == np.int8:
            old = np.frombuffer(base, "<f2", change.size, place.begin).reshape(change.shape)
            with np.errstate(over="ignore", invalid="ignore"):
                new = (old.astype(np.float32) + np.float32(scales.get(name, np.nan)) * change).astype("<f2")
        if new.dtype != np.float16 or not np.isfinite(new).all():
            raise AvatarError(f"the tuned weights are damaged: {name[:100]} holds what is no number")
        content[place.begin : place.end] = new.tobytes()
    return bytes(content)


def restored(generator_path: Path, packed: bytes) -> bytes:
    """The same from the bundle's file.

    Raises:
        AvatarError: The file cannot be read, or the difference does not fit it.
    """
    try:
        base = generator_path.read_bytes()
    except OSError as error:
        raise AvatarError(f"the model's weights {generator_path} cannot be read ({error.strerror})") from error
    return restore(base, packed)


def _unpack(packed: bytes, limit: int) -> tuple[Tensors, dict[str, float]]:
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, limit)
        if not unpacker.eof:
            raise AvatarError(f"the tuned weights are damaged: they are cut off, or larger than {limit} bytes")
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        scales = {name: float.fromhex(scale) for name, scale in json.loads(metadata["scales"]).items()}
        return load(content), scales
    except (
        zlib.error,
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise AvatarError(f"the tuned weights are damaged ({error})") from error
