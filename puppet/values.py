"""What travels after pose: moments, pose vectors, pictures, and how the run stands. No camera frame, no face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8

from puppet.state import LIVE, STARTING, Change, Condition, State
from puppet.timing import SpanTiming


@dataclass(frozen=True, slots=True)
class Moment:
    """When a driving frame was there; goes with everything that is made from it.

    Attributes:
        index: Position of the frame since the start, from 0.
        time_s: Media time of the frame, seconds since the first one.
        due_s: Monotonic time (`time.perf_counter`) at which the frame was there: return of the camera's read, or
            a file's due time when it plays in real time. Latency counts from here.
    """

    index: int
    time_s: float
    due_s: float


@dataclass(frozen=True, slots=True, eq=False)
class PoseVector:
    """The driver's pose at one moment: all that leaves the camera side.

    Attributes:
        p: p_d, smoothed, in the units of the bundle's pose space.
        neutral: p_n, the driver's resting pose in the same units.
        presence: 1 while there is a face, eased to 0 after it was lost: the share of the driver in the motion.
        moment: When the driving frame was there.
        condition: Whether there is a driver, and why not.
    """

    p: Float32[np.ndarray, "pose_dim"]
    neutral: Float32[np.ndarray, "pose_dim"]
    presence: float
    moment: Moment
    condition: Condition = LIVE


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A finished picture on its way to a sink.

    Attributes:
        rgb: Height × width × RGB, or RGBA over grey for who carries transparency (see puppet.opacity); borrowed until
            the reader takes the next one.
        moment: When the driving frame that moved it was there.
    """

    rgb: UInt8[np.ndarray, "height width channels"]
    moment: Moment


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How one sink stands.

    Attributes:
        name: What the user knows it by.
        sent: Pictures it took.
        dropped: Pictures that a newer one overtook on the way to it.
        send: Time in the sink's send.
        latency: From a frame's due time to the end of the sink's send.
        error: Why it takes nothing more, as a sentence; None while all is well.
        first_s: When the first send ended, as `time.perf_counter` counts; 0 before.
    """

    name: str
    sent: int
    dropped: int
    send: SpanTiming
    latency: SpanTiming
    error: str | None = None
    first_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot of a running or finished pipeline.

    Attributes:
        frames_in: Frames the camera gave.
        pictures_out: Pictures that were painted and composed.
        dropped: Frames that became no picture: newer ones overtook them, or they were left out.
        faces_lost: Frames without a face.
        elapsed_s: From the first frame's due time to the end of the last send.
        stages: Time in each stage up to the compositor, in the order of the sentence.
        sinks: One entry for each sink.
        fps: Pictures a second, lately.
        running: Whether its threads run.
        paused: Whether the driver is ignored.
        face: Whether the last frame showed a face.
        trouble: Why the camera gives no pictures, as a sentence; None when all is well.
        condition: What the outputs show, and why.
        pictures: How many pictures were painted in each state.
        changes: The newest changes of condition, oldest first.
        failures: How often a stage failed and the run went on.
        left_out: Frames that were left out, evenly, since the machine could not keep up.
        slowed: Which frames are painted while it cannot, in a few words; empty while all are.
    """

    frames_in: int
    pictures_out: int
    dropped: int
    faces_lost: int
    elapsed_s: float
    stages: tuple[SpanTiming, ...]
    sinks: tuple[SinkStatus, ...]
    fps: float = 0.0
    running: bool = False
    paused: bool = False
    face: bool = False
    trouble: str | None = None
    condition: Condition = STARTING
    pictures: Mapping[State, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    failures: int = 0
    left_out: int = 0
    slowed: str = ""
