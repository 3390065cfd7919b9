"""The files of a bundle as its manifest lists them: names that cannot leave the folder, sizes, and hashes.

To hash a gigabyte takes a second. Large files that only an enrolment reads are hashed when it reads them; all others,
and every size, are checked when the bundle is opened. Either way nothing is used that was not hashed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puppet.errors import BundleError

FILE_LIMIT = 1 << 30
"""Bytes. A generator at 1024² has 60 MB of weights, the largest published encoder 840 MB."""

FILES_LIMIT = 32

LARGE = 32 << 20
"""Bytes from which the hash of a file that streams do not need waits until it is needed."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest says of a file.

    Attributes:
        sha256: Its hash.
        size: Its bytes.
    """

    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> Entry:
        """Hash a file."""
        return cls(_sha256(path), path.stat().st_size)

    def check_size(self, path: Path) -> None:
        """Compare the file's size.

        Raises:
            BundleError: It is missing, or of another size.
        """
        try:
            size = path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error}") from error
        if size is None:
            raise BundleError(f"{path} is missing or not a file; install the bundle again")
        if size != self.size:
            raise BundleError(f"{path} should have {self.size} bytes, not {size}; install the bundle again")

    def check(self, path: Path) -> None:
        """Compare the file's size, then its hash.

        Raises:
            BundleError: It is missing, damaged, or cannot be read.
        """
        self.check_size(path)
        try:
            digest = _sha256(path)
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error}") from error
        if digest != self.sha256:
            raise BundleError(f"{path} is damaged: its sha256 is not the manifest's; install the bundle again")


def read_entries(path: Path, values: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Entry]:
    """The manifest's table of files, names and types checked.

    Args:
        path: The manifest.
        values: What is in it.
        required: Files that every bundle has.

    Raises:
        BundleError: The table is missing or wrong.
    """
    files = values.get("files")
    if not isinstance(files, dict) or len(files) > FILES_LIMIT:
        raise BundleError(f"{path} needs a table of at most {FILES_LIMIT} files")
    entries = {}
    for name, entry in files.items():
        if not _PLAIN_NAME.fullmatch(name) or name == path.name:
            raise BundleError(
                f"{path} names the file {name[:100]!r}; only plain names in the bundle's folder are allowed"
            )
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if type(size) is not int or not 0 <= size <= FILE_LIMIT or not isinstance(entry.get("sha256"), str):
            raise BundleError(f"{path} needs, for {name}, a sha256 and a size of at most {FILE_LIMIT >> 20} MiB")
        entries[name] = Entry(entry["sha256"], size)
    missing = [name for name in required if name not in entries]
    if missing:
        raise BundleError(f"{path} lists no {', '.join(missing)}; a bundle needs {', '.join(required)}")
    return entries


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
