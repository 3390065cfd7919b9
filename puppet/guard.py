"""The watchdog as the program sees it: starting one, going on with one whose program has died, and its end."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from jaxtyping import UInt8

from puppet.child import PATIENCE_S, Child
from puppet.errors import SinkError
from puppet.lock import Lock
from puppet.loopback import mend
from puppet.mailbox import Mailbox
from puppet.order import NOTE, Order

MODULE = "puppet.watchdog"

STEP_S = 0.05

LONGEST = 10_000
"""Characters of a note."""

HUNG_S = 5.0
"""A watchdog that does not look at the mailbox for so long hangs in the device's driver."""

_log = logging.getLogger(__name__)


class Refusal(SinkError):
    """A watchdog that was started has no device; `answer` is what it said."""

    def __init__(self, answer: dict[str, Any] | None, last_words: str) -> None:
        """Keep its answer, or its last words where it gave none."""
        super().__init__(last_words)
        self.answer = answer


class Guard:
    """A watchdog that works for this program. Its lock on the mailbox tells the watchdog that the program is there."""

    def __init__(self, mailbox: Mailbox, lock: Lock, device: str, locks: Path, child: Child | None) -> None:
        """Own all of it; see `start` and `adopt`."""
        self._mailbox, self._lock, self._locks, self._child = mailbox, lock, locks, child
        self._beats, self._beaten_s, self._still_s = -1, perf_counter(), 0.0
        self.device = device

    @classmethod
    def start(cls, order: Order, slate: UInt8[np.ndarray, "height width 3"]) -> Guard:
        """Start one, and wait until its device shows the slate.

        Args:
            order: With any mailbox; it gets one of its own.
            slate: Of the order's size.

        Raises:
            Refusal: It has no device.
            OSError: There is no memory, or the system starts no process.
        """
        mailbox = Mailbox.make(order.size_wh)
        mailbox.slate.write(slate)
        lock = Lock.of(mailbox.path)
        assert lock is not None, "nobody else knows the file"
        answer, last_words = None, ""
        try:
            child = Child(MODULE, replace(order, memory=mailbox.path).to_json())
            answer = child.receive()
            if answer is not None and "device" in answer:
                return cls(mailbox, lock, answer["device"], order.locks, child)
            last_words = child.end()
        finally:
            if answer is None or "device" not in answer:
                lock.release()
                mailbox.remove()
        raise Refusal(answer, last_words)

    @classmethod
    def adopt(cls, order: Order, slate: UInt8[np.ndarray, "height width 3"]) -> Guard | None:
        """Go on with a watchdog whose program has died, so that its device is never closed; None: there is none.

        One that shows pictures of another size is ended instead, since a device cannot change that.
        """
        for noted, device, lock in _orphans(order.locks):
            mailbox = Mailbox(noted.memory, noted.size_wh)
            if replace(noted, memory=order.memory) == order:
                _log.info("went on with %s, which another puppet has left", device)
                mailbox.slate.write(slate)
                return cls(mailbox, lock, device, order.locks, None)
            cls(mailbox, lock, device, order.locks, None).end()
        return None

    @property
    def running(self) -> bool:
        """Whether the process is there, and does not hang; to be asked now and then."""
        there = _owned(self._locks, self.device) if self._child is None else self._child.running
        return there and not self._hangs()

    def show(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        """Hand over a picture; returns at once."""
        self._mailbox.pictures.write(rgb)

    def keep(self, slate: UInt8[np.ndarray, "height width 3"]) -> None:
        """Hand over another slate."""
        self._mailbox.slate.write(slate)

    def end(self) -> str:
        """Let it show the slate and close the device, and wait for that.

        Returns:
            Its last words, where it did not end as it should.
        """
        self._mailbox.end()
        if self._child is None:
            wait_until(lambda: not _owned(self._locks, self.device), PATIENCE_S)
        last_words = "" if self._child is None else self._child.end()
        self._lock.release()
        self._mailbox.remove()
        return last_words

    def _hangs(self) -> bool:
        """Adds up the time without a beat, but not a gap in which nobody asked: both may have slept."""
        now_s, beats = perf_counter(), self._mailbox.beats
        step_s = min(now_s - self._beaten_s, 1.0)
        self._still_s = 0.0 if beats != self._beats else self._still_s + step_s
        self._beats, self._beaten_s = beats, now_s
        return self._still_s > HUNG_S


def wait_until(there: Callable[[], bool], patience_s: float) -> bool:
    """Look now and then until something is true; False when patience has ended."""
    deadline_s = perf_counter() + patience_s
    while not there():
        if perf_counter() > deadline_s:
            return False
        sleep(STEP_S)
    return True


def _orphans(locks: Path) -> Iterator[tuple[Order, str, Lock]]:
    """Watchdogs that are alive while their programs are not; their locks are ours now. Clears up after dead ones."""
    for note in sorted(locks.glob(f"*{NOTE}")):
        try:
            with note.open(encoding="utf-8") as file:
                values = json.loads(file.read(LONGEST))
            order, device = Order.from_json(values["order"]), str(values["device"])
            lock = _lock(order.memory)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            note.unlink(missing_ok=True)
            continue
        if lock is None:
            continue  # its program lives
        if _owned(locks, device):
            yield order, device, lock
            continue
        mend(device)
        lock.release()
        order.memory.unlink(missing_ok=True)
        note.unlink(missing_ok=True)


def _lock(path: Path) -> Lock | None:
    """Lock a mailbox; more than one try, since a watchdog locks it for an instant to see whether that is possible."""
    for _ in range(3):
        if (lock := Lock.of(path)) is not None:
            return lock
        sleep(STEP_S)
    return None


def _owned(locks: Path, device: str) -> bool:
    """Whether a watchdog has this device."""
    lock = Lock.take(locks, device)
    if lock is not None:
        lock.release()
    return lock is None
