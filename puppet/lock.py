"""A mark that something is in use, which the system removes when the program ends, however it ends."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import IO

SUFFIX = ".lock"


class Lock:
    """A locked file; other processes, and other locks of this one, cannot lock it."""

    def __init__(self, file: IO[bytes]) -> None:
        """Own a file that is locked already; see `take`."""
        self._file = file

    @classmethod
    def take(cls, folder: Path, thing: str) -> Lock | None:
        """Mark a thing as ours; None when somebody else has it.

        Args:
            folder: Where the marks lie; made when it is missing.
            thing: What is locked.

        Raises:
            OSError: The folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        return cls._locked(cls.path(folder, thing), os.O_CREAT)

    @classmethod
    def of(cls, path: Path) -> Lock | None:
        """Mark a file that is there; None when somebody else has it.

        Raises:
            OSError: It is not there.
        """
        return cls._locked(path)

    @classmethod
    def path(cls, folder: Path, thing: str) -> Path:
        """The file that marks a thing."""
        return folder / (re.sub(r"[^A-Za-z0-9]+", "-", thing).strip("-") + SUFFIX)

    @classmethod
    def any_taken(cls, folder: Path) -> bool:
        """Whether somebody holds any lock in the folder."""
        for path in folder.glob(f"*{SUFFIX}"):
            lock = cls._locked(path)
            if lock is None:
                return True
            lock.release()
        return False

    def release(self) -> None:
        """Let go. A second call does nothing."""
        self._file.close()

    @classmethod
    def _locked(cls, path: Path, flags: int = 0) -> Lock | None:
        file = os.fdopen(os.open(path, os.O_RDWR | flags, 0o600), "r+b")
        try:
            _lock_now(file)
        except OSError:
            file.close()
            return None
        return cls(file)


if sys.platform == "win32":

    def _lock_now(file: IO[bytes]) -> None:
        """Lock the first byte; raises OSError when somebody has it."""
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:

    def _lock_now(file: IO[bytes]) -> None:
        """Lock the file; raises OSError when somebody has it."""
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
