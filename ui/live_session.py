"""The session that is the real program: parts that are opened once, and one run after the other.

open    parts, output ──────────────────────────────────────────────────> close
start   camera, pipeline ── stop          start … ── stop
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import UInt8

from puppet.avatar import Avatar
from puppet.backdrop import Behind, make_backdrop
from puppet.devices import list_devices
from puppet.errors import AvatarError, PuppetError, StuckError
from puppet.folders import folders
from puppet.groups import PerGroup
from puppet.memory import last_avatar, remember_avatar
from puppet.parts import Parts
from puppet.settings import DirectionsSettings, Look, Marking, Settings
from puppet.stages import Scene
from puppet.state import PAUSED
from ui.cards import camera_cards, direction_cards
from ui.live_enrolment import NOT_STORED, LiveEnrolment, rehearse
from ui.output import Output
from ui.resting import at_rest, turned
from ui.run import Run
from ui.session import AvatarCard, CameraCard, Direction, News, Phase, Plan, Standing, with_plan
from ui.shelf import Shelf, key_of, named_by

LOG = logging.getLogger(f"puppet.{__name__}")


class LiveSession:
    """Keeps `ui.session.Session`. Slow verbs replace its fields as a whole, quick ones read them."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet.

        Args:
            settings: The beginning; camera, size, rate, backdrop and gains change with the user's wishes. Video files
                among the outputs hold the first run.
        """
        places = folders(settings.data_dir)
        self._settings = settings
        self._data = places.data
        self._output = Output(settings.sinks, settings.compositor.size_wh, places.locks)
        self._shelf = Shelf(places.avatars)
        self._opened: Parts | None = None
        self._avatar: Avatar | None = None
        self._scene: Scene | None = None
        self._run: Run | None = None
        self._resting: UInt8[np.ndarray, "height width 3"] | None = None
        self._turned: UInt8[np.ndarray, "height width 3"] | None = None
        self._shown: UInt8[np.ndarray, "height width 3"] | None = None
        self._recording: tuple[Path, float] | None = None
        self._mirrored, self._mark = settings.pose.mirrored, settings.compositor.mark
        self._enrolment = LiveEnrolment(self._shelf)
        self._stuck = False
        last = last_avatar(self._data)
        self._key = self._shelf.usual if last is None else key_of(*last)

    # Slow verbs.

    def open(self) -> None:
        """Load the model and open the virtual camera."""
        self._opened = Parts(self._settings)
        self._output.open()

    def avatars(self) -> Sequence[AvatarCard]:
        """The shipped characters, then the user's own portraits."""
        return self._shelf.cards()

    def cameras(self) -> Sequence[CameraCard]:
        """All cameras but virtual ones."""
        return camera_cards(list_devices())

    def enrol(self, picture: Path, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        """Enrol a portrait."""
        return self._enrolment.run(
            self._parts.enrolment(), lambda each, hear: each.avatar_of(picture, look, hear), tell
        )

    def enrol_again(self, key: str, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        """Enrol a stored portrait from its crop."""
        sha256, _ = named_by(key)
        return self._enrolment.run(self._parts.enrolment(), lambda each, hear: each.stored(sha256, look, hear), tell)

    def rehearse(self, key: str) -> Sequence[UInt8[np.ndarray, "side side 3"]]:
        """Three seconds of an avatar that moves by itself."""
        return rehearse(self._parts.enrolment(), key, self._settings.sinks.fps)

    def use_meanwhile(self) -> None:
        """Show the quick avatar of the enrolment that runs."""
        if (avatar := self._enrolment.quick) is not None:
            self._use(avatar)

    def remove(self, key: str) -> None:
        """Delete what is stored of a portrait in one look."""
        self._shelf.remove(key)

    def use_avatar(self, key: str) -> bool:
        """Show another avatar."""
        picture, (portrait_sha256, look) = self._shelf.shipped(key), named_by(key)
        enrolment = self._parts.enrolment()
        avatar = enrolment.known(portrait_sha256, look)
        if avatar is None and look == "photo":
            return False
        if avatar is None:
            avatar = enrolment.stored(portrait_sha256) if picture is None else enrolment.avatar_of(picture)
        if avatar is None:
            raise AvatarError(NOT_STORED)
        self._use(avatar)
        self._key = key
        remember_avatar(self._data, portrait_sha256, look)
        return True

    def set_gains(self, gains: PerGroup) -> None:
        """Move the portrait more or less."""
        self._move(replace(self._settings.directions, gains=gains))

    def directions(self) -> Sequence[Direction]:
        """What a pose has."""
        return direction_cards(self._parts.bundle.pose_space)

    def set_offset(self, offset: tuple[tuple[str, float], ...]) -> None:
        """Add something to the pose."""
        self._move(replace(self._settings.directions, offset=offset))

    def set_backdrop(self, backdrop: str) -> None:
        """Put something else behind the portrait."""
        compositor = replace(self._settings.compositor, backdrop=backdrop)
        settings = replace(self._settings, compositor=compositor)
        if self._avatar is None:
            # Only to see that it can be read.
            make_backdrop(backdrop, compositor.size_wh, Behind(np.zeros(3, np.uint8)))
        else:
            self._show(self._parts.scene(settings, self._avatar))
        self._settings = settings

    def start(self, plan: Plan) -> None:
        """Open the camera and drive the portrait."""
        try:
            self.stop()
        except StuckError:
            raise
        except PuppetError as error:
            LOG.warning("the run before ended with: %s", error)
        if self._stuck:
            raise PuppetError("a part of puppet does not answer any more; start puppet again")
        if self._avatar is None:
            raise AvatarError("there is no portrait to drive; choose one first")
        self._output.open()
        settings = self._settings = with_plan(self._settings, plan)
        self._scene = self._parts.scene(settings, self._avatar)
        self._turned = turned(self._scene.slate)
        run = Run(self._parts, settings, self._scene, self._output.tap)
        run.pipeline.mark(self._mark)
        run.pipeline.start()
        self._settings = replace(settings, sinks=replace(settings.sinks, outputs=()))  # files hold one run
        self._run = run
        run.pipeline.mirror(self._mirrored)
        run.pipeline.mark(self._mark)  # again: it may have been chosen meanwhile

    def stop(self) -> None:
        """Let go of the camera."""
        run, self._recording = self._run, None
        if run is None:
            return
        try:
            run.finish()
        except StuckError:
            self._stuck = True
            raise
        finally:
            self._run = None
            if self._scene is not None:
                self._show(self._scene)

    def record(self, path: Path | None) -> None:
        """Record what is sent; without a run nothing happens."""
        if (run := self._run) is None:
            return
        if path is None:
            self._recording = None
            run.pipeline.end_recording()
        else:
            run.pipeline.record(path)
            self._recording = path, perf_counter()

    def close(self) -> None:
        """Close everything."""
        try:
            self.stop()
        except PuppetError as error:
            LOG.warning("the last run ended with: %s", error)
        self._output.close()
        if self._opened is not None and not self._stuck:
            self._opened.close()

    # Quick verbs.

    def cancel(self) -> None:
        """End the enrolment that runs."""
        self._enrolment.cancel()

    def status(self) -> Standing:
        """How things stand."""
        run, recording = self._run, self._recording
        if run is None:
            return Standing(
                avatar=self._key,
                output=self._output.words,
                output_works=self._output.works(running=False),
                notice=self._output.notice,
            )
        if not run.pipeline.recording:
            recording = None
        now, sent = run.pipeline.status(), self._output.tap.status()
        phase = Phase.PAUSED if now.paused else Phase.RUNNING
        return Standing(
            phase=phase if now.running else Phase.STOPPED,
            avatar=self._key,
            fps=now.fps,
            latency_median_ms=sent.latency.median_ms,
            latency_p95_ms=sent.latency.p95_ms,
            condition=now.condition,
            output=self._output.words_in(now.condition),
            output_works=self._output.works(running=now.running),
            recording=None if recording is None else recording[0],
            recorded_s=0.0 if recording is None else perf_counter() - recording[1],
            notice=now.trouble or next((sink.error for sink in now.sinks if sink.error), self._output.notice),
            slowed=now.slowed,
        )

    def newest_picture(self) -> UInt8[np.ndarray, "height width 3"] | None:
        """The newest picture of the run, or the portrait at rest."""
        run = self._run
        if run is not None:
            rgb = run.newest_picture()
            return self._turned if rgb is not None and run.pipeline.condition == PAUSED else rgb
        if self._resting is self._shown:
            return None
        self._shown = self._resting
        return self._shown

    def mirror_motion(self, on: bool) -> None:
        """Mirror the driver's motion, or not."""
        self._mirrored = on
        if (run := self._run) is not None:
            run.pipeline.mirror(on)

    def mark(self, wish: Marking) -> None:
        """Choose when the visible mark is there."""
        self._mark = wish
        if (run := self._run) is not None:
            run.pipeline.mark(wish)

    def pause(self, on: bool) -> None:
        """Look away, or look again."""
        if (run := self._run) is not None:
            if on:
                run.pipeline.pause()
            else:
                run.pipeline.resume()

    def recentre(self) -> None:
        """Take the driver's next second as neutral."""
        if (run := self._run) is not None:
            run.pipeline.recentre()

    @property
    def _parts(self) -> Parts:
        assert self._opened is not None, "open comes first"
        return self._opened

    def _use(self, avatar: Avatar) -> None:
        self._show(self._parts.scene(self._settings, avatar))
        self._avatar = avatar
        self._output.call(avatar.name)

    def _move(self, wanted: DirectionsSettings) -> None:
        """Move the avatar in another way from now on."""
        self._settings = replace(self._settings, directions=wanted)
        if self._scene is not None and self._avatar is not None:
            self._show(replace(self._scene, directions=self._parts.directions(self._settings, self._avatar)))

    def _show(self, scene: Scene) -> None:
        """Paint this from now on; without a run once, at rest."""
        if self._run is not None:
            self._run.pipeline.show(scene)
        elif not self._stuck:
            self._resting = at_rest(self._parts.bundle, scene)
        self._scene, self._turned = scene, turned(scene.slate)
