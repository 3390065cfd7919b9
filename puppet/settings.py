"""Everything a user can set, one frozen dataclass a stage; all defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from puppet.addresses import Address
from puppet.bundle import TuningKind, builtin_bundle_path
from puppet.groups import PerGroup
from puppet.vmc import Names

Motion = Literal["relative", "absolute"]
Look = Literal["avatar", "photo"]
Codec = Literal["mjpg", "raw"]
Marking = Literal["regularly", "always", "never"]
VirtualCameraWish = Literal["if there", "required", "no"]

TRANSPARENT = "transparent"
"""The backdrop that is none."""

MOV = ".mov"
"""Ending of video files that carry transparency."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Where driving frames come from.

    Attributes:
        source: A camera's number, its name or a part of it, a video file, or `osc://HOST:PORT`, where another program
            sends poses; None takes the first camera.
        every_frame: Read a file as fast as the program can, and let no frame drop; otherwise it plays in real time.
        size_wh: Width and height that a camera is asked for, in pixels; it may have only others.
        codec: `mjpg` asks a camera for compressed frames, which arrive at full rate through any cable; `raw` takes
            what it gives by itself.
    """

    source: str | None = None
    every_frame: bool = False
    size_wh: tuple[int, int] = (640, 480)
    codec: Codec = "mjpg"


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """The one-euro filter's parameters, for entries scaled to [−6, 6]; see puppet.smoothing.

    Attributes:
        lowest_hz: f_min, the cutoff at rest.
        slope: β: eyes follow at once, so that a blink is not smeared.
        speed_hz: f_d, the cutoff for the speed.
    """

    lowest_hz: PerGroup = PerGroup(head=2.0, mouth=2.5, eyes=4.0, brows=1.5)
    slope: PerGroup = PerGroup(head=0.8, mouth=0.3, eyes=0.5, brows=0.2)
    speed_hz: PerGroup = PerGroup(head=1.0, mouth=1.5, eyes=3.0, brows=1.0)


@dataclass(frozen=True, slots=True)
class PoseSettings:
    """How the driver's pose is read.

    Attributes:
        smoothing: The filter on p.
        neutral_s: How long the driver's neutral is learned, from the first face on.
        hold_s: How long the last pose is held after the face was lost.
        ease_s: Time constant with which the portrait goes to rest after that, and comes back.
        mirrored: The portrait moves like a mirror image of the driver.
    """

    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    neutral_s: float = 1.0
    hold_s: float = 1.0
    ease_s: float = 0.25
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class BreathingSettings:
    """How a portrait at rest moves; see puppet.breathing.

    Attributes:
        period_s: One breath: pitch and jaw.
        brow_period_s: One wave of the brows.
        pitch_deg: How far it nods to either side.
        jaw_open: How far the jaw opens, of 1.
        brow_raise: How far the brows rise, of 1.
    """

    period_s: float = 4.3
    brow_period_s: float = 9.1
    pitch_deg: float = 1.2
    jaw_open: float = 0.03
    brow_raise: float = 0.08


@dataclass(frozen=True, slots=True)
class DirectionsSettings:
    """How the driver's pose moves the portrait.

    Attributes:
        motion: `relative` adds the driver's motion to the portrait's own pose; `absolute` copies the driver's pose.
        gains: How much of the driver's motion is taken over.
        breathing: What moves it while there is no driver.
        offset: What is added to the pose by hand, by the entries' names and in their units.
    """

    motion: Motion = "relative"
    gains: PerGroup = PerGroup(head=1.0, mouth=1.0, eyes=1.0, brows=1.0)
    breathing: BreathingSettings = field(default_factory=BreathingSettings)
    offset: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CompositorSettings:
    """The picture that is sent.

    Attributes:
        size_wh: Width and height in pixels, both even.
        backdrop: `own` is what is around the person in the portrait, `blur` the same out of focus, `portrait` its
            border colour, `transparent` nothing; else a colour `#rrggbb`, or a picture file.
        mark: When "AI" stands in its corner; see puppet.visible_mark. The machine-readable mark is always there.
    """

    size_wh: tuple[int, int] = (1280, 720)
    backdrop: str = "own"
    mark: Marking = "regularly"


@dataclass(frozen=True, slots=True)
class WatchdogSettings:
    """The process that owns the virtual camera; see puppet.watchdog.

    Attributes:
        silence_s: After so long without a picture it shows the slate.
        repeat_s: It shows the last picture again so often, since viewers switch to their own placeholder after a third
            of a second.
        linger_s: How long it keeps the slate up after the program has died; a program that is started by then goes on
            with the same device.
    """

    silence_s: float = 1.0
    repeat_s: float = 0.1
    linger_s: float = 60.0


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """Where pictures go.

    Attributes:
        outputs: Video files, each ending in .mp4, or in .mov, which carries transparency.
        virtual_camera: Whether pictures go to a virtual camera. Without any output they are made and go nowhere.
        backend: What makes the virtual camera; None takes the first that works.
        fps: Pictures a second, of a camera or of a file that plays in real time.
        report: Where the report is written when all is done.
        osc: Where the driver's motion goes as VMC messages; None sends none.
        osc_names: What they call shapes: `arkit` for figures with perfect sync, `vrm` for all others.
        watchdog: The virtual camera's own process.
    """

    outputs: tuple[Path, ...] = ()
    virtual_camera: VirtualCameraWish = "if there"
    backend: str | None = None
    fps: float = 30.0
    report: Path | None = None
    osc: Address | None = None
    osc_names: Names = "arkit"
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How `puppet bench` measures.

    Attributes:
        seconds: How long the clip plays in every run.
        rounds: Runs for each number that is compared.
        json: Where the numbers are written; None only shows them.
    """

    seconds: float = 20.0
    rounds: int = 3
    json: Path | None = None


@dataclass(frozen=True, slots=True)
class EditSettings:
    """What `puppet edit` paints.

    Attributes:
        output: A picture or a sheet (.png), or a moving one (.gif, .mp4, .mov).
        pose: Names and values of entries, in their units.
        directions: Entries that are shown from their lowest to their highest value, or `all`; none: a picture.
    """

    output: Path
    pose: tuple[tuple[str, float], ...] = ()
    directions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of `puppet`.

    Attributes:
        source: The source portrait, a picture file; None takes the last used avatar, else the shipped example.
        bundle: The model bundle's folder.
        data_dir: Folder for everything that is stored; None takes the user's own folders.
        engine: Name of the runtime that computes, or `auto`.
        headless: No window.
        look: How the source becomes an avatar: `avatar` encodes it in the bundle's own style, `photo` also tunes a copy
            of the generator on it. The last used avatar stays as it was.
        tuning: How the generator is tuned; None leaves it to the bundle, and keeps what was tuned in another way.
        api: Port of this machine at which other programs may control this one; None: no port.
    """

    source: Path | None = None
    camera: CameraSettings = field(default_factory=CameraSettings)
    bundle: Path = field(default_factory=builtin_bundle_path)
    data_dir: Path | None = None
    engine: str = "auto"
    headless: bool = False
    look: Look = "photo"
    tuning: TuningKind | None = None
    api: int | None = None
    pose: PoseSettings = field(default_factory=PoseSettings)
    directions: DirectionsSettings = field(default_factory=DirectionsSettings)
    compositor: CompositorSettings = field(default_factory=CompositorSettings)
    sinks: SinkSettings = field(default_factory=SinkSettings)
