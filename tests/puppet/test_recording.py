from fractions import Fraction

import av
import numpy as np
import pytest

from puppet.errors import SinkError
from puppet.recording import Recording
from puppet.values import Moment


def test_what_is_put_between_begin_and_finish_is_in_the_file(tmp_path):
    recording = Recording(tmp_path / "a.mp4", (64, 36), Fraction(30))
    for i in range(3):
        recording.outlet.put(np.full((36, 64, 3), 80 * i, np.uint8), Moment(i, 7.0 + i / 30, 0.0))
        while recording.outlet.status().sent <= i:
            assert recording.outlet.error is None
    assert not (tmp_path / "a.mp4").exists()
    recording.finish()
    with av.open(str(tmp_path / "a.mp4")) as container:
        levels = [int(frame.to_ndarray(format="rgb24").mean().round(-1)) for frame in container.decode(video=0)]
    assert levels == [0, 80, 160]
    recording.outlet.put(np.zeros((36, 64, 3), np.uint8), Moment(9, 9.0, 0.0))  # too late, harmless


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(SinkError, match="cannot be written"):
        Recording(tmp_path / "absent" / "a.mp4", (64, 36), Fraction(30))


def test_a_recording_without_pictures_leaves_nothing(tmp_path):
    recording = Recording(tmp_path / "a.mp4", (64, 36), Fraction(30))
    with pytest.raises(SinkError, match="no picture"):
        recording.finish()
    assert list(tmp_path.iterdir()) == []
