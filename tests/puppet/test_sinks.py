import signal
import stat
from fractions import Fraction

import av
import numpy as np
import pytest

from puppet.errors import SinkError
from puppet.growing_file import GrowingFile
from puppet.sinks import NullSink, Sink, VideoSink
from puppet.values import Moment, Picture

BARS = np.repeat(np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [230, 230, 230]], np.uint8), 24, axis=0)
PICTURE = np.ascontiguousarray(np.broadcast_to(BARS, (64, 96, 3)))


@pytest.fixture(params=["out.mp4", "out.mov"])
def path(request, tmp_path):
    """Where a video shall be, of every kind."""
    return tmp_path / request.param


def send(sink, times_s, rate=30):
    sink.open((96, 64), Fraction(rate))
    opaque = np.dstack([PICTURE, np.full_like(PICTURE[..., 0], 255)])
    for i, time_s in enumerate(times_s):
        sink.send(Picture(opaque if sink.carries_transparency else PICTURE, Moment(i, time_s, 0.0)))


def test_all_are_sinks(path):
    assert isinstance(NullSink(), Sink) and isinstance(VideoSink(path), Sink)
    assert VideoSink(path).carries_transparency == (path.suffix == ".mov")


def test_the_video_has_every_picture_in_its_colours_at_its_time(path):
    sink = VideoSink(path)
    times_s = [5.0, 5.04, 5.08, 5.2]
    send(sink, times_s, 25)
    sink.close()
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([frame.time for frame in frames], np.subtract(times_s, 5.0), atol=1e-4)
    np.testing.assert_allclose(frames[2].to_ndarray(format="rgb24")[10:50, 30:40], PICTURE[10:50, 30:40], atol=6)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & stat.S_IRUSR


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(25), Fraction(60)])
def test_a_steady_rate_stays_steady(path, rate):
    sink = VideoSink(path)
    send(sink, [float(i / rate) for i in range(40)], rate)
    sink.close()
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(float(rate), rel=1e-3)
        assert sum(1 for _ in container.decode(video=0)) == 40


@pytest.fixture
def interruptible():
    """Ctrl-C interrupts, also where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_waits_until_ffmpeg_has_written(path, monkeypatch):
    write = GrowingFile.write
    raise_at = [0, 1]

    def interrupted(file, content):
        raise_at[0] += 1
        if raise_at[0] == raise_at[1]:
            signal.raise_signal(signal.SIGINT)
        return write(file, content)

    monkeypatch.setattr(GrowingFile, "write", interrupted)
    begun = VideoSink(path)
    with pytest.raises(KeyboardInterrupt):
        send(begun, [0.0])
    begun.abort()
    whole = VideoSink(path)
    send(whole, [0.0, 0.1])
    raise_at[1] = raise_at[0] + 1
    with pytest.raises(KeyboardInterrupt):
        whole.close()
    assert raise_at[0] >= raise_at[1] > 1 and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_nothing_appears_before_close_and_nothing_stays_after_abort(path):
    sink = VideoSink(path)
    send(sink, [0.0, 0.1])
    assert not path.exists()
    sink.abort()
    sink.abort()
    assert list(path.parent.iterdir()) == []


def test_an_older_file_stays_until_close(path):
    path.write_text("old")
    sink = VideoSink(path)
    send(sink, [0.0])
    sink.abort()
    assert path.read_text() == "old"


def test_closing_twice_and_aborting_after_close_keep_the_file(path):
    sink = VideoSink(path)
    send(sink, [0.0, 0.1])
    sink.close()
    sink.close()
    sink.abort()
    assert path.stat().st_size > 500


def test_a_video_without_pictures_is_refused(path):
    sink = VideoSink(path)
    sink.open((96, 64), Fraction(30))
    with pytest.raises(SinkError, match="no picture"):
        sink.close()
    assert list(path.parent.iterdir()) == []


def test_transparency_comes_back_as_the_matte_and_colours_as_they_are_without_grey(tmp_path):
    x = np.linspace(-1, 1, 96)
    alpha = (np.clip(1.6 - 2 * np.hypot(*np.meshgrid(x, x[::-1][:64])), 0, 1) * 255).round()
    rgba = np.dstack([128 + alpha[..., None] / 255 * (PICTURE.astype(float) - 128), alpha]).round().astype(np.uint8)
    sink = VideoSink(tmp_path / "out.mov")
    sink.open((96, 64), Fraction(30))
    sink.send(Picture(rgba, Moment(0, 0.0, 0.0)))
    sink.close()
    with av.open(str(tmp_path / "out.mov")) as container:
        (frame,) = container.decode(video=0)
    out = frame.to_ndarray(format="rgba")
    np.testing.assert_allclose(out[..., 3], alpha, atol=2)
    solid = alpha > 200
    np.testing.assert_allclose(out[solid][:, :3], PICTURE[solid], atol=8)
    share = alpha[..., None] / 255
    for level in (0, 255):  # no seam of grey, on whatever it is laid
        wanted = share * PICTURE + (1 - share) * level
        assert np.abs(share * out[..., :3] + (1 - share) * level - wanted).mean() < 2


@pytest.mark.parametrize("name", ["absent/out.mp4", "file/out.mov", "folder"])
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
