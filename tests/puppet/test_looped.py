from itertools import pairwise

import av
import numpy as np
import pytest

from puppet.errors import CameraError
from puppet.looped import write_looped


def decoded(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize("count", [5, 12, 30])
def test_it_has_the_wanted_length_and_repeats_the_same_pictures(faceless_clip, tmp_path, count):
    write_looped(faceless_clip, (count - 0.5) / 30, tmp_path / "long.mkv")
    once, frames = decoded(faceless_clip), decoded(tmp_path / "long.mkv")
    assert len(once) == 12 and len(frames) == count
    for i, (time_s, rgb) in enumerate(frames):
        assert time_s == pytest.approx(i / 30, abs=0.002)
        np.testing.assert_array_equal(rgb, once[i % 12][1])


def test_a_title_in_another_encoding_is_no_obstacle(latin_clip, tmp_path):
    write_looped(latin_clip, 0.5, tmp_path / "long.mkv")
    assert len(decoded(tmp_path / "long.mkv")) == 15


def test_frames_that_are_stored_out_of_order_are_kept(data_folder, tmp_path):
    write_looped(data_folder / "real" / "driving_d9.mp4", 1.0, tmp_path / "short.mkv")
    times_s = [time_s for time_s, _ in decoded(tmp_path / "short.mkv")]
    assert 25 <= len(times_s) <= 30
    assert all(later > earlier for earlier, later in pairwise(times_s))


@pytest.mark.parametrize("content", [b"no video", None])
def test_what_is_no_video_is_one_sentence(tmp_path, content):
    if content:
        (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(CameraError, match=r"clip\.mp4 is not a video"):
        write_looped(tmp_path / "clip.mp4", 1.0, tmp_path / "long.mkv")
