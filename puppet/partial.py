"""Files that appear only when they are complete: written under a temporary name beside the place, then renamed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def partial_path(path: Path) -> Path:
    """The temporary name of a file that is being written: hidden, in the same folder, one for each process."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file completely or not at all.

    Args:
        path: Where it shall be; an older file is replaced.
        content: All of it.
        mode: Permissions of a new file, before the user's mask.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full.
    """
    partial = partial_path(path)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
