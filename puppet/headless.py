"""A run without a window: with which avatar it begins, when another one takes its place, and how it ends.

    enrolled before           ── load ──────────────────────────────────────────> shown to the end
    a new one, look `avatar`  ── enrol ─────────────────────────────────────────> shown to the end
    a new one, look `photo`   ── its quick avatar, shown ── tuned meanwhile ────> shown from the next picture on

A video of every frame begins when the wanted avatar is there, so that it does not change midway. The main thread enrols
while the run's own threads stream, so the two need no meeting place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from types import FrameType

from engines.base import EngineError
from puppet.avatar import Avatar
from puppet.camera import Camera
from puppet.enrolment import News
from puppet.errors import AvatarError, Cancelled, NoFaceError, PuppetError, SinkError
from puppet.parts import Parts
from puppet.pipeline import Pipeline
from puppet.preflight import Preflight
from puppet.progress_line import ProgressLine
from puppet.resources import Meter, Resources
from puppet.settings import Settings
from puppet.sinks import Sink
from puppet.tuning import Progress
from puppet.values import Status
from puppet.virtual_camera import VirtualCamera

MEANWHILE = "a quick avatar is shown until the portrait is tuned"
TUNED, TUNED_LATE = "the portrait is tuned, and shown from now on", "the portrait is tuned; the next start shows it"

_log = logging.getLogger(__name__)


class Stream:
    """One run. The main thread calls `run`; a signal handler on it may `stop`."""

    def __init__(self, settings: Settings, parts: Parts, camera: Camera, sinks: Sequence[Sink]) -> None:
        """Start nothing yet.

        Args:
            settings: All of them.
            parts: Open until the end.
            camera: Opened; the caller closes it.
            sinks: Opened. The caller closes them after a run that ended well; of others, what was recorded is kept.
        """
        self._settings, self._parts, self._camera, self._sinks = settings, parts, camera, sinks
        self._enrolment = parts.enrolment()
        self._line = ProgressLine()
        self._pipeline: Pipeline | None = None
        self._meter = Meter()
        self._ended = False

    def run(self) -> tuple[Status, Resources]:
        """Enrol, and stream to the end; how it stood then, and what it took.

        Raises:
            AvatarError: The portrait could not be tuned; a run that had begun has gone on to its end.
            EngineError: An engine failed.
            PuppetError: Something else that `Parts.avatar` or `Pipeline.wait` raises.
        """
        lost: Exception | None = None
        try:
            with closing(self._line), suppress(Cancelled):
                self._show(self._parts.avatar(self._settings.source, self._settings.look, self._hear, self._enrolment))
        except (AvatarError, EngineError) as error:
            if self._pipeline is None:
                raise
            lost = error
            self._line.say(str(error))
        except BaseException:
            if self._pipeline is not None:
                self._pipeline.stop()
                self._wait(self._pipeline)
            raise
        assert self._pipeline is not None, "only what has begun can be cancelled"
        self._wait(self._pipeline)
        if lost is not None:
            self._keep(self._pipeline)
            raise lost
        return self._pipeline.status(), self._meter.read()

    def stop(self, number: int, frame: FrameType | None) -> None:
        """End soon, as a signal handler: a tuning is cancelled, and what was captured is still painted and sent.

        Raises:
            KeyboardInterrupt: Nothing is shown yet.
        """
        if self._pipeline is None:
            raise KeyboardInterrupt
        self._pipeline.stop()
        self._enrolment.cancel()

    def _hear(self, news: News) -> None:
        if isinstance(news, Progress):
            self._line.tell(news)
            if self._pipeline is not None and not self._pipeline.status().running:
                self._wait(self._pipeline)  # one that has failed ends the tuning too; one whose video is over does not
        elif isinstance(news, Preflight):
            for score in news.warnings:
                self._line.say(f"{score.name}: {score.verdict.value} ({score.measured}). {score.hint}")
        elif not self._settings.camera.every_frame:
            self._show(news)
            self._say(MEANWHILE)

    def _show(self, avatar: Avatar) -> None:
        """Paint it from the next picture on; begin if nothing was shown yet."""
        if self._ended:
            self._say(TUNED_LATE)
            return
        for sink in self._sinks:
            if isinstance(sink, VirtualCamera):
                sink.call(avatar.name)
        scene = self._parts.scene(self._settings, avatar)
        if self._pipeline is not None:
            self._pipeline.show(scene)
            self._say(TUNED)
            return
        self._meter = Meter()
        pipeline = self._parts.pipeline(self._settings, self._camera, scene, sinks=self._sinks)
        pipeline.tell = lambda error: self._line.say(str(error))
        self._pipeline = pipeline  # first: whoever ends it from here on keeps what is recorded
        pipeline.start()

    def _wait(self, pipeline: Pipeline) -> None:
        """Wait for the end, once; whatever it is, what was recorded is kept, unless it shows nobody at all."""
        if self._ended:
            return
        self._ended = True
        try:
            pipeline.wait()
        except NoFaceError:
            raise
        except BaseException as error:
            self._keep(pipeline)
            if isinstance(error, KeyboardInterrupt):
                raise PuppetError("interrupted; what was recorded is kept") from error
            raise

    def _keep(self, pipeline: Pipeline) -> None:
        for sink in pipeline.ended_sinks:
            with suppress(SinkError):
                sink.close()

    def _say(self, sentence: str) -> None:
        _log.info("%s", sentence)
        self._line.say(sentence)
