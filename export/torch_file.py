"""Reads torch files (`torch.save`, of either format) from strangers: claims first, then `torch.load`.

The file's pickle is surveyed without unpickling it (`export.plain_pickle`): names outside a short list end the reading,
and no storage or tensor may claim more than the file has, so nothing is allocated that is not there. Only then does
torch load it, with `weights_only=True`, which makes tensors and plain containers, and refuses everything else.

    zip format      data.pkl, and data/KEY for every storage; all stored, none compressed
    older format    magic number, version, system, pickle, keys; then a count and the numbers of every storage
"""

from __future__ import annotations

import argparse
import io
import mmap
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import torch

from export.checkpoint_error import CheckpointError
from export.pickled_tensors import PLAIN, Storage, persistent_storages
from export.plain_pickle import known, read_pickle

FILE_LIMIT = 4 << 30
"""Bytes. The largest file that is known, e4e, has 838 MB."""

ENTRIES_LIMIT = 100_000
PICKLE_LIMIT = 64 << 20
"""Bytes of the pickle inside a zip file."""

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ZIP = b"PK\x03\x04"
OLDER = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of either format begin."""

_LOOK_UP = known(PLAIN)
_DAMAGED = (
    RuntimeError, ValueError, TypeError, LookupError, AttributeError, EOFError, AssertionError,
    torch.serialization.pickle.UnpicklingError,  # type: ignore[attr-defined]
)  # fmt: skip
"""What torch's reader raises on files that it does not understand."""


def load_torch_file(path: Path) -> object:
    """The tensors and plain containers of a torch file.

    Raises:
        CheckpointError: It is no torch file, is damaged, claims more than it has, or holds other things.
    """
    try:
        check_size(path)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            is_zip = content[: len(ZIP)] == ZIP
            if is_zip:
                _survey_zip(file)
            else:
                _survey_older(content)
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}); choose another file") from error
    except Exception as error:
        raise CheckpointError(f"{path} is damaged or holds more than tensors ({type(error).__name__})") from error


def check_size(path: Path) -> None:
    """Refuse what is empty or too large.

    Raises:
        CheckpointError: It is.
        OSError: There is no such file.
    """
    size = path.stat().st_size if path.is_file() else 0
    if not 0 < size <= FILE_LIMIT:
        raise CheckpointError(f"it should be a file of 1 byte to {FILE_LIMIT >> 30} GiB, not of {size:,} bytes")


def _survey_zip(file: IO[bytes]) -> None:
    """Check an archive's entries, its pickle, and that every storage is as large as the pickle claims."""
    size = os.fstat(file.fileno()).st_size
    try:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise CheckpointError(f"it is a damaged zip file ({error})") from error
    if len(entries) > ENTRIES_LIMIT or sum(entry.file_size for entry in entries) > size:
        raise CheckpointError(f"its parts claim more than the {size:,} bytes that it has")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise CheckpointError("its parts are compressed, which torch never does")
    sizes = {entry.filename: entry.file_size for entry in entries}
    roots = {name.partition("/")[0] for name in sizes}
    if len({name.lower() for name in sizes}) != len(entries) or len(roots) != 1:  # torch looks names up in any case
        raise CheckpointError("it should have one folder, and every part once")
    root = roots.pop()
    if not 0 < sizes.get(f"{root}/data.pkl", 0) <= PICKLE_LIMIT:
        raise CheckpointError(f"it should hold a data.pkl of at most {PICKLE_LIMIT >> 20} MiB; it is no torch file")

    def claim(key: str, dtype: torch.dtype, count: int) -> Storage:
        held = sizes.get(f"{root}/data/{key}", -1)
        if count * dtype.itemsize > held:
            raise CheckpointError(f"a storage claims {count * dtype.itemsize:,} bytes and has {max(held, 0):,}")
        return Storage(dtype, count)

    with archive.open(f"{root}/data.pkl") as part:
        _survey(part.read(PICKLE_LIMIT), claim)


def _survey(content: bytes, claim: Callable[[str, torch.dtype, int], Storage]) -> None:
    read_pickle(io.BytesIO(content), _LOOK_UP, persistent_storages(claim))


def _survey_older(content: mmap.mmap) -> None:
    """Check the pickles at the head, and that all storages together are no larger than what follows them."""
    for wanted in (MAGIC, PROTOCOL):
        if read_pickle(content, _LOOK_UP) != wanted:
            raise CheckpointError("it does not begin as a torch file does")
    read_pickle(content, _LOOK_UP)
    left = len(content)
    claimed: dict[str, int] = {}

    def claim(key: str, dtype: torch.dtype, count: int) -> Storage:
        claimed[key] = max(claimed.get(key, 0), count * dtype.itemsize)
        if sum(claimed.values()) > left:
            raise CheckpointError(f"its storages claim {sum(claimed.values()):,} bytes and it has {left:,}")
        return Storage(dtype, count)

    read_pickle(content, _LOOK_UP, persistent_storages(claim))
    read_pickle(content, _LOOK_UP)


def read_storage(source: IO[bytes]) -> Storage:
    """The storage in a torch file of the older format that holds nothing else: how plain pickles keep tensors.

    Raises:
        CheckpointError: It is something else, or claims more numbers than follow.
    """
    for wanted in (MAGIC, PROTOCOL):
        if read_pickle(source, _LOOK_UP) != wanted:
            raise CheckpointError("a tensor's numbers are not kept as torch keeps them")
    read_pickle(source, _LOOK_UP)
    described = read_pickle(source, _LOOK_UP, persistent_storages(lambda key, dtype, count: Storage(dtype, count)))
    keys = read_pickle(source, _LOOK_UP)
    head = source.read(8)
    if type(described) is not Storage or type(keys) is not list or len(keys) != 1 or len(head) != 8:
        raise CheckpointError("a tensor's numbers are not kept as torch keeps them")
    content = source.read(described.count * described.dtype.itemsize)
    if struct.unpack("<q", head)[0] != described.count or len(content) != described.count * described.dtype.itemsize:
        raise CheckpointError(f"a storage claims {described.count:,} numbers and has {len(content):,} bytes")
    if not content:
        return Storage(described.dtype, 0, torch.empty(0, dtype=described.dtype))
    return Storage(described.dtype, described.count, torch.frombuffer(bytearray(content), dtype=described.dtype))
