"""The threads and the two loops.

    capture      camera ── frames ──>                              waits until a frame is due
    perception   ── frames ──> tracker → pose ── newest p ──>
    painting     ── newest p ──> directions → synthesis → compositor ── pictures ──>
    one a sink   ── pictures ──> sink                              see puppet.outlet

Each arrow is a Handoff; in real time perception goes on without a frame when the camera is late (see puppet.lookout).
The end runs down the same way: who has nothing more to give closes its handoff, who reads the end of one closes the
next. An error in any thread stops capture, closes everything, and is raised again by `wait`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from puppet.errors import CameraError, SinkError
from puppet.frame import Frame
from puppet.handoff import Handoff
from puppet.lookout import look_out
from puppet.outlet import PATIENCE_S, Outlet, Tap
from puppet.recording import Recording
from puppet.stages import Scene, Stages
from puppet.state import PAUSED, Condition, Journal
from puppet.timing import Pace, Span
from puppet.values import PoseVector, Status

SPANS = ("camera", "tracker", "pose", "directions", "synthesis", "compositor")

_log = logging.getLogger(__name__)


class Pipeline:
    """Runs the sentence until the camera ends, somebody stops it, or something fails.

    `run`, or `start` and `wait`, belong to its owner and are called once. All other methods may be called by any thread
    at any time.
    """

    def __init__(self, stages: Stages, *, lossless: bool, taps: Sequence[Tap] = ()) -> None:
        """Wire the stages.

        Args:
            stages: Ready to run.
            lossless: Every frame becomes a picture, however long it takes; otherwise late frames are dropped.
            taps: Others that take the pictures and outlive the run: previews, outlets that their owner has started.
        """
        width, height = stages.camera.size_wh
        self._stages = stages
        self._frames: Handoff[np.ndarray, Frame] = Handoff(
            lambda: np.empty((height, width, 3), np.uint8), lossless=lossless
        )
        self._newest: Handoff[None, PoseVector] = Handoff(lambda: None, lossless=lossless)
        self._outlets = [Outlet(sink, stages.size_wh, lossless=lossless) for sink in stages.sinks]
        self._taps: tuple[Tap, ...] = (*self._outlets, *taps)
        self._recording: Recording | None = None
        self._changing = threading.Lock()  # guards _taps and _recording
        self._spans = {name: Span(name) for name in SPANS}
        self._pace = Pace()
        self._journal = Journal(stalls=not lossless)
        self._lossless = lossless
        self.show(stages.scene)
        self._stopping = threading.Event()
        self._ended: list[threading.Event] = []
        self._error: Exception | None = None
        self._paused = self._face = False
        self._first_s: float | None = None
        self._frames_in = self._looked = self._painted = self._faces_lost = 0

    def run(self) -> None:
        """Start, and wait for the end; see there."""
        self.start()
        self.wait()

    def start(self) -> None:
        """Start one thread for each resource; each closes what comes after it when its loop ends."""
        for outlet in self._outlets:
            outlet.start(self._fail)
        loops: list[tuple[str, Callable[[], None], list[Handoff[Any, Any] | Outlet]]] = [
            ("capture", self._capture, [self._frames]),
            ("perception", self._perceive, [self._newest]),
            ("painting", self._paint, [*self._outlets]),
        ]
        self._ended = [threading.Event() for _ in loops]
        for (name, loop, after), event in zip(loops, self._ended, strict=True):
            threading.Thread(target=self._guarded, args=(loop, after, event), name=name, daemon=True).start()
        _log.info("started with camera %s", self._stages.camera.name)

    def wait(self) -> None:
        """Wait until all threads have ended, and complete a recording.

        Raises:
            CameraError: The camera failed, or ended without having shown a face.
            EngineError: An engine failed.
            SinkError: A sink failed, or the recording cannot be completed.
        """
        try:
            self._join()
            stopped = self._stopping.is_set()
        finally:
            self._halt()  # also when a signal handler raises: nobody may close the stages under running threads
            self._join()
            self._journal.end()
            lost = self._finish_recording()
        _log.info("ended: %d frames in, %d pictures out", self._frames_in, self._painted)
        error = self._error or lost
        if error is not None:
            raise error
        if self._looked and self._faces_lost == self._looked and not stopped:
            raise CameraError(
                f"{self._stages.camera.name} shows no face in any of its {self._looked} frames; choose another clip"
            )

    def stop(self) -> None:
        """End soon: what was captured is still painted and sent. Also for signal handlers."""
        self._stopping.set()

    def show(self, scene: Scene) -> None:
        """Paint this from the next picture on, for instance another avatar or backdrop.

        The scene before may be in use until one more picture is out; its engines stay open until then.
        """
        self._scene = (
            self._spans["directions"].timed(scene.directions.move),
            self._spans["synthesis"].timed(scene.synthesis.paint),
            self._spans["compositor"].timed(scene.compositor.compose),
            scene.slate,
        )

    def pause(self) -> None:
        """Show the slate, and look away: frames are not searched for a face."""
        self._paused = True
        self._stages.pose.let_go()

    def resume(self) -> None:
        """Look at the driver again; the portrait comes back from rest."""
        self._paused = False

    def recentre(self) -> None:
        """Take the driver's next second as the neutral."""
        self._stages.pose.recentre()

    def mirror(self, mirrored: bool) -> None:
        """Whether the portrait moves like a mirror image of the driver."""
        self._stages.pose.mirrored = mirrored

    @property
    def condition(self) -> Condition:
        """What the outputs show, and why."""
        return self._journal.condition

    @property
    def recording(self) -> bool:
        """Whether a recording goes on."""
        return self._recording is not None

    def record(self, path: Path) -> None:
        """Put pictures into a video file from now on, until `end_recording` or the end of the run.

        Raises:
            SinkError: The file cannot be written, or another recording goes on.
        """
        with self._changing:
            if self._recording is not None:
                raise SinkError("a recording goes on already; end it first")
            recording = Recording(path, self._stages.size_wh, self._stages.camera.rate)
            self._recording = recording
            self._taps = (*self._taps, recording.outlet)

    def end_recording(self) -> None:
        """Complete the file; waits until what was handed over is in it. Without a recording nothing happens.

        Raises:
            SinkError: It could not be written.
        """
        with self._changing:
            recording, self._recording = self._recording, None
            self._taps = tuple(tap for tap in self._taps if recording is None or tap is not recording.outlet)
        if recording is not None:
            recording.finish()

    def status(self) -> Status:
        """A snapshot."""
        last_s = max((outlet.last_s for outlet in self._outlets), default=0.0)
        sinks = [tap.status() for tap in self._taps if isinstance(tap, Outlet)]
        return Status(
            frames_in=self._frames_in,
            pictures_out=self._painted,
            dropped=self._frames.lost + self._newest.lost,
            faces_lost=self._faces_lost,
            elapsed_s=max(last_s - (self._first_s or last_s), 0.0),
            stages=tuple(span.snapshot() for span in self._spans.values()),
            sinks=tuple(sinks),
            fps=self._pace.per_second(),
            running=any(not event.is_set() for event in self._ended),
            paused=self._paused,
            face=self._face,
            trouble=self._stages.camera.trouble,
            condition=self.condition,
            pictures=self._journal.pictures,
            changes=self._journal.changes,
        )

    def _capture(self) -> None:
        read = self._spans["camera"].timed(self._stages.camera.read)
        while not self._stopping.is_set() and (frame := read(self._frames.buffer)) is not None:
            self._stopping.wait(frame.moment.due_s - perf_counter())
            if self._first_s is None:
                self._first_s = frame.moment.due_s
            self._frames_in += frame.rgb is not None
            self._frames.put(frame)

    def _perceive(self) -> None:
        find = self._spans["tracker"].timed(self._stages.tracker.find)
        read = self._spans["pose"].timed(self._stages.pose.read)
        for frame, why in look_out(self._frames, self._stages.camera, real_time=not self._lossless):
            rgb = None if self._paused else frame.rgb
            face = None if rgb is None else find(rgb)
            self._newest.put(read(face, frame.moment, why))
            self._face = face is not None
            self._looked += rgb is not None
            self._faces_lost += rgb is not None and face is None

    def _paint(self) -> None:
        w = np.empty(self._stages.code_shape, np.float32)
        picture = np.empty((self._stages.size_wh[1], self._stages.size_wh[0], 3), np.uint8)
        while (p := self._newest.take()) is not None:
            move, paint, compose, slate = self._scene
            paused = self._paused
            if not paused:
                move(p, out=w)
                portrait = paint(w)
                compose(portrait, out=picture)
            for tap in self._taps:
                tap.put(slate if paused else picture, p.moment)
            self._journal.note(PAUSED if paused else p.condition, p.moment.time_s)
            self._painted += 1
            self._pace.tick()

    def _guarded(
        self, loop: Callable[[], None], after: Sequence[Handoff[Any, Any] | Outlet], ended: threading.Event
    ) -> None:
        """A thread's outermost frame."""
        try:
            loop()
        except Exception as error:  # noqa: BLE001 (raised again by `wait`)
            self._fail(error)
        finally:
            for each in after:
                each.close()
            ended.set()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        _log.error("%s", error)
        self._halt()

    def _halt(self) -> None:
        """End every loop after what it is doing now."""
        self._stopping.set()
        self._frames.close()
        self._newest.close()
        for outlet in self._outlets:
            outlet.close()

    def _join(self) -> None:
        """Wait for all threads; unlike `Thread.join`, a signal handler may raise in between without harm."""
        for event in self._ended:
            while not event.wait(PATIENCE_S):
                pass
        for outlet in self._outlets:
            outlet.finish()

    def _finish_recording(self) -> SinkError | None:
        try:
            self.end_recording()
        except SinkError as error:
            _log.error("%s", error)
            return error
        return None
