"""A run without a window: with which avatar it begins, when another one takes its place, and how it ends.

    enrolled before           ── load ──────────────────────────────────────────> shown to the end
    a new one, look `avatar`  ── enrol ─────────────────────────────────────────> shown to the end
    a new one, look `photo`   ── its quick avatar, shown ── tuned meanwhile ────> shown from the next picture on

A video of every frame begins when the wanted avatar is there, so that it does not change midway. The main thread enrols
while the run's own threads stream, so the two need no meeting place. Other programs may choose another avatar when it
is done and the main thread does no more than wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from types import FrameType

from engines.base import EngineError
from puppet.avatar import Avatar
from puppet.camera import Camera
from puppet.enrolment import News
from puppet.errors import AvatarError, Cancelled, NoFaceError, PuppetError, RemoteError, SinkError
from puppet.gallery import Entry
from puppet.outlet import Listener
from puppet.parts import Parts
from puppet.pipeline import Pipeline
from puppet.progress_line import ProgressLine
from puppet.remote import Remote, key_of
from puppet.resources import Meter, Resources
from puppet.settings import Settings
from puppet.sinks import Sink
from puppet.stages import Scene
from puppet.stream_remote import StreamRemote
from puppet.tuning import Progress
from puppet.values import Status
from puppet.virtual_camera import VirtualCamera
from puppet.vmc_receiver import VmcReceiver

MEANWHILE = "a quick avatar is shown until the portrait is tuned"
STILL_TUNING = "the portrait is still being tuned; ask again when it is done"
TUNED, TUNED_LATE = "the portrait is tuned, and shown from now on", "the portrait is tuned; the next start shows it"

_log = logging.getLogger(__name__)


class Stream:
    """One run. The main thread calls `run`; a signal handler on it may `stop`."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        camera: Camera | VmcReceiver,
        sinks: Sequence[Sink],
        listeners: Sequence[Listener] = (),
        begin: Callable[[Remote], object] = lambda remote: None,
    ) -> None:
        """Start nothing yet.

        Args:
            settings: All of them.
            parts: Open until the end.
            camera: Opened; the caller closes it.
            sinks: Opened. The caller closes them after a run that ended well; of others, what was recorded is kept.
            listeners: Opened; the caller closes them after the run.
            begin: Called once, just before the first picture, with what controls the run.
        """
        self._settings, self._parts, self._camera, self._sinks = settings, parts, camera, sinks
        self._listeners, self._begin = listeners, begin
        self._enrolment = parts.enrolment()
        self._line = ProgressLine()
        self._pipeline: Pipeline | None = None
        self._meter = Meter()
        self._shown = ""
        self._enrolled = False
        self._ended = False

    def run(self) -> tuple[Status, Resources]:
        """Enrol, and stream to the end; how it stood then, and what it took.

        Raises:
            AvatarError: The portrait could not be tuned; a run that had begun has gone on to its end.
            EngineError: An engine failed.
            PuppetError: Something else that `Parts.avatar`, `Pipeline.wait` or `begin` raises.
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
        self._enrolled = True
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
        self._line.hear(news)
        if isinstance(news, Progress):
            if self._pipeline is not None and not self._pipeline.status().running:
                self._wait(self._pipeline)  # one that has failed ends the tuning too; one whose video is over does not
        elif isinstance(news, Avatar) and not self._settings.camera.every_frame:
            self._show(news)
            self._say(MEANWHILE)

    def _show(self, avatar: Avatar) -> None:
        """Paint it from the next picture on; begin if nothing was shown yet."""
        if self._ended:
            self._say(TUNED_LATE)
            return
        scene = self._scene(avatar)
        if self._pipeline is not None:
            self._pipeline.show(scene)
            self._say(TUNED)
            return
        self._meter = Meter()
        pipeline = self._parts.pipeline(
            self._settings, self._camera, scene, sinks=self._sinks, listeners=self._listeners
        )
        pipeline.tell = lambda error: self._line.say(str(error))
        self._begin(StreamRemote(pipeline, self._parts.avatars, lambda: self._shown, self._use))
        self._pipeline = pipeline  # first: whoever ends it from here on keeps what is recorded
        pipeline.start()

    def _use(self, entry: Entry) -> None:
        """Paint another avatar from the next picture on, while nothing else makes scenes."""
        if not self._enrolled or self._pipeline is None:
            raise RemoteError(STILL_TUNING)
        self._pipeline.show(self._scene(self._parts.entry(entry)))

    def _scene(self, avatar: Avatar) -> Scene:
        """What paints it, from now on known by its name."""
        scene = self._parts.scene(self._settings, avatar)
        for sink in self._sinks:
            if isinstance(sink, VirtualCamera):
                sink.call(avatar.name)
        self._shown = key_of(avatar)
        return scene

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
