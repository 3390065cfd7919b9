"""The watchdog: a small process of its own that owns the virtual camera, which outlives what happens to the program.

    pictures come            each is shown once, and again in short gaps
    none for a second        the slate, until they come again: paused, stopped, stalled, whatever the reason
    the program has died     the slate at once, for a minute; a program that is started by then goes on from there
    the program has ended    the slate, then the camera is closed

Pictures are the only sign of life that counts: they come from the composing thread, so a program whose engine hangs is
silent, however well its other threads feel. That the program is there at all is seen by its lock on the mailbox, which
the system takes away when it dies, however it dies. A note in the folder for locks leads the next program to the
mailbox.

This process has words, numbers and finished pictures, and no way to a camera (an import contract). It alone loads
pyvirtualcam, and none of the libraries that pyvirtualcam's licence does not go together with (ARCHITECTURE.md).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter, sleep
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from puppet.child import Parent
from puppet.lock import Lock
from puppet.loopback import given_back, mend_all
from puppet.mailbox import Mailbox, Reader
from puppet.order import Order, note_path
from puppet.partial import write_whole

if TYPE_CHECKING:
    import pyvirtualcam

POLL_S = 0.003
"""How often it looks for a new picture: half of this is added to the latency."""

PROBE_S = 0.5
"""How often it looks whether the program is there."""


class Watchdog:
    """Decides what the camera shows. Time is given, so that it knows no clock."""

    def __init__(
        self, mailbox: Mailbox, order: Order, show: Callable[[UInt8[np.ndarray, "height width 3"]], None], now_s: float
    ) -> None:
        """Begin with the slate.

        Args:
            mailbox: Where pictures come from.
            order: How patient to be.
            show: Sends one picture to the camera.
            now_s: The time.
        """
        self._mailbox, self._order, self._show = mailbox, order, show
        self._pictures, self._slate = Reader(mailbox.pictures), Reader(mailbox.slate)
        self._fresh_s = -np.inf
        self._shown_s = -np.inf
        self._alive_s = self._probed_s = now_s
        self._alive = True

    def turn(self, now_s: float) -> bool:
        """Look once, and show what is due; False when all is over."""
        self._mailbox.beat()
        if now_s - self._probed_s >= PROBE_S:
            self._probed_s = now_s
            self._probe(now_s)
        if self._mailbox.ended or now_s - self._alive_s > self._order.linger_s:
            return False
        fresh = self._pictures.look()
        if fresh:
            self._fresh_s = now_s
        fresh |= self._slate.look() and self._silent(now_s)
        if fresh or now_s - self._shown_s >= self._order.repeat_s:
            self._show(self._slate.rgb if self._silent(now_s) else self._pictures.rgb)
            self._shown_s = now_s
        return True

    def end(self) -> None:
        """Show the slate for the last time."""
        self._slate.look()
        self._show(self._slate.rgb)

    def _silent(self, now_s: float) -> bool:
        return not self._alive or now_s - self._fresh_s > self._order.silence_s

    def _probe(self, now_s: float) -> None:
        """Find out whether the program is there: nobody else can lock the mailbox then."""
        try:
            lock = Lock.of(self._mailbox.path)
        except OSError:  # it was removed
            self._alive = False
            return
        self._alive = lock is None
        if lock is None:
            self._alive_s = now_s
        else:
            lock.release()


def main() -> None:
    """Open a device, tell which, and keep it until the program ends."""
    parent, order = Parent(), Order.from_json(sys.argv[1])
    try:
        import pyvirtualcam
        from pyvirtualcam.camera import BACKENDS
    except ImportError as error:
        parent.tell({"missing": str(error)})
        return
    mailbox = Mailbox(order.memory, order.size_wh)
    if order.backend is not None and order.backend not in BACKENDS:
        parent.tell({"unknown": sorted(BACKENDS)})
        return
    mend_all()
    try:
        camera = pyvirtualcam.Camera(*order.size_wh, order.fps, backend=order.backend)
    except RuntimeError as error:
        parent.tell({"refused": " ".join(str(error).split())})
        return
    try:
        lock = Lock.take(order.locks, camera.device)
        if lock is None:
            parent.tell({"taken": camera.device})
            return
        note = note_path(order.locks, camera.device)
        write_whole(note, json.dumps({"device": camera.device, "order": order.to_json()}).encode(), 0o600)
    except OSError as error:
        parent.tell({"unwritable": error.strerror})
        return
    _keep(camera, mailbox, order, parent)
    with suppress(OSError):
        note.unlink()
    with given_back(camera.device):
        camera.close()
    mailbox.remove()
    lock.release()


def _keep(camera: pyvirtualcam.Camera, mailbox: Mailbox, order: Order, parent: Parent) -> None:
    """Tell the device once it shows the slate, and go on until it is over."""
    watchdog = Watchdog(mailbox, order, camera.send, perf_counter())
    watchdog.turn(perf_counter())
    parent.tell({"device": camera.device})
    while watchdog.turn(perf_counter()):
        sleep(POLL_S)
    watchdog.end()


if __name__ == "__main__":
    main()
