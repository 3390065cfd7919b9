"""Frames as they come, and moments without one while the camera is late.

A camera's driver may block for seconds. The portrait must not stand still so long: it holds, rests and breathes as when
the face is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np

from puppet.camera import Camera
from puppet.frame import Frame
from puppet.handoff import Handoff
from puppet.values import Moment

LATE_S = 0.25
"""How long a frame is waited for before it counts as late."""

TICK_S = 1.0 / 30.0
"""Time between two moments without a frame."""

JUMP_S = 1.0
"""A camera's clock that is off by more has jumped."""


def look_out(frames: Handoff[np.ndarray, Frame], camera: Camera, *, real_time: bool) -> Iterator[tuple[Frame, str]]:
    """Frames to the end of the handoff, each with why there may be no face in it, in a few words.

    Args:
        frames: From the capture loop; a frame is borrowed until the next one is asked for.
        camera: Where they come from.
        real_time: Whether to go on without a frame, after the first one, when none comes.
    """
    patience_s = LATE_S if real_time else None
    wait_s, moment, shift_s = patience_s, None, 0.0
    while (frame := frames.take(wait_s)) is not None or not frames.ended:
        if frame is not None:
            if real_time and moment is not None:
                shift_s = _steadied(moment, frame.moment, shift_s)
            wait_s, moment = patience_s, _after(moment, frame.moment, shift_s)
            yield replace(frame, moment=moment), "the camera is away" if camera.trouble else "no face is seen"
        elif moment is not None:
            wait_s, moment = TICK_S, _later(moment)
            yield Frame(None, moment), "the camera gives no picture"


def _steadied(before: Moment, moment: Moment, shift_s: float) -> float:
    """What has to be added to media time so that it goes on with the clock on the wall when the camera's has jumped."""
    wanted_s = before.time_s + max(moment.due_s - before.due_s, 1e-3)
    jumped = abs(moment.time_s + shift_s - wanted_s) > JUMP_S
    return wanted_s - moment.time_s if jumped else shift_s


def _after(before: Moment | None, moment: Moment, shift_s: float) -> Moment:
    """A moment whose media time is later than the one before, which may have been put in while the frame was late."""
    time_s = moment.time_s + shift_s
    return replace(moment, time_s=time_s if before is None else max(time_s, before.time_s + 1e-3))


def _later(before: Moment) -> Moment:
    """Now, without a frame."""
    now_s = perf_counter()
    return replace(before, time_s=before.time_s + max(now_s - before.due_s, 1e-3), due_s=now_s)
