"""The threads and the two loops.

    capture      camera ── frames ──>                              waits until a frame is due
    perception   ── frames ──> tracker → pose ── newest p ──>
    painting     ── newest p ──> directions → synthesis → compositor ── pictures ──>
    one a sink   ── pictures ──> sink

Each arrow is a Handoff. The end runs down the same way: who has nothing more to give closes its handoff, who reads the
end of one closes the next. An error in any thread stops capture, closes everything, and is raised again by `run`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from puppet.camera import Camera
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.errors import CameraError
from puppet.frame import Frame
from puppet.handoff import Handoff
from puppet.pose import Driver
from puppet.sinks import Sink
from puppet.synthesis import Synthesis
from puppet.timing import Span
from puppet.tracker import Tracker
from puppet.values import Moment, Picture, PoseVector, SinkStatus, Status

STAGES = ("camera", "tracker", "pose", "directions", "synthesis", "compositor")

PATIENCE_S = 0.2
"""How often the main thread wakes while it waits, so that signals are served on every system."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The parts of the sentence, ready to run; their owner closes them after `run`.

    Attributes:
        code_shape: num_ws and w_dim.
        size_wh: Width and height of the pictures in pixels.
        sinks: Opened for pictures of this size.
    """

    camera: Camera
    tracker: Tracker
    pose: Driver
    directions: Directions
    synthesis: Synthesis
    compositor: Compositor
    sinks: Sequence[Sink]
    code_shape: tuple[int, int]
    size_wh: tuple[int, int]


class Outlet:
    """One sink with its thread's handoff and counters."""

    def __init__(self, sink: Sink, size_wh: tuple[int, int], *, lossless: bool) -> None:
        """Make the buffers for pictures of this size in pixels."""
        width, height = size_wh
        self._sink = sink
        self.pictures: Handoff[np.ndarray, Picture] = Handoff(
            lambda: np.empty((height, width, 3), np.uint8), lossless=lossless
        )
        self._send_span = Span("send")
        self._latency = Span("latency")
        self.last_s = 0.0

    def put(self, rgb: np.ndarray, moment: Moment) -> None:
        """Hand a copy of a picture to the sink's thread."""
        np.copyto(self.pictures.buffer, rgb)
        self.pictures.put(Picture(self.pictures.buffer, moment))

    def run(self) -> None:
        """Send pictures until the end; the sink's thread."""
        send = self._send_span.timed(self._sink.send)
        while (picture := self.pictures.take()) is not None:
            send(picture)
            self.last_s = perf_counter()
            self._latency.add(self.last_s - picture.moment.due_s)

    def status(self) -> SinkStatus:
        """How the sink stands."""
        send, latency = self._send_span.snapshot(), self._latency.snapshot()
        return SinkStatus(self._sink.name, send.count, self.pictures.lost, send, latency)


class Pipeline:
    """Runs the sentence until the camera ends, somebody stops it, or something fails."""

    def __init__(self, stages: Stages, *, lossless: bool) -> None:
        """Wire the stages.

        Args:
            stages: Ready to run.
            lossless: Every frame becomes a picture, however long it takes; otherwise late frames are dropped.
        """
        width, height = stages.camera.size_wh
        self._stages = stages
        self._frames: Handoff[np.ndarray, Frame] = Handoff(
            lambda: np.empty((height, width, 3), np.uint8), lossless=lossless
        )
        self._newest: Handoff[None, PoseVector] = Handoff(lambda: None, lossless=lossless)
        self._outlets = [Outlet(sink, stages.size_wh, lossless=lossless) for sink in stages.sinks]
        self._handoffs: list[Handoff[Any, Any]] = [self._frames, self._newest]
        self._handoffs += [outlet.pictures for outlet in self._outlets]
        self._spans = {name: Span(name) for name in STAGES}
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self._first_s = 0.0
        self._frames_in = self._perceived = self._painted = self._faces_lost = 0

    def run(self) -> None:
        """Run to the end; call once.

        Raises:
            CameraError: The camera failed, or ended without having shown a face.
            EngineError: An engine failed.
            SinkError: A sink failed.
        """
        ended = self._start()
        try:
            _wait(ended)
            stopped = self._stopping.is_set()
        finally:
            self._halt()  # also when a signal handler raises: nobody may close the stages under running threads
            _wait(ended)
        if self._error is not None:
            raise self._error
        if self._perceived and self._faces_lost == self._perceived and not stopped:
            raise CameraError(
                f"{self._stages.camera.name} shows no face in any of its {self._perceived} frames; choose another clip"
            )

    def stop(self) -> None:
        """End soon: what was captured is still painted and sent. Any thread may call, also a signal handler."""
        self._stopping.set()

    def status(self) -> Status:
        """A snapshot; any thread may call."""
        last_s = max((outlet.last_s for outlet in self._outlets), default=0.0)
        return Status(
            frames_in=self._frames_in,
            pictures_out=self._painted,
            dropped=self._frames.lost + self._newest.lost,
            faces_lost=self._faces_lost,
            elapsed_s=max(last_s - self._first_s, 0.0),
            stages=tuple(span.snapshot() for span in self._spans.values()),
            sinks=tuple(outlet.status() for outlet in self._outlets),
        )

    def _halt(self) -> None:
        """End every loop after what it is doing now."""
        self._stopping.set()
        for handoff in self._handoffs:
            handoff.close()

    def _capture(self) -> None:
        read = self._spans["camera"].timed(self._stages.camera.read)
        while not self._stopping.is_set() and (frame := read(self._frames.buffer)) is not None:
            self._stopping.wait(frame.moment.due_s - perf_counter())
            if self._frames_in == 0:
                self._first_s = frame.moment.due_s
            self._frames_in += 1
            self._frames.put(frame)

    def _perceive(self) -> None:
        find = self._spans["tracker"].timed(self._stages.tracker.find)
        read = self._spans["pose"].timed(self._stages.pose.read)
        while (frame := self._frames.take()) is not None:
            face = find(frame.rgb)
            p = read(face, frame.moment)
            self._newest.put(p)
            self._perceived += 1
            self._faces_lost += face is None

    def _paint(self) -> None:
        move = self._spans["directions"].timed(self._stages.directions.move)
        paint = self._spans["synthesis"].timed(self._stages.synthesis.paint)
        compose = self._spans["compositor"].timed(self._stages.compositor.compose)
        w = np.empty(self._stages.code_shape, np.float32)
        picture = np.empty((self._stages.size_wh[1], self._stages.size_wh[0], 3), np.uint8)
        while (p := self._newest.take()) is not None:
            move(p, out=w)
            portrait = paint(w)
            compose(portrait, out=picture)
            for outlet in self._outlets:
                outlet.put(picture, p.moment)
            self._painted += 1

    def _start(self) -> list[threading.Event]:
        """Start one thread for each resource; each closes what comes after it and sets its event when its loop ends."""
        loops: list[tuple[str, Callable[[], None], list[Handoff[Any, Any]]]] = [
            ("capture", self._capture, [self._frames]),
            ("perception", self._perceive, [self._newest]),
            ("painting", self._paint, [outlet.pictures for outlet in self._outlets]),
        ]
        loops += [("sink", outlet.run, []) for outlet in self._outlets]
        ended = [threading.Event() for _ in loops]
        for (name, loop, after), event in zip(loops, ended, strict=True):
            threading.Thread(target=self._guarded, args=(loop, after, event), name=name, daemon=True).start()
        return ended

    def _guarded(self, loop: Callable[[], None], after: list[Handoff[Any, Any]], ended: threading.Event) -> None:
        """A thread's outermost frame."""
        try:
            loop()
        except Exception as error:  # noqa: BLE001 (raised again by `run`)
            self._error = self._error or error
            self._halt()
        finally:
            for handoff in after:
                handoff.close()
            ended.set()


def _wait(ended: Sequence[threading.Event]) -> None:
    """Wait for all events; unlike `Thread.join`, a signal handler may raise in between without harm."""
    for event in ended:
        while not event.wait(PATIENCE_S):
            pass
