"""Three slots, newest wins: the only meeting place of two threads, one that writes and one that reads.

    writer fills its slot ── put ──> [ the newest ] ── take ──> reader keeps its slot until the next take

Every slot owns a buffer made once, so handing over swaps three references and copies nothing. The writer never waits
and the reader always gets the newest value; what was overwritten unread is counted as lost. In lossless mode the writer
waits until its last value was taken, so that every value arrives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Buffer = TypeVar("Buffer")
Value = TypeVar("Value")


class Handoff(Generic[Buffer, Value]):
    """Hands values from one thread to another. `put` and `buffer` belong to the writer, `take` to the reader."""

    def __init__(self, make_buffer: Callable[[], Buffer], *, lossless: bool = False) -> None:
        """Make the three slots.

        Args:
            make_buffer: Called three times; gives the memory that a slot owns.
            lossless: `put` waits until the last value was taken, instead of overwriting it.
        """
        self._writing, self._newest_buffer, self._reading = make_buffer(), make_buffer(), make_buffer()
        self._newest: Value | None = None
        self._lossless = lossless
        self._closed = False
        self._lost = 0
        self._changed = threading.Condition()

    @property
    def buffer(self) -> Buffer:
        """The writer's own memory, to be filled before `put`; another one after every `put`."""
        return self._writing

    @property
    def lost(self) -> int:
        """Values that were overwritten or closed away before anybody took them."""
        return self._lost

    def put(self, value: Value) -> None:
        """Make a value, usually a view of `buffer`, the newest. After `close` it is lost."""
        with self._changed:
            while self._lossless and self._newest is not None and not self._closed:
                self._changed.wait()
            if self._closed:
                self._lost += 1
                return
            self._lost += self._newest is not None
            self._newest = value
            self._writing, self._newest_buffer = self._newest_buffer, self._writing
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether the handoff is closed and drained: no value will come."""
        with self._changed:
            return self._closed and self._newest is None

    def take(self, patience_s: float | None = None) -> Value | None:
        """Wait for the newest value; its buffer is the reader's until the next `take` that returns a value.

        Args:
            patience_s: How long to wait; None waits for ever.

        Returns:
            The value; None when the handoff is closed and drained, or patience has ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, patience_s)
            value = self._newest
            if value is not None:
                self._newest = None
                self._reading, self._newest_buffer = self._newest_buffer, self._reading
                self._changed.notify_all()
            return value

    def close(self) -> None:
        """No more values: the reader gets what is waiting, then None; a waiting writer goes on. Any thread may call."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
