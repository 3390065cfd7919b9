"""Pictures in memory that two processes share: one writes, one reads, neither waits, and no picture is ever torn.

    file     [ ended ][ beats ][ board of pictures: 3 slots ][ board of the slate: 1 slot ]
    board    [ newest ][ number of slot 0, 1, … ]   then the slots' pixels

Picture n lies in slot n mod slots. The writer wipes the slot's number, fills the slot, writes the number, then makes n
the newest; a reader that finds another number in the slot after it has copied the pixels drops its copy. A number is
one aligned 64-bit word, and CPython's own locks between the steps keep them in order.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt64

PICTURES, SLATES = 3, 1
"""Slots of each board. The slate is hardly ever written, and its reader keeps a copy."""

MEMORY = Path("/dev/shm")
"""Where a file is memory, on systems that have it."""

HEAD = 4096
"""Bytes before the pixels: a page for all numbers."""

_BLOCK = bytes(1 << 20)


class Board:
    """A few slots for pictures, newest wins. One process writes; see `Reader` for the other."""

    def __init__(
        self, numbers: UInt64[np.ndarray, "slots_and_one"], slots: UInt8[np.ndarray, "slots height width 3"]
    ) -> None:
        """Lay it over shared memory, as the last writer left it.

        Args:
            numbers: The newest picture's, then one for each slot; 0 is none.
            slots: The pixels.
        """
        self.numbers = numbers
        self.slots = slots

    def write(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Make a copy of a picture the newest."""
        number = int(self.numbers[0]) + 1
        slot = number % len(self.slots)
        self.numbers[1 + slot] = 0
        np.copyto(self.slots[slot], rgb)
        self.numbers[1 + slot] = number
        self.numbers[0] = number


class Reader:
    """The reading process's side of a board."""

    def __init__(self, board: Board) -> None:
        """Begin with black, and nothing read."""
        self._board = board
        self._number = 0
        self._spare = np.zeros_like(board.slots[0])
        self.rgb: UInt8[np.ndarray, "height width 3"] = np.zeros_like(board.slots[0])
        """The picture that was read last; borrowed until `look` says True again."""

    @property
    def any(self) -> bool:
        """Whether there has been a picture."""
        return self._number > 0

    def look(self) -> bool:
        """Read the newest picture; False when it is the old one, or was overwritten in the meantime."""
        numbers, slots = self._board.numbers, self._board.slots
        number = int(numbers[0])
        slot = number % len(slots)
        if number == self._number or int(numbers[1 + slot]) != number:
            return False
        np.copyto(self._spare, slots[slot])
        if int(numbers[1 + slot]) != number:
            return False
        self._number = number
        self.rgb, self._spare = self._spare, self.rgb
        return True


class Mailbox:
    """The shared file. Both processes open it; the system keeps it while either does."""

    def __init__(self, path: Path, size_wh: tuple[int, int]) -> None:
        """Open a file that `make` has made.

        Args:
            path: The file.
            size_wh: Width and height of the pictures in pixels.

        Raises:
            OSError: It is not there.
            ValueError: It has another size.
        """
        width, height = size_wh
        self.path = path
        with path.open("r+b") as file:
            memory = mmap.mmap(file.fileno(), _bytes(size_wh))
        words = np.frombuffer(memory, np.uint64, HEAD // 8)
        slots = np.frombuffer(memory, np.uint8, offset=HEAD).reshape(PICTURES + SLATES, height, width, 3)
        self._ended, self._beats = words[:1], words[1:2]
        self.pictures = Board(words[2 : 3 + PICTURES], slots[:PICTURES])
        self.slate = Board(words[3 + PICTURES : 4 + PICTURES + SLATES], slots[PICTURES:])

    @classmethod
    def make(cls, size_wh: tuple[int, int]) -> Mailbox:
        """A new file that only this user can read, in memory where the system has a place for that.

        Raises:
            OSError: There is no room.
        """
        try:
            return cls._make(size_wh, MEMORY)
        except OSError:  # no such place, or too little of it, as in a container
            return cls._make(size_wh, Path(tempfile.gettempdir()))

    @property
    def ended(self) -> bool:
        """Whether the writer wants no more to be shown."""
        return bool(self._ended[0])

    @property
    def beats(self) -> int:
        """How often the reader has looked."""
        return int(self._beats[0])

    def beat(self) -> None:
        """Tell the writer that the reader looks."""
        self._beats += np.uint64(1)

    def end(self) -> None:
        """Let the reader finish."""
        self._ended[0] = 1

    def remove(self) -> None:
        """Let go of the memory and remove the file, at last. A second call does nothing."""
        self.__dict__ = {"path": self.path}  # some systems remove no file that is mapped
        with suppress(OSError):
            self.path.unlink()

    @classmethod
    def _make(cls, size_wh: tuple[int, int], folder: Path) -> Mailbox:
        descriptor, name = tempfile.mkstemp(prefix="puppet-", suffix=".pictures", dir=folder)
        left = _bytes(size_wh)
        try:
            with os.fdopen(descriptor, "wb") as file:
                while left:  # a file with holes would kill the program when memory is short
                    left -= file.write(_BLOCK[:left])
            return cls(Path(name), size_wh)
        except OSError:
            Path(name).unlink()
            raise


def _bytes(size_wh: tuple[int, int]) -> int:
    return HEAD + (PICTURES + SLATES) * size_wh[0] * size_wh[1] * 3
