"""Everything a user can set, one frozen dataclass a stage; all defaults live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from puppet.bundle import builtin_bundle_path
from puppet.groups import PerGroup

Motion = Literal["relative", "absolute"]


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Where driving frames come from.

    Attributes:
        path: A video file.
        every_frame: Read as fast as the program can, and let no frame drop; otherwise play in real time.
    """

    path: Path
    every_frame: bool = False


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
    """

    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    neutral_s: float = 1.0
    hold_s: float = 1.0
    ease_s: float = 0.25


@dataclass(frozen=True, slots=True)
class DirectionsSettings:
    """How the driver's pose moves the portrait.

    Attributes:
        motion: `relative` adds the driver's motion to the portrait's own pose; `absolute` copies the driver's pose.
        gains: How much of the driver's motion is taken over.
    """

    motion: Motion = "relative"
    gains: PerGroup = PerGroup(head=1.0, mouth=1.0, eyes=1.0, brows=1.0)


@dataclass(frozen=True, slots=True)
class CompositorSettings:
    """The picture that is sent.

    Attributes:
        size_wh: Width and height in pixels, both even.
        backdrop: `portrait` takes the portrait's own border colour; else a colour `#rrggbb`, or a picture file.
    """

    size_wh: tuple[int, int] = (1280, 720)
    backdrop: str = "portrait"


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """Where pictures go.

    Attributes:
        outputs: Video files, each ending in .mp4; none: pictures are made and read, and go nowhere.
        fps: Pictures a second of a file that plays in real time.
        report: Where the report is written when all is done.
    """

    outputs: tuple[Path, ...] = ()
    fps: float = 30.0
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of `puppet`.

    Attributes:
        source: The source portrait, a picture file.
        bundle: The model bundle's folder.
        data_dir: Folder for everything that is stored; None takes the user's own folders.
        engine: Name of the runtime that computes, or `auto`.
        headless: No window.
    """

    source: Path
    camera: CameraSettings
    bundle: Path = field(default_factory=builtin_bundle_path)
    data_dir: Path | None = None
    engine: str = "auto"
    headless: bool = False
    pose: PoseSettings = field(default_factory=PoseSettings)
    directions: DirectionsSettings = field(default_factory=DirectionsSettings)
    compositor: CompositorSettings = field(default_factory=CompositorSettings)
    sinks: SinkSettings = field(default_factory=SinkSettings)
