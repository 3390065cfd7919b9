"""The threads, the loop that paints, and the one that composes.

    the source's ── newest p ──>                                   see puppet.watching and puppet.listening
    painting     ── newest p ──> directions → synthesis ── newest portrait ──>
    composing    ── newest portrait ──> compositor ── pictures ──>
    one a sink   ── pictures ──> sink                              see puppet.outlet

Each arrow is a Handoff. The end runs down the same way: who has nothing more to give closes its handoff, who reads the
end of one closes the next (see puppet.crew). A stage that fails is borne for a while in real time (see puppet.grace);
any other error stops the source, closes everything, and is raised again by `wait`. No frame and no face can get here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.budget import Budget, keep_up, words
from puppet.crew import Crew, Member, Stopping
from puppet.errors import NoFaceError, SinkError, StuckError
from puppet.grace import Grace
from puppet.handoff import Handoff
from puppet.outlet import Listener, Outlet, Tap
from puppet.recording import Recording
from puppet.settings import Marking
from puppet.sinks import Sink
from puppet.stages import Scene, Stages
from puppet.state import PAUSED, UNPAINTED, Condition, Journal, State
from puppet.timing import Pace, Span
from puppet.values import Moment, PoseVector, Status
from puppet.visible_mark import MarkTimes, VisibleMark

SPANS = ("directions", "synthesis", "compositor")

STAGE_LEAVE_S = 5.0
"""How long painting may hang after a stop."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What painting hands over.

    Attributes:
        p: The pose vector.
        condition: What the outputs shall show.
        portrait: RGB(A) over grey; says nothing where the slate is shown.
        pose: The portrait's; says nothing there either.
        compose: Puts it before its backdrop.
        slate: Of the same scene.
        picture: Memory for the result.
    """

    p: PoseVector
    condition: Condition
    portrait: UInt8[np.ndarray, "r r channels"]
    pose: Float32[np.ndarray, "pose_dim"]
    compose: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    slate: UInt8[np.ndarray, "height width channels"]
    picture: UInt8[np.ndarray, "height width channels"]


class Pipeline:
    """Runs the sentence until the camera ends, somebody stops it, or something fails.

    `run`, or `start` and `wait`, belong to its owner and are called once. All other methods may be called by any thread
    at any time.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        lossless: bool,
        taps: Sequence[Tap] = (),
        mirrors: Sequence[Tap] = (),
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Wire the stages.

        Args:
            stages: Ready to run.
            lossless: Every frame becomes a picture, however long it takes; otherwise late frames are dropped.
            taps: Others that take the pictures and outlive the run: previews, outlets that their owner has started.
            mirrors: The same, without the visible mark: who shows them in a mirror turns it round; see `marked`.
            listeners: Others that hear every pose vector which is painted.
        """
        self._stages, self._source = stages, stages.source
        self._newest: Handoff[None, PoseVector] = Handoff(lambda: None, lossless=lossless)
        self._portraits: Handoff[np.ndarray, Painted] = Handoff(
            lambda: np.empty(stages.scene.compositor.portrait_shape, np.uint8), lossless=lossless
        )
        self._outlets = [Outlet(sink, stages.size_wh, lossless=lossless) for sink in stages.sinks]
        self._taps: tuple[Tap, ...] = (*self._outlets, *taps)
        self._mirrors, self._listeners = mirrors, listeners
        self._mark, self._mark_times = VisibleMark(stages.size_wh), MarkTimes(stages.mark, gaps=not lossless)
        self._marked = False
        self._recording: Recording | None = None
        self._changing = threading.Lock()  # guards _taps and _recording
        self._spans = {name: Span(name) for name in SPANS}
        self._pace, self._budget = Pace(), Budget(self._source.rate)
        self._journal = Journal(stalls=not lossless)
        self.show(stages.scene)
        self._painting, self._composing = (
            Grace(what, bears=not lossless) for what in ("the generator", "the compositor")
        )
        self._crew = Crew(
            [
                *self._source.members(self._newest, lossless=lossless),
                Member("painting", self._paint, [self._portraits], STAGE_LEAVE_S),
                Member("composing", self._compose, self._outlets, STAGE_LEAVE_S),
            ],
            self._outlets,
            self._sink_failed,
        )
        self._lost: Exception | None = None
        self.tell: Callable[[Exception], object] = lambda error: None
        """Called, on any thread, when one of several outputs has failed and the run goes on."""
        self._painted, self._lossless = 0, lossless

    def run(self) -> None:
        """Start, and wait for the end; see there."""
        self.start()
        self.wait()

    def start(self) -> None:
        """Start one thread for each resource; each closes what comes after it when its loop ends."""
        self._crew.start()
        _log.info("started with camera %s", self._source.name)

    def wait(self) -> None:
        """Wait until all threads have ended, and complete a recording.

        Raises:
            CameraError: The camera failed, or ended without having shown a face.
            EngineError: An engine failed.
            StageError: A stage failed for long, or in a way that nobody foresaw.
            SinkError: A sink failed, or the recording cannot be completed.
            StuckError: The end is wanted, and a thread hangs: nothing that the run uses may be closed.
        """
        try:
            self._crew.join()
            stopped = self._crew.stopping.is_set()
        finally:
            self._crew.halt()  # also when a signal handler raises: nobody may close the stages under running threads
            stuck = self._crew.join()
            self._journal.end()
            lost = self._finish_recording()
        counts = self._source.counts
        _log.info("ended: %d frames in, %d pictures out", counts.frames_in, self._painted)
        if stuck:
            raise StuckError(f"{' and '.join(stuck)} did not answer any more and had to be left behind")
        error = self._crew.error or self._lost or lost
        if error is not None:
            raise error
        if counts.looked and counts.faces_lost == counts.looked and not stopped:
            raise NoFaceError(
                f"{self._source.name} shows no face in any of its {counts.looked} frames; choose another clip"
            )

    def stop(self) -> None:
        """End soon: what was captured is still painted and sent. Also for signal handlers."""
        self._crew.stop()

    def show(self, scene: Scene) -> None:
        """Paint this from the next picture on, for instance another avatar of the bundle, or another backdrop.

        Of the scene before, what is being painted or composed may still come; its engines stay open until then.
        """
        self._scene = (
            self._spans["directions"].timed(scene.directions.move),
            self._spans["synthesis"].timed(scene.synthesis.paint),
            (self._spans["compositor"].timed(scene.compositor.compose), scene.slate, np.empty_like(scene.slate)),
        )

    def pause(self) -> None:
        """Show the slate, and look away: frames are not searched for a face."""
        self._source.paused = True
        self._source.follower.let_go()

    def resume(self) -> None:
        """Look at the driver again; the portrait comes back from rest."""
        self._source.paused = False

    def recentre(self) -> None:
        """Take the driver's next second as the neutral."""
        self._source.follower.recentre()

    def mirror(self, mirrored: bool) -> None:
        """Whether the portrait moves like a mirror image of the driver."""
        self._source.follower.mirrored = mirrored

    def mark(self, wish: Marking) -> None:
        """When the visible mark is in the pictures."""
        self._mark_times.wish = wish

    @property
    def marked(self) -> bool:
        """Whether it is in the newest picture."""
        return self._marked

    @property
    def condition(self) -> Condition:
        """What the outputs show, and why."""
        return self._journal.condition

    @property
    def ended_sinks(self) -> list[Sink]:
        """Sinks that no thread uses any more: they may be closed."""
        return [sink for sink, outlet in zip(self._stages.sinks, self._outlets, strict=True) if outlet.ended.is_set()]

    @property
    def recording(self) -> bool:
        """Whether a recording goes on."""
        recording = self._recording
        return recording is not None and recording.outlet.error is None

    def record(self, path: Path) -> None:
        """Put pictures into a video file from now on, until `end_recording` or the end of the run.

        One that fails ends by itself, and keeps what was recorded; its status says why, until another one begins.

        Raises:
            SinkError: The file cannot be written, or another recording goes on.
        """
        with self._changing:
            if self.recording:
                raise SinkError("a recording goes on already; end it first")
            recording = Recording(path, self._stages.size_wh, self._source.rate)
            self._mark_times.begin()
            self._taps = (*self._without(self._recording), recording.outlet)
            self._recording = recording

    def end_recording(self) -> None:
        """Complete the file; waits until what was handed over is in it. Without a recording nothing happens.

        Raises:
            SinkError: It could not be written.
        """
        with self._changing:
            recording, self._recording = self._recording, None
            self._taps = self._without(recording)
        if recording is not None:
            recording.finish()

    def status(self) -> Status:
        """A snapshot."""
        counts = self._source.counts
        last_s = max((outlet.last_s for outlet in self._outlets), default=0.0)
        sinks = [tap.status() for tap in self._taps if isinstance(tap, Outlet)]
        return Status(
            frames_in=counts.frames_in,
            pictures_out=self._painted,
            dropped=counts.dropped + counts.left_out + self._newest.lost + self._portraits.lost,
            faces_lost=counts.faces_lost,
            elapsed_s=max(last_s - (counts.first_s or last_s), 0.0),
            stages=tuple(span.snapshot() for span in (*self._source.spans, *self._spans.values())),
            sinks=tuple(sinks),
            fps=self._pace.per_second(),
            running=self._crew.running,
            failures=counts.failures + self._painting.count + self._composing.count,
            paused=self._source.paused,
            face=counts.face,
            trouble=self._source.trouble,
            condition=self.condition,
            pictures=self._journal.pictures,
            changes=self._journal.changes,
            left_out=counts.left_out,
            slowed=words(self._budget.every),
        )

    def _paint(self, stopping: Stopping) -> None:
        """Pose vectors become portraits."""
        w = np.empty(self._stages.code_shape, np.float32)
        *painting, composing = self._spans.values()
        while (p := self._newest.take()) is not None:
            move, paint, shown = self._scene
            condition, portrait = PAUSED if self._source.paused else p.condition, self._portraits.buffer
            pose = p.p
            with self._painting:
                if condition is not PAUSED:
                    pose = move(p, out=w)
                    np.copyto(portrait, paint(w))
            if self._painting.failed:
                if not self._painting.noticed:
                    continue
                condition = UNPAINTED
            self._portraits.put(Painted(p, condition, portrait, pose, *shown))
            if not self._lossless and condition is not PAUSED:
                keep_up(self._budget, self._source, (sum(span.total_s for span in painting), composing.total_s))

    def _compose(self, stopping: Stopping) -> None:
        """Portraits become pictures, which everybody gets."""
        while (painted := self._portraits.take()) is not None:
            p, slate, picture = painted.p, painted.slate, painted.picture
            condition = PAUSED if self._source.paused else painted.condition
            with self._composing:
                if condition.state is not State.SLATE:
                    painted.compose(painted.portrait, picture, painted.pose)
            if self._composing.failed:
                if not self._composing.noticed:
                    continue
                condition = UNPAINTED
            self._give(slate if condition.state is State.SLATE else picture, p.moment, condition)
            for listener in self._listeners:
                listener.hear(p, condition)
            self._journal.note(condition, p.moment.time_s)
            self._painted += 1
            self._pace.tick()

    def _give(self, rgb: UInt8[np.ndarray, "height width channels"], moment: Moment, condition: Condition) -> None:
        """Hand a picture to everybody; mirrors get it before the visible mark is drawn."""
        self._marked = self._mark_times.note(moment.time_s, portrait=condition.state is not State.SLATE)
        for mirror in self._mirrors:
            mirror.put(rgb, moment)
        if self._marked:
            self._mark.draw(rgb)
        for tap in self._taps:
            tap.put(rgb, moment)

    def _sink_failed(self, error: Exception) -> None:
        """In real time the run goes on while its pictures arrive anywhere; the error is raised at its end."""
        self._lost = self._lost or error
        if self._lossless or all(isinstance(tap, Outlet) and tap.error is not None for tap in self._taps):
            self._crew.fail(error)
        else:
            self.tell(error)

    def _without(self, recording: Recording | None) -> tuple[Tap, ...]:
        return tuple(tap for tap in self._taps if recording is None or tap is not recording.outlet)

    def _finish_recording(self) -> SinkError | None:
        try:
            self.end_recording()
        except SinkError as error:
            _log.error("%s", error)
            return error
        return None
