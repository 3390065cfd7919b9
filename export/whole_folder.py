"""A bundle's folder that appears whole or not at all: filled beside its place, then renamed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from puppet.manifest import MANIFEST


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder that becomes `out` when the block ends well, in the place of an older bundle.

    Raises:
        FileExistsError: `out` is there and is no bundle.
        OSError: It cannot be written.
    """
    if out.exists() and not (out / MANIFEST).is_file():
        raise FileExistsError(f"{out} is there and holds no bundle; choose another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        folder = Path(scratch) / "new"
        folder.mkdir()
        yield folder
        if out.exists():
            out.rename(Path(scratch) / "old")
        folder.rename(out)
