"""Built engines on the disk: each is found again only on the machine, and with the versions, that it was built for.

    KEY.plan    "PLAN1" and a line end, the header's length (4 bytes), header (JSON: key, bytes, sha256), the plan

KEY is the hash of everything that the plan depends on, and the header repeats it in words. A plan is code to the
runtime that loads it, so the folder and its files must be the user's own and closed to others; what is damaged, foreign
or open is removed and built again, never loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.base import EngineLoadError

MAGIC = b"PLAN1\n"
SUFFIX = ".plan"
DIGITS = 64
"""Of a key's hash; a folder of this name is a runtime's own, see `PlanCache.room`."""

HEADER_LIMIT = 10_000
LIMIT_BYTES = 2 << 30
"""How much all plans together may take."""

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Everything that a plan depends on, as text.

    Attributes:
        model: SHA-256 of the graph and its weights.
        device: The GPU's name.
        compute_capability: The GPU's generation.
        driver: Version of its driver.
        runtime: Name and version of the runtime that built it, and will run it.
        precision: What it computes in.
        exporter: Version of what prepared the graph.
    """

    model: str
    device: str
    compute_capability: str
    driver: str
    runtime: str
    precision: str
    exporter: str

    @property
    def digest(self) -> str:
        """One name for all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class PlanCache:
    """A folder of plans. Several processes may use it at once."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        """Name the folder; nothing is read or made yet.

        Args:
            folder: For this user only.
            limit_bytes: When there is more, the plans that were not used for longest go.
        """
        self.folder = folder
        self._limit_bytes = limit_bytes

    def find(self, key: PlanKey) -> bytes | None:
        """The plan for exactly this key, unharmed; None when there is none. One that is no good is removed."""
        path = self._path(key)
        try:
            content = _read_own(path)
        except OSError:
            return None
        plan = None if content is None else _unpack(content, key)
        if plan is None:
            self.forget(key)
            return None
        with suppress(OSError):
            os.utime(path)  # from now on the newest
        return plan

    def keep(self, key: PlanKey, plan: bytes) -> None:
        """Store a plan, and remove the ones that were not used for longest until all fit.

        Raises:
            EngineLoadError: The folder cannot be written, or is not the user's own.
        """
        path = self._path(key)
        try:
            make_private(self.folder)
            write_private(path, _pack(key, plan))
        except OSError as error:
            raise EngineLoadError(f"the built engine cannot be kept in {self.folder} ({error})") from error
        self._shrink(path)

    def room(self, key: PlanKey) -> Path:
        """A folder in which a runtime keeps by itself what it builds for this key; made where there is none.

        Raises:
            EngineLoadError: It cannot be made, or is not the user's own.
        """
        room = self.folder / key.digest
        try:
            make_private(self.folder)
            make_private(room)
            os.utime(room)
        except OSError as error:
            raise EngineLoadError(f"built engines cannot be kept in {room} ({error})") from error
        self._shrink(room)
        return room

    def plan(self, key: PlanKey, build: Callable[[], bytes]) -> bytes:
        """The plan for this key, built and stored where there is none.

        Raises:
            EngineLoadError: It cannot be stored; and what `build` raises.
        """
        plan = self.find(key)
        if plan is None:
            plan = build()
            self.keep(key, plan)
        return plan

    def forget(self, key: PlanKey) -> None:
        """Remove a plan, for instance one that its runtime refuses."""
        with suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: PlanKey) -> Path:
        return self.folder / f"{key.digest}{SUFFIX}"

    def _shrink(self, newest: Path) -> None:
        """Remove the oldest until all fit; the newest stays, however large it is."""
        found = []
        for path in (*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob("[0-9a-f]" * DIGITS)):
            with suppress(OSError):  # another process removes them too
                found.append((path == newest, path.stat().st_mtime_ns, path, _size(path)))
        total = sum(size for *_, size in found)
        for is_newest, _, path, size in sorted(found):
            if total <= self._limit_bytes or is_newest:
                return
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            total -= size


def make_private(folder: Path) -> None:
    """Make a folder for this user alone.

    Raises:
        OSError: It cannot be made, or others may write into it.
    """
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if not _is_own(folder.lstat()):
        raise PermissionError("others may write into it")


def write_private(path: Path, content: bytes) -> None:
    """Write a file for this user alone, completely or not at all.

    Raises:
        OSError: The folder is missing or read-only, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files)


def _pack(key: PlanKey, plan: bytes) -> bytes:
    header = json.dumps({"key": asdict(key), "bytes": len(plan), "sha256": hashlib.sha256(plan).hexdigest()}).encode()
    if len(header) > HEADER_LIMIT:
        raise OSError(f"its description has {len(header)} bytes")
    return MAGIC + len(header).to_bytes(4, "little") + header + plan


def _unpack(content: bytes, key: PlanKey) -> bytes | None:
    """The plan in a file, if the file is whole and for this key."""
    start = len(MAGIC) + 4
    length = int.from_bytes(content[len(MAGIC) : start], "little")
    if not content.startswith(MAGIC) or length > HEADER_LIMIT:
        return None
    try:
        header = json.loads(content[start : start + length])
    except (ValueError, RecursionError):
        return None
    plan = content[start + length :]
    wanted = {"key": asdict(key), "bytes": len(plan), "sha256": hashlib.sha256(plan).hexdigest()}
    return plan if header == wanted else None


def _read_own(path: Path) -> bytes | None:
    """A file's content; None when it, or its folder, is open to others, or is no plain file.

    Raises:
        OSError: There is none, or it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _is_own(status) or not _is_own(path.parent.stat()):
            return None
        return file.read()


def _is_own(status: os.stat_result) -> bool:
    """Whether this user alone can have written it; Windows keeps its users' folders apart by itself."""
    return sys.platform == "win32" or (status.st_uid == os.getuid() and not status.st_mode & OTHERS)
