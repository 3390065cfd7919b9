import stat
from fractions import Fraction

import av
import numpy as np
import pytest

from puppet.errors import SinkError
from puppet.sinks import NullSink, Sink, VideoSink
from puppet.values import Moment, Picture

BARS = np.repeat(np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [230, 230, 230]], np.uint8), 24, axis=0)
PICTURE = np.ascontiguousarray(np.broadcast_to(BARS, (64, 96, 3)))


def send(sink, times_s, rate=30):
    sink.open((96, 64), Fraction(rate))
    for i, time_s in enumerate(times_s):
        sink.send(Picture(PICTURE, Moment(i, time_s, 0.0)))


def test_both_are_sinks(tmp_path):
    assert isinstance(NullSink(), Sink) and isinstance(VideoSink(tmp_path / "a.mp4"), Sink)


def test_the_video_has_every_picture_in_its_colours_at_its_time(tmp_path):
    sink = VideoSink(tmp_path / "out.mp4")
    times_s = [5.0, 5.04, 5.08, 5.2]
    send(sink, times_s, 25)
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([frame.time for frame in frames], np.subtract(times_s, 5.0), atol=1e-4)
    np.testing.assert_allclose(frames[2].to_ndarray(format="rgb24")[10:50, 30:40], PICTURE[10:50, 30:40], atol=6)
    assert list(tmp_path.iterdir()) == [tmp_path / "out.mp4"]
    assert (tmp_path / "out.mp4").stat().st_mode & stat.S_IRUSR


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(25), Fraction(60)])
def test_a_steady_rate_stays_steady(tmp_path, rate):
    sink = VideoSink(tmp_path / "out.mp4")
    send(sink, [float(i / rate) for i in range(40)], rate)
    sink.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(float(rate), rel=1e-3)
        assert sum(1 for _ in container.decode(video=0)) == 40


def test_nothing_appears_before_close_and_nothing_stays_after_abort(tmp_path):
    sink = VideoSink(tmp_path / "out.mp4")
    send(sink, [0.0, 0.1])
    assert not (tmp_path / "out.mp4").exists()
    sink.abort()
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_until_close(tmp_path):
    (tmp_path / "out.mp4").write_text("old")
    sink = VideoSink(tmp_path / "out.mp4")
    send(sink, [0.0])
    sink.abort()
    assert (tmp_path / "out.mp4").read_text() == "old"


def test_closing_twice_and_aborting_after_close_keep_the_file(tmp_path):
    sink = VideoSink(tmp_path / "out.mp4")
    send(sink, [0.0, 0.1])
    sink.close()
    sink.close()
    sink.abort()
    assert (tmp_path / "out.mp4").stat().st_size > 500


def test_a_video_without_pictures_is_refused(tmp_path):
    sink = VideoSink(tmp_path / "out.mp4")
    sink.open((96, 64), Fraction(30))
    with pytest.raises(SinkError, match="no picture"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["absent/out.mp4", "file/out.mp4", "folder"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SinkError, match=r"^\S+ (cannot be written|is a folder)") as caught:
        VideoSink(tmp_path / name).open((96, 64), Fraction(30))
    assert "\n" not in str(caught.value)


def test_the_null_sink_reads_all():
    sink = NullSink()
    send(sink, [0.0])
    np.testing.assert_array_equal(sink.last, PICTURE)
    sink.close()
    sink.abort()
