import numpy as np
import pytest

from puppet.frame import Frame
from puppet.handoff import Handoff
from puppet.lookout import look_out
from puppet.values import Moment


class Camera:
    trouble = None


def times_of(moments, *, real_time):
    """Media times that come out, for frames of these media times and times of arrival."""
    frames = Handoff(lambda: None)
    watch = look_out(frames, Camera(), real_time=real_time)
    out = []
    for i, (time_s, due_s) in enumerate(moments):
        frames.put(Frame(None, Moment(i, time_s, due_s)))
        frame, _ = next(watch)
        out.append(frame.moment.time_s)
    return out


def test_a_steady_clock_is_left_alone():
    moments = [(i / 30, 50 + i / 30) for i in range(5)]
    assert times_of(moments, real_time=True) == [time_s for time_s, _ in moments]


@pytest.mark.parametrize("jump_s", [-100.0, 1000.0])
def test_after_a_jump_media_time_goes_on_as_before(jump_s):
    moments = [(i / 30 + (jump_s if i >= 3 else 0.0), 50 + i / 30) for i in range(8)]
    np.testing.assert_allclose(times_of(moments, real_time=True), [i / 30 for i in range(8)], atol=2e-3)


def test_a_clock_that_jumps_with_the_systems_own_still_goes_on():
    moments = [(i / 30 - (100 if i >= 3 else 0), 500 + i / 30 - (100 if i >= 3 else 0)) for i in range(8)]
    times_s = times_of(moments, real_time=True)
    assert all(np.diff(times_s) > 0) and times_s[-1] > 0.2


def test_a_file_that_is_read_frame_by_frame_keeps_its_gaps():
    moments = [(0.0, 1.0), (20.0, 1.0), (40.0, 1.1)]
    assert times_of(moments, real_time=False) == [0.0, 20.0, 40.0]
