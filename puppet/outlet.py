"""Who takes pictures from the composing loop: a sink with a thread of its own, or a preview that looks now and then.

    composing ── put ──> Handoff ── take ──> sink's thread: send, or stand by when nothing came
                        Handoff ── newest ──> the window, when it draws

Composing copies its picture once for each of them and never waits (in lossless mode it does: nothing may be lost).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from puppet.handoff import Handoff
from puppet.sinks import Sink
from puppet.state import Condition
from puppet.timing import Span
from puppet.values import Moment, Picture, PoseVector, SinkStatus

PATIENCE_S = 0.2
"""How often a waiting main thread wakes, so that signals are served on every system."""

LEAVE_S = 6.0
"""How long a sink may take for its last picture: longer than a virtual camera needs to find that its process hangs."""

_CONVERSIONS = {(4, 3): cv2.COLOR_RGBA2RGB, (3, 4): cv2.COLOR_RGB2RGBA}
"""By channels before and after: RGBA lies over grey, so without its opacity it is a picture on grey."""

_log = logging.getLogger(__name__)


@runtime_checkable
class Tap(Protocol):
    """Takes every picture that is painted; called on the composing thread."""

    def put(self, rgb: UInt8[np.ndarray, "height width channels"], moment: Moment) -> None:
        """Take a copy of a picture, at once."""


@runtime_checkable
class Listener(Protocol):
    """Hears every pose vector that is painted; called on the composing thread."""

    def hear(self, p: PoseVector, condition: Condition) -> None:
        """Take it, at once.

        Args:
            p: The driver's pose.
            condition: What the outputs show with it.
        """


class Outlet:
    """One sink with its thread. `put` belongs to composing; everything else to the outlet's owner."""

    def __init__(self, sink: Sink, size_wh: tuple[int, int], *, lossless: bool = False) -> None:
        """Make the memory.

        Args:
            sink: Opened for pictures of this size; its owner closes it after `finish`.
            size_wh: Width and height of the pictures in pixels.
            lossless: `put` waits for the sink, so that it gets every picture.
        """
        width, height = size_wh
        channels = 4 if sink.carries_transparency else 3
        self._sink = sink
        self._pictures: Handoff[np.ndarray, Picture] = Handoff(
            lambda: np.empty((height, width, channels), np.uint8), lossless=lossless
        )
        self._send_span = Span("send")
        self._latency = Span("latency")
        self.ended = threading.Event()
        """Set while the sink's thread does not run."""
        self.ended.set()
        self._error: Exception | None = None
        self._first_s = self._last_s = 0.0

    @property
    def error(self) -> Exception | None:
        """What ended the sink early; None when all is well."""
        return self._error

    @property
    def last_s(self) -> float:
        """When the last send ended, as `time.perf_counter` counts; 0 before the first."""
        return self._last_s

    def start(self, failed: Callable[[Exception], None] | None = None) -> None:
        """Start the sink's thread.

        Args:
            failed: Called on that thread when the sink has failed; it takes nothing more.
        """
        self.ended.clear()
        threading.Thread(target=self._guarded, args=(failed,), name="sink", daemon=True).start()

    def put(self, rgb: UInt8[np.ndarray, "height width channels"], moment: Moment) -> None:
        """Hand a copy of a picture to the sink's thread; after `close` it is lost.

        A picture of another size is fitted into this outlet's, so that a sink can outlive a change of size. What is
        transparent is grey where the sink carries no transparency.
        """
        _fit(rgb, self._pictures.buffer)
        self._pictures.put(Picture(self._pictures.buffer, moment))

    def close(self) -> None:
        """No more pictures: what was handed over is still sent. Any thread may call."""
        self._pictures.close()

    def finish(self, patience_s: float = LEAVE_S) -> bool:
        """Close, and wait until the sink's thread has ended; unlike a join, a signal handler may raise in between.

        Returns:
            False when it hangs in the sink, which must not be closed then.
        """
        self.close()
        deadline_s = perf_counter() + patience_s
        while not self.ended.wait(PATIENCE_S):
            if perf_counter() > deadline_s:
                _log.warning("%s hangs and is left behind", self._sink.name)
                return False
        return True

    def status(self) -> SinkStatus:
        """How the sink stands; any thread may ask."""
        send, latency = self._send_span.snapshot(), self._latency.snapshot()
        error = None if self._error is None else str(self._error)
        return SinkStatus(self._sink.name, send.count, self._pictures.lost, send, latency, error, self._first_s)

    def _run(self) -> None:
        send = self._send_span.timed(self._sink.send)
        while (picture := self._pictures.take(self._sink.standby_s)) is not None or not self._pictures.ended:
            if picture is None:
                self._sink.stand_by()
                continue
            send(picture)
            self._last_s = perf_counter()
            self._first_s = self._first_s or self._last_s
            self._latency.add(self._last_s - picture.moment.due_s)

    def _guarded(self, failed: Callable[[Exception], None] | None) -> None:
        """The thread's outermost frame."""
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 (kept, and told to the owner)
            self._error = error
            _log.warning("%s takes no more pictures: %s", self._sink.name, error)
            self.close()
            if failed is not None:
                failed(error)
        finally:
            self.ended.set()


class Preview:
    """The newest picture, for one thread that looks when it suits it; composing never waits for it."""

    def __init__(self, size_wh: tuple[int, int]) -> None:
        """Make the memory for pictures of this width and height in pixels."""
        width, height = size_wh
        self._pictures: Handoff[np.ndarray, Picture] = Handoff(lambda: np.empty((height, width, 3), np.uint8))

    def put(self, rgb: UInt8[np.ndarray, "height width channels"], moment: Moment) -> None:
        """Keep a copy of a picture; the composing thread."""
        _fit(rgb, self._pictures.buffer)
        self._pictures.put(Picture(self._pictures.buffer, moment))

    def newest(self) -> Picture | None:
        """The newest picture, borrowed until the next call that returns one; None when there is no newer one."""
        return self._pictures.take(0.0)


def _fit(
    rgb: UInt8[np.ndarray, "height width channels"], out: UInt8[np.ndarray, "out_height out_width out_channels"]
) -> None:
    """Copy a picture; one of another size is scaled, whole, with black beside it where the shape differs."""
    (height, width, channels), (out_height, out_width, out_channels) = rgb.shape, out.shape
    same_size, to_out = (height, width) == (out_height, out_width), _CONVERSIONS.get((channels, out_channels))
    if to_out is not None:
        rgb = cv2.cvtColor(rgb, to_out, dst=out if same_size else None)
    elif same_size:
        np.copyto(out, rgb)
    if same_size:
        return
    scale = min(out_height / height, out_width / width)
    inner_wh = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (out_width - inner_wh[0]) // 2, (out_height - inner_wh[1]) // 2
    out.fill(0)
    cv2.resize(rgb, inner_wh, dst=out[top : top + inner_wh[1], left : left + inner_wh[0]])
