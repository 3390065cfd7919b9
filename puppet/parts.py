"""What a run is built from: parts that outlive runs, opened once, and the pipelines made of them.

For composition roots: the command line builds one pipeline, a window one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2

from engines import open_engine
from engines.base import Engine
from engines.selection import GPU_LADDER
from puppet.addresses import LOOPBACK, names_sender, read_address
from puppet.avatar import Avatar, Tuned
from puppet.backdrop import behind_of, make_backdrop
from puppet.bundle import load_bundle
from puppet.camera import Camera
from puppet.compositor import Compositor
from puppet.devices import choose, list_devices, names_file
from puppet.directions import Directions
from puppet.enrolment import Enrolment, Tell
from puppet.errors import AvatarError
from puppet.file_camera import FileCamera
from puppet.folders import folders
from puppet.following import Follower
from puppet.gallery import USUAL, Entry
from puppet.listening import Listening
from puppet.memory import last_avatar, remember_avatar
from puppet.moving_detail import moving_detail
from puppet.neutral import Neutral
from puppet.neutral_memory import NeutralMemory
from puppet.outlet import Listener, Tap
from puppet.painter import Painter
from puppet.pipeline import Pipeline
from puppet.pose import Driver, pose_reader
from puppet.pose_source import PoseSource
from puppet.settings import CameraSettings, Look, Settings
from puppet.sinks import Sink
from puppet.slate import draw_slate
from puppet.stages import Scene, Stages
from puppet.synthesis import Synthesis
from puppet.tracker import Tracker
from puppet.vmc import Translation
from puppet.vmc_receiver import VmcReceiver
from puppet.vmc_sender import VmcSender
from puppet.watching import Watching
from puppet.webcam import Webcam

KEPT = 2
"""Avatars that can be painted: the one that is shown, and the one before, which may be being painted still."""


def open_camera(settings: CameraSettings, fps: float) -> Camera | VmcReceiver:
    """The camera, file, or other program that the user means, opened; the caller closes it.

    Raises:
        CameraError: There is no such camera or file, it gives no picture, or the address cannot be listened at.
    """
    if settings.source is not None and names_sender(settings.source):
        return VmcReceiver(read_address(settings.source, LOOPBACK))
    if settings.source is not None and names_file(settings.source):
        return FileCamera(Path(settings.source), real_time=not settings.every_frame, fps=fps)
    return Webcam(choose(settings.source, list_devices()), settings, fps)


class Parts:
    """Bundle, engines, tracker and enrolment. One thread makes and closes them, and builds."""

    def __init__(self, settings: Settings) -> None:
        """Open what every run needs.

        Args:
            settings: `bundle`, `engine`, `data_dir` and `tuning` count here, and stay for all runs.

        Raises:
            BundleError: The bundle is missing or damaged.
            EngineError: An engine cannot be opened.
        """
        self.bundle = load_bundle(settings.bundle)
        self._painted_by, self._tuning = settings.engine, settings.tuning
        # A GPU is for the generator: the other graphs are small, or run once.
        self._engine = "auto" if settings.engine in GPU_LADDER else settings.engine
        self._cache = folders(settings.data_dir).cache
        self._painters: dict[str, Painter] = {}
        self._shown: list[str] = []
        with ExitStack() as stack:
            # Landmarks are pixels and need all of float32; one thread is plenty for so small a graph.
            self._pose = open_engine(self.bundle.pose_path, self._engine, threads=1, precision="f32")
            stack.callback(self._pose.close)
            stack.callback(self._close_painters)
            self._tracker = Tracker()
            stack.callback(self._tracker.close)
            self._opened = stack.pop_all()
        self._reader = pose_reader(self._pose, self.bundle.squares, self.bundle.lips)
        self._data = folders(settings.data_dir).data
        self.avatars = folders(settings.data_dir).avatars

    @property
    def engines(self) -> dict[str, str]:
        """Name of the runtime behind each graph, after a scene was made."""
        return {"pose": self._pose.name, "synthesis": self._painters[self._shown[-1]].engine.name}

    def enrolment(self) -> Enrolment:
        """Enrols portraits, on any one thread and beside a run: it shares no engine with it."""
        return Enrolment(self.bundle, self._open_graph, self.avatars, self._tuning)

    def avatar(
        self,
        source: Path | None,
        look: Look = "avatar",
        tell: Tell = lambda news: None,
        enrolment: Enrolment | None = None,
    ) -> Avatar:
        """The avatar of a portrait, enrolled if it is new; from now on it is the last used one.

        Args:
            source: A picture file; None takes the last used avatar as it is, else the shipped example.
            look: How the source becomes an avatar.
            tell: Hears what there is to say on the way.
            enrolment: Does it, so that whoever has it can cancel; None takes a new one.

        Raises:
            PictureError: The portrait cannot be read, or shows no usable face.
            AvatarError: The avatar cannot be stored.
            Cancelled: The enrolment was cancelled meanwhile.
            EngineError: An engine failed.
        """
        last = last_avatar(self._data) if source is None else None
        enrolment = enrolment or self.enrolment()
        avatar = None if last is None else enrolment.stored(*last, tell)
        if avatar is None:
            avatar = enrolment.avatar_of(source or USUAL, look, tell)
        remember_avatar(self._data, avatar.portrait_sha256, avatar.look)
        return avatar

    def entry(self, entry: Entry) -> Avatar:
        """The avatar of a portrait of the gallery; from now on it is the last used one.

        Raises:
            AvatarError: It is not stored any more, or has to be tuned anew, which takes a minute.
            EngineError: An engine failed.
        """
        enrolment = self.enrolment()
        find = enrolment.known if entry.look == "photo" else enrolment.stored
        stored = find(entry.portrait_sha256, entry.look)
        if stored is None and entry.own:
            raise AvatarError(f"{entry.name} is not stored any more; enrol it again")
        avatar = stored or enrolment.avatar_of(entry.picture)
        remember_avatar(self._data, avatar.portrait_sha256, avatar.look)
        return avatar

    def scene(self, settings: Settings, avatar: Avatar) -> Scene:
        """An avatar over the backdrop, moved as `settings.directions` says; for a pipeline's start and for its `show`.

        What it is painted with is opened here. A tuned avatar's stays open while its scene is the last one that was
        made, or that of the avatar before, which may be painted once more.

        Raises:
            AvatarError: The avatar's own generator is damaged.
            EngineError: It cannot be opened.
            PictureError: The backdrop cannot be read.
        """
        bundle, wanted = self.bundle, settings.compositor
        backdrop = make_backdrop(wanted.backdrop, wanted.size_wh, behind_of(avatar))
        detail = moving_detail(bundle, avatar.detail, avatar.p_s)
        compositor = Compositor(backdrop, bundle.resolution, bundle.channels, detail)
        slate = draw_slate(wanted.size_wh, avatar.name)
        if backdrop.shape[2] == 4:
            slate = cv2.cvtColor(slate, cv2.COLOR_RGB2RGBA)
        synthesis = Synthesis(self._painter(avatar.tuned).engine)
        return Scene(self.directions(settings, avatar), synthesis, compositor, slate)

    def directions(self, settings: Settings, avatar: Avatar) -> Directions:
        """How an avatar is moved; the part of a scene that changes with `settings.directions`."""
        bundle = self.bundle
        return Directions(
            bundle.A, bundle.bias, bundle.pose_space, code=avatar.code, p_s=avatar.p_s, settings=settings.directions
        )

    def pipeline(
        self,
        settings: Settings,
        camera: Camera | VmcReceiver,
        scene: Scene,
        *,
        sinks: Sequence[Sink] = (),
        taps: Sequence[Tap] = (),
        mirrors: Sequence[Tap] = (),
        listeners: Sequence[Listener] = (),
    ) -> Pipeline:
        """A new run; only one runs at a time, since they share the parts.

        Args:
            settings: `pose`, the size of the pictures, and whether every frame counts.
            camera: Opened; the caller closes it after the run.
            scene: What is painted at first.
            sinks: Opened; the run ends when one of them fails, and the caller closes them after it.
            taps: See `Pipeline`.
            mirrors: As there.
            listeners: Opened; the caller closes them after the run.
        """
        stages = Stages(
            source=self._source(settings, camera),
            scene=scene,
            sinks=sinks,
            code_shape=(self.bundle.num_ws, self.bundle.w_dim),
            size_wh=settings.compositor.size_wh,
            mark=settings.compositor.mark,
        )
        return Pipeline(stages, lossless=settings.camera.every_frame, taps=taps, mirrors=mirrors, listeners=listeners)

    def listeners(self, settings: Settings) -> list[VmcSender]:
        """What hears every pose vector besides the portrait, opened; the caller closes them after the run.

        Raises:
            SinkError: The address in `settings.sinks.osc` cannot be found.
        """
        wanted = settings.sinks
        return [] if wanted.osc is None else [VmcSender(wanted.osc, self.bundle.pose_space, wanted.osc_names)]

    def _source(self, settings: Settings, camera: Camera | VmcReceiver) -> PoseSource:
        """Where pose vectors come from."""
        space, neutral = self.bundle.pose_space, self._neutral(settings, camera.name)
        if isinstance(camera, VmcReceiver):
            follower = Follower(space, settings.pose, neutral)
            return Listening(camera, Translation(space), follower, settings.sinks.fps)
        return Watching(camera, self._tracker, Driver(self._reader, space, settings.pose, neutral))

    def _neutral(self, settings: Settings, camera: str) -> Neutral:
        """The driver's neutral; a webcam's is kept from start to start, a video file's belongs to that file."""
        space, window_s, wanted = self.bundle.pose_space, settings.pose.neutral_s, settings.camera.source
        if wanted is not None and names_file(wanted):
            return Neutral(space, window_s)
        memory = NeutralMemory(self._data, camera, self.bundle.sha256, space)
        return Neutral(space, window_s, known=memory.recall(), keep=memory.keep)

    def close(self) -> None:
        """Free everything, after the last run. A second call does nothing."""
        self._opened.close()

    def _open_graph(self, path: Path, weights: bytes | None = None) -> Engine:
        return open_engine(path, self._engine, precision="f32", weights=weights)

    def _painter(self, tuned: Tuned | None) -> Painter:
        """What paints with tuned weights, or with the bundle's own, which stays; opened when it is first wanted."""
        key = "" if tuned is None else tuned.sha256
        if key not in self._painters:
            weights = None if tuned is None else tuned.weights(self.bundle)
            self._painters[key] = Painter(self.bundle, self._painted_by, self._cache, weights)
        self._shown = [*(shown for shown in self._shown if shown != key), key][-KEPT:]
        for other in [other for other in self._painters if other and other not in self._shown]:
            self._painters.pop(other).close()
        return self._painters[key]

    def _close_painters(self) -> None:
        for painter in self._painters.values():
            painter.close()
