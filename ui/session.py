"""What the window needs from the running program, and the values that pass between them. Knows no Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from puppet.groups import PerGroup
from puppet.preflight import Preflight
from puppet.settings import CameraSettings, Codec, Look, Marking, Settings
from puppet.state import LIVE, Condition
from puppet.tuning import Progress

__all__ = [
    "AvatarCard",
    "CameraCard",
    "Direction",
    "Look",
    "News",
    "Phase",
    "Plan",
    "Preflight",
    "Progress",
    "Session",
    "Standing",
]


class Phase(Enum):
    """Whether the portrait is driven."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, eq=False)
class AvatarCard:
    """One enrolled portrait in the gallery.

    Attributes:
        key: Names it towards the session; stays the same from day to day.
        name: What the user reads.
        still: The portrait at rest, square.
        own: Enrolled by the user; otherwise it came with the program.
        likeness: How alike it is to its portrait, in words; empty where nobody knows.
        look: How the portrait became an avatar.
    """

    key: str
    name: str
    still: UInt8[np.ndarray, "side side 3"]
    own: bool
    likeness: str = ""
    look: Look = "avatar"


News = Progress | Preflight | AvatarCard
"""What is heard during an enrolment: how far it is, the portrait's scores, and the card of a quick avatar that can be
used until the enrolment ends."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One entry of the pose that can be changed by hand.

    Attributes:
        name: What the model calls it.
        reach: How far it goes to either side, in its unit.
        degrees: Whether that is degrees; else a share of 1.
    """

    name: str
    reach: float
    degrees: bool


@dataclass(frozen=True, slots=True)
class CameraCard:
    """One camera.

    Attributes:
        key: What `--camera` takes: an index, a name, or the path of a video file.
        name: What the user reads.
    """

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fixed while the portrait is driven.

    Attributes:
        camera: Key of a camera.
        size_wh: Width and height of the pictures in pixels.
        fps: Pictures a second.
        camera_size_wh: Width and height that the camera is asked for.
        codec: What the camera is asked for; see `CameraSettings`.
    """

    camera: str
    size_wh: tuple[int, int]
    fps: float
    camera_size_wh: tuple[int, int] = field(default_factory=lambda: CameraSettings().size_wh)
    codec: Codec = field(default_factory=lambda: CameraSettings().codec)


def with_plan(settings: Settings, plan: Plan) -> Settings:
    """The settings with another camera, and other sizes, rate and codec."""
    return replace(
        settings,
        camera=replace(settings.camera, source=plan.camera or None, size_wh=plan.camera_size_wh, codec=plan.codec),
        compositor=replace(settings.compositor, size_wh=plan.size_wh),
        sinks=replace(settings.sinks, fps=plan.fps),
    )


def plan_of(settings: Settings) -> Plan:
    """The plan that `with_plan` would make these settings from."""
    camera, size_wh, fps = settings.camera, settings.compositor.size_wh, settings.sinks.fps
    return Plan(camera.source or "", size_wh, fps, camera.size_wh, camera.codec)


@dataclass(frozen=True, slots=True)
class Standing:
    """A snapshot of the session.

    Attributes:
        phase: Whether the portrait is driven.
        avatar: Key of the avatar in use, or of the one that was used last, at first a shipped character.
        fps: Pictures in the last second or so.
        latency_median_ms: From camera to output, median; 0 when it was not measured.
        latency_p95_ms: The same, 95th percentile.
        condition: What the output shows, and why.
        output: Where pictures go, in a few words.
        output_works: Whether they arrive there; None while there is nothing to arrive.
        recording: The file that is being recorded.
        recorded_s: Its length so far in seconds.
        notice: A sentence that the user should read, or nothing.
        slowed: Which frames are painted while the machine cannot keep up; empty while all are.
    """

    phase: Phase = Phase.STOPPED
    avatar: str = ""
    fps: float = 0.0
    latency_median_ms: float = 0.0
    latency_p95_ms: float = 0.0
    condition: Condition = LIVE
    output: str = "Off"
    output_works: bool | None = None
    recording: Path | None = None
    recorded_s: float = 0.0
    notice: str = ""
    slowed: str = ""


@runtime_checkable
class Session(Protocol):
    """The running program.

    The slow verbs, down to `record`, may take seconds; the window calls them one at a time on a thread of its own, and
    shows the text of what they raise. `enrol` and `enrol_again` may take a minute and share another thread with
    `rehearse`: after `open` they are called while others run, one at a time. The quick verbs below them return at once
    and are called on the window's thread at any time, also while a slow one runs.
    """

    def open(self) -> None:
        """Load what everything needs; the first call.

        Raises:
            PuppetError: The model is missing or damaged.
        """

    def avatars(self) -> Sequence[AvatarCard]:
        """Everything in the gallery, the characters that came with the program first."""

    def cameras(self) -> Sequence[CameraCard]:
        """All cameras that are plugged in; never a virtual one."""

    def enrol(self, picture: Path, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        """Enrol a portrait, or find what was enrolled before.

        Args:
            picture: A PNG, JPEG or WebP file.
            look: How it becomes an avatar.
            tell: Called now and then, on the calling thread.

        Returns:
            The avatar, not yet in use; None when `cancel` was called.

        Raises:
            PuppetError: The portrait cannot be used.
        """

    def enrol_again(self, key: str, look: Look, tell: Callable[[News], None]) -> AvatarCard | None:
        """Give one of the user's own portraits another look, or one anew; the other one stays. The rest as in `enrol`.

        Args:
            key: Of either look.
            look: How it becomes an avatar.
            tell: Called now and then, on the calling thread.
        """

    def rehearse(self, key: str) -> Sequence[UInt8[np.ndarray, "side side 3"]]:
        """An avatar that was enrolled just now moves by itself: three seconds of pictures, to be shown in a loop.

        Raises:
            PuppetError: It is gone or damaged.
        """

    def use_meanwhile(self) -> None:
        """Show the quick avatar of the enrolment that runs; when that has ended already, nothing happens."""

    def remove(self, key: str) -> None:
        """Forget one of the user's own portraits in one look, and delete its files; not the avatar in use.

        Raises:
            PuppetError: Its files cannot be deleted.
        """

    def use_avatar(self, key: str) -> bool:
        """Show another avatar from the next picture on; also while stopped.

        Returns:
            Whether it is shown; otherwise it has to be made anew first, which takes a minute: see `enrol_again`.

        Raises:
            PuppetError: It is gone or damaged.
        """

    def start(self, plan: Plan) -> None:
        """Open what the plan names and drive the portrait; a session that runs already starts anew.

        Raises:
            PuppetError: The camera or an output cannot be opened.
        """

    def stop(self) -> None:
        """Let go of the camera; the virtual camera stays open, and recordings are completed."""

    def set_gains(self, gains: PerGroup) -> None:
        """How much of the driver's motion is taken over, 0 to 2."""

    def directions(self) -> Sequence[Direction]:
        """What a pose has, in the model's order."""

    def set_offset(self, offset: tuple[tuple[str, float], ...]) -> None:
        """Add this to the pose, by the directions' names; what is not named is left alone."""

    def set_backdrop(self, backdrop: str) -> None:
        """Put something else behind the portrait: `portrait`, `#rrggbb`, or the path of a picture.

        Raises:
            PuppetError: The picture cannot be read.
        """

    def record(self, path: Path | None) -> None:
        """Record to a video file from now on; None completes it.

        Raises:
            PuppetError: The file cannot be written.
        """

    def cancel(self) -> None:
        """End a running enrolment at once, without a result."""

    def status(self) -> Standing:
        """How things stand."""

    def newest_picture(self) -> UInt8[np.ndarray, "height width 3"] | None:
        """The newest picture, unmirrored; borrowed until the next call that returns one. None: you have it already.

        While nothing is driven, the portrait at rest. While paused, the slate the other way round: a mirror shows its
        words as the viewers read them. The visible mark is turned and placed so too.
        """

    def mirror_motion(self, on: bool) -> None:
        """Whether the driver's left moves the portrait's right."""

    def mark(self, wish: Marking) -> None:
        """When viewers see that the portrait is synthetic."""

    def pause(self, on: bool) -> None:
        """Whether the output shows the slate instead of the portrait, and nobody looks for a face."""

    def recentre(self) -> None:
        """Take the driver's pose of the next second as neutral."""

    def close(self) -> None:
        """Stop, and close everything; the last call, never while a slow verb runs."""
