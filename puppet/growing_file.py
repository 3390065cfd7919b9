"""A file that is written piece by piece and of use after each second: what a full disk or a kill leaves can be played.

    ftyp moov [ moof mdat ] [ moof mdat ] …        fragments of a second, each complete in itself
    ftyp free [ mdat                      ] moov   the same bytes, once the last eight are written

A writer that has failed once writes nothing more: such a file is finished by overwriting its beginning, which must not
happen when its end is missing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov", "frag_duration": "1000000"}
"""FFmpeg's options for such an mp4 or mov file."""

_BOX, _LARGE_BOX = 8, 16
"""Bytes of the two kinds of box headers."""


class GrowingFile:
    """What FFmpeg writes such a file to; `write`, `seek` and `tell` are for it."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Args:
            path: Where it grows; `keep` gives it its name.

        Raises:
            OSError: It cannot be created there.
        """
        self._path = path
        self._file = path.open("w+b", buffering=0)
        self.trouble: OSError | None = None

    def write(self, content: bytes) -> int:
        """Write all of it, or nothing ever again.

        Raises:
            OSError: The disk is full, or gone.
        """
        if self.trouble is not None:
            raise self.trouble
        left = memoryview(content)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.trouble = error
            raise
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def keep(self, path: Path) -> None:
        """Give it its name; one that has failed is cut to whole fragments before, and without any it gets none.

        Args:
            path: Its place; where the folder was removed meanwhile, it is made again.

        Raises:
            OSError: It cannot get there.
        """
        if self.trouble is not None:
            if not (whole := self.whole()):
                return
            self._file.truncate(whole)
        try:
            self._path.replace(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file.seek(0)
            with self._path.open("wb") as copy:
                shutil.copyfileobj(self._file, copy)
            self._path.replace(path)

    @property
    def closed(self) -> bool:
        """Whether it was closed; nothing is written at FFmpeg's end then."""
        return self._file.closed

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        self._file.close()

    def whole(self) -> int:
        """Where the last whole fragment ends, in bytes; 0 when there is none."""
        length = self._file.seek(0, 2)
        start = end = 0
        while start + _BOX <= length:
            self._file.seek(start)
            header = self._file.read(_LARGE_BOX)
            size, kind = int.from_bytes(header[:4], "big"), header[4:8]
            size = int.from_bytes(header[8:], "big") if size == 1 else size
            start += max(size, _BOX)
            if kind == b"mdat" and start <= length:
                end = start
        return end
